//! The only place that prints.
//!
//! Data goes to stdout; everything else goes to stderr: progress, notes, failures. How it looks is
//! decided once, from flags, environment and what the streams are.

pub mod failure;
mod json;
mod live;
mod plain;
mod settings;

use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};

use crate::environment::Environment;
use crate::model::{Event, Failure, ImageName};
use crate::runner::{Runner, neutralize};

pub use json::EventLog;
pub use live::Live;
pub use plain::Plain;
pub use settings::{Flags, Settings, Streams, Verbosity};

/// Somebody who is told what happens in a run.
pub trait EventSink {
    /// Something happened.
    fn event(&mut self, event: &Event);
}

/// Everyone is told.
impl EventSink for Vec<Box<dyn EventSink>> {
    fn event(&mut self, event: &Event) {
        for sink in self {
            sink.event(event);
        }
    }
}

/// Standard output and standard error.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    settings: Settings,
    runner: Runner,
}

impl Terminal {
    /// Decides how everything looks from here on. On a forge's runner, which acts on some lines, no
    /// text for people has any of these.
    pub fn new(flags: Flags, environment: &Environment, runner: Runner) -> Self {
        Self { settings: Settings::decide(flags, environment, Streams::of_process()), runner }
    }

    /// A terminal for messages alone, where no command line has said how it should look.
    pub fn plain(environment: &Environment) -> Self {
        let flags = Flags {
            color: clap::ColorChoice::Auto,
            no_progress: true,
            verbosity: Verbosity::Normal,
        };
        Self::new(flags, environment, Runner::Local)
    }

    /// How many columns text for people may take.
    pub fn width(&self) -> usize {
        self.settings.width
    }

    /// How everything looks.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Prints data to stdout as it is. A reader that has gone away is no error: it has what it
    /// wanted.
    pub fn data(&self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        gone_is_fine(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
    }

    /// Prints text for people to stdout: what they asked for.
    pub fn text(&self, text: &str) -> io::Result<()> {
        let choice = choice(self.settings.stdout_color);
        let mut stdout = AutoStream::new(io::stdout().lock(), choice);
        let text = self.harmless(text);
        gone_is_fine(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
    }

    /// Prints text for people to stderr: what they should know besides. There is nobody to tell
    /// when that fails.
    pub fn message(&self, text: &str) {
        let mut stderr = self.stderr();
        let _ = stderr.write_all(self.harmless(text).as_bytes());
    }

    /// Prints a line by which a forge's runner is told to do something.
    pub fn command(&self, line: &str) {
        let _ = writeln!(io::stderr().lock(), "{line}");
    }

    /// Tells the forge's runner, by these lines, what it must never show. Only a runner takes them
    /// away: they must not end up in a file, nor before the eyes of whoever plays runner at a terminal.
    pub fn masks(&self, lines: &[String]) {
        // Runners that descend from act give steps a terminal.
        let is_person = self.runner.is_github() && self.settings.stderr_is_terminal;
        if self.runner != Runner::Local && !is_person && !self.settings.stderr_is_file {
            for line in lines {
                self.command(line);
            }
        }
    }

    /// Prints a failure that no report tells of.
    pub fn failure(&self, failure: &Failure) {
        self.message(&failure::text(failure));
    }

    /// Who shows the progress of a run with these images: a live table, or lines.
    pub fn progress(&self, images: &[ImageName]) -> Box<dyn EventSink> {
        if self.settings.live {
            Box::new(Live::on_stderr(images, &self.settings))
        } else {
            Box::new(Plain::new(self.stderr(), images, &self.settings, self.runner))
        }
    }

    /// Standard error, stripped of colour where that is not wanted: also for the log of `-v`.
    pub fn stderr(&self) -> AutoStream<io::Stderr> {
        AutoStream::new(io::stderr(), choice(self.settings.stderr_color))
    }

    fn harmless(&self, text: &str) -> String {
        if self.runner == Runner::Local {
            return text.to_owned();
        }
        let line = |line: &str| neutralize(line).join("\n");
        text.split_inclusive('\n')
            .map(|text| match text.strip_suffix('\n') {
                Some(text) => line(text) + "\n",
                None => line(text),
            })
            .collect()
    }
}

fn choice(color: bool) -> ColorChoice {
    if color { ColorChoice::AlwaysAnsi } else { ColorChoice::Never }
}

fn gone_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
