//! Files by which Trivy, run by hand, leaves findings out. They decide nothing here, which who wrote
//! them should know.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::diagnostics::{Diagnostic, Problems, Span};
use crate::model::Image;

/// What Trivy reads where it runs.
const NAMES: [&str; 4] = [".trivyignore", ".trivyignore.yaml", ".trivyignore.yml", "trivy.yaml"];

/// The folders in which such files are looked for: that of images.yml, and those of images with what
/// lies between. Nobody walks through a whole tree for a warning.
pub(super) struct Folders<'a> {
    root: &'a Utf8Path,
    folders: BTreeSet<Utf8PathBuf>,
}

impl<'a> Folders<'a> {
    /// The folder of images.yml.
    pub(super) fn new(root: &'a Utf8Path) -> Self {
        Self { root, folders: [root.to_owned()].into() }
    }

    /// Adds the folders of an image.
    pub(super) fn add(&mut self, image: &Image) {
        for path in [&image.template, &image.workdir] {
            if !path.starts_with(self.root) {
                let folder = if path.is_file() { path.parent() } else { Some(path.as_path()) };
                self.folders.extend(folder.map(Utf8Path::to_owned));
                continue;
            }
            // A template can be a file, in which nothing is found.
            for folder in path.ancestors() {
                // Where this one is, those above it are too.
                if !self.folders.insert(folder.to_owned()) {
                    break;
                }
            }
        }
    }

    /// Tells of every such file. Nothing of what is in them is read.
    pub(super) fn tell(&self, problems: &mut Problems) {
        for folder in &self.folders {
            for name in NAMES {
                let path = folder.join(name);
                if fs_err::metadata(&path).is_ok_and(|found| !found.is_dir()) {
                    let message = format!(
                        "`{name}` decides nothing here: what it leaves out is judged all the same"
                    );
                    let source = problems.add_source(path, "");
                    let place = Span { source, start: 0, end: 0 };
                    problems.push(
                        Diagnostic::warning("trivy-file-unused", message)
                            .at(place, "")
                            .help("put what it permits into waivers.yml, with a reason and a last day; `goldsmith waivers` shows what has become of it"),
                    );
                }
            }
        }
    }
}
