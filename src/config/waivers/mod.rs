//! `waivers.yml`: reviewed, reasoned, expiring permissions for single findings. Read as strictly as
//! `images.yml`: what a scanner's ignore file passes over in silence is an error here.

mod entry;
mod prune;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use camino::Utf8Path;
use jiff::civil;

use self::entry::Entry;
use super::context::Context;
use super::document::decode;
use super::field::Field;
use super::node::{Node, Value};
use super::yaml;
use crate::diagnostics::{Problems, Sources, Span, quoted};
use crate::model::{ImageName, NameGlob, Waiver};

pub use self::prune::{NotPruned, without_waivers};

/// How an entry could look.
const EXAMPLE: &str = "
- id: CVE-2026-1234
  images: [debian-*]
  reason: the vulnerable module is not loaded
  until: 2026-12-31";

/// So many waivers and patterns are read: more are no list that anybody reviews.
const MOST: usize = 5_000;

/// What a file with waivers is checked against.
#[derive(Debug, Clone)]
pub struct WaiverChecks<'a> {
    /// The images that the file is for, and how far away the end of a waiver may be for each.
    pub images: BTreeMap<&'a ImageName, Duration>,
    /// Today, in UTC.
    pub today: civil::Date,
}

/// Reads a file with waivers that lies at `path` and holds `bytes`: all of them, or nothing and the
/// reasons, which are added to `problems`, as warnings are.
pub fn look_at_waivers(
    path: &Utf8Path,
    bytes: &[u8],
    checks: &WaiverChecks<'_>,
    mut problems: Problems,
) -> (Option<Vec<Waiver>>, Problems) {
    let decoded = decode(bytes);
    let source = match &decoded {
        Ok(text) => problems.add_source(path, text.clone()),
        Err(undecoded) => problems.add_source(path, undecoded.shown.clone()),
    };
    let mut context = Context::new(path.parent().unwrap_or(path).to_owned(), problems);
    let root = decoded
        .as_ref()
        .map_err(|undecoded| undecoded.problem(source))
        .and_then(|text| yaml::parse(text, source));
    let read = match root {
        Ok(root) => list(path, root.as_ref(), checks, &mut context),
        Err(problem) => {
            context.push(problem);
            None
        }
    };
    (read.filter(|_| !context.failed), context.problems.in_order())
}

/// The waivers of `text`, if it has no error of its own: without looking at images.
pub fn waivers_of(text: &str) -> Option<Vec<Waiver>> {
    let checks = WaiverChecks { images: BTreeMap::new(), today: civil::Date::MAX };
    look_at_waivers(
        "waivers.yml".into(),
        text.as_bytes(),
        &checks,
        Problems::new(Sources::default()),
    )
    .0
}

fn list(
    path: &Utf8Path,
    root: Option<&Node>,
    checks: &WaiverChecks<'_>,
    context: &mut Context,
) -> Option<Vec<Waiver>> {
    // No waiver is what people wish for.
    let Some(root) = root else { return Some(Vec::new()) };
    let file = path.file_name().unwrap_or("waivers.yml");
    let field = Field { key: file, node: root };
    let Value::Sequence(items) = &root.value else {
        let problem = field.mismatch("a list of waivers");
        context.push(problem.help(format!("for example:{EXAMPLE}")));
        return None;
    };
    if items.len() > MOST {
        let message = format!("the file has {} waivers, and at most {MOST} are read", items.len());
        context.push(field.error("too-many-waivers", message, "nobody reviews so many"));
        return None;
    }
    let read = items.iter().filter_map(|node| {
        let field = Field { key: file, node };
        let line = context.line(node.alias.as_deref().copied().unwrap_or(node.span));
        entry::read(field, line, context)
    });
    let entries: Vec<Entry<'_>> = read.collect();
    let patterns: usize = entries.iter().map(|entry| entry.images.len() + entry.packages).sum();
    if patterns > MOST {
        let message = format!("the file has {patterns} patterns, and at most {MOST} are read");
        context.push(field.error("too-many-waivers", message, "nobody reviews so many"));
        return None;
    }
    duplicates(&entries, context);
    if !checks.images.is_empty() {
        scopes(&entries, checks, context);
    }
    Some(entries.into_iter().map(|entry| entry.waiver).collect())
}

