//! Diagnostics as JSON for programs: version 1.
//!
//! Lines are counted from 1, columns from 1 in characters; an end is one past the last character.
//! New fields may be added at any time. Nothing else changes within version 1.

use serde::Serialize;

use super::kind::explained_at;
use super::placed::{Region, file, labels};
use super::{Diagnostic, Label, Level, Problems, Sources};

/// All problems as a JSON document.
pub fn json(problems: &Problems) -> String {
    let sources = problems.sources();
    let counts = problems.counts();
    let document = Document {
        version: 1,
        kind: "lint",
        files: sources.iter().map(|file| file.path.as_str()).collect(),
        errors: counts.errors,
        warnings: counts.warnings,
        omitted: problems.omitted(),
        problems: problems.diagnostics().iter().map(|one| Problem::of(one, sources)).collect(),
    };
    let mut text = serde_json::to_string_pretty(&document)
        .expect("plain data with string keys always serialises");
    text.push('\n');
    text
}

/// What was looked at and what was found.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    kind: &'static str,
    /// What was looked at.
    files: Vec<&'a str>,
    /// How many errors there are: also those that are left out.
    errors: usize,
    /// How many warnings there are: also those that are left out.
    warnings: usize,
    /// How many of both are left out below.
    omitted: usize,
    problems: Vec<Problem<'a>>,
}

/// One problem.
#[derive(Serialize)]
struct Problem<'a> {
    id: &'static str,
    level: &'static str,
    message: &'a str,
    /// Its place. A problem that has none is one of the first file, with no line.
    #[serde(flatten)]
    place: Place<'a>,
    /// All that is to be said of places, that of the problem first.
    labels: Vec<Said<'a>>,
    help: &'a [String],
    /// Where this kind is explained.
    docs: String,
}

#[derive(Serialize)]
struct Place<'a> {
    file: &'a str,
    line: Option<usize>,
    column: Option<usize>,
    end_line: Option<usize>,
    end_column: Option<usize>,
}

#[derive(Serialize)]
struct Said<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    text: &'a str,
    /// Whether this is a place of the problem; else it explains it.
    primary: bool,
}

impl<'a> Problem<'a> {
    fn of(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Self {
        let (first, others) = labels(diagnostic);
        Self {
            id: diagnostic.id,
            level: match diagnostic.level {
                Level::Error => "error",
                Level::Warning => "warning",
            },
            message: &diagnostic.message,
            place: Place::of(first, sources),
            labels: first
                .into_iter()
                .chain(others)
                .map(|label| Said {
                    place: Place::of(Some(label), sources),
                    text: &label.text,
                    primary: label.primary,
                })
                .collect(),
            help: &diagnostic.help,
            docs: explained_at(diagnostic.id),
        }
    }
}

impl<'a> Place<'a> {
    fn of(label: Option<&Label>, sources: &'a Sources) -> Self {
        let region = label.and_then(|label| Region::of(label.span, sources));
        Self {
            file: file(region, sources).map_or("", |file| file.path.as_str()),
            line: region.map(|region| region.start.line),
            column: region.map(|region| region.start.column),
            end_line: region.map(|region| region.end.line),
            end_column: region.map(|region| region.end.column),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::samples::problems;

    #[test]
    fn programs_read_all_that_people_read() {
        insta::assert_snapshot!(json(&problems()), @r#"
        {
          "version": 1,
          "kind": "lint",
          "files": [
            "images.yml",
            "waivers.yml"
          ],
          "errors": 3,
          "warnings": 1,
          "omitted": 0,
          "problems": [
            {
              "id": "far-apart",
              "level": "error",
              "message": "two places in one file, one in another",
              "file": "images.yml",
              "line": 22,
              "column": 2,
              "end_line": 22,
              "end_column": 5,
              "labels": [
                {
                  "file": "images.yml",
                  "line": 22,
                  "column": 2,
                  "end_line": 22,
                  "end_column": 5,
                  "text": "again here",
                  "primary": true
                },
                {
                  "file": "images.yml",
                  "line": 1,
                  "column": 1,
                  "end_line": 1,
                  "end_column": 4,
                  "text": "first here",
                  "primary": false
                },
                {
                  "file": "waivers.yml",
                  "line": 1,
                  "column": 1,
                  "end_line": 1,
                  "end_column": 6,
                  "text": "and in this file",
                  "primary": false
                }
              ],
              "help": [
                "one piece of advice",
                "another one:\nof two lines"
              ],
              "docs": "docs/problems.md#far-apart"
            },
            {
              "id": "hidden",
              "level": "warning",
              "message": "hidden \u001b[31m characters\nin a message",
              "file": "images.yml",
              "line": 23,
              "column": 7,
              "end_line": 23,
              "end_column": 9,
              "labels": [
                {
                  "file": "images.yml",
                  "line": 23,
                  "column": 7,
                  "end_line": 23,
                  "end_column": 9,
                  "text": "and in a \u001b[0m label",
                  "primary": true
                }
              ],
              "help": [],
              "docs": "docs/problems.md#hidden"
            },
            {
              "id": "long-line",
              "level": "error",
              "message": "a line that nobody can read",
              "file": "waivers.yml",
              "line": 2,
              "column": 12001,
              "end_line": 2,
              "end_column": 12005,
              "labels": [
                {
                  "file": "waivers.yml",
                  "line": 2,
                  "column": 12001,
                  "end_line": 2,
                  "end_column": 12005,
                  "text": "here",
                  "primary": true
                },
                {
                  "file": "waivers.yml",
                  "line": 1,
                  "column": 1,
                  "end_line": 1,
                  "end_column": 6,
                  "text": "not there",
                  "primary": false
                }
              ],
              "help": [],
              "docs": "docs/problems.md#long-line"
            },
            {
              "id": "no-place",
              "level": "error",
              "message": "a problem without a place",
              "file": "images.yml",
              "line": null,
              "column": null,
              "end_line": null,
              "end_column": null,
              "labels": [],
              "help": [],
              "docs": "docs/problems.md#no-place"
            }
          ]
        }
        "#);
    }
}
