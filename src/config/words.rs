//! `labels:` and `runs_on:` of an image: lists of words.

use indexmap::IndexSet;

use super::context::Context;
use super::field::Field;
use super::node::Value;
use crate::diagnostics::quoted;

/// Reads `labels`: words by which people select images.
pub(super) fn labels(field: Field<'_>, context: &mut Context) -> Option<Vec<String>> {
    let inside = |c: char| c.is_ascii_alphanumeric() || "._-/:=".contains(c);
    let mut labels = IndexSet::new();
    for entry in field.list("a list of labels", "[cloud, team=web]", context)? {
        let Some(text) = entry.text("a label", "[cloud]", context) else {
            continue;
        };
        if text.chars().all(inside) {
            labels.insert(text.to_owned());
        } else {
            let message = format!("{} is not a label", quoted(text));
            let label = "expected letters, digits and `.`, `_`, `-`, `/`, `:`, `=`";
            context.push(entry.error("bad-name", message, label));
        }
    }
    Some(labels.into_iter().collect())
}

/// Reads `runs_on`: the labels of a runner, one or several.
pub(super) fn runs_on(field: Field<'_>, context: &mut Context) -> Option<Vec<String>> {
    const EXAMPLE: &str = "[self-hosted, kvm]";
    if !matches!(field.node.value, Value::Sequence(_)) {
        return field
            .text("the label of a runner", EXAMPLE, context)
            .map(|text| vec![text.to_owned()]);
    }
    let entries = field.list("a list of runner labels", EXAMPLE, context)?;
    let labels = entries.into_iter().filter_map(|entry| {
        entry.text("the label of a runner", EXAMPLE, context).map(str::to_owned)
    });
    Some(labels.collect())
}
