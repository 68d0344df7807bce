//! Every combination of what decides about a finding, against what the documentation says in words.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::super::*;
use super::{NOW, debian};
use crate::model::samples::{evidence, finding, policy, scan};
use crate::model::{
    Bucket, FindingKey, GateLists, KnownFindings, Severity, SeveritySource, Waiver,
};

/// How long ago something was, against a grace of seven days.
#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    Never,
    SixDaysAgo,
    SevenDaysAgo,
    InTenDays,
}

/// What people say of a finding.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Permission {
    None,
    UntilToday,
    UntilYesterday,
    OfAnotherPackage,
}

/// How somebody else rates it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Nvd {
    Silent,
    Unrated,
    Low,
    Critical,
}

/// Everything that is to know of one finding.
#[derive(Debug, Clone, Copy)]
struct Row {
    severity: Severity,
    has_fix: bool,
    fixed: When,
    published: When,
    permission: Permission,
    is_out: bool,
    is_exploited: bool,
    nvd: Nvd,
}

/// Everything that is to know of a policy, with HIGH and CRITICAL in `fail_on`.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "the switches of a policy, each on and off")]
struct Column {
    ignore_unfixed: bool,
    grace: bool,
    new_only: bool,
    only_introduced: bool,
    source: SeveritySource,
}

const SEVERITIES: [Severity; 5] = Severity::GRAVEST_FIRST;
const WHENS: [When; 4] = [When::Never, When::SixDaysAgo, When::SevenDaysAgo, When::InTenDays];

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for severity in SEVERITIES {
        for (has_fix, fixed) in
            WHENS.map(|fixed| (true, fixed)).into_iter().chain([(false, When::Never)])
        {
            for published in WHENS {
                for permission in [
                    Permission::None,
                    Permission::UntilToday,
                    Permission::UntilYesterday,
                    Permission::OfAnotherPackage,
                ] {
                    for nvd in [Nvd::Silent, Nvd::Unrated, Nvd::Low, Nvd::Critical] {
                        for (is_out, is_exploited) in
                            [(false, false), (false, true), (true, false), (true, true)]
                        {
                            rows.push(Row {
                                severity,
                                has_fix,
                                fixed,
                                published,
                                permission,
                                is_out,
                                is_exploited,
                                nvd,
                            });
                        }
                    }
                }
            }
        }
    }
    rows
}

fn columns() -> Vec<Column> {
    let mut columns = Vec::new();
    for source in [SeveritySource::Vendor, SeveritySource::Nvd, SeveritySource::Highest] {
        for number in 0..16 {
            let bit = |bit: u32| number >> bit & 1 == 1;
            columns.push(Column {
                ignore_unfixed: bit(0),
                grace: bit(1),
                new_only: bit(2),
                only_introduced: bit(3),
                source,
            });
        }
    }
    columns
}

/// What the documentation says, word for word and without a date: the first line that applies.
fn documented(row: Row, column: Column) -> Bucket {
    let Row { severity, has_fix, fixed, published, permission, is_out, is_exploited, nvd } = row;
    let severity = match (column.source, nvd) {
        (SeveritySource::Vendor, _) | (_, Nvd::Silent | Nvd::Unrated) => severity,
        (SeveritySource::Nvd, Nvd::Low) => Severity::Low,
        (SeveritySource::Highest, Nvd::Low) => severity.max(Severity::Low),
        (_, Nvd::Critical) => Severity::Critical,
    };
    let critical = severity == Severity::Critical;
    let since = if fixed == When::Never { published } else { fixed };
    let lines = [
        (!critical && severity != Severity::High, Bucket::BelowThreshold),
        (column.ignore_unfixed && !has_fix, Bucket::Unfixed),
        (permission == Permission::UntilToday, Bucket::Waived),
        (column.only_introduced && is_out, Bucket::NotNew),
        (column.new_only && is_out && !critical, Bucket::NotNew),
        (column.grace && !critical && !is_exploited && since == When::SixDaysAgo, Bucket::InGrace),
    ];
    lines.into_iter().find(|(applies, _)| *applies).map_or(Bucket::Blocks, |(_, bucket)| bucket)
}

