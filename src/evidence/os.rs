//! Who a system says it is (os-release(5), and what distributions have besides).

use super::collector::Collected;
use crate::model::OsIdentity;

/// Words of `ID` that scanners have another word for (Trivy, pkg/fanal/types/const.go).
const FAMILIES: &[(&str, &str)] = &[
    ("rhel", "redhat"),
    ("almalinux", "alma"),
    ("ol", "oracle"),
    ("amzn", "amazon"),
    ("mariner", "cbl-mariner"),
    ("sle_hpc", "sles"),
    ("sles_sap", "sles"),
    ("sle-micro", "slem"),
    ("sl-micro", "slem"),
    ("sle-micro-rancher", "slem"),
    ("opensuse", "opensuse-leap"),
];

/// Systems whose packages scanners list, and have no advisories for.
const WITHOUT_ADVISORIES: &[&str] = &["centos-stream", "fedora"];

/// Whether scanners that list the packages of a system have advisories for it.
pub(super) fn has_advisories(os: &OsIdentity) -> bool {
    !WITHOUT_ADVISORIES.contains(&os.family.as_str())
}

/// The operating system of what was collected.
pub(super) fn identify(collected: &Collected) -> Option<OsIdentity> {
    let mut release = ["/etc/os-release", "/usr/lib/os-release"].iter();
    let text = release.find_map(|path| collected.text(path))?;
    let debian = collected.text("/etc/debian_version");
    Some(of_release(&text, debian.as_deref()))
}

/// The scanners' word for the `ID` of an os-release.
pub(super) fn family(id: &str) -> &str {
    FAMILIES.iter().find(|(known, _)| *known == id).map_or(id, |(_, ours)| ours)
}

fn of_release(text: &str, debian: Option<&str>) -> OsIdentity {
    let value = |name: &str| {
        let mut lines =
            text.lines().filter_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='));
        lines.next_back().map(|value| value.trim().trim_matches(['"', '\'']).to_owned())
    };
    let id = value("ID").unwrap_or_else(|| "linux".to_owned()).to_lowercase();
    let family = family(&id);
    let version = value("VERSION_ID").unwrap_or_default();
    let release = match family {
        // Its os-release leaves the point release out.
        "debian" => match debian.map(str::trim) {
            Some(point) if point.starts_with(&version) && !version.is_empty() => point.to_owned(),
            Some(name) if version.is_empty() => name.to_owned(),
            _ => version,
        },
        "centos" if text.contains("CentOS Stream") => {
            return OsIdentity { family: "centos-stream".to_owned(), release: version };
        }
        "talos" => version.trim_start_matches('v').to_owned(),
        _ if version.is_empty() => value("BUILD_ID").unwrap_or_default(),
        _ => version,
    };
    OsIdentity { family: family.to_owned(), release }
}

/// Whether a scanner's word for a system means the one that was found: it may know the release less
/// or more exactly.
pub(super) fn agrees(ours: &OsIdentity, scanners: &OsIdentity) -> bool {
    let leads = |a: &str, b: &str| {
        a.strip_prefix(b).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ' ']))
    };
    let (a, b) = (ours.release.as_str(), scanners.release.as_str());
    ours.family == scanners.family && (leads(a, b) || leads(b, a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_are_called_as_scanners_call_them() {
        let told = |text: &str, debian: Option<&str>| of_release(text, debian).to_string();
        assert_eq!(told("ID=debian\nVERSION_ID=\"12\"\n", Some("12.11\n")), "debian 12.11");
        assert_eq!(told("ID=debian\n", Some("forky/sid\n")), "debian forky/sid");
        assert_eq!(told("ID=\"rhel\"\nVERSION_ID=\"9.4\"\n", None), "redhat 9.4");
        assert_eq!(
            told("NAME=\"CentOS Stream\"\nID=centos\nVERSION_ID=9\n", None),
            "centos-stream 9"
        );
        assert_eq!(told("ID=arch\nBUILD_ID=rolling\n", None), "arch rolling");
        assert_eq!(told("ID=talos\nVERSION_ID=v1.11.2\n", None), "talos 1.11.2");
    }

    #[test]
    fn a_scanner_may_be_more_or_less_exact_and_not_of_another_mind() {
        let os = |family: &str, release: &str| OsIdentity {
            family: family.to_owned(),
            release: release.to_owned(),
        };
        assert!(agrees(&os("debian", "12"), &os("debian", "12.11")));
        assert!(agrees(&os("rocky", "9.4"), &os("rocky", "9")));
        assert!(agrees(&os("amazon", "2"), &os("amazon", "2 (Karoo)")));
        assert!(agrees(&os("amazon", "2023"), &os("amazon", "2023.6.20241010 (Amazon Linux)")));
        assert!(!agrees(&os("debian", "12"), &os("debian", "120")));
        assert!(!agrees(&os("debian", "12"), &os("ubuntu", "12")));
    }
}
