//! The decision for one image.

use std::collections::HashMap;

use jiff::Timestamp;

use super::attempts::{Attempts, SKEW};
use super::calendar::Calendar;
use super::planner::PlannedParent;
use super::{Candidate, ParentNow, PlanInputs};
use crate::model::{BlockingFinding, Change, Due, ImageName, NotDue, Regate, Satisfied};

/// One image, and everything that its decision depends on.
pub(super) struct Decider<'a> {
    pub(super) inputs: &'a PlanInputs<'a>,
    pub(super) candidate: &'a Candidate<'a>,
    pub(super) calendar: &'a Calendar,
    /// The images that were decided before and are built.
    pub(super) planned: &'a HashMap<&'a ImageName, PlannedParent<'a>>,
    pub(super) now: Timestamp,
}

impl Decider<'_> {
    /// Whether the image is built, and why: what was asked for first, then what the past demands.
    pub(super) fn decide(&self) -> Result<Due, NotDue> {
        let selection = &self.inputs.selection;
        let image = self.candidate.image;
        if !selection.has(&image.name, self.candidate.history) {
            return Err(NotDue::NotSelected);
        }
        if !image.enabled {
            return Err(NotDue::Disabled);
        }
        if selection.given.contains(&image.name) {
            return Ok(Due::ArtifactGiven);
        }
        if selection.regate {
            let kept = self.candidate.history.rejected.as_ref().filter(|attempt| attempt.kept);
            let version = kept.ok_or(NotDue::NotSelected)?.version;
            return Ok(Due::CanBeRegated { version, why: Regate::Asked });
        }
        let mut parents = self.candidate.parents.iter();
        if let Some(parent) = parents.find(|parent| self.is_missing(parent)) {
            let (parent, channel) = (parent.image.clone(), parent.channel.clone());
            return Err(NotDue::ParentMissing { parent, channel });
        }
        if let Some(changed) = &selection.changed {
            return Ok(match &changed[&image.name] {
                Change::Paths(paths) => Due::ChangedPaths { paths: paths.clone() },
                Change::Parent(parent) => Due::ParentChanged { parent: parent.clone() },
            });
        }
        if selection.force {
            return Ok(Due::Forced);
        }
        match self.demanded() {
            Err(_) if selection.by_name => Ok(Due::AskedFor),
            demanded => demanded,
        }
    }

    /// Whether there is no version of `parent` to build upon, and none is on its way.
    fn is_missing(&self, parent: &ParentNow<'_>) -> bool {
        parent.version.is_none() && self.coming(parent).is_none()
    }

    /// What is planned for `parent`, if a version of it would move the channel that is followed.
    pub(super) fn coming(&self, parent: &ParentNow<'_>) -> Option<&PlannedParent<'_>> {
        self.planned.get(parent.image).filter(|planned| planned.image.moves(parent.channel))
    }

    /// Reasons in the order in which people would give them. The first one that another attempt may
    /// answer decides: an unchanged definition, or a reason for which it was tried in vain, never
    /// cancels another reason.
    fn demanded(&self) -> Result<Due, NotDue> {
        let attempts = Attempts::of(self.inputs, self.candidate, self.calendar, self.now);
        let mut obstacle = None;
        for why in self.reasons().into_iter().flatten() {
            match attempts.weigh(why) {
                Ok(due) => return Ok(due),
                Err(why) => obstacle = obstacle.or(Some(why)),
            }
        }
        if let Some(parent) = self.built_parent() {
            return Ok(Due::ParentBuilt { parent: parent.clone() });
        }
        if !matches!(obstacle, Some(NotDue::GaveUp { .. }))
            && let Some(regate) = attempts.regate()
        {
            return Ok(regate);
        }
        match (obstacle, &self.candidate.history.satisfied) {
            (Some(obstacle), _) => Err(obstacle),
            (None, Some(satisfied)) => Err(NotDue::SlotSatisfied {
                by: satisfied.version,
                built_at: satisfied.started_at,
                next: self.calendar.next.clone(),
            }),
            (None, None) => Ok(Due::NeverBuilt),
        }
    }

    fn reasons(&self) -> [Option<Due>; 7] {
        let satisfied = self.candidate.history.satisfied.as_ref();
        [
            self.revoked(),
            satisfied.map_or(Some(Due::NeverBuilt), |satisfied| self.changed(satisfied)),
            satisfied.and_then(|satisfied| self.clock(satisfied)),
            self.finding(),
            satisfied.and_then(|satisfied| self.parent_moved(satisfied)),
            satisfied.and_then(|satisfied| self.slot(satisfied)),
            satisfied.and_then(|satisfied| self.age(satisfied)),
        ]
    }

    /// The newest version was withdrawn, or the one that satisfies the slot.
    fn revoked(&self) -> Option<Due> {
        let history = self.candidate.history;
        let satisfied = history.satisfied.as_ref().map(|satisfied| satisfied.version);
        let versions = [history.newest(), satisfied];
        let revoked = |version| {
            let revocation = history.revocation(version, self.now)?;
            Some((version, revocation.reason.clone()))
        };
        let (version, because) = versions.into_iter().flatten().find_map(revoked)?;
        Some(Due::Revoked { version, because })
    }

    fn changed(&self, satisfied: &Satisfied) -> Option<Due> {
        let definition = self.candidate.definition;
        (satisfied.definition != definition.digest).then(|| Due::DefinitionChanged {
            since: satisfied.version,
            changed: definition.changed_since(&satisfied.definition_parts),
        })
    }

    /// A slot is never taken for satisfied by a build of the future: without this, one run with a
    /// wrong clock would stop all rebuilding until that time has come.
    fn clock(&self, satisfied: &Satisfied) -> Option<Due> {
        let (since, built_at) = (satisfied.version, satisfied.started_at);
        let ahead = built_at.duration_since(self.now);
        (ahead > SKEW).then_some(Due::ClockWasWrong { since, built_at })
    }

    fn finding(&self) -> Option<Due> {
        let history = self.candidate.history;
        let version = history.newest()?;
        let mut findings = history.untried(&self.candidate.definition.digest);
        // No build brings a fix that there is not.
        findings.retain(|BlockingFinding { fixed, .. }| fixed.is_some());
        (!findings.is_empty()).then_some(Due::Finding { version, findings })
    }

    fn parent_moved(&self, satisfied: &Satisfied) -> Option<Due> {
        let (before, to) = self.candidate.moved(&satisfied.parents)?;
        let parent = before.image.clone();
        Some(Due::ParentMoved { parent, from: before.version, to })
    }

    fn slot(&self, satisfied: &Satisfied) -> Option<Due> {
        let slot = self.calendar.latest.filter(|slot| *slot > satisfied.started_at)?;
        let history = self.candidate.history;
        let others = [
            history.rejected.as_ref().map(|attempt| attempt.started_at),
            history.failed.last().map(|attempt| attempt.started_at),
        ];
        let last = others.into_iter().flatten().fold(satisfied.started_at, Timestamp::max);
        let missed = self.calendar.missed_since(last);
        let slot = self.calendar.local(slot);
        Some(Due::SlotBegan { slot, since: satisfied.version, missed })
    }

    fn age(&self, satisfied: &Satisfied) -> Option<Due> {
        let (since, built_at) = (satisfied.version, satisfied.started_at);
        let limit = self.calendar.limit(self.candidate.image.rebuild.max_age)?;
        let age = std::time::Duration::try_from(self.now.duration_since(built_at)).ok()?;
        (age > limit).then_some(Due::TooOld { limit, since, built_at })
    }

    /// A parent that is built in the same run, and moves the channel that this image follows.
    fn built_parent(&self) -> Option<&ImageName> {
        let mut parents = self.candidate.parents.iter();
        let built =
            |parent: &&ParentNow<'_>| self.coming(parent).is_some_and(|planned| planned.is_built);
        parents.find(built).map(|parent| parent.image)
    }
}
