//! Sources and builds: what `packer build -only=…` can name.

use std::sync::Arc;

use super::evaluate::{Evaluator, Scope};
use super::load::TemplateFile;
use super::syntax::{Block, Body, Expr, ExprKind, Item};
use super::value::Value;
use crate::diagnostics::{Diagnostic, Problems, Span, quoted};

/// Attributes of a source that goldsmith would set: where they are set by the template itself, a
/// build does not follow goldsmith's names.
pub const CONTRACT: [&str; 6] =
    ["vm_name", "template_name", "output_directory", "vm_id", "tags", "communicator"];

/// Builders that leave no image: a build of theirs is a step.
const STEPS: [&str; 2] = ["null", "file"];

/// A `source` block at the top level.
#[derive(Debug, Clone)]
pub struct SourceBlock {
    /// The builder: `qemu`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// All of the block.
    pub span: Span,
    /// What it sets: attributes, and those of blocks inside as `block.attribute`.
    pub settings: Vec<Setting>,
}

/// Something that a source sets.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The attribute: `vm_name`, `boot_iso.iso_url`.
    pub name: String,
    /// The attribute with its value.
    pub span: Span,
    /// The value alone.
    pub value: Span,
    /// The value, or the elements of a list, if they can be told without Packer.
    pub values: Option<Vec<String>>,
}

/// What comes of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Yield {
    /// An image.
    Image,
    /// Nothing, or a file: it is a step before or after others.
    Step,
}

/// A build: a source in a `build` block.
#[derive(Debug, Clone)]
pub struct Build {
    /// Its name for `-only`: `qemu.debian`, or `base.qemu.debian` in a build block with a name; in a
    /// template of the older language, the builder's name or else its type.
    pub name: String,
    /// The builder: `qemu`.
    pub kind: String,
    /// What comes of it.
    pub yields: Yield,
    /// Where the source is named.
    pub reference: Span,
    /// The source block. None if it is not declared: then there is a problem.
    pub source: Option<Arc<SourceBlock>>,
    /// All of the build block.
    pub block: Span,
    /// What the build block itself sets of the source.
    pub settings: Vec<Setting>,
}

impl Build {
    /// What the source sets `name` to, if it does: in the build block, else in its own.
    pub fn setting(&self, name: &str) -> Option<&Setting> {
        let of_source = self.source.iter().flat_map(|source| &source.settings);
        self.settings.iter().chain(of_source).find(|setting| setting.name == name)
    }

    /// What of the template contract the source sets itself, in the order of [`CONTRACT`].
    pub fn sets_itself(&self) -> impl Iterator<Item = &Setting> {
        CONTRACT.iter().filter_map(|name| self.setting(name))
    }
}

/// Sources and builds of a template.
#[derive(Default)]
pub(super) struct Found {
    pub(super) sources: Vec<Arc<SourceBlock>>,
    pub(super) builds: Vec<Build>,
    /// Where builds are named that only Packer can tell.
    pub(super) open_builds: Vec<Span>,
}

/// Finds them. A source that is used and not declared is a problem.
pub(super) fn find(
    files: &[TemplateFile],
    evaluator: &Evaluator<'_>,
    problems: &mut Problems,
) -> Found {
    if let [file] = files
        && file.legacy
    {
        return of_legacy(file, evaluator);
    }
    let mut found = Found::default();
    let bodies: Vec<&Body> = files.iter().filter_map(|file| file.body.as_ref()).collect();
    let blocks = |name| bodies.iter().flat_map(move |body| body.blocks_named(name));
    for block in blocks("source") {
        if let [kind, name, ..] = block.labels.as_slice() {
            found.sources.push(Arc::new(SourceBlock {
                kind: kind.text.clone(),
                name: name.text.clone(),
                span: block.span,
                settings: settings(&block.body, &kind.text, &name.text, evaluator),
            }));
        }
    }
    for block in blocks("build") {
        build_block(block, evaluator, &mut found);
    }
    // Part of the template is not read: what seems to be missing may well be there.
    let complete = bodies.len() == files.len();
    for build in found.builds.iter().filter(|build| build.source.is_none() && complete) {
        let message = format!("the source of build {} is not declared", quoted(&build.name));
        let problem = Diagnostic::error("unknown-source", message);
        problems.push(problem.at(build.reference, "there is no such `source` block"));
    }
    found
}

/// Those of a template in the older language: every builder is a build, and called by its name alone.
fn of_legacy(file: &TemplateFile, evaluator: &Evaluator<'_>) -> Found {
    let mut found = Found::default();
    let Some(body) = &file.body else { return found };
    let Some(whole) = body.blocks_named("build").next() else { return found };
    for block in body.blocks_named("source") {
        let [kind, name, ..] = block.labels.as_slice() else { continue };
        let source = Arc::new(SourceBlock {
            kind: kind.text.clone(),
            name: name.text.clone(),
            span: block.span,
            settings: settings(&block.body, &kind.text, &name.text, evaluator),
        });
        found.sources.push(Arc::clone(&source));
        found.builds.push(Build {
            name: name.text.clone(),
            kind: kind.text.clone(),
            yields: yields(&kind.text),
            reference: name.span,
            source: Some(source),
            block: whole.span,
            settings: Vec::new(),
        });
    }
    found
}

fn yields(kind: &str) -> Yield {
    if STEPS.contains(&kind) { Yield::Step } else { Yield::Image }
}

/// How a build names its source: `source.qemu.debian` or `qemu.debian`.
pub(super) fn parts_of(reference: &str) -> Option<(&str, &str)> {
    let mut parts: Vec<&str> = reference.split('.').collect();
    if parts.len() > 2 {
        parts.remove(0);
    }
    match parts.as_slice() {
        [kind, name, ..] => Some((kind, name)),
        _ => None,
    }
}

