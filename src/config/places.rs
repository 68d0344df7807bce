//! Where the values of an image stand.

use std::collections::HashMap;

use super::field::Named;
use super::node::{Node, Value};
use crate::diagnostics::{Places, Span};

/// Where the values of an entry of `images:` stand.
pub(super) fn read(entry: &Named<'_>) -> Places {
    let mut values = HashMap::new();
    collect(entry.value.node, "", &mut values);
    Places { name: entry.key.node.span, values }
}

/// Keys that have values of their own.
const NESTED: [&str; 7] =
    ["os", "prepare", "var_files", "vars", "secret_vars", "parents", "enforce"];

fn collect(node: &Node, within: &str, values: &mut HashMap<String, Span>) {
    match &node.value {
        Value::Mapping(entries) => {
            for entry in entries {
                let Value::Scalar(key) = &entry.key.value else {
                    continue;
                };
                let path = format!("{within}{}", key.text);
                // Of a mapping the key is shown: its value can be many lines.
                let span = match &entry.value.value {
                    Value::Scalar(_) => entry.value.span,
                    _ => entry.key.span,
                };
                if within.is_empty() && NESTED.contains(&key.text.as_str()) {
                    collect(&entry.value, &format!("{path}."), values);
                }
                values.insert(path, span);
            }
        }
        Value::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                values.insert(format!("{within}{index}"), item.span);
            }
        }
        Value::Null | Value::Scalar(_) => {}
    }
}
