//! What holds for every past: random families of images with random logs.

use proptest::prelude::*;

use jiff::SignedDuration;

use super::*;
use crate::model::samples::version_record;
use crate::model::{Due, NotDue, Planned};
use crate::plan::Slots;

/// What happens to an image at some hour.
#[derive(Debug, Clone, Copy)]
enum Happening {
    Published,
    Verified,
    Rejected,
    Failed,
    Rescanned(usize),
    Revoked,
}

/// One image: the place of its parent before it, whether it follows `stable`, its settings and past.
#[derive(Debug, Clone)]
struct Sketch {
    parents: Vec<(usize, bool)>,
    every: Cadence,
    max_age: MaxAge,
    enabled: bool,
    definition: bool,
    /// Each some hours after the one before, from which definition.
    past: Vec<(Happening, i64, bool)>,
}

fn sketch() -> impl Strategy<Value = Sketch> {
    use Happening::{Failed, Published, Rejected, Rescanned, Revoked, Verified};
    let happening = prop_oneof![
        4 => Just(Published),
        1 => Just(Verified),
        3 => Just(Rejected),
        3 => Just(Failed),
        2 => (0usize..3).prop_map(Rescanned),
        1 => Just(Revoked),
    ];
    let every = [Cadence::Weekly, Cadence::Monthly, Cadence::Quarterly, Cadence::Never];
    let ages = [MaxAge::Auto, MaxAge::Unlimited, MaxAge::After(Duration::from_hours(240))];
    (
        prop::collection::vec((0usize..4, prop::bool::weighted(0.2)), 0..3),
        prop::sample::select(every.to_vec()),
        prop::sample::select(ages.to_vec()),
        prop::bool::weighted(0.9),
        prop::bool::weighted(0.8),
        prop::collection::vec((happening, 1i64..400, prop::bool::weighted(0.8)), 0..8),
    )
        .prop_map(|(parents, every, max_age, enabled, definition, past)| Sketch {
            parents,
            every,
            max_age,
            enabled,
            definition,
            past,
        })
}

fn definition(first: bool) -> Definition {
    define(if first { "a" } else { "b" })
}

/// The images, parents first, with their pasts up to about `now`.
fn world(sketches: &[Sketch]) -> World {
    let mut world = World::of([]);
    for (place, sketch) in sketches.iter().enumerate() {
        let mut image = image(&format!("image-{place}"));
        for (parent, stable) in &sketch.parents {
            let parent = format!("image-{parent}");
            let known = image.parents.iter().any(|known| known.image.as_str() == parent);
            if world.images.iter().any(|(above, ..)| above.name.as_str() == parent) && !known {
                image = built_upon(image, &parent, stable.then_some("stable"));
            }
        }
        image.rebuild.every = sketch.every.clone();
        image.rebuild.max_age = sketch.max_age;
        image.enabled = sketch.enabled;
        let mut past = Past::default();
        let mut then = at("2026-05-01T00:00:00Z");
        for (happening, hours, first) in &sketch.past {
            then += SignedDuration::from_hours(*hours);
            let definition = definition(*first);
            let published = past.history().newest().is_some();
            match happening {
                Happening::Published => past.published(then, &definition, &[]),
                Happening::Rejected => past.rejected(then, &definition, &[], Decision::Blocked),
                Happening::Failed => past.failed(then, &definition, &[]),
                Happening::Verified if published => past.verified(then, &definition, &[]),
                Happening::Revoked if published => past.revoked(then),
                Happening::Rescanned(count) if published => {
                    past.rescanned(then, &["CVE-1", "CVE-2", "CVE-3"][..*count])
                }
                Happening::Verified | Happening::Revoked | Happening::Rescanned(_) => &mut past,
            };
        }
        world.images.push((image, definition(sketch.definition), past));
    }
    world
}

/// The versions of its parents that an image is built upon.
fn upon(world: &World, name: &ImageName) -> Vec<ParentRecord> {
    let histories = world.histories();
    let record = |parent: ParentNow<'_>| {
        Some(ParentRecord { image: parent.image.clone(), version: parent.version? })
    };
    world.parents(world.image(name), &histories).into_iter().filter_map(record).collect()
}

/// Lets everything that is planned succeed; where that can be, without anything new coming of it.
fn succeed(world: &mut World, plan: &Plan, fresh: bool) {
    for planned in &plan.build {
        let parents = upon(world, &planned.image);
        let past = world.past(planned.image.as_str());
        let history = past.history();
        let satisfied = history.satisfied.as_ref().map(|satisfied| satisfied.version);
        let newest = history.newest().filter(|newest| !history.revoked.contains_key(newest));
        if let Due::CanBeRegated { version, .. } = planned.why {
            let started_at = history.rejected.unwrap().started_at;
            past.enter(plan.at, version_record(version, started_at, &planned.definition, &parents));
        } else if fresh && newest.is_some() && newest == satisfied {
            past.verified(plan.at, &planned.definition, &parents);
        } else {
            past.published(plan.at, &planned.definition, &parents);
        }
    }
}

/// Lets everything that is planned end badly, and what is built upon it not even begin. Returns
/// what was built.
fn end_badly(
    world: &mut World,
    plan: &Plan,
    end: impl Fn(&mut Past, &Planned, &[ParentRecord]),
) -> Vec<ImageName> {
    let mut built = Vec::new();
    for planned in &plan.build {
        let above = &world.image(&planned.image).parents;
        let waits = above.iter().any(|parent| plan.build.iter().any(|p| p.image == parent.image));
        if !waits && !matches!(planned.why, Due::CanBeRegated { .. }) {
            let parents = upon(world, &planned.image);
            end(world.past(planned.image.as_str()), planned, &parents);
            built.push(planned.image.clone());
        }
    }
    built
}

