//! The waivers that there are, and what has become of each: the answer of `waivers`.

use std::fmt::Write as _;

use anstyle::Style;
use jiff::civil;
use serde::Serialize;

use super::quantity::count;
use super::style;
use super::table::{Cell, Column, Table, wrap};
use super::untrusted::{one_line, shorten};
use crate::model::{ImageName, Waiver};

/// So many columns a name takes at most.
const MOST: usize = 40;

/// What `waivers` answers.
#[derive(Debug, Clone, Serialize)]
pub struct Waivers {
    /// Every waiver, in the order of the files.
    pub waivers: Vec<ListedWaiver>,
}

/// A waiver and what has become of it.
#[derive(Debug, Clone, Serialize)]
pub struct ListedWaiver {
    /// The file that it stands in, as people here name it.
    pub file: String,
    /// The line that it begins in, from 1.
    pub line: usize,
    /// The advisory.
    pub id: String,
    /// Patterns of the images that it is for; empty: all.
    pub images: Vec<String>,
    /// Patterns of the packages that it is for; empty: all.
    pub packages: Vec<String>,
    /// Why.
    pub reason: String,
    /// Who decided so.
    pub by: Option<String>,
    /// The last day on which it holds.
    pub until: civil::Date,
    /// How many days are left after today; negative when it has ended.
    pub days_left: i32,
    /// Whether it holds.
    pub term: Term,
    /// Whether anything needs it.
    #[serde(rename = "use")]
    pub usage: Usage,
    /// The images in which there is what it permits.
    pub found_in: Vec<ImageName>,
    /// Whether it was taken out of its file.
    pub pruned: bool,
}

/// Whether a waiver holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Term {
    /// It does.
    Holds,
    /// It does, and not for long.
    EndsSoon,
    /// It has ended.
    Ended,
}

/// Whether anything needs a waiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Usage {
    /// The newest build of an image has what it permits.
    Needed,
    /// Not known: of an image that it is for nothing is recorded.
    Unknown,
    /// No image has what it permits.
    MatchesNothing,
    /// It was given since there was no fix, and there is one by now.
    FixExists,
}

impl Usage {
    /// Whether the waiver can go.
    pub fn is_stale(self) -> bool {
        matches!(self, Self::MatchesNothing | Self::FixExists)
    }
}

impl ListedWaiver {
    /// A waiver of `file` of which nothing is known yet.
    pub fn new(file: &str, waiver: &Waiver, today: civil::Date, notice_days: i32) -> Self {
        let days_left = i32::try_from(waiver.until.duration_since(today).as_hours() / 24);
        let days_left = days_left.unwrap_or(i32::MAX);
        Self {
            file: file.to_owned(),
            line: waiver.line,
            id: waiver.id.clone(),
            images: waiver.images.clone(),
            packages: waiver.packages.clone(),
            reason: waiver.reason.clone(),
            by: waiver.by.clone(),
            until: waiver.until,
            days_left,
            term: match days_left {
                ..0 => Term::Ended,
                left if left <= notice_days => Term::EndsSoon,
                _ => Term::Holds,
            },
            usage: Usage::Unknown,
            found_in: Vec::new(),
            pruned: false,
        }
    }

    fn state(&self) -> (String, Style) {
        let days = |days: i32| count(usize::try_from(days).unwrap_or_default(), "day");
        let left = match (self.term, self.days_left) {
            (Term::Ended, _) => format!("ended {}", self.until),
            (_, 0) => "ends today".to_owned(),
            (Term::EndsSoon, left) => format!("ends in {}", days(left)),
            (Term::Holds, left) => format!("holds for {}", days(left)),
        };
        match (self.usage, self.term) {
            (Usage::MatchesNothing, _) => ("stale: matches nothing".to_owned(), style::WARNING),
            (Usage::FixExists, _) => ("stale: there is a fix".to_owned(), style::WARNING),
            (_, Term::Ended) => (left, style::BAD),
            (_, Term::EndsSoon) => (left, style::WARNING),
            (_, Term::Holds) => (left, Style::new()),
        }
    }

    fn needed_by(&self) -> String {
        match (self.usage, self.found_in.as_slice()) {
            (Usage::Unknown, []) => "not known".to_owned(),
            (_, []) => "-".to_owned(),
            (_, [one]) => one.to_string(),
            (_, [first, more @ ..]) => format!("{first} and {} more", more.len()),
        }
    }
}

