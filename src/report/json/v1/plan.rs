//! `goldsmith plan --format json`.

use jiff::Timestamp;
use serde::Serialize;

use crate::model::{self, ChannelName, Digest, ImageName, Version};

use super::{Skipped, Why};
use crate::report::sentence;

/// What would be built and what not.
#[derive(Debug, Serialize)]
pub struct Plan<'a> {
    /// When the plan was made.
    pub at: Timestamp,
    /// Images to build, in the order in which they may start.
    pub build: Vec<Planned<'a>>,
    /// Images not to build.
    pub skip: Vec<Skipped<'a>>,
    /// Versions that move on to another channel by themselves.
    pub promotions: Vec<Soaking<'a>>,
    /// What templates may use and nobody can follow, a sentence each: a change to it goes unnoticed.
    pub untracked: &'a [String],
    /// What builds change in copies of templates, a sentence each.
    pub edits: &'a [String],
    /// With `--check-upstream`: what templates download and upstream has changed, or of which nobody
    /// can say.
    pub upstream: Vec<UpstreamChange<'a>>,
}

/// A version that moves on to another channel by itself, if it passes then.
#[derive(Debug, Serialize)]
pub struct Soaking<'a> {
    /// The image.
    pub image: &'a ImageName,
    /// The version.
    pub version: Version,
    /// The channel that names it.
    pub from: &'a ChannelName,
    /// The channel that is to name it.
    pub to: &'a ChannelName,
    /// What that names now.
    pub instead_of: Option<Version>,
    /// Since when the first channel names it.
    pub since: Timestamp,
    /// When it has been there for long enough.
    pub until: Timestamp,
    /// Whether it has.
    pub is_ripe: bool,
    /// The same in English.
    pub text: String,
}

/// Something that a template downloads.
#[derive(Debug, Serialize)]
pub struct UpstreamChange<'a> {
    /// The image.
    pub image: &'a ImageName,
    /// Where it lies.
    pub url: &'a str,
    /// What has become of it: `upstream` is `gone` (with `status`), `moved` (`from`, `to`, `listed`),
    /// `unlisted` (`listed`) or `unknown` (`why`).
    #[serde(flatten)]
    pub what: &'a model::Upstream,
    /// The same in English.
    pub text: String,
}

/// An image to build.
#[derive(Debug, Serialize)]
pub struct Planned<'a> {
    /// The image.
    pub image: &'a ImageName,
    /// The version that it will get, unless another run takes it first.
    pub version: Version,
    /// Its wave, from 0: every parent that is built too, and moves the channel that it follows, is in
    /// an earlier one.
    pub wave: u32,
    /// Digest of all repository content that defines it.
    pub definition: Digest,
    /// Why.
    pub why: Why,
}

impl<'a> Plan<'a> {
    pub(super) fn of(plan: &'a model::Plan) -> Self {
        let planned = |planned: &'a model::Planned| Planned {
            image: &planned.image,
            version: planned.version,
            wave: planned.wave,
            definition: planned.definition.digest,
            why: Why::due(&planned.why),
        };
        Self {
            at: plan.at,
            build: plan.build.iter().map(planned).collect(),
            skip: plan.skip.iter().map(Skipped::of).collect(),
            promotions: plan.soaking.iter().map(|it| Soaking::of(it, plan.at)).collect(),
            untracked: &plan.untracked,
            edits: &plan.edits,
            upstream: plan.upstream.iter().map(UpstreamChange::of).collect(),
        }
    }
}

impl<'a> Soaking<'a> {
    fn of(soaking: &'a model::Soaking, now: Timestamp) -> Self {
        Self {
            image: &soaking.image,
            version: soaking.version,
            from: &soaking.rule.from,
            to: &soaking.rule.to,
            instead_of: soaking.instead_of,
            since: soaking.since,
            until: soaking.until,
            is_ripe: soaking.is_ripe(now),
            text: sentence::soaking(soaking, now),
        }
    }
}

impl<'a> UpstreamChange<'a> {
    fn of(change: &'a model::UpstreamChange) -> Self {
        let model::UpstreamChange { image, url, what } = change;
        Self { image, url, what, text: sentence::upstream(change) }
    }
}

#[cfg(test)]
mod tests {
    use crate::report::samples;

