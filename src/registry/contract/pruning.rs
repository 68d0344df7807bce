//! The bytes of versions that nobody needs.

use super::Subject;
use super::fixtures::{
    assert_legal, assert_up_to_date, author, channel, image, promote, promotion, publish,
};
use crate::clock::Clock;
use crate::model::History;
use crate::registry::{
    Author, Expect, RegistryError, enter, going, gone, mark, read_version, steer, unmark,
};

/// The same author, after the time of marks has come.
fn later(run: &str) -> Author {
    Author { clock: Clock::starting_at("2026-11-23T20:00:00Z".parse().unwrap()), ..author(run) }
}

pub(crate) async fn no_channel_is_led_to_what_goes(subject: &impl Subject) {
    let registry = &*subject.open().await.unwrap();
    let (first, second) = (publish(registry, "r1").await, publish(registry, "r2").await);
    let third = publish(registry, "r3").await;
    promote(registry, "r3", None, second).await.unwrap();
    let after = "2026-11-23T15:00:00Z".parse().unwrap();
    let (now, run) = (author("r4"), later("r5"));
    let named = mark(registry, &now, &image(), second, after).await;
    assert!(matches!(named, Err(RegistryError::Needed { .. })));
    let unmarked = going(registry, &run, &image(), first, &[]).await;
    assert!(matches!(unmarked, Err(RegistryError::Unmarked { .. })));
    assert!(mark(registry, &now, &image(), first, after).await.unwrap());
    assert!(!mark(registry, &run, &image(), first, after).await.unwrap(), "it is marked already");
    let early = going(registry, &now, &image(), first, &[]).await;
    assert!(matches!(early, Err(RegistryError::Unmarked { .. })), "its time has not come");
    let back = promote(registry, "r6", Some(second), first).await;
    assert!(matches!(back, Err(RegistryError::Marked { .. })));
    let file = read_version(registry, &image(), first).await.unwrap().unwrap();
    assert_eq!((file.prune_after, file.pruned_at), (Some(after), None));

    let places = ["file:///srv/images/debian-12".to_owned()];
    going(registry, &run, &image(), first, &places).await.unwrap();
    let pruned = |history: &History| history.pruned[&first].clone();
    assert_eq!(pruned(&registry.history(&image()).await.unwrap()), places);
    gone(registry, &run, &image(), first, &[]).await.unwrap();
    gone(registry, &run, &image(), first, &[]).await.unwrap();
    assert!(pruned(&registry.history(&image()).await.unwrap()).is_empty());
    let file = read_version(registry, &image(), first).await.unwrap().unwrap();
    assert!(file.pruned_at.is_some() && file.prune_after.is_none());
    let steering = promotion(Expect::Any, first);
    let back = steer(registry, &author("r7"), &image(), &channel(), &steering).await;
    assert!(matches!(back, Err(RegistryError::Pruned { .. })));
    let again = mark(registry, &run, &image(), first, after).await;
    assert!(matches!(again, Err(RegistryError::Pruned { .. })));

    mark(registry, &now, &image(), third, after).await.unwrap();
    let entered = enter(registry, &author("r8"), &image(), &channel(), third).await;
    assert!(matches!(entered, Err(RegistryError::Marked { .. })));
    assert_legal(&registry.log(&image(), 0).await.unwrap());
    assert_up_to_date(registry).await;
}

pub(crate) async fn what_was_marked_can_be_kept_until_it_goes(subject: &impl Subject) {
    let registry = &*subject.open().await.unwrap();
    let version = publish(registry, "r1").await;
    let after = "2026-11-23T15:00:00Z".parse().unwrap();
    assert!(!unmark(registry, &author("r2"), &image(), version, "why").await.unwrap());
    mark(registry, &author("r3"), &image(), version, after).await.unwrap();
    assert!(unmark(registry, &author("r4"), &image(), version, "why").await.unwrap());
    assert!(unmark(registry, &author("r4"), &image(), version, "why").await.unwrap());
    let late = going(registry, &later("r5"), &image(), version, &[]).await;
    assert!(matches!(late, Err(RegistryError::Unmarked { .. })));
    promote(registry, "r6", None, version).await.unwrap();
    let other = publish(registry, "r7").await;
    mark(registry, &author("r8"), &image(), other, after).await.unwrap();
    going(registry, &later("r9"), &image(), other, &[]).await.unwrap();
    let late = unmark(registry, &author("r10"), &image(), other, "why").await;
    assert!(matches!(late, Err(RegistryError::Pruned { .. })));
    let log = registry.log(&image(), 0).await.unwrap();
    assert_legal(&log);
    assert_eq!(log.len(), 9);
    assert_up_to_date(registry).await;
}
