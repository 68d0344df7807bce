//! `report.json`: what a run did.

use camino::Utf8Path;
use jiff::Timestamp;
use serde::Serialize;

use crate::model::{self, ChannelName, ExitCode, ImageName, RunId, Version};
use crate::report::standing::failure_of;
use crate::report::{self, Report, sentence};

use super::{Advisories, ChannelMove, Image, Reaped, Skipped, document::seconds};

/// What a run did.
#[derive(Debug, Serialize)]
pub struct Run<'a> {
    /// The run.
    pub run: &'a RunId,
    /// Version of goldsmith.
    pub goldsmith: &'a str,
    /// What it did, in one English sentence.
    pub summary: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// How long it took.
    pub seconds: f64,
    /// How long goldsmith itself took: all but waiting for child processes.
    pub own_seconds: f64,
    /// The exit code.
    pub exit_code: ExitCode,
    /// The `failure_reason` output of the action: `none` if all is well.
    pub failure_reason: &'static str,
    /// Which demonstration data was used. Unless `null`, the results prove nothing.
    pub demo_data: Option<&'a str>,
    /// What the images were judged by.
    pub advisories: Option<Advisories<'a>>,
    /// The external programs.
    pub tools: Vec<Tool<'a>>,
    /// The images that were built or judged.
    pub images: Vec<Image<'a>>,
    /// The images that were not.
    pub skipped: Vec<Skipped<'a>>,
    /// Versions that entered a channel now although an earlier run published them.
    pub caught_up: Vec<CaughtUp<'a>>,
    /// Versions that were to move on to another channel by themselves.
    pub promotions: Vec<Promotion<'a>>,
    /// What was done after runs that were stopped half-way.
    pub reaped: Vec<Reaped<'a>>,
    /// The run's folder on the machine that it ran on.
    pub directory: Option<&'a Utf8Path>,
}

/// A version that an earlier run published, and that entered its channel in this one.
#[derive(Debug, Serialize)]
pub struct CaughtUp<'a> {
    /// The image.
    pub image: &'a ImageName,
    /// How its channel moved.
    pub channel: ChannelMove<'a>,
}

/// A version that was to move on to another channel by itself.
#[derive(Debug, Serialize)]
pub struct Promotion<'a> {
    /// The image.
    pub image: &'a ImageName,
    /// The version.
    pub version: Version,
    /// The channel that named it.
    pub from: &'a ChannelName,
    /// The channel that names it now, if nothing stood against that.
    pub to: &'a ChannelName,
    /// What that named before.
    pub instead_of: Option<Version>,
    /// Whether it names the version now.
    pub promoted: bool,
    /// What stands against it, a sentence each. It is tried again with the next run.
    pub refused: &'a [String],
}

/// An external program.
#[derive(Debug, Serialize)]
pub struct Tool<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Where it lies.
    pub path: &'a Utf8Path,
}

impl<'a> Run<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        Self {
            run: &report.run,
            goldsmith: &report.goldsmith,
            summary: sentence::headline(report),
            started_at: report.started_at,
            finished_at: report.finished_at,
            seconds: seconds(report.took()),
            own_seconds: seconds(report.own_time),
            exit_code: report.exit_code,
            failure_reason: failure_reason(report),
            demo_data: report.demo_data(),
            advisories: report.advisories().map(Advisories::of),
            tools: report.tools.iter().map(Tool::of).collect(),
            images: report.images.iter().map(Image::of).collect(),
            skipped: report.skipped.iter().map(Skipped::of).collect(),
            caught_up: report.caught_up.iter().map(CaughtUp::of).collect(),
            promotions: report.promotions.iter().map(Promotion::of).collect(),
            reaped: report.reaped.iter().map(Reaped::of).collect(),
            directory: report.directory.as_deref(),
        }
    }
}

impl<'a> CaughtUp<'a> {
    fn of(caught_up: &'a report::CaughtUp) -> Self {
        Self { image: &caught_up.image, channel: ChannelMove::of(&caught_up.moved) }
    }
}

impl<'a> Promotion<'a> {
    pub(super) fn of(promotion: &'a report::Promotion) -> Self {
        Self {
            image: &promotion.image,
            version: promotion.version,
            from: &promotion.rule.from,
            to: &promotion.rule.to,
            instead_of: promotion.instead_of,
            promoted: promotion.refused.is_empty(),
            refused: &promotion.refused,
        }
    }
}

impl<'a> Tool<'a> {
    fn of(tool: &'a model::Tool) -> Self {
        Self { name: &tool.name, version: &tool.version, path: &tool.path }
    }
}

