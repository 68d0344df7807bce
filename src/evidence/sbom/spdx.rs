//! SPDX JSON (SPDX 2.3, chapters 6 and 7; `schemas/spdx-schema.json`).

use serde::Deserialize;

use super::{Found, Sbom, SbomError, SbomFormat};
use crate::formats::operating_system::{agreed, identity};
use crate::formats::purl::PackageUrl;
use crate::model::{OsIdentity, Package};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    spdx_version: String,
    packages: Option<Vec<Element>>,
}

/// A package in the sense of SPDX: everything that can be handed on, also a whole image.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Element {
    #[serde(rename = "SPDXID")]
    id: Option<String>,
    name: String,
    version_info: Option<String>,
    primary_package_purpose: Option<String>,
    source_info: Option<String>,
    external_refs: Option<Vec<Reference>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    reference_type: String,
    reference_locator: String,
}

impl Element {
    /// The package URL with its place.
    fn purl(&self) -> Option<(usize, &str)> {
        let references = self.external_refs.as_deref().unwrap_or_default().iter().enumerate();
        let mut purls = references
            .filter(|(_, reference)| reference.reference_type.rsplit('/').next() == Some("purl"));
        purls.next().map(|(index, reference)| (index, reference.reference_locator.as_str()))
    }

    /// The operating system that it is. Before 2.3 nothing but Trivy's ids told.
    fn os(&self) -> Option<OsIdentity> {
        let is_os = match self.primary_package_purpose.as_deref() {
            Some(purpose) => purpose.replace('_', "-") == "OPERATING-SYSTEM",
            None => self.id.as_ref().is_some_and(|id| id.starts_with("SPDXRef-OperatingSystem-")),
        };
        let release = self.version_info.as_deref().unwrap_or_default();
        (is_os && self.name != "none").then(|| identity(&self.name, release))
    }

    /// The installed package that it is. The version is that of the URL: `versionInfo` may have less.
    fn package(&self, purl: &PackageUrl) -> Package {
        let version = match &purl.version {
            Some(_) => purl.full_version(None),
            None => purl.full_version(self.version_info.as_deref()),
        };
        // As Trivy writes it: `built package from: openssl 3.0.11-1`.
        let built_from = self
            .source_info
            .as_deref()
            .and_then(|info| info.strip_prefix("built package from: ")?.split_whitespace().next());
        Package {
            name: self.name.clone(),
            version,
            arch: purl.qualifier("arch").unwrap_or_default().to_owned(),
            source: built_from.or_else(|| purl.source()).unwrap_or(&self.name).to_owned(),
        }
    }
}

/// Reads a document.
pub(super) fn read(text: &str) -> Result<Sbom, SbomError> {
    let document: Document = serde_json::from_str(text)?;
    if !matches!(document.spdx_version.as_str(), "SPDX-2.2" | "SPDX-2.3") {
        let version = document.spdx_version;
        let version = version.strip_prefix("SPDX-").map(str::to_owned).unwrap_or(version);
        let expected = "2.2 or 2.3";
        return Err(SbomError::Version { format: SbomFormat::Spdx, version, expected });
    }
    let elements = document.packages.unwrap_or_default();
    if elements.is_empty() {
        return Err(SbomError::Nothing("packages"));
    }
    let mut found = Found::default();
    let mut by_purl = Vec::new();
    for (index, element) in elements.iter().enumerate() {
        let Some((reference, purl)) = element.purl() else { continue };
        let at = || format!("packages[{index}].externalRefs[{reference}]");
        let purl: PackageUrl =
            purl.parse().map_err(|source| SbomError::PackageUrl { at: at(), source })?;
        by_purl.extend(purl.os());
        if purl.is_of_system() {
            found.packages.push(element.package(&purl));
        } else if element.os().is_none() && !matches!(purl.kind.as_str(), "oci" | "docker") {
            let kind = purl.kind.clone();
            found.libraries.push(Package { source: kind, ..element.package(&purl) });
        }
        found.ecosystems.insert(purl.kind);
    }
    let os = agreed(elements.iter().filter_map(Element::os))
        .and_then(|os| if os.is_some() { Ok(os) } else { agreed(by_purl) })
        .map_err(|(one, other)| SbomError::TwoSystems(one, other))?;
    Ok(found.sbom(SbomFormat::Spdx, os))
}
