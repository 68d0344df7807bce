//! What stands in the Markdown report, and in which order.

use std::fmt::Write as _;

use crate::model::{Bucket, Decision, Failure, NotDue, ReasonId, Severity, Stage, StageOutcome};

use super::super::quantity::{age, count, duration, size};
use super::super::standing::failure_of;
use super::super::untrusted::shorten;
use super::super::{AdvisoryRow, ImageReport, Report, sentence};
use super::escape::{code, link, prose};
use super::fit::{Document, Weight};
use super::gate;

/// So many blocking advisories are listed for an image; further ones are counted.
const MAX_BLOCKING: usize = 30;
/// So many of the others.
const MAX_OTHERS: usize = 100;
/// So many failed cases of a test.
const MAX_CASES: usize = 20;
/// Messages of cases come from guests and can be of any length.
const MAX_MESSAGE: usize = 300;
/// A title is a help for the eye, no more.
const MAX_TITLE: usize = 100;

/// The report in at most `limit` bytes. Where that is not enough for all, what matters least is
/// left out, and that is said.
pub fn report(report: &Report, limit: usize) -> String {
    let mut document = Document::default();
    let headline = format!("## goldsmith: {}\n\n", lower_first(&sentence::headline(report)));
    document.push(Weight::Headline, headline);
    if let Some(fixture) = report.demo_data() {
        let banner = format!(
            "> [!CAUTION]\n> **DEMO DATA** ({}): for show only, these results prove nothing.\n\n",
            code(fixture)
        );
        document.push(Weight::Headline, banner);
    }
    let mut images: Vec<&ImageReport> = report.images.iter().collect();
    images.sort_by_key(|image| std::cmp::Reverse(image.standing()));
    overview(&mut document, &images);
    for image in &images {
        attention(&mut document, image);
    }
    for caught_up in &report.caught_up {
        let said = prose(&sentence::caught_up(&caught_up.moved));
        document.push(Weight::Good, format!("**{}**: {said}.\n\n", caught_up.image));
    }
    for promotion in &report.promotions {
        let said = prose(&sentence::promotion(promotion));
        let is_done = promotion.refused.is_empty();
        let weight = if is_done { Weight::Good } else { Weight::Attention };
        document.push(weight, format!("**{}**: {said}.\n\n", promotion.image));
    }
    for run in &report.reaped {
        let dead = prose(&sentence::dead(run));
        for deed in &run.done {
            let said = prose(&sentence::deed(deed));
            document.push(Weight::Detail, format!("{dead}: {said}.\n\n"));
        }
        for left in &run.left {
            document.push(Weight::Attention, format!("{dead}: {}.\n\n", prose(left)));
        }
    }
    skipped(&mut document, report);
    document.push(Weight::Detail, tests(&images));
    document.push(Weight::Detail, files(&images));
    document.push(Weight::Detail, times(&images));
    for image in &images {
        document.push(Weight::Detail, gate::since(image));
        document.push(Weight::Detail, gate::other_rules(image));
    }
    for image in &images {
        document.push(Weight::Background, other_findings(image));
    }
    document.push(Weight::Attention, made_with(report));
    document.fit(limit)
}

/// Why a command did nothing at all.
pub fn failure(failure: &Failure) -> String {
    let mut text = format!("## goldsmith: nothing was done\n\n{}\n\n", prose(&failure.reason));
    for detail in &failure.details {
        let _ = writeln!(text, "- {}", prose(detail));
    }
    for hint in &failure.hints {
        let _ = writeln!(text, "- **hint**: {}", prose(hint));
    }
    if let Some(log) = &failure.log {
        let _ = writeln!(text, "- **log**: {}", code(log.as_str()));
    }
    text
}

/// For a headline that goes on after a colon.
pub(super) fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(chars).collect()
}

fn weight_of(image: &ImageReport) -> Weight {
    if image.standing().is_good() { Weight::Good } else { Weight::Attention }
}

/// All images, a row each, what needs attention first.
fn overview(document: &mut Document, images: &[&ImageReport]) {
    let Some(first) = images.first() else {
        return;
    };
    document.push(
        weight_of(first),
        "| Image | Result | Version | Channel | Size | Packages | Critical | High | Medium | Low | Unknown | Took |\n\
         |:--|:--|:--|:--|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for image in images {
        let standing = image.standing();
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
        let tally = image.tally();
        let counts = Severity::GRAVEST_FIRST.map(|severity| {
            or_dash(tally.map(|tally| {
                let fixable = tally.fixable(severity);
                format!("{fixable} / {}", fixable + tally.unfixed(severity))
            }))
        });
        let row = format!(
            "| **{}** | {} {} | {} | {} | {} | {} | {} | {} |\n",
            image.image,
            standing.sign(),
            standing.word(),
            or_dash(image.live_version().map(|version| version.to_string())),
            or_dash(image.channel.as_ref().map(|moved| moved.channel.to_string())),
            or_dash(image.size.map(size)),
            or_dash(image.packages.map(|packages| packages.to_string())),
            counts.join(" | "),
            duration(image.took),
        );
        document.push(weight_of(image), row);
    }
    document
        .push(weight_of(first), "\n<sub>Findings of each severity: with a fix / all.</sub>\n\n");
}

