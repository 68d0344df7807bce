//! What the gate decides about values that are in order but for one thing.

mod properties;
mod truth_table;

use super::*;
use crate::model::samples::{evidence, finding, policy, scan};
use crate::model::{
    Basis, EolRule, Inventory, KnownPackages, Obstacle, Os, OsIdentity, Probe, Severity,
    StrategyName, Waiver,
};

const NOW: &str = "2026-11-23T12:00:00Z";

fn debian() -> Expected {
    Expected::os(Os { family: "debian".into(), release: "12".into() })
}

fn judge_of(evidence: &Evidence, scan: &Scan, policy: &GatePolicy) -> Verdict {
    judge(&Case {
        subject: Digest::of(b"disk"),
        expected: &debian(),
        evidence,
        scan: Some(scan),
        policy,
        lists: &GateLists::default(),
        before: &Before::default(),
        now: NOW.parse().unwrap(),
    })
}

fn ids(verdict: &Verdict) -> Vec<ReasonId> {
    verdict.reasons.iter().map(|reason| reason.id).collect()
}

#[test]
fn a_believable_scan_without_findings_passes() {
    let verdict = judge_of(&evidence(), &scan(Vec::new()), &policy());
    assert_eq!(verdict.decision, Decision::Passed);
    assert_eq!((verdict.reasons, verdict.warnings), (Vec::new(), Vec::new()));
}

#[test]
fn every_false_green_is_untrusted_for_its_own_reason() {
    type Spoil = fn(&mut Evidence, &mut Scan);
    let cases: [(ReasonId, Spoil); 14] = [
        (ReasonId::ForeignEvidence, |e, _| e.subject = Digest::of(b"other")),
        (ReasonId::NotEverythingRead, |e, _| {
            e.obstacles.push(Obstacle {
                what: "partition 2: LUKS2 encryption cannot be read without its key".into(),
                way_out: "scan in the guest".into(),
            });
        }),
        (ReasonId::OsUnknown, |e, s| (e.os, s.os) = (None, None)),
        (ReasonId::OsMismatch, |e, s| {
            let os = Some(OsIdentity { family: "debian".into(), release: "13.1".into() });
            (e.os, s.os) = (os.clone(), os);
        }),
        (ReasonId::TooFewPackages, |e, _| e.inventory.packages.truncate(1)),
        (ReasonId::OsDisagreement, |_, s| s.os = None),
        (ReasonId::PackagesLost, |_, s| s.packages = 119),
        (ReasonId::ScannerComplained, |_, s| {
            s.complaints.push("This OS version is not on the EOL list".into());
        }),
        (ReasonId::ForeignReport, |_, s| s.about_subject = false),
        (ReasonId::StaleReport, |_, s| {
            s.made_at = Some("2026-11-22T12:00:00Z".parse().unwrap());
        }),
        (ReasonId::StaleReport, |_, s| s.made_at = None),
        (ReasonId::OldAdvisories, |_, s| {
            s.advisories.updated_at = "2025-11-23T12:00:00Z".parse().unwrap();
        }),
        (ReasonId::NoAdvisories, |_, s| s.advisories.probe = Probe::Silent),
        (ReasonId::EndOfLife, |_, s| s.end_of_life = true),
    ];
    for (id, spoil) in cases {
        let (mut evidence, mut scan) = (evidence(), scan(Vec::new()));
        spoil(&mut evidence, &mut scan);
        let verdict = judge_of(&evidence, &scan, &policy());
        assert_eq!(verdict.decision, Decision::Untrusted, "{id:?}");
        assert_eq!(ids(&verdict), [id], "{verdict:#?}");
    }
}

#[test]
fn what_the_guest_says_stands_in_for_advisories_that_there_are_not() {
    let (mut evidence, mut scan) = (evidence(), scan(Vec::new()));
    scan.advisories.probe = Probe::NotAsked;
    for (asked, expected) in [(true, Decision::Passed), (false, Decision::Untrusted)] {
        evidence.pending_asked = asked;
        assert_eq!(judge_of(&evidence, &scan, &policy()).decision, expected);
    }
}

