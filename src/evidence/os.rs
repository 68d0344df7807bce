//! Who a system says it is (os-release(5), and what distributions have besides).

use goldsmith_disk::OsRelease;

use super::collector::Collected;
use crate::formats::operating_system::identity;
use crate::model::OsIdentity;

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
pub(super) fn family(id: &str) -> String {
    identity(id, "").family
}

fn of_release(text: &str, debian: Option<&str>) -> OsIdentity {
    let release = OsRelease::parse(text.as_bytes());
    let version = release.version_id();
    let mut os = identity(release.id(), version);
    match os.family.as_str() {
        // Its os-release leaves the point release out.
        "debian" => match debian.map(str::trim) {
            Some(point) if version.is_empty() || point.starts_with(version) => {
                point.clone_into(&mut os.release);
            }
            _ => {}
        },
        "centos" if release.get("NAME") == "CentOS Stream" => {
            "centos-stream".clone_into(&mut os.family);
        }
        "talos" => version.trim_start_matches('v').clone_into(&mut os.release),
        _ if version.is_empty() => release.get("BUILD_ID").clone_into(&mut os.release),
        _ => {}
    }
    os
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
