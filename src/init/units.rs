//! What `packer build` would be given in a folder: the folder, or its files one by one.

use std::collections::HashSet;

use camino::{Utf8Path, Utf8PathBuf};
use indexmap::IndexMap;

use super::discovery::LeftOut;
use crate::template::{self, Body, Request, SourceTree};

/// A template that can be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    /// The folder or the file.
    pub(super) template: Utf8PathBuf,
    /// The folder, also of a file.
    pub(super) folder: Utf8PathBuf,
    /// Whether it is a file among others.
    pub(super) is_file: bool,
}

/// The units of a folder with these `.pkr.hcl` files.
///
/// Packer reads a whole folder as one template. Where two files declare the same, it would refuse:
/// there each file stands for itself. Where nothing is built, they are fragments of other templates.
pub(super) fn units(
    tree: &dyn SourceTree,
    root: &Utf8Path,
    folder: &Utf8Path,
    files: &[Utf8PathBuf],
    left_out: &mut Vec<LeftOut>,
) -> Vec<Unit> {
    let bodies: Vec<(&Utf8PathBuf, Option<Body>)> =
        files.iter().map(|path| (path, body(tree, folder, path))).collect();
    let builds = |body: &Option<Body>| match body {
        Some(body) => body.blocks_named("build").next().is_some(),
        // What it says is not known; that it cannot be read is told later.
        None => true,
    };
    if !bodies.iter().any(|(_, body)| builds(body)) {
        let why = "nothing is built there: fragments of other templates";
        left_out.push(LeftOut::new(folder, why));
        return Vec::new();
    }
    let file = |path: &Utf8Path| Unit {
        template: path.to_owned(),
        folder: folder.to_owned(),
        is_file: true,
    };
    if !are_alternatives(&bodies) {
        // In the root a folder would be everything in the repository.
        return match files {
            [only] if folder == root => vec![Unit { is_file: false, ..file(only) }],
            _ => vec![Unit { is_file: false, ..file(folder) }],
        };
    }
    let mut units = Vec::new();
    for (path, body) in &bodies {
        if builds(body) {
            units.push(file(path));
        } else {
            let why = "nothing is built in it, and files beside it declare the same: each stands for itself";
            left_out.push(LeftOut::new(path, why));
        }
    }
    units
}

fn body(tree: &dyn SourceTree, folder: &Utf8Path, path: &Utf8Path) -> Option<Body> {
    let request =
        Request { template: path, workdir: folder, var_files: &[], vars: &IndexMap::new() };
    template::read(tree, &request).files.into_iter().next()?.body
}

/// Whether two files declare the same thing.
fn are_alternatives(bodies: &[(&Utf8PathBuf, Option<Body>)]) -> bool {
    let mut declared = HashSet::new();
    let mut twice = false;
    for body in bodies.iter().filter_map(|(_, body)| body.as_ref()) {
        for block in body.blocks() {
            let labels = block.labels.iter().map(|label| label.text.as_str());
            let labels: Vec<&str> = labels.collect();
            match block.name.text.as_str() {
                kind @ ("variable" | "source" | "data" | "local") => {
                    twice |= !declared.insert((kind, labels.join(" ")));
                }
                of @ ("locals" | "variables") => {
                    let kind = of.trim_end_matches('s');
                    for attribute in block.body.attributes() {
                        twice |= !declared.insert((kind, attribute.name.text.clone()));
                    }
                }
                _ => {}
            }
        }
    }
    twice
}
