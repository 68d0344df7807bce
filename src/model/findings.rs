//! What a scanner found in an inventory.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Advisories, OsIdentity, Severity, Tool};

/// One advisory that applies to one installed package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// Advisory id: `CVE-2026-40355`.
    pub id: String,
    /// Name of the installed (binary) package.
    pub package: String,
    /// Name of the source package.
    pub source: String,
    /// Installed version.
    pub installed: String,
    /// Version that has the fix, if there is one.
    pub fixed: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// What the vendor says of it.
    pub status: Status,
    /// One line for people; may be empty.
    pub title: String,
    /// Link to the advisory, if known.
    pub url: Option<String>,
    /// When the advisory was published, if known.
    pub published: Option<Timestamp>,
    /// Since when there is a fix, where the vendor says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_at: Option<Timestamp>,
    /// How bad others say that it is, by who says it: `nvd`, `redhat`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ratings: BTreeMap<String, Severity>,
}

/// What the vendor says of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not said.
    Unknown,
    /// The package is affected, no fix yet.
    Affected,
    /// A fixed version exists.
    Fixed,
    /// Being looked at.
    UnderInvestigation,
    /// There will be no fix.
    WillNotFix,
    /// A fix comes later.
    FixDeferred,
    /// The package gets no fixes any more.
    EndOfLife,
    /// The package is not affected.
    NotAffected,
}

/// What one scan of one inventory said, and what is needed to believe it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    /// All findings, unfiltered, in a fixed order.
    pub findings: Vec<Finding>,
    /// The operating system as the scanner understood it.
    pub os: Option<OsIdentity>,
    /// Whether the scanner knows that this release is past its end of life.
    pub end_of_life: bool,
    /// How many packages the scanner says it looked at.
    pub packages: usize,
    /// The scanner.
    pub scanner: Tool,
    /// What it looked things up in.
    pub advisories: Advisories,
    /// When the report says it was made.
    pub made_at: Option<Timestamp>,
    /// When this run started the scan.
    pub started_at: Timestamp,
    /// Whether the report names the subject that it was asked about.
    pub about_subject: bool,
    /// How many of the components are of kinds that the scanner has no advisories for.
    pub uncovered: usize,
    /// What the scanner complained about while scanning.
    pub complaints: Vec<String>,
}
