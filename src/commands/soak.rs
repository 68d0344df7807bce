//! Versions that move on to another channel by themselves: what a daily `run` does, and `promote --due`.

use std::collections::{BTreeMap, BTreeSet};

use super::planning;
use super::promotion::Promotion;
use super::recorded::Recorded;
use super::rescan::{self, Known};
use super::session::Session;
use crate::cli;
use crate::matrix::Graph;
use crate::model::{Act, Catalog, Failure, FailureClass, ImageName, NoteLevel, Soaking};
use crate::plan;
use crate::registry::{self, Author, Expect, Registry, RegistryError, Steering, steer};
use crate::report;
use crate::run::{self, Judgement};

/// `goldsmith promote --due`: promotes what the rules of `images.yml` say, and nothing else.
pub(super) async fn run(
    session: &Session,
    arguments: &cli::Promote,
) -> Result<Vec<report::Promotion>, Failure> {
    let Known { address, judgements, catalog } =
        rescan::known(session, arguments.registry.as_ref()).await?;
    let Some(catalog) = catalog else {
        let reason = "there is no images.yml, which says what moves on and when";
        return Err(Failure::new(FailureClass::Usage, reason));
    };
    let wanted = |name: &&ImageName| arguments.image.as_ref().is_none_or(|image| image == *name);
    let graph =
        Graph::new(catalog.images.values()).map_err(|errors| planning::circular(&errors))?;
    let names: Vec<ImageName> = graph.order().filter(wanted).cloned().collect();
    if names.is_empty() {
        let image = arguments.image.as_ref().map_or("", ImageName::as_str);
        let reason = format!("`{image}` is not in images.yml");
        let hint = format!("images.yml has: {}", planning::images(&catalog));
        return Err(Failure::new(FailureClass::Usage, reason).hint(hint));
    }
    let registry =
        &*registry::open(&address, &session.reach()).await.map_err(|error| error.failure())?;
    let histories = registry.histories(&names).await.map_err(|error| error.failure())?;
    let now = session.clock.now();
    let soaking: Vec<Soaking> = names
        .iter()
        .flat_map(|name| plan::soaking(&catalog.images[name], &histories[name], now))
        .collect();
    let author = &session.author(run::new_run_id(&session.clock));
    let advisories = &arguments.advisories;
    let catalog = &catalog;
    Soak { session, registry, catalog, judgements, author, advisories }.promote(&soaking).await
}

/// What the rules of `images.yml` say, and what is judged by.
pub(super) struct Soak<'a> {
    pub(super) session: &'a Session,
    pub(super) registry: &'a dyn Registry,
    pub(super) catalog: &'a Catalog,
    pub(super) judgements: BTreeMap<ImageName, Judgement>,
    pub(super) author: &'a Author,
    pub(super) advisories: &'a cli::Advisories,
}

impl Soak<'_> {
    /// Promotes those of `soaking` that have been where they are for long enough and that pass, in this
    /// order. What does not pass is told, and tried again the next time.
    pub(super) async fn promote(
        &self,
        soaking: &[Soaking],
    ) -> Result<Vec<report::Promotion>, Failure> {
        let now = self.session.clock.now();
        let ripe: Vec<&Soaking> = soaking.iter().filter(|it| it.is_ripe(now)).collect();
        if ripe.is_empty() {
            return Ok(Vec::new());
        }
        let images: BTreeSet<ImageName> = ripe.iter().map(|it| it.image.clone()).collect();
        let images: Vec<ImageName> = images.into_iter().collect();
        let Self { session, registry, .. } = *self;
        let judgements = self.judgements.clone();
        let watched = rescan::watch(session, registry, judgements, &images, self.advisories);
        let watched = watched.await?.0.versions;
        let mut promotions = Vec::new();
        for it in ripe {
            let recorded = Recorded::of(registry, &it.image).await?;
            let image = &self.catalog.images[&it.image];
            // Judging takes a while, and others move channels meanwhile.
            if !plan::soaking(image, &recorded.history, now).contains(it) {
                continue;
            }
            let tests = &image.tests;
            let promotion =
                Promotion { session, registry, recorded: &recorded, tests, watched: &watched };
            let refused = promotion.objections(it.version, &it.rule.to).await?.all();
            let refused = if refused.is_empty() { self.go(it).await? } else { Some(refused) };
            promotions.extend(refused.map(|refused| report::Promotion {
                image: it.image.clone(),
                version: it.version,
                rule: it.rule.clone(),
                instead_of: it.instead_of,
                refused,
            }));
        }
        Ok(promotions)
    }

    /// Moves the channel. What stands against it; nothing at all if another run has just done it.
    async fn go(&self, soaking: &Soaking) -> Result<Option<Vec<String>>, Failure> {
        let Soaking { image, version, rule, instead_of, .. } = soaking;
        let steering = Steering {
            act: Act::Promoted,
            expected: Expect::Free(*instead_of),
            to: *version,
            held: false,
            because: Some(rule.because()),
            though_revoked: false,
        };
        match steer(self.registry, self.author, image, &rule.to, &steering).await {
            Ok(_) => Ok(Some(Vec::new())),
            Err(RegistryError::ChannelMoved { found, .. }) if found == Some(*version) => Ok(None),
            Err(
                error @ (RegistryError::ChannelMoved { .. }
                | RegistryError::ChannelHeld { .. }
                | RegistryError::Marked { .. }
                | RegistryError::Pruned { .. }
                | RegistryError::Revoked { .. }),
            ) => Ok(Some(vec![error.to_string()])),
            // It is in the log, and whoever reads the channel next brings its file up to date.
            Err(error @ RegistryError::Stale { .. }) => {
                let events = &self.session.events;
                events.note(Some(image), NoteLevel::Warning, error.failure().reason);
                Ok(Some(Vec::new()))
            }
            Err(error) => Err(error.failure()),
        }
    }
}
