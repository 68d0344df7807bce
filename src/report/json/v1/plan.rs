//! `goldsmith plan --format json`.

use jiff::Timestamp;
use serde::Serialize;

use crate::model::{self, Digest, ImageName, Version};

use super::{Skipped, Why};

/// What would be built and what not.
#[derive(Debug, Serialize)]
pub struct Plan<'a> {
    /// When the plan was made.
    pub at: Timestamp,
    /// Images to build, in the order in which they may start.
    pub build: Vec<Planned<'a>>,
    /// Images not to build.
    pub skip: Vec<Skipped<'a>>,
}

/// An image to build.
#[derive(Debug, Serialize)]
pub struct Planned<'a> {
    /// The image.
    pub image: &'a ImageName,
    /// The version that it will get, unless another run takes it first.
    pub version: Version,
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
            definition: planned.definition,
            why: Why::due(&planned.why),
        };
        Self {
            at: plan.at,
            build: plan.build.iter().map(planned).collect(),
            skip: plan.skip.iter().map(Skipped::of).collect(),
        }
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
              "definition": "sha256:cae66afe3057e4eb553d161dd813fb8e53fc3493d0b0804fdc40214a589247de",
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
              "definition": "sha256:d347b21a139cb325f74a626a4be1b09ede58f6cc962740553eb2e932ab5fb2f9",
              "why": {
                "reason": "slot-began",
                "text": "the slot of 1 November 2026, 02:00 UTC has begun; newest is 1.0.20261001",
                "newest": "1.0.20261001",
                "slot": "2026-11-01T02:00:00Z",
                "built_at": null,
                "next_slot": null
              }
            },
            {
              "image": "k8s-1.35-debian-12",
              "version": "1.0.20261123.2",
              "definition": "sha256:37f4074cfb0024c76c7fea84ad5d27657643fe4a204944a94c01a23a36e94281",
              "why": {
                "reason": "definition-changed",
                "text": "its definition has changed since 1.0.20261123",
                "newest": "1.0.20261123",
                "slot": null,
                "built_at": null,
                "next_slot": null
              }
            },
            {
              "image": "rocky-9",
              "version": "2.1.20261123",
              "definition": "sha256:dbedc0f7cabac7bc8d2d2db0294cc9d3b59afc34beec36394bbcb87af5569f45",
              "why": {
                "reason": "forced",
                "text": "asked for with `--force`",
                "newest": null,
                "slot": null,
                "built_at": null,
                "next_slot": null
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
                "text": "other images were named",
                "newest": null,
                "slot": null,
                "built_at": null,
                "next_slot": null
              }
            }
          ]
        }
        "#);
    }
}
