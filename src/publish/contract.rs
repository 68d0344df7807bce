//! What every store must hold. A store hands in a [`Subject`] and gets all the tests.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Manifest, Store, StoreError, Unpublished};
use crate::model::{Artifact, ArtifactFile, Digest, Document, Publication, Stored};

/// A fresh store that can be looked into as a reader does.
pub(super) trait Subject {
    /// A handle of its own, as another process has it.
    fn open(&self) -> Box<dyn Store>;
    /// The content of a file in the store, if it is there: `debian-12/1.0.20261123/manifest.json`.
    fn read(&self, path: &str) -> Option<Vec<u8>>;
    /// Changes the content of a file behind the store's back.
    fn damage(&self, path: &str);
    /// The files that readers see, with those that are not hidden in folders around them.
    fn visible(&self) -> Vec<String>;
}

/// Makes a test of every case, each on a fresh subject.
macro_rules! store_contract {
    ($fresh:expr) => {
        $crate::publish::contract::store_contract! { $fresh;
            a_version_is_stored_whole
            what_lies_at_a_location_has_a_size_until_it_goes
            the_same_again_copies_nothing
            a_version_is_immutable
            the_same_artifact_with_a_report_of_another_run_is_there_already
            a_damaged_version_is_not_taken_for_good
            a_changed_artifact_is_not_stored
            names_that_lead_elsewhere_are_refused
            one_rejected_build_is_kept
            concurrent_writers_agree
            a_dropped_call_stores_nothing
            what_is_stored_is_read_from_any_byte_on
            what_is_not_there_is_not_read
        }
    };
    ($fresh:expr; $($case:ident)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                $crate::publish::contract::$case(&$fresh).await;
            }
        )*
    };
}
pub(super) use store_contract;

/// What a build left, in a folder of its own.
pub(super) struct Build {
    folder: Option<tempfile::TempDir>,
    pub(super) publication: Publication,
}

impl Build {
    pub(super) fn new(version: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut build = Self::at(Utf8Path::from_path(folder.path()).unwrap(), version);
        build.folder = Some(folder);
        build
    }

    /// A disk of several blocks, some of them zeros, and a small second file.
    pub(super) fn at(folder: &Utf8Path, version: &str) -> Self {
        let pattern: Vec<u8> = (0..=250).collect();
        let mut disk = pattern.repeat(1_200);
        disk.extend(vec![0; 600_000]);
        disk.extend(pattern.repeat(1_200));
        let file = |name: &str, content: &[u8]| {
            let path = folder.join(name);
            fs_err::write(&path, content).unwrap();
            ArtifactFile { path, size: content.len() as u64, digest: Digest::of(content) }
        };
        let files = vec![file("disk.qcow2", &disk), file("efivars.fd", b"efivars")];
        let publication = Publication {
            image: "debian-12".parse().unwrap(),
            version: version.parse().unwrap(),
            artifact: Artifact { builder: None, files },
            documents: vec![Document { name: "sbom.cdx.json".to_owned(), content: b"{}".to_vec() }],
            about: None,
        };
        Self { folder: None, publication }
    }

    pub(super) fn disk(&self) -> Utf8PathBuf {
        self.publication.artifact.disk().path.clone()
    }

    /// Every file that a reader must find in the version's folder.
    pub(super) fn expected(&self) -> BTreeMap<String, Vec<u8>> {
        let manifest = Manifest::of(&self.publication).unwrap();
        let names = self.publication.file_names().into_iter();
        let mut files: BTreeMap<_, _> =
            names.map(|(path, name)| (name, fs_err::read(path).unwrap())).collect();
        for document in &self.publication.documents {
            files.insert(document.name.clone(), document.content.clone());
        }
        files.insert("SHA256SUMS".to_owned(), manifest.checksums().into_bytes());
        files.insert("manifest.json".to_owned(), manifest.to_json());
        files
    }
}

/// Checks that a reader finds the build as a whole in `folder`.
pub(super) fn assert_whole(subject: &impl Subject, folder: &str, build: &Build) {
    for (name, content) in build.expected() {
        let found = subject.read(&format!("{folder}/{name}"));
        assert!(found == Some(content), "{folder}/{name}");
    }
}

pub(super) async fn what_lies_at_a_location_has_a_size_until_it_goes(subject: &impl Subject) {
    let build = Build::new("1.0.20261123");
    let store = subject.open();
    let stored = store.put(&build.publication).await.unwrap();
    for file in &stored {
        assert_eq!(store.size(&file.location).await.unwrap(), Some(file.size));
        for other in [format!("{}x", file.location), "file:///etc/passwd".to_owned()] {
            assert_eq!(store.size(&other).await.unwrap(), None, "{other}");
        }
    }
    let goes = |disk| Unpublished {
        image: build.publication.image.clone(),
        version: build.publication.version,
        disk: Some(disk),
        rejected: false,
    };
    assert_eq!(store.withdraw(&goes(Digest::of(b"another"))).await.unwrap(), None);
    assert!(store.withdraw(&goes(stored[0].digest)).await.unwrap().is_some());
    for file in &stored {
        assert_eq!(store.size(&file.location).await.unwrap(), None);
    }
    assert_eq!(subject.visible(), [""; 0]);
}

