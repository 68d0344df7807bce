//! The store in memory, with everything that can happen on the way to one.

mod failing;

use std::sync::Arc;

use ::object_store::memory::InMemory;
use ::object_store::path::Path;
use ::object_store::{ObjectMeta, ObjectStore as _, ObjectStoreExt as _};
use futures_util::{FutureExt as _, TryStreamExt as _};

use super::super::contract::{Build, Subject, assert_whole, store_contract};
use super::*;
use crate::objects::{Place, Vendor};
use failing::{Failing, Fault};

/// Small parts: the disk of a [`Build`] has twenty.
const PART: u64 = 64 << 10;

/// A bucket, and what happens to those who use it.
struct Bucket(Arc<Failing<InMemory>>);

impl Bucket {
    fn fresh() -> Self {
        Self(Arc::new(Failing::new(InMemory::new())))
    }

    fn store(&self) -> ObjectsStore {
        let place = Place {
            store: self.0.clone(),
            prefix: "team/images".into(),
            location: "s3://bucket/team/images".to_owned(),
            bucket: "bucket".to_owned(),
            vendor: Vendor::S3,
        };
        ObjectsStore { contents: Contents::new(place, PART), abandoned: ABANDONED }
    }

    /// All that is there, below the prefix.
    fn everything(&self) -> Vec<String> {
        let found: Vec<ObjectMeta> =
            self.0.inner.list(None).try_collect().now_or_never().unwrap().unwrap();
        let mut paths: Vec<String> = found
            .into_iter()
            .map(|found| found.location.as_ref().strip_prefix("team/images/").unwrap().to_owned())
            .collect();
        paths.sort();
        paths
    }

    /// The versions that readers see below `folder`. All of them are whole.
    fn seen(&self, folder: &str, builds: &[Build]) -> Vec<String> {
        let mut seen = Vec::new();
        for build in builds {
            let version = build.publication.version.to_string();
            let folder = format!("{folder}/{version}");
            if self.read(&format!("{folder}/manifest.json")).is_some() {
                assert_whole(self, &folder, build);
                seen.push(version);
            }
        }
        seen
    }

    /// Whether nothing is there but whole versions.
    fn is_tidy(&self) -> bool {
        self.everything() == self.visible() && self.0.open_uploads() == 0
    }
}

fn key(path: &str) -> Path {
    Path::parse(format!("team/images/{path}")).unwrap()
}

impl Subject for Bucket {
    fn open(&self) -> Box<dyn Store> {
        Box::new(self.store())
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let read = async { self.0.inner.get(&key(path)).await.ok()?.bytes().await.ok() };
        read.now_or_never().unwrap().map(Into::into)
    }

    fn damage(&self, path: &str) {
        let mut content = self.read(path).unwrap();
        content[0] ^= 1;
        let path = key(path);
        self.0.inner.put(&path, content.into()).now_or_never().unwrap().unwrap();
    }

    /// What has no manifest beside it is no version.
    fn visible(&self) -> Vec<String> {
        let all = self.everything();
        let folder = |path: &str| path.rsplit_once('/').unwrap().0.to_owned();
        let whole: Vec<String> = all
            .iter()
            .filter(|path| path.ends_with("/manifest.json"))
            .map(|path| folder(path))
            .collect();
        all.into_iter().filter(|path| whole.contains(&folder(path))).collect()
    }
}

store_contract!(Bucket::fresh());

