//! Sending a file, part by part.
//!
//! A part is in memory while it is sent, and the next one is read and hashed meanwhile. When a
//! connection breaks, the registry says how much it has, and the upload goes on from there. It is
//! completed only when the digest of all that was read is that of the artifact; the registry takes
//! the digest of what it got.

use std::io;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use fs_err::File;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, RANGE};
use reqwest::{Method, StatusCode};
use tokio::task::{JoinHandle, spawn_blocking};
use url::Url;

use super::super::StoreError;
use super::client::Answer;
use super::error::OciError;
use super::repository::{Repository, with_digest};
use super::unfinished::{Begun, Note};
use crate::model::{ArtifactFile, Digest, Hasher};

/// Bytes that are sent at once.
const PART: u64 = 16 << 20;
/// What the pickiest registry takes at once: GitHub's.
const SMALL_PART: u64 = 4 << 20;
/// Below this, a part is never the reason.
const SMALLEST_PART: u64 = 256 << 10;
/// The largest part that a registry may insist on: it lies in memory.
const LARGEST_PART: u64 = 128 << 20;
/// How long a part may take: about 30 KB a second.
const SENDING: Duration = Duration::from_mins(10);
/// How long a registry may take to check what it got.
const COMPLETING: Duration = Duration::from_hours(1);
/// How often an upload may have to begin anew.
const BEGINNINGS: u32 = 2;
/// Bytes that are read at a time when they are only hashed.
const BLOCK: u64 = 1 << 20;

/// A file of an artifact, read and hashed in order.
struct Source {
    file: File,
    path: Utf8PathBuf,
    size: u64,
    hasher: Hasher,
    /// Bytes from the beginning that are hashed.
    hashed: u64,
}

impl Source {
    /// Opens `file`, which must be as large as it was.
    fn open(file: &ArtifactFile) -> Result<Self, StoreError> {
        let unreadable = |source| StoreError::ArtifactUnreadable { source };
        let opened = File::open(&file.path).map_err(unreadable)?;
        let (path, size) = (file.path.clone(), file.size);
        let found = opened.metadata().map_err(unreadable)?.len();
        let source = Self { file: opened, path, size, hasher: Hasher::default(), hashed: 0 };
        if found == size { Ok(source) } else { Err(source.changed_size(found)) }
    }

    fn changed_size(&self, found: u64) -> StoreError {
        let difference = format!("it has {found} bytes instead of {}", self.size);
        StoreError::ArtifactChanged { path: self.path.clone(), difference }
    }

    /// The bytes from `offset` on. Everything up to their end is hashed then.
    fn part(&mut self, offset: u64, length: u64) -> Result<Bytes, StoreError> {
        self.hash_to(offset)?;
        let part = self.read(offset, length)?;
        let new = self.hashed.saturating_sub(offset);
        if let Some(new) = usize::try_from(new).ok().and_then(|new| part.get(new..)) {
            self.hasher.update(new);
            self.hashed += new.len() as u64;
        }
        Ok(part)
    }

    fn hash_to(&mut self, offset: u64) -> Result<(), StoreError> {
        while self.hashed < offset {
            let block = self.read(self.hashed, BLOCK.min(offset - self.hashed))?;
            self.hasher.update(&block);
            self.hashed += block.len() as u64;
        }
        Ok(())
    }

    fn read(&self, offset: u64, length: u64) -> Result<Bytes, StoreError> {
        let length = usize::try_from(length).expect("parts are far smaller than the memory");
        let mut buffer = vec![0; length];
        match self.file.file().read_exact_at(&mut buffer, offset) {
            Ok(()) => Ok(buffer.into()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                let found = self.file.metadata().map_or(offset, |found| found.len());
                Err(self.changed_size(found))
            }
            Err(source) => Err(StoreError::ArtifactUnreadable { source }),
        }
    }

    /// The digest of all of it.
    fn digest(mut self) -> Result<Digest, StoreError> {
        self.hash_to(self.size)?;
        Ok(self.hasher.finish())
    }
}

/// A part that is being read.
type Reading = JoinHandle<(Source, Result<Bytes, StoreError>)>;

fn start_reading(mut source: Source, offset: u64, length: u64) -> Reading {
    spawn_blocking(move || {
        let part = source.part(offset, length);
        (source, part)
    })
}

/// What became of a blocking task. One that is gone was not wanted any more.
async fn done<T>(task: JoinHandle<T>) -> Result<T, StoreError> {
    match task.await {
        Ok(value) => Ok(value),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(StoreError::Cancelled),
    }
}

/// An upload under way.
struct Upload<'a> {
    repository: &'a Repository<'a>,
    file: &'a ArtifactFile,
    note: Option<Note>,
    location: Url,
    /// Bytes that the registry has.
    offset: u64,
    /// Bytes to send at once, and the least that the registry takes.
    part: u64,
    least: u64,
    beginnings: u32,
}

