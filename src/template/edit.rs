//! What a build needs of its template beyond what stands there: attributes that say where the
//! artifact goes, and provisioners before and after its own. All of it are changes to the text at
//! places of the tree, and only ever about one build.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};
use thiserror::Error;

use super::builds::{Build, Setting};
use super::contract::{self, Chosen, Provisioner, Role};
use super::read::Template;
use super::splice::{LineMap, Splice, splice};
use super::syntax::{Block, Body, Expr, ExprKind, Item, Step};
use super::variables;
use super::{hcl, json, legacy};
use crate::diagnostics::{SourceId, Span};

/// Begins the names of edited copies of templates: what is called so is no part of anything.
pub const COPIES: &str = ".goldsmith-scratch-";

/// What is wished for.
#[derive(Debug, Clone, Copy)]
pub struct Wishes<'a> {
    /// The build, as `-only` names it; without it the template has just one.
    pub build: Option<&'a str>,
    /// The image that it is.
    pub image: &'a str,
    /// The version that it will have.
    pub version: &'a str,
    /// Whether Windows runs in there.
    pub windows: bool,
    /// Where Packer runs, absolute.
    pub workdir: &'a Utf8Path,
    /// Where the artifact goes, and under which name.
    pub chosen: Chosen<'a>,
    /// Variables that have something of that as their value, or as a part of it.
    pub carriers: &'a [&'a str],
    /// Scripts that run in the guest after everything else, absolute.
    pub scripts: &'a [Utf8PathBuf],
    /// What is fetched out of the guest when all of that has run.
    pub collect: Option<Collect<'a>>,
}

/// A file that a script makes in the guest, to be fetched from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collect<'a> {
    /// The script that makes it, absolute, on this machine.
    pub script: &'a Utf8Path,
    /// Where it makes it in the guest, absolute. It is removed from there when it has been fetched.
    pub made: &'a str,
    /// Where it goes on this machine, absolute. Packer makes a new file readable for everybody, and
    /// leaves the mode of one that is there.
    pub download: &'a Utf8Path,
}

/// Changes to a template for one build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edits {
    /// The build.
    pub build: String,
    /// Attributes that say something else afterwards.
    pub overrides: Vec<Override>,
    /// Whether the version is written down in the guest.
    pub stamped: bool,
    /// Whether something is fetched out of the guest.
    pub collected: bool,
    /// The files that are changed.
    pub files: Vec<EditedFile>,
}

/// An attribute that says something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Its name.
    pub attribute: &'static str,
    /// Where the template sets it; none if it does not.
    pub place: Option<Span>,
}

/// A file of a template, changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditedFile {
    /// Where the unchanged one lies, absolute.
    pub path: Utf8PathBuf,
    /// What that says, without a byte order mark.
    pub before: String,
    /// What the changed one says.
    pub after: String,
    /// Where the lines of that come from.
    pub lines: LineMap,
}

/// Why a template cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoEdits {
    /// A part of it cannot be read, and the build may be in there: its author, or goldsmith.
    #[error("not all of the template can be read")]
    NotRead,
    /// A part of it is JSON, and the build seems to be in there.
    #[error("goldsmith changes no HCL that is written as JSON")]
    Json,
    /// Which build it is only Packer can tell.
    #[error("which build of the template it is can only be told by Packer")]
    NoBuild,
    /// Nothing can run in the guest: `build` has no communicator.
    #[error("nothing can run inside of build `{0}`: it has no communicator")]
    NoCommunicator(String),
    /// Packer would take part of a path for something to fill in: whoever has chosen it.
    #[error("nothing can be fetched to `{0}`: Packer fills in what stands in double braces there")]
    NoPlace(Utf8PathBuf),
    /// The places in the text are not what they should be: goldsmith.
    #[error("the text of the template is not understood well enough to be changed")]
    NotUnderstood,
}

