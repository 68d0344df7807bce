//! `evidence:` of an image: where the gate looks.

use camino::Utf8Path;
use jiff::civil;

use super::context::Context;
use super::field::Field;
use super::keys::Keys;
use super::node::Value;
use super::{path, unavailable};
use crate::diagnostics::{Diagnostic, quoted};
use crate::model::{Digest, EvidencePolicy, SbomSource, Scope, Strategy};

/// The strategies that a single word names. That a clone can be made is for later.
const STRATEGIES: [(&str, Word); 6] = [
    ("auto", Word::Auto),
    ("disk", Word::Disk),
    ("clone", Word::Clone),
    ("guest", Word::Guest),
    ("container", Word::Container),
    ("rootfs", Word::Rootfs),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Auto,
    Disk,
    Clone,
    Guest,
    Container,
    Rootfs,
}

impl Word {
    fn strategy(self) -> Strategy {
        match self {
            Self::Auto => Strategy::Auto,
            Self::Disk => Strategy::Disk,
            Self::Clone => Strategy::Clone,
            Self::Guest => Strategy::Guest,
            Self::Container => Strategy::Container,
            Self::Rootfs => Strategy::Rootfs,
        }
    }
}

/// Reads `evidence`, and what of it comes later.
pub(super) fn read(
    field: Field<'_>,
    context: &mut Context,
) -> Option<(EvidencePolicy, Option<Diagnostic>)> {
    if !matches!(field.node.value, Value::Mapping(_)) {
        let word = field.choice("a strategy", &STRATEGIES, context)?;
        return Some(policy(field, word, Scope::Os));
    }
    let mut keys = Keys::of(field, "in `evidence`", "from: disk", context)?;
    let from = keys.read("from", context, |field, context| {
        Some((field, field.choice("a strategy", &STRATEGIES, context)?))
    });
    let scope = keys.read("scope", context, |field, context| {
        Some((
            field,
            field.choice("a scope", &[("os", Scope::Os), ("full", Scope::Full)], context)?,
        ))
    });
    let digest =
        keys.read("sha256", context, |field, context| Some((field, sha256(field, context))));
    let sbom = keys.read("sbom", context, |field, context| {
        Some((
            field,
            sbom(
                field,
                digest.map_or(Stated::Nothing, |(_, digest)| {
                    digest.map_or(Stated::Wrong, Stated::Digest)
                }),
                context,
            ),
        ))
    });
    let scanner = keys.read("scanner", context, |field, context| {
        let command = field.command("a command", "./scan.sh", context)?;
        Some((field, Strategy::Scanner(command.to_owned())))
    });
    let skip = keys.read("skip", context, |field, context| Some((field, skip(field, context))));
    keys.finish(context);

    if let (Some((field, _)), None) = (digest, &sbom) {
        let message = "`sha256` is the digest of an `sbom` that is not there";
        context.push(field.error("missing-key", message, "of what?"));
    }
    let others = [sbom, scanner.map(|(field, found)| (field, Some(found))), skip];
    let others: Vec<(Field<'_>, Option<Strategy>)> = others.into_iter().flatten().collect();
    let places = from.iter().map(|(field, _)| *field).chain(others.iter().map(|(field, _)| *field));
    if let Some(second) = places.clone().nth(1) {
        let named: Vec<&str> = places.map(|field| field.key).collect();
        let message =
            format!("`evidence` names {} ways to look: {}", named.len(), named.join(", "));
        context.push(second.error("misplaced-key", message, "only one of them is possible"));
        return None;
    }
    if let (Some((field, _)), [(other, _), ..]) = (scope, others.as_slice()) {
        let message = format!("`scope` is not possible with `{}`", other.key);
        context.push(field.error(
            "misplaced-key",
            message,
            "what is looked at is not up to goldsmith",
        ));
        return None;
    }
    let scope = scope.map_or(Scope::Os, |(_, scope)| scope);
    if let Some((_, strategy)) = others.into_iter().next() {
        return Some((EvidencePolicy { from: strategy?, scope }, None));
    }
    let (field, word) = from.unwrap_or((field, Word::Auto));
    Some(policy(field, word, scope))
}

fn policy(field: Field<'_>, word: Word, scope: Scope) -> (EvidencePolicy, Option<Diagnostic>) {
    let later = (word == Word::Clone).then(|| unavailable::value(field, "clone"));
    (EvidencePolicy { from: word.strategy(), scope }, later)
}

/// 64 hexadecimal digits, with or without `sha256:`.
fn sha256(field: Field<'_>, context: &mut Context) -> Option<Digest> {
    let text = field.text("a digest", "e3b0c44298fc1c149afbf4c8996fb924…", context)?;
    let plain = text.strip_prefix("sha256:").unwrap_or(text).to_lowercase();
    let digest = format!("sha256:{plain}").parse().ok();
    if digest.is_none() {
        let message = format!("{} is no SHA-256 digest", quoted(text));
        context.push(field.error("bad-digest", message, "expected 64 hexadecimal digits"));
    }
    digest
}

/// What `sha256` says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stated {
    Nothing,
    /// Something that is no digest, which is told already.
    Wrong,
    Digest(Digest),
}

