//! Reports of any scanner, told apart by their content.

use std::fmt;

use jiff::Timestamp;

use super::trivy_json::{self, ReadError};
use crate::model::{Finding, OsIdentity};

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Trivy's JSON.
    Trivy,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trivy's JSON")
    }
}

/// What a report says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    pub format: Format,
    pub findings: Vec<Finding>,
    pub os: Option<OsIdentity>,
    pub packages: Option<usize>,
    pub end_of_life: bool,
    pub made_at: Option<Timestamp>,
    pub tool: Option<(String, String)>,
}

/// Reads a report of any known form.
pub fn read_any(text: &str) -> Result<Reported, ReadError> {
    let report = trivy_json::read(text)?;
    Ok(Reported {
        format: Format::Trivy,
        findings: report.findings,
        os: report.os,
        packages: Some(report.packages),
        end_of_life: report.end_of_life,
        made_at: report.made_at,
        tool: None,
    })
}
