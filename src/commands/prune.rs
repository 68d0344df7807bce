//! `goldsmith prune`: the bytes of versions that nobody needs are marked, and go later.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::time::Duration;

use camino::Utf8Path;
use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};

use super::registry::{all_stores, known};
use super::rescan::selected;
use super::session::Session;
use crate::cli;
use crate::model::{
    Catalog, Entry, Failure, FailureClass, History, ImageName, InUse, LogEntry, NoteLevel, Retain,
    StoreAddress, Version, VersionRecord,
};
use crate::process::{ChildEnvironment, Command};
use crate::publish::{self, Surroundings, Unpublished, holding};
use crate::registry::{self, Author, Registry, RegistryError};
use crate::report::pruned::{Fate, Pruned, PrunedVersion};
use crate::retention::{self, Mentioned, Past, Why};
use crate::run;

/// More bytes than any list of what is in use has.
const MOST: u64 = 256 << 20;

/// How long a command may take that says what is in use.
const LONGEST: Duration = Duration::from_mins(10);

/// Marks, removes, and keeps, by what is needed now.
pub(super) async fn run(session: &Session, arguments: &cli::Prune) -> Result<Pruned, Failure> {
    let (address, catalog) = known(session, arguments.registry.as_ref())?;
    let dry_run =
        arguments.dry_run || (!arguments.yes && arguments.undo.is_none() && !session.on_runner());
    let reach = session.reach();
    let opened = if dry_run {
        registry::look(&address, &reach).await
    } else {
        registry::open(&address, &reach).await
    };
    let registry = &*opened.map_err(|error| error.failure())?;
    let all = registry.images().await.map_err(|error| error.failure())?;
    let images = selected(&arguments.images, &all, registry)?;
    let author = session.author(run::new_run_id(&session.clock));
    let work = Work { session, registry, author, catalog, dry_run };
    if let Some(version) = arguments.undo {
        return work.undo(&images, version).await;
    }
    let pasts = work.pasts(&all).await?;
    let in_use = work.in_use(&pasts, &arguments.in_use).await?;
    let now = session.clock.now();
    let kept =
        retention::keep(&pasts.iter().map(|it| it.past.clone()).collect::<Vec<_>>(), &in_use, now);
    let mut versions = Vec::new();
    for past in pasts.iter().filter(|it| images.contains(&it.past.image)) {
        for record in past.published().into_iter().rev() {
            let why = kept.get(&(past.past.image.clone(), record.version));
            versions.extend(work.settle(past, record, why).await?);
        }
    }
    Ok(Pruned { dry_run, versions })
}

/// What is done, with what.
struct Work<'a> {
    session: &'a Session,
    registry: &'a dyn Registry,
    author: Author,
    catalog: Option<Catalog>,
    dry_run: bool,
}

/// What is recorded of an image.
struct Known {
    log: Vec<LogEntry>,
    history: History,
    past: Past,
}

impl Known {
    /// The published versions, oldest first.
    fn published(&self) -> Vec<&VersionRecord> {
        let records = self.log.iter().filter_map(|entry| match &entry.entry {
            Entry::Published(record) => Some(&**record),
            _ => None,
        });
        records.collect()
    }
}

