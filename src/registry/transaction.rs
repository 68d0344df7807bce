//! Read the log, decide, append; start over when somebody else was faster.

use crate::clock::Clock;
use crate::model::{Entry, History, ImageName, LogEntry, RunId, SCHEMA};

use super::{Registry, RegistryError, index, log};

/// How often to start over. Each time somebody else has got on, so that even a crowd is through
/// long before.
const ATTEMPTS: usize = 200;

/// Who writes to the log.
#[derive(Debug, Clone)]
pub struct Author {
    /// The run.
    pub run: RunId,
    /// Where it can be looked at, if anywhere.
    pub run_url: Option<String>,
    /// Who started it, as the forge or the machine calls them, if it is known.
    pub by: Option<String>,
    /// Dates the entries.
    pub clock: Clock,
}

/// What to do, now that the log is known.
pub(super) enum Step {
    /// Nothing: this entry says it already.
    Already(u64),
    /// Append this.
    Append(Entry),
}

impl Step {
    /// Append `entry`, unless this run has done so before.
    pub(super) fn once(log: &[LogEntry], author: &Author, entry: &Entry) -> Self {
        log.iter()
            .find(|known| known.run == author.run && known.entry == *entry)
            .map_or_else(|| Self::Append(entry.clone()), |known| Self::Already(known.seq))
    }
}

/// A transaction that is done.
pub(super) struct Done {
    /// The entry that says what was wanted.
    pub(super) seq: u64,
    /// The log with that entry.
    pub(super) log: Vec<LogEntry>,
}

/// Appends to the log of `image` what `decide` makes of it.
///
/// When an answer is lost on the way and a layer below tries once more, the entry that is in the way
/// is ours, and is known again by all that it says. A run that was killed and goes on has made
/// another entry of it: `decide` must know what it has said already.
pub(super) async fn transact(
    registry: &dyn Registry,
    author: &Author,
    image: &ImageName,
    mut decide: impl FnMut(&[LogEntry]) -> Result<Step, RegistryError> + Send,
) -> Result<Done, RegistryError> {
    let mut log = registry.log(image, 0).await?;
    for _ in 0..ATTEMPTS {
        let entry = match decide(&log)? {
            Step::Already(seq) => return Ok(done(registry, image, seq, log).await),
            Step::Append(entry) => entry,
        };
        let seq = log::head(&log) + 1;
        let entry = LogEntry {
            schema: SCHEMA,
            seq,
            at: author.clock.now(),
            image: image.clone(),
            run: author.run.clone(),
            run_url: author.run_url.clone(),
            by: author.by.clone(),
            entry,
        };
        match registry.append(&entry).await {
            Ok(()) => {
                log.push(entry);
                return Ok(done(registry, image, seq, log).await);
            }
            Err(RegistryError::Conflict { .. }) => {
                log.extend(registry.log(image, log::head(&log)).await?);
                if log.contains(&entry) {
                    return Ok(done(registry, image, seq, log).await);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Err(RegistryError::Busy { image: image.clone(), attempts: ATTEMPTS })
}

/// Ends a transaction with the index as it should be, whoever left it behind.
async fn done(registry: &dyn Registry, image: &ImageName, seq: u64, log: Vec<LogEntry>) -> Done {
    let history = History::of(&log);
    // The index is only there to save time: that it cannot be written is no reason to fail.
    let _ = index::remember(registry, [(image, &history)]).await;
    Done { seq, log }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use ::object_store::memory::InMemory;
    use async_trait::async_trait;

    use super::super::contract::fixtures::{author, channel, image, promotion, publish};
    use super::super::contract::meddled::{Call, Meddled, Meddler};
    use super::super::{Expect, ObjectStoreRegistry, Steering, steer};
    use super::*;

    /// Loses the first answer. Before anybody asks again, somebody else has gone on.
    struct Lost<'a> {
        registry: &'a dyn Registry,
        next: Steering,
        was: AtomicBool,
    }

    #[async_trait]
    impl Meddler for Lost<'_> {
        async fn before(&self, _: Call<'_>) {}

        async fn answer(&self, entry: &LogEntry) -> Result<(), RegistryError> {
            if self.was.swap(true, Ordering::SeqCst) {
                return Ok(());
            }
            steer(self.registry, &author("other"), &image(), &channel(), &self.next).await?;
            Err(RegistryError::Conflict { image: entry.image.clone(), seq: entry.seq })
        }
    }

    #[tokio::test]
    async fn what_was_done_is_not_done_again_because_the_answer_was_lost() {
        let registry =
            ObjectStoreRegistry::open(Arc::new(InMemory::new()), "memory").await.unwrap();
        let [one, two] = [publish(&registry, "r1").await, publish(&registry, "r2").await];
        let next = promotion(Expect::Any, two);
        let meddler = Lost { registry: &registry, next, was: AtomicBool::new(false) };
        let meddled = Meddled { registry: &registry, meddler };
        let steering = promotion(Expect::Exactly(None), one);
        let done = steer(&meddled, &author("me"), &image(), &channel(), &steering).await.unwrap();
        assert!(done.changed && done.from.is_none(), "{done:?}");
        let log = registry.log(&image(), 0).await.unwrap();
        let moves = log.iter().flat_map(|entry| entry.entry.moves()).map(|it| it.to);
        assert_eq!(moves.collect::<Vec<_>>(), [one, two]);
    }
}