impl Template {
    /// What has to be changed for one build; no files if everything is as it should be.
    pub fn edits(&self, wishes: &Wishes<'_>) -> Result<Edits, NoEdits> {
        let build = self.build(wishes.build)?;
        let mut editor = Editor { template: self, build, changes: BTreeMap::new() };
        let overrides = editor.overrides(wishes)?;
        let guest = guest(build, wishes.windows);
        let needed = !wishes.scripts.is_empty() || wishes.collect.is_some();
        if guest == Guest::Closed && needed {
            return Err(NoEdits::NoCommunicator(build.name.clone()));
        }
        // In the places of files it does so until nothing is left to fill in: nothing can be escaped.
        let filled_in = |collect: &&Collect<'_>| collect.download.as_str().contains("{{");
        if let Some(collect) = wishes.collect.as_ref().filter(filled_in) {
            return Err(NoEdits::NoPlace(collect.download.to_owned()));
        }
        let stamp = match guest {
            Guest::Open { windows } => Some(Provisioner::Stamp {
                image: wishes.image.to_owned(),
                version: wishes.version.to_owned(),
                windows,
            }),
            Guest::Closed | Guest::Unknown => None,
        };
        let windows = match guest {
            Guest::Open { windows } => windows,
            Guest::Closed | Guest::Unknown => wishes.windows,
        };
        let scripts = wishes.scripts.iter().cloned().map(Provisioner::Script);
        let collect = wishes.collect.iter().flat_map(|it| Provisioner::collect(it, windows));
        editor.provisioners(stamp.as_ref(), &scripts.chain(collect).collect::<Vec<_>>())?;
        Ok(Edits {
            build: build.name.clone(),
            overrides,
            stamped: stamp.is_some(),
            collected: wishes.collect.is_some(),
            files: editor.files()?,
        })
    }

    fn build(&self, name: Option<&str>) -> Result<&Build, NoEdits> {
        let found = match name {
            Some(name) => self.builds.iter().find(|build| build.name == name),
            None if self.open_builds.is_empty() && self.not_read.is_empty() => {
                match &*self.builds {
                    [build] => Some(build),
                    _ => None,
                }
            }
            None => None,
        };
        if self.files.iter().any(|file| file.body.is_none()) {
            return Err(NoEdits::NotRead);
        }
        let otherwise = if self.not_read.is_empty() { NoEdits::NoBuild } else { NoEdits::Json };
        found.filter(|build| build.source.is_some()).ok_or(otherwise)
    }
}

/// Whether something can run in the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guest {
    /// It can.
    Open { windows: bool },
    /// There is none, or no way into it.
    Closed,
    /// Only Packer can tell.
    Unknown,
}

fn guest(build: &Build, windows: bool) -> Guest {
    if build.kind == "file" {
        return Guest::Closed;
    }
    let communicator = build.setting("communicator").map(|setting| match &setting.values {
        Some(values) => values.first().map(String::as_str),
        None => None,
    });
    match communicator {
        Some(Some("none")) => Guest::Closed,
        // What it leads to is no image.
        _ if build.kind == "null" => Guest::Unknown,
        Some(Some("winrm")) => Guest::Open { windows: true },
        None | Some(Some(_)) => Guest::Open { windows },
        Some(None) => Guest::Unknown,
    }
}

struct Editor<'t> {
    template: &'t Template,
    build: &'t Build,
    changes: BTreeMap<SourceId, Vec<Splice>>,
}

impl<'t> Editor<'t> {
    /// Sets the attributes of the contract that need it.
    fn overrides(&mut self, wishes: &Wishes<'_>) -> Result<Vec<Override>, NoEdits> {
        let (mut overrides, mut added) = (Vec::new(), Vec::new());
        for attribute in contract::attributes(&self.build.kind) {
            let setting = self.build.setting(attribute.name);
            let value = setting.and_then(|setting| setting.values.as_deref()?.first());
            let value = value.map(String::as_str);
            match setting {
                Some(setting) if self.is_met(setting, value, attribute.role, wishes)? => continue,
                Some(setting) => {
                    self.change(setting.value, self.value(wishes, attribute.role, value))?;
                }
                None if attribute.always => {
                    let value = self.value(wishes, attribute.role, None);
                    added.push(if self.template.is_legacy() {
                        format!("\"{}\": {value}", attribute.name)
                    } else {
                        format!("{} = {value}", attribute.name)
                    });
                }
                None => continue,
            }
            let place = setting.map(|setting| setting.span);
            overrides.push(Override { attribute: attribute.name, place });
        }
        if !added.is_empty() {
            let source = self.build.source.as_ref().map(|source| source.span);
            let source = source.ok_or(NoEdits::NoBuild)?;
            let block = self.block(source, "source")?;
            if self.template.is_legacy() {
                self.insert(block.span, &added, &[])?;
            } else {
                self.add(block, &added, &[])?;
            }
        }
        Ok(overrides)
    }

    /// What an attribute is to be, in the language of the template.
    fn value(&self, wishes: &Wishes<'_>, role: Role, value: Option<&str>) -> String {
        if self.template.is_legacy() {
            wishes.chosen.value_in_json(role, value)
        } else {
            wishes.chosen.value(role, value)
        }
    }

