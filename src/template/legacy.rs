//! Templates in Packer's older language: JSON with `builders`, `provisioners` and `variables`.
//!
//! They become the same tree as HCL, with the places of the JSON, so that everything that is read from
//! one is read from the other:
//!
//! - a builder is a `source` block, called by its `name`, or else by its type;
//! - the whole is one `build` block, with provisioners and post-processors in it;
//! - `{{user "x"}}` is `var.x`, `{{template_dir}}` is `path.root`, and of everything else in such braces
//!   only Packer knows what comes of it.

use std::collections::HashSet;

use super::json;
use super::syntax::{Attribute, Block, Body, Expr, ExprKind, Item, Piece, Step, Word};
use crate::diagnostics::Span;

/// The key of what runs in guests. Also an attribute of the `build` block, for those who add to it.
pub(super) const PROVISIONERS: &str = "provisioners";

/// The template `whole`; an error with its place if it is none.
pub(super) fn body(whole: &Expr) -> Result<Body, (&'static str, Span)> {
    let ExprKind::Object(entries) = &whole.kind else {
        return Err(("a template is an object", whole.span));
    };
    once(entries)?;
    let of = |name| find(entries, name);
    let mut items = variables(of("variables"), of("sensitive-variables"));
    let builders = of("builders").map(|(_, value)| list(value)).transpose()?.unwrap_or_default();
    for builder in builders {
        items.push(Item::Block(source(builder)?));
    }
    let mut build = Vec::new();
    if let Some((key, value)) = of(PROVISIONERS) {
        for step in list(value)? {
            build.push(Item::Block(step_block("provisioner", step)?));
        }
        build.extend(attribute(key, value.clone()));
    }
    if let Some((_, step)) = of("error-cleanup-provisioner") {
        build.push(Item::Block(step_block("error-cleanup-provisioner", step)?));
    }
    if let Some((_, value)) = of("post-processors") {
        for step in elements(value) {
            // A list in the list is a row of them, each with what the one before has made.
            for step in elements(step) {
                build.push(Item::Block(step_block("post-processor", step)?));
            }
        }
    }
    items.push(Item::Block(Block {
        name: Word { text: "build".to_owned(), span: start(whole.span) },
        labels: Vec::new(),
        body: Body { items: build },
        span: whole.span,
    }));
    Ok(Body { items })
}

/// The entry of this name. Packer does not look at the case of letters.
fn find<'e>(entries: &'e [Entry], name: &str) -> Option<&'e Entry> {
    entries.iter().find(|(key, _)| key.as_text().is_some_and(|key| key.eq_ignore_ascii_case(name)))
}

/// An error if a name stands there twice: Packer would take the last one. It takes some letters that
/// are none of ASCII for others that are.
fn once(entries: &[Entry]) -> Result<(), (&'static str, Span)> {
    let mut seen = HashSet::new();
    for (key, _) in entries {
        let name = key.as_text().unwrap_or_default();
        if !name.is_ascii() {
            return Err(("expected a name of Latin letters", key.span));
        }
        if !seen.insert(name.to_ascii_lowercase()) {
            return Err(("this stands here twice", key.span));
        }
    }
    Ok(())
}

fn start(span: Span) -> Span {
    Span { end: span.start + 1, ..span }
}

fn list(value: &Expr) -> Result<&[Expr], (&'static str, Span)> {
    match &value.kind {
        ExprKind::List(elements) => Ok(elements),
        ExprKind::Null => Ok(&[]),
        _ => Err(("expected a list", value.span)),
    }
}

/// The elements of a list, or what stands alone.
fn elements(value: &Expr) -> Vec<&Expr> {
    match &value.kind {
        ExprKind::List(elements) => elements.iter().collect(),
        ExprKind::Null => Vec::new(),
        _ => vec![value],
    }
}

fn attribute(key: &Expr, value: Expr) -> Option<Item> {
    let span = Span { end: value.span.end, ..key.span };
    Some(Item::Attribute(Attribute { name: json::word(key)?, value, span }))
}

type Entry = (Expr, Expr);

fn variables(declared: Option<&Entry>, sensitive: Option<&Entry>) -> Vec<Item> {
    let sensitive = sensitive.map(|(_, names)| elements(names)).unwrap_or_default();
    let Some((_, Expr { kind: ExprKind::Object(declared), .. })) = declared else {
        return Vec::new();
    };
    let blocks = declared.iter().filter_map(|(key, value)| {
        let name = json::word(key)?;
        let mut items = Vec::new();
        let fixed = |name: &str, kind| {
            let name = Word { text: name.to_owned(), span: value.span };
            Item::Attribute(Attribute {
                name,
                value: Expr { kind, span: value.span },
                span: value.span,
            })
        };
        // Without a value it has to be set: `null`.
        if value.kind != ExprKind::Null {
            items.push(fixed("default", filled(value).kind));
        }
        if sensitive.iter().any(|it| it.as_text() == Some(&name.text)) {
            items.push(fixed("sensitive", ExprKind::Bool(true)));
        }
        let span = Span { end: value.span.end, ..key.span };
        let word = Word { text: "variable".to_owned(), span: key.span };
        Some(Item::Block(Block { name: word, labels: vec![name], body: Body { items }, span }))
    });
    blocks.collect()
}

