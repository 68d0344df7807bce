//! The files that a template uses.
//!
//! Packer's functions and its plugins see paths differently (read in Packer 1.16, and tried):
//! - `file`, `templatefile`, `fileexists` and `fileset` join a relative path to the template's folder.
//!   `path.root` is that folder *as it stands on Packer's command line*. Where that is relative,
//!   `file("${path.root}/a")` looks for `FOLDER/FOLDER/a` and does not find it; from the template's own
//!   folder (`.`) and with an absolute path it works.
//! - `filebase64`, and all paths that go to a plugin (`script`, `source`, `http_directory`…), are
//!   relative to the folder that Packer runs in.

use camino::{Utf8Path, Utf8PathBuf};
use indexmap::IndexMap;

use super::attributes::{self, BESIDE_PLAYBOOK, Holder, Names};
use super::builds::{self, Used};
use super::evaluate::{Evaluator, Scope};
use super::glob::{Dialect, Pattern};
use super::load::TemplateFile;
use super::paths;
use super::syntax::{Block, Body, Expr, ExprKind, For};
use super::value::{Unknown, Value};
use crate::diagnostics::{Sources, Span};

/// What a block of a build costs each time that it is looked at, in expressions.
const COST_OF_BLOCK: usize = 20;

/// Longest path that Linux accepts, in bytes.
const MAX_PATH: usize = 4096;

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
struct Anchor<'a> {
    base: &'a Utf8Path,
    names: Names,
}

struct Collector<'e, 't> {
    evaluator: &'e Evaluator<'t>,
    references: IndexMap<Target, Span>,
    untracked: IndexMap<Span, String>,
}

type In<'s> = Option<&'s Scope<'s>>;

impl<'e, 't> Collector<'e, 't> {
    fn new(evaluator: &'e Evaluator<'t>) -> Self {
        Self { evaluator, references: IndexMap::new(), untracked: IndexMap::new() }
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

    /// The calls in `expr` that read files.
    fn calls(&mut self, expr: &Expr, scope: In<'_>) {
        match &expr.kind {
            ExprKind::Call { function, arguments, .. } => {
                self.call(function, arguments, expr.span, scope);
                for argument in arguments {
                    self.calls(argument, scope);
                }
            }
            ExprKind::For(all) if reads_files(expr) => {
                self.calls(&all.collection, scope);
                self.unroll(all, scope, |collector, scope| {
                    let inside = [all.key.as_ref(), Some(&all.value), all.condition.as_ref()];
                    for inside in inside.into_iter().flatten() {
                        collector.calls(inside, Some(scope));
                    }
                });
            }
            _ => {
                for child in expr.children() {
                    self.calls(child, scope);
                }
            }
        }
    }

    fn call(&mut self, function: &str, arguments: &[Expr], span: Span, scope: In<'_>) {
        let base = match function {
            "file" | "templatefile" | "fileexists" | "fileset" => &self.evaluator.base,
            "filebase64" => &self.evaluator.workdir,
            _ => return,
        };
        match (function, arguments) {
            ("fileset", [folder, pattern, ..]) => {
                let texts = [folder, pattern].map(|argument| {
                    self.evaluator.evaluate(argument, scope).and_then(|value| value.in_text())
                });
                match texts {
                    [Ok(folder), Ok(pattern)] => {
                        let folder = paths::resolve(base, &folder);
                        self.pattern(&folder, &pattern, Dialect::Fileset, span);
                    }
                    [Err(why), _] | [_, Err(why)] => self.untracked(span, why),
                }
            }
            (_, [path, ..]) => self.paths(path, scope, Anchor { base, names: Names::Paths }),
            _ => {}
        }
    }

    /// Does `inside` once for each element that `all` goes through; once for all if they are not
    /// known.
    fn unroll(&mut self, all: &For, scope: In<'_>, mut inside: impl FnMut(&mut Self, &Scope<'_>)) {
        let entries = self.evaluator.evaluate(&all.collection, scope);
        let entries = entries.and_then(|collection| collection.entries());
        let iterations: Vec<(Result<Value, Unknown>, Result<Value, Unknown>)> = match entries {
            Ok(entries) => entries.into_iter().map(|(key, value)| (Ok(key), Ok(value))).collect(),
            Err(why) => vec![(Err(why.clone()), Err(why))],
        };
        for (key, value) in iterations {
            let name = all.key_name.as_deref().unwrap_or("");
            let key = Scope { name, value: key, outer: scope };
            let scope = Scope { name: &all.value_name, value, outer: Some(&key) };
            inside(self, &scope);
        }
    }

