//! What people would write into waivers.yml to permit what blocks, for them to paste.

use jiff::civil;

use super::{AdvisoryRow, untrusted::one_line};
use crate::model::ImageName;

/// So many advisories are made into entries: who permits more does not look at each.
const MAX_ENTRIES: usize = 10;

/// Entries for `rows`, which block `image`. The reason is left to whoever knows it: an entry without one
/// is refused.
pub(super) fn entries(image: &ImageName, rows: &[AdvisoryRow<'_>], until: civil::Date) -> String {
    let entry = |row: &AdvisoryRow<'_>| {
        format!(
            "- id: {}\n  images: [{image}]\n  packages: [{}]\n  reason: \"\"\n  until: {until}\n",
            scalar(row.id),
            scalar(row.source),
        )
    };
    let mut rows: Vec<&AdvisoryRow<'_>> = rows.iter().collect();
    // A name in which something would mean more than itself is left to people.
    rows.retain(|row| !row.source.contains(['*', '?', '[', ']', '{', '}', '\\']));
    // One that is in two versions of a package is permitted once.
    rows.dedup_by_key(|row| (row.id, row.source));
    rows.into_iter().take(MAX_ENTRIES).map(entry).collect()
}

/// A text as a scalar of YAML: plain where nothing in it means anything, else in double quotes (YAML
/// 1.2.2, §7.3.1).
fn scalar(text: &str) -> String {
    let text = one_line(text);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
    let starts = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
    if starts
        && text.chars().all(plain)
        && !matches!(text.as_ref(), "true" | "false" | "null" | "yes" | "no")
    {
        return text.into_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}
