//! What of the findings has changed since a version.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Finding, FindingKey, Version};

/// What of the findings of an image has changed since a version. An advisory counts once for a source
/// package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    /// The version that is out.
    pub version: Version,
    /// What it does not have, gravest first.
    pub new: Vec<Finding>,
    /// What it has and the image has not, gravest first.
    pub fixed: Vec<Finding>,
}

impl Since {
    /// Compares the findings of `version`, `before`, with those of `now`.
    pub fn of<'a>(
        version: Version,
        before: &'a [Finding],
        now: impl Iterator<Item = &'a Finding>,
    ) -> Self {
        let (before, now) = (once(before.iter()), once(now));
        let without = |these: &BTreeMap<FindingKey, &Finding>, those: &BTreeMap<FindingKey, _>| {
            let rest = these.iter().filter(|(key, _)| !those.contains_key(*key));
            let mut rest: Vec<Finding> = rest.map(|(_, finding)| (*finding).clone()).collect();
            rest.sort_by(|a, b| (Reverse(a.severity), a).cmp(&(Reverse(b.severity), b)));
            rest
        };
        Self { version, new: without(&now, &before), fixed: without(&before, &now) }
    }
}

/// Each once, as its gravest.
fn once<'a>(findings: impl Iterator<Item = &'a Finding>) -> BTreeMap<FindingKey, &'a Finding> {
    let mut each: BTreeMap<FindingKey, &Finding> = BTreeMap::new();
    for finding in findings {
        let known = each.entry(finding.into()).or_insert(finding);
        if finding.severity > known.severity {
            *known = finding;
        }
    }
    each
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Severity;
    use crate::model::samples::finding;

    #[test]
    fn packages_that_move_on_with_the_same_advisory_are_nothing_new() {
        let mut libraries = finding("CVE-2026-1", "libkrb5-3", Severity::High, Some("2"));
        libraries.source = "krb5".into();
        let mut locales = Finding { package: "krb5-locales".into(), ..libraries.clone() };
        let gone = finding("CVE-2026-2", "curl", Severity::Low, Some("2"));
        let before = [libraries, gone.clone()];
        locales.installed = "1.1".into();
        let come = finding("CVE-2026-3", "curl", Severity::Critical, None);
        let version = "1.0.20261101".parse().unwrap();
        let since = Since::of(version, &before, [&come, &locales].into_iter());
        assert_eq!(since, Since { version, new: vec![come], fixed: vec![gone] });
    }
}
