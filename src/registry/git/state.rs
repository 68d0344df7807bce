//! What a handle remembers of the branch: its tip, what is in it as far as somebody has looked, and
//! what waits for the next commit.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use super::cache::Cache;
use super::contents::Found;
use super::tree::{Entry, Node, ObjectId};
use crate::model::{Digest, ImageName, LogEntry};
use crate::registry::{RegistryError, Shard, format, layout};

/// How many bytes of contents are remembered.
const REMEMBERED: usize = 64 << 20;

/// How many folders git is asked for by name. For more, it is asked for everything.
const FOLDERS: usize = 64;

/// The folder of the index.
const INDEX: &str = "index";

/// What is in a folder, by name.
pub(super) type Folder = BTreeMap<String, Node>;

/// What is known of `schema.json`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schema {
    /// Nothing yet.
    #[default]
    Unknown,
    /// It is not there.
    Missing,
    /// It is ours.
    Ours,
}

/// What is known of the branch.
#[derive(Default)]
pub(super) struct State {
    /// Its newest commit; none if there is no branch.
    pub(super) tip: Option<ObjectId>,
    /// When the server was asked for it.
    pub(super) asked: Option<Instant>,
    /// Folders of the tip.
    folders: HashMap<String, Arc<Folder>>,
    /// Whether `images/` and `index/` were looked at as a whole: what is not there is nowhere.
    is_whole: bool,
    /// What is known of its `schema.json`.
    pub(super) schema: Schema,
    contents: HashMap<ObjectId, Arc<Vec<u8>>>,
    weight: usize,
    /// The log that was read last: its objects, and what they say.
    entries: (Vec<ObjectId>, Vec<LogEntry>),
    /// Packed blobs that the next commit brings along.
    pub(super) blobs: BTreeMap<Digest, Vec<u8>>,
    /// Shards of the index that it brings along, if nobody else has written by then.
    pub(super) shards: BTreeMap<Shard, Vec<u8>>,
    /// When the server was asked for the refs of runs.
    pub(super) leases_asked: Option<Instant>,
}

impl State {
    /// Takes what was fetched.
    pub(super) fn fetched(&mut self, tip: Option<ObjectId>) {
        if self.tip != tip {
            self.tip = tip;
            self.forget();
            // They were made from what is no longer the newest.
            self.shards.clear();
        }
        self.asked = Some(Instant::now());
    }

    fn forget(&mut self) {
        self.folders.clear();
        self.is_whole = false;
        self.schema = Schema::Unknown;
    }

    /// Takes the commit that was pushed: the tip with these files.
    pub(super) fn pushed(&mut self, tip: ObjectId, files: Vec<(String, Vec<u8>, ObjectId)>) {
        self.tip = Some(tip);
        // Nobody else had written, and now this is the newest.
        self.asked = Some(Instant::now());
        for (path, content, id) in files {
            let mut names = path.split('/');
            if let (Some(layout::IMAGES), Some(image)) = (names.next(), names.next())
                && let Some(images) = self.folders.get_mut(layout::IMAGES)
                && !images.contains_key(image)
            {
                Arc::make_mut(images).insert(image.to_owned(), Node::Folder);
            }
            if path == layout::SCHEMA_FILE {
                self.schema = Schema::Ours;
            }
            let (folder, name) = split(&path);
            if self.is_known(folder) && !self.folders.contains_key(folder) {
                self.folders.insert(folder.to_owned(), Arc::default());
            }
            if let Some(known) = self.folders.get_mut(folder) {
                Arc::make_mut(known).insert(name.to_owned(), Node::File(id.clone()));
            }
            if content.len() as u64 <= format::MAX_FILE && !path.starts_with("blobs/") {
                self.remember(id, content);
            }
        }
    }

    fn remember(&mut self, id: ObjectId, content: Vec<u8>) {
        if self.weight > REMEMBERED {
            self.contents.clear();
            self.weight = 0;
        }
        self.weight += content.len();
        self.contents.insert(id, Arc::new(content));
    }

