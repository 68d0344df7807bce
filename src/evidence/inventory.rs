//! The inventory of what was collected: what the scanner lists, completed by what it does not know, as
//! CycloneDX 1.6 that is equal for equal contents.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::packages::Database;
use super::sbom::SbomError;
use super::{os, sbom};
use crate::model::{Digest, Inventory, Obstacle, OsIdentity, Package};

const SCHEMA: &str = "http://cyclonedx.org/schema/bom-1.6.schema.json";

/// Packages that an obstacle names.
const NAMED: usize = 3;

/// An inventory, and what does not fit in it.
pub(super) struct Listed {
    pub(super) os: Option<OsIdentity>,
    pub(super) inventory: Inventory,
    pub(super) obstacles: Vec<Obstacle>,
}

/// Completes the scanner's `document` about the artifact `name`, in which `found` is the operating
/// system and `databases` are its packages.
pub(super) fn complete(
    document: &str,
    name: &str,
    found: Option<&OsIdentity>,
    databases: &[Database],
) -> Result<Listed, SbomError> {
    let (scanners, mut packages, libraries) = match sbom::read(document) {
        Ok(sbom) => (sbom.os, sbom.packages, sbom.libraries),
        // What has neither a system nor packages for the scanner may still have some for us.
        Err(SbomError::Nothing(_)) => (None, Vec::new(), Vec::new()),
        Err(error) => return Err(error),
    };
    let mut obstacles = Vec::new();
    if let (Some(found), Some(scanners)) = (found, &scanners)
        && !os::agrees(found, scanners)
    {
        obstacles.push(Obstacle {
            what: format!(
                "the system says that it is {found}, and the scanner takes it for {scanners}"
            ),
            way_out: "correct /etc/os-release and the files beside it in the image".to_owned(),
        });
    }
    match (found, &scanners) {
        (Some(found), None) if packages.is_empty() && databases.iter().any(|it| it.scanned) => {
            obstacles.push(Obstacle {
                what: format!("the scanner does not know the system, and lists nothing of {found}"),
                way_out:
                    "keep the files by which it is known (Debian: /etc/debian_version, Amazon: \
                          /etc/system-release), or name another strategy in `evidence:`"
                        .to_owned(),
            });
        }
        _ => obstacles.extend(databases.iter().filter_map(|database| lost(database, &packages))),
    }
    let mut document: Value = serde_json::from_str(document)?;
    let system = scanners.or_else(|| found.cloned());
    let own: Vec<&Database> = databases.iter().filter(|database| !database.scanned).collect();
    normalize(&mut document, name, system.as_ref(), &own);
    packages.extend(own.iter().flat_map(|database| database.packages.iter().flatten().cloned()));
    packages.sort();
    packages.dedup();
    let inventory = Inventory { packages, libraries, document: format!("{document:#}\n") };
    Ok(Listed { os: system, inventory, obstacles })
}

/// A scanner passes over what it cannot parse, without an error.
fn lost(database: &Database, listed: &[Package]) -> Option<Obstacle> {
    let packages = database.packages.as_ref().filter(|_| database.scanned)?;
    let listed: BTreeSet<(&str, &str)> =
        listed.iter().map(|it| (it.name.as_str(), it.version.as_str())).collect();
    let lost: Vec<String> = packages
        .iter()
        .filter(|it| {
            // An epoch of 0 is none (deb-version(7)), and the scanner leaves it out.
            let plain = it.version.strip_prefix("0:").unwrap_or(&it.version);
            let there = |version: &str| listed.contains(&(it.name.as_str(), version));
            !there(&it.version) && !there(plain)
        })
        .map(|it| format!("{} {}", it.name, it.version))
        .collect();
    if lost.is_empty() {
        return None;
    }
    let more = match lost.len().saturating_sub(NAMED) {
        0 => String::new(),
        count => format!(", and {count} more"),
    };
    let named: Vec<&str> = lost.iter().take(NAMED).map(String::as_str).collect();
    Some(Obstacle {
        what: format!(
            "the scanner does not list what `{}` has: {}{more}",
            database.path,
            named.join(", ")
        ),
        way_out:
            "reinstall these packages, so that the database says of them what it says of others"
                .to_owned(),
    })
}

