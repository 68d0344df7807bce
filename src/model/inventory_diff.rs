//! What has changed between two inventories.

use super::Package;

/// What has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InventoryDiff {
    /// Everything that has changed, by name.
    pub changes: Vec<PackageChange>,
    /// Number of packages that are the same in both.
    pub unchanged: usize,
}

/// A package that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageChange {
    /// What has become of it.
    pub kind: ChangeKind,
    /// As it was, if it was there.
    pub from: Option<Package>,
    /// As it is, if it is there.
    pub to: Option<Package>,
}

/// What has become of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// It was not there.
    Added,
    /// It is not there any more.
    Removed,
    /// Its version is newer.
    Upgraded,
    /// Its version is older.
    Downgraded,
    /// Its version is the same, or as good as the same: its architecture or its source is another.
    Rebuilt,
    /// Its version is another, and nobody can say which is the newer one.
    Changed,
}

impl ChangeKind {
    /// All of them, in the order in which they are counted.
    pub const ALL: [Self; 6] = [
        Self::Upgraded,
        Self::Downgraded,
        Self::Rebuilt,
        Self::Changed,
        Self::Added,
        Self::Removed,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Upgraded => "upgraded",
            Self::Downgraded => "downgraded",
            Self::Rebuilt => "rebuilt",
            Self::Changed => "changed",
        }
    }
}

impl PackageChange {
    /// The package as it is, or else as it was.
    pub fn package(&self) -> Option<&Package> {
        self.to.as_ref().or(self.from.as_ref())
    }
}

impl InventoryDiff {
    /// How many changes of this kind there are.
    pub fn count(&self, kind: ChangeKind) -> usize {
        self.changes.iter().filter(|change| change.kind == kind).count()
    }
}
