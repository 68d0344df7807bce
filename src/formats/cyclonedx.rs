//! CycloneDX JSON, the parts that inventories and reports share (CycloneDX 1.2 to 1.7,
//! `schema/bom-1.7.schema.json`).

use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;

use super::operating_system::{agreed, identity};
use super::purl::{BadPackageUrl, PackageUrl, source_of_rpm};
use crate::model::{OsIdentity, Package};

/// `metadata` of a document.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Metadata {
    /// When the document was made.
    pub(crate) timestamp: Option<String>,
    tools: Option<Value>,
    /// What the document is about.
    pub(crate) component: Option<Component>,
}

impl Metadata {
    /// The first tool that made the document: its name and its version, which may be empty. Since
    /// 1.5 tools are components, before they were a list of their own.
    pub(crate) fn tool(&self) -> Option<(String, String)> {
        let tools = self.tools.as_ref()?;
        let list = match tools {
            Value::Array(list) => list,
            tools => tools.get("components")?.as_array()?,
        };
        let text = |tool: &Value, key| tool.get(key).and_then(Value::as_str).map(str::to_owned);
        let first = list.first()?;
        Some((text(first, "name")?, text(first, "version").unwrap_or_default()))
    }
}

/// A component: a package, an operating system, a file.
#[derive(Debug, Deserialize)]
pub(crate) struct Component {
    /// Its `type`: `library`, `operating-system`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// What other parts of the document call it.
    #[serde(rename = "bom-ref")]
    pub(crate) reference: Option<String>,
    group: Option<String>,
    /// Its name, without the group.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: Option<String>,
    purl: Option<String>,
    properties: Option<Vec<Property>>,
    components: Option<Vec<Component>>,
}

#[derive(Debug, Deserialize)]
struct Property {
    name: String,
    value: Option<String>,
}

impl Component {
    /// A property that Trivy or Syft has written: `trivy:SrcName`, `syft:metadata:source`.
    fn property(&self, name: &str) -> Option<&str> {
        let properties = self.properties.as_deref().unwrap_or_default();
        properties
            .iter()
            .find(|it| it.name.strip_prefix("aquasecurity:").unwrap_or(&it.name) == name)
            .and_then(|property| property.value.as_deref())
            .filter(|value| !value.is_empty())
    }

    /// Its package URL, if it has one.
    pub(crate) fn purl(&self) -> Result<Option<PackageUrl>, BadPackageUrl> {
        let text = self.purl.as_deref().filter(|purl| !purl.is_empty());
        text.map(PackageUrl::from_str).transpose()
    }

    /// Its name with the group, which languages need to tell packages apart.
    pub(crate) fn full_name(&self, purl: Option<&PackageUrl>) -> String {
        let group = self.group.as_deref().filter(|group| !group.is_empty());
        match (group, purl) {
            (Some(_), Some(purl)) if purl.is_of_system() => self.name.clone(),
            (Some(group), Some(purl)) if purl.kind == "maven" => format!("{group}:{}", self.name),
            (Some(group), _) => format!("{group}/{}", self.name),
            (None, _) => self.name.clone(),
        }
    }

    /// Whether it is a package of the system `os`. Trivy says so itself; else the type of the
    /// package URL tells.
    pub(crate) fn is_of_system(&self, purl: Option<&PackageUrl>, os: Option<&OsIdentity>) -> bool {
        match self.property("trivy:PkgType") {
            Some(kind) => {
                self.kind == "library"
                    && os.is_some_and(|os| identity(kind, "").family == os.family)
            }
            None => purl.is_some_and(PackageUrl::is_of_system),
        }
    }

    /// The name of its source package; its own where nothing is said.
    pub(crate) fn source(&self, purl: Option<&PackageUrl>) -> String {
        let source = self
            .property("trivy:SrcName")
            .or_else(|| purl.and_then(PackageUrl::source))
            .or_else(|| self.property("syft:metadata:source"))
            .or_else(|| self.property("syft:metadata:originPackage"))
            .or_else(|| self.property("syft:metadata:sourceRpm").and_then(source_of_rpm));
        source.unwrap_or(&self.name).to_owned()
    }

    /// Its version with the epoch.
    pub(crate) fn full_version(&self, purl: Option<&PackageUrl>) -> String {
        match purl {
            Some(purl) => purl.full_version(self.version.as_deref()),
            None => self.version.clone().unwrap_or_default(),
        }
    }

    /// The installed package that it is.
    pub(crate) fn package(&self, purl: Option<&PackageUrl>) -> Package {
        Package {
            name: self.name.clone(),
            version: self.full_version(purl),
            arch: purl.and_then(|purl| purl.qualifier("arch")).unwrap_or_default().to_owned(),
            source: self.source(purl),
        }
    }
}

/// All components, also those inside of others, each with its place in the document:
/// `components[3].components[0]`.
pub(crate) fn flat(components: &[Component]) -> Vec<(String, &Component)> {
    fn open<'a>(at: &str, components: &'a [Component]) -> Vec<(String, &'a Component)> {
        let placed = components.iter().enumerate();
        // Taken from the end.
        placed.rev().map(|(index, it)| (format!("{at}components[{index}]"), it)).collect()
    }
    let mut found = Vec::new();
    let mut left = open("", components);
    while let Some((at, component)) = left.pop() {
        if let Some(inner) = &component.components {
            left.extend(open(&format!("{at}."), inner));
        }
        found.push((at, component));
    }
    found
}

/// The operating system of which components speak: the one that is a component, or else the one
/// that package URLs name. An error with two of them where they disagree.
pub(crate) fn os<'a>(
    metadata: Option<&'a Metadata>,
    components: &[(String, &'a Component)],
    purls: &[Option<PackageUrl>],
) -> Result<Option<OsIdentity>, (OsIdentity, OsIdentity)> {
    let subject = metadata.and_then(|metadata| metadata.component.as_ref());
    let all = components.iter().map(|(_, component)| *component).chain(subject);
    let systems = all
        .filter(|component| component.kind == "operating-system" && component.name != "none")
        .map(|component| {
            identity(&component.name, component.version.as_deref().unwrap_or_default())
        });
    match agreed(systems)? {
        Some(os) => Ok(Some(os)),
        None => agreed(purls.iter().flatten().filter_map(PackageUrl::os)),
    }
}

/// Whether a document of this version is understood: 1.x only adds to what was there, and what 2.0
/// means is not known yet.
pub(crate) fn is_known(version: &str) -> bool {
    version.strip_prefix("1.").is_some_and(|minor| matches!(minor.parse::<u8>(), Ok(2..)))
}
