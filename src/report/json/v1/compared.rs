//! What has changed between two versions of an image: the answer of `diff`.

use jiff::Timestamp;
use serde::Serialize;

use crate::model::{self, ChangeKind, ImageName, Version};
use crate::report;

use super::{Os, RescanFinding};

/// The answer of `diff`.
#[derive(Debug, Serialize)]
pub struct Compared<'a> {
    /// The image.
    pub image: &'a ImageName,
    /// The version that the other one is compared with.
    pub from: ComparedVersion<'a>,
    /// The other one.
    pub to: ComparedVersion<'a>,
    /// How many packages have changed in which way.
    pub counts: ChangeCounts,
    /// The packages that have changed, by name.
    pub changes: Vec<PackageChange<'a>>,
    /// What has become of the findings; `null` if those of one are not known.
    pub findings: Option<ComparedFindings<'a>>,
    /// The files of both.
    pub files: Vec<SizeChange<'a>>,
    /// What is set up in another way; `null` if it is not known how one is.
    pub configuration: Option<Vec<SettingChange<'a>>>,
}

/// What has become of the findings.
#[derive(Debug, Serialize)]
pub struct ComparedFindings<'a> {
    /// When the advisories were made that the first was looked at by the last time.
    pub from_advisories: Option<Timestamp>,
    /// When those were made that the other one was.
    pub to_advisories: Option<Timestamp>,
    /// What only the other one has, gravest first.
    pub new: Vec<RescanFinding<'a>>,
    /// What only the first has, gravest first.
    pub gone: Vec<RescanFinding<'a>>,
    /// How many both have.
    pub unchanged: usize,
}

/// A file.
#[derive(Debug, Serialize)]
pub struct SizeChange<'a> {
    /// What its name ends with, after image and version: `.qcow2`.
    pub file: &'a str,
    /// How many bytes it had, if it was there.
    pub from: Option<u64>,
    /// How many it has, if it is there.
    pub to: Option<u64>,
}

/// Something that is set up in another way.
#[derive(Debug, Serialize)]
pub struct SettingChange<'a> {
    /// The subject: `accounts`, `authorized keys`, `cloud-init`, `fstab`, `login.defs`, `services`,
    /// `set-id programs`, `sshd` or `sudo`.
    pub subject: &'a str,
    /// What it is.
    pub name: &'a str,
    /// What was said of it, if it was there.
    pub from: Option<&'a str>,
    /// What is said of it, if it is there.
    pub to: Option<&'a str>,
}

/// One of two versions.
#[derive(Debug, Serialize)]
pub struct ComparedVersion<'a> {
    /// Its image.
    pub image: &'a ImageName,
    /// The version.
    pub version: Version,
    /// When it was published.
    pub published_at: Timestamp,
    /// Its operating system, if that is known.
    pub os: Option<Os<'a>>,
    /// Number of its packages.
    pub packages: usize,
}

/// How many packages have changed in which way.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the words of `change`")]
pub struct ChangeCounts {
    pub upgraded: usize,
    pub downgraded: usize,
    pub rebuilt: usize,
    pub changed: usize,
    pub added: usize,
    pub removed: usize,
    pub unchanged: usize,
}

/// A package that has changed.
#[derive(Debug, Serialize)]
pub struct PackageChange<'a> {
    /// Its name.
    pub package: &'a str,
    /// What has become of it: `upgraded`, `downgraded`, `rebuilt`, `changed`, `added` or `removed`.
    pub change: &'static str,
    /// As it was, if it was there.
    pub from: Option<PackageState<'a>>,
    /// As it is, if it is there.
    pub to: Option<PackageState<'a>>,
}

/// A package in one of the versions.
#[derive(Debug, Serialize)]
pub struct PackageState<'a> {
    /// Its version.
    pub version: &'a str,
    /// Its architecture; empty where the package manager has none.
    pub arch: &'a str,
    /// The source package that it was built from.
    pub source: &'a str,
}

impl<'a> Compared<'a> {
    pub(super) fn of(compared: &'a report::Compared) -> Self {
        let diff = &compared.diff;
        Self {
            image: &compared.from.image,
            from: ComparedVersion::of(&compared.from),
            to: ComparedVersion::of(&compared.to),
            counts: ChangeCounts {
                upgraded: diff.count(ChangeKind::Upgraded),
                downgraded: diff.count(ChangeKind::Downgraded),
                rebuilt: diff.count(ChangeKind::Rebuilt),
                changed: diff.count(ChangeKind::Changed),
                added: diff.count(ChangeKind::Added),
                removed: diff.count(ChangeKind::Removed),
                unchanged: diff.unchanged,
            },
            changes: diff.changes.iter().map(PackageChange::of).collect(),
            findings: compared.findings.as_ref().map(ComparedFindings::of),
            files: compared.sizes.iter().map(SizeChange::of).collect(),
            configuration: compared
                .configuration
                .as_ref()
                .map(|changes| changes.iter().map(SettingChange::of).collect()),
        }
    }
}

impl<'a> ComparedVersion<'a> {
    fn of(version: &'a report::ComparedVersion) -> Self {
        Self {
            image: &version.image,
            version: version.version,
            published_at: version.published_at,
            os: version.os.as_ref().map(|os| Os { family: &os.family, release: &os.release }),
            packages: version.packages,
        }
    }
}

impl<'a> ComparedFindings<'a> {
    fn of(findings: &'a report::ComparedFindings) -> Self {
        let each =
            |findings: &'a [model::Finding]| findings.iter().map(RescanFinding::of).collect();
        let [from_advisories, to_advisories] = findings.advisories;
        Self {
            from_advisories,
            to_advisories,
            new: each(&findings.since.new),
            gone: each(&findings.since.fixed),
            unchanged: findings.unchanged,
        }
    }
}

impl<'a> SizeChange<'a> {
    fn of(change: &'a report::SizeChange) -> Self {
        Self { file: &change.file, from: change.from, to: change.to }
    }
}

impl<'a> SettingChange<'a> {
    fn of(change: &'a model::SettingChange) -> Self {
        let model::SettingChange { subject, name, from, to } = change;
        Self { subject, name, from: from.as_deref(), to: to.as_deref() }
    }
}

impl<'a> PackageChange<'a> {
    fn of(change: &'a model::PackageChange) -> Self {
        let state = |package: &'a model::Package| PackageState {
            version: &package.version,
            arch: &package.arch,
            source: &package.source,
        };
        Self {
            package: change.package().map_or("", |package| package.name.as_str()),
            change: change.kind.as_str(),
            from: change.from.as_ref().map(state),
            to: change.to.as_ref().map(state),
        }
    }
}