pub(super) async fn a_version_is_stored_whole(subject: &impl Subject) {
    let build = Build::new("1.0.20261123");
    let stored = subject.open().put(&build.publication).await.unwrap();
    assert_whole(subject, "debian-12/1.0.20261123", &build);
    let seen = subject.visible();
    assert_eq!(seen.len(), build.expected().len(), "{seen:?}");
    let names: Vec<&str> = stored.iter().map(|file| file.name.as_str()).collect();
    let expected = ["debian-12-v1.0.20261123.qcow2", "debian-12-v1.0.20261123-efivars.fd"];
    assert_eq!(names, expected);
    for (stored, built) in stored.iter().zip(&build.publication.artifact.files) {
        assert_eq!((stored.size, stored.digest), (built.size, built.digest));
        assert!(stored.location.ends_with(&stored.name));
    }
}

pub(super) async fn the_same_again_copies_nothing(subject: &impl Subject) {
    let build = Build::new("1.0.20261123");
    let first = subject.open().put(&build.publication).await.unwrap();
    // Without its files a build cannot be copied again.
    drop(build.folder);
    let again = subject.open().put(&build.publication).await.unwrap();
    assert_eq!(again, first);
}

pub(super) async fn a_version_is_immutable(subject: &impl Subject) {
    let build = Build::new("1.0.20261123");
    subject.open().put(&build.publication).await.unwrap();
    let mut other = Build::new("1.0.20261123");
    fs_err::write(other.disk(), "other").unwrap();
    other.publication.artifact.files[0].size = 5;
    other.publication.artifact.files[0].digest = Digest::of(b"other");
    let refused = subject.open().put(&other.publication).await;
    assert!(matches!(refused, Err(StoreError::AlreadyStored { .. })));
    other = Build::new("1.0.20261123");
    "other.json".clone_into(&mut other.publication.documents[0].name);
    let refused = subject.open().put(&other.publication).await;
    assert!(matches!(refused, Err(StoreError::AlreadyStored { .. })));
    assert_whole(subject, "debian-12/1.0.20261123", &build);
}

pub(super) async fn the_same_artifact_with_a_report_of_another_run_is_there_already(
    subject: &impl Subject,
) {
    let build = Build::new("1.0.20261123");
    let first = subject.open().put(&build.publication).await.unwrap();
    let mut later = Build::new("1.0.20261123");
    later.publication.documents[0].content = b"[]".to_vec();
    let again = subject.open().put(&later.publication).await.unwrap();
    assert_eq!(again, first);
    assert_whole(subject, "debian-12/1.0.20261123", &build);
    subject.damage("debian-12/1.0.20261123/sbom.cdx.json");
    let damaged = subject.open().put(&later.publication).await;
    assert!(matches!(damaged, Err(StoreError::Damaged { .. })));
}

pub(super) async fn a_damaged_version_is_not_taken_for_good(subject: &impl Subject) {
    let build = Build::new("1.0.20261123");
    subject.open().put(&build.publication).await.unwrap();
    subject.damage("debian-12/1.0.20261123/debian-12-v1.0.20261123.qcow2");
    let damaged = subject.open().put(&build.publication).await;
    assert!(matches!(damaged, Err(StoreError::Damaged { .. })));
}

pub(super) async fn a_changed_artifact_is_not_stored(subject: &impl Subject) {
    let build = Build::new("1.0.20261123");
    let mut disk = fs_err::read(build.disk()).unwrap();
    let last = disk.len() - 1;
    disk[last] ^= 1;
    let shorter = disk[..last].to_vec();
    for changed in [disk, shorter] {
        fs_err::write(build.disk(), changed).unwrap();
        let store = subject.open();
        for refused in
            [store.put(&build.publication).await, store.keep_rejected(&build.publication).await]
        {
            assert!(matches!(refused, Err(StoreError::ArtifactChanged { .. })));
        }
        assert_eq!(subject.visible(), Vec::<String>::new());
    }
}

pub(super) async fn names_that_lead_elsewhere_are_refused(subject: &impl Subject) {
    for name in ["../escaped", "/tmp/escaped", "a/b", "manifest.json", ""] {
        let mut build = Build::new("1.0.20261123");
        name.clone_into(&mut build.publication.documents[0].name);
        let refused = subject.open().put(&build.publication).await;
        assert!(matches!(refused, Err(StoreError::UnsafeName { .. })));
    }
    assert_eq!(subject.visible(), Vec::<String>::new());
}

