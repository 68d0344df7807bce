//! Whether an image of the plan is still to be built, now that it is known what became of its parents.
//! Pure.

use std::collections::BTreeMap;

use crate::model::{
    Catalog, ChannelName, Due, History, Image, ImageName, ImageOutcome, NotDue, Plan, Planned,
    Skipped,
};
use crate::report::{CaughtUp, ImageReport};

/// What a run has come to so far.
pub(super) struct SoFar<'a> {
    /// All images.
    pub(super) catalog: &'a Catalog,
    /// What was to be built.
    pub(super) plan: &'a Plan,
    /// The past, as it was before the run.
    pub(super) histories: &'a BTreeMap<ImageName, History>,
    /// What earlier runs had left half done, and was done before anything else.
    pub(super) caught_up: &'a [CaughtUp],
    /// What was built or judged.
    pub(super) done: &'a [ImageReport],
    /// What was not.
    pub(super) skipped: &'a [Skipped],
}

impl SoFar<'_> {
    /// Whether `image`, which is next, is built: why, as it is known by now, or why not after all.
    pub(super) fn decide(&self, image: &Image, planned: &Planned) -> Result<Due, NotDue> {
        let hopeless = |(parent, channel): &(&ImageName, &ChannelName)| {
            self.has_failed(parent) || !self.names_a_version(parent, channel)
        };
        if let Some((parent, _)) = awaited(self.catalog, self.plan, image).find(hopeless) {
            return Err(NotDue::ParentFailed { parent: parent.clone() });
        }
        let Due::ParentBuilt { parent } = planned.why.cause() else {
            return Ok(planned.why.clone());
        };
        // One that is new is enough, whichever the plan has named.
        let mut others = awaited(self.catalog, self.plan, image).map(|(parent, _)| parent);
        let new = if self.is_new(parent) { Some(parent) } else { others.find(|p| self.is_new(p)) };
        match new {
            Some(parent) => Ok(Due::ParentBuilt { parent: parent.clone() }),
            None => Err(NotDue::ParentUnchanged { parent: parent.clone() }),
        }
    }

    /// Whether `parent` was to be built and was not: what it would be is not to be had.
    ///
    /// One that is only judged again changes nothing if it still does not pass, nor does one that
    /// was not built because it would be what it was: their channels name what they named.
    fn has_failed(&self, parent: &ImageName) -> bool {
        let only_judged = self
            .planned(parent)
            .is_some_and(|planned| matches!(planned.why.cause(), Due::CanBeRegated { .. }));
        let failed = self.report(parent).is_some_and(|report| !report.standing().is_good());
        let mut skipped = self.skipped.iter().filter(|skipped| skipped.image == *parent);
        (failed && !only_judged)
            || skipped.any(|skipped| matches!(skipped.why, NotDue::ParentFailed { .. }))
    }

    /// Whether there is a version in `channel` of `parent` by now.
    fn names_a_version(&self, parent: &ImageName, channel: &ChannelName) -> bool {
        let before = self.histories.get(parent);
        before.is_some_and(|history| history.channels.contains_key(channel))
            || self
                .caught_up
                .iter()
                .any(|caught_up| caught_up.image == *parent && caught_up.moved.channel == *channel)
            || self
                .report(parent)
                .is_some_and(|report| matches!(report.outcome, ImageOutcome::Published { .. }))
    }

    /// Whether `parent` is another one than it was, or would be if anything were published.
    fn is_new(&self, parent: &ImageName) -> bool {
        self.report(parent).is_some_and(|report| {
            matches!(report.outcome, ImageOutcome::Published { .. } | ImageOutcome::Passed)
        })
    }

    fn report(&self, image: &ImageName) -> Option<&ImageReport> {
        self.done.iter().find(|report| report.image == *image)
    }

    fn planned(&self, image: &ImageName) -> Option<&Planned> {
        planned(self.plan, image)
    }
}

