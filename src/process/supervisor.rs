//! `goldsmith __child`: stands between goldsmith and a program, and outlives goldsmith if need be.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus, getpid, kill_process,
    kill_process_group, set_child_subreaper, setsid, wait, waitid,
};
use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM};
use thiserror::Error;

use super::control::{Order, Report};
use super::ladder::{Action, Event, Ladder};
use super::table;

/// What a supervisor is to run, with its own environment, folder and output.
#[derive(Debug)]
pub struct Assignment {
    /// The program.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// How long it may take to stop in order before it is killed.
    pub grace: Duration,
    /// The lock that is held until nothing is left: see [`hold`](super::hold).
    pub hold: Option<Utf8PathBuf>,
    /// What the program reads as its standard input; nothing if it is to read nothing.
    pub input: Option<Utf8PathBuf>,
}

/// Why a supervisor could not do its work.
#[derive(Debug, Error)]
pub enum SupervisorError {
    /// It was not started by goldsmith: a person's mistake.
    #[error("standard input is no control socket: `__child` is started by goldsmith itself")]
    NoControl(#[source] io::Error),
    /// The lock is somebody else's: whoever started this is dead and being cleaned up after.
    #[error("the lock of the run cannot be shared")]
    NoHold(#[source] io::Error),
    /// The kernel refused to make it a subreaper: it would lose sight of orphans.
    #[error("cannot become the parent of orphaned processes")]
    NoSubreaper(#[source] io::Error),
}

enum Message {
    Control(Event),
    Reaped(Pid, WaitStatus),
    AllGone,
}

/// Runs the program of `assignment` until nothing that it started is left. Reports over the socket
/// that is this process's standard input.
pub fn supervise(assignment: &Assignment) -> Result<(), SupervisorError> {
    let mut control = control_socket().map_err(SupervisorError::NoControl)?;
    // Fails only for the leader of a process group, which is what a shell makes of it.
    let _ = setsid();
    set_child_subreaper(Some(getpid()))
        .map_err(|error| SupervisorError::NoSubreaper(error.into()))?;
    let hold = assignment.hold.as_deref().map(super::hold).transpose();
    let _held = hold.map_err(SupervisorError::NoHold)?;
    let outputs = [1, 2].map(read_end);
    let _ = hear_signals();

    let spawned = input(assignment.input.as_deref()).and_then(|input| {
        Command::new(&assignment.program)
            .args(&assignment.arguments)
            .stdin(input)
            .process_group(0)
            .spawn()
    });
    let program = match spawned {
        Ok(child) => Pid::from_child(&child),
        Err(error) => {
            report(&mut control, Report::Failed(error.raw_os_error().unwrap_or(0)));
            report(&mut control, Report::Over);
            return Ok(());
        }
    };
    report(&mut control, Report::Started);

    let (sender, messages) = mpsc::channel();
    let living = Living(Arc::new(Mutex::new(Some(program))));
    if let Ok(orders) = control.try_clone() {
        let sender = sender.clone();
        thread::spawn(move || listen(orders, outputs, &sender));
    }
    let reaped = living.clone();
    thread::spawn(move || reap(&reaped, &sender));

    let (leftover, stuck) = climb_down(assignment.grace, program, &living, &messages, &mut control);
    if leftover > 0 {
        report(&mut control, Report::Leftover(leftover));
    }
    if stuck > 0 {
        report(&mut control, Report::Stuck(stuck));
    }
    report(&mut control, Report::Over);
    Ok(())
}

/// What the program reads. Not by `fs_err`, whose errors have no number to report.
fn input(file: Option<&Utf8Path>) -> io::Result<Stdio> {
    let Some(file) = file else { return Ok(Stdio::null()) };
    let opened =
        rustix::fs::open(file.as_std_path(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    Ok(opened?.into())
}

/// Takes back that these signals are ignored, which programs inherit: whoever starts goldsmith in the
/// background of a script has a program that cannot be stopped in order. What is handled here is at
/// its default in the program.
fn hear_signals() -> io::Result<()> {
    for signal in [SIGINT, SIGQUIT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::default())?;
    }
    Ok(())
}

fn control_socket() -> io::Result<UnixStream> {
    let control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    control.local_addr()?;
    Ok(control)
}

/// Goldsmith may be gone: then nobody wants to know.
fn report(control: &mut UnixStream, report: Report) {
    let _ = writeln!(control, "{report}");
}

/// A second read end of the pipe that is this process's standard output or error. While it is open,
/// the program can write also when goldsmith is gone. Packer, for one, would die of SIGPIPE at its
/// next message, in the middle of cleaning up.
fn read_end(output: u8) -> Option<fs_err::File> {
    use std::os::unix::fs::FileTypeExt as _;
    let path = format!("/proc/self/fd/{output}");
    let is_pipe = fs_err::metadata(&path).is_ok_and(|found| found.file_type().is_fifo());
    is_pipe.then(|| fs_err::File::open(path).ok()).flatten()
}

/// Passes on what goldsmith orders. When goldsmith is gone, also empties the pipes in its place, so
/// that the program does not block.
fn listen(orders: UnixStream, outputs: [Option<fs_err::File>; 2], messages: &Sender<Message>) {
    for line in BufReader::new(orders).lines().map_while(Result::ok) {
        if let Ok(order) = line.parse::<Order>() {
            let _ = messages.send(Message::Control(Event::Ordered(order)));
        }
    }
    let _ = messages.send(Message::Control(Event::ParentDied));
    for mut output in outputs.into_iter().flatten() {
        thread::spawn(move || io::copy(&mut output, &mut io::sink()));
    }
}

/// The program's process id, as long as nobody has waited for it. While the lock is held, no child
/// is waited for, so that every process id still means the process that it meant.
#[derive(Clone)]
struct Living(Arc<Mutex<Option<Pid>>>);

impl Living {
    fn lock(&self) -> MutexGuard<'_, Option<Pid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for every child: the program, and whatever becomes an orphan below it. When there is none
/// left, there never will be one again, since nobody is left to start it.
fn reap(living: &Living, messages: &Sender<Message>) {
    loop {
        match waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(_) => break,
        }
        let mut program = living.lock();
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if *program == Some(pid) {
                *program = None;
            }
            let _ = messages.send(Message::Reaped(pid, status));
        }
    }
    let _ = messages.send(Message::AllGone);
}

/// Runs the ladder to its end. Tells how many processes were left over, and how many are stuck.
fn climb_down(
    grace: Duration,
    program: Pid,
    living: &Living,
    messages: &Receiver<Message>,
    control: &mut UnixStream,
) -> (u32, u32) {
    let mut ladder = Ladder::new(grace);
    let mut forced = false;
    let mut swept = false;
    let mut leftover = 0;
    let mut all_gone = false;
    loop {
        let event = match next(messages, ladder.deadline()) {
            None => Event::Deadline,
            Some(Message::Control(event)) => event,
            Some(Message::AllGone) => {
                all_gone = true;
                Event::AllGone
            }
            Some(Message::Reaped(pid, status)) if pid == program => {
                report(control, ending(status));
                Event::ProgramEnded
            }
            Some(Message::Reaped(..)) => {
                leftover += u32::from(swept && !forced);
                continue;
            }
        };
        match ladder.on(event, Instant::now()) {
            None => {}
            Some(Action::Terminate) => {
                if let Some(pid) = *living.lock() {
                    let _ = kill_process(pid, Signal::TERM);
                }
            }
            Some(Action::KillAll) => {
                forced = true;
                let program = living.lock();
                if let Some(group) = *program {
                    let _ = kill_process_group(group, Signal::KILL);
                }
                kill_children();
            }
            Some(Action::Sweep) => {
                swept = true;
                let _nobody_is_waited_for = living.lock();
                kill_children();
            }
            Some(Action::Finish) => break,
        }
    }
    if all_gone {
        return (leftover, 0);
    }
    let _nobody_is_waited_for = living.lock();
    // Where nobody can count them (no `/proc`), there is one at least, since it was waited for.
    let stuck = children().map_or(0, |children| children.len()).max(1);
    (leftover, u32::try_from(stuck).unwrap_or(u32::MAX))
}

/// For the moment: their own children come to this process only when they have died.
fn kill_children() {
    if let Ok(children) = children() {
        table::kill(&children);
    }
}

/// The children of this process, dead ones left out. The table of all processes of the machine, which
/// takes milliseconds to go through where there are many, is asked only if there are any.
fn children() -> io::Result<Vec<Pid>> {
    let any = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    match waitid(WaitId::All, any) {
        Err(Errno::CHILD) => Ok(Vec::new()),
        _ => table::children(),
    }
}

/// The next message, or nothing if the deadline comes first.
fn next(messages: &Receiver<Message>, deadline: Option<Instant>) -> Option<Message> {
    let Some(deadline) = deadline else {
        return Some(messages.recv().unwrap_or(Message::AllGone));
    };
    match messages.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(message) => Some(message),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => Some(Message::AllGone),
    }
}

fn ending(status: WaitStatus) -> Report {
    match status.terminating_signal() {
        Some(signal) => Report::Signalled(signal),
        None => Report::Exited(status.exit_status().unwrap_or(-1)),
    }
}
