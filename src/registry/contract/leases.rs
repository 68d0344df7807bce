//! Leases, and runs that are taken for dead.

use jiff::{SignedDuration, Timestamp};

use super::Subject;
use super::fixtures::{assert_legal, author, channel, image, publish, record, take};
use crate::model::RunId;
use crate::registry::{
    Fate, Held, Lease, RegistryError, abandon, claim, failed, leases, published, renew, still_ours,
};

fn at(minutes: i64) -> Timestamp {
    let start: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
    start + SignedDuration::from_mins(minutes)
}

fn run(name: &str) -> RunId {
    name.parse().unwrap()
}

fn lease(name: &str) -> Lease {
    let held = Held { image: image(), channel: channel(), stores: Vec::new() };
    Lease::new(run(name), None, "runner-1".to_owned(), at(0), vec![held])
}

pub(crate) async fn a_run_is_claimed_once_and_only_after_its_lease(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    let mut lease = lease("r1");
    assert!(leases(&*registry).await.unwrap().is_empty());
    assert!(renew(&*registry, &mut lease, at(0)).await.unwrap());
    let there = || async { leases(&*registry).await.unwrap().remove(0).unwrap() };
    assert_eq!(there().await, lease);
    let stale = there().await;
    assert!(!claim(&*registry, &stale, &run("r2"), at(9)).await.unwrap(), "it is alive");
    assert!(renew(&*registry, &mut lease, at(9)).await.unwrap());
    assert!(!claim(&*registry, &stale, &run("r2"), at(11)).await.unwrap(), "it is alive again");

    assert!(claim(&*registry, &stale, &run("r2"), at(19)).await.unwrap());
    assert!(!claim(&*registry, &stale, &run("r3"), at(20)).await.unwrap(), "one is at it");
    assert!(claim(&*registry, &stale, &run("r3"), at(30)).await.unwrap(), "who died as well");
    assert!(!renew(&*registry, &mut lease, at(20)).await.unwrap(), "its owner has to stop");

    // The claim stays, for an owner that wakes up later.
    registry.remove_lease(&run("r1")).await.unwrap();
    registry.remove_lease(&run("r1")).await.unwrap();
    assert!(leases(&*registry).await.unwrap().is_empty());
    assert!(!still_ours(&*registry, &run("r1")).await.unwrap());
    assert!(still_ours(&*registry, &run("r2")).await.unwrap());
}

pub(crate) async fn a_lease_that_cannot_be_read_hides_no_other(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    let mut good = lease("r2");
    renew(&*registry, &mut good, at(0)).await.unwrap();
    subject.plant("runs/r1.json", b"{").await;
    subject.plant("runs/r3.json", br#"{"schema":99}"#).await;
    subject.plant("runs/notes.txt", b"").await;
    let found = leases(&*registry).await.unwrap();
    let told: Vec<bool> = found.iter().map(Result::is_ok).collect();
    assert_eq!(told, [false, true, false]);
}

pub(crate) async fn what_was_given_up_is_never_published(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    let (owner, reaper) = (author("r1"), author("r2"));
    let give_up = |name: &'static str| {
        let (registry, reaper) = (&*registry, &reaper);
        async move { abandon(registry, reaper, &image(), &run(name)).await.unwrap() }
    };
    assert_eq!(give_up("r1").await, Fate::None);
    let version = take(&*registry, "r1").await.unwrap();
    for _ in 0..2 {
        assert_eq!(give_up("r1").await, Fate::Abandoned(version));
    }
    let late = published(&*registry, &owner, &image(), record(version)).await;
    assert!(matches!(late, Err(RegistryError::Abandoned { .. })));
    let late = super::fixtures::failure(version);
    let late = failed(&*registry, &owner, &image(), late).await;
    assert!(matches!(late, Err(RegistryError::Abandoned { .. })));

    let version = publish(&*registry, "r3").await;
    assert_eq!(give_up("r3").await, Fate::Published(version));
    let version = take(&*registry, "r4").await.unwrap();
    let record = super::fixtures::failure(version);
    failed(&*registry, &author("r4"), &image(), record).await.unwrap();
    assert_eq!(give_up("r4").await, Fate::Failed(version));
    let log = registry.log(&image(), 0).await.unwrap();
    assert_eq!(log.len(), 6);
    assert_legal(&log);
}
