//! The files that a template uses.
//!
//! Packer's functions and its plugins see paths differently (read in Packer 1.16, and tried):
//! - `file`, `templatefile`, `fileexists` and `fileset` join a relative path to the template's folder.
//!   `path.root` is that folder *as it stands on Packer's command line*. Where that is relative,
//!   `file("${path.root}/a")` looks for `FOLDER/FOLDER/a` and does not find it; from the template's own
//!   folder (`.`) and with an absolute path it works.
//! - `filebase64`, and all paths that go to a plugin (`script`, `source`, `http_directory`…), are
//!   relative to the folder that Packer runs in.

use std::collections::HashSet;

use camino::{Utf8Path, Utf8PathBuf};
use indexmap::IndexMap;

use super::attributes::{self, Holder, Names};
use super::builds::{self, Used};
use super::evaluate::{Evaluator, Scope};
use super::glob::Pattern;
use super::load::TemplateFile;
use super::syntax::{Block, Body, Expr, ExprKind};
use super::value::{Unknown, Value};
use crate::diagnostics::{Sources, Span};

/// What a block of a build costs each time that it is looked at, in expressions.
const COST_OF_BLOCK: usize = 20;

/// Files that a template uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Which ones.
    pub target: Target,
    /// Where they are named first.
    pub span: Span,
}

/// What a [`Reference`] is to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// This file, or everything in this folder; absolute.
    Path(Utf8PathBuf),
    /// The files that match.
    Pattern(Pattern),
}

/// A place that names a file, and nobody can tell which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untracked {
    /// The place.
    pub span: Span,
    /// What stands there.
    pub text: String,
    /// Why it cannot be told: a clause for people, in lower case.
    pub why: String,
}

/// References and what could not be followed.
#[derive(Default)]
pub(super) struct Found {
    pub(super) references: Vec<Reference>,
    pub(super) untracked: Vec<Untracked>,
}

/// Finds all references of `files`.
pub(super) fn find(files: &[TemplateFile], evaluator: &Evaluator<'_>) -> Found {
    let mut collector = Collector::new(evaluator);
    for file in files {
        if let Some(body) = &file.body {
            collector.file(body);
        }
    }
    collector.found()
}

impl Untracked {
    /// Fills in what stands at the place.
    pub(super) fn with_text(mut self, sources: &Sources) -> Self {
        let file = sources.get(self.span.source);
        let text = file.and_then(|file| file.text.get(self.span.start..self.span.end));
        self.text = text.unwrap_or_default().to_owned();
        self
    }
}

/// Where a relative path starts, and whether it may be a pattern.
#[derive(Clone, Copy)]
pub(super) struct Anchor<'a> {
    pub(super) base: &'a Utf8Path,
    pub(super) names: Names,
}

/// Collects what blocks name; what single attributes and calls name is in `named_paths`.
pub(super) struct Collector<'e, 't> {
    pub(super) evaluator: &'e Evaluator<'t>,
    references: IndexMap<Target, Span>,
    untracked: IndexMap<Span, String>,
    /// Files that were read since the template names them.
    pub(super) looked_into: HashSet<Utf8PathBuf>,
    /// Where the template names the file, or the local, that is being read.
    pub(super) named_at: Option<Span>,
    /// How many locals deep that is.
    depth: u32,
}

/// Locals that are made of locals: deeper than this nobody looks.
const MAX_LOCALS: u32 = 8;

/// The names that hold at some place.
pub(super) type In<'s> = Option<&'s Scope<'s>>;

impl<'e, 't> Collector<'e, 't> {
    fn new(evaluator: &'e Evaluator<'t>) -> Self {
        Self {
            evaluator,
            references: IndexMap::new(),
            untracked: IndexMap::new(),
            looked_into: HashSet::new(),
            named_at: None,
            depth: 0,
        }
    }