/// The parents of `image` whose end in this run decides what it would be built upon, each with the
/// channel that it follows.
pub(super) fn awaited<'a>(
    catalog: &'a Catalog,
    plan: &Plan,
    image: &'a Image,
) -> impl Iterator<Item = (&'a ImageName, &'a ChannelName)> {
    let parents = image.parents.iter().filter_map(|parent| {
        let above = &catalog.images[&parent.image];
        let channel = parent.follows(above);
        above.moves(channel).then_some((&parent.image, channel))
    });
    parents.filter(|(parent, _)| planned(plan, parent).is_some())
}

fn planned<'p>(plan: &'p Plan, image: &ImageName) -> Option<&'p Planned> {
    plan.build.iter().find(|planned| planned.image == *image)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples::{Past, definition, image};
    use crate::model::{Address, Failure, FailureClass, Parent, Regate, Stage, Version};
    use crate::report::ChannelMove;

    fn name(text: &str) -> ImageName {
        text.parse().unwrap()
    }

    fn version() -> Version {
        "1.0.20261102".parse().unwrap()
    }

    /// `child`, which is built upon `a` and `b`, in a run of all three. Both had a version before.
    struct Case {
        catalog: Catalog,
        plan: Plan,
        histories: BTreeMap<ImageName, History>,
        caught_up: Vec<CaughtUp>,
        done: Vec<ImageReport>,
        skipped: Vec<Skipped>,
    }

    impl Case {
        /// They are due for these reasons.
        fn new(a: Due, b: Due, child: Due) -> Self {
            let upon = |parent: &str| Parent { image: name(parent), channel: None };
            let mut images = [image("a"), image("b"), image("child")];
            images[2].parents = vec![upon("a"), upon("b")];
            let planned = |(image, why): (&Image, Due)| Planned {
                image: image.name.clone(),
                why,
                wave: 0,
                definition: definition("file:a.pkr.hcl", "a"),
                version: version(),
            };
            let build = images.iter().zip([a, b, child]).map(planned).collect();
            let at = "2026-11-02T10:00:00Z".parse().unwrap();
            let past =
                Past::default().published(at, &definition("file:a.pkr.hcl", "a"), &[]).history();
            let histories = images.iter().map(|image| (image.name.clone(), past.clone())).collect();
            let images = images.into_iter().map(|image| (image.name.clone(), image)).collect();
            Self {
                catalog: Catalog {
                    path: "/repository/images.yml".into(),
                    registry: Address::Directory("/srv/registry".into()),
                    images,
                    retry_limit: 3,
                    plugin_mirror: None,
                },
                plan: Plan {
                    at,
                    build,
                    skip: Vec::new(),
                    soaking: Vec::new(),
                    untracked: Vec::new(),
                    edits: Vec::new(),
                    upstream: Vec::new(),
                },
                histories,
                caught_up: Vec::new(),
                done: Vec::new(),
                skipped: Vec::new(),
            }
        }

        /// `child` follows `stable` of `a`.
        fn stable(mut self) -> Self {
            self.catalog.images[2].parents[0].channel = Some("stable".parse().unwrap());
            self
        }

        /// There was no version of `image` before.
        fn first(mut self, image: &str) -> Self {
            self.histories.insert(name(image), History::default());
            self
        }

        /// A version of `image` had been published and enters its channel only now.
        fn caught_up(mut self, image: &str) -> Self {
            let channel = "candidate".parse().unwrap();
            let moved = ChannelMove { channel, from: None, to: version() };
            self.caught_up.push(CaughtUp { image: name(image), moved });
            self
        }

        /// `image` has come to this end.
        fn ended(mut self, image: &str, outcome: ImageOutcome) -> Self {
            self.done.push(ImageReport::new(name(image), outcome));
            self
        }

        /// `image` was not built.
        fn skipped(mut self, image: &str, why: NotDue) -> Self {
            self.skipped.push(Skipped { image: name(image), why });
            self
        }

        /// What is decided about `child`.
        fn says(&self) -> Result<Due, NotDue> {
            let Self { catalog, plan, histories, caught_up, done, skipped } = self;
            let so_far = SoFar { catalog, plan, histories, caught_up, done, skipped };
            so_far.decide(&catalog.images[2], &plan.build[2])
        }
    }

    fn published() -> ImageOutcome {
        ImageOutcome::Published { version: version() }
    }

    fn fresh() -> ImageOutcome {
        ImageOutcome::VerifiedFresh { version: version() }
    }

    fn failed() -> ImageOutcome {
        let failure = Failure::new(FailureClass::Build, "script failed");
        ImageOutcome::Failed { stage: Stage::Build, failure }
    }

    fn blocked() -> ImageOutcome {
        ImageOutcome::Rejected { failure: Failure::new(FailureClass::Blocked, "CVE-1") }
    }

    fn judged_again() -> Due {
        Due::CanBeRegated { version: version(), why: Regate::Policy }
    }

    fn built(parent: &str) -> Due {
        Due::ParentBuilt { parent: name(parent) }
    }

    fn parent_failed(parent: &str) -> NotDue {
        NotDue::ParentFailed { parent: name(parent) }
    }

    fn parent_unchanged(parent: &str) -> NotDue {
        NotDue::ParentUnchanged { parent: name(parent) }
    }

    #[test]
    fn a_parent_that_failed_stops_only_who_follows_the_channel_that_it_would_have_moved() {
        let case = || Case::new(Due::Forced, Due::Forced, Due::Forced).ended("b", published());
        assert_eq!(case().ended("a", published()).says(), Ok(Due::Forced));
        assert_eq!(case().ended("a", failed()).says(), Err(parent_failed("a")));
        assert_eq!(case().skipped("a", parent_failed("base")).says(), Err(parent_failed("a")));
        let case = || case().stable();
        assert_eq!(case().ended("a", failed()).says(), Ok(Due::Forced));
        assert_eq!(case().skipped("a", parent_failed("base")).says(), Ok(Due::Forced));
    }

    #[test]
    fn what_still_does_not_pass_stops_only_who_has_nothing_else_to_be_built_upon() {
        let case = || Case::new(judged_again(), Due::Forced, Due::Forced).ended("b", published());
        assert_eq!(case().ended("a", blocked()).says(), Ok(Due::Forced));
        let case = || case().first("a");
        assert_eq!(case().ended("a", blocked()).says(), Err(parent_failed("a")));
        assert_eq!(case().ended("a", published()).says(), Ok(Due::Forced));
        assert_eq!(case().caught_up("a").ended("a", blocked()).says(), Ok(Due::Forced));
        // Nothing is published by a dry run, and what is not built has no version either.
        assert_eq!(case().ended("a", ImageOutcome::Passed).says(), Err(parent_failed("a")));
        assert_eq!(case().skipped("a", parent_unchanged("base")).says(), Err(parent_failed("a")));
    }

    #[test]
    fn one_parent_that_is_new_is_reason_enough() {
        let case = || Case::new(Due::Forced, Due::Forced, built("a"));
        let both = |a, b| case().ended("a", a).ended("b", b).says();
        assert_eq!(both(published(), published()), Ok(built("a")));
        assert_eq!(both(fresh(), published()), Ok(built("b")));
        assert_eq!(both(fresh(), ImageOutcome::Passed), Ok(built("b")));
        assert_eq!(both(fresh(), fresh()), Err(parent_unchanged("a")));
        let unchanged = case().ended("a", fresh()).skipped("b", parent_unchanged("base"));
        assert_eq!(unchanged.says(), Err(parent_unchanged("a")));
        // What is new in a channel that nobody follows is no reason.
        let case = Case::new(Due::Forced, Due::Forced, built("b")).stable();
        let case = case.ended("a", published()).ended("b", fresh());
        assert_eq!(case.says(), Err(parent_unchanged("b")));
        let case = Case::new(judged_again(), Due::Forced, built("b"));
        let case = case.ended("a", published()).ended("b", fresh());
        assert_eq!(case.says(), Ok(built("a")));
    }
}
