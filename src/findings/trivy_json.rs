//! Trivy's JSON report (`SchemaVersion` 2; Trivy, pkg/types/report.go).
//!
//! Fields that Trivy leaves out when there is nothing to say are optional here, and unknown ones
//! are passed over: both change between Trivy's versions.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::Deserialize;

use super::ReadError;
use crate::model::{Finding, OsIdentity, Severity, Status};

/// What a report says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrivyReport {
    /// What Trivy was asked about, as it was called on its command line.
    pub artifact: String,
    /// When the report was made.
    pub made_at: Option<Timestamp>,
    /// The operating system, if one was identified.
    pub os: Option<OsIdentity>,
    /// Whether that is past its end of life.
    pub end_of_life: bool,
    /// Number of operating-system packages that were looked at.
    pub packages: usize,
    /// All findings, sorted.
    pub findings: Vec<Finding>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawReport {
    schema_version: u32,
    created_at: Option<Timestamp>,
    artifact_name: String,
    #[serde(default)]
    metadata: RawMetadata,
    #[serde(default)]
    results: Vec<RawResult>,
}

#[derive(Default, Deserialize)]
struct RawMetadata {
    #[serde(rename = "OS")]
    os: Option<RawOs>,
}

#[derive(Deserialize)]
struct RawOs {
    #[serde(rename = "Family")]
    family: String,
    #[serde(rename = "Name", default)]
    name: String,
    #[serde(rename = "EOSL", default)]
    eosl: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawResult {
    #[serde(default)]
    class: String,
    #[serde(default)]
    packages: Vec<RawPackage>,
    #[serde(default)]
    vulnerabilities: Vec<RawVulnerability>,
}

#[derive(Deserialize)]
struct RawPackage {
    #[serde(rename = "ID", default)]
    id: String,
    #[serde(rename = "SrcName")]
    source: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawVulnerability {
    #[serde(rename = "VulnerabilityID")]
    id: String,
    #[serde(rename = "PkgID", default)]
    package_id: String,
    pkg_name: String,
    #[serde(default)]
    installed_version: String,
    fixed_version: Option<String>,
    status: Option<String>,
    severity: Option<Severity>,
    #[serde(default)]
    title: String,
    #[serde(rename = "PrimaryURL")]
    url: Option<String>,
    published_date: Option<Timestamp>,
    /// Ratings as numbers, 0 (unknown) to 4 (critical), by who rates.
    #[serde(default)]
    vendor_severity: BTreeMap<String, u8>,
}

/// Reads a report.
pub fn read(text: &str) -> Result<TrivyReport, ReadError> {
    let raw: RawReport = serde_json::from_str(text)?;
    if raw.schema_version != 2 {
        return Err(ReadError::Schema(raw.schema_version));
    }
    let mut findings: Vec<Finding> = raw.results.iter().flat_map(findings_of).collect();
    findings.sort_by(|a, b| (&a.source, &a.id, &a.package).cmp(&(&b.source, &b.id, &b.package)));
    let packages = raw.results.iter().filter(|result| result.class == "os-pkgs");
    Ok(TrivyReport {
        artifact: raw.artifact_name,
        made_at: raw.created_at,
        end_of_life: raw.metadata.os.as_ref().is_some_and(|os| os.eosl),
        os: raw
            .metadata
            .os
            .filter(|os| !os.family.is_empty() && os.family != "none")
            .map(|os| OsIdentity { family: os.family, release: os.name }),
        packages: packages.map(|result| result.packages.len()).sum(),
        findings,
    })
}

fn findings_of(result: &RawResult) -> impl Iterator<Item = Finding> {
    let sources = sources_by_package(&result.packages);
    result.vulnerabilities.iter().map(move |found| Finding {
        id: found.id.clone(),
        package: found.pkg_name.clone(),
        source: sources
            .get(found.package_id.as_str())
            .map_or_else(|| found.pkg_name.clone(), |source| (*source).to_owned()),
        installed: found.installed_version.clone(),
        fixed: found.fixed_version.clone().filter(|version| !version.is_empty()),
        severity: found.severity.unwrap_or(Severity::Unknown),
        status: status(found.status.as_deref()),
        title: found.title.clone(),
        url: found.url.clone(),
        published: found.published_date,
        // Trivy's database does not say since when there is a fix.
        fixed_at: None,
        ratings: ratings(&found.vendor_severity),
    })
}

fn ratings(raw: &BTreeMap<String, u8>) -> BTreeMap<String, Severity> {
    let rating =
        |number: u8| Severity::GRAVEST_FIRST.into_iter().find(|severity| *severity as u8 == number);
    raw.iter().filter_map(|(who, number)| Some((who.clone(), rating(*number)?))).collect()
}

/// A finding names only the binary package; the package list of the same report knows its source.
fn sources_by_package(packages: &[RawPackage]) -> HashMap<&str, &str> {
    packages
        .iter()
        .filter_map(|package| Some((package.id.as_str(), package.source.as_deref()?)))
        .filter(|(_, source)| !source.is_empty())
        .collect()
}

fn status(text: Option<&str>) -> Status {
    match text {
        Some("affected") => Status::Affected,
        Some("fixed") => Status::Fixed,
        Some("under_investigation") => Status::UnderInvestigation,
        Some("will_not_fix") => Status::WillNotFix,
        Some("fix_deferred") => Status::FixDeferred,
        Some("end_of_life") => Status::EndOfLife,
        Some("not_affected") => Status::NotAffected,
        _ => Status::Unknown,
    }
}
