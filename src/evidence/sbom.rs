//! Inventories that somebody else has made. Pure.
//!
//! Read are CycloneDX JSON (1.2 to 1.7) and SPDX JSON (2.2, 2.3). What cannot be read is an error,
//! never a shorter inventory.

mod spdx;

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::IgnoredAny;
use thiserror::Error;

use crate::formats::cyclonedx::{Component, Metadata, flat, is_known, os};
pub use crate::formats::purl::BadPackageUrl;
use crate::model::{OsIdentity, Package};

/// The format of an inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SbomFormat {
    /// CycloneDX JSON.
    CycloneDx,
    /// SPDX JSON.
    Spdx,
}

impl fmt::Display for SbomFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CycloneDx => "CycloneDX",
            Self::Spdx => "SPDX",
        })
    }
}

/// What an inventory says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sbom {
    /// Its format.
    pub format: SbomFormat,
    /// The operating system, if it names one.
    pub os: Option<OsIdentity>,
    /// The packages of the operating system, sorted and without duplicates.
    pub packages: Vec<Package>,
    /// Other components that are software, sorted: libraries of languages. Their source is the type of
    /// their package URL.
    pub libraries: Vec<Package>,
    /// The types of all package URLs: `deb`, `npm`.
    pub ecosystems: BTreeSet<String>,
}