/// An address, a path in the image, or a file beside `images.yml`.
fn sbom(field: Field<'_>, stated: Stated, context: &mut Context) -> Option<Strategy> {
    let text = field.text("an address or a path", "https://example.org/sbom.json", context)?;
    let source = if text.starts_with("https://") || text.starts_with("http://") {
        let digest = match stated {
            Stated::Digest(digest) => digest,
            Stated::Wrong => return None,
            Stated::Nothing => {
                let message = "an inventory from an address needs `sha256`";
                let label = "whoever answers there could say anything";
                context.push(field.error("missing-key", message, label));
                return None;
            }
        };
        if url::Url::parse(text).is_err() {
            let message = format!("{} is no address", quoted(text));
            context.push(field.error("bad-address", message, "cannot be understood"));
            return None;
        }
        SbomSource::Address { url: text.to_owned(), digest }
    } else {
        let folder = context.folder.clone();
        let path = path::read(field, &folder, "sbom.json", context)?;
        if !Utf8Path::new(text).is_absolute() {
            let digest = match stated {
                Stated::Digest(digest) => Some(digest),
                Stated::Nothing => None,
                Stated::Wrong => return None,
            };
            SbomSource::File { path, digest }
        } else if stated != Stated::Nothing {
            let message = "`sha256` is for an inventory from an address or a file";
            let label = "this is a path in the image, which differs with every build";
            context.push(field.error("misplaced-key", message, label));
            return None;
        } else {
            SbomSource::InImage(path.into_string())
        }
    };
    Some(Strategy::Sbom(source))
}

fn skip(field: Field<'_>, context: &mut Context) -> Option<Strategy> {
    let mut keys = Keys::of(field, "in `skip`", r#"reason: "…", until: 2026-12-31"#, context)?;
    let help = "a reason that a reviewer can judge";
    let reason = keys
        .required("reason", help, context, |field, context| field.text("a reason", "…", context));
    let until = keys.required("until", "for example `until: 2026-12-31`", context, date);
    keys.finish(context);
    Some(Strategy::Skip { reason: reason?.trim().to_owned(), until: until? })
}

/// Reads a day of the calendar.
pub(super) fn date(field: Field<'_>, context: &mut Context) -> Option<civil::Date> {
    let text = field.text("a day", "2026-12-31", context)?;
    let day = text.parse::<civil::Date>().ok().filter(|_| text.len() == 10);
    if day.is_none() {
        let message = format!("{} is not a day", quoted(text));
        context.push(field.error("bad-date", message, "expected a day such as `2026-12-31`"));
    }
    day
}
