//! All images, parents first: what is built, and in which wave.

use std::collections::HashMap;

use jiff::Timestamp;

use super::calendar::Calendars;
use super::decision::Decider;
use super::{Candidate, PlanInputs, SlotError, soaking};
use crate::model::{Due, Image, ImageName, Plan, Planned, Skipped, Version};

/// An image of the plan, as its children see it.
pub(super) struct PlannedParent<'a> {
    wave: u32,
    /// The image.
    pub(super) image: &'a Image,
    /// Whether it will be another one than it was.
    pub(super) is_built: bool,
}

/// Decides for every candidate whether it is built now, and why.
pub fn plan(inputs: &PlanInputs<'_>, now: Timestamp) -> Result<Plan, SlotError> {
    let mut calendars = Calendars::at(now);
    let mut planned: HashMap<&ImageName, PlannedParent<'_>> = HashMap::new();
    let mut plan = Plan {
        at: now,
        build: Vec::new(),
        skip: Vec::new(),
        soaking: Vec::new(),
        untracked: Vec::new(),
        edits: Vec::new(),
        upstream: Vec::new(),
    };
    for candidate in &inputs.candidates {
        let image = candidate.image;
        let calendar = calendars.of(image)?;
        if inputs.selection.promotes() && inputs.selection.has(&image.name, candidate.history) {
            plan.soaking.extend(soaking(image, candidate.history, now));
        }
        let decider = Decider { inputs, candidate, calendar: &calendar, planned: &planned, now };
        match decider.decide() {
            Ok(why) => {
                let parents = candidate.parents.iter();
                let parents = parents.filter_map(|parent| decider.coming(parent));
                let wave = parents.map(|parent| parent.wave + 1).max().unwrap_or(0);
                let version = version(candidate, &why, calendar.day);
                let is_built = !matches!(why, Due::CanBeRegated { .. });
                planned.insert(&image.name, PlannedParent { wave, image, is_built });
                let definition = candidate.definition.clone();
                let image = image.name.clone();
                plan.build.push(Planned { image, why, wave, definition, version });
            }
            Err(why) => plan.skip.push(Skipped { image: image.name.clone(), why }),
        }
    }
    plan.build.sort_by_key(|planned| planned.wave);
    Ok(plan)
}

/// The version that the image will get. An artifact that is judged again has one already.
fn version(candidate: &Candidate<'_>, why: &Due, day: jiff::civil::Date) -> Version {
    match why {
        Due::CanBeRegated { version, .. } => *version,
        _ => Version::next(candidate.image.version.base, day, &candidate.history.reserved),
    }
}
