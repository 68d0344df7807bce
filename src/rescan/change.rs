//! What has changed since the last time, and whether people should hear of it.

use std::collections::{BTreeSet, HashMap};

use crate::model::{
    Advice, AdviceKind, BlockingFinding, Bucket, Finding, FindingKey, Severity, Verdict,
};

/// What was found in a version at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its findings, if they are known.
    pub findings: Option<Vec<Finding>>,
    /// What would have blocked it.
    pub blocking: Vec<BlockingFinding>,
}

/// What would block, in a fixed order and each once.
pub fn blocking(verdict: &Verdict) -> Vec<BlockingFinding> {
    let blocking = verdict.in_bucket(Bucket::Blocks).map(|finding| BlockingFinding {
        id: finding.id.clone(),
        source: finding.source.clone(),
        fixed: finding.fixed.clone(),
    });
    blocking.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Whether two lists have the same findings. That a title or a link is another one is no news.
pub fn same_findings(one: &[Finding], other: &[Finding]) -> bool {
    fn keys(findings: &[Finding]) -> Vec<(&str, &str, &str, Option<&str>, Severity)> {
        let mut keys: Vec<_> = findings
            .iter()
            .map(|it| {
                let (id, package) = (it.id.as_str(), it.package.as_str());
                (id, package, it.installed.as_str(), it.fixed.as_deref(), it.severity)
            })
            .collect();
        keys.sort_unstable();
        keys
    }
    one.len() == other.len() && keys(one) == keys(other)
}

/// What people should hear of a version, that was `before` and of which `verdict` says what it is now.
pub fn advice(about: &Advice, before: &Seen, verdict: &Verdict) -> Vec<Advice> {
    let said = |kind, findings: Vec<Finding>| {
        let each = FindingKey::once(&findings);
        let more = each.len().saturating_sub(Advice::NAMED);
        let findings = each.into_iter().take(Advice::NAMED).cloned().collect();
        Advice { kind, findings, more, ..about.clone() }
    };
    let mut advice = Vec::new();
    let now: Vec<Finding> = verdict.in_bucket(Bucket::Blocks).cloned().collect();
    match (before.blocking.is_empty(), now.is_empty()) {
        (true, false) => advice.push(said(AdviceKind::BecameBad, now)),
        (false, true) => advice.push(said(AdviceKind::CleanAgain, Vec::new())),
        _ => {}
    }
    let fixable = fixable(before.findings.as_deref().unwrap_or_default(), verdict);
    if !fixable.is_empty() {
        advice.push(said(AdviceKind::NewlyFixable, fixable));
    }
    advice
}

/// The findings that had no fix and have one now, as far as the policy cares for them.
fn fixable(before: &[Finding], verdict: &Verdict) -> Vec<Finding> {
    let mut had_none: HashMap<(&str, &str), bool> = HashMap::new();
    for finding in before {
        let none = had_none.entry((&finding.id, &finding.package)).or_insert(true);
        *none &= finding.fixed.is_none();
    }
    let cares = |bucket| !matches!(bucket, Bucket::BelowThreshold | Bucket::Waived);
    let judged = verdict.findings.iter().filter(|judged| cares(judged.bucket()));
    let fixable = judged.map(|judged| &judged.finding).filter(|finding| {
        let key = (finding.id.as_str(), finding.package.as_str());
        finding.fixed.is_some() && had_none.get(&key) == Some(&true)
    });
    fixable.cloned().collect()
}
