//! What planning finds out about files: each file and folder is looked at once, however many images
//! share it.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::no_part::NoPart;
use super::place::Place;
use super::references::{References, Surroundings, references};
use super::walk::walk;
use super::{DefinitionError, FileDigests, prepare};
use crate::model::{Catalog, DefinitionFiles, Image, Test};

/// With more files than this, folders stand for them in the parts of a definition, which are kept
/// with every version.
pub(super) const FILES: usize = 256;

/// What was found out so far. One for a whole plan; it does not notice what changes meanwhile.
pub struct Digests {
    files: FileDigests,
    no_part: NoPart,
    trees: HashMap<Utf8PathBuf, Arc<Tree>>,
    fingerprints: HashMap<Utf8PathBuf, String>,
    definitions: HashMap<Named, Arc<DefinitionFiles>>,
    /// By what they depend on: [`key`].
    references: HashMap<Vec<u8>, Arc<References>>,
    /// Files of images that differ in nothing but the values of variables, by what they depend on.
    shared: HashMap<Vec<u8>, Arc<DefinitionFiles>>,
    catalog: Utf8PathBuf,
}

/// A template as it lies on the disk.
pub(super) struct Tree {
    /// Where that is: names are relative to it.
    pub(super) place: Place,
    /// Its files and links, sorted.
    files: Vec<Utf8PathBuf>,
}

/// What decides which files define an image.
#[derive(PartialEq, Eq, Hash)]
struct Named {
    template: Utf8PathBuf,
    /// What `prepare` may start.
    script: Option<Utf8PathBuf>,
    var_files: Vec<Utf8PathBuf>,
    enforce: Vec<Utf8PathBuf>,
    /// What `prepare` creates among the files of the template.
    created: Option<Utf8PathBuf>,
    /// What the template refers to.
    further: Vec<Utf8PathBuf>,
}

impl Digests {
    /// Nothing is known yet but the digests of `files`.
    pub fn new(catalog: &Catalog, files: FileDigests) -> Self {
        Self {
            no_part: NoPart::of(catalog, files.folder()),
            files,
            trees: HashMap::new(),
            fingerprints: HashMap::new(),
            definitions: HashMap::new(),
            references: HashMap::new(),
            shared: HashMap::new(),
            catalog: catalog.path.clone(),
        }
    }

    /// Keeps the digests of files for the next plan. Blocks.
    pub fn keep(self) {
        self.files.keep();
    }

    /// The files that define `image`.
    pub(super) fn files(&mut self, image: &Image) -> Result<Arc<DefinitionFiles>, DefinitionError> {
        let key = key(image, false);
        if let Some(files) = self.shared.get(&key) {
            return Ok(files.clone());
        }
        let files = self.files_of_one(image)?;
        if !self.references_with(image, false)?.open {
            self.shared.insert(key, files.clone());
        }
        Ok(files)
    }

    fn files_of_one(&mut self, image: &Image) -> Result<Arc<DefinitionFiles>, DefinitionError> {
        let tree = self.tree(&image.template)?;
        let created = image.prepare.as_ref().and_then(|prepare| prepare.creates.as_ref());
        let named = Named {
            template: image.template.clone(),
            script: prepare::script(image),
            var_files: image.var_files.clone(),
            enforce: image.enforce.clone(),
            created: created.filter(|created| tree.has(created)).cloned(),
            further: self.references(image)?.files.clone(),
        };
        if let Some(files) = self.definitions.get(&named) {
            return Ok(files.clone());
        }
        let created = named.created.as_deref();
        let of_template = tree
            .files
            .iter()
            .filter(|file| created.is_none_or(|created| !file.starts_with(created)));
        let mut files = BTreeMap::new();
        let more = named.script.iter().chain(&named.var_files).chain(&named.enforce);
        let more = more.chain(&named.further);
        // What comes from outside is no content of the repository, and may differ elsewhere.
        for file in of_template.chain(more.filter(|file| tree.place.has(file))) {
            files.insert(tree.place.name(file), self.fingerprint(file)?);
        }
        let parts = file_parts(files).into_iter();
        let parts = parts.map(|(name, what)| (format!("file:{name}"), what));
        let files = Arc::new(DefinitionFiles::of(parts));
        self.definitions.insert(named, files.clone());
        Ok(files)
    }

