//! All that is to say about one image.

use std::fmt::Write as _;

use anstyle::Style;

use jiff::civil;

use crate::model::{
    Bucket, Decision, Level, Reason, ReasonId, RuleName, Severity, StageOutcome, Stored,
    TestResult, Violation,
};

use super::super::item::item;
use super::super::quantity::{duration, size};
use super::super::standing::failure_of;
use super::super::style::{self, paint};
use super::super::table::{NO_BREAK, wrap};
use super::super::untrusted::{one_line, shorten};
use super::super::{AdvisoryRow, ImageReport, StageReport, Standing, sentence, waiver_entry};

/// So many advisories are listed; further ones are counted.
const MAX_ADVISORIES: usize = 20;
/// So many failed cases of a test are listed; further ones are counted.
const MAX_CASES: usize = 20;
/// So many broken rules are listed.
const MAX_RULES: usize = 30;
/// So many entries for waivers.yml are shown; the Markdown report has more.
const MAX_ENTRIES: usize = 3;
/// Reasons come from tools and guests and can be of any length.
const MAX_REASON: usize = 600;

/// The verdict on one image, what to do about it and, if wanted, the facts.
pub(super) fn card(image: &ImageReport, facts: bool, width: usize) -> String {
    let mut card = Card { text: String::new(), width };
    let standing = image.standing();
    card.verdict(standing, image);
    if let Some(verdict) = &image.verdict {
        let rows = AdvisoryRow::of(verdict, |bucket| bucket == Bucket::Blocks);
        card.advisories(&rows);
        if verdict.decision != Decision::Passed {
            card.reasons(&verdict.reasons);
        }
        card.rules(&verdict.violations);
        if let Some(until) = image.waive_until {
            card.entries(image, &rows, until);
        }
    }
    card.tests(&image.tests);
    if let Some(failure) = failure_of(&image.outcome) {
        let said = image.verdict.iter().flat_map(|verdict| &verdict.reasons);
        let said: Vec<&str> = said.map(|reason| reason.help.as_str()).collect();
        for hint in &failure.hints {
            if !said.contains(&hint.as_str()) {
                card.labelled("hint", style::HINT, hint);
            }
        }
    }
    if let Some(verdict) = &image.verdict {
        for warning in warnings(&verdict.warnings) {
            card.labelled("warning", style::WARNING, &warning.message);
            card.labelled("hint", style::HINT, &warning.help);
        }
    }
    if facts {
        card.line("", "");
        card.facts(image);
    }
    card.text
}

/// What people should know. Demonstration data has a banner of its own.
pub(super) fn warnings(warnings: &[Reason]) -> impl Iterator<Item = &Reason> {
    warnings.iter().filter(|warning| warning.id != ReasonId::DemoData)
}

/// The text about one image while it is written.
struct Card {
    text: String,
    width: usize,
}

impl Card {
    fn line(&mut self, indent: &str, text: &str) {
        let _ = writeln!(self.text, "{indent}{text}");
    }

    fn verdict(&mut self, standing: Standing, image: &ImageReport) {
        let sign = paint(style::of_standing(standing), standing.sign());
        let said = sentence::of_image(image);
        let said = one_line(&said);
        let name = image.image.as_str();
        for (index, line) in
            wrap(&shorten(&said, MAX_REASON), self.width - 2).into_iter().enumerate()
        {
            if index == 0 {
                let rest = line.strip_prefix(name).unwrap_or_default();
                let name = paint(style::STRONG, name);
                self.line("", &format!("{sign} {name}{rest}"));
            } else {
                self.line("  ", &line);
            }
        }
    }

    fn labelled(&mut self, label: &str, style: Style, text: &str) {
        if text.is_empty() {
            return;
        }
        let text = one_line(text);
        let indent = " ".repeat(label.len() + 4);
        let lines = wrap(&shorten(&text, MAX_REASON), self.width - indent.len());
        for (index, line) in lines.into_iter().enumerate() {
            if index == 0 {
                let label = paint(style, &format!("{label}:"));
                self.line("  ", &format!("{label} {line}"));
            } else {
                self.line(&indent, &line);
            }
        }
    }