    /// Everything that `expr` names. What cannot be told as a whole is taken apart: both ways of a
    /// choice count, and the elements of a list one by one.
    fn paths(&mut self, expr: &Expr, scope: In<'_>, anchor: Anchor<'_>) {
        let why = match self.evaluator.evaluate(expr, scope) {
            Ok(value) => {
                self.value(&value, expr.span, anchor);
                return;
            }
            Err(why) => why,
        };
        match &expr.kind {
            ExprKind::Choice(parts) => {
                let [_, then, otherwise] = &**parts;
                self.paths(then, scope, anchor);
                self.paths(otherwise, scope, anchor);
            }
            ExprKind::List(elements) => {
                for element in elements {
                    self.paths(element, scope, anchor);
                }
            }
            ExprKind::Object(entries) => {
                for (_, value) in entries {
                    self.paths(value, scope, anchor);
                }
            }
            ExprKind::Call { function, arguments, .. }
                if matches!(
                    function.as_str(),
                    "coalesce"
                        | "coalescelist"
                        | "compact"
                        | "concat"
                        | "distinct"
                        | "flatten"
                        | "setunion"
                        | "sort"
                        | "try"
                ) =>
            {
                for argument in arguments {
                    self.paths(argument, scope, anchor);
                }
            }
            ExprKind::For(all) => self.unroll(all, scope, |collector, scope| {
                collector.paths(&all.value, Some(scope), anchor);
            }),
            _ => self.untracked(expr.span, why),
        }
    }

    fn value(&mut self, value: &Value, span: Span, anchor: Anchor<'_>) {
        match value {
            Value::Text(text) => self.text(text, span, anchor),
            Value::List(elements) => {
                for element in elements.iter() {
                    if let Err(why) = self.evaluator.spend(1) {
                        return self.untracked(span, why);
                    }
                    self.value(element, span, anchor);
                }
            }
            Value::Object(entries) => {
                for element in entries.values() {
                    if let Err(why) = self.evaluator.spend(1) {
                        return self.untracked(span, why);
                    }
                    self.value(element, span, anchor);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&mut self, text: &str, span: Span, anchor: Anchor<'_>) {
        let text = match anchor.names {
            Names::Checksum => match text.strip_prefix("file:") {
                Some(path) => path,
                None => return,
            },
            _ => text,
        };
        if text.is_empty() || text.contains("://") {
            return;
        }
        let objection = if text.contains("{{") {
            "`{{…}}` is filled in by a plugin"
        } else if text.starts_with('~') {
            "`~` depends on who runs Packer"
        } else if text.contains(char::is_control) || text.len() > MAX_PATH {
            "it is no path"
        } else if let Names::Patterns(dialect) = anchor.names {
            return self.pattern(anchor.base, text, dialect, span);
        } else {
            let path = paths::resolve(anchor.base, text);
            if anchor.names == Names::Playbooks {
                self.beside_playbook(&path, span);
            }
            return self.reference(Target::Path(path), span);
        };
        self.untracked(span, Unknown::because(objection));
    }

    /// What Ansible finds beside a playbook by itself.
    fn beside_playbook(&mut self, playbook: &Utf8Path, span: Span) {
        for name in BESIDE_PLAYBOOK {
            let path = playbook.with_file_name(name);
            if self.evaluator.tree.kind(&path).is_some() {
                self.reference(Target::Path(path), span);
            }
        }
    }

    fn pattern(&mut self, base: &Utf8Path, text: &str, dialect: Dialect, span: Span) {
        let pattern = Pattern::new(base, text, dialect);
        if pattern.glob.is_empty() {
            self.reference(Target::Path(pattern.folder), span);
        } else if pattern.matcher().is_some() {
            self.reference(Target::Pattern(pattern), span);
        } else {
            self.untracked(span, Unknown::because("it is no pattern"));
        }
    }

    fn reference(&mut self, target: Target, span: Span) {
        match self.evaluator.spend(COST_OF_BLOCK) {
            Ok(()) => {
                self.references.entry(target).or_insert(span);
            }
            Err(why) => self.untracked(span, why),
        }
    }

    fn untracked(&mut self, span: Span, why: Unknown) {
        self.untracked.entry(span).or_insert(why.0);
    }
}

/// Whether `expr` calls a function that reads files.
fn reads_files(expr: &Expr) -> bool {
    let reads = ["file", "filebase64", "fileexists", "fileset", "templatefile"];
    matches!(&expr.kind, ExprKind::Call { function, .. } if reads.contains(&function.as_str()))
        || expr.children().into_iter().any(reads_files)
}
