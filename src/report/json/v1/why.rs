//! Why an image is built, or why not.

use jiff::{Timestamp, Zoned};
use serde::Serialize;

use crate::model::{
    BlockingFinding, ChannelName, Decision, Due, ImageName, NotDue, Regate, Version,
};
use crate::report::sentence;

use super::document::seconds;

/// Why an image is built, or why not.
#[derive(Debug, Serialize)]
pub struct Why {
    /// To build: `never-built`, `definition-changed`, `slot-began`, `too-old`, `clock-was-wrong`,
    /// `revoked`, `finding`, `parent-moved`, `parent-built`, `changed-paths`, `parent-changed`,
    /// `can-be-regated`, `asked-for`, `forced`, `artifact-given`.
    /// Not to build: `slot-satisfied`, `rejected`, `gave-up`, `disabled`, `parent-missing`,
    /// `parent-failed`, `parent-unchanged`, `not-selected`.
    pub reason: &'static str,
    /// The same in English.
    pub text: String,
    /// The newest version, where the reason compares with it: `definition-changed`, `slot-began`,
    /// `too-old`, `clock-was-wrong`, `revoked`, `finding`, `slot-satisfied`. The one that did not
    /// pass: `can-be-regated`, `rejected`.
    pub newest: Option<Version>,
    /// `slot-began`: when.
    pub slot: Option<Timestamp>,
    /// `slot-satisfied`, `clock-was-wrong`, `too-old`: when the newest version was built.
    /// `rejected`, `gave-up`: when the last attempt was.
    pub built_at: Option<Timestamp>,
    /// `slot-satisfied`, `rejected`, `gave-up`: when the next slot begins, if one ever does.
    pub next_slot: Option<Timestamp>,
    /// What only some reasons have.
    #[serde(flatten)]
    pub details: Details,
}

/// What only some reasons have. Left out elsewhere.
#[derive(Debug, Default, Serialize)]
pub struct Details {
    /// `definition-changed`: the parts of the definition that are new, gone or different, as far as
    /// they are known: keys (`vars.disk_size`) and files (`file:debian.pkr.hcl`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<Vec<String>>,
    /// `changed-paths`: the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<String>>,
    /// `slot-began`: the slots before it that were missed, newest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missed: Option<Vec<Timestamp>>,
    /// `too-old`: how old a build may become, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<f64>,
    /// `revoked`: why, in the words of whoever did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// `finding`: what would block the newest version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub findings: Option<Vec<NewFinding>>,
    /// `parent-moved`, `parent-built`, `parent-changed`, `parent-missing`, `parent-failed`,
    /// `parent-unchanged`: the parent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<ImageName>,
    /// `parent-moved`: the version of the parent that the newest version was built from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_from: Option<Version>,
    /// `parent-moved`: the version of the parent that its channel names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_to: Option<Version>,
    /// `parent-missing`: the channel that names no version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelName>,
    /// `can-be-regated`: what has changed: `policy` or `advisories`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regate: Option<Regate>,
    /// `rejected`: `blocked` or `untrusted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Decision>,
    /// Any reason to build for which a build has failed before: the number of this attempt, from 2.
    /// `gave-up`: how many were made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// With `attempt`, to build: the last attempt that is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt_limit: Option<u32>,
    /// With `attempt`: how the one before failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
}

/// A finding as a reason to build.
#[derive(Debug, Serialize)]
pub struct NewFinding {
    /// The advisory.
    pub id: String,
    /// The source package that it is in.
    pub source: String,
    /// The version that fixes it, if there is one.
    pub fixed: Option<String>,
}

/// An image that is not built.
#[derive(Debug, Serialize)]
pub struct Skipped<'a> {
    /// The image.
    pub image: &'a ImageName,
    /// Why not.
    pub why: Why,
}

impl Why {
    fn new(reason: &'static str, details: Details) -> Self {
        Self {
            reason,
            text: String::new(),
            newest: None,
            slot: None,
            built_at: None,
            next_slot: None,
            details,
        }
    }

    pub(super) fn due(why: &Due) -> Self {
        Self { text: sentence::due(why), ..Self::of_due(why) }
    }