fn at(when: When) -> Option<Timestamp> {
    let days = match when {
        When::Never => return None,
        When::SixDaysAgo => -6,
        When::SevenDaysAgo => -7,
        When::InTenDays => 10,
    };
    let now: Timestamp = NOW.parse().unwrap();
    Some(now + SignedDuration::from_hours(days * 24))
}

fn id(number: usize) -> String {
    format!("CVE-2026-{number:06}")
}

fn found(number: usize, row: Row) -> Finding {
    let mut found = finding(&id(number), "libkrb5-3", row.severity, row.has_fix.then_some("2"));
    found.source = "krb5".into();
    found.fixed_at = at(row.fixed);
    found.published = at(row.published);
    let rating = match row.nvd {
        Nvd::Silent => None,
        Nvd::Unrated => Some(Severity::Unknown),
        Nvd::Low => Some(Severity::Low),
        Nvd::Critical => Some(Severity::Critical),
    };
    // Others are asked by nobody, unless everybody is.
    found.ratings.extend(rating.map(|rating| ("nvd".to_owned(), rating)));
    found
}

fn permitted(number: usize, permission: Permission) -> Option<Waiver> {
    let (until, package) = match permission {
        Permission::None => return None,
        Permission::UntilToday => ("2026-11-23", "krb5"),
        Permission::UntilYesterday => ("2026-11-22", "libkrb5-3"),
        Permission::OfAnotherPackage => ("2026-12-31", "openssl"),
    };
    Some(Waiver {
        id: id(number),
        images: Vec::new(),
        packages: vec![package.into()],
        reason: "not reachable".into(),
        until: until.parse().unwrap(),
        by: None,
        line: 1,
    })
}

/// Every combination of severity, fix, age, waiver, novelty and source ends in the bucket that is
/// documented, and in one only.
#[test]
fn every_combination_ends_in_the_documented_bucket() {
    let rows = rows();
    let numbered = || rows.iter().enumerate();
    let scan = scan(numbered().map(|(number, row)| found(number, *row)).collect());
    let lists = GateLists {
        waivers: numbered().filter_map(|(number, row)| permitted(number, row.permission)).collect(),
        exploited: std::sync::Arc::new(
            numbered().filter(|(_, row)| row.is_exploited).map(|(number, _)| id(number)).collect(),
        ),
    };
    let known: BTreeSet<FindingKey> = numbered()
        .filter(|(_, row)| row.is_out)
        .map(|(number, _)| FindingKey { id: id(number), source: "krb5".into() })
        .collect();
    let mut met: BTreeMap<Bucket, usize> = BTreeMap::new();
    let evidence = evidence();
    for column in columns() {
        let week = std::time::Duration::from_hours(7 * 24);
        let grace = [Severity::High, Severity::Critical].map(|severity| (severity, week));
        let policy = GatePolicy {
            ignore_unfixed: column.ignore_unfixed,
            severity_source: column.source,
            // CRITICAL has none, even if somebody managed to say so.
            fix_grace: if column.grace { grace.into() } else { BTreeMap::new() },
            new_only: column.new_only.then(|| "stable".parse().unwrap()),
            ..policy()
        };
        let version = "1.0.20261101".parse().unwrap();
        let before = Before {
            granted: Some(KnownFindings { version, findings: known.clone() }),
            only_introduced: column.only_introduced,
            packages: None,
        };
        let verdict = judge(&Case {
            subject: Digest::of(b"disk"),
            expected: &debian(),
            evidence: &evidence,
            scan: Some(&scan),
            policy: &policy,
            lists: &lists,
            before: &before,
            now: NOW.parse().unwrap(),
        });
        assert_eq!(verdict.findings.len(), rows.len(), "the counts add up");
        for judged in &verdict.findings {
            let number: usize = judged.finding.id["CVE-2026-".len()..].parse().unwrap();
            let row = rows[number];
            assert_eq!(judged.bucket(), documented(row, column), "{row:?} {column:?}");
            *met.entry(judged.bucket()).or_default() += 1;
        }
        let blocks = verdict.in_bucket(Bucket::Blocks).count() > 0;
        assert_eq!(verdict.decision == Decision::Blocked, blocks);
    }
    assert_eq!(met.len(), Bucket::ALL.len(), "every bucket is met: {met:?}");
}
