//! Findings as people read them: an advisory strikes a source package once, however many binary
//! packages were built from it.

use indexmap::IndexMap;

use crate::model::{Bucket, Fate, Judged, Severity, Verdict};

/// One advisory that applies to one source package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdvisoryRow<'a> {
    /// Advisory id.
    pub id: &'a str,
    /// How bad it is.
    pub severity: Severity,
    /// Where its findings ended.
    pub fate: &'a Fate,
    /// The installed packages that it applies to; never empty.
    pub packages: Vec<&'a str>,
    /// The source package.
    pub source: &'a str,
    /// Their installed versions, each once; packages of one source may have several.
    pub installed: Vec<&'a str>,
    /// Version that has the fix, if there is one.
    pub fixed: Option<&'a str>,
    /// One line for people; may be empty.
    pub title: &'a str,
    /// Link to the advisory, if known.
    pub url: Option<&'a str>,
}

impl<'a> AdvisoryRow<'a> {
    /// The findings of the buckets that `wanted` picks, in the verdict's order: gravest first.
    pub fn of(verdict: &'a Verdict, wanted: impl Fn(Bucket) -> bool) -> Vec<Self> {
        let mut rows = IndexMap::new();
        for Judged { finding, fate } in &verdict.findings {
            let bucket = fate.bucket();
            if !wanted(bucket) {
                continue;
            }
            let key = (&finding.id, &finding.source, &finding.fixed, bucket);
            let row = rows.entry(key).or_insert_with(|| Self {
                id: &finding.id,
                severity: finding.severity,
                fate,
                packages: Vec::new(),
                source: &finding.source,
                installed: Vec::new(),
                fixed: finding.fixed.as_deref(),
                title: &finding.title,
                url: finding.url.as_deref(),
            });
            row.packages.push(&finding.package);
            if !row.installed.contains(&finding.installed.as_str()) {
                row.installed.push(&finding.installed);
            }
        }
        rows.into_values().collect()
    }

    /// The packages to name, and how many more there are.
    pub fn named_packages(&self) -> (&[&'a str], usize) {
        const NAMED: usize = 3;
        // "and 1 more" takes as much room as the name.
        let named = if self.packages.len() <= NAMED + 1 { self.packages.len() } else { NAMED };
        (&self.packages[..named], self.packages.len() - named)
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::verdict::{finding, judged};
    use super::*;
    use crate::model::Decision;

    #[test]
    fn packages_of_one_source_are_one_row_whatever_their_versions_are() {
        let low = |package, installed| {
            let of = ("CVE-2022-0563", "util-linux");
            judged(
                Fate::BelowThreshold,
                finding(Severity::Low, of.0, package, of.1, installed, None, ""),
            )
        };
        // One of them has an epoch of its own in Debian.
        let findings = vec![low("bsdutils", "1:2.38.1-5"), low("eject", "2.38.1-5")];
        let verdict = Verdict {
            decision: Decision::Passed,
            reasons: Vec::new(),
            warnings: Vec::new(),
            findings: [findings.clone(), findings].concat(),
            violations: Vec::new(),
            unchecked: Vec::new(),
        };
        let rows = AdvisoryRow::of(&verdict, |_| true);
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!(rows[0].packages.len(), 4);
        assert_eq!(rows[0].installed, ["1:2.38.1-5", "2.38.1-5"]);
    }
}
