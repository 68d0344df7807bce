//! What people do with channels and versions.

use super::Subject;
use super::fixtures::{
    assert_legal, assert_up_to_date, author, channel, image, in_threads, promote, promotion,
    publish,
};
use crate::model::{Act, ChannelName, History, Revocation, Version};
use crate::registry::{
    Entered, Expect, Registry, RegistryError, Steering, enter, read_channel, read_version, restore,
    revoke, steer, swap, unpin,
};

fn stable() -> ChannelName {
    "stable".parse().unwrap()
}

async fn two(registry: &dyn Registry) -> [Version; 2] {
    [publish(registry, "r1").await, publish(registry, "r2").await]
}

/// Somebody takes the channel back to `to`, and holds it there.
fn back(to: Version) -> Steering {
    let because = Some("boots no more".to_owned());
    Steering { act: Act::RolledBack, held: true, because, ..promotion(Expect::Any, to) }
}

pub(crate) async fn a_held_channel_waits_for_somebody(subject: &impl Subject) {
    let registry = &*subject.open().await.unwrap();
    let [first, second] = two(registry).await;
    let go = |run| async move { enter(registry, &run, &image(), &channel(), second).await };
    promote(registry, "r3", None, second).await.unwrap();
    let held = steer(registry, &author("r4"), &image(), &channel(), &back(first)).await.unwrap();
    assert_eq!(held.from, Some(second));
    assert_eq!(go(author("r5")).await.unwrap(), Entered::Held { at: first });
    let file = read_channel(registry, &image(), &channel()).await.unwrap().unwrap();
    assert_eq!((file.version, file.held, file.act), (first, true, Act::RolledBack));
    assert_eq!(file.because.as_deref(), Some("boots no more"));

    let by_rule = promotion(Expect::Free(Some(first)), second);
    let refused = steer(registry, &author("r6"), &image(), &channel(), &by_rule).await;
    assert!(matches!(refused, Err(RegistryError::ChannelHeld { at, .. }) if at == first));
    let free = unpin(registry, &author("r6"), &image(), &channel(), None).await.unwrap();
    assert_eq!(free, (first, true));
    let again = unpin(registry, &author("r7"), &image(), &channel(), None).await.unwrap();
    assert_eq!(again, (first, false));
    assert_eq!(go(author("r8")).await.unwrap(), Entered::Entered { from: Some(first) });
    let late = steer(registry, &author("r9"), &image(), &channel(), &by_rule).await;
    assert!(matches!(late, Err(RegistryError::ChannelMoved { .. })));
    let log = registry.log(&image(), 0).await.unwrap();
    assert_legal(&log);
    assert!(History::of(&log).held.is_empty());
    assert_up_to_date(registry).await;

    let none = unpin(registry, &author("r9"), &image(), &stable(), None).await;
    assert!(matches!(none, Err(RegistryError::ChannelEmpty { .. })));
}

pub(crate) async fn two_channels_are_swapped_in_one_step(subject: &impl Subject) {
    let registry = &*subject.open().await.unwrap();
    let [first, second] = two(registry).await;
    let run = author("r3");
    steer(registry, &run, &image(), &stable(), &back(first)).await.unwrap();
    let both = [&stable(), &channel()];
    let half = swap(registry, &author("r4"), &image(), both, [first, second], None).await;
    assert!(matches!(half, Err(RegistryError::ChannelEmpty { .. })));
    promote(registry, "r4", None, second).await.unwrap();
    let before = registry.log(&image(), 0).await.unwrap().len();
    let late = swap(registry, &author("r5"), &image(), both, [first, first], None).await;
    let Err(RegistryError::ChannelMoved { found, .. }) = late else { panic!("{late:?}") };
    assert_eq!(found, Some(second));
    let now = swap(registry, &author("r5"), &image(), both, [first, second], None).await.unwrap();
    assert_eq!(now, [second, first]);
    let again = swap(registry, &author("r5"), &image(), both, [first, second], None).await.unwrap();
    assert_eq!(again, [second, first], "the answer was lost");
    let log = registry.log(&image(), 0).await.unwrap();
    assert_eq!(log.len(), before + 1);
    assert_legal(&log);
    let file = read_channel(registry, &image(), &channel()).await.unwrap().unwrap();
    assert_eq!((file.version, file.previous, file.held), (first, Some(second), false));
    assert_up_to_date(registry).await;
}

pub(crate) async fn nobody_is_led_to_a_withdrawn_version(subject: &impl Subject) {
    let registry = &*subject.open().await.unwrap();
    let [first, second] = two(registry).await;
    promote(registry, "r3", None, second).await.unwrap();
    let now = author("r3").clock.now();
    let revocation = Revocation { reason: "leaked key".to_owned(), from: now, with: None };
    let go = |run| {
        let revocation = &revocation;
        async move { revoke(registry, &author(run), &image(), second, revocation).await }
    };
    assert!(go("r4").await.unwrap());
    assert!(go("r4").await.unwrap(), "the answer was lost");
    assert!(!go("r5").await.unwrap());
    let file = read_channel(registry, &image(), &channel()).await.unwrap().unwrap();
    assert_eq!(file.revoked.unwrap().reason, "leaked key");
    assert_eq!(file.version, second, "a channel falls back only when somebody asks for it");
    let file = read_version(registry, &image(), second).await.unwrap().unwrap();
    assert_eq!(file.revoked.unwrap().from, now);
    assert_up_to_date(registry).await;

    promote(registry, "r6", Some(second), first).await.unwrap();
    let refused = promote(registry, "r7", Some(first), second).await;
    let Err(RegistryError::Revoked { because, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(because, "leaked key");
    let all_the_same = Steering { though_revoked: true, ..promotion(Expect::Any, second) };
    steer(registry, &author("r8"), &image(), &stable(), &all_the_same).await.unwrap();

    assert!(restore(registry, &author("r9"), &image(), second, "not ours").await.unwrap());
    assert!(!restore(registry, &author("r10"), &image(), second, "not ours").await.unwrap());
    promote(registry, "r11", Some(first), second).await.unwrap();
    let log = registry.log(&image(), 0).await.unwrap();
    assert_legal(&log);
    assert!(History::of(&log).revoked.is_empty());
    assert_up_to_date(registry).await;
}

pub(crate) async fn those_who_steer_at_once_are_heard_one_after_the_other(subject: &impl Subject) {
    let handles = [subject.open().await.unwrap(), subject.open().await.unwrap()];
    let [first, second] = two(&*handles[0]).await;
    in_threads(8, |number| {
        let registry = &*handles[number % 2];
        async move {
            let run = author(&format!("s{number}"));
            let to = if number % 3 == 0 { first } else { second };
            let steering = if number % 2 == 0 { back(to) } else { promotion(Expect::Any, to) };
            steer(registry, &run, &image(), &channel(), &steering).await.unwrap();
        }
    });
    assert_legal(&handles[1].log(&image(), 0).await.unwrap());
    assert_up_to_date(&*handles[1]).await;
}
