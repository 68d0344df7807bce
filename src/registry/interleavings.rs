//! Random runs, interleaved step by step and killed at random, leave a history that one run after
//! another could have left.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use ::object_store::memory::InMemory;
use async_trait::async_trait;
use proptest::prelude::*;

use crate::model::{Entry, History, ImageName, LogEntry, Move, Version, VersionBase};

use super::contract::fixtures::{
    DAY, assert_legal, assert_up_to_date, author, channel, image, promotion, publish, record,
    rejection, take, version,
};
use super::contract::index::neighbour;
use super::contract::meddled::{Call, Meddled, Meddler};
use super::{
    Entered, Expect, ObjectStoreRegistry, Projection, Registry, RegistryError, enter, published,
    rejected, reserve, steer,
};

/// Pauses before every single thing that a registry does.
struct Pause;

#[async_trait]
impl Meddler for Pause {
    async fn before(&self, _: Call<'_>) {
        let mut paused = false;
        poll_fn(|context| {
            if std::mem::replace(&mut paused, true) {
                return Poll::Ready(());
            }
            // A future among others is polled again only if it asks for it.
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

/// How a run goes on with its reservation.
#[derive(Debug, Clone, Copy)]
enum Script {
    /// Publishes, then enters the channel.
    Enter,
    /// Publishes, then moves the channel from what it named when the run began.
    Advance,
    /// Does not pass.
    Reject,
    /// Fails: the reservation is never used.
    Abandon,
}

/// What a run that came to its end says.
#[derive(Debug)]
struct Outcome {
    run: String,
    version: Version,
    moved: Option<Result<Entered, RegistryError>>,
}

async fn go(registry: &dyn Registry, run: String, script: Script) -> Outcome {
    let me = author(&run);
    let (image, channel) = (image(), channel());
    let before = registry.history(&image).await.unwrap();
    let expected = before.channels.get(&channel).copied();
    let version = take(registry, &run).await.unwrap();
    let mut moved = None;
    match script {
        Script::Enter => {
            published(registry, &me, &image, record(version)).await.unwrap();
            moved = Some(enter(registry, &me, &image, &channel, version).await);
        }
        Script::Advance => {
            published(registry, &me, &image, record(version)).await.unwrap();
            let steering = promotion(Expect::Exactly(expected), version);
            let there = steer(registry, &me, &image, &channel, &steering).await;
            moved = Some(there.map(|steered| Entered::Entered { from: steered.from }));
        }
        Script::Reject => {
            rejected(registry, &me, &image, rejection(version)).await.unwrap();
        }
        Script::Abandon => {}
    }
    Outcome { run, version, moved }
}

/// Polls the runs in the order of `schedule`, one step each. Those in `killed` end with it, the
/// others go on to their end.
fn interleave<'a, T>(
    runs: Vec<Pin<Box<dyn Future<Output = T> + 'a>>>,
    schedule: &[usize],
    killed: &[bool],
) -> Vec<T> {
    let mut context = Context::from_waker(Waker::noop());
    let mut outcomes = Vec::new();
    let mut runs: Vec<_> = runs.into_iter().map(Some).collect();
    let mut step = |slot: &mut Option<Pin<Box<dyn Future<Output = T> + 'a>>>| {
        if let Some(run) = slot
            && let Poll::Ready(outcome) = run.as_mut().poll(&mut context)
        {
            outcomes.push(outcome);
            *slot = None;
        }
        slot.is_some()
    };
    for turn in schedule {
        let count = runs.len();
        step(&mut runs[turn % count]);
    }
    for (slot, killed) in runs.iter_mut().zip(killed) {
        if *killed {
            *slot = None;
        }
    }
    let mut going = true;
    while going {
        going = false;
        for slot in &mut runs {
            going |= step(slot);
        }
    }
    outcomes
}

/// A future that has nothing to wait for.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match Box::pin(future).as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("memory has nothing to wait for"),
    }
}

fn check(outcome: &Outcome, log: &[LogEntry]) {
    let own: Vec<&Entry> = log
        .iter()
        .filter(|entry| entry.run.as_str() == outcome.run)
        .map(|entry| &entry.entry)
        .collect();
    let version = outcome.version;
    assert_eq!(own[0], &Entry::Reserved { version });
    let moves: Vec<_> = own.iter().filter(|entry| matches!(entry, Entry::Moved { .. })).collect();
    match &outcome.moved {
        Some(Ok(Entered::Entered { from })) => {
            let moves: Vec<Move<'_>> = own.iter().flat_map(|entry| entry.moves()).collect();
            let [what] = moves[..] else { panic!("{moves:?}") };
            assert_eq!((*what.channel == channel(), what.from, what.to), (true, *from, version));
        }
        Some(Ok(Entered::Outrun { by })) => {
            let place = |version| {
                log.iter().position(
                    |entry| matches!(&entry.entry, Entry::Published(r) if r.version == version),
                )
            };
            assert!(moves.is_empty() && place(*by) > place(version));
        }
        Some(Ok(Entered::Held { .. })) => panic!("nobody holds it"),
        Some(Err(RegistryError::ChannelMoved { .. })) | None => assert!(moves.is_empty()),
        Some(Err(error)) => panic!("{error}"),
    }
}

