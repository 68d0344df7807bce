//! The decision for each image.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{SlotError, Slots};
use crate::model::{
    Digest, Due, History, Image, ImageName, NotDue, Plan, Planned, Skipped, Version,
};

/// What the clocks of two machines may differ.
const SKEW: SignedDuration = SignedDuration::from_hours(1);

/// An image with everything that the decision needs.
pub struct Candidate<'a> {
    /// The image.
    pub image: &'a Image,
    /// Its definition as it is now.
    pub definition: Digest,
    /// Its past.
    pub history: &'a History,
}

/// What was asked for.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// The images to look at; all when absent.
    pub names: Option<BTreeSet<ImageName>>,
    /// Build whatever is selected, due or not.
    pub force: bool,
    /// Images whose artifact was handed in: they enter after the build.
    pub given: BTreeSet<ImageName>,
}

/// Decides for every candidate whether it is built now, and why.
pub fn plan(
    candidates: &[Candidate<'_>],
    selection: &Selection,
    now: Timestamp,
) -> Result<Plan, SlotError> {
    let mut plan = Plan { at: now, build: Vec::new(), skip: Vec::new() };
    for candidate in candidates {
        let image = candidate.image;
        let slots = Slots::new(&image.rebuild.every, &image.version.timezone)?;
        match decide(candidate, selection, &slots, now) {
            Ok(why) => plan.build.push(Planned {
                image: image.name.clone(),
                why,
                definition: candidate.definition,
                version: Version::next(
                    image.version.base,
                    slots.day(now),
                    &candidate.history.reserved,
                ),
            }),
            Err(why) => plan.skip.push(Skipped { image: image.name.clone(), why }),
        }
    }
    Ok(plan)
}

/// Reasons in the order in which people would give them: what was asked for, what never was, what
/// changed, what time demands. An unchanged definition never cancels another reason.
fn decide(
    candidate: &Candidate<'_>,
    selection: &Selection,
    slots: &Slots,
    now: Timestamp,
) -> Result<Due, NotDue> {
    let name = &candidate.image.name;
    if selection.names.as_ref().is_some_and(|names| !names.contains(name)) {
        return Err(NotDue::NotSelected);
    }
    if selection.given.contains(name) {
        return Ok(Due::ArtifactGiven);
    }
    if selection.force {
        return Ok(Due::Forced);
    }
    let Some(satisfied) = &candidate.history.satisfied else {
        return Ok(Due::NeverBuilt);
    };
    if satisfied.definition != candidate.definition {
        return Ok(Due::DefinitionChanged { since: satisfied.version });
    }
    // A slot is never taken for satisfied by a build of the future: without this, one run with a
    // wrong clock would stop all rebuilding until that time has come.
    if satisfied.started_at.duration_since(now) > SKEW {
        let (since, built_at) = (satisfied.version, satisfied.started_at);
        return Ok(Due::ClockWasWrong { since, built_at });
    }
    match slots.latest(now) {
        Some(slot) if slot > satisfied.started_at => {
            Ok(Due::SlotBegan { slot, since: satisfied.version })
        }
        _ => Err(NotDue::SlotSatisfied {
            by: satisfied.version,
            built_at: satisfied.started_at,
            next: slots.next(now),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples::image;
    use crate::model::{Cadence, Satisfied};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// A history with one version, built on 23 November 2026 from definition `a`.
    fn built_once() -> History {
        let version: Version = "1.0.20261123".parse().unwrap();
        History {
            head: 2,
            reserved: vec![version],
            published: vec![version],
            satisfied: Some(Satisfied {
                version,
                definition: Digest::of(b"a"),
                started_at: at("2026-11-23T10:00:00Z"),
                package_set: Digest::of(b"packages"),
            }),
            ..History::default()
        }
    }

    fn decide_at(now: &str, definition: &[u8], history: &History, selection: &Selection) -> Plan {
        let image = image("debian-12");
        let candidate = Candidate { image: &image, definition: Digest::of(definition), history };
        plan(&[candidate], selection, at(now)).unwrap()
    }

    #[test]
    fn an_image_is_due_for_the_first_reason_that_holds_and_not_due_otherwise() {
        let (empty, built) = (History::default(), built_once());
        let (plain, forced) =
            (Selection::default(), Selection { force: true, ..Selection::default() });
        let since: Version = "1.0.20261123".parse().unwrap();
        let slot = at("2026-12-01T02:00:00Z");
        let cases = [
            ("2026-11-23T10:00:00Z", "a", &empty, &plain, Due::NeverBuilt, "1.0.20261123"),
            (
                "2026-11-23T11:00:00Z",
                "b",
                &built,
                &plain,
                Due::DefinitionChanged { since },
                "1.0.20261123.2",
            ),
            ("2026-11-23T11:00:00Z", "a", &built, &forced, Due::Forced, "1.0.20261123.2"),
            (
                "2026-12-01T02:00:00Z",
                "a",
                &built,
                &plain,
                Due::SlotBegan { slot, since },
                "1.0.20261201",
            ),
            (
                "2027-01-20T02:00:00Z",
                "a",
                &built,
                &plain,
                Due::SlotBegan { slot: at("2027-01-01T02:00:00Z"), since },
                "1.0.20270120",
            ),
        ];
        for (now, definition, history, selection, why, version) in cases {
            let plan = decide_at(now, definition.as_bytes(), history, selection);
            assert_eq!(plan.build[0].why, why);
            assert_eq!(plan.build[0].version.to_string(), version);
        }
        let plan = decide_at("2026-11-23T08:59:59Z", b"a", &built, &plain);
        let built_at = at("2026-11-23T10:00:00Z");
        assert_eq!(plan.build[0].why, Due::ClockWasWrong { since, built_at });
        let plan = decide_at("2026-11-23T09:00:00Z", b"a", &built, &plain);
        assert!(plan.build.is_empty(), "clocks of two machines differ a little");

        let plan = decide_at("2026-12-01T01:59:59Z", b"a", &built, &plain);
        assert_eq!(
            plan.skip[0].why,
            NotDue::SlotSatisfied {
                by: since,
                built_at: at("2026-11-23T10:00:00Z"),
                next: Some(slot),
            }
        );
    }

    #[test]
    fn what_is_not_named_is_not_built_even_by_force() {
        let selection =
            Selection { names: Some(BTreeSet::new()), force: true, given: BTreeSet::new() };
        let plan = decide_at("2026-11-23T10:00:00Z", b"a", &History::default(), &selection);
        assert_eq!(plan.skip[0].why, NotDue::NotSelected);
    }

    #[test]
    fn time_alone_never_makes_an_image_without_slots_due() {
        let mut image = image("talos");
        image.rebuild.every = Cadence::Never;
        let history = built_once();
        let candidate =
            Candidate { image: &image, definition: Digest::of(b"a"), history: &history };
        let plan = plan(&[candidate], &Selection::default(), at("2036-11-23T10:00:00Z")).unwrap();
        assert!(matches!(plan.skip[0].why, NotDue::SlotSatisfied { next: None, .. }));
    }
}