impl Work<'_> {
    /// What is recorded of all images: what was built from a version may be of any.
    async fn pasts(&self, images: &[ImageName]) -> Result<Vec<Known>, Failure> {
        self.registry.prepare_logs(images).await.map_err(|error| error.failure())?;
        let now = self.session.clock.now();
        let mut pasts = Vec::new();
        for image in images {
            let log = self.registry.log(image, 0).await.map_err(|error| error.failure())?;
            let history = History::of(&log);
            if let Some(entry) = log.iter().find(|entry| entry.entry == Entry::Unknown) {
                let reason = format!(
                    "entry {} of `{image}` is of a kind that only a newer goldsmith knows: nobody can say what is needed",
                    entry.seq
                );
                return Err(Failure::new(FailureClass::Registry, reason)
                    .hint("use the goldsmith version that the other runners use"));
            }
            let past = Past::of(image, &log, &history, self.retain(image), now);
            pasts.push(Known { log, history, past });
        }
        Ok(pasts)
    }

    fn retain(&self, image: &ImageName) -> Option<Retain> {
        let image = self.catalog.as_ref()?.images.get(image)?;
        Some(image.retain.clone())
    }

    /// The versions that are in use, each with who says so. A list that cannot be read is an error.
    async fn in_use(
        &self,
        pasts: &[Known],
        given: &[String],
    ) -> Result<BTreeMap<(ImageName, Version), String>, Failure> {
        let images = self.catalog.iter().flat_map(|catalog| catalog.images.values());
        let sources: BTreeSet<InUse> =
            images.flat_map(|image| image.retain.in_use.iter().cloned()).collect();
        let mut lists: Vec<(String, Mentioned)> = Vec::new();
        for source in sources {
            lists.push(match &source {
                InUse::Terraform(path) => (self.session.shown(path), state(path, &read(path)?)?),
                InUse::File(path) => (self.session.shown(path), list(path.as_str(), read(path)?)?),
                InUse::Run(command) => (format!("`{command}`"), self.printed(command).await?),
            });
        }
        for name in given {
            let (path, content) = if name == "-" {
                let mut content = Vec::new();
                let read = std::io::stdin().lock().take(MOST).read_to_end(&mut content);
                read.map_err(|error| unreadable("standard input", &error))?;
                ("standard input".to_owned(), content)
            } else {
                let path = self.session.path(Utf8Path::new(name));
                (name.clone(), read(&path)?)
            };
            let is_state = content.trim_ascii_start().starts_with(b"{");
            let mentioned = if is_state {
                state(Utf8Path::new(&path), &content)?
            } else {
                list(&path, content)?
            };
            lists.push((path, mentioned));
        }
        let mut in_use = BTreeMap::new();
        for known in pasts {
            let image = &known.past.image;
            for record in known.published() {
                let named = lists.iter().find(|(_, mentioned)| mentioned.names(image, record));
                if let Some((source, _)) = named {
                    in_use.insert((image.clone(), record.version), source.clone());
                }
            }
        }
        Ok(in_use)
    }

    /// What a command of the user prints.
    async fn printed(&self, command: &str) -> Result<Mentioned, Failure> {
        let Session { environment, launcher, cancellation, directory, .. } = self.session;
        let folder = self.catalog.as_ref().and_then(|catalog| catalog.path.parent());
        let asked = Command::new("/bin/sh", "ask what is in use")
            .arguments(["-c", command])
            .directory(folder.unwrap_or(directory))
            .environment(ChildEnvironment::allowed(environment))
            .timeout(LONGEST);
        let mut printed = Vec::new();
        let ended = launcher
            .run(&asked, cancellation, |line| {
                if line.stream == crate::process::Stream::Stdout && (printed.len() as u64) < MOST {
                    printed.extend_from_slice(line.bytes);
                    if !line.continues {
                        printed.push(b'\n');
                    }
                }
            })
            .await
            .and_then(crate::process::Finished::success);
        ended.map_err(|error| error.failure(FailureClass::Usage).hint(FAIL_CLOSED))?;
        list(command, printed)
    }

    /// Does with a version what is to be done; `why` it is kept, if it is.
    async fn settle(
        &self,
        known: &Known,
        record: &VersionRecord,
        why: Option<&Why>,
    ) -> Result<Option<PrunedVersion>, Failure> {
        let Known { history, past, .. } = known;
        let (image, version) = (&past.image, record.version);
        let told = |fate, why: String, after| PrunedVersion {
            image: image.clone(),
            version,
            size: record.artifacts.iter().map(|file| file.size).sum(),
            fate,
            why,
            after,
            left: Vec::new(),
        };
        if let Some(left) = history.pruned.get(&version) {
            if left.is_empty() {
                return Ok(None);
            }
            let told = told(Fate::Pruned, "nobody needed it".to_owned(), None);
            return self.remove(image, record, left, told).await.map(Some);
        }
        let marked = history.marked.get(&version).copied();
        let now = self.session.clock.now();
        Ok(Some(match (why, marked) {
            (Some(why), None) => told(Fate::Kept, sentence(why), None),
            (Some(why), Some(_)) => {
                let why = sentence(why);
                self.unmark(image, version, &why).await?;
                told(Fate::Unmarked, why, None)
            }
            (None, None) => {
                let delay =
                    past.retain.as_ref().map_or_else(Default::default, |retain| retain.delay);
                let delay = SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX);
                let after = whole_minute(now.saturating_add(delay).unwrap_or(Timestamp::MAX));
                if !self.dry_run {
                    let marked =
                        registry::mark(self.registry, &self.author, image, version, after).await;
                    if let Err(error) = marked {
                        return needed(error, told(Fate::Kept, String::new(), None)).map(Some);
                    }
                    let when = after.strftime("%F %H:%M UTC");
                    self.note(&format!("{image} {version} is marked: its bytes go after {when}"));
                }
                told(Fate::Marked, "nobody needs it".to_owned(), Some(after))
            }
            (None, Some(after)) if now < after => {
                told(Fate::Waiting, "nobody needs it".to_owned(), Some(after))
            }
            (None, Some(_)) => {
                let fate = told(Fate::Pruned, "nobody needed it".to_owned(), None);
                let places: Vec<String> =
                    record.artifacts.iter().flat_map(|file| file.locations.clone()).collect();
                if !self.dry_run {
                    let going =
                        registry::going(self.registry, &self.author, image, version, &places).await;
                    if let Err(error) = going {
                        return needed(error, told(Fate::Kept, String::new(), None)).map(Some);
                    }
                }
                self.remove(image, record, &places, fate).await?
            }
        }))
    }

    async fn unmark(&self, image: &ImageName, version: Version, why: &str) -> Result<(), Failure> {
        if self.dry_run {
            return Ok(());
        }
        let unmarked = registry::unmark(self.registry, &self.author, image, version, why).await;
        if unmarked.map_err(|error| error.failure())? {
            self.note(&format!("{image} {version} keeps its bytes: {why}"));
        }
        Ok(())
    }

    /// Removes the bytes of a version that lie in `places`, and says where some are left.
    async fn remove(
        &self,
        image: &ImageName,
        record: &VersionRecord,
        places: &[String],
        told: PrunedVersion,
    ) -> Result<PrunedVersion, Failure> {
        if self.dry_run {
            return Ok(told);
        }
        let stores: Vec<StoreAddress> = self.catalog.as_ref().map(all_stores).unwrap_or_default();
        let state = run::state_folder(&self.session.environment)?;
        let surroundings = Surroundings { environment: &self.session.environment, state: &state };
        let goes = Unpublished {
            image: image.clone(),
            version: record.version,
            disk: record.artifacts.first().map(|file| file.sha256),
            rejected: false,
        };
        let mut tried: Vec<(&StoreAddress, Result<(), String>)> = Vec::new();
        let (mut left, mut said) = (Vec::new(), Vec::new());
        for place in places {
            let Some(address) = holding(&stores, place) else {
                left.push(place.clone());
                said.push(format!("{place}: images.yml names no store that it lies in"));
                continue;
            };
            if !tried.iter().any(|(store, _)| *store == address) {
                let done = withdraw(address, surroundings, &goes).await;
                if let Ok(Some(from)) = &done {
                    self.note(&format!("{image} {} is removed: {from}", record.version));
                }
                tried.push((address, done.map(drop)));
            }
            let done = tried.iter().find(|(store, _)| *store == address);
            if let Some((_, Err(why))) = done {
                left.push(place.clone());
                said.push(format!("{place}: {why}"));
            }
        }
        let gone = registry::gone(self.registry, &self.author, image, record.version, &left).await;
        gone.map_err(|error| error.failure())?;
        Ok(PrunedVersion { left: said, ..told })
    }

    /// Keeps the bytes of a version that was marked.
    async fn undo(&self, images: &[ImageName], version: Version) -> Result<Pruned, Failure> {
        let [image] = images else {
            let reason = "`--undo` needs exactly one image";
            return Err(Failure::new(FailureClass::Usage, reason));
        };
        let log = self.registry.log(image, 0).await.map_err(|error| error.failure())?;
        let record = log.iter().find_map(|entry| match &entry.entry {
            Entry::Published(record) if record.version == version => Some(record),
            _ => None,
        });
        let why = "somebody wants it";
        let unmarked = registry::unmark(self.registry, &self.author, image, version, why).await;
        let news = unmarked.map_err(|error| match error {
            RegistryError::Pruned { .. } | RegistryError::NotPublished { .. } => {
                Failure { class: FailureClass::Usage, ..error.failure() }
            }
            error => error.failure(),
        })?;
        let (fate, why) =
            if news { (Fate::Unmarked, why) } else { (Fate::Kept, "it was not marked") };
        let files = record.iter().flat_map(|record| &record.artifacts);
        let told = PrunedVersion {
            image: image.clone(),
            version,
            size: files.map(|file| file.size).sum(),
            fate,
            why: why.to_owned(),
            after: None,
            left: Vec::new(),
        };
        Ok(Pruned { dry_run: false, versions: vec![told] })
    }

    /// A line of what was done, for whoever reads the log of a run.
    fn note(&self, text: &str) {
        self.session.events.note(None, NoteLevel::Info, text);
    }
}

