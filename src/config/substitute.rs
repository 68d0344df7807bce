//! Puts the values of one combination of a matrix where `${matrix.…}` stands.
//!
//! This happens on the tree, before anything is read: whatever a value becomes is then checked like
//! text that was written there, and its place is that of the text that it came from.

use super::combinations::Combination;
use super::node::{Entry, Node, Scalar, Value};

/// What begins a placeholder of a matrix.
const START: &str = "${matrix.";

/// `node` with the values of `combination`. Placeholders that it does not have stay: the readers
/// tell of them.
pub(super) fn substitute(node: &Node, combination: &Combination) -> Node {
    let value = match &node.value {
        Value::Null => Value::Null,
        Value::Scalar(scalar) => {
            Value::Scalar(Scalar { text: in_text(&scalar.text, combination), plain: scalar.plain })
        }
        Value::Sequence(items) => {
            Value::Sequence(items.iter().map(|item| substitute(item, combination)).collect())
        }
        Value::Mapping(entries) => Value::Mapping(
            entries
                .iter()
                .map(|entry| Entry {
                    key: entry.key.clone(),
                    value: substitute(&entry.value, combination),
                })
                .collect(),
        ),
    };
    Node { span: node.span, alias: node.alias.clone(), value }
}

/// How many placeholders of a matrix `node` has at most.
pub(super) fn placeholders(node: &Node) -> usize {
    match &node.value {
        Value::Null => 0,
        Value::Scalar(scalar) => scalar.text.matches(START).count(),
        Value::Sequence(items) => items.iter().map(placeholders).sum(),
        Value::Mapping(entries) => entries.iter().map(|entry| placeholders(&entry.value)).sum(),
    }
}

/// The first placeholder of a matrix that is left in `text`, without `${` and `}`.
pub(super) fn left(text: &str) -> Option<&str> {
    let places = text.match_indices(START).map(|(at, _)| text.split_at(at));
    let mut unescaped = places.filter(|(before, _)| !before.ends_with('$'));
    let (_, placeholder) = unescaped.next()?;
    let inside = &placeholder[START.len()..];
    Some(&placeholder["${".len()..START.len() + name(inside).len()])
}

/// The beginning of `inside` that can be the name of a value.
fn name(inside: &str) -> &str {
    let part = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    &inside[..inside.find(|c| !part(c)).unwrap_or(inside.len())]
}

/// `text` with the values of `combination`. `$${` is no placeholder.
pub(super) fn in_text(text: &str, combination: &Combination) -> String {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(START) {
        let (before, placeholder) = rest.split_at(at);
        done.push_str(before);
        let inside = &placeholder[START.len()..];
        let name = name(inside);
        let value = match inside[name.len()..].strip_prefix('}') {
            Some(after) if !before.ends_with('$') => {
                combination.get(name).map(|value| (value, after))
            }
            _ => None,
        };
        if let Some((value, after)) = value {
            done.push_str(value);
            rest = after;
        } else {
            done.push_str(START);
            rest = inside;
        }
    }
    done.push_str(rest);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_of_the_matrix_are_replaced_and_nothing_else_is() {
        let combination: Combination = [("release", "12"), ("os.family", "${matrix.release}")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let seen = |text| in_text(text, &combination);
        assert_eq!(seen("a${matrix.release}b${matrix.release}"), "a12b12");
        assert_eq!(seen("${matrix.os.family}"), "${matrix.release}", "values are not looked into");
        assert_eq!(
            seen("$${matrix.release} ${version} ${matrix.x}"),
            "$${matrix.release} ${version} ${matrix.x}"
        );
        assert_eq!(seen("${matrix.release"), "${matrix.release");
        assert_eq!(seen("é${matrix.release}é"), "é12é");
    }
}
