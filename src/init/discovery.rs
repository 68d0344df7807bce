//! The images of a repository.

use std::collections::{BTreeSet, HashSet};

use camino::{Utf8Path, Utf8PathBuf};
use indexmap::IndexMap;

use super::parents::{self, Trace};
use super::survey::{Survey, survey};
use super::units::{Unit, units};
use super::var_sets::{self, VarSet};
use super::{describe, names};
use crate::model::{Arch, ImageName, Os, Source};
use crate::template::{self, Build, Request, SourceTree, Target, Template, Yield};

/// Most templates and images: more than that is written by a program.
const MAX_TEMPLATES: usize = 500;
const MAX_IMAGES: usize = 1_000;

/// Folders above a template in which Packer may be meant to run.
const MAX_WORKDIRS: usize = 6;

/// What was found in a repository.
#[derive(Debug, Clone)]
pub struct Discovery {
    /// Its root, absolute.
    pub root: Utf8PathBuf,
    /// The images, in the order of their templates.
    pub images: Vec<Found>,
    /// What looks like a template and is none, or cannot be used.
    pub left_out: Vec<LeftOut>,
}

/// An image as it would be written down. Paths are relative to the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: ImageName,
    /// The template: a folder or a file.
    pub template: Utf8PathBuf,
    /// Where Packer runs, if it is not the template's folder.
    pub workdir: Option<Utf8PathBuf>,
    /// The Packer build, if the template has several.
    pub build: Option<String>,
    /// The operating system, if it can be told.
    pub os: Option<Os>,
    /// How it comes about.
    pub source: Source,
    /// Architecture.
    pub arch: Arch,
    /// Values of variables.
    pub vars: IndexMap<String, String>,
    /// Files with variables, in order.
    pub var_files: Vec<Utf8PathBuf>,
    /// Environment variables that the template wants.
    pub env: Vec<String>,
    /// Those of them that are secrets.
    pub secrets: Vec<String>,
    /// Images that it is built upon.
    pub parents: Vec<ImageName>,
    /// What else there is to say of it, a sentence each.
    pub notes: Vec<String>,
    /// Why it cannot be used as it is.
    pub objection: Option<String>,
}

/// Something that is not written down as an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// What it is, relative to the root.
    pub path: Utf8PathBuf,
    /// Why: a clause for people.
    pub why: String,
}

impl LeftOut {
    pub(super) fn new(path: &Utf8Path, why: impl Into<String>) -> Self {
        Self { path: path.to_owned(), why: why.into() }
    }
}

/// Finds the images of the repository at `root`, which is absolute. How much is looked at is bounded.
pub fn discover(tree: &dyn SourceTree, root: &Utf8Path) -> Discovery {
    let survey = survey(tree, root);
    let mut left_out = Vec::new();
    let mut found: Vec<Unit> = Vec::new();
    for (folder, files) in &survey.folders {
        if found.len() >= MAX_TEMPLATES {
            left_out.push(LeftOut::new(folder, "there are too many templates"));
            break;
        }
        found.extend(units(tree, root, folder, files, &mut left_out));
    }
    let var_files = var_sets::read(tree, &survey.var_files, &found);
    let mut finder = Finder {
        tree,
        root,
        survey: &survey,
        left_out,
        drafts: Vec::new(),
        taken: BTreeSet::new(),
    };
    for unit in &found {
        let declared = finder.read(unit, &VarSet::default(), &unit.folder).variables;
        let declared: HashSet<String> = declared.into_iter().map(|it| it.name).collect();
        let sets = var_sets::sets(unit, &var_files, &declared);
        let workdir = finder.workdir(unit, &sets[0]);
        for set in &sets {
            finder.unit(unit, set, &workdir, sets.len() > 1);
        }
    }
    finder.other_templates();
    finder.finish()
}

/// An image under way.
struct Draft {
    found: Found,
    trace: Trace,
    /// Why its operating system cannot be told.
    no_os: Option<String>,
}

struct Finder<'a> {
    tree: &'a dyn SourceTree,
    root: &'a Utf8Path,
    survey: &'a Survey,
    left_out: Vec<LeftOut>,
    drafts: Vec<Draft>,
    taken: BTreeSet<ImageName>,
}