fn scripts() -> impl Strategy<Value = Vec<Script>> {
    let script = prop_oneof![
        3 => Just(Script::Enter),
        3 => Just(Script::Advance),
        1 => Just(Script::Reject),
        1 => Just(Script::Abandon),
    ];
    prop::collection::vec(script, 2..5)
}

proptest! {
    #[test]
    fn any_interleaving_equals_a_serial_order(
        scripts in scripts(),
        schedule in prop::collection::vec(0usize..12, 0..80),
        killed in prop::collection::vec(prop::bool::weighted(0.2), 5),
    ) {
        let store = Arc::new(InMemory::new());
        let registry = at_once(ObjectStoreRegistry::open(store, "memory")).unwrap();
        let stepwise = Meddled { registry: &registry, meddler: Pause };
        let runs = scripts.iter().enumerate().map(|(number, script)| {
            Box::pin(go(&stepwise, format!("r{number}"), *script)) as Pin<Box<dyn Future<Output = _>>>
        });
        let outcomes = interleave(runs.collect(), &schedule, &killed);

        let log = at_once(registry.log(&image(), 0)).unwrap();
        assert_legal(&log);
        let reserved = log.iter().filter_map(|entry| match entry.entry {
            Entry::Reserved { version } => Some(version),
            _ => None,
        });
        let in_order: Vec<Version> = reserved.collect();
        prop_assert!(in_order.first().is_none_or(|first| *first == version("1.0.20261123")));
        for pair in in_order.windows(2) {
            prop_assert_eq!(pair[0].next_of_day(), pair[1]);
        }
        for outcome in &outcomes {
            check(outcome, &log);
        }
        // Stale is allowed when a run was killed, wrong never is.
        for projection in Projection::all(&log) {
            let file = at_once(registry.projection(&projection)).unwrap();
            let right = (0..=log.len()).any(|until| projection.render(&log[..until]) == file);
            prop_assert!(right, "{:?}", projection);
        }
        if outcomes.len() == scripts.len() {
            at_once(assert_up_to_date(&registry));
        }
        // The registry goes on working.
        at_once(publish(&registry, "afterwards"));
    }

    #[test]
    fn the_index_is_right_at_every_moment(
        writers in prop::collection::vec((any::<bool>(), 1usize..4), 2..5),
        schedule in prop::collection::vec(0usize..12, 0..120),
        killed in prop::collection::vec(prop::bool::weighted(0.2), 5),
    ) {
        let store = Arc::new(InMemory::new());
        let registry = at_once(ObjectStoreRegistry::open(store, "memory")).unwrap();
        let stepwise = Meddled { registry: &registry, meddler: Pause };
        // Both are in the same shard.
        let images = [image(), neighbour()];
        let write = async |number: usize, image: &ImageName, times: usize| {
            for time in 0..times {
                let me = author(&format!("r{number}-{time}"));
                reserve(&stepwise, &me, image, VersionBase::default(), DAY).await.unwrap();
            }
        };
        let read = async || {
            for _ in 0..3 {
                let heads = images.each_ref().map(|image| at_once(registry.history(image)).unwrap().head);
                let histories = stepwise.histories(&images).await.unwrap();
                for (image, head) in images.iter().zip(heads) {
                    let log = at_once(registry.log(image, 0)).unwrap();
                    let found = &histories[image];
                    assert!(found.head >= head, "older than when it was asked for");
                    let end = usize::try_from(found.head).unwrap();
                    assert_eq!(*found, History::of(&log[..end]));
                }
            }
        };
        let mut runs: Vec<Pin<Box<dyn Future<Output = ()>>>> = vec![Box::pin(read())];
        for (number, (first, times)) in writers.iter().enumerate() {
            runs.push(Box::pin(write(number, &images[usize::from(*first)], *times)));
        }
        interleave(runs, &schedule, &killed);
        let histories = at_once(registry.histories(&images)).unwrap();
        for image in &images {
            prop_assert_eq!(&histories[image], &at_once(registry.history(image)).unwrap());
        }
    }
}
