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
    /// Installed version.
    pub installed: &'a str,
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
            let key = (&finding.id, &finding.source, &finding.installed, &finding.fixed, bucket);
            rows.entry(key)
                .or_insert_with(|| Self {
                    id: &finding.id,
                    severity: finding.severity,
                    fate,
                    packages: Vec::new(),
                    source: &finding.source,
                    installed: &finding.installed,
                    fixed: finding.fixed.as_deref(),
                    title: &finding.title,
                    url: finding.url.as_deref(),
                })
                .packages
                .push(&finding.package);
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