    /// What the template of `image` refers to, and what of that cannot be followed.
    pub fn references(&mut self, image: &Image) -> Result<Arc<References>, DefinitionError> {
        // Images of one matrix differ in the values of their variables, which mostly name no files.
        let general = self.references_with(image, false)?;
        if general.open { self.references_with(image, true) } else { Ok(general) }
    }

    fn references_with(
        &mut self,
        image: &Image,
        values: bool,
    ) -> Result<Arc<References>, DefinitionError> {
        let key = key(image, values);
        if let Some(known) = self.references.get(&key) {
            return Ok(known.clone());
        }
        let tree = self.tree(&image.template)?;
        let links = tree.files.iter().filter(|path| path.is_symlink()).cloned().collect();
        let created = image.prepare.as_ref().and_then(|prepare| prepare.creates.as_deref());
        let no_part = self.no_part.and(created);
        let surroundings = Surroundings { catalog: &self.catalog, links, no_part };
        let found = Arc::new(references(image, values, surroundings)?);
        self.references.insert(key, found.clone());
        Ok(found)
    }

    /// `template` as it lies on the disk.
    pub(super) fn tree(&mut self, template: &Utf8Path) -> Result<Arc<Tree>, DefinitionError> {
        if let Some(tree) = self.trees.get(template) {
            return Ok(tree.clone());
        }
        let tree = if template.is_dir() {
            let mut files = files_of(template, self.no_part.clone())?;
            files.sort();
            Tree { place: Place::of(template, &self.catalog), files }
        } else {
            let folder = template.parent().unwrap_or(Utf8Path::new("/"));
            Tree { place: Place::of(folder, &self.catalog), files: vec![template.to_owned()] }
        };
        let tree = Arc::new(tree);
        self.trees.insert(template.to_owned(), tree.clone());
        Ok(tree)
    }

    /// What a file or link is: all of it that counts, but its name.
    fn fingerprint(&mut self, file: &Utf8Path) -> Result<String, DefinitionError> {
        if let Some(fingerprint) = self.fingerprints.get(file) {
            return Ok(fingerprint.clone());
        }
        let metadata = fs_err::symlink_metadata(file)?;
        let fingerprint = if metadata.is_symlink() {
            format!("link {}", fs_err::read_link(file)?.display())
        } else {
            let kind = match metadata.permissions().mode() & 0o100 {
                0 => "file",
                _ => "program",
            };
            format!("{kind} {}", self.files.digest(file)?)
        };
        self.fingerprints.insert(file.to_owned(), fingerprint.clone());
        Ok(fingerprint)
    }
}

impl Tree {
    /// Whether `path` is one of the files, or a folder with some of them.
    fn has(&self, path: &Utf8Path) -> bool {
        let place = self.files.partition_point(|file| file.as_path() < path);
        self.files.get(place).is_some_and(|file| file.starts_with(path))
    }
}

/// Everything about `image` that decides which files define it: with the values of its variables,
/// or, where the template does not need them for that, without.
///
/// A text, since thousands of these are compared with each other.
fn key(image: &Image, values: bool) -> Vec<u8> {
    let mut key = Vec::new();
    let mut add = |text: &str| {
        // With their lengths, texts cannot run into each other.
        key.extend_from_slice(&(text.len() as u64).to_le_bytes());
        key.extend_from_slice(text.as_bytes());
    };
    // A name and its value are not two names.
    add(if values { "values" } else { "names" });
    add(image.template.as_str());
    add(image.workdir.as_str());
    let prepare = image.prepare.as_ref();
    add(prepare.map_or("", |prepare| prepare.run.as_str()));
    let creates = prepare.and_then(|prepare| prepare.creates.as_ref());
    add(creates.map_or("", |path| path.as_str()));
    add(&image.tests.len().to_string());
    for test in &image.tests {
        add(match test {
            Test::Boot => "",
            Test::Run(run) => run,
        });
    }
    add(&image.var_files.len().to_string());
    image.var_files.iter().for_each(|file| add(file.as_str()));
    add(&image.enforce.len().to_string());
    image.enforce.iter().for_each(|file| add(file.as_str()));
    add(&image.env.len().to_string());
    image.env.iter().for_each(|name| add(name));
    add(&image.secret_vars.len().to_string());
    image.secret_vars.keys().for_each(|name| add(name));
    for (name, text) in &image.vars {
        add(name);
        if values {
            add(&text.to_string());
        }
    }
    key
}

