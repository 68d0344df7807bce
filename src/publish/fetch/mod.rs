//! Fetching files of versions to this machine: from the first place that has what was published.
//!
//! ```text
//! <cache>/sha256/<digest>/debian-12-v1.0.20261123.qcow2     whole, and of this digest
//! <cache>/sha256/<digest>/.part                             on its way
//! <folder>/.<digest>.part                                   on its way to a folder that somebody named
//! ```
//!
//! What breaks off goes on where it stands, also from another place and after a kill. A file gets its
//! name when all of it has come, its digest is the recorded one, and it is on the disk. Of several
//! that want the same file one fetches, and the others wait for it.

mod error;
mod growing;
#[cfg(test)]
mod tests;

use std::io;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use futures_util::TryStreamExt as _;
use tokio::sync::mpsc;

use crate::model::{ArtifactRecord, Digest, Hasher, NoteLevel, StoreAddress};

use super::directory::blocking;
use super::fill::{check_space, create_folder, difference, other_digest, other_size};
use super::manifest::{ManifestFile, is_safe};
use super::{Content, Store, StoreError, Surroundings, open_for};
use growing::Growing;

pub use error::FetchError;

/// How often to look whether somebody else has fetched it.
const ROUND: Duration = Duration::from_millis(200);
/// How often to say how far it is.
const TELL: Duration = Duration::from_secs(10);
/// How often a place may break off, with nothing new from it in between.
const ATTEMPTS: u32 = 5;
/// How long to wait before trying again; each further wait is twice as long.
const WAIT: Duration = Duration::from_secs(1);
/// Pieces on their way to the disk. Stores send a few KB at a time.
const PIECES: usize = 64;

/// Where a file is to lie.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    /// In the cache in this folder, by its digest; or where a store on this machine has it.
    Cache(&'a Utf8Path),
    /// In this folder, under its name.
    Folder(&'a Utf8Path),
    /// There.
    File(&'a Utf8Path),
}

/// A file that lies on this machine, and is what was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Where.
    pub path: Utf8PathBuf,
    /// How it came there.
    pub whence: Whence,
}

/// How a file came to lie on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whence {
    /// It lay there already.
    There,
    /// It has come from this place.
    From(String),
}

/// What is told on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Something to know.
    Note(NoteLevel, String),
    /// How far it is.
    Progress {
        /// Bytes that are there.
        done: u64,
        /// Bytes in all.
        all: u64,
    },
}

/// Fetches files.
pub struct Fetcher<'a> {
    /// The stores of which it is known how they are reached.
    pub stores: &'a [StoreAddress],
    /// What stores on servers need of the machine.
    pub surroundings: Surroundings<'a>,
    /// Who is told how it goes.
    pub tell: &'a dyn Fn(Told),
}

/// How long to wait before a place is tried again.
#[derive(Debug, Clone, Copy)]
struct Patience {
    attempts: u32,
    wait: Duration,
}

/// Why nothing came of a place.
enum Trouble {
    /// The place's fault: another one may be better.
    Place(StoreError),
    /// Nothing can be written here.
    Here(FetchError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Place(error)
    }
}

/// Opens the store that a location lies in.
type Opener<'a> = &'a dyn Fn(&str) -> Result<Box<dyn Store>, StoreError>;

impl Fetcher<'_> {
    /// Fetches `file`, unless it is there already.
    pub async fn fetch(
        &self,
        file: &ArtifactRecord,
        target: Target<'_>,
    ) -> Result<Fetched, FetchError> {
        let open = |location: &str| open_for(location, self.stores, self.surroundings);
        let patience = Patience { attempts: ATTEMPTS, wait: WAIT };
        Job { file, target, open: &open, tell: self.tell, patience }.fetch().await
    }
}

/// One file on its way.
struct Job<'a> {
    file: &'a ArtifactRecord,
    target: Target<'a>,
    open: Opener<'a>,
    tell: &'a dyn Fn(Told),
    patience: Patience,
}

