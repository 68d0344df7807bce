//! Reports that every renderer is shown: one of each kind of ending.

mod plan;
pub(super) mod verdict;

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use crate::model::samples::finding;
use crate::model::{
    Advisories, ChangeKind, Decision, Digest, Due, ExitCode, Failure, FailureClass, ImageOutcome,
    InventoryDiff, NotDue, OsIdentity, Package, PackageChange, Probe, ReasonId, SettingChange,
    Severity, Since, Skipped, Soak, Stage, StageOutcome, Stored, TestCase, TestResult, Tool,
    Verdict,
};

use super::{
    ChannelMove, Compared, ComparedFindings, ComparedVersion, ImageReport, Place, Promotion,
    Report, SizeChange, StageReport,
};

pub(super) use plan::{catalog, plan};
use verdict::{blocking_findings, harmless_findings, reason, since, verdict};

fn timestamp(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn slot(text: &str) -> Zoned {
    timestamp(text).to_zoned(TimeZone::UTC)
}

/// A run with these images, started on 23 November 2026.
fn run(images: Vec<ImageReport>) -> Report {
    let started_at = timestamp("2026-11-23T10:26:46Z");
    let took: Duration = images.iter().map(|image| image.took).sum();
    let code = |image: &ImageReport| {
        super::standing::failure_of(&image.outcome)
            .map_or(ExitCode::Done, |failure| failure.class.exit_code())
    };
    Report {
        run: "20261123t102646z-5f3a9c".parse().unwrap(),
        goldsmith: "0.1.0".to_owned(),
        started_at,
        finished_at: started_at + SignedDuration::try_from(took).unwrap(),
        exit_code: images.iter().map(code).fold(ExitCode::Done, ExitCode::graver),
        own_time: Duration::from_millis(412),
        fixture: None,
        tools: vec![
            Tool {
                name: "packer".to_owned(),
                path: "/usr/local/bin/packer".into(),
                version: "1.16.0".to_owned(),
            },
            Tool {
                name: "trivy".to_owned(),
                path: "/usr/local/bin/trivy".into(),
                version: "0.74.0".to_owned(),
            },
        ],
        images,
        skipped: Vec::new(),
        caught_up: Vec::new(),
        promotions: Vec::new(),
        reaped: Vec::new(),
        directory: Some("/srv/work/.goldsmith/runs/20261123t102646z-5f3a9c".into()),
    }
}

fn stages(ended: (Stage, StageOutcome)) -> Vec<StageReport> {
    [
        (Stage::Reserve, 3),
        (Stage::Prepare, 41_200),
        (Stage::Build, 192_000),
        (Stage::Evidence, 8_130),
        (Stage::Scan, 640),
        (Stage::Gate, 2),
        (Stage::Publish, 4_420),
        (Stage::Record, 18),
    ]
    .into_iter()
    .filter(|(stage, _)| *stage <= ended.0)
    .map(|(stage, milliseconds)| StageReport {
        stage,
        outcome: if stage == ended.0 { ended.1 } else { StageOutcome::Done },
        took: Duration::from_millis(milliseconds),
    })
    .collect()
}

/// An image that came as far as `ended`.
fn image(name: &str, outcome: ImageOutcome, ended: (Stage, StageOutcome)) -> ImageReport {
    let stages = stages(ended);
    let seen = ended.0 > Stage::Evidence;
    ImageReport {
        why: Some(Due::SlotBegan {
            slot: slot("2026-11-01T02:00:00Z"),
            since: "1.0.20261001".parse().unwrap(),
            missed: Vec::new(),
        }),
        version: Some("1.0.20261123".parse().unwrap()),
        took: stages.iter().map(|stage| stage.took).sum(),
        stages,
        os: seen.then(|| OsIdentity { family: "debian".to_owned(), release: "12.12".to_owned() }),
        packages: seen.then_some(318),
        size: (ended.0 > Stage::Build).then_some(642_187_264),
        digest: (ended.0 > Stage::Build).then(|| Digest::of(name.as_bytes())),
        advisories: seen.then(|| Advisories {
            updated_at: timestamp("2026-11-23T02:11:00Z"),
            fixture: None,
            probe: Probe::Answered(12),
        }),
        log: Some(
            format!("/srv/work/.goldsmith/runs/20261123t102646z-5f3a9c/{name}/build.log").into(),
        ),
        ..ImageReport::new(name.parse().unwrap(), outcome)
    }
}

fn stored(name: &str, folder: &str) -> Stored {
    let file = format!("{name}-v1.0.20261123.qcow2");
    Stored {
        location: format!("file:///srv/images/{folder}/{file}"),
        name: file,
        size: 642_187_264,
        digest: Digest::of(name.as_bytes()),
    }
}

fn published_image(name: &str) -> ImageReport {
    let version = "1.0.20261123".parse().unwrap();
    ImageReport {
        channel: Some(ChannelMove {
            channel: "candidate".parse().unwrap(),
            from: Some("1.0.20261001".parse().unwrap()),
            to: version,
        }),
        verdict: Some(Verdict {
            unchecked: vec!["shell-history".into(), "private-keys".into()],
            ..verdict(Decision::Passed, Vec::new(), harmless_findings())
        }),
        stored: vec![stored(name, &format!("{name}/1.0.20261123"))],
        ..image(name, ImageOutcome::Published { version }, (Stage::Record, StageOutcome::Done))
    }
}

fn verified_fresh_image(name: &str) -> ImageReport {
    let mut image = image(
        name,
        ImageOutcome::VerifiedFresh { version: "1.0.20261001".parse().unwrap() },
        (Stage::Record, StageOutcome::Done),
    );
    image.stages.retain(|stage| stage.stage != Stage::Publish);
    image.verdict = Some(verdict(Decision::Passed, Vec::new(), harmless_findings()));
    image
}

fn blocked_image(name: &str) -> ImageReport {
    let said =
        "2 advisories with a fix: CVE-2026-40355 (CRITICAL) in krb5, CVE-2026-0861 (HIGH) in glibc";
    ImageReport {
        verdict: Some(verdict(
            Decision::Blocked,
            vec![reason(
                ReasonId::Findings,
                said,
                "install the fixed versions and build again; if a finding does not matter here, say so in waivers.yml",
            )],
            blocking_findings(),
        )),
        since: Some(since()),
        waive_until: Some("2026-12-23".parse().unwrap()),
        place: Some(Place { file: "images.yml".to_owned(), line: 12 }),
        kept: vec![stored(name, "rejected")],
        ..image(
            name,
            ImageOutcome::Rejected { failure: Failure::new(FailureClass::Blocked, said) },
            (Stage::Gate, StageOutcome::Objected),
        )
    }
}

fn untrusted_image(name: &str) -> ImageReport {
    let said = "the disk holds debian 13.1, and `os:` in images.yml says debian 12";
    ImageReport {
        os: Some(OsIdentity { family: "debian".to_owned(), release: "13.1".to_owned() }),
        verdict: Some(verdict(
            Decision::Untrusted,
            vec![
                reason(
                    ReasonId::OsMismatch,
                    said,
                    "correct `os:` in images.yml, or look at what the template starts from",
                ),
                reason(
                    ReasonId::OldAdvisories,
                    "the advisory database was made 412 days ago; at most 48 h are allowed",
                    "update it with `trivy image --download-db-only`",
                ),
            ],
            Vec::new(),
        )),
        ..image(
            name,
            ImageOutcome::Rejected { failure: Failure::new(FailureClass::Untrusted, said) },
            (Stage::Gate, StageOutcome::Objected),
        )
    }
}

fn failed_image(name: &str) -> ImageReport {
    let log = format!("/srv/work/.goldsmith/runs/20261123t102646z-5f3a9c/{name}/build.log");
    image(
        name,
        ImageOutcome::Failed {
            stage: Stage::Build,
            failure: Failure::new(
                FailureClass::Provisioner,
                "provisioner `shell` failed: script exited with status 100: E: Unable to locate package qemu-guest-agnet",
            )
            .hint("the last lines of the log show what the guest printed")
            .log(log),
        },
        (Stage::Build, StageOutcome::Failed),
    )
}

/// An image that does not pass its tests.
fn untested_image(name: &str) -> ImageReport {
    let boot = TestResult {
        name: "boot".to_owned(),
        cases: vec![
            TestCase::passed("the image boots", "UEFI, TCG, in 64 s and 66 s"),
            TestCase::failed("no systemd unit has failed", "ssh.service, <b>x</b>.service"),
            TestCase::skipped("the guest agent answers", "qemu-guest-agent is not installed"),
        ],
        took: Duration::from_secs(71),
        kept: vec![format!("/srv/work/.goldsmith/runs/r/logs/{name}-boot-1.log").into()],
    };
    let smoke = TestResult {
        name: "./smoke.sh | tee `out`".to_owned(),
        cases: vec![TestCase::passed("serves", ""), TestCase::failed("::error::`resolves`", "")],
        took: Duration::from_millis(420),
        kept: Vec::new(),
    };
    let reason = "boot: no systemd unit has failed: ssh.service (and 1 more case)";
    let failure = Failure::new(FailureClass::TestFailed, reason);
    let mut image = image(
        name,
        ImageOutcome::Failed { stage: Stage::Test, failure },
        (Stage::Gate, StageOutcome::Done),
    );
    image.stages.push(StageReport {
        stage: Stage::Test,
        outcome: StageOutcome::Failed,
        took: boot.took + smoke.took,
    });
    image.tests = vec![boot, smoke];
    image
}

fn cancelled_image(name: &str) -> ImageReport {
    image(
        name,
        ImageOutcome::Failed {
            stage: Stage::Build,
            failure: Failure::new(FailureClass::Interrupted, "interrupted")
                .hint("the virtual machine is gone; the next run starts over"),
        },
        (Stage::Build, StageOutcome::Failed),
    )
}

fn not_due() -> Skipped {
    Skipped {
        image: "alpine-3".parse().unwrap(),
        why: NotDue::SlotSatisfied {
            by: "1.0.20261101".parse().unwrap(),
            built_at: timestamp("2026-11-01T02:00:07Z"),
            next: Some(slot("2026-12-01T02:00:00Z")),
        },
    }
}

fn promotion(image: &str, refused: &[&str]) -> Promotion {
    let rule = Soak {
        from: "candidate".parse().unwrap(),
        to: "stable".parse().unwrap(),
        after: Duration::from_hours(72),
    };
    Promotion {
        image: image.parse().unwrap(),
        version: "1.0.20261120".parse().unwrap(),
        rule,
        instead_of: Some("1.0.20261101".parse().unwrap()),
        refused: refused.iter().map(|&why| why.to_owned()).collect(),
    }
}

pub(super) fn published() -> Report {
    run(vec![published_image("debian-12")])
}

pub(super) fn nothing_due() -> Report {
    Report {
        caught_up: Vec::new(),
        promotions: Vec::new(),
        reaped: Vec::new(),
        skipped: vec![
            not_due(),
            Skipped {
                image: "talos-1.11".parse().unwrap(),
                why: NotDue::SlotSatisfied {
                    by: "1.0.20260814".parse().unwrap(),
                    built_at: timestamp("2026-08-14T09:00:00Z"),
                    next: None,
                },
            },
        ],
        ..run(Vec::new())
    }
}

pub(super) fn blocked() -> Report {
    run(vec![blocked_image("debian-12")])
}

pub(super) fn untrusted() -> Report {
    run(vec![untrusted_image("debian-12")])
}

pub(super) fn build_failed() -> Report {
    run(vec![failed_image("debian-12")])
}

pub(super) fn test_failed() -> Report {
    run(vec![untested_image("debian-12")])
}

pub(super) fn verified_fresh() -> Report {
    run(vec![verified_fresh_image("debian-12")])
}

pub(super) fn cancelled() -> Report {
    run(vec![cancelled_image("debian-12")])
}

pub(super) fn mixed() -> Report {
    Report {
        caught_up: Vec::new(),
        promotions: vec![
            promotion("debian-12", &[]),
            promotion(
                "alpine-3",
                &["it would not pass the gate any more: CVE-2026-1 (HIGH) in musl"],
            ),
        ],
        reaped: Vec::new(),
        skipped: vec![
            not_due(),
            Skipped { image: "windows-2025".parse().unwrap(), why: NotDue::NotSelected },
        ],
        ..run(vec![
            blocked_image("debian-12"),
            published_image("ubuntu-2404"),
            failed_image("rocky-9"),
            verified_fresh_image("debian-13"),
            untrusted_image("k8s-1.35-debian-12"),
        ])
    }
}

pub(super) fn demo_data() -> Report {
    let fixture = "68 advisories for Debian 12".to_owned();
    let mut report = published();
    report.fixture = Some(fixture.clone());
    for image in &mut report.images {
        if let Some(advisories) = &mut image.advisories {
            advisories.fixture = Some(fixture.clone());
        }
        if let Some(verdict) = &mut image.verdict {
            verdict.warnings = vec![
                reason(ReasonId::DemoData, "judged by demonstration data", ""),
                reason(
                    ReasonId::EndOfLife,
                    "debian 12 is past its end of life",
                    "move to debian 13",
                ),
            ];
        }
    }
    report
}

/// Every seventh of 300 images is blocked by 40 advisories, every eleventh failed.
pub(super) fn three_hundred() -> Report {
    let images = (0..300)
        .map(|number| {
            let name = format!("k8s-1.{number}-debian-12");
            if number % 7 == 0 {
                let mut image = blocked_image(&name);
                if let Some(verdict) = &mut image.verdict {
                    verdict.findings = (0..40)
                        .flat_map(|advisory| {
                            blocking_findings().into_iter().map(move |mut judged| {
                                judged.finding.id = format!("CVE-2026-{}", 10_000 + advisory);
                                judged
                            })
                        })
                        .collect();
                }
                image
            } else if number % 11 == 0 {
                failed_image(&name)
            } else {
                published_image(&name)
            }
        })
        .collect();
    run(images)
}

/// Every text that comes from outside is an attack.
pub(super) fn hostile() -> Report {
    let evil = "`</code></td>|\u{1b}[2J\n# @admin see #1 ![x](http://evil/x) <script>alert(1)</script> <!-- goldsmith --> ::error::x ##[set-env name=x]y";
    let mut report = mixed();
    for image in &mut report.images {
        for finding in image
            .verdict
            .iter_mut()
            .flat_map(|verdict| &mut verdict.findings)
            .map(|judged| &mut judged.finding)
        {
            finding.package = format!("{}{evil}", finding.package);
            finding.title = evil.to_owned();
            finding.installed = evil.to_owned();
            finding.fixed = finding.fixed.as_ref().map(|_| evil.to_owned());
            finding.url = Some("https://x/) [click](https://evil".to_owned());
        }
        if let ImageOutcome::Failed { failure, .. } = &mut image.outcome {
            failure.reason = evil.to_owned();
            failure.hints = vec![evil.to_owned()];
        }
    }
    report
}

/// Two versions with every kind of change between them, one of which is an attack.
pub(super) fn compared() -> Compared {
    let package = |name: &str, version: &str, arch: &str, source: &str| Package {
        name: name.to_owned(),
        version: version.to_owned(),
        arch: arch.to_owned(),
        source: source.to_owned(),
    };
    let change =
        |kind, from: Option<Package>, to: Option<Package>| PackageChange { kind, from, to };
    let amd64 = |name, version| Some(package(name, version, "amd64", name));
    let version = |version: &str, day: &str, release: &str, packages| ComparedVersion {
        image: "debian-12".parse().unwrap(),
        version: version.parse().unwrap(),
        published_at: timestamp(&format!("{day}T10:00:00Z")),
        os: Some(OsIdentity { family: "debian".to_owned(), release: release.to_owned() }),
        packages,
    };
    let setting = |subject: &str, name: &str, from: Option<&str>, to: Option<&str>| SettingChange {
        subject: subject.to_owned(),
        name: name.to_owned(),
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
    };
    Compared {
        from: version("1.0.20261101", "2026-11-01", "12.11", 208),
        to: version("1.0.20261123", "2026-11-23", "12.12", 208),
        diff: InventoryDiff {
            changes: vec![
                change(
                    ChangeKind::Upgraded,
                    amd64("bash", "5.2.15-2"),
                    amd64("bash", "5.2.15-2+b1"),
                ),
                change(
                    ChangeKind::Downgraded,
                    amd64("curl", "8.5.0-2"),
                    amd64("curl", "7.88.1-10"),
                ),
                change(
                    ChangeKind::Changed,
                    amd64("evil\u{1b}[2J\nname", &"9".repeat(80)),
                    amd64("evil\u{1b}[2J\nname", "::error::x"),
                ),
                change(ChangeKind::Added, None, amd64("nftables", "1.0.6-2")),
                change(
                    ChangeKind::Rebuilt,
                    amd64("python3-six", "1.16.0-4"),
                    Some(package("python3-six", "1.16.0-4", "all", "six")),
                ),
                change(ChangeKind::Removed, amd64("telnet", "0.17-44"), None),
            ],
            unchanged: 203,
        },
        findings: Some(ComparedFindings {
            since: Since {
                version: "1.0.20261101".parse().unwrap(),
                new: vec![
                    finding("CVE-2026-3", "curl", Severity::Critical, Some("8.5.0-3")),
                    finding("CVE-2026-4", "evil\u{1b}[2J", Severity::Low, None),
                ],
                fixed: vec![finding("CVE-2026-1", "bash", Severity::High, Some("5.2.15-2+b1"))],
            },
            unchanged: 41,
            advisories: [
                Some(timestamp("2026-11-01T06:00:00Z")),
                Some(timestamp("2026-11-23T06:00:00Z")),
            ],
        }),
        sizes: [
            (".qcow2", Some(642_000_000), Some(671_000_000)),
            ("-efivars.fd", Some(131_072), Some(131_072)),
            ("-kernel", None, Some(8_000_000)),
        ]
        .map(|(file, from, to)| SizeChange { file: file.to_owned(), from, to })
        .into(),
        configuration: Some(vec![
            setting("accounts", "ann\n::error::", None, Some("uid 1000, /home/ann, /bin/bash")),
            setting("set-id programs", "/usr/bin/su", Some("4755"), Some("0755")),
            setting("sshd", "/etc/ssh/sshd_config: PermitRootLogin no", Some(""), None),
        ]),
    }
}
