//! Progress as a table that is redrawn in place: a line for each image that is under way, below them
//! those that wait, as far as the window has room; above it a line that stays for each that is finished.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::model::{Event, ImageName, NoteLevel, Stage};
use crate::report::quantity::{about, duration};
use crate::report::style::{self, paint};
use crate::report::untrusted::{one_line, shorten};
use crate::report::{Standing, sentence};

use super::plain::{longest, note};
use super::{EventSink, Settings};

/// How often the elapsed time is redrawn.
const TICK: Duration = Duration::from_millis(100);
/// The width where the window does not tell its own.
const UNKNOWN_WIDTH: usize = 80;
/// The height where the window does not tell its own.
const UNKNOWN_HEIGHT: usize = 24;
/// How many waiting images are named at most, however high the window is.
const MAX_WAITING: usize = 10;

/// A table on a terminal.
pub struct Live {
    table: MultiProgress,
    lines: HashMap<ImageName, ProgressBar>,
    footer: Option<ProgressBar>,
    images: usize,
    /// Those that have not begun, in the order of the plan.
    waiting: Vec<ImageName>,
    /// What images wait for.
    parents: HashMap<ImageName, Vec<ImageName>>,
    /// Those that have come to their ends.
    over: HashSet<ImageName>,
    finished: usize,
    name_width: usize,
    width: usize,
    height: usize,
    color: bool,
    ticks: bool,
}

impl Live {
    /// A table on stderr.
    pub fn on_stderr(images: &[ImageName], settings: &Settings) -> Self {
        let mut live = Self::on(
            ProgressDrawTarget::stderr(),
            images,
            (settings.columns.unwrap_or(UNKNOWN_WIDTH), settings.rows.unwrap_or(UNKNOWN_HEIGHT)),
            settings.stderr_color,
        );
        live.ticks = true;
        live
    }

    fn on(
        target: ProgressDrawTarget,
        images: &[ImageName],
        (width, height): (usize, usize),
        color: bool,
    ) -> Self {
        Self {
            table: MultiProgress::with_draw_target(target),
            lines: HashMap::new(),
            footer: None,
            images: images.len(),
            waiting: images.to_vec(),
            parents: HashMap::new(),
            over: HashSet::new(),
            finished: 0,
            name_width: longest(images),
            width,
            height,
            color,
            ticks: false,
        }
    }

    /// The text, with colour only where it is wanted: nothing strips it after us.
    fn shown(&self, text: &str) -> String {
        if self.color { text.to_owned() } else { anstream::adapter::strip_str(text).to_string() }
    }

    /// Prints a line that stays above the table.
    fn print(&self, text: &str) {
        // There is nobody to tell when a terminal has gone away.
        let _ = self.table.println(self.shown(text));
    }

    fn line_of(&mut self, image: &ImageName) -> ProgressBar {
        if let Some(line) = self.lines.get(image) {
            return line.clone();
        }
        let line = ProgressBar::new_spinner().with_style(self.style());
        let line = match &self.footer {
            Some(footer) => self.table.insert_before(footer, line),
            None => self.table.add(line),
        };
        if self.ticks {
            line.enable_steady_tick(TICK);
        }
        self.lines.insert(image.clone(), line.clone());
        line
    }

    fn style(&self) -> ProgressStyle {
        let frames: Vec<String> = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "
            .chars()
            .map(|frame| self.shown(&paint(style::GOOD, &frame.to_string())))
            .collect();
        let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
        ProgressStyle::with_template("{spinner} {prefix} {took:>11}{usual}  {wide_msg}")
            .expect("the template is a constant")
            .with_key("took", |state: &ProgressState, text: &mut dyn std::fmt::Write| {
                let _ = write!(text, "{}", whole_seconds(state.elapsed()));
            })
            .with_key("usual", |state: &ProgressState, text: &mut dyn std::fmt::Write| {
                if let Some(seconds) = state.len() {
                    let _ = write!(text, " of {}", about(Duration::from_secs(seconds)));
                }
            })
            .tick_strings(&frames)
    }

