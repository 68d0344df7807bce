//! Which versions of a plugin a template admits: `~> 1.1`, `>= 1.0.9, < 2.0.0`.
//!
//! The grammar and the meaning are those of hashicorp/go-version, which Packer uses. What cannot be
//! read here, Packer refuses too. Pure.

use std::fmt;
use std::str::FromStr;

use crate::model::PluginVersion;

/// Which versions will do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Constraint {
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Term {
    operator: Operator,
    /// As many as are written.
    numbers: Vec<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Operator {
    Equal,
    NotEqual,
    AtMost,
    AtLeast,
    Pessimistic,
    Less,
    More,
}

/// Longer ones first: `>=` is no `>`.
const OPERATORS: [(&str, Operator); 7] = [
    ("!=", Operator::NotEqual),
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("~>", Operator::Pessimistic),
    ("=", Operator::Equal),
    ("<", Operator::Less),
    (">", Operator::More),
];

impl Constraint {
    /// Whether `version` will do. What it is before, `-dev`, plays no part, as with Packer.
    pub fn admits(&self, version: &PluginVersion) -> bool {
        self.terms.iter().all(|term| term.admits(version.core()))
    }

    /// The constraint that admits `version` alone.
    pub fn exactly(version: &PluginVersion) -> Self {
        let numbers = version.core().into();
        Self { terms: vec![Term { operator: Operator::Equal, numbers }] }
    }
}

impl Term {
    fn admits(&self, version: [u64; 3]) -> bool {
        let segments = self.numbers.len().max(version.len());
        let padded = |numbers: &[u64]| {
            let mut numbers = numbers.to_vec();
            numbers.resize(segments, 0);
            numbers
        };
        let (written, version) = (padded(&self.numbers), padded(&version));
        match self.operator {
            Operator::Equal => version == written,
            Operator::NotEqual => version != written,
            Operator::AtMost => version <= written,
            Operator::AtLeast => version >= written,
            Operator::Less => version < written,
            Operator::More => version > written,
            // All numbers but the last one written stay as they are.
            Operator::Pessimistic => {
                let same = self.numbers.len().saturating_sub(1);
                version >= written && version[..same] == written[..same]
            }
        }
    }
}

impl FromStr for Constraint {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.len() > 255 {
            return Err(());
        }
        text.split(',').map(term).collect::<Option<_>>().map(|terms| Self { terms }).ok_or(())
    }
}

fn term(text: &str) -> Option<Term> {
    let text = text.trim();
    let (operator, version) = OPERATORS
        .into_iter()
        .find_map(|(sign, operator)| Some((operator, text.strip_prefix(sign)?)))
        .unwrap_or((Operator::Equal, text));
    let version = version.trim_start();
    let version = version.strip_prefix('v').unwrap_or(version);
    // What a version was built from plays no part.
    let version = version.split('+').next().unwrap_or(version);
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    let numbers: Option<Vec<u64>> = version.split('.').map(number).collect();
    Some(Term { operator, numbers: numbers? })
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Term { operator, numbers }) in self.terms.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            let sign = OPERATORS.iter().find(|(_, known)| known == operator);
            let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
            write!(f, "{} {}", sign.map_or("=", |(sign, _)| sign), numbers.join("."))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_are_admitted_as_packer_admits_them() {
        let versions = ["0.9.0", "1.0.0", "1.0.9", "1.0.10-dev", "1.1.0", "1.9.9", "2.0.0"];
        let versions = versions.map(|text| text.parse::<PluginVersion>().unwrap());
        let told = |text: &str| {
            let constraint: Constraint = text.parse().unwrap();
            let admitted = versions.iter().filter(|version| constraint.admits(version));
            let admitted: Vec<String> = admitted.map(ToString::to_string).collect();
            format!("{constraint} | {}", admitted.join(" "))
        };
        let told = [
            "1.0.9",
            "=v1.0",
            "~> 1.0.9",
            "~>1.0",
            "~> 1",
            "!= 1.0.9",
            "> 1.0.9",
            ">=1.0.0,<1.1",
            "<= 1.0.9.1",
            " >= 1.0.0+x ",
        ]
        .map(told);
        insta::assert_snapshot!(told.join("\n"), @"
        = 1.0.9 | 1.0.9
        = 1.0 | 1.0.0
        ~> 1.0.9 | 1.0.9 1.0.10-dev
        ~> 1.0 | 1.0.0 1.0.9 1.0.10-dev 1.1.0 1.9.9
        ~> 1 | 1.0.0 1.0.9 1.0.10-dev 1.1.0 1.9.9 2.0.0
        != 1.0.9 | 0.9.0 1.0.0 1.0.10-dev 1.1.0 1.9.9 2.0.0
        > 1.0.9 | 1.0.10-dev 1.1.0 1.9.9 2.0.0
        >= 1.0.0, < 1.1 | 1.0.0 1.0.9 1.0.10-dev
        <= 1.0.9.1 | 0.9.0 1.0.0 1.0.9
        >= 1.0.0 | 1.0.0 1.0.9 1.0.10-dev 1.1.0 1.9.9 2.0.0
        ");
        for bad in ["", "latest", "~> ", "1.x", ">= 1.0, ", "1.0-beta", "=> 1.0", "^1.0", "1..0"] {
            assert!(bad.parse::<Constraint>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(text in "(~>|>=|<=|!=|=|<|>)? ?v?[0-9]{1,3}(\\.[0-9]{1,3}){0,3}") {
            let constraint: Constraint = text.parse().unwrap();
            prop_assert_eq!(constraint.to_string().parse(), Ok(constraint));
        }
    }
}
