//! Operating systems: what `images.yml` names and what was found inside an artifact.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The operating system that an image is said to be: `{ family: debian, release: "12" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Os {
    /// Family in lower case, as Trivy and `os-release` name it: `debian`, `ubuntu`, `rocky`.
    pub family: String,
    /// Release or a leading part of it: `12`, `24.04`.
    pub release: String,
}

/// The operating system that was found inside an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OsIdentity {
    /// Family in lower case.
    pub family: String,
    /// Full release: `12.11`.
    pub release: String,
}

impl Os {
    /// Whether `found` is this operating system: the same family, and a release that this one
    /// equals or leads (`12` admits `12.11`, and not `120`).
    pub fn admits(&self, found: &OsIdentity) -> bool {
        let leads = found
            .release
            .strip_prefix(&self.release)
            // Amazon Linux has a name behind it: `2 (Karoo)`.
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ' ']));
        self.family == found.family && leads
    }
}

impl fmt::Display for Os {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.family, self.release)
    }
}

impl fmt::Display for OsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.family, self.release)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_admitted_by_its_leading_parts() {
        let os =
            |family: &str, release: &str| Os { family: family.into(), release: release.into() };
        let found = OsIdentity { family: "debian".into(), release: "12.11".into() };
        assert!(os("debian", "12").admits(&found));
        assert!(os("debian", "12.11").admits(&found));
        assert!(!os("debian", "1").admits(&found));
        assert!(!os("debian", "12.1").admits(&found));
        assert!(!os("debian", "13").admits(&found));
        assert!(!os("ubuntu", "12").admits(&found));
        let found = OsIdentity { family: "amazon".into(), release: "2 (Karoo)".into() };
        assert!(os("amazon", "2").admits(&found));
    }
}