/// The failure that decided the exit code knows more than the code.
fn failure_reason(report: &Report) -> &'static str {
    report
        .images
        .iter()
        .filter_map(|image| failure_of(&image.outcome))
        .map(|failure| failure.class)
        .find(|class| class.exit_code() == report.exit_code)
        .map_or(report.exit_code.failure_reason(), |class| class.failure_reason())
}

#[cfg(test)]
mod tests {
    use super::super::report;
    use crate::report::samples;

    #[test]
    fn a_published_image() {
        insta::assert_snapshot!(report(&samples::published()), @r#"
        {
          "version": 1,
          "kind": "run",
          "run": "20261123t102646z-5f3a9c",
          "goldsmith": "0.1.0",
          "summary": "1 image published",
          "started_at": "2026-11-23T10:26:46Z",
          "finished_at": "2026-11-23T10:30:52.413Z",
          "seconds": 246.413,
          "own_seconds": 0.412,
          "exit_code": 0,
          "failure_reason": "none",
          "demo_data": null,
          "advisories": {
            "updated_at": "2026-11-23T02:11:00Z",
            "demo_data": null
          },
          "tools": [
            {
              "name": "packer",
              "version": "1.16.0",
              "path": "/usr/local/bin/packer"
            },
            {
              "name": "trivy",
              "version": "0.74.0",
              "path": "/usr/local/bin/trivy"
            }
          ],
          "images": [
            {
              "name": "debian-12",
              "result": "published",
              "conclusion": "neutral",
              "summary": "debian-12 passed the gate and is published as 1.0.20261123",
              "why": {
                "reason": "slot-began",
                "text": "the slot of 1 November 2026, 02:00 UTC has begun; newest is 1.0.20261001",
                "newest": "1.0.20261001",
                "slot": "2026-11-01T02:00:00Z",
                "built_at": null,
                "next_slot": null,
                "missed": []
              },
              "version": "1.0.20261123",
              "equals": null,
              "channel": {
                "name": "candidate",
                "from": "1.0.20261001",
                "to": "1.0.20261123"
              },
              "failure": null,
              "verdict": {
                "decision": "passed",
                "reasons": [],
                "warnings": [],
                "counts": {
                  "CRITICAL": {
                    "fixable": 0,
                    "unfixed": 1
                  },
                  "HIGH": {
                    "fixable": 3,
                    "unfixed": 0
                  },
                  "MEDIUM": {
                    "fixable": 1,
                    "unfixed": 0
                  },
                  "LOW": {
                    "fixable": 0,
                    "unfixed": 0
                  },
                  "UNKNOWN": {
                    "fixable": 0,
                    "unfixed": 1
                  }
                },
                "buckets": {
                  "blocks": 0,
                  "in-grace": 1,
                  "not-new": 1,
                  "waived": 1,
                  "unfixed": 1,
                  "below-threshold": 2
                },
                "findings": [
                  {
                    "id": "CVE-2026-50001",
                    "severity": "HIGH",
                    "bucket": "in-grace",
                    "grace_until": "2026-11-28T00:00:00Z",
                    "package": "libssl3",
                    "source": "openssl",
                    "installed": "3.0.17-1~deb12u2",
                    "fixed": "3.0.17-1~deb12u3",
                    "status": "fixed",
                    "title": "",
                    "url": "https://avd.aquasec.com/nvd/cve-2026-50001",
                    "published_at": "2026-10-02T00:00:00Z"
                  },
                  {
                    "id": "CVE-2026-50002",
                    "severity": "HIGH",
                    "bucket": "not-new",
                    "not_new_since": "1.0.20261001",
                    "package": "libssl3",
                    "source": "openssl",
                    "installed": "3.0.17-1~deb12u2",
                    "fixed": "3.0.17-1~deb12u3",
                    "status": "fixed",
                    "title": "",
                    "url": "https://avd.aquasec.com/nvd/cve-2026-50002",
                    "published_at": "2026-10-02T00:00:00Z"
                  },
                  {
                    "id": "CVE-2026-50003",
                    "severity": "HIGH",
                    "bucket": "waived",
                    "waiver": {
                      "reason": "only servers with client certificates are affected",
                      "until": "2026-12-31",
                      "by": "jo"
                    },
                    "package": "libssl3",
                    "source": "openssl",
                    "installed": "3.0.17-1~deb12u2",
                    "fixed": "3.0.17-1~deb12u3",
                    "status": "fixed",
                    "title": "",
                    "url": "https://avd.aquasec.com/nvd/cve-2026-50003",
                    "published_at": "2026-10-02T00:00:00Z"
                  },
                  {
                    "id": "CVE-2023-45853",
                    "severity": "CRITICAL",
                    "bucket": "unfixed",
                    "package": "zlib1g",
                    "source": "zlib",
                    "installed": "1:1.2.13.dfsg-1",
                    "fixed": null,
                    "status": "affected",
                    "title": "zlib: integer overflow and resultant heap-based buffer overflow in zipOpenNewFileInZip4_6",
                    "url": "https://avd.aquasec.com/nvd/cve-2023-45853",
                    "published_at": "2026-10-02T00:00:00Z"
                  },
                  {
                    "id": "CVE-2025-14524",
                    "severity": "MEDIUM",
                    "bucket": "below-threshold",
                    "package": "curl",
                    "source": "curl",
                    "installed": "7.88.1-10+deb12u12",
                    "fixed": "7.88.1-10+deb12u15",
                    "status": "fixed",
                    "title": "curl: bearer token leak on redirect",
                    "url": "https://avd.aquasec.com/nvd/cve-2025-14524",
                    "published_at": "2026-10-02T00:00:00Z"
                  },
                  {
                    "id": "CVE-2025-14524",
                    "severity": "MEDIUM",
                    "bucket": "below-threshold",
                    "package": "libcurl4",
                    "source": "curl",
                    "installed": "7.88.1-10+deb12u12",
                    "fixed": "7.88.1-10+deb12u15",
                    "status": "fixed",
                    "title": "curl: bearer token leak on redirect",
                    "url": "https://avd.aquasec.com/nvd/cve-2025-14524",
                    "published_at": "2026-10-02T00:00:00Z"
                  },
                  {
                    "id": "CVE-2026-54370",
                    "severity": "UNKNOWN",
                    "bucket": "below-threshold",
                    "package": "libacl1",
                    "source": "acl",
                    "installed": "2.3.1-3",
                    "fixed": null,
                    "status": "affected",
                    "title": "",
                    "url": "https://avd.aquasec.com/nvd/cve-2026-54370",
                    "published_at": "2026-10-02T00:00:00Z"
                  }
                ],
                "rules": [],
                "rules_not_checked": [
                  "shell-history",
                  "private-keys"
                ]
              },
              "since": null,
              "os": {
                "family": "debian",
                "release": "12.12"
              },
              "packages": 318,
              "evidence": null,
              "size": 642187264,
              "digest": "sha256:cae66afe3057e4eb553d161dd813fb8e53fc3493d0b0804fdc40214a589247de",
              "advisories": {
                "updated_at": "2026-11-23T02:11:00Z",
                "demo_data": null
              },
              "tests": [],
              "stages": [
                {
                  "stage": "reserve",
                  "outcome": "done",
                  "seconds": 0.003
                },
                {
                  "stage": "prepare",
                  "outcome": "done",
                  "seconds": 41.2
                },
                {
                  "stage": "build",
                  "outcome": "done",
                  "seconds": 192.0
                },
                {
                  "stage": "evidence",
                  "outcome": "done",
                  "seconds": 8.13
                },
                {
                  "stage": "scan",
                  "outcome": "done",
                  "seconds": 0.64
                },
                {
                  "stage": "gate",
                  "outcome": "done",
                  "seconds": 0.002
                },
                {
                  "stage": "publish",
                  "outcome": "done",
                  "seconds": 4.42
                },
                {
                  "stage": "record",
                  "outcome": "done",
                  "seconds": 0.018
                }
              ],
              "seconds": 246.413,
              "published": [
                {
                  "name": "debian-12-v1.0.20261123.qcow2",
                  "size": 642187264,
                  "digest": "sha256:cae66afe3057e4eb553d161dd813fb8e53fc3493d0b0804fdc40214a589247de",
                  "location": "file:///srv/images/debian-12/1.0.20261123/debian-12-v1.0.20261123.qcow2"
                }
              ],
              "kept": [],
              "log": "/srv/work/.goldsmith/runs/20261123t102646z-5f3a9c/debian-12/build.log"
            }
          ],
          "skipped": [],
          "caught_up": [],
          "promotions": [],
          "reaped": [],
          "directory": "/srv/work/.goldsmith/runs/20261123t102646z-5f3a9c"
        }
        "#);
    }

    #[test]
    fn a_blocked_image_has_failure_reasons_and_findings() {
        let mut blocked = samples::blocked();
        let verdict = blocked.images[0].verdict.as_mut().unwrap();
        verdict.findings.truncate(1);
        let json: serde_json::Value = serde_json::from_str(&report(&blocked)).unwrap();
        let image = &json["images"][0];
        let parts = ["failure", "kept", "verdict"].map(|part| (part, &image[part]));
        insta::assert_json_snapshot!(parts, @r#"
        [
          [
            "failure",
            {
              "class": "blocked",
              "hints": [],
              "log": null,
              "reason": "2 advisories with a fix: CVE-2026-40355 (CRITICAL) in krb5, CVE-2026-0861 (HIGH) in glibc",
              "stage": null
            }
          ],
          [
            "kept",
            [
              {
                "digest": "sha256:cae66afe3057e4eb553d161dd813fb8e53fc3493d0b0804fdc40214a589247de",
                "location": "file:///srv/images/rejected/debian-12-v1.0.20261123.qcow2",
                "name": "debian-12-v1.0.20261123.qcow2",
                "size": 642187264
              }
            ]
          ],
          [
            "verdict",
            {
              "buckets": {
                "below-threshold": 0,
                "blocks": 1,
                "in-grace": 0,
                "not-new": 0,
                "unfixed": 0,
                "waived": 0
              },
              "counts": {
                "CRITICAL": {
                  "fixable": 1,
                  "unfixed": 0
                },
                "HIGH": {
                  "fixable": 0,
                  "unfixed": 0
                },
                "LOW": {
                  "fixable": 0,
                  "unfixed": 0
                },
                "MEDIUM": {
                  "fixable": 0,
                  "unfixed": 0
                },
                "UNKNOWN": {
                  "fixable": 0,
                  "unfixed": 0
                }
              },
              "decision": "blocked",
              "findings": [
                {
                  "bucket": "blocks",
                  "fixed": "1.20.1-2+deb12u5",
                  "id": "CVE-2026-40355",
                  "installed": "1.20.1-2+deb12u4",
                  "package": "krb5-locales",
                  "published_at": "2026-10-02T00:00:00Z",
                  "severity": "CRITICAL",
                  "source": "krb5",
                  "status": "fixed",
                  "title": "krb5: heap overflow when a ticket's authorization data is parsed",
                  "url": "https://avd.aquasec.com/nvd/cve-2026-40355"
                }
              ],
              "reasons": [
                {
                  "help": "install the fixed versions and build again; if a finding does not matter here, say so in waivers.yml",
                  "id": "findings",
                  "message": "2 advisories with a fix: CVE-2026-40355 (CRITICAL) in krb5, CVE-2026-0861 (HIGH) in glibc"
                }
              ],
              "rules": [
                {
                  "help": "remove it at the end of the build, and make a new one: this one is known now",
                  "id": "private-keys",
                  "level": "block",
                  "message": "a private key is left in the image",
                  "places": [
                    "/root/.ssh/id_ed25519"
                  ]
                },
                {
                  "help": "remove it at the end of the build",
                  "id": "shell-history",
                  "level": "warn",
                  "message": "/root/.bash_history has 3 KB",
                  "places": [
                    "/root/.bash_history"
                  ]
                }
              ],
              "rules_not_checked": [],
              "warnings": []
            }
          ]
        ]
        "#);
    }

    #[test]
    fn every_report_says_how_it_ended() {
        let samples = [
            samples::published(),
            samples::nothing_due(),
            samples::blocked(),
            samples::untrusted(),
            samples::build_failed(),
            samples::verified_fresh(),
            samples::cancelled(),
            samples::mixed(),
            samples::demo_data(),
            samples::hostile(),
        ];
        let lines: Vec<String> = samples
            .iter()
            .map(|sample| {
                let json: serde_json::Value = serde_json::from_str(&report(sample)).unwrap();
                let results: Vec<_> = json["images"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|image| image["result"].as_str().unwrap())
                    .collect();
                format!(
                    "{} {} {:?} demo_data={}",
                    json["exit_code"], json["failure_reason"], results, json["demo_data"]
                )
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        0 "none" ["published"] demo_data=null
        0 "none" [] demo_data=null
        1 "gate_blocked" ["blocked"] demo_data=null
        4 "scan_untrusted" ["untrusted"] demo_data=null
        3 "build_failed" ["failed"] demo_data=null
        0 "none" ["verified-fresh"] demo_data=null
        130 "cancelled" ["cancelled"] demo_data=null
        4 "scan_untrusted" ["blocked", "published", "failed", "verified-fresh", "untrusted"] demo_data=null
        0 "none" ["published"] demo_data="68 advisories for Debian 12"
        4 "scan_untrusted" ["blocked", "published", "failed", "verified-fresh", "untrusted"] demo_data=null
        "#);
    }
}
