//! Progress as lines, each with the name of its image: for logs, pipes and `-v`.
//!
//! On a runner whose log folds, what children print stands in groups, between the lines that say what
//! happens: one group for the stage of an image that is under way alone, one for all that are under way
//! side by side. Groups cannot be interleaved; lines with names can.

use std::collections::{HashMap, VecDeque};
use std::io::Write;

use crate::model::{Event, ImageName, NoteLevel, Stage, StageOutcome};
use crate::report::quantity::{about, count, duration};
use crate::report::style::{self, paint};
use crate::report::untrusted::{one_line, shorten};
use crate::report::{Standing, sentence};
use crate::runner::{Runner, end_group, group, neutralize};

use super::{EventSink, Settings, Verbosity};

/// A line that a child printed is cut here: a log is for reading.
const MAX_LINE: usize = 2000;
/// How much of what the children of an image print is shown, in bytes. What comes beyond is for its
/// log, but for the last lines of a stage.
const MAX_OUTPUT: usize = 8 << 20;
/// How many these are.
const LAST_LINES: usize = 20;
/// How many images the title of a group names.
const NAMED: usize = 5;

/// Writes a line for everything that happens.
pub struct Plain<W: Write> {
    stream: W,
    name_width: usize,
    /// Whether the run has more images than one.
    several: bool,
    relay: bool,
    verbosity: Verbosity,
    runner: Runner,
    /// The stages that are under way.
    under_way: Vec<(ImageName, Stage)>,
    /// Whether a group is open.
    grouped: bool,
    relayed: HashMap<ImageName, Relayed>,
}

/// What was shown of the output of an image's children.
#[derive(Default)]
struct Relayed {
    bytes: usize,
    left_out: usize,
    /// The last lines that were left out.
    last: VecDeque<String>,
}

impl<W: Write> Plain<W> {
    /// Writes to `stream`, which strips colour where it is not wanted, for people and for `runner`.
    pub fn new(stream: W, images: &[ImageName], settings: &Settings, runner: Runner) -> Self {
        Self {
            stream,
            name_width: longest(images),
            several: images.len() > 1,
            relay: settings.relay,
            verbosity: settings.verbosity,
            runner,
            under_way: Vec::new(),
            grouped: false,
            relayed: HashMap::new(),
        }
    }

    /// A line about what happens.
    fn line(&mut self, image: Option<&ImageName>, text: &str) {
        self.close_group();
        let prefix = image.map_or_else(String::new, |image| self.prefix(image));
        let text = format!("{prefix}{text}");
        if self.runner == Runner::Local {
            self.write(&text);
        } else {
            self.write(&neutralize(&text).join("\n"));
        }
    }

    fn prefix(&self, image: &ImageName) -> String {
        let width = self.name_width;
        paint(style::QUIET, &format!("{image:<width$} │ "))
    }

    fn write(&mut self, line: &str) {
        // Progress that cannot be shown is no reason to fail.
        let _ = writeln!(self.stream, "{line}");
    }

    /// A line that a child printed.
    fn relay(&mut self, image: &ImageName, stage: Stage, line: &str) {
        for drawn in line.trim_end_matches('\r').split('\r') {
            let relayed = self.relayed.entry(image.clone()).or_default();
            if relayed.bytes > MAX_OUTPUT {
                relayed.left_out += 1;
                if relayed.last.len() == LAST_LINES {
                    relayed.last.pop_front();
                }
                relayed.last.push_back(drawn.to_owned());
            } else {
                self.open_group(image, stage);
                let written = self.output(image, drawn);
                let relayed = self.relayed.entry(image.clone()).or_default();
                relayed.bytes = relayed.bytes.saturating_add(written);
            }
        }
    }

    /// Writes what a child printed: harmless, but in its own colours. How many bytes it was.
    fn output(&mut self, image: &ImageName, drawn: &str) -> usize {
        let prefix = if self.several { self.prefix(image) } else { String::new() };
        let mut written = 0;
        for text in neutralize(&format!("{prefix}  {}", shorten(drawn, MAX_LINE))) {
            self.write(&text);
            written += text.len() + 1;
        }
        written
    }

    /// The last lines of what was left out, now that the stage is over.
    fn last_words(&mut self, image: &ImageName, stage: Stage) {
        let Some(relayed) = self.relayed.get_mut(image) else {
            return;
        };
        let (left_out, last) = (relayed.left_out, std::mem::take(&mut relayed.last));
        relayed.left_out = 0;
        if left_out > 0 {
            self.open_group(image, stage);
            let lines = count(left_out - last.len(), "line");
            let text = format!("… {lines} left out here: the log has everything");
            self.output(image, &paint(style::QUIET, &text));
            for drawn in last {
                self.output(image, &drawn);
            }
        }
    }