impl Finder<'_> {
    fn read(&self, unit: &Unit, set: &VarSet, workdir: &Utf8Path) -> Template {
        let request = Request {
            template: &unit.template,
            workdir,
            var_files: &set.files,
            vars: &IndexMap::new(),
        };
        template::read(self.tree, &request)
    }

    fn relative(&self, path: &Utf8Path) -> Utf8PathBuf {
        match path.strip_prefix(self.root) {
            Ok(rest) if rest.as_str().is_empty() => ".".into(),
            Ok(rest) => rest.to_owned(),
            Err(_) => path.to_owned(),
        }
    }

    /// Where Packer is meant to run: where most of the files are that the template names. The
    /// template's own folder if nothing speaks for another one.
    fn workdir(&self, unit: &Unit, set: &VarSet) -> Utf8PathBuf {
        let mut best = (unit.folder.clone(), 0);
        let folders = unit.folder.ancestors().take_while(|folder| folder.starts_with(self.root));
        for (distance, folder) in folders.take(MAX_WORKDIRS).enumerate() {
            let references = self.read(unit, set, folder).references;
            let exists = |target: &Target| match target {
                Target::Path(path) => self.tree.kind(path).is_some(),
                Target::Pattern(pattern) => self.tree.kind(&pattern.folder).is_some(),
            };
            let there = references.iter().filter(|it| exists(&it.target)).count();
            if distance == 0 && there == references.len() {
                return folder.to_owned();
            }
            if there > best.1 {
                best = (folder.to_owned(), there);
            }
        }
        best.0
    }

    /// Adds the images that `unit` makes with the variables of `set`.
    fn unit(&mut self, unit: &Unit, set: &VarSet, workdir: &Utf8Path, is_variant: bool) {
        let template = self.read(unit, set, workdir);
        let images: Vec<&Build> =
            template.builds.iter().filter(|build| build.yields == Yield::Image).collect();
        let steps = template.builds.iter().filter(|build| build.yields == Yield::Step);
        let steps: Vec<&str> = steps.map(|build| build.name.as_str()).collect();
        if describe::is_fragment(&template) {
            let why = "its sources are declared elsewhere: a fragment of other templates";
            self.left_out.push(LeftOut::new(&unit.template, why));
            return;
        }
        if let Some(why) = describe::error(&template, self.root) {
            self.incomplete(unit, set, &why);
            return;
        }
        if images.is_empty() {
            if template.open_builds.is_empty() {
                let why = match steps.as_slice() {
                    [] => "it builds nothing",
                    _ => "it has steps only, and no image",
                };
                self.left_out.push(LeftOut::new(&unit.template, why));
            } else {
                self.incomplete(unit, set, "the names of its builds are known only to Packer");
            }
            return;
        }
        let mut notes = Vec::new();
        if !steps.is_empty() {
            notes.push(format!("steps of the template, and no images: {}", steps.join(", ")));
        }
        let wanted = describe::wanted(&template);
        notes.extend(self.notes(&template, set, &wanted));
        // One set of variables is one image: of several builders, one is taken.
        let images = if is_variant && images.len() > 1 {
            let (taken, others) = describe::preferred(&images, set.name.as_deref().unwrap_or(""));
            notes.push(format!("other builds of the template: {}", others.join(", ")));
            vec![taken]
        } else {
            images
        };
        let several = template.builds.len() > 1 || !template.open_builds.is_empty();
        let labels = describe::labels(&images);
        for (build, label) in images.iter().zip(labels) {
            if self.drafts.len() == MAX_IMAGES {
                self.left_out.push(LeftOut::new(&unit.template, "there are too many images"));
                return;
            }
            let hints = self.hints(unit, set, build, &template);
            let os = hints.os();
            let name = self.name(unit, set, label.as_deref(), build, os.as_ref().ok());
            let name = names::unique(&name, &mut self.taken);
            let mut notes = notes.clone();
            notes.extend(describe::contract(build, &template));
            let no_os = os.as_ref().err().cloned();
            let found = Found {
                name,
                template: self.relative(&unit.template),
                workdir: (workdir != unit.folder).then(|| self.relative(workdir)),
                build: several.then(|| build.name.clone()),
                source: hints.source(build, os.as_ref().ok()),
                arch: hints.arch(),
                os: os.ok(),
                vars: IndexMap::new(),
                var_files: set.files.iter().map(|path| self.relative(path)).collect(),
                env: wanted.env.clone(),
                secrets: wanted.secrets.clone(),
                parents: Vec::new(),
                notes,
                objection: describe::objection(build, &wanted),
            };
            let trace = parents::trace(build, &template, workdir);
            self.drafts.push(Draft { found, trace, no_os });
        }
    }

    fn hints(
        &self,
        unit: &Unit,
        set: &VarSet,
        build: &Build,
        template: &Template,
    ) -> describe::Hints {
        let place = self.relative(&unit.template);
        let variant = set.name.as_ref().and(set.files.last()).map(|path| self.relative(path));
        describe::hints(variant.as_deref(), &place, build, template)
    }

    /// What the image is called.
    fn name(
        &self,
        unit: &Unit,
        set: &VarSet,
        label: Option<&str>,
        build: &Build,
        os: Option<&Os>,
    ) -> String {
        if let Some(name) = set.name.as_ref().filter(|name| !names::is_generic(name)) {
            return name.clone();
        }
        let place = self.relative(&unit.template);
        let stem = place.file_name().and_then(|name| name.strip_suffix(".pkr.hcl"));
        let place = match stem {
            // The name of a file, which for the only one in its folder tells less than the folder's.
            Some(stem) if unit.is_file || place.parent() == Some("".into()) => stem.to_owned(),
            _ => names::of_place(&place),
        };
        let name = match label {
            Some(label) => names::joined(&place, label),
            None if names::is_generic(&place) => describe::local_name(build).to_owned(),
            None => place,
        };
        match os {
            _ if !names::is_generic(&name) => name,
            Some(os) => names::of_os(os),
            None => self.relative(&unit.template).as_str().to_owned(),
        }
    }

    /// Adds an image of which nothing is known but its template, and why.
    fn incomplete(&mut self, unit: &Unit, set: &VarSet, why: &str) {
        let place = self.relative(&unit.template);
        let name = match (&set.name, names::of_place(&place)) {
            (Some(name), _) => name.clone(),
            (None, place) => place.trim_end_matches(".pkr.hcl").to_owned(),
        };
        let found = Found {
            name: names::unique(&name, &mut self.taken),
            template: place,
            workdir: None,
            build: None,
            os: None,
            source: Source::Iso,
            arch: Arch::Amd64,
            vars: IndexMap::new(),
            var_files: set.files.iter().map(|path| self.relative(path)).collect(),
            env: Vec::new(),
            secrets: Vec::new(),
            parents: Vec::new(),
            notes: Vec::new(),
            objection: Some(why.to_owned()),
        };
        self.drafts.push(Draft { found, trace: Trace::default(), no_os: None });
    }

    /// What holds for all images of a template.
    fn notes(&self, template: &Template, set: &VarSet, wanted: &describe::Wanted) -> Vec<String> {
        let mut notes = Vec::new();
        let names = |paths: &[Utf8PathBuf]| {
            let names = paths.iter().map(|path| self.relative(path).into_string());
            names.collect::<Vec<_>>().join(", ")
        };
        if !set.undecided.is_empty() {
            notes.push(format!("perhaps one of these goes along: {}", names(&set.undecided)));
        }
        if !template.not_read.is_empty() {
            let files = names(&template.not_read);
            notes.push(format!("Packer also reads {files}, into which goldsmith does not look"));
        }
        if !template.open_builds.is_empty() {
            notes.push("the template has builds whose names are known only to Packer".to_owned());
        }
        if !wanted.unset.is_empty() {
            let unset = wanted.unset.join(", ");
            notes.push(format!("without a value, so that the environment has to give it: {unset}"));
        }
        notes
    }

    /// Templates that are not in HCL.
    fn other_templates(&mut self) {
        for path in &self.survey.json {
            let folder = path.parent().unwrap_or(path);
            if !self.survey.folders.contains_key(folder) {
                self.left_out.push(LeftOut::new(
                    path,
                    "it is HCL written as JSON, which goldsmith does not read",
                ));
            }
        }
        for path in &self.survey.legacy {
            let why = "it is a JSON template: `packer hcl2_upgrade` makes HCL of it";
            self.left_out.push(LeftOut::new(path, why));
        }
        if self.survey.cut {
            self.left_out.push(LeftOut::new(
                self.root,
                "not all folders were looked at: there are too many",
            ));
        }
    }

    fn finish(mut self) -> Discovery {
        let mut left_out = std::mem::take(&mut self.left_out);
        for left in &mut left_out {
            left.path = self.relative(&left.path);
        }
        let mut images = Vec::new();
        let mut traces = Vec::new();
        let mut without_os = Vec::new();
        for draft in self.drafts {
            images.push(draft.found);
            traces.push(draft.trace);
            without_os.push(draft.no_os);
        }
        parents::connect(&mut images, &traces);
        for (image, why) in images.iter_mut().zip(without_os) {
            // What it is built upon may have told it.
            if image.os.is_none() && image.objection.is_none() {
                let template = &image.template;
                image.objection = why.map(|why| format!("{template}: {why}"));
            }
        }
        left_out.sort_by(|one, other| one.path.cmp(&other.path));
        Discovery { root: self.root.to_owned(), images, left_out }
    }
}
