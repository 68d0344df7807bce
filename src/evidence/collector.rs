//! Takes what is wanted out of a system: into a small tree of its own, which scanners can read and the
//! facts are read from.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::io::{self, Read, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err::os::unix::fs::OpenOptionsExt as _;

use super::census::Census;
use super::selection::{self, Selection, parts};
use super::source::{Kind, Met, Source, Visitor, printable};
use crate::model::{Obstacle, Scope};
use crate::process::Cancellation;

/// The largest file that is taken: package databases of large systems have a few hundred MB.
const FILE: u64 = 2 << 30;
/// All that is taken for the packages of the operating system and the facts.
const SYSTEM: u64 = 4 << 30;
/// All that is taken with the libraries of languages.
const FULL: u64 = 64 << 30;
/// The largest file that is looked into for secrets, and all of them.
const SECRET: u64 = 1 << 20;
const SECRETS: u64 = 32 << 20;
/// Files that are taken.
const FILES: usize = 2_000_000;
/// Links that are followed.
const LINKS: usize = 100_000;
/// How many files are compared with where links lead.
const COMPARED: usize = 20_000_000;
/// Obstacles that are told one by one.
const OBSTACLES: usize = 20;
/// How often links lead to places that have to be looked at once more.
const ROUNDS: usize = 8;

/// What was taken out of a system.
#[derive(Debug)]
pub(super) struct Collected {
    /// The folder that it lies in.
    pub(super) folder: Utf8PathBuf,
    /// The regular files that were taken, by their paths in the system, with what is known of them.
    pub(super) files: BTreeMap<Vec<u8>, Taken>,
    /// The links that were met on the way to something that is wanted, with where they lead.
    links: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Those of the files that may hold secrets.
    may_hold_secrets: BTreeSet<Vec<u8>>,
    /// Whether there were more of them than there is room for.
    pub(super) secrets_left_out: bool,
    /// What was counted.
    pub(super) census: Census,
    /// What could not be read.
    pub(super) obstacles: Vec<Obstacle>,
}

/// A file that was taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) size: u64,
}

impl Collected {
    /// Takes out of `source` what `scope` wants, into the new folder `folder`.
    pub(super) fn from(
        source: &mut dyn Source,
        scope: Scope,
        folder: Utf8PathBuf,
        cancellation: &Cancellation,
    ) -> io::Result<Self> {
        let mut secrets = Selection::default();
        selection::secrets().for_each(|pattern| secrets.add(pattern.as_bytes()));
        Self::take(source, scope, &[], secrets, folder, cancellation)
    }

    /// The same, without what may hold secrets, and what matches these patterns too.
    pub(super) fn with(
        source: &mut dyn Source,
        scope: Scope,
        more: &[&str],
        folder: Utf8PathBuf,
        cancellation: &Cancellation,
    ) -> io::Result<Self> {
        Self::take(source, scope, more, Selection::default(), folder, cancellation)
    }

    fn take(
        source: &mut dyn Source,
        scope: Scope,
        more: &[&str],
        secrets: Selection,
        folder: Utf8PathBuf,
        cancellation: &Cancellation,
    ) -> io::Result<Self> {
        fs_err::create_dir(&folder)?;
        // There will be hashes of passwords in it.
        fs_err::set_permissions(&folder, Permissions::from_mode(0o700))?;
        let mut selection = Selection::default();
        selection::patterns(scope).for_each(|pattern| selection.add(pattern.as_bytes()));
        for pattern in more {
            selection.add(pattern.as_bytes());
        }
        let mut collector = Collector {
            collected: Self {
                folder,
                files: BTreeMap::new(),
                links: BTreeMap::new(),
                may_hold_secrets: BTreeSet::new(),
                secrets_left_out: false,
                census: Census::default(),
                obstacles: Vec::new(),
            },
            selection,
            secrets,
            bytes_of_secrets: 0,
            scope,
            first: true,
            folders: BTreeSet::new(),
            bytes: 0,
            untold: 0,
            cancellation,
        };
        let mut seen = BTreeSet::new();
        for round in 0.. {
            if round == ROUNDS {
                collector.collected.obstacles.push(Obstacle {
                    what: "folders of packages lie behind too many links".to_owned(),
                    way_out: "have fewer links on the way to package databases in the image"
                        .to_owned(),
                });
                break;
            }
            source.pass(&mut collector)?;
            // Where a folder on the way is a link, the files lie elsewhere: another look is needed,
            // at those places only.
            let mut more = Selection::default();
            let mut any = false;
            for (target, rest) in collector.beyond_links() {
                if seen.insert((target.clone(), rest.clone())) {
                    more.add_below(&target, &rest);
                    any = true;
                }
            }
            if !any {
                break;
            }
            collector.first = false;
            collector.selection = more;
        }
        let mut collected = collector.done();
        collected.put_where_it_is_looked_for()?;
        Ok(collected)
    }