    /// Whether it is known what is in `folder`.
    fn is_known(&self, folder: &str) -> bool {
        let first = folder.split('/').next().unwrap_or(folder);
        let is_whole = self.is_whole && (first == layout::IMAGES || first == INDEX);
        is_whole || self.folders.contains_key(folder)
    }

    /// What was read before of the entries of `image` after `after`, which are the objects `ids`: the
    /// first of them, as far as they are the same.
    pub(super) fn known_entries(
        &self,
        image: &ImageName,
        after: u64,
        ids: &[ObjectId],
    ) -> Vec<LogEntry> {
        let (known, entries) = &self.entries;
        let after = usize::try_from(after).unwrap_or(usize::MAX);
        if entries.first().is_none_or(|entry| entry.image != *image) || after > known.len() {
            return Vec::new();
        }
        let same = known[after..].iter().zip(ids).take_while(|(known, id)| known == id).count();
        entries[after..after + same].to_vec()
    }

    /// Remembers a whole log.
    pub(super) fn know_entries(&mut self, ids: Vec<ObjectId>, entries: &[LogEntry]) {
        self.entries = (ids, entries.to_vec());
    }

    /// Looks at all of `folders` that were not looked at.
    pub(super) async fn look(
        &mut self,
        cache: &Cache,
        folders: &BTreeSet<String>,
    ) -> Result<(), RegistryError> {
        loop {
            let Some(tip) = self.tip.clone() else { return Ok(()) };
            let unknown = folders.iter().filter(|folder| !self.is_known(folder));
            let unknown: Vec<String> = unknown.cloned().collect();
            if self.schema == Schema::Unknown
                && let Some(content) = cache.kept(&tip, layout::SCHEMA_FILE)
            {
                self.check_content(cache, &content)?;
            }
            if unknown.is_empty() && self.schema != Schema::Unknown {
                return Ok(());
            }
            let is_deep = !self.is_whole && unknown.len() > FOLDERS;
            let paths = if is_deep {
                vec![format!("{}/", layout::IMAGES), format!("{INDEX}/")]
            } else {
                unknown.iter().map(|folder| format!("{folder}/")).collect()
            };
            let schema = [layout::SCHEMA_FILE.to_owned()];
            let paths: Vec<String> = schema.into_iter().chain(paths).collect();
            let listing = self.list(cache, &tip, &paths, is_deep).await?;
            if self.tip.as_ref() != Some(&tip) {
                // What was at hand was torn, and the branch has moved on meanwhile.
                continue;
            }
            let schema = self.take(listing, unknown, is_deep);
            if self.schema == Schema::Unknown {
                self.check(cache, schema).await?;
            }
        }
    }

    /// Takes what a listing of `asked`, or of everything, has shown. The node of `schema.json`.
    fn take(&mut self, listing: Vec<Entry>, asked: Vec<String>, is_deep: bool) -> Option<Node> {
        let mut found: HashMap<String, Folder> = HashMap::new();
        if is_deep {
            self.is_whole = true;
        } else {
            found.extend(asked.into_iter().map(|folder| (folder, Folder::new())));
        }
        let mut schema = None;
        for Entry { path, node } in listing {
            if path == layout::SCHEMA_FILE {
                schema = Some(node);
                continue;
            }
            let (folder, name) = split(&path);
            let mut names = folder.split('/');
            if is_deep
                && let (Some(layout::IMAGES), Some(image)) = (names.next(), names.next())
                && let Some(images) = Some(found.entry(layout::IMAGES.to_owned()).or_default())
                && !images.contains_key(image)
            {
                // Where everything is listed, folders are not.
                images.insert(image.to_owned(), Node::Folder);
            }
            match found.get_mut(folder) {
                Some(folder) => drop(folder.insert(name.to_owned(), node)),
                None => {
                    found.insert(folder.to_owned(), [(name.to_owned(), node)].into());
                }
            }
        }
        self.folders.extend(found.into_iter().map(|(path, folder)| (path, Arc::new(folder))));
        schema
    }

