//! Goldsmith's side of a child: starts it under a supervisor, takes its output, passes on the wish
//! to stop.

use std::collections::HashSet;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use rustix::process::Pid;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::net::UnixStream;
use tokio::process::Child;
use tokio::task::yield_now;
use tokio::time::{sleep, sleep_until, timeout};

use super::adoption::Adoption;
use super::capture::Recorder;
use super::control::{Order, Report};
use super::table;
use super::waiting::Running;
use super::{Cancellation, Command, Finished, Line, MARK, Outcome, ProcessError, Stream, Waiting};

/// How long output may still come when the supervisor has gone. More comes only from a process that
/// could not be killed.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How often and at what distance the program of a supervisor that was killed is looked for.
const ROUNDS: u32 = 500;
const ROUND: Duration = Duration::from_millis(10);
/// Read at once from a pipe: what a Linux pipe holds.
const CHUNK: usize = 64 * 1024;

/// Runs children, each under a supervisor of its own. Clones share the meter and the lock.
#[derive(Debug, Clone)]
pub struct Launcher {
    goldsmith: PathBuf,
    waiting: Waiting,
    run: Arc<OnceLock<Held>>,
    adoption: Adoption,
}

/// What children have of the run that they belong to.
#[derive(Debug)]
struct Held {
    lock: Utf8PathBuf,
    mark: String,
}

impl Launcher {
    /// A launcher whose supervisors are `goldsmith` (this program's own file), called with
    /// `__child`.
    pub fn new(goldsmith: impl Into<PathBuf>) -> Self {
        Self {
            goldsmith: goldsmith.into(),
            waiting: Waiting::new(),
            run: Arc::default(),
            adoption: Adoption::default(),
        }
    }

    /// From now on, what a killed supervisor leaves behind comes to this process, and is killed by
    /// whoever waits for that child. Only for a process whose children are all started here.
    ///
    /// Fails where the system has no subreapers or no `/proc`: what has left the session of a
    /// supervisor that is killed then runs on.
    pub fn adopt(&self) -> io::Result<()> {
        self.adoption.begin()
    }

    /// From now on, children belong to the run called `mark`: they share the lock on the file `lock`
    /// for as long as anything of them is left (see [`hold`](super::hold)), and have its name in
    /// their environment (see [`MARK`]). The first run counts.
    pub fn hold(&self, lock: Utf8PathBuf, mark: impl Into<String>) {
        let _ = self.run.set(Held { lock, mark: mark.into() });
    }

    /// How long children have run.
    pub fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    /// Runs a child to its end: until it, and everything that it started, is gone. Every line of
    /// its output goes to `on_line` as it comes. Any end of the program itself is `Ok`: see
    /// [`Finished::success`].
    ///
    /// Nothing is started once somebody wished to stop. If the future is dropped, the supervisor
    /// stops the child in order, unwatched.
    pub async fn run(
        &self,
        command: &Command,
        cancellation: &Cancellation,
        on_line: impl FnMut(Line<'_>),
    ) -> Result<Finished, ProcessError> {
        let purpose = || command.purpose.clone();
        let begun = Instant::now();
        if let Some(request) = cancellation.requested() {
            return Err(ProcessError::Cancelled { purpose: purpose(), cause: request.cause });
        }
        let directory = command.directory.clone();
        if let Some(directory) = directory.filter(|directory| !directory.is_dir()) {
            let purpose = purpose();
            return Err(ProcessError::NoDirectory { purpose, directory });
        }
        let mut recorder = Recorder::new(command.log.as_ref(), &command.redaction, on_line)
            .map_err(|source| ProcessError::Log { purpose: purpose(), source })?;
        let (mut supervisor, control) = self
            .spawn(command)
            .map_err(|source| ProcessError::NoSupervisor { purpose: purpose(), source })?;

        let watched =
            self.watch(command, cancellation, &mut supervisor, control, &mut recorder).await;
        let output = recorder.finish();
        let cancelled = cancellation.requested().map(|request| request.cause);
        match watched.ending {
            Some(Ending::Program(outcome)) => Ok(Finished {
                purpose: purpose(),
                outcome,
                cancelled: cancelled.filter(|_| watched.told_to_stop),
                timed_out: command.timeout.filter(|_| watched.timed_out),
                leftover: watched.leftover,
                stuck: watched.stuck,
                took: begun.elapsed(),
                stdout: output.stdout,
                stderr: output.stderr,
                log_error: output.log_error,
            }),
            Some(Ending::NotStarted(source)) => Err(ProcessError::NotStarted {
                purpose: purpose(),
                program: command.program.clone(),
                source,
            }),
            // Ctrl-C at a terminal can reach a supervisor that is not in its own session yet.
            None => Err(match cancelled {
                Some(cause) => ProcessError::Cancelled { purpose: purpose(), cause },
                None => ProcessError::SupervisorLost { purpose: purpose() },
            }),
        }
    }

    fn spawn(&self, command: &Command) -> io::Result<(Child, UnixStream)> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let run = self.run.get();
        let mut supervisor = tokio::process::Command::new(&self.goldsmith);
        supervisor
            .arg("__child")
            .arg(format!("--grace-ms={}", command.grace.as_millis()))
            .args(run.map(|run| format!("--hold={}", run.lock)))
            .args(command.input.as_ref().map(|file| format!("--input={file}")))
            .arg("--")
            .arg(&command.program)
            .args(&command.arguments)
            .env_clear()
            .envs(command.environment.iter())
            .envs(run.map(|run| (MARK, &run.mark)))
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(directory) = &command.directory {
            supervisor.current_dir(directory);
        }
        let ours = UnixStream::from_std(ours)?;
        Ok((self.adoption.start(|| supervisor.spawn(), pid)?, ours))
    }

