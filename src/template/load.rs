//! The files of a template, as Packer chooses them.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::hcl::{self, HclError};
use super::syntax::Body;
use super::tree::{Kind, SourceTree};
use super::{json, legacy};
use crate::diagnostics::{Diagnostic, SourceId, Sources, Span, quoted};
use crate::model::is_legacy_template;

/// Largest file. A template of a thousand lines has about 40 KiB.
const MAX_FILE: usize = 512 * 1024;
/// Largest template, all files together.
const MAX_TEMPLATE: usize = 2 * 1024 * 1024;
/// Most assignments of a template, all files together: see [`hcl::parse_body`].
const MAX_ASSIGNMENTS: usize = 32 * 1024;

/// A file of a template.
#[derive(Debug, Clone)]
pub struct TemplateFile {
    /// Where it lies, absolute.
    pub path: Utf8PathBuf,
    /// The file in the sources of the template's problems.
    pub source: SourceId,
    /// Whether it is JSON in Packer's older language: see [`is_legacy_template`].
    pub legacy: bool,
    /// What it says. None if it cannot be read: then there is a problem.
    pub body: Option<Body>,
}

/// What was found.
pub(super) struct Loaded {
    pub(super) sources: Sources,
    pub(super) problems: Vec<Diagnostic>,
    /// `.pkr.hcl`
    pub(super) files: Vec<TemplateFile>,
    /// Files with variables that Packer reads by itself, then those that it is told to read.
    pub(super) var_files: Vec<VarFile>,
    /// `.pkr.json`
    pub(super) not_read: Vec<Utf8PathBuf>,
}

/// A file with values of variables.
pub(super) struct VarFile {
    pub(super) path: Utf8PathBuf,
    pub(super) values: VarValues,
}

/// The values of a [`VarFile`].
pub(super) enum VarValues {
    Hcl(Option<Body>),
    Json(serde_json::Map<String, serde_json::Value>),
}

/// The folder of the template at `path`.
pub(super) fn folder<'p>(tree: &dyn SourceTree, path: &'p Utf8Path) -> &'p Utf8Path {
    match tree.kind(path) {
        Some(Kind::Folder) => path,
        _ => path.parent().unwrap_or(path),
    }
}

/// Reads the template at `path`. A file stands for itself alone; a folder for its `.pkr.hcl` files
/// and for the `.auto.pkrvars` files beside them, none of them in folders below.
pub(super) fn load(tree: &dyn SourceTree, path: &Utf8Path, var_files: &[Utf8PathBuf]) -> Loaded {
    let mut loader = Loader::new(tree);
    let mut chosen = Chosen::default();
    match tree.kind(path) {
        Some(Kind::Folder) => match tree.list(path) {
            Ok(entries) => {
                let files = |path: &Utf8PathBuf| tree.kind(path) != Some(Kind::Folder);
                entries.into_iter().filter(files).for_each(|path| chosen.add(path));
            }
            Err(error) => loader.problem(Diagnostic::error(
                "unreadable-file",
                format!("{} cannot be read: {}", quoted(path.as_str()), why(&error)),
            )),
        },
        Some(_) if is_legacy_template(path) => chosen.hcl.push(path.to_owned()),
        Some(_) => chosen.add(path.to_owned()),
        None => loader.problem(Diagnostic::error(
            "unreadable-file",
            format!("there is no {}", quoted(path.as_str())),
        )),
    }
    // With a file argument Packer looks for no other files. Of variables, JSON comes after HCL.
    let mut vars = if tree.kind(path) == Some(Kind::Folder) {
        [chosen.auto_hcl, chosen.auto_json].concat()
    } else {
        Vec::new()
    };
    vars.extend_from_slice(var_files);
    let files = chosen.hcl.into_iter().map(|path| loader.template_file(path)).collect();
    let var_files = vars.into_iter().filter_map(|path| loader.var_file(path)).collect();
    let Loader { sources, problems, .. } = loader;
    Loaded { sources, problems, files, var_files, not_read: chosen.json }
}

/// Reads a file with variables that stands alone; none if it cannot be read.
pub(super) fn var_file(tree: &dyn SourceTree, path: &Utf8Path) -> Option<VarFile> {
    Loader::new(tree).var_file(path.to_owned())
}

/// Why something cannot be read: without its path, which is told beside it.
fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        kind => kind.to_string(),
    }
}

#[derive(Default)]
struct Chosen {
    hcl: Vec<Utf8PathBuf>,
    json: Vec<Utf8PathBuf>,
    auto_hcl: Vec<Utf8PathBuf>,
    auto_json: Vec<Utf8PathBuf>,
}

impl Chosen {
    fn add(&mut self, path: Utf8PathBuf) {
        let ends = |end: &str| path.as_str().ends_with(end);
        let kind = if ends(".pkr.hcl") {
            &mut self.hcl
        } else if ends(".pkr.json") {
            &mut self.json
        } else if ends(".auto.pkrvars.hcl") {
            &mut self.auto_hcl
        } else if ends(".auto.pkrvars.json") {
            &mut self.auto_json
        } else {
            return;
        };
        kind.push(path);
    }
}

