//! Tells the formats apart by what is in them, and takes nothing for "nothing found" that is not.

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{ReadError, cyclonedx, sarif, trivy_json};
use crate::model::{Finding, OsIdentity};

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportFormat {
    /// Trivy's own.
    TrivyJson,
    /// CycloneDX JSON with vulnerabilities.
    CycloneDx,
    /// SARIF 2.1.0.
    Sarif,
}

impl fmt::Display for ReportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TrivyJson => "Trivy JSON",
            Self::CycloneDx => "CycloneDX",
            Self::Sarif => "SARIF",
        })
    }
}

/// What a report says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// Its format.
    pub format: ReportFormat,
    /// All findings, also those that the report suppresses, sorted and each once.
    pub findings: Vec<Finding>,
    /// How many results the report suppresses. They are findings all the same.
    pub suppressed: usize,
    /// The operating system, where the report has one. SARIF has none.
    pub os: Option<OsIdentity>,
    /// Number of operating-system packages that were looked at, where the report lists them. SARIF
    /// does not: that it has no results proves only that the scanner says that it ran.
    pub packages: Option<usize>,
    /// Whether the report says that the system is past its end of life. Only Trivy's says so.
    pub end_of_life: bool,
    /// When the report was made.
    pub made_at: Option<Timestamp>,
    /// Name and version of the scanner; the version may be empty.
    pub tool: Option<(String, String)>,
}

/// The keys that tell formats apart.
#[derive(Deserialize)]
struct Keys {
    #[serde(rename = "SchemaVersion")]
    trivy: Option<IgnoredAny>,
    #[serde(rename = "bomFormat")]
    cyclonedx: Option<IgnoredAny>,
    #[serde(rename = "$schema")]
    schema: Option<serde_json::Value>,
    runs: Option<IgnoredAny>,
    matches: Option<IgnoredAny>,
    #[serde(rename = "spdxVersion")]
    spdx: Option<IgnoredAny>,
    artifacts: Option<IgnoredAny>,
}

/// Reads a report in any of the formats.
pub fn read_any(text: &str) -> Result<Reported, ReadError> {
    let text = text.trim_start_matches('\u{feff}');
    let Some(first) = text.trim_start().chars().next() else { return Err(ReadError::Empty) };
    match first {
        '{' => {}
        '<' => return Err(ReadError::Format { found: "XML" }),
        '[' => {
            // A report that is cut off is not told to be of another format.
            let _: IgnoredAny = serde_json::from_str(text)?;
            return Err(ReadError::Format { found: "a JSON list" });
        }
        _ => return Err(ReadError::Format { found: "no JSON" }),
    }
    let keys: Keys = serde_json::from_str(text)?;
    let says = |word| {
        let schema = keys.schema.as_ref().and_then(serde_json::Value::as_str);
        schema.is_some_and(|schema| schema.to_ascii_lowercase().contains(word))
    };
    if keys.trivy.is_some() {
        trivy(text)
    } else if keys.cyclonedx.is_some() {
        cyclonedx::read(text)
    } else if keys.runs.is_some() || says("sarif") {
        sarif::read(text)
    } else if keys.matches.is_some() {
        Err(ReadError::Format { found: "grype's own JSON (`grype -o cyclonedx-json` is read)" })
    } else if keys.spdx.is_some() {
        Err(ReadError::Format { found: "an SPDX inventory" })
    } else if keys.artifacts.is_some() {
        Err(ReadError::Format { found: "Syft's own JSON" })
    } else {
        Err(ReadError::Format { found: "JSON of an unknown kind" })
    }
}

fn trivy(text: &str) -> Result<Reported, ReadError> {
    /// What the reader for our own calls of Trivy has no use for.
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Rest {
        trivy: Option<Version>,
        results: Option<Vec<IgnoredAny>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Version {
        version: Option<String>,
    }
    let report = trivy_json::read(text)?;
    let rest: Rest = serde_json::from_str(text)?;
    if rest.results.unwrap_or_default().is_empty() {
        let why = "it has no `Results`";
        return Err(ReadError::Unproven { format: ReportFormat::TrivyJson, why });
    }
    let version = rest.trivy.and_then(|trivy| trivy.version).unwrap_or_default();
    Ok(Reported {
        format: ReportFormat::TrivyJson,
        findings: report.findings,
        suppressed: 0,
        os: report.os,
        // Trivy lists packages only if it is asked for.
        packages: Some(report.packages).filter(|packages| *packages > 0),
        end_of_life: report.end_of_life,
        made_at: report.made_at,
        tool: Some(("trivy".to_owned(), version)),
    })
}
