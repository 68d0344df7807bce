//! Child processes: started with a stated purpose, a made environment and no terminal; watched,
//! cancelled in two steps, and never left behind. Knows no tool.
//!
//! ```text
//! goldsmith ── control socket ── goldsmith __child ── the program ── whatever it starts
//!  launcher.rs    control.rs        supervisor.rs       own process group
//!  subreaper                        own session, subreaper
//! ```
//!
//! The supervisor stands between, so that the ladder of `ladder.rs` is climbed also when goldsmith
//! itself is killed: the control socket then ends, and that is an order like any other. When the
//! supervisor is killed, what it had comes to goldsmith (`adoption.rs`). When both are, nobody is
//! left: the processes of a run are then known by their environment (`traces.rs`), to `reap`.

mod adoption;
mod allow_list;
mod cancellation;
mod capture;
mod command;
mod control;
mod error;
mod finished;
mod hold;
mod ladder;
mod launcher;
mod lines;
mod log;
mod redaction;
mod supervisor;
mod table;
mod traces;
mod waiting;

pub use allow_list::{ALLOWED, ChildEnvironment, is_reserved};
pub use cancellation::{Cancellation, Cause, Request, failure, stopped};
pub use capture::Tail;
pub use command::Command;
pub use error::ProcessError;
pub(crate) use error::friendly;
pub use finished::{Finished, Outcome};
pub use hold::hold;
pub use launcher::Launcher;
pub use lines::{Line, Stream};
pub use log::{Log, close_log, close_logs};
pub use redaction::{MASK, Redaction, SHORTEST};
pub use supervisor::{Assignment, SupervisorError, supervise};
pub use traces::{MARK, kill_marked, marked};
pub use waiting::{Running, Waiting};
