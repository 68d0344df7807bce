//! Golden rules: what an image carries of its maker, and what it lacks. One file a subject.
//!
//! [`GOLDEN_RULES`] names them all; here is what each looks at. A rule whose evidence nobody has
//! gathered is unchecked, which is another answer than kept.

mod access;
mod cis;
mod cloud_init;
mod credentials;
mod crypt;
mod identity;
mod kernels;
mod leftovers;
mod sshd;
mod system;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::Case;
use crate::model::{
    Basis, CheckResult, FileFact, GOLDEN_RULES, Level, Line, RuleName, StrategyName, Violation,
};

pub(super) use kernels::Superseded;

/// What the rules say of an image.
pub(super) struct Inspection {
    /// What it breaks, what blocks first.
    pub(super) violations: Vec<Violation>,
    /// What nobody could check.
    pub(super) unchecked: Vec<RuleName>,
}

/// What a rule comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// The image keeps it, or it does not apply to it.
    Kept,
    /// Nobody has looked.
    Unchecked,
    /// It is broken: how, in a sentence, and where.
    Broken { message: String, places: Vec<String> },
}

/// What a rule looks at.
type Check = fn(&Case<'_>) -> Outcome;

/// The checks of all rules, by name.
const CHECKS: [&[(&str, Check)]; 8] = [
    access::CHECKS,
    identity::CHECKS,
    credentials::CHECKS,
    cloud_init::CHECKS,
    leftovers::CHECKS,
    system::CHECKS,
    kernels::CHECKS,
    cis::CHECKS,
];

/// Places that a violation names.
const PLACES: usize = 5;
/// Results of other checkers that are told; a checker can have thousands.
const RESULTS: usize = 1000;

/// Applies every rule that is not off.
pub(super) fn inspect(case: &Case<'_>) -> Inspection {
    let levels = &case.policy.rules;
    let (mut violations, mut unchecked) = (Vec::new(), Vec::new());
    for rule in GOLDEN_RULES {
        let level = levels.of_golden(rule);
        if level == Level::Off {
            continue;
        }
        let name = RuleName::from(rule.name);
        match check(rule.name, case) {
            Outcome::Kept => {}
            Outcome::Unchecked => unchecked.push(name),
            Outcome::Broken { message, places } => violations.push(Violation {
                rule: name,
                level,
                message,
                help: rule.help.to_owned(),
                places,
            }),
        }
    }
    violations.extend(of_checkers(case));
    violations.sort_by(|a, b| (b.level, &a.rule).cmp(&(a.level, &b.rule)));
    unchecked.sort();
    Inspection { violations, unchecked }
}

fn check(name: &str, case: &Case<'_>) -> Outcome {
    let check = CHECKS.iter().copied().flatten().find(|(known, _)| *known == name);
    check.map_or(Outcome::Unchecked, |(_, check)| check(case))
}

/// What the user's checkers object to: one violation a rule, with all of its places.
fn of_checkers(case: &Case<'_>) -> Vec<Violation> {
    let mut by_rule: BTreeMap<(Level, &RuleName), Vec<&CheckResult>> = BTreeMap::new();
    for result in &case.evidence.checks {
        let level = case.policy.rules.of(&result.rule, result.level);
        if level != Level::Off {
            by_rule.entry((level, &result.rule)).or_default().push(result);
        }
    }
    // What blocks must not be the one that is left out.
    let told = by_rule.into_iter().rev().take(RESULTS);
    told.map(|((level, rule), results)| {
        let places = results.iter().map(|result| result.place.as_str());
        let places = places.filter(|place| !place.is_empty());
        Violation {
            rule: rule.clone(),
            level,
            message: results.first().map(|result| result.message.clone()).unwrap_or_default(),
            help: format!(
                "see what the checker says of it; `generalize: {{ \"{rule}\": off }}` takes it out"
            ),
            places: some(places.map(str::to_owned)),
        }
    })
    .collect()
}

/// Whether the files of the system were looked at.
fn looked(case: &Case<'_>) -> bool {
    case.evidence.basis == Basis::Packages
}

/// Whether it is a machine's disk, and no container.
fn is_machine(case: &Case<'_>) -> bool {
    case.evidence.strategy != StrategyName::Container
}

/// The outcome of a rule that is broken by each of `found`; `None`: nobody has looked.
fn none_of<'f>(
    found: Option<impl IntoIterator<Item = &'f FileFact>>,
    what: impl FnOnce(usize, &str) -> String,
) -> Outcome {
    let Some(found) = found else { return Outcome::Unchecked };
    let found: Vec<&FileFact> = found.into_iter().collect();
    match found.first() {
        None => Outcome::Kept,
        Some(first) => Outcome::Broken {
            message: what(found.len(), &first.path),
            places: some(found.iter().map(|file| file.path.clone())),
        },
    }
}

/// The outcome of a rule that is broken by a line.
fn line(line: &Line, message: String) -> Outcome {
    Outcome::Broken { message, places: vec![format!("{}:{}", line.path, line.line)] }
}

fn some(places: impl IntoIterator<Item = String>) -> Vec<String> {
    places.into_iter().take(PLACES).collect()
}

/// `3 files`, `1 file`.
fn count(number: usize, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}
