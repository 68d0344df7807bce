//! Which of two versions is the newer one, as each package manager sees it.

mod apk;
mod dpkg;
mod pacman;
mod rpm;
mod segments;

use std::cmp::Ordering;
use std::collections::BTreeSet;

/// A package manager's order of versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionOrder {
    /// Debian's (deb-version(7)).
    Dpkg,
    /// That of RPM (rpm-version(7)).
    Rpm,
    /// Alpine's (apk-package(5)).
    Apk,
    /// Arch Linux's (vercmp(8)).
    Pacman,
}

impl VersionOrder {
    /// The order of the one package manager whose packages these types of package URLs are; none
    /// where there are several, or others.
    pub fn of_ecosystems(ecosystems: &BTreeSet<String>) -> Option<Self> {
        let mut orders = ecosystems.iter().filter_map(|kind| match kind.as_str() {
            "deb" => Some(Self::Dpkg),
            "rpm" => Some(Self::Rpm),
            "apk" => Some(Self::Apk),
            "alpm" => Some(Self::Pacman),
            _ => None,
        });
        orders.next().filter(|_| orders.next().is_none())
    }

    /// How `one` stands to `other`; none where one of them is no version to the package manager.
    pub fn compare(self, one: &str, other: &str) -> Option<Ordering> {
        match self {
            Self::Dpkg => Some(dpkg::compare(one, other)),
            Self::Rpm => Some(rpm::compare(one, other)),
            Self::Apk => apk::compare(one, other),
            Self::Pacman => Some(pacman::compare(one, other)),
        }
    }
}

#[cfg(test)]
mod tests;
