//! Two published versions beside each other.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::model::{
    ArtifactRecord, FindingKey, FindingsDocument, ImageName, InventoryDiff, OsIdentity,
    SettingChange, Since, Version,
};

/// What has changed between two versions, mostly of one image.
#[derive(Debug, Clone)]
pub struct Compared {
    /// The version that the other one is compared with.
    pub from: ComparedVersion,
    /// The other one.
    pub to: ComparedVersion,
    /// What has become of the packages.
    pub diff: InventoryDiff,
    /// What has become of the findings, if those of both are known.
    pub findings: Option<ComparedFindings>,
    /// The sizes of the files.
    pub sizes: Vec<SizeChange>,
    /// What is set up in another way, if it is known how both are.
    pub configuration: Option<Vec<SettingChange>>,
}

/// What has become of the findings.
#[derive(Debug, Clone)]
pub struct ComparedFindings {
    /// What is new and what is gone.
    pub since: Since,
    /// How many both have.
    pub unchanged: usize,
    /// By which advisories each was looked at last.
    pub advisories: [Option<Timestamp>; 2],
}

impl ComparedFindings {
    /// Compares the findings `then`, of `version`, with those `now`.
    pub fn of(version: Version, then: &FindingsDocument, now: &FindingsDocument) -> Self {
        let since = Since::of(version, &then.findings, now.findings.iter());
        let unchanged = FindingKey::once(&now.findings).len() - since.new.len();
        let advisories = [then.advisories_updated_at, now.advisories_updated_at];
        Self { since, unchanged, advisories }
    }
}

/// A file of both versions, or of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SizeChange {
    /// What its name ends with, after image and version: `.qcow2`.
    pub file: String,
    /// How many bytes it had, if it was there.
    pub from: Option<u64>,
    /// How many it has, if it is there.
    pub to: Option<u64>,
}

/// The files of a version of an image.
type Files<'a> = (&'a ImageName, Version, &'a [ArtifactRecord]);

impl SizeChange {
    /// The files of both, by name; none where nobody has recorded those of one.
    pub fn of(from: Files<'_>, to: Files<'_>) -> Vec<Self> {
        if from.2.is_empty() || to.2.is_empty() {
            return Vec::new();
        }
        let sizes = |(image, version, files): Files<'_>| {
            let stem = format!("{image}-v{version}");
            let size = |file: &ArtifactRecord| {
                let end = file.name.strip_prefix(&stem).unwrap_or(&file.name);
                (end.to_owned(), file.size)
            };
            files.iter().map(size).collect::<BTreeMap<_, _>>()
        };
        let (from, to) = (sizes(from), sizes(to));
        let names: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
        let change = |file: &String| Self {
            file: file.clone(),
            from: from.get(file).copied(),
            to: to.get(file).copied(),
        };
        names.into_iter().map(change).collect()
    }
}

/// One of two versions.
#[derive(Debug, Clone)]
pub struct ComparedVersion {
    /// Its image.
    pub image: ImageName,
    /// The version.
    pub version: Version,
    /// When it was published.
    pub published_at: Timestamp,
    /// Its operating system, if that is known.
    pub os: Option<OsIdentity>,
    /// Number of its packages.
    pub packages: usize,
}
