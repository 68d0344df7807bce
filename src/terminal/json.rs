//! Every event of a run as a line of JSON: for programs, and for people who ask later.

use std::io::{self, BufWriter, Write as _};

use camino::Utf8Path;
use fs_err::File;
use jiff::Timestamp;
use serde::Serialize;

use crate::clock::Clock;
use crate::model::Event;

use super::EventSink;

/// A file with a line for every event.
///
/// It tells and decides nothing: when the disk is full the run goes on, and [`EventLog::finish`]
/// says so.
pub struct EventLog {
    file: BufWriter<File>,
    clock: Clock,
    error: Option<io::Error>,
}

#[derive(Serialize)]
struct Line<'a> {
    time: Timestamp,
    #[serde(flatten)]
    event: &'a Event,
}

impl EventLog {
    /// Starts a new file.
    pub fn create(path: &Utf8Path, clock: Clock) -> io::Result<Self> {
        Ok(Self { file: BufWriter::new(File::create(path)?), clock, error: None })
    }

    /// Writes what is left. The first thing that went wrong, if anything did.
    pub fn finish(mut self) -> io::Result<()> {
        match self.error.take() {
            Some(error) => Err(error),
            None => self.file.flush(),
        }
    }

    fn write(&mut self, event: &Event) -> io::Result<()> {
        let time = self.clock.now();
        serde_json::to_writer(&mut self.file, &Line { time, event })?;
        self.file.write_all(b"\n")?;
        // What a child prints can wait; what happened should survive a kill.
        if matches!(event, Event::Output { .. }) {
            return Ok(());
        }
        self.file.flush()
    }
}

impl EventSink for EventLog {
    fn event(&mut self, event: &Event) {
        if self.error.is_none() {
            self.error = self.write(event).err();
        }
    }
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;

    use super::super::plain::tests::events;
    use super::*;

    #[test]
    fn every_event_is_a_line_that_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::try_from(folder.path().join("events.jsonl")).unwrap();
        let clock = Clock::starting_at("2026-11-23T10:26:46Z".parse().unwrap());
        let mut log = EventLog::create(&path, clock).unwrap();
        for event in events() {
            log.event(&event);
        }
        log.finish().unwrap();
        let text = fs_err::read_to_string(&path).unwrap();
        let read: Vec<Event> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read, events());
        let first = text.lines().next().unwrap();
        insta::with_settings!({filters => vec![(r"46(\.\d+)?Z", "46Z")]}, {
            insta::assert_snapshot!(first, @r#"{"time":"2026-11-23T10:26:46Z","event":"run-started","run":"20261123t102646z-5f3a9c","at":"2026-11-23T10:26:46Z","directory":"/srv/runs/20261123t102646z-5f3a9c","images":["debian-12","ubuntu-2404"]}"#);
        });
    }
}