/// Sends a file of an artifact into `repository`, unless it is there.
pub(super) async fn upload(
    repository: &Repository<'_>,
    file: &ArtifactFile,
    state: &Utf8Path,
) -> Result<(), StoreError> {
    match repository.blob_size(&file.digest).await? {
        Some(size) if size == file.size => return Ok(()),
        Some(size) => {
            let path = format!("{}/{}@{}", repository.client.host(), repository.name, file.digest);
            let difference = format!("it has {size} bytes instead of {}", file.size);
            return Err(StoreError::Damaged { path: path.into(), difference });
        }
        None => {}
    }
    let mut source = {
        let file = file.clone();
        done(spawn_blocking(move || Source::open(&file))).await??
    };
    let mut upload = Upload::begin(repository, file, state).await?;
    loop {
        source = upload.send(source).await?;
        let hashed = done(spawn_blocking(move || source.digest())).await??;
        if hashed != file.digest {
            upload.abort().await;
            return Err(StoreError::ArtifactChanged {
                path: file.path.clone(),
                difference: format!("its digest is {hashed} instead of {}", file.digest),
            });
        }
        if upload.complete().await? {
            if let Some(note) = upload.note {
                note.forget();
            }
            return Ok(());
        }
        // What an earlier run had sent was not the beginning of this file.
        let file = file.clone();
        source = done(spawn_blocking(move || Source::open(&file))).await??;
    }
}

impl<'a> Upload<'a> {
    /// Goes on with what an earlier attempt has begun, or begins.
    async fn begin(
        repository: &'a Repository<'a>,
        file: &'a ArtifactFile,
        state: &Utf8Path,
    ) -> Result<Self, StoreError> {
        let (host, name) = (repository.client.host(), &repository.name);
        let mut note = Note::of(state, host, name, &file.digest);
        let begun = note.as_mut().and_then(|note| note.read(host, name, &file.digest));
        if let Some(location) = begun.and_then(|begun| begun.location.parse().ok())
            && let Some((location, offset)) = stands(repository, location, file.size).await?
        {
            let beginnings = 0;
            return Ok(Self {
                repository,
                file,
                note,
                location,
                offset,
                part: PART,
                least: 1,
                beginnings,
            });
        }
        let (location, least) = repository.begin_upload().await?;
        let mut upload = Self {
            repository,
            file,
            note,
            location,
            offset: 0,
            part: PART,
            least: 1,
            beginnings: 1,
        };
        upload.at_least(least)?;
        upload.write_down();
        Ok(upload)
    }

    /// Forgets all that was sent.
    async fn begin_anew(&mut self, why: OciError) -> Result<(), StoreError> {
        self.beginnings += 1;
        if self.beginnings > BEGINNINGS {
            return Err(why.into());
        }
        let (location, least) = self.repository.begin_upload().await?;
        (self.location, self.offset) = (location, 0);
        self.at_least(least)?;
        self.write_down();
        Ok(())
    }

    fn at_least(&mut self, least: Option<u64>) -> Result<(), OciError> {
        self.least = least.unwrap_or(1);
        if self.least > LARGEST_PART {
            let why = format!("it wants parts of {} bytes", self.least);
            return Err(self.repository.client.strange("the beginning of an upload", why));
        }
        self.part = self.part.max(self.least);
        Ok(())
    }

    fn write_down(&mut self) {
        if let Some(note) = &mut self.note {
            note.write(&Begun {
                host: self.repository.client.host().to_owned(),
                repository: self.repository.name.clone(),
                digest: self.file.digest,
                location: self.location.to_string(),
            });
        }
    }

    fn length_at(&self, offset: u64) -> u64 {
        self.part.min(self.file.size.saturating_sub(offset))
    }

    /// Sends everything that the registry does not have yet.
    async fn send(&mut self, source: Source) -> Result<Source, StoreError> {
        let client = self.repository.client;
        let mut failures = 0;
        let mut at = self.offset;
        let mut reading = start_reading(source, at, self.length_at(at));
        loop {
            let (source, part) = done(reading).await?;
            let part = part?;
            if self.offset != at {
                // Not what was read ahead: the registry has less, or more.
                at = self.offset;
                reading = start_reading(source, at, self.length_at(at));
                continue;
            }
            if part.is_empty() {
                return Ok(source);
            }
            let next = at + part.len() as u64;
            reading = start_reading(source, next, self.length_at(next));
            let range = format!("{at}-{}", next - 1);
            at = next;
            let ask = self
                .repository
                .ask_at(Method::PATCH, self.location.clone())
                .header(CONTENT_TYPE, "application/octet-stream")
                .header(CONTENT_RANGE, range)
                .timeout(SENDING)
                .body(part);
            let answer = client.ask_once(&ask).await;
            let wait = match answer {
                Ok(answer) if answer.status == StatusCode::ACCEPTED => {
                    failures = 0;
                    self.offset = next;
                    if let Some(location) = client.location(&ask, &answer)? {
                        self.location = location;
                    }
                    self.write_down();
                    continue;
                }
                Ok(answer) => {
                    failures += 1;
                    let refusal = client.refusal(&ask, &answer);
                    if failures >= client.patience().attempts || !self.may_go_on(&answer) {
                        return Err(refusal.into());
                    }
                    answer.asks_to_wait()
                }
                Err(error @ OciError::Unreachable { .. }) => {
                    failures += 1;
                    if failures >= client.patience().attempts {
                        return Err(error.into());
                    }
                    None
                }
                Err(error) => return Err(error.into()),
            };
            client.wait(failures, wait).await;
            let stands = stands(self.repository, self.location.clone(), self.file.size).await?;
            if let Some((location, offset)) = stands {
                (self.location, self.offset) = (location, offset);
                self.write_down();
            } else {
                let why = client.strange("an upload", "it forgets again and again what it got");
                self.begin_anew(why).await?;
            }
        }
    }

