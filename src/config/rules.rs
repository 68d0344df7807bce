//! `generalize`, `hardening` and `checks`: what golden rules, profiles and other checkers lead to.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::context::Context;
use super::field::Field;
use super::keys::Keys;
use super::node::Value;
use super::path;
use crate::diagnostics::quoted;
use crate::model::{Check, GOLDEN_RULES, GoldenRule, Hardening, Level, RuleName};

const LEVELS: [(&str, Level); 3] =
    [("block", Level::Block), ("warn", Level::Warn), ("off", Level::Off)];

/// What a file says of `generalize`.
#[derive(Debug, Clone, Default)]
pub(super) struct Generalize {
    /// A word for all rules, if there is one.
    pub(super) all: Option<All>,
    /// Levels of single rules.
    pub(super) of: BTreeMap<RuleName, Level>,
}

/// What a word says of all rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum All {
    /// Each rule has its own level: `auto`.
    Own,
    /// All have this one.
    Level(Level),
}

impl Generalize {
    /// The one level of all rules, if they have one.
    pub(super) fn level(&self) -> Option<Level> {
        match self.all? {
            All::Own => None,
            All::Level(level) => Some(level),
        }
    }

    /// This one over `below`. A word overrules everything below it; levels of single rules stand beside
    /// those that are there.
    pub(super) fn over(self, below: Self) -> Self {
        if self.all.is_some() {
            return self;
        }
        Self { all: below.all, of: below.of.into_iter().chain(self.of).collect() }
    }
}

/// Reads `generalize`.
pub(super) fn generalize(field: Field<'_>, context: &mut Context) -> Option<Generalize> {
    if !matches!(field.node.value, Value::Mapping(_)) {
        let words = [
            ("auto", All::Own),
            ("block", All::Level(Level::Block)),
            ("warn", All::Level(Level::Warn)),
            ("off", All::Level(Level::Off)),
        ];
        let all = field.choice("a level", &words, context)?;
        return Some(Generalize { all: Some(all), of: BTreeMap::new() });
    }
    let example = "{ machine-id: warn }";
    let mut of = BTreeMap::new();
    for entry in field.entries("rule", "a mapping of rules", example, context)? {
        let level = entry.value.choice("a level", &LEVELS, context);
        if let (Some(name), Some(level)) = (rule(entry.key, entry.value.key, context), level) {
            of.insert(name, level);
        }
    }
    Some(Generalize { all: None, of })
}

/// The name of a rule: a golden one, or one of another checker's, which nobody here knows.
fn rule(key: Field<'_>, name: &str, context: &mut Context) -> Option<RuleName> {
    let foreign = name.split_once('/').is_some_and(|(tool, id)| !tool.is_empty() && !id.is_empty());
    if GoldenRule::named(name).is_some() || foreign {
        return Some(name.into());
    }
    let words = GOLDEN_RULES.iter().map(|rule| rule.name);
    let label = context.did_you_mean(name, words).unwrap_or_default();
    let problem = key.error("bad-choice", format!("{} is not a rule", quoted(name)), label);
    let help = "docs/rules/README.md has all rules; those of other checkers are written \
                `checker/RULE`";
    context.push(problem.help(help));
    None
}

/// Reads `hardening`.
pub(super) fn hardening(
    field: Field<'_>,
    context: &mut Context,
) -> Option<BTreeMap<Hardening, Level>> {
    let profiles = [("cis-debian", Some(Hardening::CisDebian)), ("off", None)];
    if !matches!(field.node.value, Value::Mapping(_)) {
        let profile = field.choice("a profile", &profiles, context)?;
        return Some(profile.map(|profile| (profile, Level::Warn)).into_iter().collect());
    }
    let mut keys = Keys::of(field, "in `hardening`", "cis-debian: block", context)?;
    let level = keys
        .read("cis-debian", context, |field, context| field.choice("a level", &LEVELS, context));
    keys.finish(context);
    Some(level.map(|level| (Hardening::CisDebian, level)).into_iter().collect())
}

/// Reads `checks`. Their paths stay as they are written: they start at the `workdir` of an image.
pub(super) fn checks(field: Field<'_>, context: &mut Context) -> Option<Vec<Check>> {
    let example = "[{ run: ./check.sh, sarif: results.sarif }]";
    let mut checks = Vec::new();
    for entry in field.list("a list of checks", example, context)? {
        let Some(mut keys) = Keys::of(entry, "in a check", "run: ./check.sh", context) else {
            continue;
        };
        let help = "for example `run: ./check.sh`";
        let run = keys.required("run", help, context, |field, context| {
            field.command("a command line", "./check.sh", context).map(str::to_owned)
        });
        let sarif = keys.read("sarif", context, |field, context| {
            let text = field.text("a path", "results.sarif", context)?;
            if let Some(why) = path::objection(text) {
                let message = format!("{} is not a path", quoted(text));
                context.push(field.error("bad-path", message, why));
                return None;
            }
            Some(Utf8PathBuf::from(text))
        });
        keys.finish(context);
        checks.extend(run.map(|run| Check { run, sarif }));
    }
    Some(checks)
}
