//! What lies in a repository: folders with Packer files, files with variables, older templates.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::template::{Kind, SourceTree};

/// Most names that are looked at.
const MAX_NAMES: usize = 50_000;
/// Deepest folder below the root.
const MAX_DEPTH: usize = 12;
/// Most JSON files that are looked into, and how large they may be.
const MAX_JSON: usize = 1_000;
const MAX_JSON_BYTES: usize = 256 * 1024;

/// Folders in which nobody keeps templates of their own.
const SKIPPED: [&str; 4] = ["node_modules", "packer_cache", "vendor", "venv"];

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// The `.pkr.hcl` files by folder.
    pub(super) folders: BTreeMap<Utf8PathBuf, Vec<Utf8PathBuf>>,
    /// The `.pkrvars.hcl` files that Packer does not read by itself.
    pub(super) var_files: Vec<Utf8PathBuf>,
    /// The `.pkr.json` files.
    pub(super) json: Vec<Utf8PathBuf>,
    /// Templates of the time before HCL.
    pub(super) legacy: Vec<Utf8PathBuf>,
    /// Whether not everything was looked at.
    pub(super) cut: bool,
    names: usize,
    looked_into: usize,
}

/// Looks through everything below `root`, but for hidden folders and links to folders.
pub(super) fn survey(tree: &dyn SourceTree, root: &Utf8Path) -> Survey {
    let mut survey = Survey::default();
    survey.folder(tree, root, 0);
    survey
}

impl Survey {
    fn folder(&mut self, tree: &dyn SourceTree, folder: &Utf8Path, depth: usize) {
        for path in tree.list(folder).unwrap_or_default() {
            self.names += 1;
            if self.names > MAX_NAMES {
                self.cut = true;
                return;
            }
            let name = path.file_name().unwrap_or_default();
            match tree.kind(&path) {
                Some(Kind::Folder) if name.starts_with('.') || SKIPPED.contains(&name) => {}
                // What a link leads to is looked at where it lies.
                Some(Kind::Folder) if tree.is_link(&path) => {}
                Some(Kind::Folder) if depth == MAX_DEPTH => self.cut = true,
                Some(Kind::Folder) => self.folder(tree, &path, depth + 1),
                // A link that leads nowhere counts: Packer stops at it.
                Some(Kind::File) | None => self.file(tree, folder, path),
                Some(Kind::Other) => {}
            }
        }
    }

    fn file(&mut self, tree: &dyn SourceTree, folder: &Utf8Path, path: Utf8PathBuf) {
        let ends = |end: &str| path.as_str().ends_with(end);
        if ends(".pkr.hcl") {
            self.folders.entry(folder.to_owned()).or_default().push(path);
        } else if ends(".pkrvars.hcl") && !ends(".auto.pkrvars.hcl") {
            self.var_files.push(path);
        } else if ends(".pkr.json") {
            self.json.push(path);
        } else if ends(".json") && self.looked_into < MAX_JSON {
            self.looked_into += 1;
            if is_legacy(tree, &path) {
                self.legacy.push(path);
            }
        }
    }
}

/// Whether a JSON file is a template: it has a list of builders with types.
fn is_legacy(tree: &dyn SourceTree, path: &Utf8Path) -> bool {
    let Ok(bytes) = tree.read(path, MAX_JSON_BYTES) else {
        return false;
    };
    let Ok(text) = serde_json::from_slice::<serde_json::Value>(&bytes) else {
        return false;
    };
    let builders = text.get("builders").and_then(serde_json::Value::as_array);
    builders.is_some_and(|builders| builders.iter().any(|builder| builder.get("type").is_some()))
}
