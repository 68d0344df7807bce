//! The advisory database that findings come from.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is known of an advisory database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advisories {
    /// When it was made.
    pub updated_at: Timestamp,
    /// Set when it holds demonstration data: says which. Such results are for show only.
    pub fixture: Option<String>,
    /// Whether it has advisories for the operating system at hand.
    pub probe: Probe,
}

/// The outcome of asking the scanner about packages so old that any database with advisories for
/// their operating system must object to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// It objected, this many times.
    Answered(usize),
    /// It had nothing to say: a clean result from this database means nothing.
    Silent,
    /// There is no such question for this operating system.
    NotAsked,
}
