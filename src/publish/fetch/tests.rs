//! Against places that break off, lie, and come to an end.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use proptest::prelude::*;

use super::super::{OciError, Unpublished};
use super::*;
use crate::model::{Publication, Stored};

/// A place with this content, from which only so many bytes come at a time.
#[derive(Clone, Default)]
struct Place {
    content: Vec<u8>,
    /// After how many bytes each of the next readings breaks off.
    breaks: Arc<Mutex<Vec<usize>>>,
    /// Whether nothing comes any more after that, instead of breaking off.
    hangs: bool,
    /// From where on was read.
    asked: Arc<Mutex<Vec<u64>>>,
}

impl Place {
    fn of(content: &[u8]) -> Self {
        Self { content: content.to_vec(), ..Self::default() }
    }

    fn breaking(content: &[u8], after: &[usize]) -> Self {
        Self { breaks: Arc::new(Mutex::new(after.to_vec())), ..Self::of(content) }
    }

    fn asked(&self) -> Vec<u64> {
        self.asked.lock().unwrap().clone()
    }
}

fn broken() -> StoreError {
    OciError::Unreachable { host: "place".to_owned(), why: "it broke".to_owned() }.into()
}

#[async_trait]
impl Store for Place {
    fn location(&self) -> &'static str {
        "a place"
    }

    async fn read(&self, _: &str, from: u64) -> Result<Content, StoreError> {
        self.asked.lock().unwrap().push(from);
        let start = usize::try_from(from).unwrap().min(self.content.len());
        let rest = &self.content[start..];
        let mut breaks = self.breaks.lock().unwrap();
        let next = if breaks.is_empty() { None } else { Some(breaks.remove(0).min(rest.len())) };
        let comes = &rest[..next.unwrap_or(rest.len())];
        let mut pieces: Vec<Result<Bytes, StoreError>> =
            comes.chunks(3).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let size = self.content.len() as u64;
        if self.hangs && next.is_some() {
            let pieces = stream::iter(pieces).chain(stream::pending()).boxed();
            return Ok(Content { size, pieces });
        }
        pieces.extend(next.map(|_| Err(broken())));
        Ok(Content { size, pieces: stream::iter(pieces).boxed() })
    }

    async fn size(&self, _: &str) -> Result<Option<u64>, StoreError> {
        Ok(Some(self.content.len() as u64))
    }

    async fn put(&self, _: &Publication) -> Result<Vec<Stored>, StoreError> {
        Err(StoreError::Cancelled)
    }

    async fn keep_rejected(&self, _: &Publication) -> Result<Vec<Stored>, StoreError> {
        Err(StoreError::Cancelled)
    }

    async fn withdraw(&self, _: &Unpublished) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    async fn sweep(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }
}

/// A cache, and the places that a file is recorded to lie in.
struct Machine {
    folder: tempfile::TempDir,
    places: Vec<Place>,
    file: ArtifactRecord,
    told: RefCell<Vec<String>>,
}

const NAME: &str = "debian-12-v1.0.20261123.qcow2";

impl Machine {
    fn new(content: &[u8], places: Vec<Place>) -> Self {
        let file = ArtifactRecord {
            name: NAME.to_owned(),
            size: content.len() as u64,
            sha256: Digest::of(content),
            locations: (0..places.len()).map(|place| format!("place-{place}")).collect(),
        };
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        Self { folder, places, file, told: RefCell::default() }
    }

    fn cache(&self) -> &Utf8Path {
        Utf8Path::from_path(self.folder.path()).unwrap()
    }

    fn shelf(&self) -> Utf8PathBuf {
        self.cache().join("sha256").join(self.file.sha256.hex())
    }

    /// As a fetch that was killed leaves it.
    fn left(&self, content: &[u8]) {
        fs_err::create_dir_all(self.shelf()).unwrap();
        fs_err::write(self.shelf().join(".part"), content).unwrap();
    }

    async fn fetch(&self, target: Target<'_>) -> Result<Fetched, FetchError> {
        let open = |location: &str| {
            let place: usize = location.strip_prefix("place-").unwrap().parse().unwrap();
            Ok(Box::new(self.places[place].clone()) as Box<dyn Store>)
        };
        let tell = |told| {
            if let Told::Note(_, text) = told {
                let text = text.replace(self.cache().as_str(), "CACHE");
                self.told.borrow_mut().push(text.replace(&self.file.sha256.hex(), "DIGEST"));
            }
        };
        let patience = Patience { attempts: 3, wait: Duration::ZERO };
        Job { file: &self.file, target, open: &open, tell: &tell, patience }.fetch().await
    }