pub(super) async fn one_rejected_build_is_kept(subject: &impl Subject) {
    let (first, second) = (Build::new("1.0.20261123"), Build::new("1.0.20261123.2"));
    let store = subject.open();
    store.keep_rejected(&first.publication).await.unwrap();
    assert_whole(subject, "rejected/debian-12/1.0.20261123", &first);
    let kept: Vec<Stored> = store.keep_rejected(&second.publication).await.unwrap();
    assert_eq!(kept.len(), 2);
    assert_whole(subject, "rejected/debian-12/1.0.20261123.2", &second);
    let again = store.keep_rejected(&second.publication).await.unwrap();
    assert_eq!(again, kept);
    assert_eq!(subject.visible().len(), second.expected().len());
}

pub(super) async fn concurrent_writers_agree(subject: &impl Subject) {
    let (one, other) = (subject.open(), subject.open());
    let (first, second) = (Build::new("1.0.20261123"), Build::new("1.0.20261123.2"));
    let (here, there) = tokio::join!(one.put(&first.publication), other.put(&first.publication));
    assert_eq!(here.unwrap(), there.unwrap());
    assert_whole(subject, "debian-12/1.0.20261123", &first);
    let (here, there) = tokio::join!(
        one.keep_rejected(&first.publication),
        other.keep_rejected(&second.publication)
    );
    assert!(here.is_ok() && there.is_ok());
    assert_eq!(subject.visible().len(), 2 * first.expected().len());
}

pub(super) async fn a_dropped_call_stores_nothing(subject: &impl Subject) {
    let build = Build::new("1.0.20261123");
    let store = subject.open();
    // Polled once, so that the work has begun; then nobody wants it any more.
    let mut call = store.put(&build.publication);
    let started = std::future::poll_fn(|context| {
        std::task::Poll::Ready(call.as_mut().poll(context).is_pending())
    });
    assert!(started.await);
    drop(call);
    // Whatever the thread was at when it was told: a reader sees all of it or nothing.
    if !subject.visible().is_empty() {
        assert_whole(subject, "debian-12/1.0.20261123", &build);
    }
    store.put(&build.publication).await.unwrap();
    assert_whole(subject, "debian-12/1.0.20261123", &build);
}

pub(super) async fn what_is_stored_is_read_from_any_byte_on(subject: &impl Subject) {
    let build = Build::new("1.0.20261123");
    let stored = subject.open().put(&build.publication).await.unwrap();
    let disk = &stored[0];
    let store = subject.open();
    let expected = build.expected();
    for (name, content) in &expected {
        let beside = disk.location.replace(&disk.name, name);
        let read = store.read(&beside, 0).await.unwrap();
        assert_eq!(read.size, content.len() as u64, "{name}");
        assert!(read.whole(&beside, 1 << 30).await.unwrap() == *content, "{name}");
    }
    let content = &expected[&disk.name];
    for from in [1, 300_000, disk.size - 1, disk.size] {
        let rest = store.read(&disk.location, from).await.unwrap();
        let rest = rest.whole(&disk.location, 1 << 30).await.unwrap();
        assert!(rest == content[usize::try_from(from).unwrap()..], "from {from}");
    }
    let beyond = store.read(&disk.location, disk.size + 1).await.unwrap();
    assert_eq!(beyond.whole(&disk.location, 0).await.unwrap(), b"");
    let small = store.read(&disk.location, 0).await.unwrap().whole(&disk.location, 1000).await;
    assert!(matches!(small, Err(StoreError::Damaged { .. })));
    // Whether it is what it was is for whoever takes its digest.
    subject.damage(&format!("debian-12/1.0.20261123/{}", disk.name));
    let damaged = store.read(&disk.location, 0).await.unwrap();
    assert!(damaged.whole(&disk.location, 1 << 30).await.unwrap()[0] != content[0]);
}

pub(super) async fn what_is_not_there_is_not_read(subject: &impl Subject) {
    let build = Build::new("1.0.20261123");
    let stored = subject.open().put(&build.publication).await.unwrap();
    let store = subject.open();
    let (disk, name) = (&stored[0].location, &stored[0].name);
    let other_version = disk.replace("1.0.20261123", "1.0.20261124");
    for location in [disk.replace(name, "other.qcow2"), other_version] {
        for from in [0, 7] {
            let missing = store.read(&location, from).await;
            assert!(matches!(missing, Err(StoreError::NotThere { .. })), "{location}");
        }
    }
    let elsewhere = ["", "/etc/passwd", "file:///etc/passwd", "s3://other/a", "oci://other/a:1#b"];
    for location in elsewhere {
        let refused = store.read(location, 0).await;
        assert!(matches!(refused, Err(StoreError::NoPlace { .. })), "{location}");
    }
}
