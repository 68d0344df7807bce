//! What has been sent of a version that is not whole yet. It lies in the store itself, so that
//! whoever goes on, on whatever machine, finds it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::model::{Digest, ImageName, Version};

use super::super::StoreError;
use super::super::manifest::{CHECKSUMS, MANIFEST, Manifest, ManifestFile, is_safe};
use super::contents::Contents;

/// The folder of the journals. No image can have this name.
pub(super) const INCOMING: &str = ".incoming";

/// The format that this binary writes; of another it knows nothing.
const FORMAT: u32 = 1;

/// `.incoming/<image>/<version>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Journal {
    format: u32,
    pub(super) image: ImageName,
    pub(super) version: Version,
    /// The files of the artifact.
    pub(super) files: Vec<ManifestFile>,
    /// The names of the documents beside them.
    documents: Vec<String>,
    /// The files that are being sent in parts, by their names.
    pub(super) uploads: BTreeMap<String, Upload>,
}

/// A file that is being sent in parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Upload {
    /// How the store calls it.
    pub(super) id: String,
    /// Size of each part but the last in bytes.
    pub(super) part_size: u64,
    /// What is there, by number from 0.
    pub(super) parts: BTreeMap<usize, Part>,
}

/// A part that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// How the store calls it.
    pub(super) id: String,
    /// Digest of its content.
    pub(super) sha256: Digest,
}

impl Journal {
    /// Of a version of which nothing has been sent.
    pub(super) fn of(manifest: &Manifest) -> Self {
        Self {
            format: FORMAT,
            image: manifest.image.clone(),
            version: manifest.version,
            files: manifest.files.clone(),
            documents: manifest.documents.iter().map(|document| document.name.clone()).collect(),
            uploads: BTreeMap::new(),
        }
    }

    /// The same, with what was sent before.
    pub(super) fn after(self, left: Self) -> Self {
        Self { uploads: left.uploads, ..self }
    }

    /// The journal at `path`, if there is one that can be read.
    pub(super) async fn read(contents: &Contents, path: &str) -> Result<Option<Self>, StoreError> {
        let bytes = contents.read(path).await?;
        let read = bytes.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        Ok(read.filter(|journal| journal.format == FORMAT && journal.is_safe()))
    }

    /// Whether it names nothing but files of the version: what it names may be removed.
    fn is_safe(&self) -> bool {
        self.objects().chain(self.uploads.keys().map(String::as_str)).all(is_safe)
    }

    /// Every object that may be there of the version, the manifest first.
    pub(super) fn objects(&self) -> impl Iterator<Item = &str> {
        let files = self.files.iter().map(|file| file.name.as_str());
        let documents = self.documents.iter().map(String::as_str);
        [MANIFEST, CHECKSUMS].into_iter().chain(documents).chain(files)
    }

    fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("names and numbers always serialize")
    }
}

/// A journal that is written as things happen.
pub(super) struct Keeper<'a> {
    contents: &'a Contents,
    path: String,
    state: Mutex<State>,
}

struct State {
    journal: Journal,
    /// Changes that are not in the store.
    unwritten: usize,
    /// Whether it is being written. Only one at a time does, so that an older one never comes last.
    writing: bool,
}

/// Of so many parts one may be missing in the journal: it is written as a whole, and with very many
/// parts that would be more than the file itself.
const PARTS_A_LOSS: usize = 256;

impl<'a> Keeper<'a> {
    pub(super) fn new(contents: &'a Contents, path: String, journal: Journal) -> Self {
        let state = Mutex::new(State { journal, unwritten: 0, writing: false });
        Self { contents, path, state }
    }

    /// What stands in the journal of the file called `name`.
    pub(super) fn upload(&self, name: &str) -> Option<Upload> {
        self.with(|state| state.journal.uploads.get(name).cloned())
    }

    /// Writes the journal as it is: before anything that it names is there.
    pub(super) async fn open(&self) -> Result<(), StoreError> {
        let json = self.with(|state| state.journal.to_json());
        self.contents.write(&self.path, json).await
    }

    /// Notes that a file is being sent, or that it is not any more, and waits until that is there.
    pub(super) async fn set(&self, name: &str, upload: Option<Upload>) -> Result<(), StoreError> {
        let json = self.with(|state| {
            match upload {
                Some(upload) => drop(state.journal.uploads.insert(name.to_owned(), upload)),
                None => drop(state.journal.uploads.remove(name)),
            }
            (state.writing, state.unwritten) = (false, 0);
            state.journal.to_json()
        });
        // Parts are sent only after this and before that, so nobody else is writing.
        self.contents.write(&self.path, json).await
    }

    /// Notes that a part is there. Once it is noted it is not sent again.
    pub(super) async fn part(
        &self,
        name: &str,
        number: usize,
        part: Part,
    ) -> Result<(), StoreError> {
        let mut json = self.with(|state| {
            let upload = state.journal.uploads.get_mut(name)?;
            upload.parts.insert(number, part);
            state.unwritten += 1;
            state.next()
        });
        while let Some(content) = json {
            let written = self.contents.write(&self.path, content).await;
            json = self.with(|state| {
                state.writing = false;
                state.next()
            });
            written?;
        }
        Ok(())
    }

    /// Removes the journal: all of it is there, or nothing.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        self.contents.remove(&self.path).await
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().expect("nothing panics while it holds the lock"))
    }
}

impl State {
    /// What is to be written now, if anything is.
    fn next(&mut self) -> Option<Vec<u8>> {
        let parts: usize = self.journal.uploads.values().map(|upload| upload.parts.len()).sum();
        if self.writing || self.unwritten <= parts / PARTS_A_LOSS {
            return None;
        }
        (self.writing, self.unwritten) = (true, 0);
        Some(self.journal.to_json())
    }
}