/// The sources that a build block names: builder, local name, declared name.
pub(super) fn used(block: &Block, evaluator: &Evaluator<'_>) -> Vec<Used> {
    let mut used = Vec::new();
    if let Some(sources) = block.body.attribute("sources") {
        let named = |value: &Value, span| {
            let text = value.in_text().ok();
            let parts = text.as_deref().and_then(parts_of);
            parts.map(|(kind, name)| Used::new(kind, name, name, span)).unwrap_or(Used::Open(span))
        };
        match &sources.value.kind {
            ExprKind::List(elements) => {
                used.extend(elements.iter().map(|element| {
                    evaluator
                        .evaluate(element, None)
                        .map_or(Used::Open(element.span), |value| named(&value, element.span))
                }));
            }
            _ => match evaluator.evaluate(&sources.value, None) {
                Ok(Value::List(elements)) => {
                    used.extend(elements.iter().map(|value| named(value, sources.value.span)));
                }
                _ => used.push(Used::Open(sources.value.span)),
            },
        }
    }
    for inside in block.body.blocks() {
        match (inside.name.text.as_str(), inside.labels.first()) {
            ("source", Some(label)) => used.extend(parts_of(&label.text).map(|(kind, name)| {
                let local = inside.body.attribute("name").map(|name| &name.value);
                let local = local.and_then(Expr::as_text).unwrap_or(name);
                Used::new(kind, local, name, label.span)
            })),
            ("dynamic", Some(label)) if label.text == "source" => {
                used.push(Used::Open(inside.span));
            }
            _ => {}
        }
    }
    used
}

/// A source as a build block names it.
#[derive(Debug, Clone)]
pub(super) enum Used {
    /// Which one it is.
    Source { kind: String, name: String, declared: String, reference: Span },
    /// Only Packer can tell which ones stand here.
    Open(Span),
}

impl Used {
    fn new(kind: &str, name: &str, declared: &str, reference: Span) -> Self {
        let [kind, name, declared] = [kind, name, declared].map(str::to_owned);
        Self::Source { kind, name, declared, reference }
    }
}

/// The name of a build block; none if it has none, or if only Packer can tell it.
pub(super) fn name_of(block: &Block, evaluator: &Evaluator<'_>) -> Result<Option<String>, Span> {
    let Some(name) = block.body.attribute("name") else {
        return Ok(None);
    };
    match evaluator.evaluate(&name.value, None).and_then(|name| name.in_text()) {
        Ok(name) if name.is_empty() => Ok(None),
        Ok(name) => Ok(Some(name.to_string())),
        Err(_) => Err(name.span),
    }
}

fn build_block(block: &Block, evaluator: &Evaluator<'_>, found: &mut Found) {
    let block_name = match name_of(block, evaluator) {
        Ok(name) => name,
        Err(span) => {
            found.open_builds.push(span);
            return;
        }
    };
    for used in used(block, evaluator) {
        let (kind, name, declared, reference) = match used {
            Used::Source { kind, name, declared, reference } => (kind, name, declared, reference),
            Used::Open(span) => {
                found.open_builds.push(span);
                continue;
            }
        };
        let source =
            found.sources.iter().find(|source| source.kind == kind && source.name == declared);
        let own = block.body.blocks_named("source");
        let own = own.filter(|own| own.labels.first().is_some_and(|label| label.span == reference));
        let settings = own.flat_map(|own| settings(&own.body, &kind, &name, evaluator));
        let path = [block_name.as_deref(), Some(&kind), Some(&name)];
        found.builds.push(Build {
            name: path.into_iter().flatten().collect::<Vec<_>>().join("."),
            yields: yields(&kind),
            reference,
            source: source.cloned(),
            block: block.span,
            settings: settings.collect(),
            kind,
        });
    }
}

/// What a source of this kind and name sets.
fn settings(body: &Body, kind: &str, name: &str, evaluator: &Evaluator<'_>) -> Vec<Setting> {
    let scope = source_scope(kind, name);
    let scope = Scope { name: "source", value: Ok(scope), outer: None };
    let mut settings = Vec::new();
    collect("", body, &scope, evaluator, &mut settings);
    settings
}

/// What `source` is inside of a source and of the provisioners that run on it.
pub(super) fn source_scope(kind: &str, name: &str) -> Value {
    let entries = [("type", kind), ("name", name)];
    let entries = entries.map(|(key, text)| (key.to_owned(), Value::Text(text.into())));
    Value::Object(std::rc::Rc::new(entries.into_iter().collect()))
}

fn collect(
    within: &str,
    body: &Body,
    scope: &Scope<'_>,
    evaluator: &Evaluator<'_>,
    settings: &mut Vec<Setting>,
) {
    for item in &body.items {
        match item {
            Item::Attribute(attribute) => {
                let value = evaluator.evaluate(&attribute.value, Some(scope)).ok();
                let texts = |value: &Value| match value {
                    Value::List(elements) => elements
                        .iter()
                        .map(|it| it.in_text().ok().map(|it| it.to_string()))
                        .collect(),
                    other => other.in_text().ok().map(|text| vec![text.to_string()]),
                };
                settings.push(Setting {
                    name: format!("{within}{}", attribute.name.text),
                    span: attribute.span,
                    value: attribute.value.span,
                    values: value.as_ref().and_then(texts),
                });
            }
            Item::Block(block) if within.is_empty() => {
                let within = format!("{}.", block.name.text);
                collect(&within, &block.body, scope, evaluator, settings);
            }
            Item::Block(_) => {}
        }
    }
}
