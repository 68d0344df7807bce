//! Walks to the files that a template refers to, and to what links among them lead to.

use std::collections::BTreeSet;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::DefinitionError;
use super::no_part::NoPart;
use super::references::{References, UntrackedFile, place};
use super::walk::walk;
use crate::template::{Matcher, Pattern, Template};

/// More files than this are no definition: somebody refers to a folder with everything in it.
const MAX_FILES: usize = 20_000;

/// Links to links to links: after so many rounds they are left alone.
const MAX_ROUNDS: usize = 8;

/// What is looked for, as seen from the root of the search: files and folders, and patterns of files
/// in folders.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    paths: BTreeSet<Utf8PathBuf>,
    patterns: Vec<(Utf8PathBuf, Matcher)>,
    /// The folders of the patterns.
    folders: BTreeSet<Utf8PathBuf>,
}

impl Wanted {
    fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.patterns.is_empty()
    }

    /// Whether `path` leads to something wanted, or lies in it.
    fn concerns(&self, path: &Utf8Path) -> bool {
        [&self.paths, &self.folders].iter().any(|wanted| {
            wanted.range(path.to_owned()..).next().is_some_and(|next| next.starts_with(path))
                || path.ancestors().any(|ancestor| wanted.contains(ancestor))
        })
    }

    /// Whether the file `path` is wanted.
    pub(super) fn has(&self, path: &Utf8Path) -> bool {
        path.ancestors().any(|ancestor| self.paths.contains(ancestor))
            || self.patterns.iter().any(|(folder, matcher)| {
                path.strip_prefix(folder).is_ok_and(|name| matcher.matches(name))
            })
    }

    /// Whether something may be wanted of what lies behind `path`, if it is a folder.
    fn leads_on(&self, path: &Utf8Path) -> bool {
        let mut patterns = self.patterns.iter();
        patterns.any(|(folder, matcher)| path.starts_with(folder) && matcher.goes_deeper())
    }
}

/// A search under way.
pub(super) struct Search {
    /// Where everything that counts lies, as the catalog spells it.
    pub(super) root: Utf8PathBuf,
    /// The same without links.
    real_root: Utf8PathBuf,
    /// What lies there and is no part.
    no_part: NoPart,
    found: References,
    /// As seen from the root.
    files: BTreeSet<Utf8PathBuf>,
}

impl Search {
    /// Begins one below `root`, where `no_part` lies about.
    pub(super) fn below(root: Utf8PathBuf, no_part: NoPart) -> Result<Self, DefinitionError> {
        let real_root = root.canonicalize_utf8()?;
        let (found, files) = (References::default(), BTreeSet::new());
        Ok(Self { root, real_root, no_part, found, files })
    }

    /// Takes over what the template itself could not tell.
    pub(super) fn untracked_of(&mut self, template: &Template) {
        for file in template.files.iter().filter(|file| file.body.is_none()) {
            let whole = UntrackedFile::whole(&file.path);
            self.found.untracked.push(whole.because("the file cannot be read"));
        }
        for path in &template.not_read {
            let whole = UntrackedFile::whole(path);
            self.found.untracked.push(whole.because("goldsmith does not look into JSON"));
        }
        self.found.open = !template.untracked.is_empty();
        for untracked in &template.untracked {
            let place = place(template, untracked.span);
            self.found.untracked.push(place.because(&untracked.why));
        }
    }

    /// Looks for `path`, or for what matches in it. `named` is where it is named.
    pub(super) fn want(
        &mut self,
        path: &Utf8Path,
        pattern: Option<&Pattern>,
        wanted: &mut Wanted,
        named: impl FnOnce() -> UntrackedFile,
    ) {
        if self.no_part.covers(path) {
            return;
        }
        let Ok(real) = path.canonicalize_utf8() else {
            // A pattern may match nothing.
            if pattern.is_none() {
                self.found.missing.push(path.to_owned());
            }
            return;
        };
        let Ok(seen) = real.strip_prefix(&self.real_root).map(Utf8Path::to_owned) else {
            self.found.untracked.push(named().because("it lies outside of the repository"));
            return;
        };
        if self.no_part.covers(&self.root.join(&seen)) {
            return;
        }
        match pattern.map(Pattern::matcher) {
            None => {
                wanted.paths.insert(seen);
            }
            Some(Some(matcher)) => {
                wanted.folders.insert(seen.clone());
                wanted.patterns.push((seen, matcher));
            }
            Some(None) => {}
        }
    }

    /// Walks to everything that is wanted, and then to what links in there lead to.
    pub(super) fn collect(&mut self, mut wanted: Wanted) -> Result<(), DefinitionError> {
        for _ in 0..MAX_ROUNDS {
            if wanted.is_empty() {
                break;
            }
            wanted = self.round(wanted)?;
        }
        Ok(())
    }

    /// Walks once. Returns what links that were found lead to.
    fn round(&mut self, wanted: Wanted) -> Result<Wanted, DefinitionError> {
        let mut visited: BTreeSet<Utf8PathBuf> = BTreeSet::new();
        let mut next = Wanted::default();
        let wanted = Arc::new(wanted);
        self.found.wanted.push(wanted.clone());
        let concerns = {
            let (wanted, no_part) = (wanted.clone(), self.no_part.clone());
            let (root, real_root) = (self.root.clone(), self.real_root.clone());
            move |path: &Utf8Path| {
                // Named as the catalog spells it, or as it is spelled without links.
                let is_part = |seen| !no_part.has(&root.join(seen)) && !no_part.has(path);
                let seen = path.strip_prefix(&real_root);
                seen.is_ok_and(|seen| wanted.concerns(seen) && is_part(seen))
            }
        };
        for entry in walk(&self.real_root, concerns) {
            let (path, kind) = entry?;
            let seen = path.strip_prefix(&self.real_root).unwrap_or(&path).to_owned();
            visited.insert(seen.clone());
            let is_wanted = match kind {
                kind if kind.is_file() => wanted.has(&seen),
                // Packer goes through links to folders, where one more file does no harm.
                kind if kind.is_symlink() => {
                    wanted.has(&seen) || (wanted.leads_on(&seen) && path.is_dir())
                }
                _ => false,
            };
            if !is_wanted || !self.files.insert(seen) {
                continue;
            }
            if kind.is_symlink() {
                let spelled = self.root.join(path.strip_prefix(&self.real_root).unwrap_or(&path));
                self.want(&path, None, &mut next, || UntrackedFile::whole(&spelled));
            }
            if self.files.len() > MAX_FILES {
                let why = format!("the template refers to more than {MAX_FILES} files");
                self.found.untracked.push(UntrackedFile::whole(&self.root).because(why));
                return Ok(Wanted::default());
            }
        }
        let named = wanted.paths.iter().chain(&wanted.folders);
        let ignored = named.filter(|path| !visited.contains(*path));
        self.found.ignored.extend(ignored.map(|path| self.root.join(path)));
        Ok(next)
    }

    /// Names what git would ignore, but for `counted`, which count all the same.
    pub(super) fn tell_ignored(&mut self, counted: &[Utf8PathBuf]) {
        for path in self.found.ignored.iter().filter(|path| !counted.contains(path)) {
            let whole = UntrackedFile::whole(path);
            self.found.untracked.push(whole.because("git ignores it"));
        }
    }

    pub(super) fn finish(mut self) -> References {
        self.found.root.clone_from(&self.root);
        self.found.files = self.files.iter().map(|seen| self.root.join(seen)).collect();
        self.found.missing.sort();
        self.found.missing.dedup();
        self.found.ignored.sort();
        self.found.ignored.dedup();
        self.found
    }
}
