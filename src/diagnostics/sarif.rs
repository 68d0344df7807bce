//! Diagnostics as SARIF 2.1.0, for code scanning.
//!
//! What GitHub reads of the format, and no more:
//! <https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning>

use std::collections::HashMap;

use serde::Serialize;
use url::Url;

use super::annotations::in_words;
use super::fingerprint::fingerprints;
use super::kind::explained_at;
use super::placed::{Region, file, labels};
use super::quote::harmless;
use super::{Diagnostic, Kind, Level, Problems, SourceFile};

/// The version of the format, and its schema.
const VERSION: &str = "2.1.0";
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// Tells these results apart from those of other tools for the same commit.
const CATEGORY: &str = "goldsmith-lint/";
/// The root of the checked-out repository.
const ROOT: &str = "%SRCROOT%";

/// All problems as a SARIF log. Show paths from the root of the repository before. `kinds` explains
/// their ids.
pub fn sarif(problems: &Problems, kinds: &[Kind]) -> String {
    let mut rules: Vec<&'static str> = problems.diagnostics().iter().map(|one| one.id).collect();
    rules.sort_unstable();
    rules.dedup();
    let mut lines = HashMap::new();
    let results = problems.diagnostics().iter();
    let results = results.map(|one| finding(one, problems, &rules, &mut lines)).collect();
    let driver = Driver {
        name: "goldsmith",
        version: env!("CARGO_PKG_VERSION"),
        rules: rules.iter().map(|id| rule(id, kinds)).collect(),
    };
    let run = Run {
        tool: Tool { driver },
        automation_details: Details { id: CATEGORY },
        column_kind: "unicodeCodePoints",
        results,
    };
    let log = Log { schema: SCHEMA, version: VERSION, runs: [run] };
    let mut text =
        serde_json::to_string_pretty(&log).expect("plain data with string keys always serialises");
    text.push('\n');
    text
}

fn rule(id: &'static str, kinds: &[Kind]) -> Rule {
    let kind = kinds.iter().find(|kind| kind.id == id);
    let summary = kind.map_or(id, Kind::summary);
    let meaning = kind.map_or(id, |kind| kind.meaning);
    Rule {
        id,
        short_description: Message::of(summary),
        help: Message::of(&format!("{meaning} See goldsmith's {}.", explained_at(id))),
    }
}

fn finding<'a>(
    diagnostic: &Diagnostic,
    problems: &'a Problems,
    rules: &[&'static str],
    lines: &mut HashMap<&'a str, Vec<String>>,
) -> Finding {
    let sources = problems.sources();
    let (first, others) = labels(diagnostic);
    let region = first.and_then(|label| Region::of(label.span, sources));
    let file = file(region, sources);
    let line = region.map_or(1, |region| region.start.line);
    let fingerprint = file.and_then(|file| {
        let lines = lines.entry(file.path.as_str()).or_insert_with(|| fingerprints(&file.text));
        lines.get(line - 1).cloned()
    });
    let related =
        others.into_iter().filter_map(|label| Some((label, Region::of(label.span, sources)?)));
    Finding {
        rule_id: diagnostic.id,
        rule_index: rules.iter().position(|id| *id == diagnostic.id),
        level: match diagnostic.level {
            Level::Error => "error",
            Level::Warning => "warning",
        },
        message: Message::of(&in_words(diagnostic)),
        locations: file.into_iter().map(|file| Location::new(file, region, None)).collect(),
        related_locations: related
            .enumerate()
            .map(|(index, (label, region))| Location {
                id: Some(index + 1),
                ..Location::new(region.file, Some(region), Some(&label.text))
            })
            .collect(),
        partial_fingerprints: fingerprint
            .map(|line| Fingerprints { primary_location_line_hash: line }),
    }
}

#[derive(Serialize)]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    automation_details: Details,
    column_kind: &'static str,
    results: Vec<Finding>,
}

#[derive(Serialize)]
struct Details {
    id: &'static str,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
struct Driver {
    name: &'static str,
    version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    short_description: Message,
    help: Message,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

impl Message {
    /// A message that is not read as a link, which `[text](target)` would be.
    fn of(text: &str) -> Self {
        Self { text: text.replace("](", "] (") }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    rule_id: &'static str,
    rule_index: Option<usize>,
    level: &'static str,
    message: Message,
    locations: Vec<Location>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partial_fingerprints: Option<Fingerprints>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fingerprints {
    primary_location_line_hash: String,
}

#[derive(Serialize)]
struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    #[serde(rename = "physicalLocation")]
    physical: PhysicalLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Columns,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactLocation {
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri_base_id: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Columns {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
}

impl Location {
    /// A part of `file`; its beginning if there is none: GitHub shows nothing without a region.
    fn new(file: &SourceFile, region: Option<Region<'_>>, text: Option<&str>) -> Self {
        let region = region.map(|region| Columns {
            start_line: region.start.line,
            start_column: region.start.column,
            end_line: region.end.line,
            end_column: region.end.column,
        });
        let beginning = Columns { start_line: 1, start_column: 1, end_line: 1, end_column: 1 };
        Self {
            id: None,
            physical: PhysicalLocation {
                artifact_location: ArtifactLocation::of(file),
                region: region.unwrap_or(beginning),
            },
            message: text.map(|text| Message::of(&harmless(text))),
        }
    }
}

impl ArtifactLocation {
    fn of(file: &SourceFile) -> Self {
        if file.path.is_absolute() {
            let uri = Url::from_file_path(&file.path).map_or_else(|()| String::new(), String::from);
            return Self { uri, uri_base_id: None };
        }
        // As a URL writes it; a colon could be taken for the end of a scheme.
        let rooted = camino::Utf8Path::new("/").join(&file.path);
        let url = Url::from_file_path(rooted).ok();
        let path = url.as_ref().map_or("", Url::path).trim_start_matches('/');
        Self { uri: path.replace(':', "%3A"), uri_base_id: Some(ROOT) }
    }
}

#[cfg(test)]
mod tests;