    /// Whether the attribute does as it should. Where only Packer can tell its value, something that
    /// goldsmith has chosen must be a part of it.
    fn is_met(
        &self,
        setting: &Setting,
        value: Option<&str>,
        role: Role,
        wishes: &Wishes<'_>,
    ) -> Result<bool, NoEdits> {
        if let Some(value) = value {
            return Ok(wishes.chosen.is_met_by(role, value, wishes.workdir));
        }
        let bodies = self.template.files.iter().filter_map(|file| file.body.as_ref());
        let expr = bodies.flat_map(values).find(|expr| expr.span == setting.value);
        let expr = expr.ok_or(NoEdits::NotUnderstood)?;
        let locals = variables::locals(&self.template.files);
        let locals = locals.into_iter().map(|(name, value)| (name.text.as_str(), value)).collect();
        Ok(mentions(expr, wishes.carriers, &locals))
    }

    /// Adds provisioners before and after those of the build.
    fn provisioners(
        &mut self,
        first: Option<&Provisioner>,
        last: &[Provisioner],
    ) -> Result<(), NoEdits> {
        if first.is_none() && last.is_empty() {
            return Ok(());
        }
        if self.template.is_legacy() {
            let only = &self.build.name;
            let first: Vec<String> = first.iter().map(|step| step.object(only)).collect();
            let last: Vec<String> = last.iter().map(|step| step.object(only)).collect();
            let whole = self.block(self.build.block, "build")?;
            if let Some(steps) = whole.body.attribute(legacy::PROVISIONERS) {
                return self.insert(steps.value.span, &first, &last);
            }
            let steps = [first, last].concat().join(", ");
            let steps = format!("\"{}\": [{steps}]", legacy::PROVISIONERS);
            return self.insert(whole.span, &[steps], &[]);
        }
        // Where a build block has a name, that is a part of a build's name, and provisioners do
        // without it.
        let mut parts: Vec<&str> = self.build.name.rsplitn(3, '.').take(2).collect();
        parts.reverse();
        let only = parts.join(".");
        let first: Vec<String> = first.iter().flat_map(|it| it.lines(&only)).collect();
        let last: Vec<String> = last.iter().flat_map(|it| it.lines(&only)).collect();
        self.add(self.block(self.build.block, "build")?, &first, &last)
    }