fn moment() -> impl Strategy<Value = Timestamp> {
    (0i64..5_000).prop_map(|hours| at("2026-04-20T00:30:00Z") + SignedDuration::from_hours(hours))
}

fn family_of() -> impl Strategy<Value = Vec<Sketch>> {
    prop::collection::vec(sketch(), 1..6)
}

proptest! {
    #[test]
    fn every_image_is_decided_once_and_parents_come_first(
        sketches in family_of(), now in moment(), force: bool,
    ) {
        let mut world = world(&sketches);
        world.selection.force = force;
        let plan = world.plan_at(now);
        let mut decided: Vec<_> = plan.build.iter().map(|planned| &planned.image).collect();
        decided.extend(plan.skip.iter().map(|skipped| &skipped.image));
        decided.sort();
        prop_assert!(decided.into_iter().eq(world.images.iter().map(|(image, ..)| &image.name)));
        let place = |name: &ImageName| world.images.iter().position(|(i, ..)| i.name == *name);
        prop_assert!(plan.build.is_sorted_by_key(|planned| (planned.wave, place(&planned.image))));
        prop_assert_eq!(&world.plan_at(now), &plan);

        let waves: BTreeMap<_, _> =
            plan.build.iter().map(|planned| (&planned.image, planned.wave)).collect();
        let histories = world.histories();
        for planned in &plan.build {
            let above = world.image(&planned.image).parents.iter();
            let above = above.filter(|p| p.channel.is_none());
            let above = above.filter_map(|parent| waves.get(&parent.image));
            prop_assert_eq!(planned.wave, above.map(|wave| wave + 1).max().unwrap_or(0));
            let regated = matches!(planned.why, Due::CanBeRegated { .. });
            let taken = histories[&planned.image].reserved.contains(&planned.version);
            prop_assert_eq!(taken, regated, "{}", planned.version);
        }
    }

    /// Force builds everything; and what nobody tried in vain is built in every new slot, whatever
    /// else has or has not changed.
    #[test]
    fn an_image_that_can_be_built_is_built_when_it_should_be(
        sketches in family_of(), now in moment(),
    ) {
        let mut world = world(&sketches);
        let plan = world.plan_at(now);
        let histories = world.histories();
        for skipped in &plan.skip {
            let image = world.image(&skipped.image);
            let past = &histories[&skipped.image];
            let slot = Slots::new(&image.rebuild.every, "UTC").unwrap().latest(now);
            let slot_began = past.satisfied.as_ref().is_none_or(|s| slot > Some(s.started_at));
            let tried = past.went_wrong();
            let possible = !matches!(skipped.why, NotDue::Disabled | NotDue::ParentMissing { .. });
            prop_assert!(!(slot_began && possible && !tried), "{}", says(&plan));
        }
        world.selection.force = true;
        for skipped in world.plan_at(now).skip {
            let impossible = matches!(skipped.why, NotDue::Disabled | NotDue::ParentMissing { .. });
            prop_assert!(impossible);
        }
    }

    /// A run that succeeds leaves nothing to do, but for what is built upon an artifact that was
    /// judged again: whether that passes is known only afterwards.
    #[test]
    fn what_succeeds_is_not_due_again(
        sketches in family_of(), now in moment(), newer: bool, fresh: bool,
    ) {
        let mut world = world(&sketches);
        if newer {
            world.advisories_at = now;
        }
        let mut plan = world.plan_at(now);
        for _ in 0..=world.images.len() {
            let regated = plan.build.iter().any(|p| matches!(p.why, Due::CanBeRegated { .. }));
            succeed(&mut world, &plan, fresh);
            plan = world.plan_at(now);
            prop_assert!(regated || plan.build.is_empty(), "{}", says(&plan));
        }
        prop_assert!(plan.build.is_empty(), "{}", says(&plan));
    }

    #[test]
    fn what_fails_is_given_up(sketches in family_of(), now in moment()) {
        let mut world = world(&sketches);
        let mut attempts: BTreeMap<ImageName, (usize, Option<Timestamp>)> = BTreeMap::new();
        for hours in 0..8 {
            let now = now + SignedDuration::from_hours(hours);
            let plan = world.plan_at(now);
            let built = end_badly(&mut world, &plan, |past, planned, parents| {
                past.failed(plan.at, &planned.definition, parents);
            });
            for image in built {
                let slot = Slots::new(&world.image(&image).rebuild.every, "UTC").unwrap();
                let slot = slot.latest(now);
                let (count, of) = attempts.entry(image).or_default();
                *count = if *of == slot { *count + 1 } else { 1 };
                *of = slot;
                prop_assert!(*count <= 3, "{}", says(&plan));
            }
        }
    }

    #[test]
    fn what_does_not_pass_is_not_built_again_in_its_slot(
        sketches in family_of(), now in moment(),
    ) {
        let mut world = world(&sketches);
        let mut built_in: BTreeMap<ImageName, Option<Timestamp>> = BTreeMap::new();
        for hours in 0..8 {
            let now = now + SignedDuration::from_hours(hours);
            let plan = world.plan_at(now);
            let built = end_badly(&mut world, &plan, |past, planned, parents| {
                past.rejected(plan.at, &planned.definition, parents, Decision::Blocked);
            });
            for image in built {
                let slots = Slots::new(&world.image(&image).rebuild.every, "UTC").unwrap();
                let slot = slots.latest(now);
                prop_assert_ne!(built_in.insert(image, slot), Some(slot), "{}", says(&plan));
            }
        }
    }
}
