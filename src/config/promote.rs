//! `promote:` of an image: which versions move on to another channel by themselves.

use super::context::Context;
use super::duration;
use super::field::Field;
use super::keys::Keys;
use crate::diagnostics::quoted;
use crate::model::{ChannelName, Soak};

/// Reads `promote`.
pub(super) fn read(field: Field<'_>, context: &mut Context) -> Option<Vec<Soak>> {
    let example = "[{ from: candidate, to: stable, after: 3d }]";
    let mut rules: Vec<Soak> = Vec::new();
    for entry in field.list("a list of promotions", example, context)? {
        let Some(rule) = rule(entry, context) else { continue };
        let is_same = |other: &Soak| (&other.from, &other.to) == (&rule.from, &rule.to);
        if rules.iter().any(is_same) {
            let (from, to) = (quoted(rule.from.as_str()), quoted(rule.to.as_str()));
            let message = format!("there are two promotions from {from} to {to}");
            context.push(entry.error("bad-promotion", message, "one of them says how long"));
            continue;
        }
        rules.push(rule);
    }
    Some(rules)
}

fn rule(field: Field<'_>, context: &mut Context) -> Option<Soak> {
    let mut keys = Keys::of(field, "in a promotion", "from: candidate", context)?;
    let channel = |f: Field<'_>, c: &mut Context| f.name::<ChannelName>("a channel", "stable", c);
    let from = keys.required("from", "for example `from: candidate`", context, channel);
    let to = keys.required("to", "for example `to: stable`", context, channel);
    let after = keys.required("after", "for example `after: 3d`", context, duration::read);
    keys.finish(context);
    let rule = Soak { from: from?, to: to?, after: after? };
    if rule.from == rule.to {
        let message = format!("what is in {} is in {0} already", quoted(rule.to.as_str()));
        context.push(field.error("bad-promotion", message, "expected two channels"));
        return None;
    }
    Some(rule)
}