#[test]
fn what_a_guest_has_said_of_pending_updates_ages_like_advisories() {
    let mut scan = scan(Vec::new());
    scan.advisories.probe = Probe::NotAsked;
    for (told_at, expected) in [
        (None, &[][..]),
        (Some("2026-11-21T12:00:00Z"), &[]),
        (Some("2026-11-21T11:59:59Z"), &[ReasonId::OldAdvisories]),
    ] {
        let told_at = told_at.map(|at| at.parse().unwrap());
        let evidence = Evidence { pending_asked: true, told_at, ..evidence() };
        assert_eq!(ids(&judge_of(&evidence, &scan, &policy())), expected, "{told_at:?}");
    }
    // Where advisories are matched, those decide.
    scan.advisories.probe = Probe::Answered(12);
    let old = Evidence { told_at: Some("2026-01-01T00:00:00Z".parse().unwrap()), ..evidence() };
    assert_eq!(ids(&judge_of(&old, &scan, &policy())), []);
}

#[test]
fn how_many_packages_are_few_depends_on_what_it_is() {
    for (strategy, least) in
        [(StrategyName::Container, 1), (StrategyName::Rootfs, 10), (StrategyName::Disk, 100)]
    {
        for (count, few) in [(least, false), (least - 1, true)] {
            let (mut evidence, mut scan) = (evidence(), scan(Vec::new()));
            evidence.strategy = strategy;
            evidence.inventory.packages.truncate(count);
            scan.packages = count;
            let verdict = judge_of(&evidence, &scan, &policy());
            assert_eq!(ids(&verdict).contains(&ReasonId::TooFewPackages), few, "{strategy}");
        }
    }
}