/// References, order, and everything that differs from one run to the next.
fn normalize(document: &mut Value, name: &str, system: Option<&OsIdentity>, own: &[&Database]) {
    let Some(top) = document.as_object_mut() else { return };
    let mut components = match top.remove("components") {
        Some(Value::Array(components)) => components,
        _ => Vec::new(),
    };
    let mut dependencies = dependencies(top);
    let root = reference(top.get("metadata").and_then(|metadata| metadata.get("component")));
    let mut names = HashMap::from([(root, "image".to_owned())]);
    let mut used = BTreeSet::from(["image".to_owned()]);
    components.sort_by_cached_key(stable_key);
    for component in &components {
        let old = reference(Some(component));
        let mut new = stable_key(component);
        while !used.insert(new.clone()) {
            new.push('+');
        }
        names.insert(old, new);
    }
    for component in &mut components {
        let new = names.get(&reference(Some(component))).cloned();
        if let (Some(component), Some(new)) = (component.as_object_mut(), new) {
            component.insert("bom-ref".to_owned(), new.into());
        }
    }
    let renamed = |old: &String| names.get(old).cloned().unwrap_or_else(|| old.clone());
    dependencies = dependencies
        .iter()
        .map(|(from, to)| (renamed(from), to.iter().map(renamed).collect()))
        .collect();
    add(&mut components, &mut dependencies, system, own);
    components.sort_by_cached_key(|component| reference(Some(component)));

    let tools = top.get("metadata").and_then(|metadata| metadata.get("tools")).cloned();
    let mut metadata = Map::new();
    metadata.insert(
        "component".to_owned(),
        json!({ "bom-ref": "image", "type": "application", "name": name }),
    );
    metadata.extend(tools.map(|tools| ("tools".to_owned(), tools)));
    top.retain(|key, _| key == "bomFormat" || key == "version");
    top.insert("bomFormat".to_owned(), "CycloneDX".into());
    top.insert("$schema".to_owned(), SCHEMA.into());
    top.insert("specVersion".to_owned(), "1.6".into());
    top.insert("metadata".to_owned(), metadata.into());
    top.insert("components".to_owned(), components.into());
    let dependencies: Vec<Value> = dependencies
        .into_iter()
        .map(|(from, to)| json!({ "ref": from, "dependsOn": to }))
        .collect();
    top.insert("dependencies".to_owned(), dependencies.into());
    let digest = Digest::of(document.to_string().as_bytes());
    if let Some(top) = document.as_object_mut() {
        top.insert("serialNumber".to_owned(), serial_number(&digest).into());
    }
}

type Dependencies = BTreeMap<String, BTreeSet<String>>;

fn dependencies(top: &mut Map<String, Value>) -> Dependencies {
    let mut dependencies = Dependencies::new();
    let Some(Value::Array(entries)) = top.remove("dependencies") else { return dependencies };
    for entry in &entries {
        let from = entry.get("ref").and_then(Value::as_str).unwrap_or_default();
        let to = entry.get("dependsOn").and_then(Value::as_array).into_iter().flatten();
        let to = to.filter_map(Value::as_str).map(str::to_owned);
        dependencies.entry(from.to_owned()).or_default().extend(to);
    }
    dependencies
}

fn reference(component: Option<&Value>) -> String {
    let reference =
        component.and_then(|component| component.get("bom-ref")).and_then(Value::as_str);
    reference.unwrap_or_default().to_owned()
}

/// What a component is called by. Scanners give what has no package URL a random name.
fn stable_key(component: &Value) -> String {
    let text = |key: &str| component.get(key).and_then(Value::as_str).unwrap_or_default();
    let old = text("bom-ref");
    if old.starts_with("pkg:") {
        return old.to_owned();
    }
    match (text("purl"), text("version")) {
        ("", "") => format!("{}:{}", text("type"), text("name")),
        ("", version) => format!("{}:{}@{version}", text("type"), text("name")),
        (purl, _) => purl.to_owned(),
    }
}

/// Adds the packages that the scanner does not know, and the system if it does not know that.
fn add(
    components: &mut Vec<Value>,
    dependencies: &mut Dependencies,
    system: Option<&OsIdentity>,
    own: &[&Database],
) {
    let Some(system) = system else { return };
    let is_system = |component: &Value| component.get("type") == Some(&"operating-system".into());
    let known = components.iter().find(|component| is_system(component));
    let system_reference = known.map(|component| reference(Some(component)));
    let system_reference = system_reference.unwrap_or_else(|| {
        let reference = format!("operating-system:{}@{}", system.family, system.release);
        components.push(json!({
            "bom-ref": reference,
            "type": "operating-system",
            "name": system.family,
            "version": system.release,
        }));
        dependencies.entry("image".to_owned()).or_default().insert(reference.clone());
        reference
    });
    for database in own {
        for package in database.packages.iter().flatten() {
            let purl = package_url(database.purl_type, &system.family, package);
            components.push(json!({
                "bom-ref": purl,
                "type": "library",
                "name": package.name,
                "version": package.version,
                "purl": purl,
                "properties": [
                    { "name": "goldsmith:PkgType", "value": system.family },
                    { "name": "goldsmith:SrcName", "value": package.source },
                ],
            }));
            dependencies.entry(system_reference.clone()).or_default().insert(purl.clone());
            dependencies.entry(purl).or_default();
        }
    }
}

