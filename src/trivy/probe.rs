//! A question whose answer is known: packages of version 0, which any database with advisories for
//! their operating system must object to. Silence means that the database is empty, cut off, or
//! does not know the release, all of which Trivy itself reports as "no vulnerabilities".

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::model::OsIdentity;

/// Source packages that every release of these families has had advisories for.
const PACKAGES: [&str; 8] =
    ["glibc", "openssl", "systemd", "curl", "openssh", "zlib", "busybox", "musl"];

/// The package type of the package URLs of a family, where it is known how to ask.
fn package_type(family: &str) -> Option<&'static str> {
    match family {
        "debian" | "ubuntu" | "echo" => Some("deb"),
        "alpine" | "wolfi" | "chainguard" | "minimos" => Some("apk"),
        // Not `fedora` and `centos-stream`, whose packages Trivy lists and has no advisories for.
        "redhat" | "centos" | "rocky" | "alma" | "oracle" | "amazon" | "photon" | "azurelinux"
        | "cbl-mariner" | "sles" | "slem" => Some("rpm"),
        family if family.starts_with("opensuse") || family.starts_with("suse") => Some("rpm"),
        _ => None,
    }
}

/// Old versions of libraries that every database with advisories for their language objects to: the type
/// of package URLs, the scanner's word for it, the package URL, the name.
const LIBRARIES: &[(&str, &str, &str, &str)] = &[
    ("golang", "gobinary", "pkg:golang/golang.org/x/crypto@v0.0.1", "golang.org/x/crypto"),
    ("npm", "node-pkg", "pkg:npm/lodash@1.0.0", "lodash"),
    ("pypi", "python-pkg", "pkg:pypi/django@1.0", "django"),
    (
        "maven",
        "jar",
        "pkg:maven/org.apache.logging.log4j/log4j-core@2.0",
        "org.apache.logging.log4j:log4j-core",
    ),
    ("cargo", "rustbinary", "pkg:cargo/openssl@0.1.0", "openssl"),
    ("gem", "gemspec", "pkg:gem/rails@1.0.0", "rails"),
];

/// Whether there are advisories for libraries with package URLs of this type.
pub(super) fn is_covered(kind: &str) -> bool {
    // Of these too, although there is no question for them.
    const OTHERS: [&str; 9] =
        ["bitnami", "cocoapods", "composer", "conan", "hex", "nuget", "pub", "swift", "k8s"];
    LIBRARIES.iter().any(|(known, ..)| *known == kind) || OTHERS.contains(&kind)
}

/// The question for libraries with package URLs of these types. None if there is none for any of them.
pub(super) fn question_for_libraries<'k>(kinds: impl Iterator<Item = &'k str>) -> Option<String> {
    let kinds: BTreeSet<&str> = kinds.collect();
    let property = |name: &str, value: &str| json!({ "name": format!("aquasecurity:trivy:{name}"), "value": value });
    let asked = LIBRARIES.iter().filter(|(known, ..)| kinds.contains(known));
    let asked: Vec<_> = asked.collect();
    if asked.is_empty() {
        return None;
    }
    let components = asked.iter().map(|(_, kind, purl, name)| {
        let version = purl.rsplit('@').next().unwrap_or_default();
        json!({
            "bom-ref": purl,
            "type": "library",
            "name": name,
            "version": version,
            "purl": purl,
            "properties": [property("PkgType", kind)],
        })
    });
    let components: Vec<Value> = components.collect();
    let references: Vec<&str> = asked.iter().map(|(_, _, purl, _)| *purl).collect();
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": { "bom-ref": "probe", "type": "application", "name": "probe" },
        },
        "components": components,
        "dependencies": [{ "ref": "probe", "dependsOn": references }],
    });
    Some(document.to_string())
}

/// The question for `os`: a CycloneDX document as Trivy itself would write it. None for a family
/// that Trivy has no advisories for.
pub(super) fn question(os: &OsIdentity) -> Option<String> {
    let package_type = package_type(&os.family)?;
    let OsIdentity { family, release } = os;
    let property = |name: &str, value: &str| json!({ "name": format!("aquasecurity:trivy:{name}"), "value": value });
    let package_url =
        |name: &str| format!("pkg:{package_type}/{family}/{name}@0?distro={family}-{release}");
    let system = json!({
        "bom-ref": "os",
        "type": "operating-system",
        "name": family,
        "version": release,
        "properties": [property("Class", "os-pkgs"), property("Type", family)],
    });
    let packages = PACKAGES.iter().map(|name| {
        json!({
            "bom-ref": package_url(name),
            "type": "library",
            "name": name,
            "version": "0",
            "purl": package_url(name),
            "properties": [
                property("PkgType", family),
                property("SrcName", name),
                property("SrcVersion", "0"),
            ],
        })
    });
    let components: Vec<Value> = std::iter::once(system).chain(packages).collect();
    let references: Vec<String> = PACKAGES.iter().map(|name| package_url(name)).collect();
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": { "bom-ref": "probe", "type": "application", "name": "probe" },
        },
        "components": components,
        "dependencies": [
            { "ref": "probe", "dependsOn": ["os"] },
            { "ref": "os", "dependsOn": references },
        ],
    });
    Some(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_without_advisories_are_not_asked_about() {
        let asked = |family: &str| {
            let os = OsIdentity { family: family.to_owned(), release: "1".to_owned() };
            question(&os).is_some()
        };
        let with = ["debian", "alpine", "amazon", "sles", "slem", "opensuse-leap", "redhat"];
        assert_eq!(with.map(asked), [true; 7]);
        assert_eq!(["fedora", "centos-stream", "arch", "windows"].map(asked), [false; 4]);
    }
}
