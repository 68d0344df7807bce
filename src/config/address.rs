//! Where a registry and a store lie: `file:///srv/images`, `./registry`, `git`, `s3://bucket/images`.

use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};
use indexmap::IndexMap;
use url::Url;

use super::context::Context;
use super::field::Field;
use super::keys::Keys;
use super::node::Value;
use super::{path, unavailable};
use crate::diagnostics::{Diagnostic, Span, quoted};
use crate::model::{Address, AddressError, GitAddress, ObjectsAddress, StoreAddress};

/// A store as it is written.
enum Written {
    /// One that this version reaches.
    Reached(StoreAddress),
    /// One that it does not reach yet.
    Later(Diagnostic),
}

/// Reads `registry`.
pub(super) fn registry(field: Field<'_>, context: &mut Context) -> Option<Address> {
    let text = field.text("the address of a registry", "./registry", context)?;
    registry_address(text, &context.folder)
        .map_err(|why| refuse(field, text, "a registry", why, context))
        .ok()
}

/// The registry that `text` names: `git`, `git+https://…`, an object store (`s3://…`), or a folder, from
/// `base`; or why it names none.
pub fn registry_address(text: &str, base: &Utf8Path) -> Result<Address, AddressError> {
    if text == "git" {
        Ok(Address::Git(GitAddress::surrounding(base)))
    } else if GitAddress::claims(text) {
        text.parse().map(Address::Git)
    } else if ObjectsAddress::claims(text) {
        text.parse().map(Address::Objects)
    } else {
        folder_address(text, base).map(Address::Directory)
    }
}

/// The store that `text` names: an object store (`s3://…`), an OCI registry (`oci://…`), or a folder,
/// from `base`; or why it names none.
pub fn store_address(text: &str, base: &Utf8Path) -> Result<StoreAddress, AddressError> {
    if let Some(reference) = text.strip_prefix("oci://") {
        reference.parse().map(StoreAddress::Oci)
    } else if ObjectsAddress::claims(text) {
        text.parse().map(StoreAddress::Objects)
    } else {
        folder_address(text, base).map(StoreAddress::Directory)
    }
}

/// Reads `stores`: those that this version reaches, and that there are others.
pub(super) fn stores(
    field: Field<'_>,
    context: &mut Context,
) -> Option<(Vec<StoreAddress>, Option<Diagnostic>)> {
    const EXAMPLE: &str = r#"[{ dir: { url: "file:///srv/images" } }]"#;
    let entries = field.list("a list of stores", EXAMPLE, context)?;
    if entries.is_empty() {
        let message = "`stores` is empty: a version would have nowhere to go";
        let problem = field.error("no-store", message, "names no store");
        context.push(problem.help(format!("for example `stores: {EXAMPLE}`")));
        return None;
    }
    let mut stores: IndexMap<StoreAddress, Span> = IndexMap::new();
    let mut later = None;
    for entry in &entries {
        match store(*entry, context) {
            None => {}
            Some(Written::Later(diagnostic)) => later = later.or(Some(diagnostic)),
            Some(Written::Reached(store)) => {
                if let Some(first) = stores.get(&store) {
                    let message = "the same store is named twice";
                    let problem = entry.error("duplicate-store", message, "again here");
                    context.push(problem.context(*first, "first here"));
                } else {
                    stores.insert(store, entry.node.span);
                }
            }
        }
    }
    Some((stores.into_keys().collect(), later))
}

fn store(field: Field<'_>, context: &mut Context) -> Option<Written> {
    let word = match &field.node.value {
        Value::Scalar(scalar) => scalar.text.as_str(),
        _ => "",
    };
    if matches!(word, "release" | "proxmox") {
        return Some(Written::Later(unavailable::value(field, word)));
    }
    let example = r#"dir: { url: "file:///srv/images" }"#;
    if !matches!(field.node.value, Value::Mapping(_)) {
        let example = format!("[{{ {example} }}]");
        field.wrong_type("a store", &example, context);
        return None;
    }
    let mut keys = Keys::of(field, "in a store", example, context)?;
    let mut found = Vec::new();
    let folder = keys.read("dir", context, |field, context| {
        let example = r#""file:///srv/images""#;
        inner(field, "dir", "url", example, context, |field, context| {
            folder(field, example, context)
        })
    });
    found.extend(folder.map(|folder| Written::Reached(StoreAddress::Directory(folder))));
    let objects = keys.read("object", context, |field, context| {
        let example = r#""s3://bucket/images""#;
        inner(field, "object", "url", example, context, |field, context| {
            parsed(field, "the address of an object store", example, context)
        })
    });
    found.extend(objects.map(|objects| Written::Reached(StoreAddress::Objects(objects))));
    let oci = keys.read("oci", context, |field, context| {
        let example = "registry.example.org/images";
        inner(field, "oci", "ref", example, context, |field, context| {
            parsed(field, "repositories of an OCI registry", example, context)
        })
    });
    found.extend(oci.map(|reference| Written::Reached(StoreAddress::Oci(reference))));
    let package = keys.read("package", context, |field, context| {
        let read = |field: Field<'_>, context: &mut Context| {
            field.text("text", "PACKAGE_TOKEN", context).map(drop)
        };
        inner(field, "package", "token_env", "PACKAGE_TOKEN", context, read);
        Some(unavailable::value(field, "package"))
    });
    found.extend(package.map(Written::Later));
    if keys.is_empty() {
        let message = "a store is empty: its kind is missing";
        let problem = field.error("missing-key", message, "names no kind of store");
        context.push(problem.help(format!("for example `{example}`")));
    }
    keys.finish(context);
    if found.len() > 1 {
        let message = "a store is of one kind";
        let problem = field.error("duplicate-store", message, "names several");
        context.push(problem.help("write each as an entry of its own"));
    }
    found.pop()
}

