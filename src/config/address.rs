//! Where a registry and a store lie: `file:///srv/images`, `./registry`.

use camino::{Utf8Path, Utf8PathBuf};
use indexmap::IndexMap;
use url::Url;

use super::context::Context;
use super::field::Field;
use super::keys::Keys;
use super::node::Value;
use super::{path, unavailable};
use crate::diagnostics::{Diagnostic, Span, quoted};
use crate::model::{Address, StoreAddress};

/// Schemes of object stores.
const OBJECT_STORES: [&str; 4] = ["s3", "gs", "az", "https"];

/// An address as it is written.
pub(super) enum Written<T> {
    /// One that this version reaches.
    Reached(T),
    /// One that it does not reach yet.
    Later(Diagnostic),
}

/// Reads `registry`.
pub(super) fn registry(field: Field<'_>, context: &mut Context) -> Option<Written<Address>> {
    let text = match &field.node.value {
        Value::Scalar(scalar) => scalar.text.as_str(),
        _ => "",
    };
    if text == "git" || is_object_store(text) {
        let help = "a folder is possible: `registry: ./registry`";
        return Some(Written::Later(unavailable::value(field, text).help(help)));
    }
    folder(field, "./registry", context).map(|folder| Written::Reached(Address::Directory(folder)))
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

/// The kinds of stores that this version does not reach, with the key that each needs.
const LATER: [(&str, &str, &str); 3] = [
    ("object", "url", "s3://bucket/images"),
    ("oci", "ref", "registry.example.org/images"),
    ("package", "token_env", "PACKAGE_TOKEN"),
];

fn store(field: Field<'_>, context: &mut Context) -> Option<Written<StoreAddress>> {
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
    for (kind, key, example) in LATER {
        let later = keys.read(kind, context, |field, context| {
            let within = format!("in `{kind}`");
            let mut keys = Keys::of(field, within, &format!("{key}: {example}"), context)?;
            let help = format!("for example `{key}: {example}`");
            keys.required(key, help, context, |field, context| {
                field.text("text", example, context)
            });
            keys.finish(context);
            Some(unavailable::value(field, kind))
        });
        found.extend(later.map(Written::Later));
    }
    let folder = keys.read("dir", context, directory);
    found.extend(folder.map(|folder| Written::Reached(StoreAddress::Directory(folder))));
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

fn is_object_store(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| OBJECT_STORES.contains(&scheme))
}

fn directory(field: Field<'_>, context: &mut Context) -> Option<Utf8PathBuf> {
    const EXAMPLE: &str = r#"url: "file:///srv/images""#;
    let mut keys = Keys::of(field, "in `dir`", EXAMPLE, context)?;
    let help = format!("for example `{EXAMPLE}`");
    let folder = keys.required("url", &help, context, |field, context| {
        folder(field, r#""file:///srv/images""#, context)
    });
    keys.finish(context);
    folder
}

/// A folder: a `file://` URL, or a path that can be told from a word.
fn folder(field: Field<'_>, example: &str, context: &mut Context) -> Option<Utf8PathBuf> {
    let text = field.text("the address of a folder", example, context)?;
    let found = folder_address(text, &context.folder);
    match found {
        Ok(folder) => Some(folder),
        Err(why) => {
            let message = format!("{} is not the address of a folder", quoted(text));
            let problem = field.error("bad-address", message, why);
            let word = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
            context.push(if is_object_store(text) {
                problem.help("object stores are written `{ object: { url: … } }`")
            } else if !is_path(text) && text.chars().all(word) {
                problem.help(format!("write `./{text}` for a folder beside this file"))
            } else {
                problem
            });
            None
        }
    }
}

/// Whether `text` can be told from a word: `./images`, `../images`, `/srv/images`.
fn is_path(text: &str) -> bool {
    ["./", "../", "/"].iter().any(|start| text.starts_with(start))
}

/// The folder that `text` names, a `file://` URL or a path from `base`; or why it names none.
pub fn folder_address(text: &str, base: &Utf8Path) -> Result<Utf8PathBuf, &'static str> {
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
