//! Which files with variables go with a template: some with every image of it, some alternatives of
//! which each makes an image of its own.

use std::collections::{BTreeSet, HashMap, HashSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::os;
use super::units::Unit;
use crate::template::{self, SourceTree};

/// Most files that are weighed for one template.
const MAX_FILES: usize = 1_000;

/// Words in the names of files that hold for every image.
const COMMON: [&str; 9] =
    ["all", "base", "common", "default", "defaults", "global", "globals", "main", "shared"];
/// Words in the names of files that are to be copied and filled in.
const EXAMPLES: [&str; 5] = ["dist", "example", "sample", "skeleton", "tmpl"];
/// Words that say nothing of what a file is for.
const VARIABLES: [&str; 5] = ["values", "variables", "var", "vars", "pkrvars"];

/// The end of the names of these files.
const END: &str = ".pkrvars.hcl";

/// A file with variables.
#[derive(Debug)]
pub(super) struct VarFile {
    path: Utf8PathBuf,
    names: BTreeSet<String>,
    /// The folder of the template that it lies with, if there is one.
    owner: Option<Utf8PathBuf>,
    /// The template file of the same name beside it, if there is one.
    twin: Option<Utf8PathBuf>,
}

/// Files with variables that make an image together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct VarSet {
    /// What tells the image from others of the same template, if there are any.
    pub(super) name: Option<String>,
    /// The files in the order in which Packer reads them.
    pub(super) files: Vec<Utf8PathBuf>,
    /// Files that may be missing: which of them, nobody can tell.
    pub(super) undecided: Vec<Utf8PathBuf>,
}

/// Reads the files, which lie among `units`.
pub(super) fn read(tree: &dyn SourceTree, paths: &[Utf8PathBuf], units: &[Unit]) -> Vec<VarFile> {
    let owners: HashSet<&Utf8Path> = units.iter().map(|unit| unit.folder.as_path()).collect();
    let alone = units.iter().filter(|unit| unit.is_file);
    let twins: HashSet<&Utf8Path> = alone.map(|unit| unit.template.as_path()).collect();
    let is_example = |path: &&Utf8PathBuf| words(stem(path)).any(|word| EXAMPLES.contains(&word));
    paths
        .iter()
        .filter(|path| !is_example(path))
        .take(MAX_FILES)
        .map(|path| VarFile {
            path: path.clone(),
            names: template::set_in(tree, path).into_iter().collect(),
            owner: path
                .ancestors()
                .skip(1)
                .find(|folder| owners.contains(*folder))
                .map(Utf8Path::to_owned),
            twin: Some(path.with_file_name(format!("{}.pkr.hcl", stem(path))))
                .filter(|twin| twins.contains(twin.as_path())),
        })
        .filter(|file| !file.names.is_empty())
        .collect()
}

/// The sets for `unit`, which declares these variables; at least one, which may have no files.
pub(super) fn sets(unit: &Unit, files: &[VarFile], declared: &HashSet<String>) -> Vec<VarSet> {
    let files: Vec<&VarFile> = files.iter().filter(|file| belongs(file, unit, declared)).collect();
    if let Some(twin) = files.iter().find(|file| file.twin.is_some()) {
        // `debian.pkrvars.hcl` beside `debian.pkr.hcl`: that is for it, and others are not.
        let common = files.iter().filter(|file| is_common(&file.path));
        return vec![set(None, common.copied(), Some(twin))];
    }
    let (common, others): (Vec<&VarFile>, Vec<&VarFile>) =
        files.into_iter().partition(|file| is_common(&file.path));
    let mut common = common;
    let mut axes: Vec<Vec<&VarFile>> = Vec::new();
    for group in groups(&others) {
        match group.as_slice() {
            [alone] => common.push(alone),
            _ => axes.push(group),
        }
    }
    // The alternatives whose names tell operating systems are the images.
    let systems = |axis: &Vec<&VarFile>| {
        axis.iter().filter(|file| os::of_text(&named(&file.path), true).is_some()).count()
    };
    axes.sort_by_key(|axis| std::cmp::Reverse((systems(axis), axis.len())));
    let mut axes = axes.into_iter();
    let Some(axis) = axes.next() else {
        return vec![set(None, common.into_iter(), None)];
    };
    let undecided: Vec<Utf8PathBuf> = axes.flatten().map(|file| file.path.clone()).collect();
    let mut sets: Vec<VarSet> = axis
        .iter()
        .map(|variant| {
            let goes_along = |file: &&&VarFile| goes_along(&file.path, &variant.path, &axis);
            let common = common.iter().filter(goes_along).copied();
            let set = set(Some(name(&variant.path)), common, Some(variant));
            VarSet { undecided: undecided.clone(), ..set }
        })
        .collect();
    sets.sort_by(|one, other| one.files.last().cmp(&other.files.last()));
    sets
}