    async fn cached(&self) -> Result<Fetched, FetchError> {
        self.fetch(Target::Cache(self.cache())).await
    }

    fn told(&self) -> String {
        self.told.borrow().join("\n")
    }

    /// What lies in the cache, hidden or not.
    fn there(&self) -> Vec<String> {
        let entries = self.shelf().read_dir_utf8().unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_owned()).collect()
    }
}

const CONTENT: &[u8] = b"the bytes of a disk\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

#[tokio::test]
async fn what_breaks_off_goes_on_where_it_stands() {
    let place = Place::breaking(CONTENT, &[6, 0, 30]);
    let machine = Machine::new(CONTENT, vec![place.clone()]);
    let fetched = machine.cached().await.unwrap();
    assert_eq!(fetched.whence, Whence::From("place-0".to_owned()));
    assert_eq!(fs_err::read(&fetched.path).unwrap(), CONTENT);
    assert_eq!(place.asked(), [0, 6, 6, 36]);
    assert_eq!(machine.there(), [NAME]);

    let again = machine.cached().await.unwrap();
    assert_eq!((again.path, again.whence), (fetched.path, Whence::There));
    assert_eq!(place.asked().len(), 4);
}

#[tokio::test]
async fn what_a_killed_one_left_is_gone_on_with_if_it_is_good() {
    let place = Place::of(CONTENT);
    let machine = Machine::new(CONTENT, vec![place.clone()]);
    machine.left(&CONTENT[..10]);
    machine.cached().await.unwrap();
    assert_eq!(place.asked(), [10]);
    for (left, asked) in [(&b"something else"[..], vec![14, 0]), (&[7; 100], vec![0])] {
        let place = Place::of(CONTENT);
        let machine = Machine::new(CONTENT, vec![place.clone()]);
        machine.left(left);
        let fetched = machine.cached().await.unwrap();
        assert_eq!(fs_err::read(fetched.path).unwrap(), CONTENT);
        assert_eq!(place.asked(), asked);
    }
    // All of it had come.
    let place = Place::of(b"");
    let machine = Machine::new(CONTENT, vec![place.clone()]);
    machine.left(CONTENT);
    machine.cached().await.unwrap();
    assert_eq!(place.asked(), [0; 0]);
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_what_has_come_for_the_next_one() {
    let place = Place { hangs: true, ..Place::breaking(CONTENT, &[6]) };
    let machine = Machine::new(CONTENT, vec![place.clone()]);
    let part = machine.shelf().join(".part");
    let has_come = async {
        while !fs_err::metadata(&part).is_ok_and(|part| part.len() == 6) {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = machine.cached() => panic!("not all has come"),
        () = has_come => {}
    }
    let fetched = machine.cached().await.unwrap();
    assert_eq!(fs_err::read(fetched.path).unwrap(), CONTENT);
    assert_eq!(place.asked(), [0, 6]);
}

#[tokio::test]
async fn a_place_that_does_not_have_what_was_published_is_left_for_the_next_one() {
    let mut other = CONTENT.to_vec();
    other[3] ^= 1;
    let never = Place::breaking(CONTENT, &[0; 9]);
    let bad = [Place::of(&other), Place::of(&CONTENT[..5]), Place::of(&[0; 99]), never.clone()];
    let machine = Machine::new(CONTENT, [&bad[..], &[Place::of(CONTENT)]].concat());
    let fetched = machine.cached().await.unwrap();
    assert_eq!(fetched.whence, Whence::From("place-4".to_owned()));
    assert_eq!(never.asked(), [0; 3]);
    insta::assert_snapshot!(machine.told(), @"
    fetching `debian-12-v1.0.20261123.qcow2` from place-0
    trying the next place, for `place-0` is damaged: its digest is sha256:d1a7b07f95c35656f97212714fe4777960a0f87dd52e2c65c78dfea37289df14 instead of sha256:DIGEST
    fetching `debian-12-v1.0.20261123.qcow2` from place-1
    trying the next place, for `place-1` is damaged: it has 5 bytes instead of 40
    fetching `debian-12-v1.0.20261123.qcow2` from place-2
    trying the next place, for `place-2` is damaged: it has 99 bytes instead of 40
    fetching `debian-12-v1.0.20261123.qcow2` from place-3
    trying the next place, for place-3: `place` cannot be reached: it broke
    fetching `debian-12-v1.0.20261123.qcow2` from place-4
    ");

    let machine = Machine::new(CONTENT, bad.to_vec());
    let failure = machine.cached().await.unwrap_err().failure();
    insta::assert_snapshot!(format!("{:?}: {}\n{}", failure.class, failure.reason, failure.hints.join("\n")), @"
    Publish: none of the places where `debian-12-v1.0.20261123.qcow2` lies has it as it was published
    `place-0` is damaged: its digest is sha256:d1a7b07f95c35656f97212714fe4777960a0f87dd52e2c65c78dfea37289df14 instead of sha256:a427581ee9f18a66cf19a044686b8138ac3ce54993576bc22395bd0d6206cee6 (goldsmith never changes a stored file: restore it from a backup, or build a new version)
    `place-1` is damaged: it has 5 bytes instead of 40 (goldsmith never changes a stored file: restore it from a backup, or build a new version)
    `place-2` is damaged: it has 99 bytes instead of 40 (goldsmith never changes a stored file: restore it from a backup, or build a new version)
    place-3: `place` cannot be reached: it broke (check the name and the network (HTTPS_PROXY and NO_PROXY count), then run it again: it goes on where it broke off)
    ");
    assert_eq!(machine.there(), [".part"]);
}

#[tokio::test]
async fn of_several_that_want_the_same_one_fetches() {
    let place = Place::of(CONTENT);
    let machine = Machine::new(CONTENT, vec![place.clone()]);
    let wants = || machine.cached();
    let all = tokio::join!(wants(), wants(), wants(), wants());
    let all = [all.0.unwrap(), all.1.unwrap(), all.2.unwrap(), all.3.unwrap()];
    assert!(all.iter().all(|fetched| fetched.path == all[0].path));
    assert_eq!(place.asked(), [0]);
    assert_eq!(all.iter().filter(|fetched| fetched.whence == Whence::There).count(), 3);
    assert_eq!(machine.told().matches("waiting for another one").count(), 3);
}

#[tokio::test]
async fn what_was_changed_in_the_cache_is_fetched_again() {
    let place = Place::of(CONTENT);
    let machine = Machine::new(CONTENT, vec![place.clone()]);
    let fetched = machine.cached().await.unwrap();
    fs_err::remove_file(&fetched.path).unwrap();
    fs_err::write(&fetched.path, &CONTENT[1..]).unwrap();
    machine.cached().await.unwrap();
    assert_eq!(place.asked(), [0, 0]);
    assert_eq!(fs_err::read(&fetched.path).unwrap(), CONTENT);
}

#[tokio::test]
async fn it_lies_where_somebody_wants_it() {
    let place = Place::of(CONTENT);
    let machine = Machine::new(CONTENT, vec![place.clone()]);
    let (folder, file) = (machine.cache().join("made/here"), machine.cache().join("disk"));
    let fetched = machine.fetch(Target::Folder(&folder)).await.unwrap();
    assert_eq!(fetched.path, folder.join(NAME));
    fs_err::write(&file, "what was there before").unwrap();
    assert_eq!(machine.fetch(Target::File(&file)).await.unwrap().path, file);
    assert_eq!(fs_err::read(&file).unwrap(), CONTENT);
    assert_eq!(place.asked(), [0, 0]);
    assert_eq!(machine.fetch(Target::File(&file)).await.unwrap().whence, Whence::There);
}

#[tokio::test]
async fn a_record_that_leads_elsewhere_or_nowhere_is_refused() {
    let mut machine = Machine::new(CONTENT, Vec::new());
    let failed = |failure: FetchError| failure.failure().reason;
    insta::assert_snapshot!(failed(machine.cached().await.unwrap_err()), @"`debian-12-v1.0.20261123.qcow2` lies nowhere: its bytes are not kept any more");
    for name in ["../escaped", "/etc/cron.d/x", ".part", ""] {
        name.clone_into(&mut machine.file.name);
        let refused = machine.cached().await;
        assert!(matches!(refused, Err(FetchError::UnsafeName { .. })), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn wherever_it_breaks_off_and_whatever_was_left_what_is_fetched_is_what_was_published(
        content in prop::collection::vec(0u8..3, 0..40),
        breaks in prop::collection::vec(0usize..9, 0..6),
        mut left in prop::collection::vec(0u8..3, 0..9),
        is_good in any::<bool>(),
    ) {
        if is_good {
            left = content[..left.len().min(content.len())].to_vec();
        }
        let machine = Machine::new(&content, vec![Place::breaking(&content, &breaks)]);
        machine.left(&left);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        match runtime.block_on(machine.cached()) {
            Ok(fetched) => prop_assert_eq!(fs_err::read(fetched.path).unwrap(), content),
            // Three times nothing came.
            Err(error) => {
                prop_assert!(breaks.windows(3).any(|three| three == [0, 0, 0]), "{error}");
            }
        }
    }
}
