//! How versions begin and end.

use async_trait::async_trait;

use super::Subject;
use super::fixtures::{
    DAY, assert_legal, assert_up_to_date, author, channel, failure, image, in_threads, promote,
    publish, record, rejection, take, version,
};
use super::meddled::{Call, Meddled, Meddler};
use crate::model::{
    Decision, Digest, Entry, ParentRecord, VerifiedRecord, VersionBase, VersionRecord,
};
use crate::registry::{
    Registry, RegistryError, failed, published, read_channel, read_version, rejected, reserve,
    verified,
};

pub(crate) async fn a_run_has_one_reservation(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    let base = VersionBase::default();
    let mut given = Vec::new();
    for (run, day) in [
        ("r1", DAY),
        ("r1", DAY),
        ("r1", DAY.tomorrow().unwrap()),
        ("r2", DAY),
        ("r3", DAY.tomorrow().unwrap()),
    ] {
        let version = reserve(&*registry, &author(run), &image(), base, day).await;
        given.push(version.unwrap().to_string());
    }
    let expected =
        ["1.0.20261123", "1.0.20261123", "1.0.20261123", "1.0.20261123.2", "1.0.20261124"];
    assert_eq!(given, expected);
}

pub(crate) async fn concurrent_runs_get_distinct_versions(subject: &impl Subject) {
    let handles = [subject.open().await.unwrap(), subject.open().await.unwrap()];
    let mut versions = in_threads(16, |number| {
        let registry = &*handles[number % 2];
        async move { take(registry, &format!("r{number}")).await.unwrap() }
    });
    versions.sort();
    let mut expected = vec![version("1.0.20261123")];
    expected.extend((2..=16).map(|count| version(&format!("1.0.20261123.{count}"))));
    assert_eq!(versions, expected);
    let log = handles[0].log(&image(), 0).await.unwrap();
    assert_legal(&log);
    assert_eq!(log.len(), 16);
}

/// Appends every entry itself, so that the writer's own attempt comes second: what a retry below
/// makes of an answer that was lost on the way.
struct LostAnswer<'a>(&'a dyn Registry);

#[async_trait]
impl Meddler for LostAnswer<'_> {
    async fn before(&self, call: Call<'_>) {
        if let Call::Append(entry) = call {
            self.0.append(entry).await.unwrap();
        }
    }
}

pub(crate) async fn an_own_entry_is_known_again(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    let lossy = Meddled { registry: &*registry, meddler: LostAnswer(&*registry) };
    let version = publish(&lossy, "r1").await;
    promote(&lossy, "r1", None, version).await.unwrap();
    let log = registry.log(&image(), 0).await.unwrap();
    assert_legal(&log);
    assert_eq!(log.len(), 3);
    assert_up_to_date(&*registry).await;
}

pub(crate) async fn a_version_is_published_once(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    let published_version = publish(&*registry, "r1").await;
    let again = published(&*registry, &author("r1"), &image(), record(published_version)).await;
    assert_eq!(again.unwrap(), 2);
    let mut other = record(published_version);
    other.packages = 1;
    let refused = published(&*registry, &author("r1"), &image(), other).await;
    assert!(matches!(refused, Err(RegistryError::AlreadyPublished { .. })));
    let blocked = rejection(published_version);
    let too_late = rejected(&*registry, &author("r1"), &image(), blocked).await;
    assert!(matches!(too_late, Err(RegistryError::AlreadyPublished { .. })));
    assert_eq!(registry.log(&image(), 0).await.unwrap().len(), 2);
}

pub(crate) async fn only_reserved_versions_end(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    let run = author("r1");
    let unknown = version("1.0.20261123");
    let refused = published(&*registry, &run, &image(), record(unknown)).await;
    assert!(matches!(refused, Err(RegistryError::NotReserved { .. })));
    let refused = rejected(&*registry, &run, &image(), rejection(unknown)).await;
    assert!(matches!(refused, Err(RegistryError::NotReserved { .. })));

    let blocked = rejection(take(&*registry, "r1").await.unwrap());
    for _ in 0..2 {
        let seq = rejected(&*registry, &run, &image(), blocked.clone()).await;
        assert_eq!(seq.unwrap(), 2);
    }
    let history = registry.history(&image()).await.unwrap();
    assert_eq!(history.rejected.unwrap().verdict, Decision::Blocked);
}