    /// Whether an answer to a part leaves hope. Makes parts smaller where that may be why.
    fn may_go_on(&mut self, answer: &Answer) -> bool {
        match answer.status {
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::RANGE_NOT_SATISFIABLE => {
                let before = self.part;
                let smaller = if before > SMALL_PART { SMALL_PART } else { before / 4 };
                self.part = smaller.max(self.least).max(SMALLEST_PART).min(before);
                // A wrong place is put right by asking; a part that cannot be smaller is not.
                answer.status == StatusCode::RANGE_NOT_SATISFIABLE || self.part < before
            }
            StatusCode::NOT_FOUND => true,
            _ => answer.may_pass(),
        }
    }

    /// Says that the file is whole. False if the registry has got something else, and all of it has
    /// to be sent again.
    async fn complete(&mut self) -> Result<bool, StoreError> {
        let digest = &self.file.digest;
        let client = self.repository.client;
        let ask = self
            .repository
            .ask_at(Method::PUT, with_digest(self.location.clone(), digest))
            .header(CONTENT_TYPE, "application/octet-stream")
            .timeout(COMPLETING);
        let answer = client.ask(&ask).await;
        if answer.as_ref().is_ok_and(|answer| answer.status == StatusCode::CREATED) {
            return Ok(true);
        }
        // The answer may have got lost, and the question came again.
        if self.repository.blob_size(digest).await? == Some(self.file.size) {
            return Ok(true);
        }
        let answer = answer?;
        let refusal = client.refusal(&ask, &answer);
        if !matches!(answer.status.as_u16(), 400 | 404 | 416) {
            return Err(refusal.into());
        }
        self.begin_anew(refusal).await?;
        Ok(false)
    }

    /// Tells the registry that nothing comes of it. It finds out by itself otherwise.
    async fn abort(self) {
        let ask = self.repository.ask_at(Method::DELETE, self.location.clone()).for_writing();
        drop(self.repository.client.ask_once(&ask).await);
        if let Some(note) = self.note {
            note.forget();
        }
    }
}

/// Where an upload stands: the address at which it goes on, and the number of bytes that the registry
/// has. Nothing if it does not know it any more.
async fn stands(
    repository: &Repository<'_>,
    location: Url,
    size: u64,
) -> Result<Option<(Url, u64)>, OciError> {
    let ask = repository.ask_at(Method::GET, location.clone()).for_writing();
    let answer = repository.client.ask(&ask).await?;
    if !answer.status.is_success() {
        let known = answer.status.is_client_error()
            && !matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        return if known { Ok(None) } else { Err(repository.client.refusal(&ask, &answer)) };
    }
    let range = answer.header(RANGE).unwrap_or("0-0");
    let last = range
        .trim_start_matches("bytes=")
        .split_once('-')
        .and_then(|(_, last)| last.parse::<u64>().ok());
    // `0-0` is nothing, and would be one byte; no part has one byte.
    let has = match last {
        Some(0) => 0,
        Some(last) => last.saturating_add(1),
        None => return Err(repository.client.strange("an upload", "it does not say what it has")),
    };
    if has > size {
        return Ok(None);
    }
    let next = repository.client.location(&ask, &answer)?;
    Ok(Some((next.unwrap_or(location), has)))
}

/// Tells the registry that nobody comes back for an upload, and forgets it.
pub(super) async fn give_up(
    repository: &Repository<'_>,
    note: Note,
    begun: &Begun,
) -> Result<(), OciError> {
    if let Ok(location) = begun.location.parse()
        && let Some((location, _)) = stands(repository, location, u64::MAX).await?
    {
        let ask = repository.ask_at(Method::DELETE, location).for_writing();
        let answer = repository.client.ask(&ask).await?;
        if !answer.status.is_success() && !answer.status.is_client_error() {
            return Err(repository.client.refusal(&ask, &answer));
        }
    }
    note.forget();
    Ok(())
}
