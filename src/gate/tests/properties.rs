//! What holds of every decision, whatever is found.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp, civil};
use proptest::prelude::*;

use super::super::*;
use super::{NOW, debian};
use crate::model::samples::{evidence, finding, policy, scan};
use crate::model::{Bucket, FindingKey, KnownFindings, Severity, SeveritySource, Waiver};

const TODAY: civil::Date = civil::date(2026, 11, 23);

fn any_finding() -> impl Strategy<Value = Finding> {
    let ago = || prop::option::of(-30i64..60);
    ("CVE-2026-[0-4]", "[a-c]", 0usize..5, any::<bool>(), ago(), ago(), 0usize..5).prop_map(
        |(id, package, severity, fixed, published, fixed_at, rating)| {
            let severity = Severity::GRAVEST_FIRST[severity];
            let mut found = finding(&id, &package, severity, fixed.then_some("2"));
            let at = |days: i64| -> Timestamp {
                NOW.parse::<Timestamp>().unwrap() - SignedDuration::from_hours(days * 24)
            };
            found.published = published.map(at);
            found.fixed_at = fixed_at.map(at);
            found.ratings = [("nvd".to_owned(), Severity::GRAVEST_FIRST[rating])].into();
            found
        },
    )
}

fn any_waiver() -> impl Strategy<Value = Waiver> {
    ("CVE-2026-[0-4]", prop::collection::vec("[a-c*]", 0..2), -20i32..20).prop_map(
        |(id, packages, days)| Waiver {
            id,
            images: Vec::new(),
            packages,
            reason: "not reachable".into(),
            until: TODAY + jiff::Span::new().days(days),
            by: None,
            line: 1,
        },
    )
}

/// What people may have decided.
#[derive(Debug, Clone)]
struct Decided {
    policy: GatePolicy,
    lists: GateLists,
    before: Before,
}

fn any_decided() -> impl Strategy<Value = Decided> {
    let sources = prop::sample::select(vec![
        SeveritySource::Vendor,
        SeveritySource::Nvd,
        SeveritySource::Highest,
    ]);
    let grace = prop::option::of(0u64..40);
    let waivers = prop::collection::vec(any_waiver(), 0..4);
    let known = prop::collection::btree_set(("CVE-2026-[0-4]", "[a-c]"), 0..4);
    let bits = any::<[bool; 3]>();
    (sources, grace, waivers, known, bits, "CVE-2026-[0-4]").prop_map(
        |(source, grace, waivers, known, [ignore_unfixed, new_only, introduced], exploited)| {
            let grace = grace.map(|days| (Severity::High, Duration::from_hours(days * 24)));
            let findings = known.into_iter().map(|(id, source)| FindingKey { id, source });
            let version = "1.0.20261101".parse().unwrap();
            Decided {
                policy: GatePolicy {
                    ignore_unfixed,
                    severity_source: source,
                    fix_grace: BTreeMap::from_iter(grace),
                    new_only: new_only.then(|| "stable".parse().unwrap()),
                    ..policy()
                },
                lists: GateLists { waivers, exploited: Arc::new([exploited].into()) },
                before: Before {
                    granted: Some(KnownFindings { version, findings: findings.collect() }),
                    only_introduced: introduced,
                    packages: None,
                },
            }
        },
    )
}

fn judge_by(decided: &Decided, findings: Vec<Finding>) -> Verdict {
    judge(&Case {
        subject: Digest::of(b"disk"),
        expected: &debian(),
        evidence: &evidence(),
        scan: Some(&scan(findings)),
        policy: &decided.policy,
        lists: &decided.lists,
        before: &decided.before,
        now: NOW.parse().unwrap(),
    })
}

fn blocking(verdict: &Verdict) -> Vec<Finding> {
    verdict.in_bucket(Bucket::Blocks).cloned().collect()
}

proptest! {
    #[test]
    fn every_finding_ends_in_one_bucket_and_the_order_of_input_never_matters(
        decided in any_decided(), findings in prop::collection::vec(any_finding(), 0..12),
    ) {
        let verdict = judge_by(&decided, findings.clone());
        let counts: usize = Bucket::ALL.map(|bucket| verdict.in_bucket(bucket).count()).iter().sum();
        prop_assert_eq!(counts, findings.len());
        let reversed = Decided {
            lists: GateLists {
                waivers: decided.lists.waivers.iter().rev().cloned().collect(),
                ..decided.lists.clone()
            },
            ..decided.clone()
        };
        let mut again = judge_by(&reversed, findings.into_iter().rev().collect());
        // Of two waivers that hold equally long, either may be named.
        let plain = |verdict: &mut Verdict| {
            for judged in &mut verdict.findings {
                if let crate::model::Fate::Waived(by) = &mut judged.fate {
                    by.packages.clear();
                }
            }
            verdict.warnings.sort_by(|a, b| a.message.cmp(&b.message));
            verdict.warnings.dedup();
        };
        let mut verdict = verdict;
        plain(&mut verdict);
        plain(&mut again);
        prop_assert_eq!(verdict, again);
    }

    #[test]
    fn one_more_finding_never_blocks_less(
        decided in any_decided(),
        findings in prop::collection::vec(any_finding(), 0..6),
        more in any_finding(),
    ) {
        let before = blocking(&judge_by(&decided, findings.clone()));
        let mut findings = findings;
        findings.push(more);
        let after = blocking(&judge_by(&decided, findings));
        prop_assert!(before.iter().all(|finding| after.contains(finding)));
    }

    #[test]
    fn one_more_waiver_never_blocks_more(
        decided in any_decided(),
        findings in prop::collection::vec(any_finding(), 0..8),
        more in any_waiver(),
    ) {
        let before = blocking(&judge_by(&decided, findings.clone()));
        let mut decided = decided;
        decided.lists.waivers.push(more);
        let after = blocking(&judge_by(&decided, findings));
        prop_assert!(after.iter().all(|finding| before.contains(finding)));
    }

    #[test]
    fn a_waiver_that_has_ended_equals_none(
        decided in any_decided(), findings in prop::collection::vec(any_finding(), 0..8),
    ) {
        let buckets = |verdict: &Verdict| -> Vec<(Finding, Bucket)> {
            verdict.findings.iter().map(|it| (it.finding.clone(), it.bucket())).collect()
        };
        let with = judge_by(&decided, findings.clone());
        let mut without = decided;
        without.lists.waivers.retain(|waiver| waiver.until >= TODAY);
        let without = judge_by(&without, findings);
        prop_assert_eq!(with.decision, without.decision);
        prop_assert_eq!(with.reasons.clone(), without.reasons.clone());
        prop_assert_eq!(buckets(&with), buckets(&without));
    }
}