#[tokio::test]
async fn the_store_looks_as_it_is_documented() {
    let (bucket, build) = (Bucket::fresh(), Build::new("1.0.20261123"));
    let stored = bucket.store().put(&build.publication).await.unwrap();
    insta::assert_snapshot!(bucket.everything().join("\n"), @"
    debian-12/1.0.20261123/SHA256SUMS
    debian-12/1.0.20261123/debian-12-v1.0.20261123-efivars.fd
    debian-12/1.0.20261123/debian-12-v1.0.20261123.qcow2
    debian-12/1.0.20261123/manifest.json
    debian-12/1.0.20261123/sbom.cdx.json
    ");
    let locations: Vec<&str> = stored.iter().map(|file| file.location.as_str()).collect();
    insta::assert_snapshot!(locations.join("\n"), @"
    s3://bucket/team/images/debian-12/1.0.20261123/debian-12-v1.0.20261123.qcow2
    s3://bucket/team/images/debian-12/1.0.20261123/debian-12-v1.0.20261123-efivars.fd
    ");
}

const EARLIER: &str = "1.0.20261122";
const VERSION: &str = "1.0.20261123";

/// The shelves, and the versions that lie there when an earlier and a later one were stored.
const SHELVES: [(bool, &str, &[&str]); 2] =
    [(false, "debian-12", &[EARLIER, VERSION]), (true, "rejected/debian-12", &[VERSION])];

async fn store(bucket: &Bucket, rejected: bool, build: &Build) -> Result<(), StoreError> {
    let (store, publication) = (bucket.store(), &build.publication);
    let stored = if rejected {
        store.keep_rejected(publication).await
    } else {
        store.put(publication).await
    };
    stored.map(drop)
}

/// Stores `build` until `fault` happens. Whether that did not happen at all.
async fn store_until(bucket: &Bucket, rejected: bool, build: &Build, fault: Fault) -> bool {
    bucket.0.set(Some(fault));
    tokio::select! {
        biased;
        () = bucket.0.happened() => {}
        stored = store(bucket, rejected, build) => assert!(stored.is_ok() || bucket.0.is_past()),
    }
    let ended = !bucket.0.is_past();
    bucket.0.set(None);
    ended
}

#[tokio::test]
async fn killed_at_any_request_a_version_is_whole_or_not_there_and_the_next_run_goes_on() {
    let builds = [Build::new(EARLIER), Build::new(VERSION)];
    for (rejected, folder, finally) in SHELVES {
        for fault in [Fault::before, Fault::after, Fault::error] {
            for request in 0.. {
                let bucket = Bucket::fresh();
                store(&bucket, rejected, &builds[0]).await.unwrap();
                let ended = store_until(&bucket, rejected, &builds[1], fault(request)).await;
                assert!(!bucket.seen(folder, &builds).is_empty(), "{request}");
                store(&bucket, rejected, &builds[1]).await.unwrap();
                assert_eq!(bucket.seen(folder, &builds), finally, "{request}");
                if ended {
                    assert!(request > 20, "{request}");
                    assert!(bucket.is_tidy(), "{:?}", bucket.everything());
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn killed_at_every_tenth_percent_the_next_run_sends_only_the_rest() {
    let build = Build::new(VERSION);
    let size = build.publication.artifact.disk().size;
    let parts = usize::try_from(size.div_ceil(PART)).unwrap();
    for tenth in 0..=10 {
        let bucket = Bucket::fresh();
        let fault = Fault::at_part(parts * tenth / 10);
        let ended = store_until(&bucket, false, &build, fault).await;
        assert_eq!(ended, tenth == 10);
        assert_eq!(bucket.visible().is_empty(), !ended, "{tenth}");
        let before = bucket.0.sent();
        store(&bucket, false, &build).await.unwrap();
        assert_whole(&bucket, "debian-12/1.0.20261123", &build);
        assert!(bucket.is_tidy(), "{tenth}");
        // What was on its way is lost; what had arrived is not sent again.
        let sent = bucket.0.sent();
        let twice: Vec<_> = sent.iter().filter(|(_, times)| **times > 1).collect();
        assert_eq!(sent.len(), parts);
        assert!(twice.len() <= 4, "{tenth}: {twice:?} of {}", before.len());
    }
}

#[tokio::test]
async fn parts_of_another_content_are_sent_again() {
    let (bucket, build) = (Bucket::fresh(), Build::new(VERSION));
    let content = fs_err::read(build.disk()).unwrap();
    let mut other = content.clone();
    other[0] ^= 1;
    fs_err::write(build.disk(), other).unwrap();
    assert!(!store_until(&bucket, false, &build, Fault::at_part(8)).await);
    fs_err::write(build.disk(), content).unwrap();
    store(&bucket, false, &build).await.unwrap();
    assert_whole(&bucket, "debian-12/1.0.20261123", &build);
}

#[tokio::test]
async fn an_upload_that_the_store_has_forgotten_is_begun_anew() {
    let (bucket, build) = (Bucket::fresh(), Build::new(VERSION));
    assert!(!store_until(&bucket, false, &build, Fault::at_part(8)).await);
    bucket.0.forget_uploads().await;
    store(&bucket, false, &build).await.unwrap();
    assert_whole(&bucket, "debian-12/1.0.20261123", &build);
    assert!(bucket.is_tidy());
}

#[tokio::test]
async fn what_changes_on_the_way_is_no_version() {
    let (bucket, build) = (Bucket::fresh(), Build::new(VERSION));
    bucket.0.set(Some(Fault::garbles_part(3)));
    let damaged = store(&bucket, false, &build).await;
    let told = damaged.unwrap_err().failure().reason;
    insta::with_settings!({ filters => [(r"part \d+", "part N")] }, {
        insta::assert_snapshot!(told, @"`s3://bucket/team/images/debian-12/1.0.20261123/debian-12-v1.0.20261123.qcow2` is damaged: part N did not arrive as it was sent");
    });
    assert!(bucket.is_tidy());
}

#[tokio::test]
async fn a_store_that_refuses_keeps_nothing() {
    let (bucket, build) = (Bucket::fresh(), Build::new(VERSION));
    bucket.0.set(Some(Fault::denies_part(3)));
    let refused = store(&bucket, false, &build).await.unwrap_err().failure();
    insta::assert_snapshot!(format!("{}\n{}", refused.reason, refused.hints.join("\n")), @"
    cannot write `s3://bucket/team/images/debian-12/1.0.20261123/debian-12-v1.0.20261123.qcow2`: access denied: the key may read but not write
    give the key `s3:PutObject` there; see docs/stores.md for all it needs
    ");
    assert_eq!(bucket.everything(), Vec::<String>::new());
    assert_eq!(bucket.0.open_uploads(), 0);
}

fn unpublished(build: &Build) -> Unpublished {
    Unpublished {
        image: build.publication.image.clone(),
        version: build.publication.version,
        disk: Some(build.publication.artifact.disk().digest),
        rejected: false,
    }
}

#[tokio::test]
async fn what_was_given_up_goes_whole_or_half() {
    let (bucket, build) = (Bucket::fresh(), Build::new(VERSION));
    let place = Some("s3://bucket/team/images/debian-12/1.0.20261123".to_owned());
    let other =
        Unpublished { disk: Some(crate::model::Digest::of(b"other")), ..unpublished(&build) };
    for fault in [Some(Fault::at_part(8)), None] {
        match fault {
            Some(fault) => assert!(!store_until(&bucket, false, &build, fault).await),
            None => store(&bucket, false, &build).await.unwrap(),
        }
        let before = bucket.everything();
        assert_eq!(bucket.store().withdraw(&other).await.unwrap(), None);
        assert_eq!(bucket.everything(), before, "another artifact stays");
        assert_eq!(bucket.store().withdraw(&unpublished(&build)).await.unwrap(), place);
        assert_eq!(bucket.everything(), Vec::<String>::new());
        assert_eq!(bucket.0.open_uploads(), 0);
        assert_eq!(bucket.store().withdraw(&unpublished(&build)).await.unwrap(), None);
    }
}

#[tokio::test]
async fn what_was_left_behind_goes_and_what_is_at_work_stays() {
    let (bucket, build) = (Bucket::fresh(), Build::new(VERSION));
    store(&bucket, false, &Build::new(EARLIER)).await.unwrap();
    assert!(!store_until(&bucket, false, &build, Fault::at_part(8)).await);
    assert!(!store_until(&bucket, true, &build, Fault::at_part(8)).await);
    assert_eq!(bucket.store().sweep().await.unwrap(), Vec::<String>::new());
    assert_eq!(bucket.0.open_uploads(), 2);
    let later = ObjectsStore { abandoned: Duration::ZERO, ..bucket.store() };
    let swept = later.sweep().await.unwrap();
    assert_eq!(
        swept,
        [
            "s3://bucket/team/images/debian-12/1.0.20261123",
            "s3://bucket/team/images/rejected/debian-12/1.0.20261123",
        ]
    );
    assert!(bucket.is_tidy());
    assert_eq!(bucket.visible().len(), build.expected().len());
}

#[tokio::test]
async fn a_journal_that_names_other_files_removes_none() {
    let (bucket, build) = (Bucket::fresh(), Build::new(VERSION));
    store(&bucket, false, &Build::new(EARLIER)).await.unwrap();
    assert!(!store_until(&bucket, false, &build, Fault::at_part(8)).await);
    let path = ".incoming/debian-12/1.0.20261123.json";
    let journal = String::from_utf8(bucket.read(path).unwrap()).unwrap();
    let hostile = journal.replace("\"sbom.cdx.json\"", "\"../1.0.20261122/SHA256SUMS\"");
    assert_ne!(hostile, journal);
    bucket.0.inner.put(&key(path), hostile.into()).await.unwrap();
    let later = ObjectsStore { abandoned: Duration::ZERO, ..bucket.store() };
    later.sweep().await.unwrap();
    assert_eq!(bucket.visible().len(), build.expected().len());
}