fn source(builder: &Expr) -> Result<Block, (&'static str, Span)> {
    let ExprKind::Object(entries) = &builder.kind else {
        return Err(("a builder is an object", builder.span));
    };
    once(entries)?;
    let of = |name| find(entries, name);
    let kind = of("type").and_then(|(_, value)| json::word(value));
    let kind = kind.ok_or(("a builder has a `type`", start(builder.span)))?;
    let name = of("name").and_then(|(_, value)| json::word(value)).unwrap_or_else(|| kind.clone());
    Ok(Block {
        name: Word { text: "source".to_owned(), span: start(builder.span) },
        labels: vec![kind, name],
        body: settings(entries),
        span: builder.span,
    })
}

/// A provisioner or post-processor: an object, or for the latter its type alone.
fn step_block(what: &str, step: &Expr) -> Result<Block, (&'static str, Span)> {
    let (kind, body) = match &step.kind {
        ExprKind::Object(entries) => {
            let kind = find(entries, "type");
            (kind.and_then(|(_, value)| json::word(value)), settings(entries))
        }
        _ => (json::word(step), Body { items: Vec::new() }),
    };
    let kind = kind.ok_or(("expected an object with a `type`", start(step.span)))?;
    let name = Word { text: what.to_owned(), span: start(step.span) };
    Ok(Block { name, labels: vec![kind], body, span: step.span })
}

fn settings(entries: &[Entry]) -> Body {
    let known = entries.iter().filter_map(|(key, value)| {
        let name = key.as_text()?.to_ascii_lowercase();
        let key = Expr { kind: ExprKind::Text(name), span: key.span };
        attribute(&key, filled(value))
    });
    let about_itself = |item: &Item| match item {
        Item::Attribute(attribute) => matches!(&*attribute.name.text, "type" | "name"),
        Item::Block(_) => false,
    };
    Body { items: known.filter(|item| !about_itself(item)).collect() }
}

/// `expr` with what stands in braces in its texts as expressions.
fn filled(expr: &Expr) -> Expr {
    let kind = match &expr.kind {
        ExprKind::Text(text) => match pieces(text, expr.span) {
            Some(pieces) => ExprKind::Template(pieces),
            None => expr.kind.clone(),
        },
        ExprKind::List(elements) => ExprKind::List(elements.iter().map(filled).collect()),
        ExprKind::Object(entries) => {
            let filled = entries.iter().map(|(key, value)| (key.clone(), filled(value)));
            ExprKind::Object(filled.collect())
        }
        other => other.clone(),
    };
    Expr { kind, span: expr.span }
}

/// The pieces of a text that has something to fill in.
fn pieces(text: &str, span: Span) -> Option<Vec<Piece>> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some((before, after)) = rest.split_once("{{") {
        let (inside, after) = after.split_once("}}")?;
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        pieces.push(Piece::Value(action(inside, span)));
        rest = after;
    }
    if pieces.is_empty() {
        return None;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Some(pieces)
}

/// What stands between braces.
fn action(inside: &str, span: Span) -> Expr {
    let inside = inside.trim_matches(|c: char| c == '-' || c.is_whitespace());
    let (function, argument) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
    let argument = argument.trim();
    let quotes = ['"', '`'];
    let plain = argument.strip_prefix(quotes).and_then(|it| it.strip_suffix(quotes));
    let plain = plain.filter(|it| !it.contains(['"', '`', '\\']));
    let access = |of: &str, step: &str| {
        let of = Expr { kind: ExprKind::Name(of.to_owned()), span };
        ExprKind::Access(Box::new(of), vec![Step::Attribute(step.to_owned())])
    };
    let kind = match (function, plain) {
        ("user", Some(name)) => access("var", name),
        ("template_dir", None) if argument.is_empty() => access("path", "root"),
        ("build_name", None) if argument.is_empty() => access("source", "name"),
        ("build_type", None) if argument.is_empty() => access("source", "type"),
        // No function of HCL is called so.
        _ => ExprKind::Call {
            function: format!("{{{{{function}}}}}"),
            arguments: Vec::new(),
            spread: false,
        },
    };
    Expr { kind, span }
}
