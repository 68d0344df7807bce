//! Starts git: with an environment that says all that it is to know, one purpose a call, and never
//! longer than a limit.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use camino::{Utf8Path, Utf8PathBuf};

use crate::process::{
    Cancellation, ChildEnvironment, Command, Launcher, Line, ProcessError, Redaction, Stream,
};

/// What git is called with.
pub(super) struct Call<'a> {
    /// What for: "failed to *purpose*".
    pub(super) purpose: &'static str,
    /// No secrets: everybody on the machine can read them.
    pub(super) arguments: Vec<String>,
    /// All that it is to know.
    pub(super) environment: ChildEnvironment,
    /// The file that it reads as its standard input.
    pub(super) input: Option<&'a Utf8Path>,
    /// How long it may take.
    pub(super) timeout: Duration,
    /// What is taken out of what it says. Nothing for contents, which must come byte for byte.
    pub(super) redaction: Redaction,
}

/// How git ended.
pub(super) struct Ended {
    /// Whether its exit status was 0.
    pub(super) succeeded: bool,
    /// What it complained about, in its own words.
    pub(super) stderr: String,
}

/// Takes a piece of what git writes.
pub(super) type Take<'a> = dyn for<'piece> FnMut(&'piece [u8]) + Send + 'a;

/// Something that starts git.
#[async_trait]
pub(super) trait Program: Send + Sync {
    /// Runs it to its end. What it writes to its standard output goes to `take`, piece by piece; the
    /// line feed at the very end may be missing.
    async fn run(
        &self,
        call: Call<'_>,
        take: &mut Take<'_>,
    ) -> Result<Ended, Box<dyn Error + Send + Sync>>;
}

/// Git under a supervisor, as goldsmith runs everything.
pub(super) struct Supervised {
    /// The program, absolute.
    pub(super) git: Utf8PathBuf,
    /// Starts it.
    pub(super) launcher: Launcher,
}

#[async_trait]
impl Program for Supervised {
    async fn run(
        &self,
        call: Call<'_>,
        take: &mut Take<'_>,
    ) -> Result<Ended, Box<dyn Error + Send + Sync>> {
        let mut command = Command::new(&self.git, call.purpose)
            .arguments(call.arguments)
            .environment(call.environment)
            .timeout(call.timeout)
            .redaction(call.redaction);
        if let Some(input) = call.input {
            command = command.input(input);
        }
        let mut is_first = true;
        let listen = |line: Line<'_>| {
            if line.stream == Stream::Stdout {
                // Bytes come as lines: what was between two of them is put back.
                if !is_first && !line.continues {
                    take(b"\n");
                }
                is_first = false;
                take(line.bytes);
            }
        };
        // A run that was told to stop still records how it ended: nobody's wish to stop reaches this.
        let finished = self.launcher.run(&command, &Cancellation::new(), listen).await?;
        if let Some(limit) = finished.timed_out {
            return Err(ProcessError::TimedOut { purpose: finished.purpose, limit }.into());
        }
        Ok(Ended { succeeded: finished.succeeded(), stderr: finished.stderr.text() })
    }
}