    /// Refuses a registry that a later goldsmith has changed the layout of.
    async fn check(&mut self, cache: &Cache, schema: Option<Node>) -> Result<(), RegistryError> {
        let Some(Node::File(id)) = schema else {
            self.schema = Schema::Missing;
            return Ok(());
        };
        let place = layout::place(&cache.location, layout::SCHEMA_FILE);
        let content = self.read(cache, &[id], format::MAX_FILE).await?;
        let content = content.into_iter().next().unwrap_or(Found::Missing);
        let content = kept(content, &place)?.unwrap_or_default();
        self.check_content(cache, &content)?;
        if let Some(tip) = &self.tip {
            cache.keep(tip, layout::SCHEMA_FILE, &content);
        }
        Ok(())
    }

    fn check_content(&mut self, cache: &Cache, schema: &[u8]) -> Result<(), RegistryError> {
        format::check_schema(schema, &layout::place(&cache.location, layout::SCHEMA_FILE))?;
        self.schema = Schema::Ours;
        Ok(())
    }

    /// Lists `paths`; all if there are none. What is at hand is thrown away once if it is torn.
    pub(super) async fn list(
        &mut self,
        cache: &Cache,
        tip: &ObjectId,
        paths: &[String],
        is_deep: bool,
    ) -> Result<Vec<Entry>, RegistryError> {
        if let Ok(listing) = cache.list(tip, paths, is_deep).await {
            return Ok(listing);
        }
        let lock = cache.lock().await?;
        cache.discard(&lock)?;
        let tip = cache.fetch(&lock).await?;
        self.fetched(tip);
        match &self.tip {
            Some(tip) => cache.list(tip, paths, is_deep).await,
            None => Ok(Vec::new()),
        }
    }

    /// What is in `folder`, which was looked at.
    pub(super) fn folder(&self, folder: &str) -> Arc<Folder> {
        self.folders.get(folder).cloned().unwrap_or_default()
    }

    /// The object of the file at `path`, whose folder was looked at; none if it is no file.
    pub(super) fn file(&self, path: &str) -> Option<ObjectId> {
        let (folder, name) = split(path);
        match self.folders.get(folder)?.get(name)? {
            Node::File(id) => Some(id.clone()),
            Node::Folder | Node::Foreign => None,
        }
    }

    /// The contents of `ids`, from here if they were read before, else from the cache, else from the
    /// server: there all that are missing at once.
    pub(super) async fn read(
        &mut self,
        cache: &Cache,
        ids: &[ObjectId],
        limit: u64,
    ) -> Result<Vec<Found>, RegistryError> {
        let mut found: HashMap<ObjectId, Found> = HashMap::new();
        let mut wanted: BTreeSet<ObjectId> = BTreeSet::new();
        for id in ids {
            match self.contents.get(id) {
                Some(content) => {
                    found.insert(id.clone(), Found::Content((**content).clone()));
                }
                None => {
                    wanted.insert(id.clone());
                }
            }
        }
        let mut wanted: Vec<ObjectId> = wanted.into_iter().collect();
        for is_last in [false, true] {
            let names: Vec<String> = wanted.iter().map(ToString::to_string).collect();
            let contents = cache.contents(&names, limit, false).await?;
            let mut missing = Vec::new();
            for (id, content) in wanted.into_iter().zip(contents) {
                match content {
                    Found::Missing if !is_last => missing.push(id),
                    content => {
                        if let Found::Content(content) = &content
                            && limit <= format::MAX_FILE
                        {
                            self.remember(id.clone(), content.clone());
                        }
                        found.insert(id, content);
                    }
                }
            }
            wanted = missing;
            if wanted.is_empty() {
                break;
            }
            cache.bring(&wanted).await?;
        }
        Ok(ids.iter().map(|id| found.get(id).cloned().unwrap_or(Found::Missing)).collect())
    }
}

/// What was read of the file that people know as `place`; nothing if it is no file.
pub(super) fn kept(found: Found, place: &str) -> Result<Option<Vec<u8>>, RegistryError> {
    match found {
        Found::Content(content) => Ok(Some(content)),
        Found::NoFile => Ok(None),
        Found::TooLarge(size) => {
            Err(RegistryError::damaged(place, format!("it has {size} bytes, which is too many")))
        }
        Found::Missing => Err(RegistryError::damaged(place, "the server does not have it")),
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}