    /// The block at `span`.
    fn block(&self, span: Span, name: &str) -> Result<&'t Block, NoEdits> {
        let bodies = self.template.files.iter().filter_map(|file| file.body.as_ref());
        let mut blocks = bodies.flat_map(|body| body.blocks_named(name));
        blocks.find(|block| block.span == span).ok_or(NoEdits::NotUnderstood)
    }

    fn text(&self, source: SourceId) -> Result<&'t str, NoEdits> {
        let file = self.template.problems.sources().get(source);
        file.map(|file| file.text.as_str()).ok_or(NoEdits::NotUnderstood)
    }

    fn change(&mut self, span: Span, text: String) -> Result<(), NoEdits> {
        let before = self.text(span.source)?.get(span.start..span.end);
        let before = before.ok_or(NoEdits::NotUnderstood)?;
        // The end of a heredoc is a line of its own.
        let end = if before.ends_with('\n') { span.end - 1 } else { span.end };
        let end = if before.ends_with("\r\n") { end - 1 } else { end };
        self.push(span.source, span.start..end, text);
        Ok(())
    }

    /// Adds to the beginning and the end of a list or an object of JSON, in its first and last line.
    fn insert(&mut self, span: Span, first: &[String], last: &[String]) -> Result<(), NoEdits> {
        let Span { source, start, end } = span;
        let inside = start + 1..end.checked_sub(1).ok_or(NoEdits::NotUnderstood)?;
        let text = self.text(source)?.get(inside.clone()).ok_or(NoEdits::NotUnderstood)?;
        let filled = inside.start + text.trim_end().len();
        let (mut first, mut last) = (first.join(", "), last.join(", "));
        let alone = text.trim().is_empty();
        let something_follows = !alone || !last.is_empty();
        if !first.is_empty() && something_follows {
            first.push(',');
            first.push_str(if text.starts_with([' ', '\r', '\n']) { "" } else { " " });
        }
        if !last.is_empty() && !alone {
            last.insert_str(0, ", ");
        }
        if alone {
            self.push(source, inside.start..inside.start, first + &last);
        } else {
            self.push(source, inside.start..inside.start, first);
            self.push(source, filled..filled, last);
        }
        Ok(())
    }

    /// Adds lines at the beginning and at the end of a block.
    fn add(&mut self, block: &Block, first: &[String], last: &[String]) -> Result<(), NoEdits> {
        let Span { source, start, end } = block.span;
        let text = self.text(source)?;
        let head = block.labels.last().map_or(block.name.span.end, |label| label.span.end);
        let open = head
            + brace(text.get(head..end).ok_or(NoEdits::NotUnderstood)?)
                .ok_or(NoEdits::NotUnderstood)?;
        let close = end.checked_sub(1).filter(|close| *close > open && start < head);
        let close = close.filter(|close| text.as_bytes().get(*close) == Some(&b'}'));
        let close = close.ok_or(NoEdits::NotUnderstood)?;
        let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let joined = |lines: &[String]| {
            let lines = lines.iter().map(|line| format!("{line_end}  {line}"));
            lines.collect::<String>()
        };
        let (mut first, mut last) = (joined(first), joined(last));
        // A block in one line has one attribute, and nothing beside it.
        let one_line = is_one_line(&text[open + 1..close]);
        if one_line {
            first.push_str(line_end);
        }
        if one_line || !last.is_empty() {
            last.push_str(line_end);
        }
        self.push(source, open + 1..open + 1, first);
        self.push(source, close..close, last);
        Ok(())
    }

    fn push(&mut self, source: SourceId, at: Range<usize>, text: String) {
        if !at.is_empty() || !text.is_empty() {
            self.changes.entry(source).or_default().push(Splice { at, text });
        }
    }

    /// The changed files. Each can be read, or there is none.
    fn files(&self) -> Result<Vec<EditedFile>, NoEdits> {
        let changed = self.changes.iter().map(|(source, changes)| {
            let file = self.template.problems.sources().get(*source)?;
            let spliced = splice(&file.text, changes)?;
            if self.template.is_legacy() {
                json::parse(&spliced.text, *source).ok()?;
            } else {
                hcl::parse_body(&spliced.text, *source).ok()?;
            }
            Some(EditedFile {
                path: file.path.clone(),
                before: file.text.clone(),
                after: spliced.text,
                lines: spliced.lines,
            })
        });
        changed.collect::<Option<_>>().ok_or(NoEdits::NotUnderstood)
    }
}

/// Where the opening brace is, behind white space and comments.
fn brace(text: &str) -> Option<usize> {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        match rest.strip_prefix("/*") {
            Some(comment) => rest = comment.split_once("*/")?.1,
            None => break rest.starts_with('{').then_some(text.len() - rest.len()),
        }
    }
}

/// Whether a block with this between its braces is one of a single line.
fn is_one_line(inside: &str) -> bool {
    let mut rest = inside;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        match rest.strip_prefix("/*").and_then(|comment| comment.split_once("*/")) {
            Some((_, after)) => rest = after,
            None => break !rest.starts_with(['\r', '\n', '#']) && !rest.starts_with("//"),
        }
    }
}

/// The values of all attributes of a source or build block, and of the sources in there.
fn values(body: &Body) -> impl Iterator<Item = &Expr> {
    let blocks = body.blocks().filter(|block| matches!(&*block.name.text, "source" | "build"));
    let inside = blocks.flat_map(|block| {
        let sources = block.body.blocks_named("source").flat_map(|source| &source.body.items);
        block.body.items.iter().chain(sources)
    });
    inside.filter_map(|item| match item {
        Item::Attribute(attribute) => Some(&attribute.value),
        Item::Block(_) => None,
    })
}

/// Whether a variable of the contract, or one of `carriers`, is a part of an expression.
fn mentions<'t>(expr: &'t Expr, carriers: &[&str], locals: &HashMap<&str, &'t Expr>) -> bool {
    let mut seen = HashSet::new();
    let mut left = vec![expr];
    while let Some(expr) = left.pop() {
        if let ExprKind::Access(of, steps) = &expr.kind
            && let (ExprKind::Name(of), Some(Step::Attribute(name))) = (&of.kind, steps.first())
        {
            match of.as_str() {
                "var" if name.starts_with("goldsmith_") || carriers.contains(&name.as_str()) => {
                    return true;
                }
                "local" if seen.insert(name.as_str()) => left.extend(locals.get(name.as_str())),
                _ => {}
            }
        }
        left.extend(expr.children());
    }
    false
}

#[cfg(test)]
mod tests;