impl Job<'_> {
    async fn fetch(&self) -> Result<Fetched, FetchError> {
        let name = &self.file.name;
        if !is_safe(name) {
            return Err(FetchError::UnsafeName { name: name.clone() });
        }
        if let Target::Cache(_) = self.target
            && let Some(path) = self.in_place().await
        {
            return Ok(Fetched { path, whence: Whence::There });
        }
        let (path, part, mode) = self.places();
        let folder = path.parent().unwrap_or(&path).to_owned();
        let unwritable = |source| FetchError::Target { path: path.clone(), source };
        create_folder(&folder).map_err(unwritable)?;
        let mut waiting = false;
        let growing = loop {
            // Also when somebody else has just brought it.
            if self.is_there(&path).await? {
                return Ok(Fetched { path, whence: Whence::There });
            }
            if self.file.locations.is_empty() {
                return Err(FetchError::Nowhere { name: name.clone() });
            }
            if let Some(growing) = Growing::try_open(&part).map_err(unwritable)? {
                break growing;
            }
            if !std::mem::replace(&mut waiting, true) {
                self.note(
                    NoteLevel::Info,
                    format!("waiting for another one that fetches `{name}`"),
                );
            }
            tokio::time::sleep(ROUND).await;
        };
        let (growing, from) = self.try_all(growing, &folder).await?;
        let (part, target) = (part.clone(), path.clone());
        let committed =
            tokio::task::spawn_blocking(move || growing.commit(&part, &target, mode)).await;
        committed.map_err(io::Error::from).flatten().map_err(unwritable)?;
        Ok(Fetched { path, whence: Whence::From(from) })
    }

    /// Where the file will lie, where it grows, and who may do what with it. What lies in the cache
    /// is nobody's to change.
    fn places(&self) -> (Utf8PathBuf, Utf8PathBuf, u32) {
        let ArtifactRecord { name, sha256, .. } = self.file;
        let hex = sha256.hex();
        match self.target {
            Target::Cache(cache) => {
                let path = cached(cache, self.file);
                (path.clone(), path.with_file_name(".part"), 0o444)
            }
            Target::Folder(folder) => {
                (folder.join(name), folder.join(format!(".{hex}.part")), 0o644)
            }
            Target::File(path) => {
                (path.to_owned(), path.with_file_name(format!(".{hex}.part")), 0o644)
            }
        }
    }

    /// Where a store on this machine has the file as it was published.
    async fn in_place(&self) -> Option<Utf8PathBuf> {
        for path in self.file.local_paths() {
            match self.is_there(&path).await {
                Ok(true) => return Some(path),
                Ok(false) => {}
                Err(error) => self.note(NoteLevel::Warning, error.failure().reason),
            }
        }
        None
    }

    /// Whether the file lies at `path` as it was published.
    async fn is_there(&self, path: &Utf8Path) -> Result<bool, FetchError> {
        let ArtifactRecord { name, size, sha256, .. } = self.file;
        let listed = ManifestFile { name: name.clone(), size: *size, sha256: *sha256 };
        let looked_at = path.to_owned();
        let found = blocking(move |go_on| {
            if !looked_at.is_file() {
                return Ok(Some(String::new()));
            }
            difference(&looked_at, &listed, go_on)
        });
        match found.await {
            Ok(None) => Ok(true),
            Ok(Some(why)) if why.is_empty() => Ok(false),
            Ok(Some(why)) => {
                let text = format!("`{path}` is not `{name}` as it was published: {why}");
                self.note(NoteLevel::Warning, text);
                Ok(false)
            }
            Err(error) => {
                let source = io::Error::other(error.failure().reason);
                Err(FetchError::Target { path: path.to_owned(), source })
            }
        }
    }

    /// Fetches from one place after the other until all has come. Says from where.
    async fn try_all(
        &self,
        mut growing: Growing,
        folder: &Utf8Path,
    ) -> Result<(Growing, String), FetchError> {
        let ArtifactRecord { name, size, locations, .. } = self.file;
        let unwritable = |error: StoreError| FetchError::Target {
            path: folder.to_owned(),
            source: io::Error::other(error.failure().reason),
        };
        let most = *size;
        growing = blocking(move |go_on| {
            growing.resume(most, go_on)?;
            Ok(growing)
        })
        .await
        .map_err(unwritable)?;
        check_space(folder, size.saturating_sub(growing.size())).map_err(FetchError::Room)?;
        let (mut tried, mut is_gone) = (Vec::new(), true);
        for location in locations {
            let (back, result) = self.try_one(growing, location).await;
            match result {
                Ok(()) => return Ok((back, location.clone())),
                Err(Trouble::Here(error)) => return Err(error),
                Err(Trouble::Place(error)) => {
                    is_gone &= matches!(error, StoreError::NotThere { .. });
                    let failure = error.failure();
                    let why = match failure.reason {
                        reason if reason.contains(location) => reason,
                        reason => format!("{location}: {reason}"),
                    };
                    let hints = failure.hints.iter().map(|hint| format!(" ({hint})"));
                    tried.push(format!("{why}{}", hints.collect::<String>()));
                    if tried.len() < locations.len() {
                        let text = format!("trying the next place, for {why}");
                        self.note(NoteLevel::Warning, text);
                    }
                }
            }
            growing = back;
        }
        Err(FetchError::NoPlaceIsGood { name: name.clone(), tried, is_gone })
    }

    /// Fetches what is missing from `location`; all of it if what was there already is of no use.
    async fn try_one(
        &self,
        mut growing: Growing,
        location: &str,
    ) -> (Growing, Result<(), Trouble>) {
        let store = match (self.open)(location) {
            Ok(store) => store,
            Err(error) => return (growing, Err(error.into())),
        };
        let ArtifactRecord { name, size, sha256, .. } = self.file;
        for again in [false, true] {
            let resumed = growing.size();
            let rest = if resumed > 0 { " the rest of" } else { "" };
            self.note(NoteLevel::Info, format!("fetching{rest} `{name}` from {location}"));
            let (back, result) = self.download(growing, &*store, location).await;
            growing = back;
            if let Err(trouble) = result {
                return (growing, Err(trouble));
            }
            let found = growing.digest();
            if (growing.size(), found) == (*size, *sha256) {
                return (growing, Ok(()));
            }
            if let Err(source) = growing.restart() {
                let path = location.into();
                return (growing, Err(Trouble::Here(FetchError::Target { path, source })));
            }
            if again || resumed == 0 {
                let difference = other_digest(found, *sha256);
                return (
                    growing,
                    Err(StoreError::Damaged { path: location.into(), difference }.into()),
                );
            }
            let text = format!("what was there of `{name}` is of no use: starting over");
            self.note(NoteLevel::Warning, text);
        }
        unreachable!("the second round returns")
    }

    /// Takes in what follows after what is there, however often it breaks off, as long as something
    /// comes.
    async fn download(
        &self,
        mut growing: Growing,
        store: &dyn Store,
        location: &str,
    ) -> (Growing, Result<(), Trouble>) {
        let mut attempt = 0;
        while growing.size() < self.file.size {
            let before = growing.size();
            let (back, result) = self.stream(growing, store, location).await;
            growing = back;
            let error = match result {
                Ok(()) => continue,
                Err(Trouble::Place(error)) if error.is_passing() => error,
                Err(trouble) => return (growing, Err(trouble)),
            };
            attempt = if growing.size() > before { 0 } else { attempt + 1 };
            if attempt >= self.patience.attempts {
                return (growing, Err(error.into()));
            }
            tokio::time::sleep(self.patience.wait * (1 << attempt)).await;
        }
        (growing, Ok(()))
    }

    /// Takes in what comes from where the file stands, until it breaks off.
    async fn stream(
        &self,
        mut growing: Growing,
        store: &dyn Store,
        location: &str,
    ) -> (Growing, Result<(), Trouble>) {
        let size = self.file.size;
        let damaged = |found: u64| {
            let difference = other_size(found, size);
            Trouble::Place(StoreError::Damaged { path: location.into(), difference })
        };
        let Content { size: said, mut pieces } = match store.read(location, growing.size()).await {
            Ok(content) => content,
            Err(error) => return (growing, Err(error.into())),
        };
        if said != size {
            return (growing, Err(damaged(said)));
        }
        let mut done = growing.size();
        let (sender, receiver) = mpsc::channel(PIECES);
        // Also when nobody waits for it any more, it takes what was handed over, and keeps the lock
        // until then.
        let writing = tokio::task::spawn_blocking(move || {
            let written = growing.take(receiver);
            (growing, written)
        });
        let mut told = Instant::now();
        let came = loop {
            match pieces.try_next().await {
                Ok(Some(piece)) if piece.is_empty() => {}
                Ok(Some(piece)) => {
                    done += piece.len() as u64;
                    if done > size {
                        break Err(damaged(done));
                    }
                    // Who writes says in the end why nothing is taken any more.
                    if sender.send(piece).await.is_err() {
                        break Ok(());
                    }
                }
                Ok(None) if done < size => break Err(damaged(done)),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error.into()),
            }
            if told.elapsed() >= TELL {
                told = Instant::now();
                (self.tell)(Told::Progress { done, all: size });
            }
        };
        drop(sender);
        let (growing, written) = match writing.await {
            Ok(back) => back,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        match written {
            Ok(()) => (growing, came),
            Err(source) => {
                let path = self.places().0;
                (growing, Err(Trouble::Here(FetchError::Target { path, source })))
            }
        }
    }

    fn note(&self, level: NoteLevel, text: String) {
        (self.tell)(Told::Note(level, text));
    }
}

