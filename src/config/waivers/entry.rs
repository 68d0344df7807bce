//! One waiver.

use super::EXAMPLE;
use crate::config::context::Context;
use crate::config::evidence::date;
use crate::config::field::Field;
use crate::config::keys::Keys;
use crate::config::node::Value;
use crate::diagnostics::quoted;
use crate::model::{NameGlob, Waiver};

/// A waiver, and where its values stand.
pub(super) struct Entry<'n> {
    pub(super) waiver: Waiver,
    /// Its advisory.
    pub(super) id: Field<'n>,
    /// Its last day.
    pub(super) until: Field<'n>,
    /// Each pattern of images.
    pub(super) images: Vec<Field<'n>>,
    /// How many patterns of packages it has.
    pub(super) packages: usize,
}

/// Longest id, in bytes.
const LONGEST_ID: usize = 200;

/// Reads the waiver that begins in `line`.
pub(super) fn read<'n>(field: Field<'n>, line: usize, context: &mut Context) -> Option<Entry<'n>> {
    if !matches!(field.node.value, Value::Mapping(_)) {
        let problem = field.mismatch("a waiver");
        context.push(problem.help(format!("for example:{EXAMPLE}")));
        return None;
    }
    let mut keys = Keys::of(field, "in a waiver", "id: CVE-2026-1234", context)?;
    let id = keys.required("id", "names the finding: `id: CVE-2026-1234`", context, |f, c| {
        Some((id(f, c)?, f))
    });
    let images = keys.read("images", context, |f, c| patterns(f, "[debian-*]", c));
    let packages = keys.read("packages", context, |f, c| patterns(f, "[openssl, libssl*]", c));
    let help = "`reason` is a sentence that a reviewer can judge";
    let reason = keys.required("reason", help, context, |f, c| {
        f.written("a reason", "the vulnerable module is not loaded", c)
    });
    let help = "`until` is the last day on which it holds: `until: 2026-12-31`";
    let until = keys.required("until", help, context, |f, c| Some((date(f, c)?, f)));
    let by = keys.read("by", context, |f, c| f.written("a name", "ann@example.org", c));
    keys.misplaced(&["expired_at"], "to ignore files of Trivy: it is called `until` here", context);
    keys.misplaced(&["statement"], "to ignore files of Trivy: it is called `reason` here", context);
    keys.finish(context);
    let ((id, id_field), (until, until_field)) = (id?, until?);
    let (images, image_fields) = images.unwrap_or_default().into_iter().unzip();
    let packages: Vec<String> =
        packages.unwrap_or_default().into_iter().map(|(glob, _)| glob).collect();
    Some(Entry {
        id: id_field,
        until: until_field,
        images: image_fields,
        packages: packages.len(),
        waiver: Waiver {
            id,
            images,
            packages,
            reason: reason?.trim().to_owned(),
            until,
            by: by.map(|by| by.trim().to_owned()),
            line,
        },
    })
}

/// An advisory: a word, as scanners write it.
fn id(field: Field<'_>, context: &mut Context) -> Option<String> {
    let text = field.written("an advisory", "CVE-2026-1234", context)?;
    let why = if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        "it is one word, such as `CVE-2026-1234`; each has a waiver of its own".to_owned()
    } else if text.len() > LONGEST_ID {
        "it is too long".to_owned()
    } else if text.contains(['*', '?']) {
        "a pattern would permit what nobody has looked at".to_owned()
    } else {
        match misspelt_cve(text) {
            Some(why) => why,
            None => return Some(text.to_owned()),
        }
    };
    let message = format!("{} is not the id of an advisory", quoted(text));
    context.push(field.error("bad-advisory", message, why));
    None
}

/// What is wrong with an id that wants to be one of CVE's.
fn misspelt_cve(text: &str) -> Option<String> {
    let upper = text.to_uppercase();
    let rest = upper.strip_prefix("CVE")?;
    let parts: Vec<&str> = rest.trim_start_matches(['-', '_']).split(['-', '_']).collect();
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let [year, number] = parts.as_slice() else {
        return Some("expected `CVE-YEAR-NUMBER`".to_owned());
    };
    if year.len() != 4 || number.len() < 4 || !digits(year) || !digits(number) {
        return Some("expected `CVE-YEAR-NUMBER`, with four digits or more".to_owned());
    }
    let right = format!("CVE-{year}-{number}");
    (right != text).then(|| format!("did you mean `{right}`?"))
}

/// Patterns of names, each where it stands.
fn patterns<'n>(
    field: Field<'n>,
    example: &str,
    context: &mut Context,
) -> Option<Vec<(String, Field<'n>)>> {
    let entries = field.list("a list of names and patterns", example, context)?;
    if entries.is_empty() {
        let message = format!("`{}` is empty", field.key);
        let problem = field.error("empty-list", message, "names nothing");
        context.push(problem.help(format!("leave `{}` out to mean all", field.key)));
        return None;
    }
    let read = entries.into_iter().filter_map(|entry| {
        let text = entry.written("a name or a pattern", example, context)?;
        if NameGlob::new(text).is_none() {
            let message = format!("{} is not a pattern of names", quoted(text));
            let label = "`*`, `?`, `[ab]` and `{a,b}` are possible";
            context.push(entry.error("bad-pattern", message, label));
            return None;
        }
        Some((text.to_owned(), entry))
    });
    Some(read.collect())
}