    fn stage_started(
        &mut self,
        image: &ImageName,
        stage: Stage,
        detail: Option<&str>,
        expected: Option<Duration>,
    ) {
        let width = self.name_width;
        let name = paint(style::STRONG, &format!("{image:<width$}"));
        let prefix = self.shown(&format!("{name}  {:<8}", stage.as_str()));
        let line = self.line_of(image);
        line.reset_elapsed();
        match expected {
            Some(expected) => line.set_length(expected.as_secs()),
            None => line.unset_length(),
        }
        line.set_prefix(prefix);
        line.set_message(one_line(detail.unwrap_or_default()).into_owned());
    }

    fn count(&mut self) {
        if self.images < 2 {
            return;
        }
        let mut lines = self.waiting_lines();
        lines.push(format!("  {} of {} images finished", self.finished, self.images));
        let lines: Vec<String> =
            lines.iter().map(|line| self.shown(&paint(style::QUIET, line))).collect();
        let text = lines.join("\n");
        let footer = self.footer.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{msg}").expect("the template is a constant");
            self.table.add(ProgressBar::new_spinner().with_style(style))
        });
        footer.set_message(text);
    }

    /// What waits, and what for, as far as there is room.
    fn waiting_lines(&self) -> Vec<String> {
        // The footer takes a row, and the cursor stands in another one.
        let room = self.height.saturating_sub(self.lines.len() + 2).min(MAX_WAITING);
        let named = if self.waiting.len() <= room { room } else { room.saturating_sub(1) };
        let width = self.name_width;
        let line = |image: &ImageName| {
            let parents = self.parents.get(image).into_iter().flatten();
            let mut parents = parents.filter(|parent| !self.over.contains(*parent));
            let what = match (parents.next(), parents.count()) {
                (None, _) => "its turn".to_owned(),
                (Some(parent), 0) => parent.to_string(),
                (Some(parent), more) => format!("{parent} and {more} more"),
            };
            shorten(&format!("  {image:<width$}  waits for {what}"), self.width).into_owned()
        };
        let mut lines: Vec<String> = self.waiting.iter().take(named).map(line).collect();
        match self.waiting.len() - lines.len() {
            0 => {}
            more if lines.is_empty() => lines.push(format!("  {more} wait")),
            more => lines.push(format!("  … and {more} more wait")),
        }
        lines
    }

    /// `image` does not wait any more.
    fn begin(&mut self, image: &ImageName) {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| waiting != image);
        if self.waiting.len() < before {
            self.count();
        }
    }

    fn clear(&mut self) {
        for (_, line) in self.lines.drain() {
            line.finish_and_clear();
        }
        if let Some(footer) = self.footer.take() {
            footer.finish_and_clear();
        }
    }
}

/// Elapsed time that does not flicker.
fn whole_seconds(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        0 => String::new(),
        seconds @ 1..10 => format!("{seconds} s"),
        seconds => duration(Duration::from_secs(seconds)),
    }
}