/// Where `file`, whose name is safe, lies in the cache in the folder `cache`, if it is there.
pub fn cached(cache: &Utf8Path, file: &ArtifactRecord) -> Utf8PathBuf {
    cache.join("sha256").join(file.sha256.hex()).join(&file.name)
}

/// The digest and the size of the file at `location`, from its content, as `store` sends it. What breaks
/// off goes on.
pub async fn digest_at(store: &dyn Store, location: &str) -> Result<(Digest, u64), StoreError> {
    let (mut hasher, mut size, mut attempt) = (Hasher::default(), 0, 0);
    loop {
        let before = size;
        let error = match add_from(store, location, &mut hasher, &mut size).await {
            Ok(()) => return Ok((hasher.finish(), size)),
            Err(error) if error.is_passing() => error,
            Err(error) => return Err(error),
        };
        attempt = if size > before { 0 } else { attempt + 1 };
        if attempt >= ATTEMPTS {
            return Err(error);
        }
        tokio::time::sleep(WAIT * (1 << attempt)).await;
    }
}

/// Takes in what follows after `size` bytes.
async fn add_from(
    store: &dyn Store,
    location: &str,
    hasher: &mut Hasher,
    size: &mut u64,
) -> Result<(), StoreError> {
    let Content { mut pieces, .. } = store.read(location, *size).await?;
    while let Some(piece) = pieces.try_next().await? {
        hasher.update(&piece);
        *size += piece.len() as u64;
    }
    Ok(())
}