    /// Follows a child until its supervisor has gone.
    async fn watch(
        &self,
        command: &Command,
        cancellation: &Cancellation,
        supervisor: &mut Child,
        mut control: UnixStream,
        recorder: &mut Recorder<impl FnMut(Line<'_>)>,
    ) -> Watched {
        let deadline = command.timeout.map(|timeout| tokio::time::Instant::now() + timeout);
        let mut stdout = Output::new(supervisor.stdout.take());
        let mut stderr = Output::new(supervisor.stderr.take());
        let (reports, mut orders) = control.split();
        let mut reports = BufReader::new(reports).lines();
        let mut watched = Watched::default();
        let mut seen = None;
        loop {
            tokio::select! {
                report = reports.next_line() => match report {
                    Ok(Some(line)) => {
                        if let Ok(report) = line.parse() {
                            watched.take(report, &self.waiting);
                        }
                    }
                    Ok(None) | Err(_) => break,
                },
                read = stdout.read() => {
                    recorder.push(Stream::Stdout, read);
                    // Whoever listens gets to it before there is more.
                    yield_now().await;
                }
                read = stderr.read() => {
                    recorder.push(Stream::Stderr, read);
                    yield_now().await;
                }
                request = cancellation.beyond(seen), if watched.ending.is_none() => {
                    seen = Some(request);
                    watched.told_to_stop = true;
                    let within = cancellation.patience();
                    let order =
                        if request.at_once { Order::Kill } else { Order::Cancel { within } };
                    tell(&mut orders, order).await;
                }
                () = sleep_until(deadline.unwrap_or_else(tokio::time::Instant::now)),
                    if deadline.is_some() && !watched.timed_out && watched.ending.is_none() =>
                {
                    watched.timed_out = true;
                    tell(&mut orders, Order::Cancel { within: None }).await;
                }
            }
        }
        watched.running = None;
        let supervisor_pid = pid(supervisor);
        if !watched.over {
            let killed = self.kill_orphans(supervisor_pid).await;
            watched.leftover = watched.leftover.max(killed);
        }
        let _ = supervisor.wait().await;
        if let Some(pid) = supervisor_pid {
            self.adoption.over(pid);
        }
        let _ = timeout(LAST_WORDS, async {
            while stdout.is_open() || stderr.is_open() {
                tokio::select! {
                    read = stdout.read() => recorder.push(Stream::Stdout, read),
                    read = stderr.read() => recorder.push(Stream::Stderr, read),
                }
            }
        })
        .await;
        watched
    }

    /// Kills what a dead supervisor has left: all that has come to this process, and what its session
    /// holds, which is nearly all of it where nothing comes. Tells how many processes that were. The
    /// supervisor is not waited for yet, so that its process id, which is the session's, stays its own.
    async fn kill_orphans(&self, session: Option<Pid>) -> u32 {
        let mark = self.run.get().map(|run| run.mark.as_str());
        let mut killed = HashSet::new();
        for _ in 0..ROUNDS {
            let members = session.and_then(|session| table::members(session).ok());
            let members = members.unwrap_or_default();
            table::kill(&members);
            let adopted = self.adoption.kill(mark);
            if members.is_empty() && adopted.is_empty() {
                break;
            }
            killed.extend(members.into_iter().chain(adopted));
            sleep(ROUND).await;
        }
        u32::try_from(killed.len()).unwrap_or(u32::MAX)
    }
}

fn pid(supervisor: &Child) -> Option<Pid> {
    supervisor.id().and_then(|id| Pid::from_raw(id.try_into().ok()?))
}

/// The supervisor may have gone meanwhile: then there is nobody to stop.
async fn tell(orders: &mut (impl tokio::io::AsyncWrite + Unpin), order: Order) {
    let _ = orders.write_all(format!("{order}\n").as_bytes()).await;
}

/// What is known of a child so far.
#[derive(Default)]
struct Watched {
    running: Option<Running>,
    ending: Option<Ending>,
    told_to_stop: bool,
    timed_out: bool,
    leftover: u32,
    stuck: u32,
    over: bool,
}

enum Ending {
    Program(Outcome),
    NotStarted(io::Error),
}

impl Watched {
    fn take(&mut self, report: Report, waiting: &Waiting) {
        match report {
            Report::Started => self.running = Some(waiting.begin()),
            Report::Failed(errno) => {
                self.ending = Some(Ending::NotStarted(io::Error::from_raw_os_error(errno)));
            }
            Report::Exited(code) => self.end(Outcome::Exited(code)),
            Report::Signalled(signal) => self.end(Outcome::Signalled(signal)),
            Report::Leftover(count) => self.leftover = count,
            Report::Stuck(count) => self.stuck = count,
            Report::Over => self.over = true,
        }
    }

    fn end(&mut self, outcome: Outcome) {
        self.ending = Some(Ending::Program(outcome));
        self.running = None;
    }
}

/// One output of a child.
struct Output<R> {
    pipe: Option<R>,
    buffer: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Output<R> {
    fn new(pipe: Option<R>) -> Self {
        Self { pipe, buffer: vec![0; CHUNK] }
    }

    fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// The next bytes: none when the output ends, and after that it never comes back. Can be
    /// dropped and called again.
    async fn read(&mut self) -> &[u8] {
        let Some(pipe) = &mut self.pipe else {
            return std::future::pending().await;
        };
        let read = pipe.read(&mut self.buffer).await.unwrap_or(0);
        if read == 0 {
            self.pipe = None;
        }
        &self.buffer[..read]
    }
}