pub(crate) async fn a_failed_build_is_recorded_once(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    let run = author("r1");
    let refused = failed(&*registry, &run, &image(), failure(version("1.0.20261123"))).await;
    assert!(matches!(refused, Err(RegistryError::NotReserved { .. })));

    let record = failure(take(&*registry, "r1").await.unwrap());
    for _ in 0..2 {
        assert_eq!(failed(&*registry, &run, &image(), record.clone()).await.unwrap(), 2);
    }
    let log = registry.log(&image(), 0).await.unwrap();
    assert_eq!(log[1].entry, Entry::Failed(Box::new(record)));
    assert_legal(&log);
    assert_eq!(registry.history(&image()).await.unwrap().failed.len(), 1);

    let published = failure(publish(&*registry, "r2").await);
    let too_late = failed(&*registry, &author("r2"), &image(), published).await;
    assert!(matches!(too_late, Err(RegistryError::AlreadyPublished { .. })));
    let history = registry.history(&image()).await.unwrap();
    assert_eq!(history.failed, [], "a build came to its end since");
}

pub(crate) async fn only_published_versions_are_verified(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    let verify = |run, version| {
        let registry = &*registry;
        async move {
            let record = VerifiedRecord {
                version,
                definition: Digest::of(b"new definition"),
                parents: vec![ParentRecord { image: image(), version }],
                started_at: "2026-12-01T09:00:00Z".parse().unwrap(),
                fresh_until: None,
            };
            verified(registry, &author(run), &image(), record).await
        }
    };
    let refused = verify("r1", version("1.0.20261123")).await;
    assert!(matches!(refused, Err(RegistryError::NotPublished { .. })));
    let known = publish(&*registry, "r1").await;
    assert_eq!(verify("r2", known).await.unwrap(), 3);
    assert_eq!(verify("r2", known).await.unwrap(), 3);
    let satisfied = registry.history(&image()).await.unwrap().satisfied.unwrap();
    assert_eq!(satisfied.version, known);
    assert_eq!(satisfied.definition, Digest::of(b"new definition"));
    assert_eq!(satisfied.parents, [ParentRecord { image: image(), version: known }]);
}

pub(crate) async fn a_version_is_fresh_as_long_as_its_newest_build(subject: &impl Subject) {
    let registry = &*subject.open().await.unwrap();
    let at = |text: &str| Some(text.parse().unwrap());
    let [first, second, last] =
        ["2026-12-16T14:10:00Z", "2027-01-16T14:10:00Z", "2027-02-16T14:10:00Z"].map(at);
    let known = take(registry, "r1").await.unwrap();
    let published_record = VersionRecord { fresh_until: first, ..record(known) };
    published(registry, &author("r1"), &image(), published_record).await.unwrap();
    promote(registry, "r1", None, known).await.unwrap();
    let told = || async {
        let channel = read_channel(registry, &image(), &channel()).await.unwrap().unwrap();
        let file = read_version(registry, &image(), known).await.unwrap().unwrap();
        assert_eq!(channel.fresh_until, file.record.fresh_until);
        assert_up_to_date(registry).await;
        (channel.seq, channel.fresh_until)
    };
    assert_eq!(told().await, (3, first));
    let verify = |run, fresh_until| {
        let record = VerifiedRecord {
            version: known,
            definition: Digest::of(b"definition"),
            parents: Vec::new(),
            started_at: "2026-12-01T09:00:00Z".parse().unwrap(),
            fresh_until,
        };
        async move { verified(registry, &author(run), &image(), record).await.unwrap() }
    };
    verify("r2", second).await;
    assert_eq!(told().await, (4, second));
    // A newer version says nothing of the one that the channel names.
    let newer = take(registry, "r3").await.unwrap();
    let newer_record = VersionRecord { fresh_until: last, ..record(newer) };
    published(registry, &author("r3"), &image(), newer_record).await.unwrap();
    assert_eq!(told().await, (4, second));
    verify("r4", None).await;
    assert_eq!(told().await, (7, None), "it may become as old as it likes by now");
}
