//! What has changed between two versions of an image: the answer of `diff`.

use jiff::Timestamp;
use serde::Serialize;

use crate::model::{self, ChangeKind, ImageName, Version};
use crate::report;

use super::Os;

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
}

/// One of two versions.
#[derive(Debug, Serialize)]
pub struct ComparedVersion<'a> {
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
            image: &compared.image,
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
        }
    }
}

impl<'a> ComparedVersion<'a> {
    fn of(version: &'a report::ComparedVersion) -> Self {
        Self {
            version: version.version,
            published_at: version.published_at,
            os: version.os.as_ref().map(|os| Os { family: &os.family, release: &os.release }),
            packages: version.packages,
        }
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
