//! Every reason to build an image, and not to.

use std::time::Duration;

use jiff::{Timestamp, Zoned};

use crate::model::{BlockingFinding, Decision, Due, ImageName, NotDue, Regate, Version};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A slot, as images in Berlin have them.
fn slot(text: &str) -> Zoned {
    at(text).in_tz("Europe/Berlin").unwrap()
}

/// Every reason to build.
pub(super) fn due() -> Vec<Due> {
    let version = |text: &str| -> Version { text.parse().unwrap() };
    let parent = || -> ImageName { "debian-12".parse().unwrap() };
    let since = version("1.0.20261001");
    let built_at = at("2026-10-01T02:00:04Z");
    let month = |month: i8| slot(&format!("2026-{month:02}-01T02:00:00Z"));
    let slot = month(11);
    let finding = |number: u32, fixed: Option<&str>| BlockingFinding {
        id: format!("CVE-2026-{number}"),
        source: "krb5".to_owned(),
        fixed: fixed.map(str::to_owned),
    };
    let paths =
        ["packer/debian.pkr.hcl", "packer/a.sh", "packer/b.sh", "packer/c.sh", "images.yml"];
    vec![
        Due::NeverBuilt,
        Due::DefinitionChanged { since, changed: Vec::new() },
        Due::DefinitionChanged {
            since,
            changed: ["file:a.sh", "file:b.sh", "prepare", "vars.a", "vars.b"]
                .map(Into::into)
                .into(),
        },
        Due::SlotBegan { slot: slot.clone(), since, missed: Vec::new() },
        Due::SlotBegan { slot: slot.clone(), since, missed: vec![month(10)] },
        Due::SlotBegan { slot, since, missed: (6..=10).rev().map(month).collect() },
        Due::TooOld { limit: Duration::from_hours(45 * 24), since, built_at },
        Due::ClockWasWrong { since, built_at: at("2027-10-01T02:00:04Z") },
        Due::Revoked { version: since, because: "leaked key".to_owned() },
        Due::Finding {
            version: since,
            findings: vec![finding(40355, Some("1.20.1-2+deb12u5")), finding(40356, None)],
        },
        Due::ParentMoved { parent: parent(), from: since, to: version("1.0.20261101") },
        Due::ParentBuilt { parent: parent() },
        Due::ChangedPaths { paths: paths.map(Into::into).into() },
        Due::ParentChanged { parent: parent() },
        Due::CanBeRegated { version: version("1.0.20261101"), why: Regate::Policy },
        Due::CanBeRegated { version: version("1.0.20261101"), why: Regate::Waivers },
        Due::CanBeRegated { version: version("1.0.20261101"), why: Regate::Advisories },
        Due::CanBeRegated { version: version("1.0.20261101"), why: Regate::Asked },
        Due::Retry {
            attempt: 2,
            of: 3,
            last: "provisioner `shell` failed: script exited with status 100".to_owned(),
            why: Box::new(Due::NeverBuilt),
        },
        Due::AskedFor,
        Due::Forced,
        Due::ArtifactGiven,
    ]
}

/// Every reason not to build.
pub(super) fn not_due() -> Vec<NotDue> {
    let parent = || -> ImageName { "debian-12".parse().unwrap() };
    let version: Version = "1.0.20261101".parse().unwrap();
    let (at, next) = (at("2026-11-01T02:00:07Z"), Some(slot("2026-12-01T02:00:00Z")));
    let rejected = |verdict, next| NotDue::Rejected { version, verdict, at, next };
    vec![
        NotDue::SlotSatisfied { by: version, built_at: at, next: next.clone() },
        NotDue::SlotSatisfied { by: version, built_at: at, next: None },
        rejected(Decision::Blocked, next.clone()),
        rejected(Decision::Untrusted, None),
        NotDue::GaveUp {
            attempts: 3,
            last: "provisioner `shell` failed: script exited with status 100".to_owned(),
            at,
            next,
        },
        NotDue::Disabled,
        NotDue::ParentMissing { parent: parent(), channel: "stable".parse().unwrap() },
        NotDue::ParentFailed { parent: parent() },
        NotDue::ParentUnchanged { parent: parent() },
        NotDue::NotSelected,
    ]
}