    fn found(self) -> Found {
        let references = self.references.into_iter();
        let untracked = self.untracked.into_iter();
        Found {
            references: references.map(|(target, span)| Reference { target, span }).collect(),
            untracked: untracked
                .map(|(span, why)| Untracked { span, text: String::new(), why })
                .collect(),
        }
    }

    fn file(&mut self, body: &Body) {
        for block in body.blocks() {
            match (block.name.text.as_str(), block.labels.as_slice()) {
                // Defaults cannot call functions that read files.
                ("variable" | "variables", _) => {}
                ("source", [kind, name, ..]) => {
                    let source = builds::source_scope(&kind.text, &name.text);
                    let scope = Scope { name: "source", value: Ok(source), outer: None };
                    self.holder(Holder::Source, &block.body, Some(&scope));
                }
                ("build", _) => self.build(block),
                ("data", _) => self.holder(Holder::Data, &block.body, None),
                _ => self.other(&block.body, None),
            }
        }
    }

    /// A body whose attributes name no files themselves.
    fn other(&mut self, body: &Body, scope: In<'_>) {
        for attribute in body.attributes() {
            self.calls(&attribute.value, scope);
        }
        for block in body.blocks() {
            self.other(&block.body, scope);
        }
    }

    /// A build block, once for each source that it runs on: their names can be part of paths.
    fn build(&mut self, block: &Block) {
        for attribute in block.body.attributes() {
            self.calls(&attribute.value, None);
        }
        let name = builds::name_of(block, self.evaluator);
        let name = match name {
            Ok(name) => Ok(Value::Text(name.unwrap_or_default().into())),
            Err(_) => Err(Unknown::because("the name of the build is known only to Packer")),
        };
        let build =
            name.map(|name| Value::Object(std::rc::Rc::new([("name".into(), name)].into())));
        let build = Scope { name: "build", value: build, outer: None };
        let used = builds::used(block, self.evaluator);
        if used.is_empty() {
            let unknown = Err(Unknown::because("the build has no source"));
            let scope = Scope { name: "source", value: unknown, outer: Some(&build) };
            self.steps(&block.body, &scope);
        }
        for used in used {
            if let Err(why) = self.evaluator.spend(COST_OF_BLOCK) {
                self.untracked(block.name.span, why);
                return;
            }
            let source = match used {
                Used::Source { kind, name, .. } => Ok(builds::source_scope(&kind, &name)),
                Used::Open(_) => {
                    Err(Unknown::because("the sources of the build are known only to Packer"))
                }
            };
            let scope = Scope { name: "source", value: source, outer: Some(&build) };
            self.steps(&block.body, &scope);
        }
    }

    fn steps(&mut self, body: &Body, scope: &Scope<'_>) {
        for block in body.blocks() {
            self.step(&block.name.text, block.label(0), &block.body, Some(scope));
        }
    }

    /// A block of a build called `name`, of the type `kind`.
    fn step(&mut self, name: &str, kind: Option<&str>, body: &Body, scope: In<'_>) {
        match (name, kind) {
            ("provisioner" | "error-cleanup-provisioner", Some(kind)) => {
                self.holder(Holder::Provisioner(kind), body, scope);
            }
            ("post-processor", Some(kind)) => {
                self.holder(Holder::PostProcessor(kind), body, scope);
            }
            ("source", _) => self.holder(Holder::Source, body, scope),
            ("dynamic", Some(kind)) => self.dynamic(kind, body, scope),
            _ => {
                for attribute in body.attributes() {
                    self.calls(&attribute.value, scope);
                }
                for block in body.blocks() {
                    self.step(&block.name.text, block.label(0), &block.body, scope);
                }
            }
        }
    }