    /// What to do about each reason. The first stands in the verdict already.
    fn reasons(&mut self, reasons: &[Reason]) {
        for (index, reason) in reasons.iter().enumerate() {
            if index > 0 {
                self.labelled("also", style::STRONG, &reason.message);
            }
            self.labelled("hint", style::HINT, &reason.help);
        }
    }

    /// The rules that are broken, a line each: what blocks with what to do about it.
    fn rules(&mut self, violations: &[Violation]) {
        if violations.is_empty() {
            return;
        }
        self.line("", "");
        let shown = &violations[..violations.len().min(MAX_RULES)];
        let longest = shown.iter().map(|it| it.rule.as_str().len()).max().unwrap_or(0);
        for violation in shown {
            let (word, style) = match violation.level {
                Level::Block => ("block", style::of_severity(Severity::High)),
                Level::Warn | Level::Off => ("warn ", style::WARNING),
            };
            let rule = one_line(violation.rule.as_str());
            let label = format!(
                "    {}  {}  ",
                paint(style, word),
                paint(style::STRONG, &format!("{rule:<longest$}"))
            );
            let columns = 4 + word.len() + 2 + longest + 2;
            let said = sentence::violation(violation);
            self.text.push_str(&item(
                &label,
                columns,
                &shorten(&one_line(&said), MAX_REASON),
                Style::new(),
                self.width,
            ));
            if violation.level == Level::Block {
                let help = shorten(&violation.help, MAX_REASON);
                self.text.push_str(&item(
                    &" ".repeat(columns),
                    columns,
                    &help,
                    style::HINT,
                    self.width,
                ));
            }
        }
        if violations.len() > shown.len() {
            let more = format!("and {} more", violations.len() - shown.len());
            self.line("    ", &paint(style::QUIET, &more));
        }
    }