/// What is told of a version that somebody began to need in this moment.
fn needed(error: RegistryError, told: PrunedVersion) -> Result<PrunedVersion, Failure> {
    match error {
        RegistryError::Needed { .. } | RegistryError::Unmarked { .. } => {
            Ok(PrunedVersion { why: "somebody needs it since a moment".to_owned(), ..told })
        }
        error => Err(error.failure()),
    }
}

/// The minute that `at` is in when it ends: what people read is then what counts.
fn whole_minute(at: Timestamp) -> Timestamp {
    at.round(TimestampRound::new().smallest(Unit::Minute).mode(RoundMode::Ceil)).unwrap_or(at)
}

/// Removes a version from a store; why not, if that did not go well.
async fn withdraw(
    address: &StoreAddress,
    surroundings: Surroundings<'_>,
    goes: &Unpublished,
) -> Result<Option<String>, String> {
    if address.folder().is_some_and(|folder| !folder.exists()) {
        return Err("its store is not on this machine".to_owned());
    }
    let store = publish::open(address, surroundings).map_err(|error| error.failure().reason)?;
    store.withdraw(goes).await.map_err(|error| error.failure().reason)
}

/// What to do when a list cannot be read.
const FAIL_CLOSED: &str = "nothing is pruned while nobody can say what is in use";