    /// `dynamic "NAME"`: its content, once for each element of what it goes through.
    fn dynamic(&mut self, name: &str, body: &Body, scope: In<'_>) {
        for attribute in body.attributes() {
            self.calls(&attribute.value, scope);
        }
        let attribute = |name| body.attribute(name).map(|attribute| &attribute.value);
        let iterator = attribute("iterator").and_then(|it| match &it.kind {
            ExprKind::Name(name) | ExprKind::Text(name) => Some(name.as_str()),
            _ => None,
        });
        let elements = match attribute("for_each") {
            Some(all) => self.evaluator.evaluate(all, scope).and_then(|all| all.entries()),
            None => Err(Unknown::because("`for_each` is missing")),
        };
        let iterations: Vec<Result<Value, Unknown>> = match elements {
            Ok(entries) => entries
                .into_iter()
                .map(|(key, value)| {
                    let element = [("key".to_owned(), key), ("value".to_owned(), value)];
                    Ok(Value::Object(std::rc::Rc::new(element.into())))
                })
                .collect(),
            Err(why) => vec![Err(why)],
        };
        for element in iterations {
            let scope = Scope { name: iterator.unwrap_or(name), value: element, outer: scope };
            let kind = attribute("labels").and_then(|labels| {
                let labels = self.evaluator.evaluate(labels, Some(&scope)).ok()?;
                labels.elements().ok()?.first()?.in_text().ok()
            });
            for content in body.blocks_named("content") {
                self.step(name, kind.as_deref(), &content.body, Some(&scope));
            }
        }
    }

    /// A block whose attributes name files.
    fn holder(&mut self, holder: Holder<'_>, body: &Body, scope: In<'_>) {
        if let Err(why) = self.evaluator.spend(COST_OF_BLOCK) {
            if let Some(first) = body.attributes().next() {
                self.untracked(first.span, why);
            }
            return;
        }
        let literal = |name| body.attribute(name).and_then(|attribute| attribute.value.literal());
        let from_elsewhere = holder == Holder::Provisioner("file")
            && (literal("direction").as_deref() == Some("download")
                || literal("generated").as_deref() == Some("true"));
        for attribute in body.attributes() {
            let name = attribute.name.text.as_str();
            self.calls(&attribute.value, scope);
            if !from_elsewhere {
                self.attribute(holder, name, &attribute.value, scope);
            }
            // What is different for single builds: `override = { "qemu.debian" = { script = … } }`.
            if let ("override", ExprKind::Object(builds)) = (name, &attribute.value.kind) {
                for (_, build) in builds {
                    let ExprKind::Object(entries) = &build.kind else { continue };
                    for (name, value) in entries {
                        self.attribute(holder, name.as_text().unwrap_or(""), value, scope);
                    }
                }
            }
        }
        for block in body.blocks() {
            match (block.name.text.as_str(), block.label(0)) {
                ("dynamic", Some(name)) => self.dynamic(name, &block.body, scope),
                _ => self.holder(holder, &block.body, scope),
            }
        }
    }

    fn attribute(&mut self, holder: Holder<'_>, name: &str, value: &Expr, scope: In<'_>) {
        if let Some(names) = attributes::names(holder, name) {
            let anchor = Anchor { base: &self.evaluator.workdir, names };
            self.paths(value, scope, anchor);
        }
    }

    /// Goes into a local, unless that is too deep. Whoever goes in leaves.
    pub(super) fn enter(&mut self) -> bool {
        let goes = self.depth < MAX_LOCALS && self.evaluator.spend(COST_OF_BLOCK).is_ok();
        self.depth += u32::from(goes);
        goes
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    pub(super) fn reference(&mut self, target: Target, span: Span) {
        let span = self.named_at.unwrap_or(span);
        match self.evaluator.spend(COST_OF_BLOCK) {
            Ok(()) => {
                self.references.entry(target).or_insert(span);
            }
            Err(why) => self.untracked(span, why),
        }
    }

    pub(super) fn untracked(&mut self, span: Span, why: Unknown) {
        let span = self.named_at.unwrap_or(span);
        self.untracked.entry(span).or_insert(why.0);
    }
}
