//! `goldsmith __child`: runs a program under supervision. Started by goldsmith itself.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use camino::Utf8PathBuf;

use crate::environment::Environment;
use crate::model::{Failure, FailureClass};
use crate::process::{Assignment, supervise};
use crate::terminal::Terminal;

/// Arguments of `__child`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Grace between SIGTERM and SIGKILL, in milliseconds.
    #[arg(long)]
    grace_ms: u64,
    /// The lock to share until nothing is left.
    #[arg(long)]
    hold: Option<Utf8PathBuf>,
    /// The file that the program reads as its standard input.
    #[arg(long)]
    input: Option<Utf8PathBuf>,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Runs the program until nothing that it started is left.
pub(super) fn main(arguments: Arguments) -> ExitCode {
    let mut command = arguments.command.into_iter();
    let supervised = supervise(&Assignment {
        program: command.next().unwrap_or_default(),
        arguments: command.collect(),
        grace: Duration::from_millis(arguments.grace_ms),
        hold: arguments.hold,
        input: arguments.input,
    });
    match supervised {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let failure = Failure::caused_by(FailureClass::Usage, &error);
            Terminal::plain(&Environment::default()).failure(&failure);
            ExitCode::from(2)
        }
    }
}
