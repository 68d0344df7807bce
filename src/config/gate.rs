//! `gate:` of an image: what blocks it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::context::Context;
use super::duration;
use super::field::Field;
use super::keys::Keys;
use crate::diagnostics::Diagnostic;
use crate::model::{EolRule, GatePolicy, Severity};

/// Keys that come later.
pub const LATER: [&str; 8] = [
    "fix_grace",
    "new_only",
    "generalize",
    "waivers",
    "max_waiver",
    "severity_source",
    "kev",
    "waiver_notice",
];

/// What a file says of `gate`.
#[derive(Debug, Clone, Default)]
pub(super) struct GateLayer {
    fail_on: Option<BTreeSet<Severity>>,
    ignore_unfixed: Option<bool>,
    max_db_age: Option<Duration>,
    eol: Option<EolRule>,
}

impl GateLayer {
    /// This layer where it says something, `below` elsewhere.
    pub(super) fn over(self, below: &Self) -> Self {
        Self {
            fail_on: self.fail_on.or_else(|| below.fail_on.clone()),
            ignore_unfixed: self.ignore_unfixed.or(below.ignore_unfixed),
            max_db_age: self.max_db_age.or(below.max_db_age),
            eol: self.eol.or(below.eol),
        }
    }

    /// The policy, with the defaults where nothing is said.
    pub(super) fn resolve(self) -> GatePolicy {
        let default = GatePolicy::default();
        GatePolicy {
            fail_on: self.fail_on.unwrap_or(default.fail_on),
            ignore_unfixed: self.ignore_unfixed.unwrap_or(default.ignore_unfixed),
            max_db_age: self.max_db_age.unwrap_or(default.max_db_age),
            eol: self.eol.unwrap_or(default.eol),
            ..default
        }
    }
}

/// What of a layer this version cannot do, by key.
type Later = BTreeMap<&'static str, Option<Diagnostic>>;

/// Reads `gate`, and what of it comes later.
pub(super) fn read(field: Field<'_>, context: &mut Context) -> Option<(GateLayer, Later)> {
    let mut keys = Keys::of(field, "in `gate`", "fail_on: [HIGH, CRITICAL]", context)?;
    let layer = GateLayer {
        fail_on: keys.read("fail_on", context, severities),
        ignore_unfixed: keys.read("ignore_unfixed", context, Field::boolean),
        max_db_age: keys.read("max_db_age", context, duration::read),
        eol: keys.read("eol", context, |field, context| {
            let rules =
                [("untrusted", EolRule::Untrusted), ("warn", EolRule::Warn), ("off", EolRule::Off)];
            field.choice("a rule for the end of life", &rules, context)
        }),
    };
    let later = keys.later(&LATER, context);
    keys.finish(context);
    Some((layer, later))
}

fn severities(field: Field<'_>, context: &mut Context) -> Option<BTreeSet<Severity>> {
    let choices = Severity::GRAVEST_FIRST.map(|severity| (severity.as_str(), severity));
    let entries = field.list("a list of severities", "[HIGH, CRITICAL]", context)?;
    if entries.is_empty() {
        let message = "`fail_on` is empty: no finding will ever block an image";
        context.push(field.warning("nothing-blocks", message, "names no severity"));
    }
    let chosen = entries.into_iter();
    let chosen = chosen.filter_map(|entry| entry.choice("a severity", &choices, context));
    Some(chosen.collect())
}
