//! A program to run, and what for.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::{ChildEnvironment, Log, Redaction};

/// Grace between SIGTERM and SIGKILL, unless the command says otherwise.
const GRACE: Duration = Duration::from_secs(6);

/// A program to run. Carries its purpose, which becomes the error message: "failed to *purpose*".
///
/// Standard input is empty unless a file is given for it, the environment is exactly the given one,
/// there is no terminal.
#[derive(Debug, Clone)]
pub struct Command {
    pub(super) purpose: String,
    pub(super) program: Utf8PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) directory: Option<Utf8PathBuf>,
    pub(super) input: Option<Utf8PathBuf>,
    pub(super) environment: ChildEnvironment,
    pub(super) timeout: Option<Duration>,
    pub(super) grace: Duration,
    pub(super) log: Option<Log>,
    pub(super) redaction: Redaction,
}

impl Command {
    /// `program` (absolute) without arguments and with an empty environment, to `purpose`
    /// ("build image `debian-12`").
    pub fn new(program: impl Into<Utf8PathBuf>, purpose: impl Into<String>) -> Self {
        Self {
            purpose: purpose.into(),
            program: program.into(),
            arguments: Vec::new(),
            directory: None,
            input: None,
            environment: ChildEnvironment::default(),
            timeout: None,
            grace: GRACE,
            log: None,
            redaction: Redaction::default(),
        }
    }

    /// Adds arguments. They are visible to everybody on the machine: no secrets.
    #[must_use]
    pub fn arguments(mut self, arguments: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Runs it in `directory` instead of in goldsmith's.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<Utf8PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Has it read this file, by its absolute path, as its standard input.
    #[must_use]
    pub fn input(mut self, file: impl Into<Utf8PathBuf>) -> Self {
        self.input = Some(file.into());
        self
    }

    /// Gives it this environment and no other variable.
    #[must_use]
    pub fn environment(mut self, environment: ChildEnvironment) -> Self {
        self.environment = environment;
        self
    }

    /// Stops it, in order, after this time.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How long it may take to stop in order before it is killed.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Appends all of its output to this log, byte for byte but for secrets.
    #[must_use]
    pub fn log(mut self, log: impl Into<Log>) -> Self {
        self.log = Some(log.into());
        self
    }

    /// Takes these secrets out of its output, wherever that goes.
    #[must_use]
    pub fn redaction(mut self, redaction: Redaction) -> Self {
        self.redaction = redaction;
        self
    }

    /// What it is run for.
    pub fn purpose(&self) -> &str {
        &self.purpose
    }

    /// The program.
    pub fn program(&self) -> &Utf8Path {
        &self.program
    }
}
