//! Every event of a run as a line of JSON: for programs, and for people who ask later.

use std::io::{self, BufWriter, Write as _};

use camino::Utf8Path;
use fs_err::File;
use jiff::Timestamp;
use serde::Serialize;

use crate::clock::Clock;
use crate::model::{Event, NoteLevel};

use super::EventSink;

/// How much of what children print is kept, in bytes of their lines: their logs have it all.
const MAX_OUTPUT: u64 = 16 << 20;

/// What stands around such a line, in bytes, about.
const AROUND: u64 = 128;

/// A file with a line for every event, but for what children print beyond [`MAX_OUTPUT`].
///
/// It tells and decides nothing: when the disk is full the run goes on, and [`EventLog::finish`]
/// says so.
pub struct EventLog {
    file: BufWriter<File>,
    clock: Clock,
    error: Option<io::Error>,
    /// What children may print from here on.
    room: u64,
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
        Ok(Self { file: BufWriter::new(File::create(path)?), clock, error: None, room: MAX_OUTPUT })
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
        if let Event::Output { line, .. } = event {
            let length = line.len() as u64 + AROUND;
            if self.room == 0 {
                return Ok(());
            }
            if self.room < length {
                self.room = 0;
                let text = "what children print is left out from here on: their logs have it";
                let (image, level, text) = (None, NoteLevel::Info, text.to_owned());
                return self.write(&Event::Note { image, level, text });
            }
            self.room -= length;
        }
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
    use crate::model::Stage;

    #[test]
    fn a_child_that_prints_without_end_does_not_fill_the_disk_and_hides_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::try_from(folder.path().join("events.jsonl")).unwrap();
        let mut log = EventLog::create(&path, Clock::system()).unwrap();
        let image: crate::model::ImageName = "debian-12".parse().unwrap();
        let line = "x".repeat(1 << 20);
        let output = Event::Output { image: image.clone(), stage: Stage::Build, line };
        let skipped = Event::ImageSkipped { image, why: "it is over".to_owned() };
        for event in std::iter::repeat_n(&output, 40).chain([&skipped]) {
            log.event(event);
        }
        log.finish().unwrap();
        let text = fs_err::read_to_string(&path).unwrap();
        assert!(text.len() < 17 << 20, "{}", text.len());
        let last: Vec<Event> =
            text.lines().skip(15).map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(matches!(&last[0], Event::Note { text, .. } if text.contains("left out")));
        assert_eq!(last[1..], [skipped]);
    }

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
