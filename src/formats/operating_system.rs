//! Which operating system other tools mean, in the words of `images.yml`.

use crate::model::OsIdentity;

/// What other tools call a family, and what its name is here. Most call it as `ID` of os-release.
const FAMILIES: [(&str, &str); 23] = [
    ("almalinux", "alma"),
    ("alpine linux", "alpine"),
    ("amazon linux", "amazon"),
    ("amzn", "amazon"),
    ("arch linux", "arch"),
    ("archlinux", "arch"),
    ("centos linux", "centos"),
    ("debian gnu/linux", "debian"),
    ("fedora linux", "fedora"),
    ("mariner", "cbl-mariner"),
    ("ol", "oracle"),
    ("opensuse", "opensuse-leap"),
    ("oracle linux server", "oracle"),
    ("red hat enterprise linux", "redhat"),
    ("rhel", "redhat"),
    ("rocky linux", "rocky"),
    ("rockylinux", "rocky"),
    ("sl-micro", "slem"),
    ("sle-micro", "slem"),
    ("sle-micro-rancher", "slem"),
    ("sle_hpc", "sles"),
    ("sles_sap", "sles"),
    ("suse linux enterprise server", "sles"),
];

/// The identity of an operating system that is called this.
pub(crate) fn identity(name: &str, release: &str) -> OsIdentity {
    let name = name.trim().to_lowercase();
    let family = FAMILIES.iter().find(|(other, _)| *other == name).map(|(_, family)| *family);
    let family = family.map_or(name, str::to_owned);
    OsIdentity { family, release: release.trim().to_owned() }
}

/// The identity that the qualifier `distro` of a package URL tells: `debian-12.5`, or `3.19.1` where
/// the namespace has the family. None for names of releases such as `bookworm`.
pub(crate) fn of_distro(distro: &str, namespace: Option<&str>) -> Option<OsIdentity> {
    let is_release =
        |text: &str| text == "rolling" || text.starts_with(|c: char| c.is_ascii_digit());
    match (distro.rsplit_once('-'), namespace) {
        (Some((family, release)), _) if !family.is_empty() && is_release(release) => {
            Some(identity(family, release))
        }
        (None, Some(family)) if is_release(distro) => Some(identity(family, distro)),
        _ => None,
    }
}

/// The one of which all speak; an error with two of which they do.
pub(crate) fn agreed(
    systems: impl IntoIterator<Item = OsIdentity>,
) -> Result<Option<OsIdentity>, (OsIdentity, OsIdentity)> {
    let mut systems = systems.into_iter();
    let Some(first) = systems.next() else { return Ok(None) };
    match systems.find(|other| *other != first) {
        None => Ok(Some(first)),
        Some(other) => Err((first, other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_are_called_as_in_images_yml() {
        let shown = [
            ("debian-12.5", None),
            ("opensuse-leap-15.5", Some("opensuse")),
            ("rhel-9.3", Some("redhat")),
            ("amzn-2023", None),
            ("3.19.1", Some("alpine")),
            ("arch-rolling", Some("arch")),
            ("bookworm", Some("debian")),
            ("opensuse-leap", None),
            ("-12", None),
            ("12", None),
        ]
        .map(|(distro, namespace)| {
            let os = of_distro(distro, namespace).map(|os| os.to_string());
            format!("{distro}: {}", os.unwrap_or_default())
        });
        insta::assert_snapshot!(shown.join("\n"), @"
        debian-12.5: debian 12.5
        opensuse-leap-15.5: opensuse-leap 15.5
        rhel-9.3: redhat 9.3
        amzn-2023: amazon 2023
        3.19.1: alpine 3.19.1
        arch-rolling: arch rolling
        bookworm: 
        opensuse-leap: 
        -12: 
        12:
        ");
        // What Trivy calls a family is its name here.
        for family in ["debian", "alma", "cbl-mariner", "sles", "redhat", "opensuse-leap"] {
            assert_eq!(identity(family, "1").family, family);
        }
    }
}