    #[test]
    fn a_plan() {
        insta::assert_snapshot!(super::super::plan(&samples::plan()), @r#"
        {
          "version": 1,
          "kind": "plan",
          "at": "2026-11-23T10:26:46Z",
          "build": [
            {
              "image": "debian-12",
              "version": "1.0.20261123",
              "wave": 0,
              "definition": "sha256:15f670f8036621edf3ffcad4b3502b807086e504e8223571e130c09be564bd8d",
              "why": {
                "reason": "never-built",
                "text": "never built",
                "newest": null,
                "slot": null,
                "built_at": null,
                "next_slot": null
              }
            },
            {
              "image": "ubuntu-2404",
              "version": "1.0.20261123",
              "wave": 0,
              "definition": "sha256:b3f642a5a5c619831f9040e658a6dcb237d349a743697dcdbe8c40dae55ad0f1",
              "why": {
                "reason": "slot-began",
                "text": "the slot of 1 November 2026, 02:00 UTC has begun; newest is 1.0.20260801; overdue: 2 slots were missed: 1 October 2026, 1 September 2026",
                "newest": "1.0.20260801",
                "slot": "2026-11-01T02:00:00Z",
                "built_at": null,
                "next_slot": null,
                "missed": [
                  "2026-10-01T02:00:00Z",
                  "2026-09-01T02:00:00Z"
                ]
              }
            },
            {
              "image": "rocky-9",
              "version": "2.1.20261123",
              "wave": 0,
              "definition": "sha256:f96abe719133ded7463fdfa34ad3e549f9d3d90bdd60e349a8cca87a63c5b4c7",
              "why": {
                "reason": "forced",
                "text": "asked for with `--force`",
                "newest": null,
                "slot": null,
                "built_at": null,
                "next_slot": null
              }
            },
            {
              "image": "k8s-1.35-debian-12",
              "version": "1.0.20261123.2",
              "wave": 1,
              "definition": "sha256:eaa53bab9e18e9f5c66e80b8806af3da984b38476968b6790cded5c4770a34a0",
              "why": {
                "reason": "definition-changed",
                "text": "its definition has changed since 1.0.20261123: k8s.pkr.hcl, vars.kubernetes",
                "newest": "1.0.20261123",
                "slot": null,
                "built_at": null,
                "next_slot": null,
                "changed": [
                  "file:k8s.pkr.hcl",
                  "vars.kubernetes"
                ]
              }
            }
          ],
          "skip": [
            {
              "image": "alpine-3",
              "why": {
                "reason": "slot-satisfied",
                "text": "built in this slot as 1.0.20261101 and its definition is unchanged; next slot 1 December 2026, 02:00 UTC",
                "newest": "1.0.20261101",
                "slot": null,
                "built_at": "2026-11-01T02:00:07Z",
                "next_slot": "2026-12-01T02:00:00Z"
              }
            },
            {
              "image": "talos-1.11",
              "why": {
                "reason": "slot-satisfied",
                "text": "built as 1.0.20260814 and its definition is unchanged; time alone never makes it due",
                "newest": "1.0.20260814",
                "slot": null,
                "built_at": "2026-08-14T09:00:00Z",
                "next_slot": null
              }
            },
            {
              "image": "windows-2025",
              "why": {
                "reason": "not-selected",
                "text": "not selected",
                "newest": null,
                "slot": null,
                "built_at": null,
                "next_slot": null
              }
            }
          ],
          "promotions": [
            {
              "image": "debian-12",
              "version": "1.0.20261120",
              "from": "candidate",
              "to": "stable",
              "instead_of": "1.0.20261101",
              "since": "2026-11-20T02:30:00Z",
              "until": "2026-11-23T02:30:00Z",
              "is_ripe": true,
              "text": "1.0.20261120 is to be promoted to stable now, if it still passes: in candidate since 20 November 2026, 02:30 UTC"
            },
            {
              "image": "ubuntu-2404",
              "version": "1.0.20261120",
              "from": "candidate",
              "to": "stable",
              "instead_of": null,
              "since": "2026-11-20T02:30:00Z",
              "until": "2026-11-25T02:30:00Z",
              "is_ripe": false,
              "text": "1.0.20261120 will be promoted to stable in 40 h (25 November 2026, 02:30 UTC), if it still passes"
            }
          ],
          "untracked": [
            "packer/debian.pkr.hcl:12: `${var.script}`: only a run knows the value"
          ],
          "edits": [
            "packer/debian.pkr.hcl:7: `output_directory` of `qemu.debian` is overridden",
            "packer/debian: `scripts/cis.sh` runs at the end of `qemu.debian`"
          ],
          "upstream": [
            {
              "image": "rocky-9",
              "url": "https://example.org/rocky-9.iso",
              "upstream": "gone",
              "status": 404,
              "text": "rocky-9: `https://example.org/rocky-9.iso` is gone (404): a build will fail"
            },
            {
              "image": "ubuntu-2404",
              "url": "https://example.org/noble.img",
              "upstream": "moved",
              "from": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
              "to": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
              "listed": "https://example.org/SHA256SUMS",
              "text": "ubuntu-2404: `https://example.org/noble.img` has another checksum now, bbbbbbbbbbbb… instead of aaaaaaaaaaaa…, says `https://example.org/SHA256SUMS`: a build will fail until `iso_checksum` has it too"
            }
          ]
        }
        "#);
    }
}