/// The files of an image's definition that need not lie in its template's folder.
pub fn further_files(image: &Image) -> Vec<Utf8PathBuf> {
    let named = image.var_files.iter().chain(&image.enforce).cloned();
    prepare::script(image).into_iter().chain(named).collect()
}

/// The files and links of a template's folder.
fn files_of(template: &Utf8Path, no_part: NoPart) -> Result<Vec<Utf8PathBuf>, DefinitionError> {
    let mut files = Vec::new();
    for entry in walk(template, move |path| !no_part.has(path)) {
        let (path, kind) = entry?;
        // Folders count by their files; pipes, sockets and devices are no content, as for git.
        if kind.is_file() || kind.is_symlink() {
            files.push(path);
        }
    }
    Ok(files)
}

/// Files, or the folders that stand for them where there are too many.
fn file_parts(files: BTreeMap<String, String>) -> BTreeMap<String, String> {
    if files.len() <= FILES {
        return files;
    }
    let folded =
        fold(&files, |name| name.split_inclusive('/').next().filter(|first| first.ends_with('/')));
    if folded.len() <= FILES { folded } else { fold(&files, |_| Some("./")) }
}

/// One part for all files that `folder` names the same folder of. A file that is in none stays.
fn fold(
    files: &BTreeMap<String, String>,
    folder: impl Fn(&str) -> Option<&str>,
) -> BTreeMap<String, String> {
    let mut parts = BTreeMap::new();
    let mut folders: BTreeMap<&str, Vec<(&String, &String)>> = BTreeMap::new();
    for (name, content) in files {
        match folder(name) {
            Some(folder) => folders.entry(folder).or_default().push((name, content)),
            None => drop(parts.insert(name.clone(), content.clone())),
        }
    }
    parts.extend(folders.into_iter().map(|(folder, files)| {
        (folder.to_owned(), serde_json::to_string(&files).expect("names are plain text"))
    }));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::model::samples::image;
    use crate::model::{Address, Prepare};
    use crate::process::Cancellation;

    #[test]
    fn what_images_share_is_looked_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        let template = root.join("packer");
        fs_err::create_dir(&template).unwrap();
        for file in ["a.pkr.hcl", "a.sh", "first", "second"] {
            fs_err::write(template.join(file), "content").unwrap();
        }
        let images = ["first", "second", "elsewhere", "later"].map(|name| {
            let mut image = image(name);
            image.template.clone_from(&template);
            image.workdir.clone_from(&template);
            let creates = Some(image.template.join(name));
            image.prepare = Some(Prepare { run: "./a.sh".into(), creates });
            image
        });
        let catalog = Catalog {
            path: root.join("images.yml"),
            registry: Address::Directory(root.join("registry")),
            images: images.iter().map(|image| (image.name.clone(), image.clone())).collect(),
            retry_limit: 3,
            plugin_mirror: None,
        };
        let files = FileDigests::new(Clock::system(), Cancellation::new());
        let mut digests = Digests::new(&catalog, files);
        let mut names = |image| {
            let files = digests.files(image).unwrap();
            files
                .parts()
                .iter()
                .map(|(name, _)| &name["file:".len()..])
                .collect::<Vec<_>>()
                .join(" ")
        };
        let [first, second, elsewhere, later] = &images;
        assert_eq!(names(first), "a.pkr.hcl a.sh second");
        assert_eq!(names(elsewhere), "a.pkr.hcl a.sh first second");
        fs_err::remove_dir_all(template).unwrap();
        assert_eq!(names(second), "a.pkr.hcl a.sh first");
        assert_eq!(names(later), "a.pkr.hcl a.sh first second");
    }
}