/// What may still be read.
struct Left {
    bytes: usize,
    assignments: usize,
}

impl Left {
    fn new() -> Self {
        Self { bytes: MAX_TEMPLATE, assignments: MAX_ASSIGNMENTS }
    }
}

struct Loader<'t> {
    tree: &'t dyn SourceTree,
    sources: Sources,
    problems: Vec<Diagnostic>,
    left: Left,
}

impl<'t> Loader<'t> {
    fn new(tree: &'t dyn SourceTree) -> Self {
        Self { tree, sources: Sources::default(), problems: Vec::new(), left: Left::new() }
    }

    fn problem(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    fn template_file(&mut self, path: Utf8PathBuf) -> TemplateFile {
        let (source, text) = self.text(&path);
        let legacy = is_legacy_template(&path);
        let read = |text: String| {
            if legacy { self.legacy_body(&text, source) } else { self.body(&text, source) }
        };
        TemplateFile { path, source, legacy, body: text.and_then(read) }
    }

    fn legacy_body(&mut self, text: &str, source: SourceId) -> Option<Body> {
        let (start, message) = match json::parse(text, source) {
            Ok(whole) => match legacy::body(&whole) {
                Ok(body) => return Some(body),
                Err((message, span)) => (span, message.to_owned()),
            },
            Err(error) => {
                let length = text[error.at..].chars().next().map_or(0, char::len_utf8);
                let span = Span { source, start: error.at, end: error.at + length };
                (span, error.message)
            }
        };
        let problem = Diagnostic::error("json-syntax", "the file is no template in JSON");
        self.problem(problem.at(start, message));
        None
    }

    fn var_file(&mut self, path: Utf8PathBuf) -> Option<VarFile> {
        let (source, text) = self.text(&path);
        let text = text?;
        let values = if path.extension() == Some("json") {
            match serde_json::from_str(&text) {
                Ok(values) => VarValues::Json(values),
                Err(error) => {
                    let start = Span { source, start: 0, end: 0 };
                    let problem =
                        Diagnostic::error("json-syntax", format!("no JSON object: {error}"));
                    self.problem(problem.at(start, "in this file"));
                    return None;
                }
            }
        } else {
            VarValues::Hcl(self.body(&text, source))
        };
        Some(VarFile { path, values })
    }

    /// The text of a file, without a byte order mark.
    fn text(&mut self, path: &Utf8Path) -> (SourceId, Option<String>) {
        let most = MAX_FILE.min(self.left.bytes);
        let bytes = match self.tree.read(path, most + 1) {
            Ok(bytes) => bytes,
            Err(error) => {
                let source = self.sources.add(path, "");
                let start = Span { source, start: 0, end: 0 };
                let message = format!("the file cannot be read: {}", why(&error));
                self.problem(Diagnostic::error("unreadable-file", message).at(start, ""));
                return (source, None);
            }
        };
        if bytes.len() > most {
            let source = self.sources.add(path, "");
            self.too_large(source, "it is larger than templates are");
            return (source, None);
        }
        self.left.bytes -= bytes.len();
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        match str::from_utf8(bytes) {
            Ok(text) => (self.sources.add(path, text), Some(text.to_owned())),
            Err(error) => {
                // Up to there, what is shown and what is read are the same.
                let shown = String::from_utf8_lossy(bytes).into_owned();
                let start = error.valid_up_to();
                let length = shown[start..].chars().next().map_or(0, char::len_utf8);
                let source = self.sources.add(path, shown);
                let span = Span { source, start, end: start + length };
                let problem = Diagnostic::error("not-text", "the file is not UTF-8");
                self.problem(
                    problem.at(span, "this byte is no text").help("save the file as UTF-8"),
                );
                (source, None)
            }
        }
    }

    fn too_large(&mut self, source: SourceId, why: &str) {
        let start = Span { source, start: 0, end: 0 };
        let message = format!("the file is too large: {why}");
        self.problem(Diagnostic::error("too-large", message).at(start, ""));
    }

    fn body(&mut self, text: &str, source: SourceId) -> Option<Body> {
        let assignments = hcl::assignments(text);
        let Some(left) = self.left.assignments.checked_sub(assignments) else {
            self.too_large(source, "the template has more assignments than templates have");
            return None;
        };
        self.left.assignments = left;
        match hcl::parse_body(text, source) {
            Ok(body) => Some(body),
            Err(HclError::TooManyAssignments) => {
                self.too_large(source, "it has more assignments than templates have");
                None
            }
            Err(HclError::Syntax { message, at }) => {
                let span = Span { source, start: at.start, end: at.end };
                let problem = Diagnostic::error("hcl-syntax", "the file cannot be read as HCL");
                self.problem(problem.at(span, message));
                None
            }
        }
    }
}