    fn open_group(&mut self, image: &ImageName, stage: Stage) {
        if self.grouped {
            return;
        }
        let title = match self.under_way.as_slice() {
            [] | [_] => format!("{image}: {}", stage.as_str()),
            several => {
                let names = several.iter().take(NAMED).map(|(image, _)| image.as_str());
                let names = names.collect::<Vec<_>>().join(", ");
                match several.len().saturating_sub(NAMED) {
                    0 => format!("output of {names}"),
                    more => format!("output of {names} and {more} more"),
                }
            }
        };
        if let Some(command) = group(self.runner, &title) {
            self.write(&command);
            self.grouped = true;
        }
    }

    fn close_group(&mut self) {
        if std::mem::take(&mut self.grouped)
            && let Some(command) = end_group(self.runner)
        {
            self.write(&command);
        }
    }
}

impl<W: Write> Drop for Plain<W> {
    fn drop(&mut self) {
        self.close_group();
    }
}

/// The room that names take.
pub(super) fn longest(images: &[ImageName]) -> usize {
    images.iter().map(|image| image.as_str().len()).max().unwrap_or(0)
}

/// A note with its urgency.
pub(super) fn note(level: NoteLevel, text: &str) -> String {
    let label = match level {
        NoteLevel::Info => paint(style::STRONG, "note:"),
        NoteLevel::Warning => paint(style::WARNING, "warning:"),
    };
    format!("{label} {}", one_line(text))
}

fn detail(detail: Option<&String>) -> String {
    detail.map_or_else(String::new, |detail| format!(": {}", one_line(detail)))
}