    /// The content of a file, links followed: at most `limit` bytes of it.
    pub(super) fn read(&self, path: &str, limit: u64) -> Option<Vec<u8>> {
        let path = self.resolve(path.as_bytes())?;
        self.files.get(&path)?;
        let mut content = Vec::new();
        let file = fs_err::File::open(self.place(&path)).ok()?;
        file.take(limit).read_to_end(&mut content).ok()?;
        Some(content)
    }

    /// The same as text; what is no text in it is replaced.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        let content = self.read(path, 4 << 20)?;
        Some(String::from_utf8_lossy(&content).into_owned())
    }

    /// The files that were taken from within a folder, links not followed, in order.
    pub(super) fn within<'c>(&'c self, folder: &'c str) -> impl Iterator<Item = &'c [u8]> {
        let below = self.files.range(folder.as_bytes().to_vec()..);
        let paths = below.map(|(path, _)| path.as_slice());
        paths.take_while(move |path| path.starts_with(folder.as_bytes()))
    }

    /// Whether a file, or a link, was taken from this path.
    pub(super) fn has(&self, path: &str) -> bool {
        let path = path.as_bytes();
        self.files.contains_key(path) || self.links.contains_key(path)
    }

    /// Whether this is a second name of a file, through a link.
    pub(super) fn is_alias(&self, path: &[u8]) -> bool {
        self.resolve(path).is_some_and(|real| real != path)
    }

    /// Where a link leads, as it says.
    pub(super) fn link(&self, path: &str) -> Option<&[u8]> {
        self.links.get(path.as_bytes()).map(Vec::as_slice)
    }

    /// A tree of its own of the files that may hold secrets, beside the other one.
    pub(super) fn secrets(&self) -> io::Result<Utf8PathBuf> {
        let folder = Utf8PathBuf::from(format!("{}-secrets", self.folder));
        fs_err::create_dir(&folder)?;
        fs_err::set_permissions(&folder, Permissions::from_mode(0o700))?;
        for path in &self.may_hold_secrets {
            if !self.files.contains_key(path) {
                continue;
            }
            let relative = path.strip_prefix(b"/").unwrap_or(path);
            let to = folder.as_std_path().join(std::ffi::OsStr::from_bytes(relative));
            if let Some(parent) = to.parent() {
                fs_err::create_dir_all(parent)?;
            }
            fs_err::hard_link(self.place(path), to)?;
        }
        Ok(folder)
    }

    /// The path without links.
    fn resolve(&self, path: &[u8]) -> Option<Vec<u8>> {
        let mut left: Vec<Vec<u8>> = parts(path).map(<[u8]>::to_vec).collect();
        left.reverse();
        let (mut at, mut followed) = (Vec::new(), 0);
        while let Some(name) = left.pop() {
            if name == b".." {
                let end = at.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                at.truncate(end);
                continue;
            }
            if name == b"." {
                continue;
            }
            let next = [&at[..], b"/", &name].concat();
            let Some(target) = self.links.get(&next) else {
                at = next;
                continue;
            };
            followed += 1;
            if followed > 40 {
                return None;
            }
            if target.starts_with(b"/") {
                at.clear();
            }
            let target: Vec<&[u8]> = parts(target).collect();
            left.extend(target.into_iter().rev().map(<[u8]>::to_vec));
        }
        Some(at)
    }

    /// Where a file lies in the folder.
    fn place(&self, path: &[u8]) -> PathBuf {
        let relative = path.strip_prefix(b"/").unwrap_or(path);
        self.folder.as_std_path().join(std::ffi::OsStr::from_bytes(relative))
    }

    /// Scanners look at paths and follow no links: what lies elsewhere gets a second name where they
    /// look, unless they look at both.
    fn put_where_it_is_looked_for(&mut self) -> io::Result<()> {
        let mut known = Selection::default();
        selection::patterns(Scope::Full).for_each(|pattern| known.add(pattern.as_bytes()));
        let links: Vec<Vec<u8>> = self.links.keys().cloned().collect();
        let mut compared = 0;
        for link in links {
            let Some(target) = self.resolve(&link) else { continue };
            let moved: Vec<(Vec<u8>, Taken)> = self
                .files
                .range(target.clone()..)
                .take_while(|(path, _)| path.starts_with(&target))
                .inspect(|_| compared += 1)
                .filter(|(path, _)| matches!(path.get(target.len()), None | Some(b'/')))
                .filter(|(path, _)| !known.has(path))
                .map(|(path, taken)| (path.clone(), *taken))
                .collect();
            if compared > COMPARED {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "too many links lead to too many files",
                ));
            }
            for (path, taken) in moved {
                let wanted = [&link[..], &path[target.len()..]].concat();
                if !known.has(&wanted) || self.files.contains_key(&wanted) {
                    continue;
                }
                let (from, to) = (self.place(&path), self.place(&wanted));
                if let Some(folder) = to.parent() {
                    fs_err::create_dir_all(folder)?;
                }
                fs_err::hard_link(from, to)?;
                self.files.insert(wanted, taken);
            }
        }
        Ok(())
    }
}

