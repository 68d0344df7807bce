//! `vars:` of an image: Packer variables.

use indexmap::IndexMap;

use super::context::Context;
use super::field::{Field, Named};
use super::node::Value;
use super::placeholder::{self, Scope};
use crate::diagnostics::quoted;
use crate::model::Text;

/// The beginning of the variables that goldsmith itself sets.
const RESERVED: &str = "goldsmith_";

/// Reads `vars`: every value is the text that is written, with what a run fills in.
pub(super) fn read(
    field: Field<'_>,
    scope: &Scope<'_>,
    context: &mut Context,
) -> Option<IndexMap<String, Text>> {
    let example = r#"{ disk_size: "8G" }"#;
    let expected = "a mapping of Packer variables";
    let mut vars = IndexMap::new();
    for entry in field.entries("variable", expected, example, context)? {
        name(&entry, context);
        if let Some(value) = value(entry.value, context)
            && let Some(text) = placeholder::text(entry.value, value, scope, context)
        {
            vars.insert(entry.value.key.to_owned(), text);
        }
    }
    Some(vars)
}

/// Checks the name of a Packer variable.
pub(super) fn name(entry: &Named<'_>, context: &mut Context) {
    let name = entry.value.key;
    if !is_identifier(name) {
        let message = format!("{} is not the name of a Packer variable", quoted(name));
        let label = "expected letters, digits, `_` and `-`, not starting with a digit";
        context.push(entry.key.error("bad-variable", message, label));
    } else if name.starts_with(RESERVED) {
        let message = format!("{} is reserved", quoted(name));
        let label = format!("goldsmith itself sets the variables `{RESERVED}…`");
        context.push(entry.key.error("reserved-name", message, label));
    }
}

/// A value may be empty, unlike other text.
fn value<'n>(field: Field<'n>, context: &mut Context) -> Option<&'n str> {
    let help = match &field.node.value {
        Value::Scalar(scalar) if scalar.text.trim().is_empty() => return Some(&scalar.text),
        Value::Scalar(_) => return field.written("text", "8G", context),
        Value::Null => r#"for empty text write `""`"#,
        Value::Sequence(_) => r#"a list is written as Packer reads it, in quotes: `'["a", "b"]'`"#,
        Value::Mapping(_) => "an object is written as Packer reads it, in quotes: `'{ a = 1 }'`",
    };
    context.push(field.mismatch("text").help(help));
    None
}

fn is_identifier(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
}
