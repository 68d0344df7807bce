//! The functions of Packer that paths are made with.

use std::rc::Rc;

use camino::{Utf8Path, Utf8PathBuf};
use indexmap::{IndexMap, IndexSet};

use super::evaluate::Evaluator;
use super::glob::{Dialect, Pattern};
use super::paths;
use super::value::{MAX_TEXT, Unknown, Value};

/// The functions that are known.
const KNOWN: [&str; 25] = [
    "abspath",
    "basename",
    "compact",
    "concat",
    "dirname",
    "distinct",
    "element",
    "fileset",
    "flatten",
    "format",
    "join",
    "keys",
    "lookup",
    "lower",
    "merge",
    "replace",
    "reverse",
    "sort",
    "split",
    "tostring",
    "trimprefix",
    "trimspace",
    "trimsuffix",
    "upper",
    "values",
];

/// What looking at a file's name costs, in expressions.
pub(super) const COST_OF_NAME: usize = 20;

/// Whether `function` is one of these.
pub(super) fn is_known(function: &str) -> bool {
    KNOWN.binary_search(&function).is_ok()
}

/// What `function` makes of `arguments`.
pub(super) fn call(
    evaluator: &Evaluator<'_>,
    function: &str,
    arguments: &[Value],
) -> Result<Value, Unknown> {
    let text = |position: usize| match arguments.get(position) {
        Some(value) => value.in_text(),
        None => Err(Unknown::because(format!("`{function}()` lacks an argument"))),
    };
    let first = || {
        let missing = || Unknown::because(format!("`{function}()` lacks an argument"));
        arguments.first().ok_or_else(missing)
    };
    match function {
        "abspath" => Value::text(paths::resolve(&evaluator.workdir, &text(0)?).into_string()),
        "basename" => {
            let path = text(0)?;
            let name = Utf8Path::new(&*path).file_name();
            Value::text(name.unwrap_or(if path.starts_with('/') { "/" } else { "." }))
        }
        "dirname" => Value::text(match &*text(0)? {
            path if path.ends_with('/') => plain(&paths::clean(path.into())),
            path => match Utf8Path::new(path).parent() {
                Some(parent) => plain(&paths::clean(parent)),
                None => ".".to_owned(),
            },
        }),
        "compact" => {
            let empty =
                |value: &&Value| **value != Value::Null && **value != Value::Text("".into());
            Ok(Value::list(first()?.elements()?.iter().filter(empty).cloned().collect()))
        }
        "concat" => {
            let mut all = Vec::new();
            for list in arguments {
                all.extend(list.elements()?.iter().cloned());
                evaluator.spend(all.len())?;
            }
            Ok(Value::list(all))
        }
        "distinct" => {
            let texts = first()?.elements()?.iter().map(Value::in_text);
            let kept: IndexSet<Rc<str>> = texts.collect::<Result<_, _>>()?;
            Ok(Value::list(kept.into_iter().map(Value::Text).collect()))
        }
        "element" => {
            let position = arguments.get(1).cloned().unwrap_or(Value::Null);
            element(first()?, &position)
        }
        "fileset" => fileset(evaluator, &text(0)?, &text(1)?),
        "flatten" => {
            let mut flat = Vec::new();
            flatten(evaluator, first()?, &mut flat)?;
            Ok(Value::list(flat))
        }
        "format" => format(&text(0)?, &arguments[1..]),
        "join" => {
            let separator = text(0)?;
            let mut joined = String::new();
            let lists = arguments[1..].iter().map(Value::elements);
            let lists: Vec<&[Value]> = lists.collect::<Result<_, _>>()?;
            for (position, value) in lists.into_iter().flatten().enumerate() {
                if position > 0 {
                    joined.push_str(&separator);
                }
                joined.push_str(&value.in_text()?);
                within_limit(&joined)?;
            }
            Value::text(joined)
        }
        "keys" => Ok(Value::list(first()?.entries()?.into_iter().map(|(key, _)| key).collect())),
        "values" => {
            Ok(Value::list(first()?.entries()?.into_iter().map(|(_, value)| value).collect()))
        }
        "lookup" => match (element(first()?, &Value::Text(text(1)?)), arguments.get(2)) {
            (Err(_), Some(default)) => Ok(default.clone()),
            (found, _) => found,
        },
        "lower" => Value::text(text(0)?.to_lowercase()),
        "upper" => Value::text(text(0)?.to_uppercase()),
        "merge" => {
            let mut all = IndexMap::new();
            for map in arguments {
                let Value::Object(entries) = map else {
                    return Err(Unknown::because("it is no map"));
                };
                evaluator.spend(entries.len())?;
                all.extend(entries.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
            Ok(Value::Object(Rc::new(all)))
        }
        "replace" => {
            let (inside, what, with) = (text(0)?, text(1)?, text(2)?);
            if what.len() > 1 && what.starts_with('/') && what.ends_with('/') {
                return Err(Unknown::because("goldsmith does not replace by pattern"));
            }
            let count = inside.matches(&*what).count();
            evaluator.spend(count.saturating_mul(with.len() / 64 + 1))?;
            Value::text(inside.replace(&*what, &with))
        }
        "reverse" => Ok(Value::list(first()?.elements()?.iter().rev().cloned().collect())),
        "sort" => {
            let texts = first()?.elements()?.iter().map(Value::in_text);
            let mut texts: Vec<Rc<str>> = texts.collect::<Result<_, _>>()?;
            texts.sort();
            Ok(Value::list(texts.into_iter().map(Value::Text).collect()))
        }
        "split" => {
            let (separator, inside) = (text(0)?, text(1)?);
            Ok(Value::list(
                inside.split(&*separator).map(|part| Value::Text(part.into())).collect(),
            ))
        }
        "tostring" => text(0).map(Value::Text),
        "trimspace" => Value::text(text(0)?.trim()),
        "trimprefix" => {
            let (inside, prefix) = (text(0)?, text(1)?);
            Value::text(inside.strip_prefix(&*prefix).unwrap_or(&inside))
        }
        "trimsuffix" => {
            let (inside, suffix) = (text(0)?, text(1)?);
            Value::text(inside.strip_suffix(&*suffix).unwrap_or(&inside))
        }
        _ => Err(Unknown::because(format!("`{function}()` is left to Packer"))),
    }
}

/// The element of a list at a position, or of a map by its key.
pub(super) fn element(value: &Value, key: &Value) -> Result<Value, Unknown> {
    let found = match (value, key) {
        (Value::Object(entries), key) => entries.get(&*key.in_text()?),
        (Value::List(elements), Value::Number(position)) => {
            position.parse().ok().and_then(|position: usize| elements.get(position))
        }
        _ => None,
    };
    found.cloned().ok_or_else(|| Unknown::because("there is no such element"))
}

/// A folder as Go writes it: never empty.
fn plain(path: &Utf8Path) -> String {
    if path.as_str().is_empty() { ".".to_owned() } else { path.to_string() }
}

fn flatten(evaluator: &Evaluator<'_>, value: &Value, flat: &mut Vec<Value>) -> Result<(), Unknown> {
    for element in value.elements()? {
        evaluator.spend(1)?;
        match element {
            Value::List(_) => flatten(evaluator, element, flat)?,
            other => flat.push(other.clone()),
        }
    }
    Ok(())
}

/// Stops putting together what is too long already.
fn within_limit(text: &str) -> Result<(), Unknown> {
    match text.len() {
        0..=MAX_TEXT => Ok(()),
        _ => Err(Unknown::because("the text is too long")),
    }
}

/// Go's format with nothing but `%s`, `%d`, `%v` and `%%`.
fn format(template: &str, values: &[Value]) -> Result<Value, Unknown> {
    let mut formatted = String::new();
    let mut values = values.iter();
    let mut characters = template.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            formatted.push(character);
            continue;
        }
        match characters.next() {
            Some('%') => formatted.push('%'),
            Some('s' | 'd' | 'v') => match values.next() {
                Some(value) => formatted.push_str(&value.in_text()?),
                None => return Err(Unknown::because("`format()` lacks an argument")),
            },
            _ => return Err(Unknown::because("goldsmith formats only by `%s`, `%d` and `%v`")),
        }
        within_limit(&formatted)?;
    }
    Value::text(formatted)
}

/// The names of files below `folder` that match `pattern`, as seen from `folder`.
fn fileset(evaluator: &Evaluator<'_>, folder: &str, pattern: &str) -> Result<Value, Unknown> {
    let folder = paths::resolve(&evaluator.base, folder);
    let pattern = Pattern::new(&folder, pattern, Dialect::Fileset);
    let mut files = pattern.files(evaluator.tree, || evaluator.spend(COST_OF_NAME))?;
    if pattern.glob.is_empty() {
        files = vec![pattern.folder];
    }
    let names = files.iter().map(|file: &Utf8PathBuf| paths::relative(file, &folder));
    Ok(Value::list(names.map(|name| Value::Text(name.as_str().into())).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_functions_are_found() {
        assert!(KNOWN.is_sorted());
        assert!(is_known("fileset") && !is_known("file"));
    }
}
