//! The lease of this run in the registry: tells runs on other machines that it is alive.

use std::cell::RefCell;
use std::convert::Infallible;

use jiff::{SignedDuration, Timestamp};

use super::Pipeline;
use super::dispatcher::Run;
use super::journal::{self, Thing};
use crate::clock::Clock;
use crate::model::{Failure, FailureClass, Image, NoteLevel};
use crate::process::Cause;
use crate::registry::{self, Author, HEARTBEAT, Held, Lease, Registry};

/// The lease of a run that is under way.
pub(super) struct Leased<'a> {
    registry: &'a dyn Registry,
    lease: RefCell<Lease>,
    /// What the run's clock is ahead of the machine's: nothing, unless it was set.
    ahead: SignedDuration,
}

/// Takes the lease of `run`, before anything is created in the registry or in a store. Without one
/// the run goes on: nobody else will know, and nothing is lost.
pub(super) async fn take<'a>(run: &Run<'a>) -> Option<Leased<'a>> {
    let pipeline = run.pipeline;
    if pipeline.options.dry_run {
        return None;
    }
    let images = pipeline.plan.build.iter().map(|due| &pipeline.catalog.images[&due.image]);
    let work = async {
        let registry = pipeline.catalog.registry.clone();
        let intended = run.journal.borrow_mut().intend(&Thing::Lease { registry });
        intended.map_err(|error| Failure::caused_by(FailureClass::Registry, &error))?;
        Leased::take(pipeline.registry, &pipeline.author, images).await
    };
    match work.await {
        Ok(leased) => Some(leased),
        Err(failure) => {
            let text = format!("other machines do not know of this run: {}", failure.reason);
            pipeline.events.note(None, NoteLevel::Warning, text);
            None
        }
    }
}

/// Does `work` and renews the lease meanwhile. Wishes the run to stop when somebody else has taken
/// it for dead.
pub(super) async fn beside<T>(run: &Run<'_>, work: impl Future<Output = T>) -> T {
    let Some(leased) = &run.leased else {
        return work.await;
    };
    tokio::select! {
        done = work => done,
        never = leased.keep(run.pipeline) => match never {},
    }
}

/// The run is over. If it has left something in a registry or a store, its lease stays for whoever
/// cleans up, here or elsewhere.
pub(super) async fn give_back(run: &mut Run<'_>) {
    let Some(leased) = run.leased.take() else { return };
    let outstanding = journal::outstanding(&run.directory.journal()).unwrap_or_default();
    let left = |thing: &Thing| matches!(thing, Thing::Upload { .. } | Thing::Record { .. });
    let gone = !outstanding.iter().any(left)
        && leased.check().await.is_ok()
        && leased.registry.remove_lease(&run.id).await.is_ok();
    if gone {
        let done = Thing::Lease { registry: run.pipeline.catalog.registry.clone() };
        let _ = run.journal.borrow_mut().done(&done);
    }
}

impl<'a> Leased<'a> {
    async fn take(
        registry: &'a dyn Registry,
        author: &Author,
        images: impl IntoIterator<Item = &Image>,
    ) -> Result<Self, Failure> {
        let holds = images.into_iter().map(|image| Held {
            image: image.name.clone(),
            channel: image.channel.clone(),
            stores: image.stores.clone(),
        });
        let host = fs_err::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host = host.trim().to_owned();
        let (run, url) = (author.run.clone(), author.run_url.clone());
        let lease = Lease::new(run, url, host, author.clock.now(), holds.collect());
        let leased = Self { registry, lease: RefCell::new(lease), ahead: ahead(author.clock) };
        leased.renew().await.map_err(|error| error.failure())?;
        Ok(leased)
    }

    /// Fails if somebody else has taken the run for dead.
    pub(super) async fn check(&self) -> Result<(), Failure> {
        let run = self.lease.borrow().run.clone();
        match registry::still_ours(self.registry, &run).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Cause::Overtaken.failure()),
            Err(error) => Err(error.failure()),
        }
    }

    async fn keep(&self, pipeline: &Pipeline<'_>) -> Infallible {
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            match self.renew().await {
                Ok(true) => {}
                Ok(false) => {
                    pipeline.cancellation.request(Cause::Overtaken);
                    return std::future::pending().await;
                }
                Err(error) => {
                    let why = error.failure().reason;
                    let text = format!("that this run is alive could not be recorded: {why}");
                    pipeline.events.note(None, NoteLevel::Warning, text);
                }
            }
        }
    }

    async fn renew(&self) -> Result<bool, registry::RegistryError> {
        let mut lease = self.lease.borrow().clone();
        let ours = registry::renew(self.registry, &mut lease, self.now()).await?;
        self.lease.replace(lease);
        Ok(ours)
    }

    /// The machine's own clock: that of a process stands still while the machine sleeps.
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        now.saturating_add(self.ahead).unwrap_or(now)
    }
}

fn ahead(clock: Clock) -> SignedDuration {
    clock.now().duration_since(Timestamp::now())
}
