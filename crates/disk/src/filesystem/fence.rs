//! The fence around libraries that read file systems.
//!
//! They are young, and what they read was made by strangers. So each file system is read by a
//! thread of its own, which is asked one thing at a time:
//!
//! - what panics there is caught (`run` is the one place), and ends that file system only;
//! - an answer that does not come in time is not waited for; the thread ends at its next read;
//! - what one question may read is bounded, and so is what all may take together.
//!
//! The fence is also what makes a reader usable from any thread, though a library is not.

use std::any::Any;
use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{Entry, FileSystem, Metadata, Node, Subvolume};
use crate::source::{BlockSource, Shared};
use crate::unreadable::Why;

/// Bytes that opening may read: the log of XFS has up to 2 GiB.
const OPEN: u64 = 3 << 30;
/// Bytes that answering one question may read, besides the content of a file.
const READ: u64 = 128 << 20;
/// Files whose metadata may cost as much to read as a question.
const FILES: usize = 1024;
/// Bytes of content that are handed over at a time.
const PART: usize = 256 << 10;
/// The stack of a reading thread.
const STACK: usize = 8 << 20;

/// Name of the threads that read. A panic in one is caught, and printed unless
/// [`quiet_panics`](crate::quiet_panics) was called.
pub const READER_THREAD: &str = "disk-reader";

/// Time that reading may take.
#[derive(Clone)]
pub(crate) struct Budget {
    /// For one question.
    question: Duration,
    /// Left for all, in nanoseconds. Shared by the file systems of a disk.
    left: Arc<AtomicU64>,
}

impl Budget {
    pub(crate) fn new(question: Duration, all: Duration) -> Self {
        let all = u64::try_from(all.as_nanos()).unwrap_or(u64::MAX);
        Self { question, left: Arc::new(AtomicU64::new(all)) }
    }

    fn next(&self) -> Duration {
        self.question.min(Duration::from_nanos(self.left.load(Ordering::Relaxed)))
    }

    fn spend(&self, since: Instant) {
        let spent = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let spend = |left: u64| Some(left.saturating_sub(spent));
        let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend);
    }
}

type Job = Box<dyn FnOnce(&mut dyn FileSystem) -> Result<Box<dyn Any + Send>, Why> + Send>;
type Answer = Result<Box<dyn Any + Send>, Why>;

/// A file system that is read by a thread of its own.
pub(crate) struct Fence {
    questions: Mutex<Sender<(Job, SyncSender<Answer>)>>,
    budget: Budget,
    meter: Arc<Meter>,
    /// Why it is not asked any more.
    closed: Mutex<Option<Why>>,
}

