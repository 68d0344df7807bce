//! Golden rules: what an image must not carry, beside findings of advisories.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::GoldenRule;

/// The name of a rule: `machine-id`, `cis-5.1.20`, or of another checker's: `checkov/CKV_1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleName(pub String);

impl RuleName {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for RuleName {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What breaking a rule leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It is not looked at.
    Off,
    /// It is said in the report.
    Warn,
    /// The image is not published.
    Block,
}

/// What the rules of an image lead to: `generalize` and `hardening`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleLevels {
    /// One level for all rules but those of profiles; each rule's own where there is none.
    pub all: Option<Level>,
    /// The levels of single rules, those of profiles too: they count more.
    pub of: BTreeMap<RuleName, Level>,
    /// The hardening profiles, and what breaking their rules leads to.
    #[serde(default)]
    pub hardening: BTreeMap<Hardening, Level>,
}

impl RuleLevels {
    /// What breaking `rule` leads to, whose own level is `own`.
    pub fn of(&self, rule: &RuleName, own: Level) -> Level {
        self.of.get(rule).copied().or(self.all).unwrap_or(own)
    }

    /// What breaking a golden rule leads to.
    pub fn of_golden(&self, rule: &GoldenRule) -> Level {
        let name = RuleName::from(rule.name);
        match &rule.profile {
            None => self.of(&name, rule.own),
            // Nobody who does not ask for a profile is bothered with it, whatever `all` says.
            Some(profile) => {
                let level = self.hardening.get(profile).copied().unwrap_or(Level::Off);
                self.of.get(&name).copied().unwrap_or(level)
            }
        }
    }
}

/// A profile of rules beyond the golden ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hardening {
    /// Items of the CIS Debian Linux benchmark that files alone decide.
    CisDebian,
}

/// A rule that an image breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The rule.
    pub rule: RuleName,
    /// What that leads to; never [`Level::Off`].
    pub level: Level,
    /// What was found: one sentence. May quote the image.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// Where in the image, at most a few places; empty where there is none.
    pub places: Vec<String>,
}

/// What another checker objects to: a result of its SARIF.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// Its tool and its rule: `checkov/CKV_1`.
    pub rule: RuleName,
    /// What it leads to unless `generalize` says otherwise: its own word.
    pub level: Level,
    /// What it says, in one line.
    pub message: String,
    /// Where it points to; empty if nowhere.
    pub place: String,
}