/// Takes files while they pass.
struct Collector<'c> {
    collected: Collected,
    selection: Selection,
    /// What may hold secrets.
    secrets: Selection,
    bytes_of_secrets: u64,
    scope: Scope,
    /// Whether this is the first time that the files pass.
    first: bool,
    /// Folders that are there already.
    folders: BTreeSet<Vec<u8>>,
    bytes: u64,
    /// Obstacles beyond those that are told.
    untold: usize,
    cancellation: &'c Cancellation,
}

impl Visitor for Collector<'_> {
    fn meet(&mut self, file: &Met<'_>) -> io::Result<bool> {
        // Fails as soon as somebody wishes to stop.
        let _ = self.cancellation.guard(io::empty()).read(&mut [0])?;
        if self.first {
            self.collected.census.count(file);
        }
        Ok(match file.kind {
            Kind::Link => {
                self.selection.has(file.path) || !self.selection.below(file.path).is_empty()
            }
            Kind::Regular if self.collected.files.contains_key(file.path) => false,
            // The scanner would call the tree by it (see `selection`).
            Kind::Regular if file.path == b"/etc/hostname" => false,
            Kind::Regular => {
                self.selection.has(file.path)
                    || self.may_hold_secrets(file)
                    || self.first && self.collected.census.is_of_interest(file)
                    || self.first
                        && self.scope == Scope::Full
                        && selection::may_hold_libraries(file.path, file.mode)
            }
            Kind::Folder | Kind::Other => false,
        })
    }

    fn take(&mut self, file: &Met<'_>, content: &mut dyn Read) -> io::Result<()> {
        let mut content = self.cancellation.guard(content);
        if file.kind == Kind::Link {
            if self.collected.links.len() >= LINKS {
                let what = format!("`{}` is one link too many", printable(file.path));
                self.miss(what, "check why there are so many");
                return Ok(());
            }
            let mut target = Vec::new();
            content.take(4096).read_to_end(&mut target)?;
            self.collected.links.insert(file.path.to_vec(), target);
            return Ok(());
        }
        let may_hold_secrets = self.may_hold_secrets(file);
        if may_hold_secrets {
            self.bytes_of_secrets += file.size;
            self.collected.may_hold_secrets.insert(file.path.to_vec());
        }
        if self.first
            && !may_hold_secrets
            && !self.selection.has(file.path)
            && self.collected.census.is_of_interest(file)
        {
            let mut beginning = Vec::new();
            content.by_ref().take(256).read_to_end(&mut beginning)?;
            self.collected.census.look_at(file, &beginning);
            if self.scope == Scope::Os || !selection::may_hold_libraries(file.path, file.mode) {
                return Ok(());
            }
            let mut content = beginning.chain(content);
            return self.keep(file, &mut content);
        }
        self.keep(file, &mut content)
    }

    fn miss(&mut self, what: String, way_out: &str) {
        if self.first && self.collected.obstacles.len() < OBSTACLES {
            self.collected.obstacles.push(Obstacle { what, way_out: way_out.to_owned() });
        } else if self.first {
            self.untold += 1;
        }
    }
}

