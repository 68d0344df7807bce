//! What is kept of an image's versions, and who uses them.

use std::time::Duration;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

/// How many of an image's versions keep their bytes: those that any of it asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retain {
    /// So many of those that may be used, the newest.
    pub last: u32,
    /// All that were published within this time.
    pub within: Duration,
    /// How long bytes that nobody needs are kept, so that somebody can take it back.
    pub delay: Duration,
    /// Where it stands what is in use.
    pub in_use: Vec<InUse>,
}

impl Default for Retain {
    fn default() -> Self {
        let days = |days: u64| Duration::from_hours(24 * days);
        Self { last: 4, within: days(120), delay: days(7), in_use: Vec::new() }
    }
}

/// Where it stands what is in use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InUse {
    /// In a state of Terraform or OpenTofu: this file, absolute.
    Terraform(Utf8PathBuf),
    /// In a list, a line each: this file, absolute.
    File(Utf8PathBuf),
    /// In what this command line prints, a line each: for `/bin/sh -c`, in the folder of `images.yml`.
    Run(String),
}