    /// What to write into waivers.yml to permit what blocks, to be pasted.
    fn entries(&mut self, image: &ImageReport, rows: &[AdvisoryRow<'_>], until: civil::Date) {
        if rows.is_empty() {
            return;
        }
        self.line("", "");
        self.labelled(
            "or",
            style::HINT,
            "permit what does not matter here, in waivers.yml, with the reason:",
        );
        for line in
            waiver_entry::entries(&image.image, &rows[..rows.len().min(MAX_ENTRIES)], until).lines()
        {
            self.line("", line);
        }
    }

    /// The cases that failed, and where it is to be seen.
    fn tests(&mut self, tests: &[TestResult]) {
        for test in tests.iter().filter(|test| !test.passed()) {
            for (index, case) in test.failures().enumerate() {
                if index == MAX_CASES {
                    let more = format!("and {} more", test.failures().count() - index);
                    self.line("    ", &paint(style::QUIET, &more));
                    break;
                }
                let gap = if case.message.is_empty() { "" } else { ": " };
                let text = format!("{}{gap}{}", case.name, case.message);
                self.labelled("failed", style::WARNING, &text);
            }
            for file in &test.kept {
                self.labelled("see", style::HINT, file.as_str());
            }
        }
    }

    fn advisories(&mut self, rows: &[AdvisoryRow<'_>]) {
        if rows.is_empty() {
            return;
        }
        self.line("", "");
        let shown = &rows[..rows.len().min(MAX_ADVISORIES)];
        let longest = shown.iter().map(|row| row.severity.as_str().len()).max().unwrap_or(0);
        let indent = " ".repeat(longest + 6);
        let room = self.width - indent.len();
        for row in shown {
            let severity = format!("{:<longest$}", row.severity);
            let severity = paint(style::of_severity(row.severity), &severity);
            let id = one_line(row.id);
            let title = one_line(row.title);
            let title = shorten(&title, room.saturating_sub(id.len() + 2));
            let gap = if title.is_empty() { "" } else { "  " };
            let id = paint(style::STRONG, &id);
            self.line("    ", &format!("{severity}  {id}{gap}{title}"));
            for line in wrap(&affected(row), room) {
                self.line(&indent, &line);
            }
        }
        if rows.len() > shown.len() {
            let more = format!("and {} more", rows.len() - shown.len());
            self.line("    ", &paint(style::QUIET, &more));
        }
        self.line("", "");
    }

    fn facts(&mut self, image: &ImageReport) {
        if let Some(why) = &image.why {
            self.fact("why", &sentence::due(why));
        }
        if let Some(version) = image.version {
            let used = match image.standing() {
                Standing::Published => "",
                _ if image.recorded => " published, and not in its channel",
                _ if !image.kept.is_empty() => " reserved; the artifact is kept under it",
                _ => " reserved, and not used",
            };
            self.fact("version", &format!("{version}{used}"));
        }
        if let Some(moved) = &image.channel {
            let before = moved.from.map_or_else(String::new, |from| format!(" (was {from})"));
            self.fact("channel", &format!("{} is {}{before}", moved.channel, moved.to));
        }
        if let Some(os) = &image.os {
            self.fact("os", &os.to_string());
        }
        if let Some(bytes) = image.size {
            let digest = image
                .digest
                .map_or_else(String::new, |digest| format!(", sha256:{}…", digest.short()));
            self.fact("size", &format!("{}{digest}", size(bytes)));
        }
        if let Some(packages) = image.packages {
            let libraries = image.looked.as_ref().map_or(0, |looked| looked.libraries);
            let libraries = match libraries {
                0 => String::new(),
                count => format!(", and {count} libraries of languages"),
            };
            self.fact("packages", &format!("{packages}{libraries}"));
        }
        if let Some(looked) = &image.looked {
            let gap = if looked.place.is_empty() { "" } else { ", " };
            self.fact("evidence", &format!("{}{gap}{}", looked.strategy, looked.place));
        }
        match image.tally() {
            Some(tally) if tally.is_empty() => self.fact("findings", "none"),
            Some(tally) => {
                self.fact("fixable", &tally.fixable_in_words());
                self.fact("no fix", &tally.unfixed_in_words());
            }
            None if image.verdict.is_some() => self.fact("findings", "unknown, nothing was proven"),
            None => {}
        }
        if let Some(verdict) = &image.verdict {
            self.fact("excused", &sentence::excused(verdict));
            let unchecked = verdict.unchecked.iter().map(RuleName::as_str).collect::<Vec<_>>();
            self.fact("not checked", &unchecked.join(", "));
        }
        if let Some(since) = &image.since {
            self.fact("since", &sentence::since(since));
        }
        for (index, test) in image.tests.iter().enumerate() {
            let label = if index == 0 { "tests" } else { "" };
            let took = duration(test.took);
            self.fact(label, &format!("{}: {}, {took}", test.name, sentence::tally(&test.tally())));
        }
        self.fact("stages", &stages(&image.stages));
        self.fact("took", &duration(image.took));
        self.files("published", &image.stored);
        self.files("kept aside", &image.kept);
        if let Some(log) = image.log_to_read() {
            self.fact("log", log.as_str());
        }
    }

    fn fact(&mut self, label: &str, value: &str) {
        const LABELS: usize = 12;
        let value = one_line(value);
        if value.is_empty() {
            return;
        }
        let mut label = format!("{label:<LABELS$}");
        for line in wrap(&value, self.width - LABELS - 4) {
            let painted = paint(style::QUIET, &label);
            self.line("    ", &format!("{painted}{line}"));
            label = " ".repeat(LABELS);
        }
    }

    fn files(&mut self, label: &str, files: &[Stored]) {
        for (index, file) in files.iter().enumerate() {
            self.fact(if index == 0 { label } else { "" }, &file.location);
        }
    }
}

/// Which packages an advisory applies to, and what has the fix.
fn affected(row: &AdvisoryRow<'_>) -> String {
    let (named, more) = row.named_packages();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let fix = row.fixed.map_or_else(
        || "no fix yet".to_owned(),
        |fixed| format!("fixed{NO_BREAK}in{NO_BREAK}{fixed}"),
    );
    let installed = row.installed.join(" and ");
    let text = format!("{}{more}: installed {installed}, {fix}", named.join(", "));
    shorten(&one_line(&text), MAX_REASON).into_owned()
}

fn stages(stages: &[StageReport]) -> String {
    let stages: Vec<String> = stages
        .iter()
        .map(|stage| {
            let ended = match stage.outcome {
                StageOutcome::Done => "",
                StageOutcome::Objected => " (objected)",
                StageOutcome::Failed => " (failed)",
            };
            let text = format!("{} {}{ended}", stage.stage.as_str(), duration(stage.took));
            text.replace(' ', NO_BREAK.encode_utf8(&mut [0; 4]))
        })
        .collect();
    stages.join(&format!("{NO_BREAK}· "))
}
