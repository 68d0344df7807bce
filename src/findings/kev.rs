//! Lists of what is known to be exploited: CISA's catalog as JSON or CSV, or ids alone.
//!
//! Format: <https://www.cisa.gov/known-exploited-vulnerabilities-catalog>, `vulnerabilities[].cveID`;
//! in the CSV, the column `cveID`.

use std::collections::BTreeSet;

use serde::Deserialize;
use thiserror::Error;

/// Largest list, in bytes. CISA's has about two.
pub const MAX_KEV: u64 = 64 << 20;

/// Why a list cannot be used. An empty one would take a grace to be harmless.
#[derive(Debug, Error)]
pub enum KevError {
    /// No text.
    #[error("it is not UTF-8")]
    NotText,
    /// It begins as JSON and is none, or not a catalog.
    #[error("it is not the JSON of CISA's catalog: {0}")]
    Json(serde_json::Error),
    /// A line of a plain list is no id.
    #[error("line {line} is no id of an advisory: expected `CVE-2026-1234` or a comment")]
    Line {
        /// Its number, from 1.
        line: usize,
    },
    /// Nothing in it.
    #[error("it names nothing")]
    Empty,
}

#[derive(Deserialize)]
struct Catalog {
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(rename = "cveID")]
    id: String,
}

/// The ids that `bytes` name.
pub fn kev(bytes: &[u8]) -> Result<BTreeSet<String>, KevError> {
    let text = str::from_utf8(bytes).map_err(|_| KevError::NotText)?;
    let text = text.trim_start_matches('\u{feff}');
    let ids = if text.trim_start().starts_with(['{', '[']) {
        let catalog: Catalog = serde_json::from_str(text).map_err(KevError::Json)?;
        catalog.vulnerabilities.into_iter().map(|one| one.id.trim().to_owned()).collect()
    } else if first_line(text).is_some_and(|line| cells(line).next() == Some("cveID")) {
        rows(text)
    } else {
        lines(text)?
    };
    if ids.is_empty() { Err(KevError::Empty) } else { Ok(ids) }
}

fn first_line(text: &str) -> Option<&str> {
    text.lines().find(|line| !line.trim().is_empty())
}

fn cells(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').map(|cell| cell.trim().trim_matches('"'))
}

/// The ids of a CSV in which they stand first, as CISA has them. Texts in quotes go over several lines,
/// whose beginnings are no ids.
fn rows(text: &str) -> BTreeSet<String> {
    let first = text.lines().filter_map(|line| cells(line).next());
    first.filter(|cell| is_id(cell) && cell.starts_with("CVE-")).map(str::to_owned).collect()
}

fn lines(text: &str) -> Result<BTreeSet<String>, KevError> {
    let mut ids = BTreeSet::new();
    for (line, text) in (1..).zip(text.lines()) {
        let id = text.split_once('#').map_or(text, |(id, _)| id).trim();
        if id.is_empty() {
            continue;
        }
        if !is_id(id) {
            return Err(KevError::Line { line });
        }
        ids.insert(id.to_owned());
    }
    Ok(ids)
}

/// Whether it is written as ids of advisories are: letters, a dash, and a digit somewhere.
fn is_id(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    text.len() <= 200
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.contains('-')
        && text.contains(|c: char| c.is_ascii_digit())
        && text.chars().all(inside)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_forms_name_the_same() {
        let expected: BTreeSet<String> =
            ["CVE-2021-44228", "CVE-2024-3094"].map(str::to_owned).into();
        for text in [
            r#"{"title": "KEV", "count": 2, "vulnerabilities": [{"cveID": "CVE-2024-3094", "dueDate": "x"}, {"cveID": "CVE-2021-44228"}]}"#,
            "cveID,vendorProject,notes\nCVE-2021-44228,Apache,\"a, b\ninto lines\"\r\n\"CVE-2024-3094\",xz,\n",
            "# ours\nCVE-2024-3094 # xz\n\r\nCVE-2021-44228\n",
        ] {
            assert_eq!(kev(text.as_bytes()).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_names_nothing_is_no_list() {
        let told = |text: &[u8]| kev(text).unwrap_err().to_string();
        let all = [
            told(b""),
            told(b"# nothing\n"),
            told(br#"{"vulnerabilities": []}"#),
            told(br#"{"version": 1}"#),
            told(b"<html>"),
            told(b"\xff"),
            told(b"cveID,vendor\n"),
        ];
        insta::assert_snapshot!(all.join("\n"), @"
        it names nothing
        it names nothing
        it names nothing
        it is not the JSON of CISA's catalog: missing field `vulnerabilities` at line 1 column 14
        line 1 is no id of an advisory: expected `CVE-2026-1234` or a comment
        it is not UTF-8
        it names nothing
        ");
    }

    proptest! {
        #[test]
        fn whatever_the_file_holds_there_is_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(ids) = kev(&bytes) {
                prop_assert!(!ids.is_empty());
            }
        }
    }
}