impl Collector<'_> {
    /// Whether a file is looked into for secrets. Large ones hold none that anybody wrote by hand.
    fn may_hold_secrets(&mut self, file: &Met<'_>) -> bool {
        let wanted = self.first && (1..=SECRET).contains(&file.size) && self.secrets.has(file.path);
        let room = self.bytes_of_secrets + file.size <= SECRETS;
        self.collected.secrets_left_out |= wanted && !room;
        wanted && room
    }

    fn keep(&mut self, file: &Met<'_>, content: &mut dyn Read) -> io::Result<()> {
        let limit = if self.scope == Scope::Full { FULL } else { SYSTEM };
        if file.size > FILE || self.bytes + file.size > limit || self.collected.files.len() >= FILES
        {
            let what = format!("`{}` is larger than what is looked at", printable(file.path));
            self.miss(what, "check that it is what it should be: 2 GiB a file are looked at");
            return Ok(());
        }
        let path = self.collected.place(file.path);
        let mut copy = match self.create(file, &path) {
            Ok(copy) => copy,
            // No file of a real system is called so.
            Err(error) if is_of_the_name(&error) => {
                let what = format!("`{}` has an impossible name", printable(file.path));
                self.miss(what, "check the artifact");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let mut content = content.take(FILE + 1);
        let size = io::copy(&mut content, &mut copy)?;
        copy.flush()?;
        self.bytes += size;
        if size != file.size {
            let what =
                format!("`{}` has {size} bytes instead of {}", printable(file.path), file.size);
            self.miss(what, "check the file system, or scan in the guest");
        }
        self.collected.files.insert(file.path.to_vec(), Taken { size });
        Ok(())
    }

    /// A new file where the content of `file` goes. Scanners look into programs only, so it is one if
    /// that was one.
    fn create(&mut self, file: &Met<'_>, path: &std::path::Path) -> io::Result<fs_err::File> {
        let at = file.path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        if self.folders.insert(file.path[..at].to_vec())
            && let Some(folder) = path.parent()
        {
            fs_err::create_dir_all(folder)?;
        }
        let mut options = fs_err::OpenOptions::new();
        let mode = if file.mode & 0o111 == 0 { 0o600 } else { 0o700 };
        options.write(true).create_new(true).mode(mode).open(path)
    }

    /// What is wanted beyond the links that were met: where they lead, and patterns from there.
    fn beyond_links(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut all = Selection::default();
        selection::patterns(self.scope).for_each(|pattern| all.add(pattern.as_bytes()));
        let mut beyond = Vec::new();
        for link in self.collected.links.keys() {
            let Some(target) = self.collected.resolve(link) else { continue };
            let mut rests = all.below(link);
            if all.has(link) {
                rests.push(Vec::new());
            }
            for rest in rests {
                let pattern = [&target[..], &rest].concat();
                // Of the root itself, everything below is looked at already.
                if !target.is_empty() && !all.has(&pattern) {
                    beyond.push((target.clone(), rest));
                }
            }
        }
        beyond
    }

    fn done(mut self) -> Collected {
        if self.untold > 0 {
            let what = format!("{} more could not be read", self.untold);
            let way_out = "check the file system, or scan in the guest".to_owned();
            self.collected.obstacles.push(Obstacle { what, way_out });
        }
        self.collected
    }
}

/// Whether a file cannot be made since no file can be called so, or a file is where a folder would have
/// to be.
fn is_of_the_name(error: &io::Error) -> bool {
    use io::ErrorKind::{
        AlreadyExists, InvalidFilename, InvalidInput, IsADirectory, NotADirectory,
    };
    matches!(
        error.kind(),
        AlreadyExists | InvalidFilename | InvalidInput | IsADirectory | NotADirectory
    )
}

/// The folder `path`, made.
pub(super) fn fresh(scratch: &Utf8Path, name: &str) -> io::Result<Utf8PathBuf> {
    let folder = scratch.join(name);
    if folder.exists() {
        fs_err::remove_dir_all(&folder)?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::source::Folder;
    use super::*;

    #[test]
    fn what_is_taken_is_for_nobody_else_and_programs_stay_programs() {
        let place = tempfile::tempdir().unwrap();
        let place = Utf8Path::from_path(place.path()).unwrap();
        let file = |path: &str, mode| {
            let path = place.join("root").join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(&path, "x").unwrap();
            fs_err::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        };
        file("etc/shadow", 0o644);
        file("etc/hostname", 0o755);
        file("usr/bin/tool", 0o755);
        let (root, taken) = (place.join("root"), place.join("taken"));
        let never = Cancellation::new();
        Collected::from(&mut Folder(&root), Scope::Full, taken.clone(), &never).unwrap();
        let mode = |path: &str| {
            let metadata = fs_err::metadata(taken.join(path)).ok()?;
            Some(metadata.permissions().mode() & 0o777)
        };
        assert_eq!(mode(""), Some(0o700));
        assert_eq!(mode("etc/shadow"), Some(0o600));
        assert_eq!(mode("usr/bin/tool"), Some(0o700), "scanners look into programs only");
        assert_eq!(mode("etc/hostname"), None);
    }
}
