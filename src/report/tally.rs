//! Findings counted by severity and by whether there is a fix.
//!
//! An advisory counts once for a source package, however many binary packages came from it: what
//! is counted is what is listed.

use crate::model::{Severity, Verdict};

use super::AdvisoryRow;

/// How many findings there are of each severity, with and without a fix.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    fixable: [usize; 5],
    unfixed: [usize; 5],
}

impl Tally {
    /// Counts every finding of a verdict, whatever bucket it ended in.
    pub fn of(verdict: &Verdict) -> Self {
        let mut tally = Self::default();
        for row in AdvisoryRow::of(verdict, |_| true) {
            let column = row.severity as usize;
            if row.fixed.is_some() {
                tally.fixable[column] += 1;
            } else {
                tally.unfixed[column] += 1;
            }
        }
        tally
    }

    /// How many of this severity have a fix.
    pub fn fixable(&self, severity: Severity) -> usize {
        self.fixable[severity as usize]
    }

    /// How many of this severity have none.
    pub fn unfixed(&self, severity: Severity) -> usize {
        self.unfixed[severity as usize]
    }

    /// Those with a fix, in words: `1 high, 3 medium`.
    pub fn fixable_in_words(&self) -> String {
        in_words(|severity| self.fixable(severity))
    }

    /// Those without, in words.
    pub fn unfixed_in_words(&self) -> String {
        in_words(|severity| self.unfixed(severity))
    }

    /// Whether there are none at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn in_words(count: impl Fn(Severity) -> usize) -> String {
    let counts: Vec<String> = Severity::GRAVEST_FIRST
        .into_iter()
        .map(|severity| (count(severity), severity.as_str().to_ascii_lowercase()))
        .filter(|(count, _)| *count > 0)
        .map(|(count, severity)| format!("{count} {severity}"))
        .collect();
    if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }
}