/// For people, `width` columns wide.
pub fn text(listed: &Waivers, width: usize) -> String {
    let waivers = &listed.waivers;
    if waivers.is_empty() {
        return "there are no waivers\n".to_owned();
    }
    let mut text = String::new();
    let mut table = Table::new([
        Column::left("waiver"),
        Column::left("state"),
        Column::left("until"),
        Column::left("found in"),
        Column::left("reason").spare(1),
        Column::left("place").spare(2),
    ]);
    for waiver in waivers {
        let (state, style) = waiver.state();
        let fit = |text: &str| shorten(&one_line(text), MOST).into_owned();
        table.row([
            Cell::plain(fit(&waiver.id)),
            Cell::new(state, style),
            Cell::plain(waiver.until.to_string()),
            Cell::plain(fit(&waiver.needed_by())),
            Cell::plain(fit(&waiver.reason)),
            Cell::new(format!("{}:{}", fit(&waiver.file), waiver.line), style::QUIET),
        ]);
    }
    text.push_str(&table.render("", width));
    text.push('\n');
    let of = |is: fn(&ListedWaiver) -> bool| waivers.iter().filter(|waiver| is(waiver)).count();
    let stale = of(|waiver| waiver.usage.is_stale());
    let pruned = of(|waiver| waiver.pruned);
    let mut told = count(waivers.len(), "waiver");
    let states = [
        (stale, "stale"),
        (of(|waiver| !waiver.usage.is_stale() && waiver.term == Term::EndsSoon), "ending soon"),
        (of(|waiver| !waiver.usage.is_stale() && waiver.term == Term::Ended), "ended"),
    ];
    for (number, word) in states.into_iter().filter(|(number, _)| *number > 0) {
        let _ = write!(told, ", {number} {word}");
    }
    if pruned > 0 {
        let _ = write!(told, "; {} taken out", count(pruned, "entry").replace("entrys", "entries"));
    } else if stale > 0 {
        told.push_str("; `goldsmith waivers --prune` takes out what is stale");
    }
    for line in wrap(&told, width) {
        let _ = writeln!(text, "{line}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_its_words() {
        let today = civil::date(2026, 11, 23);
        let listed = |until: &str, usage: Usage, found_in: &[&str]| ListedWaiver {
            usage,
            found_in: found_in.iter().map(|name| name.parse().unwrap()).collect(),
            ..ListedWaiver::new(
                "waivers.yml",
                &Waiver {
                    id: "CVE-2026-1234".to_owned(),
                    images: vec!["debian-*".to_owned()],
                    packages: Vec::new(),
                    reason: "not loaded\u{1b}[31m; we looked".to_owned(),
                    until: until.parse().unwrap(),
                    by: None,
                    line: 3,
                },
                today,
                7,
            )
        };
        let waivers = vec![
            listed("2026-12-31", Usage::Needed, &["debian-12"]),
            listed("2026-11-24", Usage::Needed, &["debian-12", "debian-13"]),
            listed("2026-11-23", Usage::Unknown, &[]),
            listed("2026-11-22", Usage::Needed, &["debian-12"]),
            listed("2026-12-31", Usage::MatchesNothing, &[]),
            listed("2026-12-31", Usage::FixExists, &["debian-12"]),
        ];
        let shown = text(&Waivers { waivers }, 120);
        insta::assert_snapshot!(anstream::adapter::strip_str(&shown).to_string(), @"
        waiver         state                   until       found in              reason                 place
        CVE-2026-1234  holds for 38 days       2026-12-31  debian-12             not loaded; we looked  waivers.yml:3
        CVE-2026-1234  ends in 1 day           2026-11-24  debian-12 and 1 more  not loaded; we looked  waivers.yml:3
        CVE-2026-1234  ends today              2026-11-23  not known             not loaded; we looked  waivers.yml:3
        CVE-2026-1234  ended 2026-11-22        2026-11-22  debian-12             not loaded; we looked  waivers.yml:3
        CVE-2026-1234  stale: matches nothing  2026-12-31  -                     not loaded; we looked  waivers.yml:3
        CVE-2026-1234  stale: there is a fix   2026-12-31  debian-12             not loaded; we looked  waivers.yml:3

        6 waivers, 2 stale, 2 ending soon, 1 ended; `goldsmith waivers --prune` takes out what is stale
        ");
        assert_eq!(text(&Waivers { waivers: Vec::new() }, 80), "there are no waivers\n");
    }
}
