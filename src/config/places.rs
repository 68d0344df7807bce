//! Where the values of an image stand, for problems that are found only later: in the files that
//! it names, or in the template.

use std::collections::HashMap;

use super::field::Named;
use super::node::{Node, Value};
use crate::diagnostics::Span;

/// Where the values of one entry of `images:` stand.
#[derive(Debug, Clone)]
pub struct Places {
    /// Its key.
    pub name: Span,
    values: HashMap<String, Span>,
}

impl Places {
    /// Where a value stands: `template`, `vars.disk_size`, `var_files.0`. Of what is not written, the
    /// image's name.
    pub fn of(&self, key: &str) -> Span {
        self.values.get(key).copied().unwrap_or(self.name)
    }

    pub(super) fn read(entry: &Named<'_>) -> Self {
        let mut values = HashMap::new();
        collect(entry.value.node, "", &mut values);
        Self { name: entry.key.node.span, values }
    }
}

/// Keys that have values of their own.
const NESTED: [&str; 5] = ["os", "prepare", "var_files", "vars", "parents"];

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
