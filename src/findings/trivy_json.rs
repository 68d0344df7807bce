//! Trivy's JSON report (`SchemaVersion` 2; Trivy, pkg/types/report.go).
//!
//! Fields that Trivy leaves out when there is nothing to say are optional here, and unknown ones
//! are passed over: both change between Trivy's versions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

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
    #[serde(rename = "Identifier", default)]
    identifier: RawIdentifier,
}

#[derive(Default, Deserialize)]
struct RawIdentifier {
    #[serde(rename = "BOMRef")]
    reference: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawVulnerability {
    #[serde(rename = "VulnerabilityID")]
    id: String,
    #[serde(rename = "PkgID", default)]
    package_id: String,
    pkg_name: String,
    #[serde(rename = "PkgPath", default)]
    path: String,
    #[serde(rename = "PkgIdentifier", default)]
    identifier: RawIdentifier,
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

/// A report about a CycloneDX document, with the references of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferencedReport {
    /// What it says beside the findings, which are none here.
    pub report: TrivyReport,
    /// The references of all packages and libraries that were looked at.
    pub listed: BTreeSet<String>,
    /// All findings: the reference of the component, a file if the component is one, the finding.
    pub found: Vec<(String, String, Finding)>,
}

/// Reads a report.
pub fn read(text: &str) -> Result<TrivyReport, ReadError> {
    let raw = raw(text)?;
    let findings = raw.results.iter().flat_map(findings_of).map(|(_, finding)| finding);
    let findings = findings.collect();
    Ok(report(raw, findings))
}

/// Reads a report about a CycloneDX document. A finding that nobody can say the component of is an
/// error.
pub fn read_referenced(text: &str) -> Result<ReferencedReport, ReadError> {
    let raw = raw(text)?;
    let packages = raw.results.iter().flat_map(|result| &result.packages);
    let listed = packages.filter_map(|package| package.identifier.reference.clone()).collect();
    let found = raw.results.iter().flat_map(findings_of).map(|(raw, finding)| {
        let at = || format!("{} of {}", finding.id, finding.package);
        let why = "has no reference to a component";
        let reference = raw.identifier.reference.clone();
        let reference = reference.ok_or_else(|| ReadError::Place { at: at(), why })?;
        Ok((reference, raw.path.clone(), finding))
    });
    let found = found.collect::<Result<_, ReadError>>()?;
    Ok(ReferencedReport { report: report(raw, Vec::new()), listed, found })
}

fn raw(text: &str) -> Result<RawReport, ReadError> {
    let raw: RawReport = serde_json::from_str(text)?;
    if raw.schema_version != 2 {
        return Err(ReadError::Schema(raw.schema_version));
    }
    Ok(raw)
}

fn report(raw: RawReport, mut findings: Vec<Finding>) -> TrivyReport {
    findings.sort_by(|a, b| (&a.source, &a.id, &a.package).cmp(&(&b.source, &b.id, &b.package)));
    let packages = raw.results.iter().filter(|result| result.class == "os-pkgs");
    TrivyReport {
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
    }
}

fn findings_of(result: &RawResult) -> impl Iterator<Item = (&RawVulnerability, Finding)> {
    let sources = sources_by_package(&result.packages);
    result.vulnerabilities.iter().map(move |found| {
        let finding = Finding {
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
        };
        (found, finding)
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
