//! `gate:` of an image: what blocks it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use camino::Utf8PathBuf;

use super::context::Context;
use super::field::Field;
use super::keys::Keys;
use super::node::Value;
use super::rules::{self, Generalize};
use super::{duration, path};
use crate::model::{ChannelName, EolRule, GatePolicy, RuleLevels, Severity, SeveritySource};

/// What a file says of `gate`.
#[derive(Debug, Clone, Default)]
pub(super) struct GateLayer {
    fail_on: Option<BTreeSet<Severity>>,
    severity_source: Option<SeveritySource>,
    ignore_unfixed: Option<bool>,
    fix_grace: FixGrace,
    new_only: Option<NewOnly>,
    max_db_age: Option<Duration>,
    eol: Option<EolRule>,
    max_waiver: Option<Duration>,
    generalize: Generalize,
    waiver_notice: Option<Duration>,
    /// The file with the waivers, absolute.
    pub(super) waivers: Option<Utf8PathBuf>,
    /// The file with what is known to be exploited, absolute.
    pub(super) kev: Option<Utf8PathBuf>,
}

/// What a file says of `new_only`: an image can judge everything although `defaults` does not.
#[derive(Debug, Clone)]
enum NewOnly {
    Off,
    Since(ChannelName),
}

/// What a file says of `fix_grace`: severity by severity, as other mappings are key by key.
#[derive(Debug, Clone, Default)]
struct FixGrace {
    /// Whether what stands elsewhere does not count: `off`.
    off: bool,
    of: BTreeMap<Severity, Duration>,
}

impl FixGrace {
    fn over(self, below: &Self) -> Self {
        if self.off {
            return self;
        }
        Self { off: below.off, of: below.of.iter().map(|(s, d)| (*s, *d)).chain(self.of).collect() }
    }
}

impl GateLayer {
    /// This layer where it says something, `below` elsewhere.
    pub(super) fn over(self, below: &Self) -> Self {
        Self {
            fail_on: self.fail_on.or_else(|| below.fail_on.clone()),
            severity_source: self.severity_source.or(below.severity_source),
            ignore_unfixed: self.ignore_unfixed.or(below.ignore_unfixed),
            fix_grace: self.fix_grace.over(&below.fix_grace),
            new_only: self.new_only.or_else(|| below.new_only.clone()),
            max_db_age: self.max_db_age.or(below.max_db_age),
            eol: self.eol.or(below.eol),
            max_waiver: self.max_waiver.or(below.max_waiver),
            waiver_notice: self.waiver_notice.or(below.waiver_notice),
            waivers: self.waivers.or_else(|| below.waivers.clone()),
            kev: self.kev.or_else(|| below.kev.clone()),
            generalize: self.generalize.over(below.generalize.clone()),
        }
    }

    /// The policy, with the defaults where nothing is said.
    pub(super) fn resolve(self) -> GatePolicy {
        let default = GatePolicy::default();
        GatePolicy {
            fail_on: self.fail_on.unwrap_or(default.fail_on),
            severity_source: self.severity_source.unwrap_or(default.severity_source),
            ignore_unfixed: self.ignore_unfixed.unwrap_or(default.ignore_unfixed),
            fix_grace: self.fix_grace.of,
            new_only: match self.new_only {
                Some(NewOnly::Since(channel)) => Some(channel),
                Some(NewOnly::Off) | None => default.new_only,
            },
            max_db_age: self.max_db_age.unwrap_or(default.max_db_age),
            eol: self.eol.unwrap_or(default.eol),
            max_waiver: self.max_waiver.unwrap_or(default.max_waiver),
            waiver_notice: self.waiver_notice.unwrap_or(default.waiver_notice),
            rules: RuleLevels {
                all: self.generalize.level(),
                of: self.generalize.of,
                hardening: BTreeMap::new(),
            },
        }
    }
}

const SOURCES: [(&str, SeveritySource); 3] = [
    ("vendor", SeveritySource::Vendor),
    ("nvd", SeveritySource::Nvd),
    ("highest", SeveritySource::Highest),
];

/// Reads `gate`.
pub(super) fn read(field: Field<'_>, context: &mut Context) -> Option<GateLayer> {
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
        severity_source: keys.read("severity_source", context, |field, context| {
            field.choice("a source of severities", &SOURCES, context)
        }),
        fix_grace: keys.read("fix_grace", context, fix_grace).unwrap_or_default(),
        new_only: keys.read("new_only", context, new_only),
        max_waiver: keys.read("max_waiver", context, duration::read),
        waiver_notice: keys.read("waiver_notice", context, duration::read),
        waivers: keys.read("waivers", context, |f, c| file(f, "waivers.yml", c)),
        kev: keys.read("kev", context, |f, c| file(f, "kev.json", c)),
        generalize: keys.read("generalize", context, rules::generalize).unwrap_or_default(),
    };
    keys.finish(context);
    Some(layer)
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

/// How long findings may wait, by severity; `off` for nowhere.
fn fix_grace(field: Field<'_>, context: &mut Context) -> Option<FixGrace> {
    if !matches!(field.node.value, Value::Mapping(_)) {
        let () = word_or_mapping(field, "`off` or a mapping of severities to durations", context)?;
        return Some(FixGrace { off: true, of: BTreeMap::new() });
    }
    let example = "{ HIGH: 7d }";
    let expected = "a mapping of severities to durations";
    let mut of = BTreeMap::new();
    for entry in field.entries("severity", expected, example, context)? {
        let name = entry.value.key;
        let severity = Severity::GRAVEST_FIRST.into_iter().find(|known| known.as_str() == name);
        let grace = duration::read(entry.value, context);
        match severity {
            Some(Severity::Critical) => {
                let message = "`CRITICAL` has no grace";
                context.push(entry.key.error("bad-choice", message, "it always blocks at once"));
            }
            Some(severity) => of.extend(grace.map(|grace| (severity, grace))),
            None => {
                let severities = Severity::GRAVEST_FIRST.map(Severity::as_str).into_iter();
                let severities = severities.filter(|severity| *severity != "CRITICAL");
                let problem = entry.key.not_a(name, "a severity", severities, context);
                context.push(problem);
            }
        }
    }
    Some(FixGrace { off: false, of })
}

/// The channel whose version is taken for granted; `off` for none.
fn new_only(field: Field<'_>, context: &mut Context) -> Option<NewOnly> {
    if !matches!(field.node.value, Value::Mapping(_)) {
        let () = word_or_mapping(field, "`off` or `{ since: CHANNEL }`", context)?;
        return Some(NewOnly::Off);
    }
    let mut keys = Keys::of(field, "in `new_only`", "since: stable", context)?;
    let since = keys.required("since", "for example `since: stable`", context, |field, context| {
        field.name::<ChannelName>("a channel", "stable", context)
    });
    keys.finish(context);
    since.map(NewOnly::Since)
}

/// `off`, where a mapping could stand as well.
fn word_or_mapping(field: Field<'_>, expected: &str, context: &mut Context) -> Option<()> {
    if matches!(&field.node.value, Value::Scalar(scalar) if scalar.text == "off") {
        return Some(());
    }
    field.wrong_type(expected, "off", context);
    None
}

/// A file, absolute.
fn file(field: Field<'_>, example: &str, context: &mut Context) -> Option<Utf8PathBuf> {
    let folder = context.folder.clone();
    path::read(field, &folder, example, context)
}