/// Why an inventory cannot be read. The fault of whoever made it, or named it.
#[derive(Debug, Error)]
pub enum SbomError {
    /// There is no text.
    #[error("the inventory is empty")]
    Empty,
    /// Not JSON, not of the expected shape, or cut off.
    #[error("the inventory is not readable")]
    Json(#[from] serde_json::Error),
    /// Some other format.
    #[error("the inventory is {format}, expected CycloneDX JSON or SPDX JSON (2.2 or 2.3)")]
    Format {
        /// What it seems to be.
        format: &'static str,
    },
    /// A version of the format that this goldsmith does not know.
    #[error("the inventory is {format} {version}, expected {expected}")]
    Version {
        /// The format.
        format: SbomFormat,
        /// Its version, as the inventory writes it.
        version: String,
        /// What is known.
        expected: &'static str,
    },
    /// The inventory lists nothing at all.
    #[error("the inventory lists nothing: it has no `{0}`")]
    Nothing(&'static str),
    /// A package URL that is none.
    #[error("`{at}` of the inventory cannot be read")]
    PackageUrl {
        /// Where: `components[3].purl`.
        at: String,
        /// Why.
        source: BadPackageUrl,
    },
    /// Something in the inventory is not what the format says.
    #[error("`{at}` of the inventory {why}")]
    Place {
        /// Where: `bomFormat`.
        at: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The inventory speaks of two operating systems.
    #[error("the inventory is about two operating systems, {0} and {1}")]
    TwoSystems(OsIdentity, OsIdentity),
}

/// The keys that tell formats apart.
#[derive(Deserialize)]
struct Keys {
    #[serde(rename = "bomFormat")]
    cyclonedx: Option<IgnoredAny>,
    #[serde(rename = "spdxVersion")]
    spdx: Option<IgnoredAny>,
    #[serde(rename = "@context")]
    context: Option<IgnoredAny>,
    #[serde(rename = "@graph")]
    graph: Option<IgnoredAny>,
    #[serde(rename = "SchemaVersion")]
    trivy: Option<IgnoredAny>,
    runs: Option<IgnoredAny>,
    artifacts: Option<IgnoredAny>,
    payload: Option<IgnoredAny>,
    predicate: Option<IgnoredAny>,
}

/// Reads an inventory in any of the formats.
pub fn read(text: &str) -> Result<Sbom, SbomError> {
    let text = text.trim_start_matches('\u{feff}');
    let Some(first) = text.lines().map(str::trim).find(|line| !line.is_empty()) else {
        return Err(SbomError::Empty);
    };
    if !first.starts_with('{') {
        return Err(other_than_json(text, first));
    }
    let keys: Keys = serde_json::from_str(text)?;
    if keys.cyclonedx.is_some() {
        return cyclonedx(text);
    }
    if keys.spdx.is_some() {
        return spdx::read(text);
    }
    let format = if keys.context.is_some() || keys.graph.is_some() {
        "SPDX 3 or other JSON-LD"
    } else if keys.trivy.is_some() {
        "a report of Trivy (`trivy --format cyclonedx` makes an inventory)"
    } else if keys.runs.is_some() {
        "SARIF"
    } else if keys.artifacts.is_some() {
        "Syft's own JSON (`syft -o cyclonedx-json` is read)"
    } else if keys.payload.is_some() || keys.predicate.is_some() {
        "a signed statement, which has the inventory as its `predicate`"
    } else {
        "JSON of an unknown kind"
    };
    Err(SbomError::Format { format })
}

fn other_than_json(text: &str, first: &str) -> SbomError {
    let format = if first.starts_with("SPDXVersion:") {
        "SPDX tag-value"
    } else if first.starts_with("spdxVersion:") || first.starts_with("SPDXID:") {
        "SPDX YAML"
    } else if first.starts_with('<') && text.contains("cyclonedx.org/schema") {
        "CycloneDX XML"
    } else if first.starts_with('<') && text.contains("spdx.org/rdf") {
        "SPDX RDF"
    } else {
        match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) => "JSON of an unknown kind",
            // What is cut off is told to be cut off.
            Err(error) if first.starts_with('[') => return error.into(),
            Err(_) => "no JSON",
        }
    };
    SbomError::Format { format }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    bom_format: String,
    spec_version: String,
    metadata: Option<Metadata>,
    components: Option<Vec<Component>>,
}

fn cyclonedx(text: &str) -> Result<Sbom, SbomError> {
    let document: Document = serde_json::from_str(text)?;
    if document.bom_format != "CycloneDX" {
        return Err(SbomError::Place { at: "bomFormat".to_owned(), why: "is not `CycloneDX`" });
    }
    if !is_known(&document.spec_version) {
        let (format, version) = (SbomFormat::CycloneDx, document.spec_version);
        return Err(SbomError::Version { format, version, expected: "1.2 or a later 1.x" });
    }
    let components = document.components.unwrap_or_default();
    if components.is_empty() {
        return Err(SbomError::Nothing("components"));
    }
    let components = flat(&components);
    let purls = components
        .iter()
        .map(|(at, component)| {
            let at = || format!("{at}.purl");
            component.purl().map_err(|source| SbomError::PackageUrl { at: at(), source })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let os = os(document.metadata.as_ref(), &components, &purls)
        .map_err(|(one, other)| SbomError::TwoSystems(one, other))?;
    let mut found = Found::default();
    for ((_, component), purl) in components.iter().zip(&purls) {
        let purl = purl.as_ref();
        if let Some(purl) = purl {
            found.ecosystems.insert(purl.kind.clone());
        }
        if component.is_of_system(purl, os.as_ref()) {
            found.packages.push(component.package(purl));
        } else if !matches!(component.kind.as_str(), "operating-system" | "container")
            && (purl.is_some() || component.kind == "library")
        {
            let kind = purl.map(|purl| purl.kind.clone()).unwrap_or_default();
            found.libraries.push(Package { source: kind, ..component.package(purl) });
        }
    }
    Ok(found.sbom(SbomFormat::CycloneDx, os))
}

/// What is collected on the way.
#[derive(Default)]
struct Found {
    packages: Vec<Package>,
    libraries: Vec<Package>,
    ecosystems: BTreeSet<String>,
}

impl Found {
    fn sbom(mut self, format: SbomFormat, os: Option<OsIdentity>) -> Sbom {
        for list in [&mut self.packages, &mut self.libraries] {
            list.sort();
            list.dedup();
        }
        let Self { packages, libraries, ecosystems } = self;
        Sbom { format, os, packages, libraries, ecosystems }
    }
}

/// Reads `bytes` as an inventory. Panics if that shows a fault of the reader; to be called by
/// fuzzers: `fuzz_target!(|bytes: &[u8]| goldsmith::evidence::fuzz_sbom(bytes))`.
#[doc(hidden)]
pub fn fuzz(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match read(text) {
        Err(error) => assert!(!error.to_string().is_empty(), "no reason"),
        Ok(sbom) => {
            assert!(sbom.packages.is_sorted_by(|a, b| a < b), "not sorted, or twice");
            let size: usize = sbom
                .packages
                .iter()
                .map(|it| it.name.len() + it.source.len() + it.version.len())
                .sum();
            assert!(size <= 4 * text.len(), "made up");
        }
    }
}

#[cfg(test)]
mod tests;