/// Why an image is not as it should be, or what should be known of it, and what to do.
fn attention(document: &mut Document, image: &ImageReport) {
    let standing = image.standing();
    let warnings: Vec<_> = image
        .verdict
        .iter()
        .flat_map(|verdict| &verdict.warnings)
        .filter(|warning| warning.id != ReasonId::DemoData)
        .collect();
    if standing.is_good() && warnings.is_empty() {
        return;
    }
    let said = sentence::of_image(image);
    let said = said.strip_prefix(image.image.as_str()).unwrap_or(&said);
    let mut text = format!(
        "### {} {}\n\n**{}** {}.\n\n",
        standing.sign(),
        image.image,
        image.image,
        prose(said)
    );
    let mut item = |label: &str, said: &str| {
        if !said.is_empty() {
            let _ = writeln!(text, "- **{label}**: {said}");
        }
    };
    let judged = image.verdict.as_ref().filter(|verdict| verdict.decision != Decision::Passed);
    let reasons = judged.map_or(&[][..], |verdict| &verdict.reasons);
    for (index, reason) in reasons.iter().enumerate() {
        if index > 0 {
            item("also", &prose(&reason.message));
        }
        item("hint", &prose(&reason.help));
    }
    if let Some(failure) = failure_of(&image.outcome) {
        for hint in &failure.hints {
            if reasons.iter().all(|reason| reason.help != *hint) {
                item("hint", &prose(hint));
            }
        }
    }
    for test in &image.tests {
        for case in test.failures().take(MAX_CASES) {
            let gap = if case.message.is_empty() { "" } else { ": " };
            let text = format!("{}{gap}{}", case.name, shorten(&case.message, MAX_MESSAGE));
            item("failed", &prose(&text));
        }
        let more = test.failures().count().saturating_sub(MAX_CASES);
        if more > 0 {
            item("failed", &format!("{more} more, all in `report.json`"));
        }
        for file in &test.kept {
            item("see", &code(file.as_str()));
        }
    }
    if let Some(log) = image.log_to_read() {
        item("log", &code(log.as_str()));
    }
    for kept in &image.kept {
        item("kept aside", &code(&kept.location));
    }
    for warning in warnings {
        item("warning", &prose(&warning.message));
        item("hint", &prose(&warning.help));
    }
    text.push('\n');
    let weight = if standing.is_good() { Weight::Detail } else { Weight::Reason };
    document.push(weight, text);
    if let Some(verdict) = judged {
        let rows = AdvisoryRow::of(verdict, |bucket| bucket == Bucket::Blocks);
        document.push(Weight::Blocking, advisories(&rows, MAX_BLOCKING, false));
        document.push(Weight::Blocking, gate::blocking_rules(&verdict.violations));
        if let Some(until) = image.waive_until {
            document.push(Weight::Detail, gate::entries(image, &rows, until));
        }
    }
}

