//! The inventory out of a CycloneDX document as Trivy writes it
//! (CycloneDX 1.7 JSON; properties `aquasecurity:trivy:*`).

use serde::Deserialize;

use crate::model::{Inventory, OsIdentity, Package};

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    purl: String,
    #[serde(default)]
    properties: Vec<Property>,
}

#[derive(Deserialize)]
struct Property {
    name: String,
    #[serde(default)]
    value: String,
}

impl Component {
    fn property(&self, name: &str) -> Option<&str> {
        self.properties
            .iter()
            .find(|property| property.name.strip_prefix("aquasecurity:trivy:") == Some(name))
            .map(|property| property.value.as_str())
    }

    /// A qualifier of the package URL: `arch` of `pkg:deb/debian/bash@5.2?arch=amd64`.
    fn qualifier(&self, name: &str) -> Option<&str> {
        let (_, qualifiers) = self.purl.split_once('?')?;
        qualifiers
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }
}

/// Families whose packages Trivy marks with the family's own name.
fn is_os_package(component: &Component, os: &OsIdentity) -> bool {
    component.kind == "library" && component.property("PkgType") == Some(&os.family)
}

/// Reads the operating system and the packages that belong to it.
pub(super) fn read(document: String) -> Result<(Option<OsIdentity>, Inventory), serde_json::Error> {
    let parsed: Document = serde_json::from_str(&document)?;
    let os = parsed
        .components
        .iter()
        .find(|component| component.kind == "operating-system" && component.name != "none")
        .map(|component| OsIdentity {
            family: component.name.clone(),
            release: component.version.clone(),
        });
    let mut packages: Vec<Package> = match &os {
        None => Vec::new(),
        Some(os) => parsed
            .components
            .iter()
            .filter(|component| is_os_package(component, os))
            .map(|component| Package {
                name: component.name.clone(),
                version: component.version.clone(),
                arch: component.qualifier("arch").unwrap_or_default().to_owned(),
                source: component.property("SrcName").unwrap_or(&component.name).to_owned(),
            })
            .collect(),
    };
    packages.sort();
    packages.dedup();
    let of_system = |component: &Component| match &os {
        Some(os) => is_os_package(component, os),
        None => false,
    };
    let libraries = parsed.components.iter().filter(|it| it.kind == "library" && !of_system(it));
    let mut libraries: Vec<Package> = libraries
        .map(|component| Package {
            name: component.name.clone(),
            version: component.version.clone(),
            arch: String::new(),
            source: component.property("PkgType").unwrap_or_default().to_owned(),
        })
        .collect();
    libraries.sort();
    libraries.dedup();
    Ok((os, Inventory { packages, libraries, document }))
}
