//! Checks of `images.yml` that need the files that it names.

use std::collections::HashMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::template_checks::{self, Reading};
use super::trivy_files::Folders;
use crate::diagnostics::{Diagnostic, Kind, Level, Places, Problems, quoted};
use crate::model::Image;
use crate::template::Template;

/// All kinds of problems that the files of an image can have.
pub const PROBLEMS: &[Kind] = &[
    Kind {
        id: "empty-template",
        meaning: "The folder of a template has no file for Packer, which reads those that end in `.pkr.hcl` or `.pkr.json`.",
    },
    Kind {
        id: "missing-path",
        meaning: "A file or folder that an image names does not exist. Paths are relative to the file that names them.",
    },
    Kind { id: "not-a-file", meaning: "An image names a folder where a file is expected." },
    Kind { id: "not-a-folder", meaning: "An image names a file where a folder is expected." },
    Kind {
        id: "trivy-file-unused",
        meaning: "A file by which Trivy, run by hand, leaves findings out: `.trivyignore`, `.trivyignore.yaml`, `.trivyignore.yml` or `trivy.yaml`. It decides nothing here, where scans run in an empty folder; `waivers.yml` does. Told of the folder of images.yml, and of the folders of templates and workdirs with what lies between.",
    },
];

/// Adds every problem with the files of `images` to `problems`. `places` says where the values of
/// each entry stand; paths are shown as seen from `folder`. Those of which there is no error come
/// back.
pub fn check<'a>(
    folder: &Utf8Path,
    images: impl Iterator<Item = &'a Image>,
    places: &[Places],
    problems: &mut Problems,
) -> Vec<&'a Image> {
    let mut sound = Vec::new();
    let mut seen = Seen { folder: folder.to_owned(), ..Seen::default() };
    let mut folders = Folders::new(folder);
    for image in images {
        folders.add(image);
        let Some(places) = places.get(image.entry as usize) else {
            continue;
        };
        let found = seen.problems(image, places);
        if found.iter().all(|problem| problem.level == Level::Warning) {
            sound.push(image);
        }
        for problem in found {
            problems.push(problem);
        }
    }
    folders.tell(problems);
    sound
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
    folder: Utf8PathBuf,
    /// By their texts, which are compared more quickly than paths.
    paths: HashMap<String, Found>,
    templates: HashMap<String, bool>,
    readings: HashMap<Reading, Template>,
}

impl Seen {
    fn at(&mut self, path: &Utf8Path) -> Found {
        if let Some(found) = self.paths.get(path.as_str()) {
            return *found;
        }
        let found = match fs_err::metadata(path) {
            Err(_) => Found::Nothing,
            Ok(found) if found.is_dir() => Found::Folder,
            Ok(_) => Found::File,
        };
        self.paths.insert(path.to_string(), found);
        found
    }

    /// Whether a folder has anything that Packer reads.
    fn has_template(&mut self, folder: &Utf8Path) -> bool {
        if let Some(has) = self.templates.get(folder.as_str()) {
            return *has;
        }
        let has = folder.read_dir_utf8().is_ok_and(|entries| {
            let ends = [".pkr.hcl", ".pkr.json"];
            let mut files = entries.flatten().filter(|entry| !entry.path().is_dir());
            files.any(|entry| ends.iter().any(|end| entry.file_name().ends_with(end)))
        });
        self.templates.insert(folder.to_string(), has);
        has
    }

    fn problems(&mut self, image: &Image, places: &Places) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        let template = &image.template;
        match self.at(template) {
            Found::Nothing => problems.push(self.missing(places, "template", template).help(
                "`template` is a folder with `.pkr.hcl` files or one such file, relative to images.yml",
            )),
            Found::Folder if !self.has_template(template) => {
                let message = format!("`template`: {} has no Packer template", self.shown(template));
                let problem = Diagnostic::error("empty-template", message);
                problems.push(
                    problem
                        .at(places.of("template"), "no file in it ends in `.pkr.hcl` or `.pkr.json`")
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
                self.missing(places, "workdir", &image.workdir)
                    .help("`workdir` is where packer and `prepare` run, relative to images.yml"),
            ),
            Found::File if own => {
                let message = format!("`workdir`: {} is a file", self.shown(&image.workdir));
                let problem = Diagnostic::error("not-a-folder", message);
                problems.push(problem.at(places.of("workdir"), "expected a folder"));
            }
            _ => {}
        }
        for (index, file) in image.var_files.iter().enumerate() {
            let key = format!("var_files.{index}");
            match self.at(file) {
                Found::File => {}
                Found::Nothing => problems.push(self.missing(places, &key, file)),
                Found::Folder => {
                    let message = format!("`var_files`: {} is a folder", self.shown(file));
                    let problem = Diagnostic::error("not-a-file", message);
                    problems.push(problem.at(places.of(&key), "expected a `.pkrvars.hcl` file"));
                }
            }
        }
        for (index, script) in image.enforce.iter().enumerate() {
            let key = format!("enforce.{index}");
            match self.at(script) {
                Found::File => {}
                Found::Nothing => problems.push(self.missing(places, &key, script)),
                Found::Folder => {
                    let message = format!("`enforce`: {} is a folder", self.shown(script));
                    let problem = Diagnostic::error("not-a-file", message);
                    problems.push(problem.at(places.of(&key), "expected a script"));
                }
            }
        }
        if problems.is_empty() {
            let template =
                self.readings.entry(Reading::of(image)).or_insert_with_key(Reading::read);
            problems.extend(template_checks::problems(image, template, places));
        }
        problems
    }

    /// A path as `images.yml` would name it.
    fn shown(&self, path: &Utf8Path) -> String {
        let relative = path.strip_prefix(&self.folder).ok();
        quoted(relative.filter(|path| !path.as_str().is_empty()).unwrap_or(path).as_str())
    }

    fn missing(&self, places: &Places, key: &str, path: &Utf8Path) -> Diagnostic {
        let name = key.split('.').next().unwrap_or(key);
        let message = format!("`{name}`: {} does not exist", self.shown(path));
        Diagnostic::error("missing-path", message).at(places.of(key), "nothing is there")
    }
}
