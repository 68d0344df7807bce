//! A whole run, or the one image of a scan.

use std::fmt::Write as _;

use crate::model::{NotDue, Severity, Skipped};

use super::super::item::{has_room, item};
use super::super::quantity::{age, count, duration, size};
use super::super::style::{self, paint};
use super::super::table::{Cell, Column, Table, wrap};
use super::super::untrusted::one_line;
use super::super::{ImageReport, Report, Standing, promotions, sentence};
use super::card::{card, warnings};
use super::reap;

/// Up to so many images each get all their facts; more get a line in a table.
const MAX_CARDS: usize = 3;

/// A whole run, `width` columns wide. Styled; strip it where colour is not wanted.
pub fn report(report: &Report, width: usize) -> String {
    let mut text = String::new();
    if let Some(fixture) = report.demo_data() {
        text.push_str(&demo_banner(fixture, width));
    }
    text.push_str(&skipped(&report.skipped, width));
    for caught_up in &report.caught_up {
        let said = format!("+ {}: {}", caught_up.image, sentence::caught_up(&caught_up.moved));
        for line in wrap(&said, width) {
            let _ = writeln!(text, "{line}");
        }
    }
    text.push_str(&promotions::lines(&report.promotions, width));
    text.push_str(&reap::lines(&report.reaped, width));
    let many = report.images.len() > MAX_CARDS;
    if many {
        separate(&mut text);
        text.push_str(&overview(report, width));
    }
    let (good, bad): (Vec<_>, Vec<_>) =
        report.images.iter().partition(|image| image.standing().is_good());
    for image in good {
        let worth_a_word = image
            .verdict
            .as_ref()
            .is_some_and(|verdict| warnings(&verdict.warnings).next().is_some());
        if !many || worth_a_word {
            separate(&mut text);
            text.push_str(&card(image, !many, width));
        }
    }
    for image in bad {
        separate(&mut text);
        text.push_str(&card(image, true, width));
    }
    separate(&mut text);
    text.push_str(&closing(report, width));
    text
}

/// One image: what `scan` shows.
pub fn image(image: &ImageReport, width: usize) -> String {
    let mut text = String::new();
    if let Some(fixture) = image.demo_data() {
        text.push_str(&demo_banner(fixture, width));
        separate(&mut text);
    }
    text.push_str(&card(image, true, width));
    text
}

fn separate(text: &mut String) {
    if !text.is_empty() {
        text.push('\n');
    }
}

/// Says loudly that the results prove nothing.
fn demo_banner(fixture: &str, width: usize) -> String {
    let said =
        format!("DEMO DATA ({}): for show only, these results prove nothing", one_line(fixture));
    let mut text = String::new();
    for line in wrap(&said, width - 8) {
        let padded = format!("!!! {line:<width$} !!!", width = width - 8);
        let _ = writeln!(text, "{}", paint(style::DEMO, &padded));
    }
    text
}

/// The images that were not built, with why and when next.
fn skipped(skipped: &[Skipped], width: usize) -> String {
    let mut text = String::new();
    let named = |skipped: &&Skipped| skipped.why != NotDue::NotSelected;
    let longest =
        skipped.iter().filter(named).map(|skipped| skipped.image.as_str().len()).max().unwrap_or(0);
    for Skipped { image, why } in skipped.iter().filter(named) {
        let said = format!("not due: {}", sentence::not_due(why));
        let padded = if has_room(longest + 4, width) { longest } else { 0 };
        let label = format!("- {image:<padded$}  ");
        text.push_str(&item(&label, longest + 4, &said, style::QUIET, width));
    }
    let others = skipped.iter().filter(|skipped| !named(skipped)).count();
    if others > 0 {
        let said = format!("- {} not selected", count(others, "image"));
        let _ = writeln!(text, "{}", paint(style::QUIET, &said));
    }
    text
}

/// All images, a line each.
fn overview(report: &Report, width: usize) -> String {
    let mut columns = vec![
        Column::left("image"),
        Column::left("result"),
        Column::left("version"),
        Column::left("channel").spare(3),
        Column::right("size").spare(2),
        Column::right("packages").spare(4),
    ];
    columns.extend(["crit", "high", "med", "low", "unk"].map(Column::right));
    columns.push(Column::right("took").spare(1));
    let mut table = Table::new(columns);
    for image in &report.images {
        let standing = image.standing();
        let result = match standing {
            Standing::VerifiedFresh => format!("{} fresh", standing.sign()),
            _ => format!("{} {}", standing.sign(), standing.word()),
        };
        let or_dash =
            |text: Option<String>| text.map_or_else(|| Cell::new("-", style::QUIET), Cell::plain);
        let mut row = vec![
            Cell::new(image.image.as_str(), style::STRONG),
            Cell::new(result, style::of_standing(standing)),
            or_dash(image.live_version().map(|version| version.to_string())),
            or_dash(image.channel.as_ref().map(|moved| moved.channel.to_string())),
            or_dash(image.size.map(size)),
            or_dash(image.packages.map(|packages| packages.to_string())),
        ];
        let tally = image.tally();
        row.extend(Severity::GRAVEST_FIRST.map(|severity| match tally {
            None => Cell::new("-", style::QUIET),
            Some(tally) => {
                let (fixable, unfixed) = (tally.fixable(severity), tally.unfixed(severity));
                let style = if fixable > 0 { style::of_severity(severity) } else { style::QUIET };
                Cell::new(format!("{fixable}/{}", fixable + unfixed), style)
            }
        }));
        row.push(Cell::plain(duration(image.took)));
        table.row(row);
    }
    let mut text = table.render("", width);
    let legend = "findings of each severity: with a fix / all";
    let _ = writeln!(text, "{}", paint(style::QUIET, legend));
    text
}

/// What the run did in all, and where more is to be read.
fn closing(report: &Report, width: usize) -> String {
    let worst =
        report.images.iter().map(ImageReport::standing).max().unwrap_or(Standing::Published);
    let mut headline = sentence::headline(report);
    let mut parts = vec![format!("goldsmith itself took {}", duration(report.own_time))];
    if !report.images.is_empty() {
        let _ = write!(headline, " in {}", duration(report.took()));
        for tool in &report.tools {
            parts.push(format!("{} {}", one_line(&tool.name), one_line(&tool.version)));
        }
    }
    if let Some(advisories) = report.advisories() {
        let age = age(advisories.updated_at, report.finished_at);
        parts.push(format!("advisories made {age}"));
    }
    let headline: Vec<String> = wrap(&headline, width.saturating_sub(12))
        .iter()
        .map(|line| paint(style::of_standing(worst), line))
        .collect();
    let mut text = headline.join("\n");
    if report.demo_data().is_some() {
        let _ = write!(text, " {}", paint(style::DEMO, "DEMO DATA"));
    }
    text.push('\n');
    for line in wrap(&parts.join(" · "), width) {
        let _ = writeln!(text, "{}", paint(style::QUIET, &line));
    }
    if let Some(directory) = &report.directory {
        let line = format!("details in {}", one_line(directory.as_str()));
        let _ = writeln!(text, "{}", paint(style::QUIET, &line));
    }
    text
}
