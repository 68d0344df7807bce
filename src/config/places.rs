//! Where the values of images stand.

use std::collections::HashSet;
use std::sync::Arc;

use super::field::Named;
use super::node::{Node, Value};
use crate::diagnostics::{Places, Span};

/// Keys that have values of their own.
const NESTED: [&str; 8] =
    ["os", "prepare", "var_files", "vars", "secret_vars", "parents", "enforce", "gate"];

/// Where the values of each of the `entries` of `images:` stand.
pub(super) fn read(entries: &[Named<'_>]) -> Vec<Places> {
    let mut paths = Paths::default();
    let places = entries.iter().map(|entry| {
        let mut values = Vec::new();
        paths.collect(entry.value.node, "", &mut values);
        Places { name: entry.key.node.span, values: values.into() }
    });
    places.collect()
}

/// What stands before values. Entries have mostly the same keys: each is kept once.
#[derive(Default)]
struct Paths(HashSet<Arc<str>>);

impl Paths {
    fn collect(&mut self, node: &Node, within: &str, values: &mut Vec<(Arc<str>, Span)>) {
        match &node.value {
            Value::Mapping(entries) => {
                for entry in entries {
                    let Value::Scalar(key) = &entry.key.value else {
                        continue;
                    };
                    let path = self.path(within, &key.text);
                    // Of a mapping the key is shown: its value can be many lines.
                    let span = match &entry.value.value {
                        Value::Scalar(_) => entry.value.span,
                        _ => entry.key.span,
                    };
                    values.push((path, span));
                    if within.is_empty() && NESTED.contains(&key.text.as_str()) {
                        self.collect(&entry.value, &format!("{}.", key.text), values);
                    }
                }
            }
            Value::Sequence(items) => {
                for (index, item) in items.iter().enumerate() {
                    values.push((self.path(within, &index.to_string()), item.span));
                }
            }
            Value::Null | Value::Scalar(_) => {}
        }
    }

    fn path(&mut self, within: &str, name: &str) -> Arc<str> {
        let joined;
        let path = if within.is_empty() {
            name
        } else {
            joined = format!("{within}{name}");
            &joined
        };
        if let Some(known) = self.0.get(path) {
            return known.clone();
        }
        let path: Arc<str> = path.into();
        self.0.insert(path.clone());
        path
    }
}
