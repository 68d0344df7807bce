//! Values and helpers of the tests.

use std::collections::BTreeMap;
use std::future::Future;

use jiff::civil::{Date, date};

use crate::clock::Clock;
use crate::model::{
    Act, ArtifactRecord, ChannelName, Decision, Digest, Entry, FailedRecord, FailureClass,
    ImageName, LogEntry, OsIdentity, ParentRecord, Provenance, RejectedRecord, SCHEMA, Stage,
    Version, VersionBase, VersionRecord,
};
use crate::registry::{
    Author, Expect, Projection, Registry, RegistryError, Steered, Steering, legal, published,
    reserve, steer,
};

pub(crate) const DAY: Date = date(2026, 11, 23);

pub(crate) fn image() -> ImageName {
    "debian-12".parse().unwrap()
}

pub(crate) fn channel() -> ChannelName {
    "candidate".parse().unwrap()
}

pub(crate) fn author(run: &str) -> Author {
    Author {
        run: run.parse().unwrap(),
        run_url: None,
        by: None,
        clock: Clock::starting_at("2026-11-23T10:00:00Z".parse().unwrap()),
    }
}

pub(crate) fn version(text: &str) -> Version {
    text.parse().unwrap()
}

pub(crate) fn record(version: Version) -> VersionRecord {
    VersionRecord {
        version,
        provenance: Provenance {
            commit: None,
            definition: Digest::of(b"definition"),
            definition_parts: [("prepare".to_owned(), "0123456789ab".to_owned())].into(),
            materials: Vec::new(),
            parents: Vec::new(),
            started_at: "2026-11-23T09:00:00Z".parse().unwrap(),
            handed_in: false,
            stamped: false,
            tools: [("packer".to_owned(), "1.16.0".to_owned())].into(),
            plugins: Vec::new(),
            custom_data: BTreeMap::new(),
            built_by: None,
            built_at: None,
        },
        advisories_updated_at: Some("2026-11-23T00:00:00Z".parse().unwrap()),
        fixture: None,
        os: Some(OsIdentity { family: "debian".to_owned(), release: "12.11".to_owned() }),
        artifacts: vec![ArtifactRecord {
            name: format!("debian-12-v{version}.qcow2"),
            size: 3,
            sha256: Digest::of(b"abc"),
            locations: vec!["file:///srv/images".to_owned()],
        }],
        packages: 208,
        package_set: Digest::of(b"packages"),
        inventory: Digest::of(b"inventory"),
        findings: None,
        configuration: None,
        report: Digest::of(b"report"),
        verdict: Decision::Passed,
        tests: Vec::new(),
        signature: None,
        fresh_until: None,
        further: BTreeMap::new(),
    }
}

pub(crate) fn rejection(version: Version) -> RejectedRecord {
    RejectedRecord {
        version,
        provenance: Provenance {
            commit: None,
            definition: Digest::of(b"definition"),
            definition_parts: [("prepare".to_owned(), "0123456789ab".to_owned())].into(),
            materials: Vec::new(),
            parents: Vec::new(),
            started_at: "2026-11-23T09:00:00Z".parse().unwrap(),
            handed_in: false,
            stamped: false,
            tools: BTreeMap::new(),
            plugins: Vec::new(),
            custom_data: BTreeMap::new(),
            built_by: None,
            built_at: None,
        },
        policy: Some(Digest::of(b"policy")),
        waivers: None,
        advisories_updated_at: None,
        verdict: Decision::Blocked,
        reasons: vec!["1 finding".to_owned()],
        locations: Vec::new(),
        artifacts: Vec::new(),
        inventory: None,
        findings: None,
        evidence: None,
        report: Digest::of(b"report"),
    }
}

pub(crate) fn failure(version: Version) -> FailedRecord {
    FailedRecord {
        version,
        definition: Digest::of(b"definition"),
        parents: vec![ParentRecord { image: image(), version }],
        started_at: "2026-11-23T09:00:00Z".parse().unwrap(),
        class: FailureClass::Provisioner,
        stage: Some(Stage::Build),
        reason: "script exited with status 1".to_owned(),
    }
}

/// An entry of the log, as some run wrote it.
pub(crate) fn reservation(seq: u64, run: &str) -> LogEntry {
    LogEntry {
        schema: SCHEMA,
        seq,
        at: "2026-11-23T10:00:00.123456789Z".parse().unwrap(),
        image: image(),
        run: run.parse().unwrap(),
        run_url: Some("https://forge.example/runs/1".to_owned()),
        by: Some("ann".to_owned()),
        entry: Entry::Reserved { version: version("1.0.20261123") },
    }
}

/// Reserves a version for `run`.
pub(crate) async fn take(registry: &dyn Registry, run: &str) -> Result<Version, RegistryError> {
    reserve(registry, &author(run), &image(), VersionBase::default(), DAY).await
}

/// Reserves and publishes a version in a run of its own.
pub(crate) async fn publish(registry: &dyn Registry, run: &str) -> Version {
    let version = take(registry, run).await.unwrap();
    published(registry, &author(run), &image(), record(version)).await.unwrap();
    version
}

/// Runs `work` in many threads, each with a runtime of its own.
pub(crate) fn in_threads<T: Send, F: Future<Output = T>>(
    count: usize,
    work: impl Fn(usize) -> F + Sync,
) -> Vec<T> {
    let work = &work;
    let thread = |number| {
        move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_all().build().unwrap().block_on(work(number))
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|number| scope.spawn(thread(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Somebody's promotion of `to`.
pub(crate) fn promotion(expected: Expect, to: Version) -> Steering {
    Steering { act: Act::Promoted, expected, to, held: false, because: None, though_revoked: false }
}

/// Promotes `to`, where the channel names `expected`.
pub(crate) async fn promote(
    registry: &dyn Registry,
    run: &str,
    expected: Option<Version>,
    to: Version,
) -> Result<Steered, RegistryError> {
    let steering = promotion(Expect::Exactly(expected), to);
    steer(registry, &author(run), &image(), &channel(), &steering).await
}

/// Checks that a log is a history that could have been written by one writer after another.
pub(crate) fn assert_legal(log: &[LogEntry]) {
    assert!(log.iter().map(|entry| entry.seq).eq(1..=log.len() as u64));
    assert_eq!(legal::breaches(log), []);
}

/// Checks that every projection says what the log says.
pub(crate) async fn assert_up_to_date(registry: &dyn Registry) {
    let log = registry.log(&image(), 0).await.unwrap();
    for projection in Projection::all(&log) {
        assert_eq!(
            registry.projection(&projection).await.unwrap(),
            projection.render(&log),
            "{projection:?}"
        );
    }
}
