//! Why a scanner's report says nothing that can be judged.

use thiserror::Error;

use super::ReportFormat;
use crate::formats::purl::BadPackageUrl;

/// Why a report cannot be read. The scanner's fault, or that of the command that calls it.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Not JSON, not of the expected shape, or cut off.
    #[error("the scanner's report is not readable")]
    Json(#[from] serde_json::Error),
    /// A report format that this goldsmith does not know.
    #[error("the scanner's report has schema version {0}, expected 2")]
    Schema(u32),
    /// There is no text.
    #[error("the scanner's report is empty")]
    Empty,
    /// JSON of some other kind.
    #[error("the scanner's report is {found}, expected Trivy JSON, CycloneDX JSON or SARIF")]
    Format {
        /// What it seems to be.
        found: &'static str,
    },
    /// A version of the format that this goldsmith does not know.
    #[error("the scanner's report is {format} {version}, expected {expected}")]
    Version {
        /// The format.
        format: ReportFormat,
        /// Its version.
        version: String,
        /// What is known.
        expected: &'static str,
    },
    /// The report could have been written without looking at anything.
    #[error("the scanner's report ({format}) does not prove that anything was scanned: {why}")]
    Unproven {
        /// The format.
        format: ReportFormat,
        /// What is missing.
        why: &'static str,
    },
    /// The scanner says itself that it did not get to its end.
    #[error("the scanner's report says that the scan failed: {why}")]
    Failed {
        /// In the scanner's words, or where it says so.
        why: String,
    },
    /// Something in the report is not what the format says.
    #[error("`{at}` of the scanner's report {why}")]
    Place {
        /// Where: `vulnerabilities[3].affects`.
        at: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A package URL that is none.
    #[error("`{at}` of the scanner's report cannot be read")]
    PackageUrl {
        /// Where: `components[3].purl`.
        at: String,
        /// Why.
        source: BadPackageUrl,
    },
    /// The report speaks of two operating systems.
    #[error("the scanner's report is about two operating systems, {0} and {1}")]
    TwoSystems(String, String),
    /// More than any image has.
    #[error("the scanner's report has more than {0} findings")]
    TooMany(usize),
}