impl<W: Write> EventSink for Plain<W> {
    fn event(&mut self, event: &Event) {
        let quiet = self.verbosity == Verbosity::Quiet;
        match event {
            Event::StageStarted { image, stage, .. } => {
                self.under_way.push((image.clone(), *stage));
            }
            Event::StageFinished { image, stage, .. } => {
                self.under_way.retain(|(other, _)| other != image);
                self.last_words(image, *stage);
            }
            _ => {}
        }
        match event {
            Event::Output { image, stage, line } if self.relay => self.relay(image, *stage, line),
            Event::Note { image, level, text } if !quiet || *level == NoteLevel::Warning => {
                self.line(image.as_ref(), &note(*level, text));
            }
            Event::ImageSkipped { image, why } => {
                let text = format!("not built: {why}");
                self.line(Some(image), &note(NoteLevel::Warning, &text));
            }
            Event::ImageFinished { image, outcome, took } => {
                self.relayed.remove(image);
                let standing = Standing::of(outcome);
                if quiet && standing.is_good() {
                    return;
                }
                let sign = paint(style::of_standing(standing), standing.sign());
                let phrase = sentence::phrase(outcome);
                let took = duration(*took);
                self.line(Some(image), &format!("{sign} {} ({took})", one_line(&phrase)));
            }
            _ if quiet => {}
            Event::RunStarted { run, directory, images, .. } => {
                let images = count(images.len(), "image");
                let directory = one_line(directory.as_str());
                self.line(None, &format!("run {run}: {images}, logs in {directory}"));
            }
            Event::StageStarted { image, stage, detail: what, expected } => {
                let stage = paint(style::STRONG, stage.as_str());
                let expected = expected.map_or_else(String::new, |expected| {
                    paint(style::QUIET, &format!(" ({})", about(expected)))
                });
                self.line(Some(image), &format!("{stage}{}{expected}", detail(what.as_ref())));
            }
            Event::StageFinished { image, stage, outcome, took, detail: about } => {
                let (style, ended) = match outcome {
                    StageOutcome::Done => (style::GOOD, "done in"),
                    StageOutcome::Objected => (style::BAD, "objected after"),
                    StageOutcome::Failed => (style::BAD, "failed after"),
                };
                let ended = paint(style, &format!("{} {ended}", stage.as_str()));
                let text = format!("{ended} {}{}", duration(*took), detail(about.as_ref()));
                self.line(Some(image), &text);
            }
            Event::RunFinished { .. } => self.line(None, ""),
            Event::Output { .. } | Event::Note { .. } | Event::ImageWaits { .. } => {}
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use crate::model::{ExitCode, Failure, FailureClass, ImageOutcome, Stage};

    use super::*;

    /// A run of two images: one is published, one fails.
    pub(in crate::terminal) fn events() -> Vec<Event> {
        let debian: ImageName = "debian-12".parse().unwrap();
        let ubuntu: ImageName = "ubuntu-2404".parse().unwrap();
        let started = |image: &ImageName, stage, detail: Option<&str>| Event::StageStarted {
            image: image.clone(),
            stage,
            detail: detail.map(str::to_owned),
            // As long as the last time.
            expected: (stage == Stage::Build).then_some(Duration::from_secs(247)),
        };
        let finished = |image: &ImageName, stage, outcome, seconds, detail: Option<&str>| {
            Event::StageFinished {
                image: image.clone(),
                stage,
                outcome,
                took: Duration::from_secs(seconds),
                detail: detail.map(str::to_owned),
            }
        };
        let output = |image: &ImageName, line: &str| Event::Output {
            image: image.clone(),
            stage: Stage::Build,
            line: line.to_owned(),
        };
        vec![
            Event::RunStarted {
                run: "20261123t102646z-5f3a9c".parse().unwrap(),
                at: "2026-11-23T10:26:46Z".parse().unwrap(),
                directory: "/srv/runs/20261123t102646z-5f3a9c".into(),
                images: vec![debian.clone(), ubuntu.clone()],
            },
            started(&debian, Stage::Build, Some("qemu.debian")),
            started(&ubuntu, Stage::Build, None),
            output(&debian, "==> qemu.debian: \u{1b}[32mStarting VM\u{1b}[0m"),
            output(&ubuntu, "::error::forged"),
            finished(&debian, Stage::Build, StageOutcome::Done, 192, None),
            Event::Note {
                image: Some(debian.clone()),
                level: NoteLevel::Warning,
                text: "the machine has no KVM".to_owned(),
            },
            finished(
                &ubuntu,
                Stage::Build,
                StageOutcome::Failed,
                7,
                Some("script exited with status 100"),
            ),
            Event::ImageFinished {
                image: ubuntu,
                outcome: ImageOutcome::Failed {
                    stage: Stage::Build,
                    failure: Failure::new(
                        FailureClass::Provisioner,
                        "script exited with status 100",
                    ),
                },
                took: Duration::from_secs(8),
            },
            started(&debian, Stage::Gate, None),
            finished(&debian, Stage::Gate, StageOutcome::Done, 0, None),
            Event::ImageFinished {
                image: debian,
                outcome: ImageOutcome::Published { version: "1.0.20261123".parse().unwrap() },
                took: Duration::from_secs(246),
            },
            Event::RunFinished { exit_code: ExitCode::BuildFailed },
        ]
    }

    fn settings(verbosity: Verbosity, relay: bool) -> Settings {
        Settings {
            stdout_color: false,
            stderr_color: false,
            live: false,
            relay,
            verbosity,
            width: 100,
            columns: None,
            rows: None,
            stderr_is_terminal: false,
            stderr_is_file: false,
        }
    }

    /// What is written of `events` about `images`, as it is written.
    fn written(settings: &Settings, runner: Runner, images: &[&str], events: &[Event]) -> String {
        let images: Vec<ImageName> = images.iter().map(|name| name.parse().unwrap()).collect();
        let mut stream = Vec::new();
        let mut plain = Plain::new(&mut stream, &images, settings, runner);
        for event in events {
            plain.event(event);
        }
        drop(plain);
        String::from_utf8(stream).unwrap()
    }

    fn lines(verbosity: Verbosity, relay: bool, runner: Runner) -> String {
        let images = ["debian-12", "ubuntu-2404"];
        let text = written(&settings(verbosity, relay), runner, &images, &events());
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn every_line_bears_its_image_and_is_neutralized() {
        insta::assert_snapshot!(lines(Verbosity::Normal, true, Runner::Act), @"
        run 20261123t102646z-5f3a9c: 2 images, logs in /srv/runs/20261123t102646z-5f3a9c
        debian-12   │ build: qemu.debian (about 4 min)
        ubuntu-2404 │ build (about 4 min)
        debian-12   │   ==> qemu.debian: Starting VM
        ubuntu-2404 │   ::error::forged
        debian-12   │ build done in 3 min 12 s
        debian-12   │ warning: the machine has no KVM
        ubuntu-2404 │ build failed after 7.0 s: script exited with status 100
        ubuntu-2404 │ ✗ failed in build: script exited with status 100 (8.0 s)
        debian-12   │ gate
        debian-12   │ gate done in 0 ms
        debian-12   │ ✓ published as 1.0.20261123 (4 min 6 s)
        ");
    }

    #[test]
    fn where_logs_fold_the_output_of_images_side_by_side_is_in_groups_between_what_happens() {
        insta::assert_snapshot!(lines(Verbosity::Normal, true, Runner::GitHub), @"
        run 20261123t102646z-5f3a9c: 2 images, logs in /srv/runs/20261123t102646z-5f3a9c
        debian-12   │ build: qemu.debian (about 4 min)
        ubuntu-2404 │ build (about 4 min)
        ::group::output of debian-12, ubuntu-2404
        debian-12   │   ==> qemu.debian: Starting VM
        ubuntu-2404 │   ::error::forged
        ::endgroup::
        debian-12   │ build done in 3 min 12 s
        debian-12   │ warning: the machine has no KVM
        ubuntu-2404 │ build failed after 7.0 s: script exited with status 100
        ubuntu-2404 │ ✗ failed in build: script exited with status 100 (8.0 s)
        debian-12   │ gate
        debian-12   │ gate done in 0 ms
        debian-12   │ ✓ published as 1.0.20261123 (4 min 6 s)
        ");
    }

    #[test]
    fn an_image_alone_has_groups_for_its_stages_and_lines_without_its_name_in_their_colours() {
        let image: ImageName = "debian-12".parse().unwrap();
        let output = |stage, line: &str| Event::Output {
            image: image.clone(),
            stage,
            line: line.to_owned(),
        };
        let started = |stage| Event::StageStarted {
            image: image.clone(),
            stage,
            detail: None,
            expected: None,
        };
        let finished = |stage| Event::StageFinished {
            image: image.clone(),
            stage,
            outcome: StageOutcome::Done,
            took: Duration::from_secs(12),
            detail: None,
        };
        let events = [
            started(Stage::Prepare),
            output(Stage::Prepare, "10%\r20%\r\u{1b}[32mdone\r"),
            finished(Stage::Prepare),
            started(Stage::Build),
            output(Stage::Build, "==> \u{1b}[1;31mred to the end"),
            output(Stage::Build, "::error::forged \u{1b}[2J##[group]x"),
            Event::Note { image: None, level: NoteLevel::Info, text: "by the way".to_owned() },
            output(Stage::Build, "and on"),
        ];
        let settings = settings(Verbosity::Normal, true);
        let written = written(&settings, Runner::Forgejo, &["debian-12"], &events);
        insta::assert_snapshot!(written.replace('\u{1b}', "ESC"), @r"
        ESC[2mdebian-12 │ ESC[0mESC[1mprepareESC[0m
        ::group::debian-12: prepare
          10%
          20%
          ESC[32mdoneESC[0m
        ::endgroup::
        ESC[2mdebian-12 │ ESC[0mESC[1mESC[32mprepare done inESC[0m 12 s
        ESC[2mdebian-12 │ ESC[0mESC[1mbuildESC[0m
        ::group::debian-12: build
          ==> ESC[1;31mred to the endESC[0m
          :\:error::forged ##\[group]x
        ::endgroup::
        ESC[1mnote:ESC[0m by the way
        ::group::debian-12: build
          and on
        ::endgroup::
        ");
    }

    #[test]
    fn of_output_without_end_the_beginning_and_the_last_lines_of_the_stage_are_shown() {
        let image: ImageName = "debian-12".parse().unwrap();
        let output = |number: usize| Event::Output {
            image: image.clone(),
            stage: Stage::Build,
            line: format!("{number:0>99}"),
        };
        let mut events: Vec<Event> = (0..200_000).map(output).collect();
        events.push(Event::StageFinished {
            image: image.clone(),
            stage: Stage::Build,
            outcome: StageOutcome::Done,
            took: Duration::from_secs(12),
            detail: None,
        });
        let settings = settings(Verbosity::Normal, true);
        let written = written(&settings, Runner::Local, &["debian-12"], &events);
        assert!(written.len() < MAX_OUTPUT + 4000, "{}", written.len());
        let lines: Vec<&str> = written.lines().collect();
        let told = lines.len() - LAST_LINES - 2;
        assert!(lines[told - 1].ends_with(&format!("{:0>99}", told - 1)));
        let left_out = format!("{} lines left out here", 200_000 - LAST_LINES - told);
        assert!(lines[told].contains(&left_out), "{}", lines[told]);
        assert!(lines[lines.len() - 2].ends_with("0199999"));
    }

    #[test]
    fn quiet_leaves_what_needs_attention() {
        insta::assert_snapshot!(lines(Verbosity::Quiet, false, Runner::Local), @"
        debian-12   │ warning: the machine has no KVM
        ubuntu-2404 │ ✗ failed in build: script exited with status 100 (8.0 s)
        ");
    }
}