impl EventSink for Live {
    fn event(&mut self, event: &Event) {
        match event {
            Event::RunStarted { .. } => self.count(),
            Event::ImageWaits { image, parents } => {
                self.parents.insert(image.clone(), parents.clone());
                self.count();
            }
            Event::ImageSkipped { image, why } => {
                let text = format!("not built: {why}");
                self.print(&format!("{image}: {}", note(NoteLevel::Warning, &text)));
                self.over.insert(image.clone());
                self.begin(image);
            }
            Event::StageStarted { image, stage, detail, expected } => {
                self.stage_started(image, *stage, detail.as_deref(), *expected);
                self.begin(image);
            }
            Event::Output { image, line, .. } => {
                // Of a line that rewrites itself, people see what was written last.
                let last = line.rsplit('\r').find(|part| !part.trim().is_empty());
                let text = one_line(last.unwrap_or_default());
                if let (Some(line), false) = (self.lines.get(image), text.is_empty()) {
                    line.set_message(self.shown(&paint(style::QUIET, &text)));
                }
            }
            Event::Note { image, level, text } => {
                let name = image.as_ref().map_or_else(String::new, |image| format!("{image}: "));
                self.print(&format!("{name}{}", note(*level, text)));
            }
            Event::ImageFinished { image, outcome, took } => {
                if let Some(line) = self.lines.remove(image) {
                    line.finish_and_clear();
                    self.table.remove(&line);
                }
                self.finished += 1;
                self.over.insert(image.clone());
                self.waiting.retain(|waiting| waiting != image);
                let standing = Standing::of(outcome);
                let width = self.name_width;
                let took = duration(*took);
                let phrase = sentence::phrase(outcome);
                let phrase = one_line(&phrase);
                // Sign, gaps and parentheses take seven columns.
                let room = self.width.saturating_sub(width + took.len() + 7);
                self.print(&format!(
                    "{} {}  {} {}",
                    paint(style::of_standing(standing), standing.sign()),
                    paint(style::STRONG, &format!("{image:<width$}")),
                    shorten(&phrase, room),
                    paint(style::QUIET, &format!("({took})")),
                ));
                self.count();
            }
            Event::StageFinished { image, .. } => {
                if let Some(line) = self.lines.get(image) {
                    line.set_message("");
                }
            }
            Event::RunFinished { .. } => {
                self.clear();
                self.print("");
            }
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::super::plain::tests::events;
    use super::*;

    /// What stands on an 80-column terminal after so many events.
    fn screen_after(number: usize) -> String {
        let images = ["debian-12", "ubuntu-2404"].map(|name| name.parse().unwrap());
        screen(12, &images, &events()[..number])
    }

    /// What stands on a terminal of so many rows after `events`.
    fn screen(rows: u16, images: &[ImageName], events: &[Event]) -> String {
        let terminal = InMemoryTerm::new(rows, 80);
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let mut live = Live::on(target, images, (80, rows.into()), false);
        for event in events {
            live.event(event);
        }
        for line in live.lines.values().chain(&live.footer) {
            line.force_draw();
        }
        let screen = terminal.contents();
        // A slow machine shows elapsed time.
        screen.replace(" 1 s ", "     ")
    }

    #[test]
    fn images_under_way_have_a_line_with_stage_and_last_output() {
        insta::assert_snapshot!(screen_after(5), @"
        ⠋ debian-12    build                of about 4 min  ==> qemu.debian: Starting VM
        ⠋ ubuntu-2404  build                of about 4 min  ::error::forged
          0 of 2 images finished
        ");
    }

    #[test]
    fn a_finished_image_leaves_a_line_above_the_others() {
        insta::assert_snapshot!(screen_after(9), @"
        debian-12: warning: the machine has no KVM
        ✗ ubuntu-2404  failed in build: script exited with status 100 (8.0 s)
        ⠋ debian-12    build                of about 4 min
          1 of 2 images finished
        ");
    }

    #[test]
    fn the_end_leaves_what_is_finished() {
        insta::assert_snapshot!(screen_after(events().len()), @"
        debian-12: warning: the machine has no KVM
        ✗ ubuntu-2404  failed in build: script exited with status 100 (8.0 s)
        ✓ debian-12    published as 1.0.20261123 (4 min 6 s)
        ");
    }

    #[test]
    fn those_that_wait_stand_below_and_say_what_for_and_no_more_than_there_is_room_for() {
        let images: Vec<ImageName> =
            (0..40).map(|number| format!("image-{number:02}").parse().unwrap()).collect();
        let started = |number: usize| Event::StageStarted {
            image: images[number].clone(),
            stage: Stage::Build,
            detail: None,
            expected: None,
        };
        let waits = |number: usize, parents: &[usize]| Event::ImageWaits {
            image: images[number].clone(),
            parents: parents.iter().map(|parent| images[*parent].clone()).collect(),
        };
        let mut told = vec![events().remove(0), waits(2, &[0]), waits(3, &[0, 1]), started(0)];
        told.push(started(1));
        insta::assert_snapshot!(screen(9, &images, &told), @"
        ⠋ image-00  build
        ⠋ image-01  build
          image-02  waits for image-00
          image-03  waits for image-00 and 1 more
          image-04  waits for its turn
          image-05  waits for its turn
          … and 34 more wait
          0 of 40 images finished
        ");
        insta::assert_snapshot!(screen(5, &images, &told), @"
        ⠋ image-00  build
        ⠋ image-01  build
          38 wait
          0 of 40 images finished
        ");
        let why = "its parent failed".to_owned();
        told.push(waits(4, &[2]));
        told.push(Event::ImageSkipped { image: images[2].clone(), why });
        insta::assert_snapshot!(screen(12, &images[..5], &told), @"
        image-02: warning: not built: its parent failed
        ⠋ image-00  build
        ⠋ image-01  build
          image-03  waits for image-00 and 1 more
          image-04  waits for its turn
          0 of 5 images finished
        ");
    }
}