    fn of_due(why: &Due) -> Self {
        let none = Details::default();
        match why {
            Due::NeverBuilt => Self::new("never-built", none),
            Due::DefinitionChanged { since, changed } => {
                let details = Details { changed: Some(changed.clone()), ..none };
                Self { newest: Some(*since), ..Self::new("definition-changed", details) }
            }
            Due::SlotBegan { slot, since, missed } => {
                let details =
                    Details { missed: Some(missed.iter().map(Zoned::timestamp).collect()), ..none };
                let why = Self::new("slot-began", details);
                Self { slot: Some(slot.timestamp()), newest: Some(*since), ..why }
            }
            Due::TooOld { limit, since, built_at } => {
                let details = Details { max_age: Some(seconds(*limit)), ..none };
                let why = Self::new("too-old", details);
                Self { newest: Some(*since), built_at: Some(*built_at), ..why }
            }
            Due::ClockWasWrong { since, built_at } => Self {
                newest: Some(*since),
                built_at: Some(*built_at),
                ..Self::new("clock-was-wrong", none)
            },
            Due::Revoked { version, because } => {
                let details = Details { because: Some(because.clone()), ..none };
                Self { newest: Some(*version), ..Self::new("revoked", details) }
            }
            Due::Finding { version, findings } => {
                let findings = findings.iter().map(NewFinding::of).collect();
                let details = Details { findings: Some(findings), ..none };
                Self { newest: Some(*version), ..Self::new("finding", details) }
            }
            Due::ParentMoved { parent, from, to } => {
                let (parent_from, parent_to) = (Some(*from), Some(*to));
                let details = Details { parent_from, parent_to, ..Details::parent(parent) };
                Self::new("parent-moved", details)
            }
            Due::ParentBuilt { parent } => Self::new("parent-built", Details::parent(parent)),
            Due::ChangedPaths { paths } => {
                Self::new("changed-paths", Details { paths: Some(paths.clone()), ..none })
            }
            Due::ParentChanged { parent } => Self::new("parent-changed", Details::parent(parent)),
            Due::CanBeRegated { version, why } => {
                let details = Details { regate: Some(*why), ..none };
                Self { newest: Some(*version), ..Self::new("can-be-regated", details) }
            }
            Due::Retry { attempt, of, last, why } => {
                let mut why = Self::of_due(why);
                why.details.attempt = Some(*attempt);
                why.details.attempt_limit = Some(*of);
                why.details.last_failure = Some(last.clone());
                why
            }
            Due::AskedFor => Self::new("asked-for", none),
            Due::Forced => Self::new("forced", none),
            Due::ArtifactGiven => Self::new("artifact-given", none),
        }
    }

    fn not_due(why: &NotDue) -> Self {
        Self { text: sentence::not_due(why), ..Self::of_not_due(why) }
    }

    fn of_not_due(why: &NotDue) -> Self {
        let none = Details::default();
        match why {
            NotDue::SlotSatisfied { by, built_at, next } => Self {
                newest: Some(*by),
                built_at: Some(*built_at),
                next_slot: next.as_ref().map(Zoned::timestamp),
                ..Self::new("slot-satisfied", none)
            },
            NotDue::Rejected { version, verdict, at, next } => Self {
                newest: Some(*version),
                built_at: Some(*at),
                next_slot: next.as_ref().map(Zoned::timestamp),
                ..Self::new("rejected", Details { verdict: Some(*verdict), ..none })
            },
            NotDue::GaveUp { attempts, last, at, next } => {
                let (attempt, last_failure) = (Some(*attempts), Some(last.clone()));
                let details = Details { attempt, last_failure, ..none };
                let why = Self::new("gave-up", details);
                Self { built_at: Some(*at), next_slot: next.as_ref().map(Zoned::timestamp), ..why }
            }
            NotDue::Disabled => Self::new("disabled", none),
            NotDue::ParentMissing { parent, channel } => {
                let details = Details { channel: Some(channel.clone()), ..Details::parent(parent) };
                Self::new("parent-missing", details)
            }
            NotDue::ParentFailed { parent } => Self::new("parent-failed", Details::parent(parent)),
            NotDue::ParentUnchanged { parent } => {
                Self::new("parent-unchanged", Details::parent(parent))
            }
            NotDue::NotSelected => Self::new("not-selected", none),
        }
    }
}

impl Details {
    fn parent(parent: &ImageName) -> Self {
        Self { parent: Some(parent.clone()), ..Self::default() }
    }
}

impl NewFinding {
    fn of(finding: &BlockingFinding) -> Self {
        let BlockingFinding { id, source, fixed } = finding.clone();
        Self { id, source, fixed }
    }
}

