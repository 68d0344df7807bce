//! Kernels that are installed and are not the newest of their flavour.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::{Case, Check, Outcome, some};
use crate::formats::version_order::VersionOrder;
use crate::model::{Basis, Finding, Package};

pub(super) const CHECKS: &[(&str, Check)] = &[("superseded-kernels", check)];

/// Packages of a kernel, of which RPM keeps several versions.
const OF_RPM: [&str; 12] = [
    "kernel",
    "kernel-core",
    "kernel-default",
    "kernel-default-base",
    "kernel-devel",
    "kernel-modules",
    "kernel-modules-core",
    "kernel-modules-extra",
    "kernel-rt-core",
    "kernel-uek",
    "kernel-uek-core",
    "kernel-uek-modules",
];

/// The kernels that are not the newest.
#[derive(Debug, Default)]
pub(in super::super) struct Superseded<'a> {
    /// Their releases, as names of Debian's packages have them: `6.1.0-27-amd64`.
    releases: BTreeSet<&'a str>,
    /// Packages of RPM with their versions.
    packages: BTreeSet<(&'a str, &'a str)>,
}

impl<'a> Superseded<'a> {
    /// Those of `packages`.
    pub(in super::super) fn of(packages: &'a [Package]) -> Self {
        let mut superseded = Self::default();
        let mut flavours: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
        let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for package in packages {
            if let Some(release) = release_of_image(&package.name) {
                let flavour = split(release).map_or("", |(_, flavour)| flavour);
                flavours.entry(flavour).or_default().push((release, &package.version));
            } else if OF_RPM.contains(&&*package.name) {
                versions.entry(&package.name).or_default().push(&package.version);
            }
        }
        for kernels in flavours.values() {
            let order = |a: &&(&str, &str), b: &&(&str, &str)| {
                let compare = |a, b| VersionOrder::Dpkg.compare(a, b).unwrap_or(Ordering::Equal);
                compare(a.0, b.0).then_with(|| compare(a.1, b.1))
            };
            let newest = kernels.iter().max_by(order).map(|(release, _)| *release);
            let others = kernels.iter().map(|(release, _)| *release);
            superseded.releases.extend(others.filter(|release| Some(*release) != newest));
        }
        for (name, versions) in versions {
            let compare =
                |a: &&&str, b: &&&str| VersionOrder::Rpm.compare(a, b).unwrap_or(Ordering::Equal);
            let newest = versions.iter().max_by(compare).copied();
            let others = versions.iter().filter(|version| Some(**version) != newest);
            superseded.packages.extend(others.map(|version| (name, *version)));
        }
        superseded
    }

    /// Whether a finding is of one of them.
    pub(in super::super) fn has(&self, finding: &Finding) -> bool {
        self.packages.contains(&(finding.package.as_str(), finding.installed.as_str()))
            || finding.package.starts_with("linux-")
                && self.releases.iter().any(|release| is_of(&finding.package, release))
    }

    /// What they are called.
    pub(in super::super) fn names(&self) -> Vec<String> {
        let debian = self.releases.iter().map(|release| format!("linux-image-{release}"));
        let rpm = self.packages.iter().map(|(name, version)| format!("{name} {version}"));
        debian.chain(rpm).collect()
    }
}

/// `6.1.0-27-amd64` of `linux-image-6.1.0-27-amd64`; none of `linux-image-amd64`, which stands for the
/// newest.
fn release_of_image(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("linux-image-")?;
    let rest = rest.strip_prefix("unsigned-").unwrap_or(rest);
    let release = rest.strip_suffix("-dbg").unwrap_or(rest);
    (release.starts_with(|c: char| c.is_ascii_digit()) && rest == release).then_some(release)
}

/// The version of a release, and its flavour: `6.1.0-27`, `cloud-amd64`.
fn split(release: &str) -> Option<(&str, &str)> {
    let mut dashes = release.match_indices('-').map(|(at, _)| at);
    let (first, second) = (dashes.next()?, dashes.next());
    let numbered = release[first + 1..].starts_with(|c: char| c.is_ascii_digit());
    let end = if numbered { second? } else { first };
    Some((&release[..end], &release[end + 1..]))
}

/// Whether a package belongs to a release: `linux-modules-6.8.0-48-generic`, and what is common to
/// all of its flavours, `linux-headers-6.8.0-48`.
fn is_of(package: &str, release: &str) -> bool {
    let common = split(release).map(|(version, _)| version);
    let ends = |end: &str| package.strip_suffix(end).is_some_and(|rest| rest.ends_with('-'));
    ends(release)
        || common.is_some_and(|version| ends(version) || ends(&format!("{version}-common")))
}

fn check(case: &Case<'_>) -> Outcome {
    if !matches!(case.evidence.basis, Basis::Packages | Basis::Document) {
        return Outcome::Unchecked;
    }
    let superseded = Superseded::of(&case.evidence.inventory.packages);
    let names = superseded.names();
    match names.as_slice() {
        [] => Outcome::Kept,
        names => Outcome::Broken {
            message: format!(
                "{} installed, and not the newest: {}{}",
                if names.len() == 1 { "a kernel is" } else { "kernels are" },
                names.iter().take(3).cloned().collect::<Vec<_>>().join(", "),
                if names.len() > 3 { ", …" } else { "" },
            ),
            places: some(std::iter::empty()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Severity;
    use crate::model::samples::finding;

    fn package(name: &str, version: &str) -> Package {
        Package {
            name: name.into(),
            version: version.into(),
            arch: String::new(),
            source: name.into(),
        }
    }

    #[test]
    fn only_the_newest_kernel_of_a_flavour_counts() {
        let packages = [
            package("linux-image-6.1.0-9-amd64", "6.1.27-1"),
            package("linux-image-6.1.0-27-amd64", "6.1.115-1"),
            package("linux-image-6.1.0-28-cloud-amd64", "6.1.119-1"),
            package("linux-image-unsigned-6.8.0-48-generic", "6.8.0-48.48"),
            package("linux-image-unsigned-6.8.0-49-generic", "6.8.0-49.49"),
            package("linux-image-amd64", "6.1.115-1"),
            package("kernel-core", "5.14.0-427.el9"),
            package("kernel-core", "5.14.0-503.el9"),
            package("kernel-tools", "5.14.0-427.el9"),
        ];
        let superseded = Superseded::of(&packages);
        assert_eq!(
            superseded.names(),
            [
                "linux-image-6.1.0-9-amd64",
                "linux-image-6.8.0-48-generic",
                "kernel-core 5.14.0-427.el9"
            ]
        );
        for (name, installed, is) in [
            ("linux-image-6.1.0-9-amd64", "6.1.27-1", true),
            ("linux-image-6.1.0-27-amd64", "6.1.115-1", false),
            ("linux-modules-6.8.0-48-generic", "6.8.0-48.48", true),
            ("linux-headers-6.8.0-48", "6.8.0-48.48", true),
            ("linux-libc-dev", "6.1.27-1", false),
            ("kernel-core", "5.14.0-427.el9", true),
            ("kernel-core", "5.14.0-503.el9", false),
        ] {
            let mut finding = finding("CVE-2026-1", name, Severity::High, Some("9"));
            finding.installed = installed.to_owned();
            assert_eq!(superseded.has(&finding), is, "{name} {installed}");
        }
    }
}
