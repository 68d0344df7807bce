//! Checks of `images.yml` that need the files that it names.

use std::collections::HashMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::diagnostics::{Diagnostic, Places, Problems, quoted};
use crate::model::Image;

/// The ids of all diagnostics of this module: the anchors of their documentation.
pub const PROBLEMS: &[&str] = &["empty-template", "missing-path", "not-a-file", "not-a-folder"];

/// Adds every problem with the files of `images` to `problems`. `places` says where the values of
/// each entry stand.
pub fn check<'a>(
    images: impl Iterator<Item = &'a Image>,
    places: &[Places],
    problems: &mut Problems,
) {
    let mut seen = Seen::default();
    for image in images {
        let Some(places) = places.get(image.entry as usize) else {
            continue;
        };
        for problem in seen.problems(image, places) {
            problems.push(problem);
        }
    }
}

/// What lies at a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    File,
    Folder,
}

/// What was looked at already: images of one matrix mostly name the same files.
#[derive(Default)]
struct Seen {
    paths: HashMap<Utf8PathBuf, Found>,
    templates: HashMap<Utf8PathBuf, bool>,
}

impl Seen {
    fn at(&mut self, path: &Utf8Path) -> Found {
        if let Some(found) = self.paths.get(path) {
            return *found;
        }
        let found = match fs_err::metadata(path) {
            Err(_) => Found::Nothing,
            Ok(found) if found.is_dir() => Found::Folder,
            Ok(_) => Found::File,
        };
        self.paths.insert(path.to_owned(), found);
        found
    }

    /// Whether a folder has anything that Packer reads.
    fn has_template(&mut self, folder: &Utf8Path) -> bool {
        if let Some(has) = self.templates.get(folder) {
            return *has;
        }
        let has = folder.read_dir_utf8().is_ok_and(|entries| {
            let ends = [".pkr.hcl", ".pkr.json"];
            entries.flatten().any(|entry| ends.iter().any(|end| entry.file_name().ends_with(end)))
        });
        self.templates.insert(folder.to_owned(), has);
        has
    }

    fn problems(&mut self, image: &Image, places: &Places) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        let template = &image.template;
        match self.at(template) {
            Found::Nothing => problems.push(missing(places, "template", template).help(
                "`template` is a folder with `.pkr.hcl` files or one such file, relative to images.yml",
            )),
            Found::Folder if !self.has_template(template) => {
                let message = format!("`template`: {} has no Packer template", quoted(template.as_str()));
                let problem = Diagnostic::error("empty-template", message);
                problems.push(
                    problem
                        .at(places.of("template"), "no file in it ends in `.pkr.hcl`")
                        .help("Packer reads no other file, and none in folders below"),
                );
            }
            Found::File | Found::Folder => {}
        }
        // Where nothing else is said it is the template's, of which enough is said already.
        let of_template = [Some(template.as_path()), template.parent()];
        let own = !of_template.contains(&Some(&image.workdir));
        match self.at(&image.workdir) {
            Found::Nothing if own => problems.push(
                missing(places, "workdir", &image.workdir)
                    .help("`workdir` is where packer and `prepare` run, relative to images.yml"),
            ),
            Found::File if own => {
                let message = format!("`workdir`: {} is a file", quoted(image.workdir.as_str()));
                let problem = Diagnostic::error("not-a-folder", message);
                problems.push(problem.at(places.of("workdir"), "expected a folder"));
            }
            _ => {}
        }
        for (index, file) in image.var_files.iter().enumerate() {
            let key = format!("var_files.{index}");
            match self.at(file) {
                Found::File => {}
                Found::Nothing => problems.push(missing(places, &key, file)),
                Found::Folder => {
                    let message = format!("`var_files`: {} is a folder", quoted(file.as_str()));
                    let problem = Diagnostic::error("not-a-file", message);
                    problems.push(problem.at(places.of(&key), "expected a `.pkrvars.hcl` file"));
                }
            }
        }
        problems
    }
}

fn missing(places: &Places, key: &str, path: &Utf8Path) -> Diagnostic {
    let name = key.split('.').next().unwrap_or(key);
    let message = format!("`{name}`: {} does not exist", quoted(path.as_str()));
    Diagnostic::error("missing-path", message).at(places.of(key), "nothing is there")
}
