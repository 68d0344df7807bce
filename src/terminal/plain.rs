//! Progress as lines, each with the name of its image: for logs, pipes and `-v`.

use std::io::Write;

use crate::model::{Event, ImageName, NoteLevel, StageOutcome};
use crate::report::quantity::{count, duration};
use crate::report::style::{self, paint};
use crate::report::untrusted::{one_line, shorten};
use crate::report::{Standing, sentence};

use super::{EventSink, Neutralize, Settings, Verbosity};

/// A line that a child printed is cut here: a log is for reading.
const MAX_LINE: usize = 2000;

/// Writes a line for everything that happens.
pub struct Plain<W> {
    stream: W,
    name_width: usize,
    relay: bool,
    verbosity: Verbosity,
    neutralize: Neutralize,
}

impl<W: Write> Plain<W> {
    /// Writes to `stream`, which strips colour where it is not wanted. Lines go through
    /// `neutralize`.
    pub fn new(
        stream: W,
        images: &[ImageName],
        settings: &Settings,
        neutralize: Neutralize,
    ) -> Self {
        Self {
            stream,
            name_width: longest(images),
            relay: settings.relay,
            verbosity: settings.verbosity,
            neutralize,
        }
    }

    fn line(&mut self, image: Option<&ImageName>, text: &str) {
        let prefix = image.map_or_else(String::new, |image| {
            let width = self.name_width;
            paint(style::QUIET, &format!("{image:<width$} │ "))
        });
        let text = (self.neutralize)(&format!("{prefix}{text}"));
        // Progress that cannot be shown is no reason to fail.
        let _ = writeln!(self.stream, "{text}");
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
            Event::Output { image, line, .. } if self.relay => {
                let line = one_line(line);
                self.line(Some(image), &format!("  {}", shorten(&line, MAX_LINE)));
            }
            Event::Note { image, level, text } if !quiet || *level == NoteLevel::Warning => {
                self.line(image.as_ref(), &note(*level, text));
            }
            Event::ImageFinished { image, outcome, took } => {
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
            Event::StageStarted { image, stage, detail: about } => {
                let stage = paint(style::STRONG, stage.as_str());
                self.line(Some(image), &format!("{stage}{}", detail(about.as_ref())));
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
            Event::Output { .. } | Event::Note { .. } => {}
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

    fn lines(verbosity: Verbosity, relay: bool) -> String {
        let settings = Settings {
            stdout_color: false,
            stderr_color: false,
            live: false,
            relay,
            verbosity,
            width: 100,
            columns: None,
        };
        let images = ["debian-12", "ubuntu-2404"].map(|name| name.parse().unwrap());
        let mut stream = Vec::new();
        let neutralize = |line: &str| line.replace("::", ": :");
        let mut plain = Plain::new(&mut stream, &images, &settings, neutralize);
        for event in events() {
            plain.event(&event);
        }
        let text = String::from_utf8(stream).unwrap();
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn every_line_bears_its_image_and_is_neutralized() {
        insta::assert_snapshot!(lines(Verbosity::Normal, true), @"
        run 20261123t102646z-5f3a9c: 2 images, logs in /srv/runs/20261123t102646z-5f3a9c
        debian-12   │ build: qemu.debian
        ubuntu-2404 │ build
        debian-12   │   ==> qemu.debian: Starting VM
        ubuntu-2404 │   : :error: :forged
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
    fn quiet_leaves_what_needs_attention() {
        insta::assert_snapshot!(lines(Verbosity::Quiet, false), @"
        debian-12   │ warning: the machine has no KVM
        ubuntu-2404 │ ✗ failed in build: script exited with status 100 (8.0 s)
        ");
    }
}