/// Tells of entries that permit the same as an earlier one: which of two reasons and days counts?
fn duplicates(entries: &[Entry<'_>], context: &mut Context) {
    let mut seen: BTreeMap<(&str, BTreeSet<&str>, BTreeSet<&str>), Span> = BTreeMap::new();
    for entry in entries {
        let Waiver { id, images, packages, .. } = &entry.waiver;
        let scope = (id.as_str(), globs(images), globs(packages));
        if let Some(first) = seen.get(&scope) {
            let message = format!("{} is waived twice for the same", quoted(id));
            let problem = entry.id.error("duplicate-waiver", message, "again here");
            context.push(problem.context(*first, "first here"));
        } else {
            seen.insert(scope, entry.id.node.span);
        }
    }
}

fn globs(texts: &[String]) -> BTreeSet<&str> {
    texts.iter().map(String::as_str).collect()
}

/// Tells of patterns that match no image, and of waivers that last too long for one.
fn scopes(entries: &[Entry<'_>], checks: &WaiverChecks<'_>, context: &mut Context) {
    let mut matched: BTreeMap<&str, Vec<&ImageName>> = BTreeMap::new();
    for entry in entries {
        for (glob, field) in entry.waiver.images.iter().zip(&entry.images) {
            let of_glob = matched.entry(glob).or_insert_with(|| {
                let pattern = NameGlob::new(glob);
                let names = checks.images.keys().copied();
                names
                    .filter(|name| pattern.as_ref().is_some_and(|p| p.matches(name.as_str())))
                    .collect()
            });
            if of_glob.is_empty() {
                let names = checks.images.keys().map(|name| name.as_str());
                let label = context.did_you_mean(glob, names);
                let message = format!("no image that this file is for is called {}", quoted(glob));
                let label = label.unwrap_or_else(|| "matches no image".to_owned());
                context.push(field.warning("idle-pattern", message, label));
            }
        }
        let named = entry.waiver.images.iter().filter_map(|glob| matched.get(glob.as_str()));
        let all = checks.images.keys().copied();
        let images: Vec<&ImageName> = if entry.waiver.images.is_empty() {
            all.collect()
        } else {
            named.flatten().copied().collect()
        };
        let limits = images.into_iter().map(|name| (checks.images[name], name));
        let Some((limit, image)) = limits.min() else { continue };
        let days = i32::try_from(limit.as_secs() / 86_400).unwrap_or(i32::MAX);
        let last = checks.today.saturating_add(jiff::Span::new().days(days.min(3650)));
        if entry.waiver.until > last {
            let message = format!(
                "{} is waived until {}, and that is too far away",
                quoted(&entry.waiver.id),
                entry.waiver.until
            );
            let label = format!("at most until {last} by now");
            let problem = entry.until.error("waiver-too-long", message, label);
            context.push(problem.help(format!(
                "`max_waiver` of image `{image}` is {days} days: look at it again then"
            )));
        }
    }
}

/// Reads `bytes` as a file with waivers, and takes waivers out. Panics if that shows a fault of the
/// reader; to be called by fuzzers.
#[doc(hidden)]
pub fn fuzz(bytes: &[u8]) {
    let image: ImageName = "debian-12".parse().expect("a valid name");
    let checks = WaiverChecks {
        images: [(&image, Duration::from_hours(24))].into(),
        today: civil::Date::constant(2026, 11, 23),
    };
    let problems = Problems::new(Sources::default());
    let (waivers, problems) = look_at_waivers("waivers.yml".into(), bytes, &checks, problems);
    assert_eq!(waivers.is_none(), problems.has_errors(), "neither waivers nor an error");
    let shown = problems.to_string();
    assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
    if let (Some(waivers), Ok(text)) = (waivers, str::from_utf8(bytes)) {
        for gone in [BTreeSet::from([0]), (0..waivers.len()).collect()] {
            // That what is left is right is checked there.
            let _ = without_waivers(text, &gone);
        }
    }
}

#[cfg(test)]
mod tests;
