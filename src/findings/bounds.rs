//! What one finding, and all of them, may take: a report of a few MB can name the same long text a
//! million times.

use jiff::Timestamp;

use super::ReadError;
use crate::model::Finding;

/// More findings than any image has.
const FINDINGS: usize = 100_000;

/// Bytes of an id, a name or a version. Trivy's longest list of fixed versions has about 200.
const WORD: usize = 512;

/// Bytes of a title.
const TITLE: usize = 300;

/// Bytes of a link.
const LINK: usize = 2_000;

/// The text, if it is not longer than an id, a name or a version can be.
pub(super) fn word(text: &str, at: impl FnOnce() -> String) -> Result<String, ReadError> {
    if text.len() > WORD {
        return Err(ReadError::Place { at: at(), why: "is longer than a name can be" });
    }
    Ok(text.trim().to_owned())
}

/// The first line of a text that says something, not longer than a title can be.
pub(super) fn title(text: &str) -> String {
    let text = &text[..text.floor_char_boundary(10 * TITLE)];
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line[..line.floor_char_boundary(TITLE)].trim_end().to_owned()
}

/// The text, if it is a link that people can follow.
pub(super) fn link(text: &str) -> Option<String> {
    let web = text.starts_with("https://") || text.starts_with("http://");
    (web && text.len() <= LINK).then(|| text.to_owned())
}

/// The time, if the text is one.
pub(super) fn time(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}

/// Adds one finding, if there are not too many.
pub(super) fn push(findings: &mut Vec<Finding>, finding: Finding) -> Result<(), ReadError> {
    if findings.len() == FINDINGS {
        return Err(ReadError::TooMany(FINDINGS));
    }
    findings.push(finding);
    Ok(())
}

/// In a fixed order, each once.
pub(super) fn sort(findings: &mut Vec<Finding>) {
    let key = |it: &Finding| {
        (
            it.source.clone(),
            it.id.clone(),
            it.package.clone(),
            it.installed.clone(),
            it.fixed.clone(),
        )
    };
    findings.sort_by_cached_key(key);
    findings.dedup();
}