impl<'a> Skipped<'a> {
    pub(super) fn of(skipped: &'a crate::model::Skipped) -> Self {
        Self { image: &skipped.image, why: Why::not_due(&skipped.why) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::reasons;

    /// One line each, without what is null and without the English.
    fn lines(reasons: impl IntoIterator<Item = Why>) -> String {
        let line = |why: Why| {
            let mut json = serde_json::to_value(why).unwrap();
            let fields = json.as_object_mut().unwrap();
            fields.retain(|name, value| name != "text" && !value.is_null());
            json.to_string()
        };
        reasons.into_iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_reason_has_a_word_and_its_facts() {
        insta::assert_snapshot!(lines(reasons::due().iter().map(Why::due)), @r#"
        {"reason":"never-built"}
        {"changed":[],"newest":"1.0.20261001","reason":"definition-changed"}
        {"changed":["file:a.sh","file:b.sh","prepare","vars.a","vars.b"],"newest":"1.0.20261001","reason":"definition-changed"}
        {"missed":[],"newest":"1.0.20261001","reason":"slot-began","slot":"2026-11-01T02:00:00Z"}
        {"missed":["2026-10-01T02:00:00Z"],"newest":"1.0.20261001","reason":"slot-began","slot":"2026-11-01T02:00:00Z"}
        {"missed":["2026-10-01T02:00:00Z","2026-09-01T02:00:00Z","2026-08-01T02:00:00Z","2026-07-01T02:00:00Z","2026-06-01T02:00:00Z"],"newest":"1.0.20261001","reason":"slot-began","slot":"2026-11-01T02:00:00Z"}
        {"built_at":"2026-10-01T02:00:04Z","max_age":3888000.0,"newest":"1.0.20261001","reason":"too-old"}
        {"built_at":"2027-10-01T02:00:04Z","newest":"1.0.20261001","reason":"clock-was-wrong"}
        {"because":"leaked key","newest":"1.0.20261001","reason":"revoked"}
        {"findings":[{"fixed":"1.20.1-2+deb12u5","id":"CVE-2026-40355","source":"krb5"},{"fixed":null,"id":"CVE-2026-40356","source":"krb5"}],"newest":"1.0.20261001","reason":"finding"}
        {"parent":"debian-12","parent_from":"1.0.20261001","parent_to":"1.0.20261101","reason":"parent-moved"}
        {"parent":"debian-12","reason":"parent-built"}
        {"paths":["packer/debian.pkr.hcl","packer/a.sh","packer/b.sh","packer/c.sh","images.yml"],"reason":"changed-paths"}
        {"parent":"debian-12","reason":"parent-changed"}
        {"newest":"1.0.20261101","reason":"can-be-regated","regate":"policy"}
        {"newest":"1.0.20261101","reason":"can-be-regated","regate":"waivers"}
        {"newest":"1.0.20261101","reason":"can-be-regated","regate":"advisories"}
        {"newest":"1.0.20261101","reason":"can-be-regated","regate":"asked"}
        {"attempt":2,"attempt_limit":3,"last_failure":"provisioner `shell` failed: script exited with status 100","reason":"never-built"}
        {"reason":"asked-for"}
        {"reason":"forced"}
        {"reason":"artifact-given"}
        "#);
        insta::assert_snapshot!(lines(reasons::not_due().iter().map(Why::not_due)), @r#"
        {"built_at":"2026-11-01T02:00:07Z","newest":"1.0.20261101","next_slot":"2026-12-01T02:00:00Z","reason":"slot-satisfied"}
        {"built_at":"2026-11-01T02:00:07Z","newest":"1.0.20261101","reason":"slot-satisfied"}
        {"built_at":"2026-11-01T02:00:07Z","newest":"1.0.20261101","next_slot":"2026-12-01T02:00:00Z","reason":"rejected","verdict":"blocked"}
        {"built_at":"2026-11-01T02:00:07Z","newest":"1.0.20261101","reason":"rejected","verdict":"untrusted"}
        {"attempt":3,"built_at":"2026-11-01T02:00:07Z","last_failure":"provisioner `shell` failed: script exited with status 100","next_slot":"2026-12-01T02:00:00Z","reason":"gave-up"}
        {"reason":"disabled"}
        {"channel":"stable","parent":"debian-12","reason":"parent-missing"}
        {"parent":"debian-12","reason":"parent-failed"}
        {"parent":"debian-12","reason":"parent-unchanged"}
        {"reason":"not-selected"}
        "#);
    }
}
