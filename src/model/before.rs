//! What the gate has to know of earlier versions, and of the build.

use std::collections::BTreeSet;

use super::{Finding, ImageRelease, Os, Source, Version};

/// What the gate has to know of earlier versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Before {
    /// The version whose findings are not new: the one that `new_only` names, or the one that is out.
    pub granted: Option<KnownFindings>,
    /// Whether it is a change that is judged, of which nothing is published: only what it introduces
    /// counts then, however grave the rest is.
    pub only_introduced: bool,
    /// The packages of the newest published version.
    pub packages: Option<KnownPackages>,
}

/// How many packages a version has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownPackages {
    /// The version.
    pub version: Version,
    /// How many.
    pub count: usize,
    /// Whether it was built from the definition that is built now.
    pub same_definition: bool,
}

/// The findings of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFindings {
    /// The version.
    pub version: Version,
    /// What it has.
    pub findings: BTreeSet<FindingKey>,
}

/// What makes a finding the same finding in two versions: the advisory and the source package,
/// however many binary packages come from that and in whichever version they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingKey {
    /// Advisory id.
    pub id: String,
    /// Name of the source package.
    pub source: String,
}

impl FindingKey {
    /// The first of `findings` with each key, in their order.
    pub fn once<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Vec<&'a Finding> {
        let mut met = BTreeSet::new();
        findings.into_iter().filter(|finding| met.insert(Self::from(*finding))).collect()
    }
}

impl From<&Finding> for FindingKey {
    fn from(finding: &Finding) -> Self {
        Self { id: finding.id.clone(), source: finding.source.clone() }
    }
}

/// What an artifact is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The operating system.
    pub os: Os,
    /// How it came about; nothing for an artifact that nobody says it of.
    pub source: Option<Source>,
    /// What it has to say of itself; nothing where nobody has stamped it.
    pub stamp: Option<ImageRelease>,
    /// How many bytes its files may have together.
    pub max_size: Option<u64>,
    /// How many they have.
    pub size: Option<u64>,
    /// How its template gets into the guest.
    pub access: BuildAccess,
}

impl Expected {
    /// No more than an operating system.
    pub fn os(os: Os) -> Self {
        Self {
            os,
            source: None,
            stamp: None,
            max_size: None,
            size: None,
            access: BuildAccess::default(),
        }
    }
}

/// How a template gets into the guest while it builds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildAccess {
    /// The users that it logs in as, as far as the template says it.
    pub users: BTreeSet<String>,
    /// The passwords that stand in the template. They are public, so hashes of them open the image.
    pub passwords: BTreeSet<String>,
}