/// What is below a kind of store: one key.
fn inner<T>(
    field: Field<'_>,
    kind: &str,
    key: &'static str,
    example: &str,
    context: &mut Context,
    read: impl FnOnce(Field<'_>, &mut Context) -> Option<T>,
) -> Option<T> {
    let example = format!("{key}: {example}");
    let mut keys = Keys::of(field, format!("in `{kind}`"), &example, context)?;
    let found = keys.required(key, format!("for example `{example}`"), context, read);
    keys.finish(context);
    found
}

fn parsed<T: FromStr<Err = AddressError>>(
    field: Field<'_>,
    expected: &'static str,
    example: &str,
    context: &mut Context,
) -> Option<T> {
    let text = field.text(expected, example, context)?;
    text.parse().map_err(|why| refuse(field, text, expected, why, context)).ok()
}

fn refuse(field: Field<'_>, text: &str, what: &str, why: AddressError, context: &mut Context) {
    let what = what.strip_prefix("the address of ").unwrap_or(what);
    let message = format!("{} is not the address of {what}", quoted(text));
    let problem = field.error("bad-address", message, why.why());
    context.push(match suggested(text) {
        Some(help) => problem.help(help),
        None => problem,
    });
}

/// What a text that is a word may be meant for.
fn suggested(text: &str) -> Option<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    (!is_path(text) && text.chars().all(is_word))
        .then(|| format!("write `./{text}` for a folder beside this file"))
}

/// A folder: a `file://` URL, or a path that can be told from a word.
fn folder(field: Field<'_>, example: &str, context: &mut Context) -> Option<Utf8PathBuf> {
    let text = field.text("the address of a folder", example, context)?;
    let found = folder_address(text, &context.folder);
    if found.is_err() && ObjectsAddress::claims(text) {
        let message = format!("{} is not the address of a folder", quoted(text));
        let problem = field.error("bad-address", message, "expected `file:///` or a path");
        context.push(problem.help("object stores are written `{ object: { url: … } }`"));
        return None;
    }
    found.map_err(|why| refuse(field, text, "a folder", why, context)).ok()
}

/// Whether `text` can be told from a word: `./images`, `../images`, `/srv/images`.
fn is_path(text: &str) -> bool {
    ["./", "../", "/"].iter().any(|start| text.starts_with(start))
}

/// The folder that `text` names, a `file://` URL or a path from `base`; or why it names none.
pub(super) fn folder_address(text: &str, base: &Utf8Path) -> Result<Utf8PathBuf, AddressError> {
    folder_or_why(text, base).map_err(AddressError::new)
}

fn folder_or_why(text: &str, base: &Utf8Path) -> Result<Utf8PathBuf, &'static str> {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    let folder = match scheme {
        None if text.starts_with('~') => return Err("`~` is not expanded: write the path itself"),
        Some("file") => from_url(text)?,
        Some(_) => return Err("expected `file:///` or a path"),
        None if is_path(text) => path::resolve(base, text),
        None => return Err("a path starts with `./`, `../` or `/` here"),
    };
    match path::objection(folder.as_str()) {
        Some(why) => Err(why),
        None if folder == "/" => Err("the root of the file system is no place for this"),
        None => Ok(folder),
    }
}

fn from_url(text: &str) -> Result<Utf8PathBuf, &'static str> {
    const FORM: &str = "expected `file:///` and an absolute path";
    let url = Url::parse(text).map_err(|_| FORM)?;
    if url.host_str().is_some_and(|host| !host.is_empty()) {
        return Err("`file://` takes three slashes and an absolute path: `file:///srv/images`");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("a `file://` address has no `?` and no `#`: write them as `%3F` and `%23`");
    }
    let path = url.to_file_path().map_err(|()| FORM)?;
    let path = Utf8PathBuf::from_path_buf(path).map_err(|_| "the path is not UTF-8")?;
    Ok(path::resolve("/".into(), path.as_str()))
}
