//! A template as a whole.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use indexmap::IndexMap;

use super::builds::{self, Build, SourceBlock};
use super::evaluate::Evaluator;
use super::load::{self, TemplateFile};
use super::paths;
use super::references::{self, Reference, Untracked};
use super::syntax::ExprKind;
use super::tree::SourceTree;
use super::variables::{self, Local, Variable};
use crate::diagnostics::{Problems, Span};

/// Which template to read, and how Packer would be started.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The template: a folder, one `.pkr.hcl` file or one in the older language, absolute.
    pub template: &'a Utf8Path,
    /// Where Packer runs, absolute.
    pub workdir: &'a Utf8Path,
    /// Files with variables that Packer is told to read, absolute, in order.
    pub var_files: &'a [Utf8PathBuf],
    /// Values of variables as `-var` gives them. None for one that only a run knows.
    pub vars: &'a IndexMap<String, Option<String>>,
}

/// What a Packer template says.
#[derive(Debug, Clone)]
pub struct Template {
    /// The folder that `path.root` stands for, absolute.
    pub folder: Utf8PathBuf,
    /// Its `.pkr.hcl` files in the order in which Packer reads them; or the one file in the older
    /// language.
    pub files: Vec<TemplateFile>,
    /// `.pkr.json` files, which Packer reads and goldsmith does not.
    pub not_read: Vec<Utf8PathBuf>,
    /// Every source.
    pub sources: Vec<Arc<SourceBlock>>,
    /// Every build, in order.
    pub builds: Vec<Build>,
    /// Places that name builds which only Packer can tell.
    pub open_builds: Vec<Span>,
    /// Every variable.
    pub variables: Vec<Variable>,
    /// Every local value.
    pub locals: Vec<Local>,
    /// The files that it uses, each once.
    pub references: Vec<Reference>,
    /// Places that name files which nobody can tell.
    pub untracked: Vec<Untracked>,
    /// The plugins that it requires.
    pub required_plugins: Vec<RequiredPlugin>,
    /// The files that its post-processors `manifest` write, as far as they can be told without
    /// Packer: absolute, each once.
    pub manifests: Vec<Utf8PathBuf>,
    /// What is wrong with it. Its sources are the files.
    pub problems: Problems,
}

/// A plugin that a template requires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredPlugin {
    /// The name that it has in the template: `qemu`.
    pub name: String,
    /// Where it comes from: `github.com/hashicorp/qemu`.
    pub source: Option<String>,
    /// Which versions will do: `~> 1.1`.
    pub version: Option<String>,
    /// Where it is required.
    pub span: Span,
}

/// Reads a template. A file with a problem says nothing; the others count all the same.
///
/// Bounded in time and memory whatever the files say.
pub fn read(tree: &dyn SourceTree, request: &Request<'_>) -> Template {
    let loaded = load::load(tree, request.template, request.var_files);
    let load::Loaded { sources, problems: found, files, var_files, not_read } = loaded;
    let mut problems = Problems::new(sources);
    for problem in found {
        problems.push(problem);
    }

    let folder = load::folder(tree, request.template).to_owned();
    let root = paths::root_text(&folder, request.workdir);
    let workdir = request.workdir.to_owned();
    let mut evaluator = Evaluator::new(tree, root, folder.clone(), workdir);
    let declared = variables::declared(&files, problems.sources());
    let variables = variables::settle(declared, &var_files, request.vars, &mut evaluator);
    let mut locals = Vec::new();
    for (name, value) in variables::locals(&files) {
        evaluator.local(&name.text, value);
        locals.push(Local { name: name.text.clone(), span: name.span });
    }
    let builds::Found { sources, builds, open_builds } =
        builds::find(&files, &evaluator, &mut problems);
    let references::Found { references, untracked } = references::find(&files, &evaluator);
    let manifests = manifests(&files, &evaluator, request.workdir);
    drop(evaluator);
    let untracked = untracked.into_iter();
    let untracked = untracked.map(|untracked| untracked.with_text(problems.sources())).collect();
    Template {
        required_plugins: required_plugins(&files),
        manifests,
        problems: problems.in_order(),
        folder,
        not_read,
        sources,
        builds,
        open_builds,
        variables,
        locals,
        references,
        untracked,
        files,
    }
}

impl Template {
    /// Whether it is written in Packer's older language.
    pub fn is_legacy(&self) -> bool {
        self.files.iter().any(|file| file.legacy)
    }
}

/// Where the post-processor writes unless it is told.
const MANIFEST: &str = "packer-manifest.json";

/// The files that the post-processors `manifest` write.
fn manifests(
    files: &[TemplateFile],
    evaluator: &Evaluator<'_>,
    workdir: &Utf8Path,
) -> Vec<Utf8PathBuf> {
    let bodies = files.iter().filter_map(|file| file.body.as_ref());
    let builds = bodies.flat_map(|body| body.blocks_named("build"));
    let steps = builds.flat_map(|build| build.body.blocks()).flat_map(|block| {
        let inside = (block.name.text == "post-processors").then(|| block.body.blocks());
        std::iter::once(block).chain(inside.into_iter().flatten())
    });
    let written = steps
        .filter(|step| step.name.text == "post-processor" && step.label(0) == Some("manifest"));
    let mut manifests = Vec::new();
    for step in written {
        let output = match step.body.attribute("output") {
            None => Ok(MANIFEST.into()),
            Some(output) => {
                evaluator.evaluate(&output.value, None).and_then(|output| output.in_text())
            }
        };
        let Ok(output) = output else { continue };
        let path = paths::resolve(workdir, &output);
        if !manifests.contains(&path) {
            manifests.push(path);
        }
    }
    manifests
}

fn required_plugins(files: &[TemplateFile]) -> Vec<RequiredPlugin> {
    let bodies = files.iter().filter_map(|file| file.body.as_ref());
    let packer = bodies.flat_map(|body| body.blocks_named("packer"));
    let required = packer.flat_map(|packer| packer.body.blocks_named("required_plugins"));
    required
        .flat_map(|required| required.body.attributes())
        .map(|plugin| {
            let entry = |name: &str| match &plugin.value.kind {
                ExprKind::Object(entries) => {
                    let mut entries = entries.iter();
                    let found = entries.find(|(key, _)| key.as_text() == Some(name));
                    found.and_then(|(_, value)| value.as_text()).map(str::to_owned)
                }
                _ => None,
            };
            RequiredPlugin {
                name: plugin.name.text.clone(),
                source: entry("source"),
                version: entry("version"),
                span: plugin.span,
            }
        })
        .collect()
}