/// A table of advisories; nothing if there are none.
fn advisories(rows: &[AdvisoryRow<'_>], most: usize, with_bucket: bool) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let (bucket_title, bucket_line) =
        if with_bucket { (" Why it does not block |", ":--|") } else { ("", "") };
    let mut text = format!(
        "| Severity | Advisory | Packages | Installed | Fixed in |{bucket_title} Title |\n\
         |:--|:--|:--|:--|:--|{bucket_line}:--|\n"
    );
    for row in rows.iter().take(most) {
        let (named, more) = row.named_packages();
        let mut packages: Vec<String> = named.iter().map(|package| code(package)).collect();
        if more > 0 {
            packages.push(format!("{more} more"));
        }
        let bucket = if with_bucket {
            format!(" {} |", prose(&sentence::fate(row.fate)))
        } else {
            String::new()
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |{bucket} {} |",
            row.severity,
            link(row.id, row.url),
            packages.join(", "),
            row.installed.iter().copied().map(code).collect::<Vec<_>>().join(", "),
            row.fixed.map_or_else(|| "–".to_owned(), code),
            prose(&shorten(row.title, MAX_TITLE)),
        );
    }
    if rows.len() > most {
        let _ = writeln!(text, "\n…and {} more, all in `report.json`.", rows.len() - most);
    }
    text.push('\n');
    text
}

/// A part that is folded away until somebody wants it.
pub(super) fn details(summary: &str, content: &str) -> String {
    format!("<details><summary>{summary}</summary>\n\n{}\n\n</details>\n\n", content.trim_end())
}

fn skipped(document: &mut Document, report: &Report) {
    let mut list = String::new();
    for skipped in &report.skipped {
        if skipped.why != NotDue::NotSelected {
            let why = prose(&sentence::not_due(&skipped.why));
            let _ = writeln!(list, "- **{}** is not due: {why}", skipped.image);
        }
    }
    let others = report.skipped.iter().filter(|skipped| skipped.why == NotDue::NotSelected).count();
    if others > 0 {
        let _ = writeln!(list, "- {} not selected", count(others, "image"));
    }
    if list.is_empty() {
        return;
    }
    let text = if report.images.is_empty() {
        format!("{list}\n")
    } else {
        details(&format!("Not built: {}", count(report.skipped.len(), "image")), &list)
    };
    document.push(Weight::Detail, text);
}

/// What tests found, a row each.
fn tests(images: &[&ImageReport]) -> String {
    let mut rows = String::new();
    for image in images {
        for test in &image.tests {
            let tally = test.tally();
            let _ = writeln!(
                rows,
                "| **{}** | {} | {} | {} | {} | {} |",
                image.image,
                code(&test.name),
                tally.passed,
                tally.failed,
                tally.skipped,
                duration(test.took)
            );
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    let table = format!(
        "| Image | Test | Passed | Failed | Not checked | Took |\n|:--|:--|--:|--:|--:|--:|\n{rows}"
    );
    details("Tests", &table)
}

fn files(images: &[&ImageReport]) -> String {
    let mut rows = String::new();
    let mut number = 0;
    for image in images {
        for file in &image.stored {
            number += 1;
            let _ = writeln!(
                rows,
                "| **{}** | {} | {} | `{}` |",
                image.image,
                code(&file.location),
                size(file.size),
                file.digest
            );
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    let table = format!("| Image | Where | Size | Digest |\n|:--|:--|--:|:--|\n{rows}");
    details(&format!("Published: {}", count(number, "file")), &table)
}

fn times(images: &[&ImageReport]) -> String {
    const STAGES: [Stage; 10] = [
        Stage::Reserve,
        Stage::Fetch,
        Stage::Prepare,
        Stage::Build,
        Stage::Evidence,
        Stage::Scan,
        Stage::Gate,
        Stage::Test,
        Stage::Publish,
        Stage::Record,
    ];
    if images.iter().all(|image| image.stages.is_empty()) {
        return String::new();
    }
    let went_through =
        |stage| images.iter().any(|image| image.stages.iter().any(|report| report.stage == stage));
    // Of few images a parent lies elsewhere.
    let shown = |stage: &Stage| *stage != Stage::Fetch || went_through(*stage);
    let stages: Vec<Stage> = STAGES.into_iter().filter(shown).collect();
    let titles: Vec<&str> = stages.iter().map(|stage| stage.as_str()).collect();
    let titles = titles.join(" | ");
    let mut table = format!("| Image | {titles} |\n|:--|{}\n", "--:|".repeat(stages.len()));
    for image in images {
        let cells = stages.iter().map(|stage| {
            let report = image.stages.iter().find(|report| report.stage == *stage);
            report.map_or_else(
                || "–".to_owned(),
                |report| {
                    let sign = match report.outcome {
                        StageOutcome::Done => "",
                        StageOutcome::Objected | StageOutcome::Failed => "✗ ",
                    };
                    format!("{sign}{}", duration(report.took))
                },
            )
        });
        let cells: Vec<String> = cells.collect();
        let _ = writeln!(table, "| **{}** | {} |", image.image, cells.join(" | "));
    }
    details("Time of each stage", &table)
}

fn other_findings(image: &ImageReport) -> String {
    let Some(verdict) = &image.verdict else {
        return String::new();
    };
    let rows = AdvisoryRow::of(verdict, |bucket| bucket != Bucket::Blocks);
    if rows.is_empty() {
        return String::new();
    }
    let summary = format!("{}: findings that do not block ({})", image.image, rows.len());
    details(&summary, &advisories(&rows, MAX_OTHERS, true))
}

/// What the results rest on.
fn made_with(report: &Report) -> String {
    let mut parts = vec![format!("goldsmith {}", prose(&report.goldsmith))];
    for tool in &report.tools {
        parts.push(format!("{} {}", prose(&tool.name), prose(&tool.version)));
    }
    if let Some(advisories) = report.advisories() {
        let age = age(advisories.updated_at, report.finished_at);
        parts.push(format!("advisories made {age}"));
    }
    // Planning comes before the run, and may have been all that there was to do.
    let own = format!("goldsmith itself took {}", duration(report.own_time));
    let took = report.took();
    parts.push(if report.own_time < took {
        format!("{}, of which {own}", duration(took))
    } else {
        own
    });
    parts.push(format!("run {}", report.run));
    format!("<sub>{}</sub>\n", parts.join(" · "))
}
