//! Matches the inventories of all published versions against today's advisories, and records what
//! has changed: nothing is built, nothing boots, and no artifact is read.

mod ask;
mod judge;
mod kept;
mod live;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::num::NonZero;

use camino::Utf8PathBuf;
use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt as _, stream};
use indexmap::IndexSet;

use self::ask::{Asked, Asker, Question};
use self::kept::KeptAnswers;
pub use self::kept::Pending as UntoldAdvice;
use self::live::Live;
use super::progress::Events;
use crate::clock::Clock;
use crate::model::{Digest, Failure, FailureClass, GateLists, GatePolicy, ImageName, NoteLevel};
use crate::registry::{Author, Registry};
use crate::report::rescan::{Rescan, RescanWork};
use crate::rescan::{self as many, Batches, Inventory, Matches};
use crate::trivy::{Database, Scanner};

/// How many inventories are read ahead.
const READ_AHEAD: usize = 4;

/// The most scanners at once, however many processors there are: each may take half a gigabyte.
const SCANNERS: usize = 4;

/// How often people are told how far it is: twenty times in all.
const TOLD: usize = 20;

/// What the versions of an image are judged by.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// What blocks.
    pub policy: GatePolicy,
    /// What people permit.
    pub lists: GateLists,
}

/// Everything that is needed.
pub struct Rescanner<'a> {
    /// Where versions are recorded.
    pub registry: &'a dyn Registry,
    /// Who records.
    pub author: Author,
    /// What to judge by, for the images of `images.yml`; others are judged by the defaults.
    pub judgements: BTreeMap<ImageName, Judgement>,
    /// Trivy.
    pub scanner: Scanner,
    /// Today's advisories.
    pub database: Database,
    /// Where answers are kept, so that nothing is asked twice.
    pub state: Utf8PathBuf,
    /// A folder for what is handed to Trivy.
    pub scratch: Utf8PathBuf,
    /// The time.
    pub clock: Clock,
    /// Who listens.
    pub events: Events,
}

/// An inventory, as it was read.
enum Read {
    /// In parts.
    Parts(Inventory),
    /// One of somebody else's, to be asked about as it is.
    Whole(String),
    /// There is nothing in it.
    Nothing,
}

/// Where what is known of an inventory is to be found.
enum Place {
    /// It has these parts.
    Parts(Vec<u32>),
    /// It was asked about by itself.
    Whole(Result<Box<ask::Alone>, Failure>),
    /// Nobody has listed what is in that artifact.
    Nothing,
}

impl Rescanner<'_> {
    /// Looks at the published versions of `images`.
    pub async fn rescan(&self, images: &[ImageName]) -> Result<Rescan, Failure> {
        let live = live::versions(self.registry, images, self.clock.now()).await?;
        let kept = KeptAnswers::open(&self.state, &self.database, &self.scanner.tool.version);
        let asker = Asker { rescanner: self, kept };
        let mut batches = Batches::default();
        let mut matches = Matches::default();
        let mut work = RescanWork::default();
        let places = self.ask(&live, &asker, &mut batches, &mut matches, &mut work).await?;
        work.packages = batches.parts();
        work.inventories = places.len();
        let known = judge::Known { batches, matches, places };
        let (versions, advice, recorded) = judge::versions(self, &live, &known).await?;
        work.recorded = recorded;
        Ok(Rescan {
            at: self.clock.now(),
            advisories_updated_at: self.database.updated_at,
            fixture: self.database.fixture.clone(),
            scanner: self.scanner.tool.clone(),
            versions,
            advice,
            revoked: Vec::new(),
            work,
        })
    }

    /// Asks about every package of every inventory, each once.
    async fn ask(
        &self,
        live: &[Live],
        asker: &Asker<'_>,
        batches: &mut Batches,
        matches: &mut Matches,
        work: &mut RescanWork,
    ) -> Result<HashMap<Digest, Place>, Failure> {
        // The oldest first: what a new version adds comes last, and documents before it stay as they
        // were, so that what was answered to them is still good.
        let mut order: Vec<&Live> = live.iter().collect();
        order.sort_by_key(|live| (live.published_at, live.seq));
        let inventories: IndexSet<Digest> =
            order.into_iter().map(|live| live.record.inventory).collect();
        let all = inventories.len();
        let mut places = HashMap::new();
        let mut read = stream::iter(inventories)
            .map(|digest| async move { (digest, self.read(&digest).await) })
            .buffered(READ_AHEAD);
        let mut asks = FuturesUnordered::new();
        let limit = std::thread::available_parallelism().map_or(1, NonZero::get).min(SCANNERS);
        let (mut done, mut ended) = (0, false);
        let mut waiting = VecDeque::new();
        loop {
            while asks.len() < limit
                && let Some(question) = waiting.pop_front()
            {
                asks.push(asker.ask(question));
            }
            tokio::select! {
                biased;
                Some(asked) = asks.next(), if !asks.is_empty() => {
                    take(asked?, matches, &mut places, work)?;
                }
                next = read.next(), if !ended && waiting.is_empty() => {
                    match next {
                        None => {
                            ended = true;
                            waiting.extend(batches.finish().into_iter().map(Question::Batch));
                        }
                        Some((digest, inventory)) => {
                            done += 1;
                            match inventory? {
                                Read::Nothing => drop(places.insert(digest, Place::Nothing)),
                                Read::Whole(text) => {
                                    waiting.push_back(Question::Alone(digest, text));
                                }
                                Read::Parts(inventory) => {
                                    let (parts, full) = batches.add(inventory, Scanner::covers);
                                    places.insert(digest, Place::Parts(parts));
                                    waiting.extend(full.into_iter().map(Question::Batch));
                                }
                            }
                            self.tell(done, all, batches.parts(), work);
                        }
                    }
                }
                else => break,
            }
        }
        drop((asks, read));
        Ok(places)
    }

    /// Says how far it is, from time to time.
    fn tell(&self, done: usize, all: usize, packages: usize, work: &RescanWork) {
        let step = all.div_ceil(TOLD).max(1);
        if all > 1 && (done.is_multiple_of(step) || done == all) {
            let RescanWork { asked, kept, .. } = work;
            let known = if *kept > 0 { format!(", {kept} known") } else { String::new() };
            let text = format!(
                "{done} of {all} inventories read: {packages} different packages; {asked} answers of Trivy{known}"
            );
            self.events.note(None, NoteLevel::Info, text);
        }
    }

    async fn read(&self, digest: &Digest) -> Result<Read, Failure> {
        let bytes = self.registry.blob(digest).await.map_err(|error| error.failure())?;
        let read = tokio::task::spawn_blocking(move || {
            if bytes.iter().all(u8::is_ascii_whitespace) {
                return Read::Nothing;
            }
            let text = String::from_utf8_lossy(&bytes).into_owned();
            many::read(&text).map_or(Read::Whole(text), Read::Parts)
        });
        read.await.map_err(|error| Failure::caused_by(FailureClass::Scan, &error))
    }
}

fn take(
    asked: Asked,
    matches: &mut Matches,
    places: &mut HashMap<Digest, Place>,
    work: &mut RescanWork,
) -> Result<(), Failure> {
    let kept = match asked {
        Asked::Batch { batch, answer, kept } => {
            matches
                .take(&batch, answer)
                .map_err(|error| Failure::caused_by(FailureClass::Scan, &error))?;
            kept
        }
        Asked::Alone { inventory, answer, kept } => {
            places.insert(inventory, Place::Whole(answer));
            kept
        }
    };
    *(if kept { &mut work.kept } else { &mut work.asked }) += 1;
    Ok(())
}