fn set<'f>(
    name: Option<String>,
    common: impl Iterator<Item = &'f VarFile>,
    last: Option<&VarFile>,
) -> VarSet {
    let mut files: Vec<Utf8PathBuf> = common.map(|file| file.path.clone()).collect();
    // From the outside to the inside: what is nearer counts more.
    files.sort_by_key(|path| (path.components().count(), path.clone()));
    files.extend(last.map(|file| file.path.clone()));
    VarSet { name, files, undecided: Vec::new() }
}

/// Whether `file` can be for `unit`: it sets what is declared there, and does not lie in the folder
/// of another template.
fn belongs(file: &VarFile, unit: &Unit, declared: &HashSet<String>) -> bool {
    let known = file.names.iter().filter(|name| declared.contains(*name)).count();
    known * 2 >= file.names.len()
        && file.owner.as_ref().is_none_or(|owner| unit.folder.starts_with(owner))
        && file.twin.as_ref().is_none_or(|twin| *twin == unit.template)
}

fn stem(path: &Utf8Path) -> &str {
    let name = path.file_name().unwrap_or_default();
    name.strip_suffix(END).unwrap_or(name)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_ascii_alphanumeric())
}

/// Whether the name says that the file holds for all images.
fn is_common(path: &Utf8Path) -> bool {
    let stem = stem(path);
    words(stem).any(|word| COMMON.contains(&word)) && os::of_text(stem, true).is_none()
}

/// The file's name with the folder's, as far as it helps to tell what it is for.
fn named(path: &Utf8Path) -> String {
    let folder = path.parent().and_then(Utf8Path::file_name).unwrap_or_default();
    format!("{folder}/{}", stem(path))
}

/// What tells the image of a variant from others.
fn name(path: &Utf8Path) -> String {
    let stem = stem(path);
    let folder = path.parent().and_then(Utf8Path::file_name).unwrap_or_default();
    if words(stem).all(|word| VARIABLES.contains(&word)) {
        folder.to_owned()
    } else if stem.starts_with(|first: char| first.is_ascii_digit()) {
        format!("{folder}-{stem}")
    } else {
        stem.to_owned()
    }
}

/// Groups of files of which no two go together: they set the same variables.
fn groups<'f>(files: &[&'f VarFile]) -> Vec<Vec<&'f VarFile>> {
    let mut group_of: Vec<usize> = (0..files.len()).collect();
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (position, file) in files.iter().enumerate() {
        for name in &file.names {
            let other = *first.entry(name).or_insert(position);
            let (from, to) = (group_of[position], group_of[other]);
            if from != to {
                group_of.iter_mut().filter(|group| **group == from).for_each(|group| *group = to);
            }
        }
    }
    let mut groups: Vec<(usize, Vec<&VarFile>)> = Vec::new();
    for (position, file) in files.iter().enumerate() {
        match groups.iter_mut().find(|(group, _)| *group == group_of[position]) {
            Some((_, group)) => group.push(file),
            None => groups.push((group_of[position], vec![file])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Whether the common file `path` holds for `variant`: one in a folder with variants holds for those
/// in there.
fn goes_along(path: &Utf8Path, variant: &Utf8Path, axis: &[&VarFile]) -> bool {
    let Some(folder) = path.parent() else {
        return true;
    };
    variant.starts_with(folder) || !axis.iter().any(|other| other.path.starts_with(folder))
}