impl Fence {
    /// Starts the thread and opens a file system in it.
    pub(super) fn start(
        source: Shared,
        budget: &Budget,
        open: impl FnOnce(Shared) -> Result<Box<dyn FileSystem>, Why> + Send + 'static,
    ) -> Result<Self, Why> {
        let meter = Arc::new(Meter {
            of: source,
            left: AtomicU64::new(OPEN),
            spent: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let (questions, to_answer) = channel();
        let (opened, opening) = sync_channel(1);
        let metered = Arc::clone(&meter) as Shared;
        std::thread::Builder::new()
            .name(READER_THREAD.to_owned())
            .stack_size(STACK)
            .spawn(move || run(metered, open, &opened, &to_answer))
            .map_err(|error| Why::Io(error.to_string()))?;
        let questions = Mutex::new(questions);
        let fence = Self { questions, budget: budget.clone(), meter, closed: Mutex::new(None) };
        fence.wait(&opening)?.map_err(|why| fence.why(why))?;
        Ok(fence)
    }

    pub(crate) fn root(&self, subvolume: Option<u64>) -> Result<Node, Why> {
        self.ask(move |files| Ok(files.root(subvolume)))
    }

    pub(crate) fn subvolumes(&self) -> Result<Vec<Subvolume>, Why> {
        self.ask(|files| files.subvolumes())
    }

    pub(crate) fn metadata(&self, node: &Node) -> Result<Metadata, Why> {
        let node = *node;
        self.ask(move |files| files.metadata(&node))
    }

    /// The names in a folder, in order, with the metadata of their files.
    pub(crate) fn read_dir(&self, node: &Node) -> Result<Vec<Entry>, Why> {
        let node = *node;
        let meter = Arc::clone(&self.meter);
        self.ask(move |files| {
            meter.left.store(files.listing(), Ordering::Relaxed);
            let names = files.names(&node)?.sorted();
            // Files that were made together lie together: few blocks are read twice that way.
            let mut order: Vec<usize> = (0..names.len()).collect();
            order.sort_unstable_by_key(|place| names[*place].1);
            let mut found = vec![None; names.len()];
            for part in order.chunks(FILES) {
                meter.left.store(READ, Ordering::Relaxed);
                for place in part {
                    found[*place] = Some(files.metadata(&names[*place].1)?);
                }
            }
            let entries = names.into_iter().zip(found);
            Ok(entries
                .filter_map(|((name, node), found)| Some(Entry { name, metadata: found?, node }))
                .collect())
        })
    }

    pub(crate) fn read_link(&self, node: &Node) -> Result<Vec<u8>, Why> {
        let node = *node;
        self.ask(move |files| files.read_link(&node))
    }

    /// Gives away the content of a file of `size` bytes part by part, as long as it is wanted. If it
    /// turns out to have more, it is not all given away, but more than `size` bytes.
    pub(crate) fn copy(
        &self,
        node: &Node,
        size: u64,
        mut give: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), Why> {
        match usize::try_from(size) {
            Ok(size) if size <= PART => {
                let content = self.small(node, size)?;
                let _ = give(&content);
                Ok(())
            }
            _ => self.large(node, give),
        }
    }

    /// The content of a file in one answer, which is what most files take.
    fn small(&self, node: &Node, size: usize) -> Result<Vec<u8>, Why> {
        let node = *node;
        self.ask(move |files| {
            let mut content = Vec::with_capacity(size);
            files.copy(&node, &mut |part| {
                content.extend_from_slice(part);
                if content.len() > size {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })?;
            Ok(content)
        })
    }

    /// Gives away content while more is read.
    fn large(
        &self,
        node: &Node,
        mut give: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), Why> {
        let (sender, parts) = sync_channel::<Vec<u8>>(2);
        let node = *node;
        let meter = Arc::clone(&self.meter);
        let answer = self.send(Box::new(move |files: &mut dyn FileSystem| {
            let mut part = Vec::with_capacity(PART);
            files.copy(&node, &mut |bytes| {
                // Content is bounded by whoever takes it.
                meter.left.store(READ, Ordering::Relaxed);
                part.extend_from_slice(bytes);
                if part.len() < PART || sender.send(std::mem::take(&mut part)).is_ok() {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            })?;
            let _ = sender.send(part);
            Ok(Box::new(()) as Box<dyn Any + Send>)
        }))?;
        loop {
            let started = Instant::now();
            let part = parts.recv_timeout(self.budget.next());
            self.budget.spend(started);
            match part {
                Ok(part) if give(&part).is_continue() => {}
                Ok(_) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => return Err(self.close(Why::TooSlow)),
            }
        }
        drop(parts);
        self.wait(&answer)?.map_err(|why| self.why(why))?;
        Ok(())
    }

    /// Reads all that there is, and counts files.
    pub(super) fn explore(&self) -> Result<usize, Why> {
        self.ask(|files| Ok(super::explore::explore(files)))
    }

    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut dyn FileSystem) -> Result<T, Why> + Send + 'static,
    ) -> Result<T, Why> {
        let answer = self.send(Box::new(move |files: &mut dyn FileSystem| {
            question(files).map(|answer| Box::new(answer) as Box<dyn Any + Send>)
        }))?;
        let answer = self.wait(&answer)?.map_err(|why| self.why(why))?;
        Ok(*answer.downcast::<T>().expect("an answer has the type of its question"))
    }

    fn send(&self, job: Job) -> Result<Receiver<Answer>, Why> {
        let closed = self.closed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(why) = closed.clone() {
            return Err(why);
        }
        drop(closed);
        let (sender, answer) = sync_channel(1);
        self.meter.left.store(READ, Ordering::Relaxed);
        self.meter.spent.store(false, Ordering::Relaxed);
        let questions = self.questions.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let sent = questions.send((job, sender));
        drop(questions);
        sent.map_err(|_| self.close(Why::Failed("it has stopped".to_owned())))?;
        Ok(answer)
    }

    fn wait<T>(&self, answer: &Receiver<T>) -> Result<T, Why> {
        let started = Instant::now();
        let answer = answer.recv_timeout(self.budget.next());
        self.budget.spend(started);
        answer.map_err(|error| {
            self.close(match error {
                RecvTimeoutError::Timeout => Why::TooSlow,
                RecvTimeoutError::Disconnected => Why::Failed("it has stopped".to_owned()),
            })
        })
    }

    /// What a failure is: a library calls it damage if it may not read more.
    fn why(&self, why: Why) -> Why {
        if self.meter.spent.load(Ordering::Relaxed) { Why::TooSlow } else { why }
    }

    /// Nothing more is asked.
    fn close(&self, why: Why) -> Why {
        self.meter.stop.store(true, Ordering::Relaxed);
        let mut closed = self.closed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        closed.get_or_insert(why).clone()
    }
}

/// Opens a file system and answers until nobody asks any more, or until it has panicked.
fn run(
    source: Shared,
    open: impl FnOnce(Shared) -> Result<Box<dyn FileSystem>, Why>,
    opened: &SyncSender<Result<(), Why>>,
    questions: &Receiver<(Job, SyncSender<Answer>)>,
) {
    // What a panic leaves behind is dropped, never used again: hence unwind-safe.
    let files =
        catch_unwind(AssertUnwindSafe(|| open(source))).unwrap_or_else(|why| Err(panicked(&*why)));
    let mut files = match files {
        Ok(files) => files,
        Err(why) => {
            let _ = opened.send(Err(why));
            return;
        }
    };
    let _ = opened.send(Ok(()));
    while let Ok((job, answer)) = questions.recv() {
        match catch_unwind(AssertUnwindSafe(|| job(files.as_mut()))) {
            Ok(result) => {
                let _ = answer.send(result);
            }
            Err(why) => {
                let _ = answer.send(Err(panicked(&*why)));
                // Its `drop` is as little trusted as the rest.
                let _ = catch_unwind(AssertUnwindSafe(move || drop(files)));
                return;
            }
        }
    }
}

fn panicked(why: &(dyn Any + Send)) -> Why {
    let words = why.downcast_ref::<String>().map(String::as_str);
    let words = words.or_else(|| why.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
    Why::Failed(words.chars().take(200).collect())
}

/// Counts what is read, and ends reading that nobody waits for.
struct Meter {
    of: Shared,
    left: AtomicU64,
    /// Was more asked for than was left?
    spent: AtomicBool,
    stop: AtomicBool,
}

impl BlockSource for Meter {
    fn size(&self) -> u64 {
        self.of.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        // Small reads have a price too.
        let price = buffer.len().max(512) as u64;
        let pay = |left: u64| left.checked_sub(price);
        let paid = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay).is_ok();
        if !paid {
            self.spent.store(true, Ordering::Relaxed);
        }
        if self.stop.load(Ordering::Relaxed) || !paid {
            return Err(io::Error::other("reading this goes on for too long"));
        }
        self.of.read_at(offset, buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filesystem::{FileKind, Names};

    /// A file system that does not behave.
    struct Rogue {
        source: Shared,
    }

    const FILE: Metadata =
        Metadata { kind: FileKind::File, size: 0, mode: 0, uid: 0, gid: 0, modified: 0 };

    impl FileSystem for Rogue {
        fn root(&self, _: Option<u64>) -> Node {
            Node { tree: 0, inode: 0 }
        }

        fn metadata(&mut self, node: &Node) -> Result<Metadata, Why> {
            match node.inode {
                0 => Ok(FILE),
                1 => panic!("a number of {}", node.inode),
                _ => loop {
                    std::thread::park();
                },
            }
        }

        fn names(&mut self, _: &Node) -> Result<Names, Why> {
            let mut block = [0; 4096];
            loop {
                self.source.read_at(0, &mut block).map_err(|error| Why::from_io(&error))?;
            }
        }

        fn copy(
            &mut self,
            _: &Node,
            give: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
        ) -> Result<(), Why> {
            while give(&[7; 1000]).is_continue() {}
            Ok(())
        }

        fn read_link(&mut self, _: &Node) -> Result<Vec<u8>, Why> {
            Ok(Vec::new())
        }
    }

    fn rogue(answer: Duration) -> Fence {
        let source: Shared = Arc::new(vec![0; 4096]);
        let budget = Budget::new(answer, Duration::from_mins(1));
        Fence::start(source, &budget, |source| Ok(Box::new(Rogue { source }))).unwrap()
    }

    fn node(inode: u64) -> Node {
        Node { tree: 0, inode }
    }

    #[test]
    fn a_panic_ends_one_file_system() {
        let files = rogue(Duration::from_mins(1));
        assert_eq!(files.metadata(&node(0)), Ok(FILE));
        assert_eq!(files.metadata(&node(1)), Err(Why::Failed("a number of 1".to_owned())));
        assert_eq!(files.metadata(&node(0)), Err(Why::Failed("it has stopped".to_owned())));
    }

    #[test]
    fn an_answer_that_does_not_come_is_not_waited_for() {
        let files = rogue(Duration::from_millis(50));
        assert_eq!(files.metadata(&node(2)), Err(Why::TooSlow));
        assert_eq!(files.metadata(&node(0)), Err(Why::TooSlow));
    }

    #[test]
    fn reading_without_end_has_an_end() {
        let files = rogue(Duration::from_mins(1));
        assert_eq!(files.read_dir(&node(0)).err(), Some(Why::TooSlow));
        assert_eq!(files.metadata(&node(0)), Ok(FILE));
    }

    #[test]
    fn content_without_end_is_taken_as_far_as_it_is_wanted() {
        let files = rogue(Duration::from_mins(1));
        let mut taken = 0;
        let copied = files.copy(&node(0), u64::MAX, |part| {
            assert!(part.iter().all(|byte| *byte == 7));
            taken += part.len();
            if taken < 10 << 20 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        assert_eq!(copied, Ok(()));
        assert!(taken < 11 << 20);
        let mut small = 0;
        let copied = files.copy(&node(0), 1500, |part| {
            small += part.len();
            ControlFlow::Continue(())
        });
        assert_eq!((copied, small), (Ok(()), 2000));
        assert_eq!(files.metadata(&node(0)), Ok(FILE));
    }
}