/// What need not be escaped (package-url specification, "Character encoding").
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_').remove(b'~').remove(b':');

fn package_url(kind: &str, namespace: &str, package: &Package) -> String {
    let plain = |text: &str| utf8_percent_encode(text, PLAIN).to_string();
    let Package { name, version, arch, .. } = package;
    let mut url = format!("pkg:{kind}/{namespace}/{}@{}", plain(name), plain(version));
    if !arch.is_empty() {
        url.push_str("?arch=");
        url.push_str(&plain(arch));
    }
    url
}

/// A UUID of version 8 (RFC 9562, section 5.8) out of a digest: equal for equal contents.
fn serial_number(digest: &Digest) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.bytes()[..16]);
    format!("urn:uuid:{}", uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Trivy writes it, but for what matters here.
    fn document(system: &str, reference: &str) -> String {
        json!({
            "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.7",
            "serialNumber": format!("urn:uuid:{system}"),
            "version": 1,
            "metadata": {
                "timestamp": format!("now {system}"),
                "tools": { "components": [{ "name": "trivy" }] },
                "component": {
                    "bom-ref": format!("root-{system}"), "type": "application", "name": "/tmp/tree",
                },
            },
            "components": [
                {
                    "bom-ref": reference, "type": "library", "name": "bash", "version": "5.2-1",
                    "purl": "pkg:deb/debian/bash@5.2-1?arch=amd64",
                    "properties": [{ "name": "aquasecurity:trivy:PkgType", "value": "debian" }],
                },
                { "bom-ref": system, "type": "operating-system", "name": "debian", "version": "12.11" },
            ],
            "dependencies": [
                { "ref": format!("root-{system}"), "dependsOn": [system] },
                { "ref": system, "dependsOn": [reference] },
            ],
            "vulnerabilities": [],
        })
        .to_string()
    }

    fn database(scanned: bool, packages: &[(&str, &str)]) -> Database {
        let package = |(name, version): &(&str, &str)| Package {
            name: (*name).to_owned(),
            version: (*version).to_owned(),
            arch: "x86_64".to_owned(),
            source: (*name).to_owned(),
        };
        Database {
            path: "/var/lib/dpkg/status".to_owned(),
            scanned,
            purl_type: "alpm",
            packages: Some(packages.iter().map(package).collect()),
        }
    }

    fn debian() -> OsIdentity {
        OsIdentity { family: "debian".to_owned(), release: "12.11".to_owned() }
    }

    #[test]
    fn equal_contents_make_equal_documents_and_what_the_scanner_does_not_know_is_added() {
        let own = [database(false, &[("pac+man", "6.1-1")])];
        let of = |system: &str, reference: &str| {
            complete(&document(system, reference), "disk", Some(&debian()), &own).unwrap()
        };
        let once = of("1111", "pkg:deb/debian/bash@5.2-1?arch=amd64");
        let again = of("2222", "pkg:deb/debian/bash@5.2-1?arch=amd64");
        assert_eq!(once.inventory.document, again.inventory.document);
        assert_eq!(once.obstacles, []);
        insta::assert_snapshot!(once.inventory.document);
    }

    #[test]
    fn a_package_that_the_scanner_passes_over_is_an_obstacle_and_so_is_another_system() {
        let databases = [database(true, &[("bash", "5.2-1"), ("odd", "1_2")])];
        let ubuntu = OsIdentity { family: "ubuntu".to_owned(), release: "24.04".to_owned() };
        let listed = complete(&document("1", "2"), "disk", Some(&ubuntu), &databases).unwrap();
        let told: Vec<_> = listed.obstacles.into_iter().map(|obstacle| obstacle.what).collect();
        insta::assert_snapshot!(told.join("\n"), @"
        the system says that it is ubuntu 24.04, and the scanner takes it for debian 12.11
        the scanner does not list what `/var/lib/dpkg/status` has: odd 1_2
        ");
    }

    #[test]
    fn a_system_that_the_scanner_does_not_know_is_told_once_and_an_epoch_of_0_is_none() {
        let databases = [database(true, &[("bash", "0:5.2-1")])];
        let told = |document: &str| {
            let listed = complete(document, "disk", Some(&debian()), &databases).unwrap();
            listed.obstacles.into_iter().map(|obstacle| obstacle.what).collect::<Vec<_>>()
        };
        assert_eq!(told(&document("1", "2")), [""; 0]);
        let nothing = r#"{ "bomFormat": "CycloneDX", "specVersion": "1.6", "components": [] }"#;
        let expected = "the scanner does not know the system, and lists nothing of debian 12.11";
        assert_eq!(told(nothing), [expected]);
    }
}
