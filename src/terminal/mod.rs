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

pub use json::EventLog;
pub use live::Live;
pub use plain::Plain;
pub use settings::{Flags, Settings, Streams, Verbosity};

/// Makes one line harmless for whoever reads the log: a forge's runner acts on some.
pub type Neutralize = fn(&str) -> String;

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
    neutralize: Option<Neutralize>,
}

impl Terminal {
    /// Decides how everything looks from here on. On a forge's runner, text for people goes line by
    /// line through `neutralize`.
    pub fn new(flags: Flags, environment: &Environment, neutralize: Option<Neutralize>) -> Self {
        Self { settings: Settings::decide(flags, environment, Streams::of_process()), neutralize }
    }

    /// A terminal for messages alone, where no command line has said how it should look.
    pub fn plain(environment: &Environment) -> Self {
        let flags = Flags {
            color: clap::ColorChoice::Auto,
            no_progress: true,
            verbosity: Verbosity::Normal,
        };
        Self::new(flags, environment, None)
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

    /// Prints a failure that no report tells of.
    pub fn failure(&self, failure: &Failure) {
        self.message(&failure::text(failure));
    }

    /// Who shows the progress of a run with these images: a live table, or lines.
    pub fn progress(&self, images: &[ImageName]) -> Box<dyn EventSink> {
        if self.settings.live {
            Box::new(Live::on_stderr(images, &self.settings))
        } else {
            let neutralize = self.neutralize.unwrap_or(str::to_owned);
            Box::new(Plain::new(self.stderr(), images, &self.settings, neutralize))
        }
    }

    /// Standard error, stripped of colour where that is not wanted: also for the log of `-v`.
    pub fn stderr(&self) -> AutoStream<io::Stderr> {
        AutoStream::new(io::stderr(), choice(self.settings.stderr_color))
    }

    fn harmless(&self, text: &str) -> String {
        match self.neutralize {
            None => text.to_owned(),
            Some(neutralize) => text
                .split_inclusive('\n')
                .map(|line| match line.strip_suffix('\n') {
                    Some(line) => neutralize(line) + "\n",
                    None => neutralize(line),
                })
                .collect(),
        }
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