#[test]
fn reasons_read_as_sentences() {
    let mut evidence = evidence();
    evidence.os = Some(OsIdentity { family: "ubuntu".into(), release: "24.04".into() });
    evidence.inventory.packages.truncate(1);
    let mut scan = scan(vec![finding("CVE-2026-1", "curl", Severity::Critical, Some("2"))]);
    scan.os.clone_from(&evidence.os);
    scan.advisories.updated_at = "2025-11-23T12:00:00Z".parse().unwrap();
    scan.advisories.fixture = Some("demo".into());
    let verdict = judge_of(&evidence, &scan, &policy());
    let lines: Vec<String> = verdict
        .reasons
        .iter()
        .chain(&verdict.warnings)
        .map(|reason| format!("{}\n  {}\n", reason.message, reason.help))
        .collect();
    insta::assert_snapshot!(lines.join(""), @"
    found ubuntu 24.04 instead of debian 12
      correct `os:` in images.yml, or the template if it builds the wrong system
    only 1 package was found; a whole debian 12 has at least 100
      check that the image keeps its package database (/var/lib/dpkg, /var/lib/rpm)
    the advisory database is 365 days old, the limit is 48 hours
      refresh it (leave `--db` out, or update the folder that it names), or raise `gate.max_db_age`
    1 finding blocks: CVE-2026-1 (CRITICAL) in curl 1, fixed in 2
      bring the fixed versions into the image: upgrade curl in the template, or use a newer base
    judged by demonstration data (demo), not by today's advisories
      run without `--db` to use the real database
    ");
}

#[test]
fn an_advisory_in_a_source_package_is_one_finding_to_people() {
    let of = |package: &str| Finding {
        source: "glibc".into(),
        ..finding("CVE-2026-1", package, Severity::High, Some("2"))
    };
    let names = ["libc6", "libc-bin", "libc-dev", "locales", "nscd"];
    let mut found: Vec<Finding> = names.map(of).into();
    found.push(finding("CVE-2026-2", "curl", Severity::Critical, Some("3")));
    let verdict = judge_of(&evidence(), &scan(found), &policy());
    insta::assert_snapshot!(verdict.reasons[0].message, @"2 findings block: CVE-2026-2 (CRITICAL) in curl 1, fixed in 3; CVE-2026-1 (HIGH) in glibc 1 (5 packages), fixed in 2");
}

#[test]
fn end_of_life_can_be_a_warning_or_nothing() {
    let mut scan = scan(Vec::new());
    scan.end_of_life = true;
    for (rule, warnings) in [(EolRule::Warn, 1), (EolRule::Off, 0)] {
        let policy = GatePolicy { eol: rule, ..policy() };
        let verdict = judge_of(&evidence(), &scan, &policy);
        assert_eq!((verdict.decision, verdict.warnings.len()), (Decision::Passed, warnings));
    }
}

fn judge_without_scan(evidence: &Evidence) -> Verdict {
    let (policy, now) = (policy(), NOW.parse().unwrap());
    let (expected, lists, before) = (debian(), GateLists::default(), Before::default());
    judge(&Case {
        subject: Digest::of(b"disk"),
        expected: &expected,
        evidence,
        scan: None,
        policy: &policy,
        lists: &lists,
        before: &before,
        now,
    })
}

#[test]
fn what_the_evidence_rests_on_decides_what_is_asked_of_it() {
    let of =
        |basis: Basis| Evidence { basis, os: None, inventory: Inventory::default(), ..evidence() };
    let skipped = |until: &str| {
        of(Basis::Skipped { reason: "not ours".into(), until: until.parse().unwrap() })
    };
    let warned = |verdict: &Verdict| -> Vec<ReasonId> {
        verdict.warnings.iter().map(|warning| warning.id).collect()
    };
    // The last day counts whole.
    let verdict = judge_without_scan(&skipped("2026-11-23"));
    assert_eq!(verdict.decision, Decision::Passed);
    assert_eq!(warned(&verdict), [ReasonId::NotLookedAt]);
    let verdict = judge_without_scan(&skipped("2026-11-22"));
    assert_eq!(ids(&verdict), [ReasonId::SkipExpired]);

    let scanner = |end_of_life| Basis::Scanner { answer: "SARIF".into(), end_of_life };
    assert_eq!(judge_without_scan(&of(scanner(false))).decision, Decision::Passed);
    assert_eq!(ids(&judge_without_scan(&of(scanner(true)))), [ReasonId::EndOfLife]);
    let mut found = of(scanner(false));
    found.findings.push(finding("CVE-2026-1", "curl", Severity::Critical, Some("2")));
    assert_eq!(judge_without_scan(&found).decision, Decision::Blocked);

    // What rests on packages and was not matched proves nothing.
    let ids_of = |basis| ids(&judge_without_scan(&of(basis)));
    assert!(ids_of(Basis::Document).contains(&ReasonId::NoAdvisories));
    assert!(ids_of(Basis::Packages).contains(&ReasonId::NoAdvisories));
}

#[test]
fn without_advisories_only_what_the_guest_was_asked_for_is_an_answer() {
    let mut scan = scan(Vec::new());
    scan.advisories.probe = Probe::NotAsked;
    scan.os = None;
    let told = judge_of(&evidence(), &scan, &policy());
    assert_eq!(ids(&told), [ReasonId::NoAdvisories]);
    let mut asked = Evidence { pending_asked: true, ..evidence() };
    assert_eq!(judge_of(&asked, &scan, &policy()).decision, Decision::Passed);
    asked.findings.push(finding("PENDING-UPDATE", "bash", Severity::Unknown, Some("2")));
    let told = judge_of(&asked, &scan, &policy());
    assert_eq!(told.warnings[0].id, ReasonId::UnknownUpdates);
    asked.findings.push(finding("PENDING-UPDATE", "curl", Severity::Critical, Some("2")));
    assert_eq!(judge_of(&asked, &scan, &policy()).decision, Decision::Blocked);
}

#[test]
fn a_finding_blocks_by_severity_and_fix_alone() {
    for severity in Severity::GRAVEST_FIRST {
        for fixed in [None, Some("2")] {
            for ignore_unfixed in [false, true] {
                let policy = GatePolicy { ignore_unfixed, ..policy() };
                let scan = scan(vec![finding("CVE-2026-1", "curl", severity, fixed)]);
                let verdict = judge_of(&evidence(), &scan, &policy);
                let grave = matches!(severity, Severity::High | Severity::Critical);
                let blocks = grave && (fixed.is_some() || !ignore_unfixed);
                let expected = if blocks { Decision::Blocked } else { Decision::Passed };
                assert_eq!(verdict.decision, expected, "{severity} {fixed:?} {ignore_unfixed}");
                assert_eq!(verdict.in_bucket(Bucket::Blocks).count(), usize::from(blocks));
            }
        }
    }
}

fn judge_after(before: &Before, policy: &GatePolicy) -> Verdict {
    judge(&Case {
        subject: Digest::of(b"disk"),
        expected: &debian(),
        evidence: &evidence(),
        scan: Some(&scan(Vec::new())),
        policy,
        lists: &GateLists::default(),
        before,
        now: NOW.parse().unwrap(),
    })
}

#[test]
fn an_image_that_has_lost_half_of_its_packages_is_untrusted_unless_its_definition_has_changed() {
    let warned = |verdict: &Verdict| -> Vec<ReasonId> {
        verdict.warnings.iter().map(|warning| warning.id).collect()
    };
    for (count, same_definition, doubted, told) in [
        (240, true, false, false),
        (241, true, true, false),
        (241, false, false, true),
        (100, true, false, false),
    ] {
        let version = "1.0.20261101".parse().unwrap();
        let packages = Some(KnownPackages { version, count, same_definition });
        let verdict = judge_after(&Before { packages, ..Before::default() }, &policy());
        assert_eq!(ids(&verdict).contains(&ReasonId::PackagesDropped), doubted, "{count}");
        assert_eq!(verdict.decision == Decision::Untrusted, doubted, "{count}");
        assert_eq!(warned(&verdict).contains(&ReasonId::PackagesDropped), told, "{count}");
    }
}

#[test]
fn where_nobody_knows_what_is_granted_everything_counts_and_that_is_said() {
    let policy = GatePolicy { new_only: Some("stable".parse().unwrap()), ..policy() };
    let verdict = judge_after(&Before::default(), &policy);
    assert_eq!(verdict.warnings[0].id, ReasonId::NothingGranted);
    let granted = Some(crate::model::KnownFindings {
        version: "1.0.20261101".parse().unwrap(),
        findings: std::collections::BTreeSet::new(),
    });
    let verdict = judge_after(&Before { granted, ..Before::default() }, &policy);
    assert_eq!(verdict.warnings, Vec::new());
}

#[test]
fn a_waiver_is_announced_before_its_end_and_missed_after_it() {
    let told = |until: &str| {
        let waiver = Waiver {
            id: "CVE-2026-1".into(),
            images: Vec::new(),
            packages: vec!["cur?".into()],
            reason: "no client here".into(),
            until: until.parse().unwrap(),
            by: None,
            line: 1,
        };
        let lists = GateLists { waivers: vec![waiver], ..GateLists::default() };
        let found = finding("CVE-2026-1", "curl", Severity::High, Some("2"));
        let verdict = judge(&Case {
            subject: Digest::of(b"disk"),
            expected: &debian(),
            evidence: &evidence(),
            scan: Some(&scan(vec![found])),
            policy: &policy(),
            lists: &lists,
            before: &Before::default(),
            now: NOW.parse().unwrap(),
        });
        let warned = verdict.warnings.iter().map(|warning| warning.message.clone());
        format!("{:?} {}", verdict.decision, warned.collect::<String>())
    };
    let told = ["2026-12-01", "2026-11-30", "2026-11-23", "2026-11-22"].map(told);
    insta::assert_snapshot!(told.join("\n"), @"
    Passed 
    Passed the waiver of CVE-2026-1 ends on 2026-11-30: no client here
    Passed the waiver of CVE-2026-1 ends on 2026-11-23: no client here
    Blocked the waiver of CVE-2026-1 has ended on 2026-11-22, so it blocks again: no client here
    ");
}