fn unreadable(what: &str, error: &dyn std::fmt::Display) -> Failure {
    let reason = format!("what is in use cannot be read from {what}: {error}");
    Failure::new(FailureClass::Usage, reason).hint(FAIL_CLOSED)
}

fn read(path: &Utf8Path) -> Result<Vec<u8>, Failure> {
    let mut content = Vec::new();
    let file = fs_err::File::open(path);
    let read = file.and_then(|file| file.take(MOST).read_to_end(&mut content));
    read.map_err(|error| unreadable(&format!("`{path}`"), &error))?;
    if content.len() as u64 == MOST {
        return Err(unreadable(&format!("`{path}`"), &"it is too large"));
    }
    Ok(content)
}

fn state(path: &Utf8Path, content: &[u8]) -> Result<Mentioned, Failure> {
    retention::of_state(content).map_err(|error| unreadable(&format!("`{path}`"), &error))
}

fn list(what: &str, content: Vec<u8>) -> Result<Mentioned, Failure> {
    let text = String::from_utf8(content)
        .map_err(|_| unreadable(&format!("`{what}`"), &"it is no text"))?;
    Ok(retention::of_list(&text))
}

/// Why a version is kept, for people.
fn sentence(why: &Why) -> String {
    match why {
        Why::Unmanaged => "images.yml does not know the image".to_owned(),
        Why::Newest => "it is the newest".to_owned(),
        Why::Channel(channel) => format!("{channel} names it"),
        Why::Before(channel) => format!("{channel} can go back to it"),
        Why::InUse(source) => format!("it is in use, says {source}"),
        Why::Last => "it is one of the last".to_owned(),
        Why::Within => "it is young".to_owned(),
        Why::Parent(image, version) => format!("{image} {version} was built from it"),
    }
}
