//! An edited copy of the template, beside it, for as long as one build takes: the template's own
//! files stay as they are, and paths in it are as right in the copy.
//!
//! A folder is copied as a folder with the same depth. Its files are the same ones (hard links), so
//! that a copy of large disks costs nothing, and what a build writes into a file of the template
//! arrives there.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use camino::{Utf8DirEntry, Utf8Path, Utf8PathBuf};

use super::image_task::ImageTask;
use super::journal::{Thing, scratch_copy};
use crate::inputs;
use crate::model::{Catalog, Failure, FailureClass, Image, NoteLevel, is_legacy_template};
use crate::packer::{BuildRequest, EditedCopy};
use crate::process::Cancellation;
use crate::template::{COPIES, Chosen, Collect, EditedFile, Edits, LineMap, NoEdits};

/// With more files and folders than this, folders further down are linked and not copied.
const MAX_ENTRIES: usize = 50_000;

/// Files up to this size, in bytes, are copied where a hard link cannot be made; larger ones get a
/// symbolic link.
const MAX_COPIED: u64 = 4 * 1024 * 1024;

/// A byte order mark, which no place in the text counts.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A copy, until it is removed.
pub(super) struct ScratchCopy<'t, 'r> {
    task: &'t ImageTask<'r>,
    path: Utf8PathBuf,
    removed: bool,
}

impl Drop for ScratchCopy<'_, '_> {
    /// For ways out that nobody has thought of; the journal knows of it still.
    fn drop(&mut self) {
        if !self.removed {
            let _ = remove(&self.path);
        }
    }
}

impl<'t, 'r> ScratchCopy<'t, 'r> {
    /// Makes the copy that `request` needs, and has the request build it. None if the template is
    /// right as it is.
    pub(super) async fn make(
        task: &'t ImageTask<'r>,
        request: &mut BuildRequest,
    ) -> Result<Option<Self>, Failure> {
        let edits = match edits(task.image, request).await? {
            Ok(edits) if edits.files.is_empty() => return Ok(None),
            Ok(edits) => edits,
            Err(why) if request.collect.is_some() => return Err(cannot_ask(&why)),
            Err(why) => return not_edited(task, &why).map(|()| None),
        };
        let stamped = edits.stamped;
        let files = edits.files.iter();
        let files: Vec<_> = files.map(|file| (file.path.clone(), file.lines.clone())).collect();
        let name = scratch_copy(&task.run.id, task.image.name.as_str());
        let plan = match Plan::new(task.run.pipeline.catalog, task.image, name, &edits) {
            Ok(plan) => plan,
            Err(error) => return no_room(task, &edits, &error).map(|()| None),
        };
        let copy = Self { task, path: plan.to.clone(), removed: false };
        // From here on, whatever happens, the copy is removed.
        task.note(|journal| journal.intend(&copy.thing()))?;
        let wish = task.run.pipeline.cancellation.clone();
        let made = {
            let plan = plan.clone();
            blocking(move || plan.make(&edits.files, &wish).map_err(|error| (error, edits))).await?
        };
        if let Some(request) = task.run.pipeline.cancellation.requested() {
            copy.remove().await;
            return Err(request.cause.failure());
        }
        if let Err((error, edits)) = made {
            copy.remove().await;
            return no_room(task, &edits, &error).map(|()| None);
        }
        if let Err(failure) = task.note(|journal| journal.created(&copy.thing())) {
            copy.remove().await;
            return Err(failure);
        }
        request.edited = Some(plan.edited_copy(request, &files));
        task.stamped.set(stamped);
        Ok(Some(copy))
    }

    fn thing(&self) -> Thing {
        Thing::ScratchCopy { path: self.path.clone() }
    }

    /// Removes it. If that fails it is said, and left to the next run.
    pub(super) async fn remove(mut self) {
        self.removed = true;
        let path = self.path.clone();
        let events = &self.task.run.pipeline.events;
        match blocking(move || remove(&path)).await {
            Ok(Ok(_)) => {
                let _ = self.task.note(|journal| journal.done(&self.thing()));
            }
            Ok(Err(error)) => {
                let text = format!("the edited copy of the template cannot be removed: {error}");
                events.note(Some(&self.task.image.name), NoteLevel::Warning, text);
            }
            Err(_) => {}
        }
    }
}

/// What has to be changed for `request`, which is one of `image`.
async fn edits(image: &Image, request: &BuildRequest) -> Result<Result<Edits, NoEdits>, Failure> {
    let (image, asked) = (image.clone(), request.clone());
    let look = move || {
        let chosen = Chosen {
            scratch_name: &asked.scratch_name,
            output_directory: &asked.output_directory,
            vmid: asked.vmid,
        };
        let values = asked.variables.iter();
        let values = values.map(|(name, value)| (name.clone(), Some(value.clone())));
        let collect = asked.collect.as_ref().map(|asked| Collect {
            script: &asked.script,
            made: &asked.made,
            download: &asked.download,
        });
        inputs::edits(&image, &asked.version, chosen, values.collect(), collect).1
    };
    blocking(look).await
}

/// What Packer is to look at, without building it.
#[derive(Debug)]
pub enum ToCheck {
    /// The template: builds change nothing in it, or what they would cannot be read.
    Template,
    /// What builds make of it.
    Copy(CheckedCopy),
    /// The template: nothing in it can be changed.
    NotEdited(NoEdits),
    /// The template: no copy of it can be made.
    NoCopy(io::Error),
}

/// An edited copy that is not built, until it is dropped. It is in no journal, since those who only
/// look have none: what a dead one left is removed by the next one that comes by.
#[derive(Debug)]
pub struct CheckedCopy {
    path: Utf8PathBuf,
}

/// Begins the names of such copies.
const CHECKED: &str = ".goldsmith-scratch-lint-";

/// When nobody is at one any more.
const ABANDONED: Duration = Duration::from_hours(1);

impl Drop for CheckedCopy {
    fn drop(&mut self) {
        let _ = remove(&self.path);
    }
}

/// Makes the copy that a build by `request` would need, and has it name that.
pub async fn copy_to_check(
    catalog: &Catalog,
    image: &Image,
    request: &mut BuildRequest,
    cancellation: &Cancellation,
) -> Result<ToCheck, Failure> {
    let edits = match edits(image, request).await? {
        Ok(edits) if edits.files.is_empty() => return Ok(ToCheck::Template),
        Ok(edits) => edits,
        Err(NoEdits::NotRead) => return Ok(ToCheck::Template),
        Err(why) => return Ok(ToCheck::NotEdited(why)),
    };
    let name = format!("{CHECKED}{}", uuid::Uuid::new_v4().simple());
    let plan = match Plan::new(catalog, image, name, &edits) {
        Ok(plan) => plan,
        Err(error) => return Ok(ToCheck::NoCopy(error)),
    };
    let files = edits.files.iter();
    let files: Vec<_> = files.map(|file| (file.path.clone(), file.lines.clone())).collect();
    let copy = CheckedCopy { path: plan.to.clone() };
    let edited = plan.edited_copy(request, &files);
    let wish = cancellation.clone();
    let made = blocking(move || {
        plan.sweep();
        plan.make(&edits.files, &wish)
    });
    Ok(match made.await? {
        Ok(()) => {
            request.edited = Some(edited);
            ToCheck::Copy(copy)
        }
        Err(error) => ToCheck::NoCopy(error),
    })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Failure::caused_by(FailureClass::Build, &error))
}

/// Removes a copy of a template, if it is there: whether it was. What is not called like one is not
/// removed, and neither is a link, which nobody makes of that name.
pub(super) fn remove(path: &Utf8Path) -> io::Result<bool> {
    if !path.file_name().is_some_and(|name| name.starts_with(COPIES)) {
        let message = format!("`{path}` is no copy of a template");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let removed = match path.symlink_metadata() {
        Ok(found) if found.is_dir() => fs_err::remove_dir_all(path),
        Ok(found) if found.is_file() => fs_err::remove_file(path),
        Ok(_) => {
            let message = format!("`{path}` is neither a file nor a folder, and is left alone");
            return Err(io::Error::other(message));
        }
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        removed => removed.map(|()| true),
    }
}

/// The template is built as it is, if nothing is enforced.
fn not_edited(task: &ImageTask<'_>, why: &NoEdits) -> Result<(), Failure> {
    if !task.image.enforce.is_empty() {
        let reason = format!("what is enforced cannot be added to the template: {why}");
        let hint = "`enforce: []` of the image builds it without";
        return Err(Failure::new(FailureClass::Template, reason).hint(hint));
    }
    // Of what cannot be read, Packer says more.
    if *why != NoEdits::NotRead {
        let text = format!(
            "the template is built as it is, and the version is not written down in the image: {why}"
        );
        task.run.pipeline.events.note(Some(&task.image.name), NoteLevel::Warning, text);
    }
    Ok(())
}

/// The guest is to be asked, and cannot be.
fn cannot_ask(why: &NoEdits) -> Failure {
    let reason = format!("the guest cannot be asked what it is made of: {why}");
    Failure::new(FailureClass::Config, reason)
        .hint("choose another strategy with `evidence:`, such as `disk`")
}

/// There can be no copy. If it would only be for writing down the version, it goes without.
fn no_room(task: &ImageTask<'_>, edits: &Edits, error: &io::Error) -> Result<(), Failure> {
    let template = &task.image.template;
    if edits.overrides.is_empty() && task.image.enforce.is_empty() && !edits.collected {
        let text = format!(
            "the version is not written down in the image: no copy of the template can be made: {error}"
        );
        task.run.pipeline.events.note(Some(&task.image.name), NoteLevel::Warning, text);
        return Ok(());
    }
    let names: Vec<String> =
        edits.overrides.iter().map(|found| format!("`{}`", found.attribute)).collect();
    let what = match names.as_slice() {
        [] if edits.collected => "provisioner that asks the guest".to_owned(),
        [] => "what is enforced".to_owned(),
        names => names.join(", "),
    };
    let reason =
        format!("no copy of the template can be made beside it, with another {what}: {error}");
    let folder = template.parent().unwrap_or(template);
    let mut failure = Failure::new(FailureClass::Build, reason).hint(format!(
        "paths in a template must be right in its copy too: let goldsmith write to `{folder}`"
    ));
    if task.image.enforce.is_empty() {
        failure = failure.hint(
            "or have the template use `var.goldsmith_output_dir` and `var.goldsmith_scratch_name`",
        );
    }
    Err(failure)
}

/// What is copied where to.
#[derive(Debug, Clone)]
struct Plan {
    /// The template as the catalog names it.
    template: Utf8PathBuf,
    /// What is copied: a folder, without links on the way, or one file.
    from: Utf8PathBuf,
    to: Utf8PathBuf,
    /// The file that Packer is to be given, in a folder that is copied.
    within: Option<String>,
    /// What lies there and is none of the template's.
    others: Vec<Utf8PathBuf>,
}

impl Plan {
    /// A copy of the template of `image` that is called `name`.
    fn new(catalog: &Catalog, image: &Image, name: String, edits: &Edits) -> io::Result<Self> {
        let template = &image.template;
        let folder = template.parent().unwrap_or(template);
        let is_file = edits.files.iter().any(|file| file.path == *template);
        // Packer would read a file of this name too where it builds the folder.
        let shared = is_file
            && !is_legacy_template(template)
            && catalog.images.values().any(|other| other.template == folder);
        let (named, name, within) = match (is_file, shared) {
            (true, false) if is_legacy_template(template) => {
                (template.as_path(), name + ".json", None)
            }
            (true, false) => (template.as_path(), name + ".pkr.hcl", None),
            (true, true) => (folder, name, template.file_name().map(str::to_owned)),
            (false, _) => (template.as_path(), name, None),
        };
        // Packer finds what lies above a folder by where that really is.
        let from = if is_file && !shared { named.to_owned() } else { named.canonicalize_utf8()? };
        let above = from.parent().ok_or_else(|| {
            io::Error::other(format!("`{from}` has no folder above that the copy could lie in"))
        })?;
        let others = catalog.own_paths();
        let to = above.join(name);
        Ok(Self { template: named.to_owned(), from, to, within, others })
    }

    /// What Packer is told about the copy.
    fn edited_copy(&self, request: &BuildRequest, files: &[(Utf8PathBuf, LineMap)]) -> EditedCopy {
        let below = files.iter().map(|(path, lines)| {
            let below = path.strip_prefix(&self.template).unwrap_or(path);
            (below.to_string(), lines.clone())
        });
        let below: Vec<_> = below.collect();
        let name = self.to.file_name().unwrap_or_default();
        let beside = self.template.parent().and_then(|above| above.canonicalize_utf8().ok());
        let elsewhere = beside.as_deref()
            != self.to.parent().and_then(|it| it.canonicalize_utf8().ok()).as_deref();
        let at = elsewhere.then_some(&*self.to);
        let copy = EditedCopy::new(&self.template, &request.workdir, name, at, &below);
        match &self.within {
            Some(file) => copy.file(file),
            None => copy,
        }
    }

    /// Removes copies that were only looked at, and that nobody looks at any more.
    fn sweep(&self) {
        let Some(entries) = self.to.parent().and_then(|above| above.read_dir_utf8().ok()) else {
            return;
        };
        let abandoned = |entry: &Utf8DirEntry| {
            let made = entry.metadata().and_then(|found| found.modified()).ok();
            made.and_then(|made| made.elapsed().ok()).is_some_and(|age| age > ABANDONED)
        };
        for entry in entries.flatten() {
            if entry.file_name().starts_with(CHECKED) && abandoned(&entry) {
                let _ = remove(entry.path());
            }
        }
    }

    /// Makes the copy, with these files changed. Blocks. Ends as soon as somebody wishes to stop.
    fn make(&self, files: &[EditedFile], wish: &Cancellation) -> io::Result<()> {
        let mut edited = HashMap::new();
        for file in files {
            edited.insert(file.path.strip_prefix(&self.template).unwrap_or(&file.path), file);
        }
        if self.from.is_file() {
            let file = files.first().ok_or_else(|| io::Error::other("no file is changed"))?;
            return write(file, &self.to);
        }
        fs_err::create_dir(&self.to)?;
        // git sees nothing of it, whatever it is asked.
        fs_err::write(self.to.join(".gitignore"), "*\n")?;
        let mut left = MAX_ENTRIES;
        let mut folders = vec![Utf8PathBuf::new()];
        while let Some(folder) = folders.pop() {
            let entries = match self.from.join(&folder).read_dir_utf8() {
                Ok(entries) => entries,
                // Somebody's scratch space, gone meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            for entry in entries {
                if wish.requested().is_some() {
                    return Ok(());
                }
                let entry = match entry {
                    Ok(entry) => entry,
                    // Its name is no UTF-8: nothing in a template can name it.
                    Err(error) if error.kind() == io::ErrorKind::InvalidData => continue,
                    Err(error) => return Err(error),
                };
                let below = folder.join(entry.file_name());
                if self.is_left_out(&below, entry.file_name()) {
                    continue;
                }
                let (from, to) = (entry.path(), self.to.join(&below));
                let copied = match edited.get(below.as_path()) {
                    Some(file) => write(file, &to),
                    None => copy(from, &to, &mut left).map(|more| {
                        folders.extend(more.then_some(below));
                    }),
                };
                match copied {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    copied => copied?,
                }
            }
        }
        Ok(())
    }

    fn is_left_out(&self, below: &Utf8Path, name: &str) -> bool {
        let own = || self.others.contains(&self.template.join(below));
        name == ".git" || name.starts_with(COPIES) || below == ".gitignore" || own()
    }
}

/// Copies what lies at `from`. Whether it is a folder that has to be gone through.
fn copy(from: &Utf8Path, to: &Utf8Path, left: &mut usize) -> io::Result<bool> {
    let found = from.symlink_metadata()?;
    *left = left.saturating_sub(1);
    if found.is_symlink() {
        symlink(fs_err::read_link(from)?, to)?;
    } else if found.is_dir() {
        if *left == 0 {
            symlink(from, to)?;
            return Ok(false);
        }
        fs_err::create_dir(to)?;
        let mode = found.permissions().mode() | 0o700;
        fs_err::set_permissions(to, PermissionsExt::from_mode(mode))?;
        return Ok(true);
    } else if found.is_file() && fs_err::hard_link(from, to).is_err() {
        // Another file system, or somebody else's file.
        if found.len() <= MAX_COPIED {
            fs_err::copy(from, to)?;
        } else {
            symlink(from, to)?;
        }
    }
    // Pipes and sockets are no content.
    Ok(false)
}

/// Writes a changed file, unless the unchanged one is not what was changed any more.
fn write(file: &EditedFile, to: &Utf8Path) -> io::Result<()> {
    let bytes = fs_err::read(&file.path)?;
    let (mark, text) = match bytes.strip_prefix(MARK) {
        Some(text) => (MARK, text),
        None => (&[][..], bytes.as_slice()),
    };
    if text != file.before.as_bytes() {
        return Err(io::Error::other(format!("`{}` has just been changed", file.path)));
    }
    fs_err::write(to, [mark, file.after.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_same_files_but_for_those_that_are_changed() {
        let scratch = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(scratch.path()).unwrap().canonicalize_utf8().unwrap();
        let from = root.join("t");
        fs_err::create_dir_all(from.join("http/deep")).unwrap();
        for (name, text) in [
            ("a.pkr.hcl", "\u{feff}before"),
            ("b.pkr.hcl", "b"),
            ("http/deep/user-data", "u"),
            (".gitignore", "*.log"),
            ("disk", "bytes"),
        ] {
            fs_err::write(from.join(name), text).unwrap();
        }
        fs_err::create_dir_all(from.join(".git")).unwrap();
        fs_err::create_dir_all(from.join(".goldsmith-scratch-other")).unwrap();
        fs_err::create_dir_all(from.join("store/debian")).unwrap();
        symlink("../shared.sh", from.join("link.sh")).unwrap();
        symlink("nowhere", from.join("broken")).unwrap();
        let plan = Plan {
            template: from.clone(),
            from: from.clone(),
            to: root.join(".goldsmith-scratch-1"),
            within: None,
            others: vec![from.join("store/debian")],
        };
        let file = EditedFile {
            path: from.join("a.pkr.hcl"),
            before: "before".to_owned(),
            after: "after".to_owned(),
            lines: LineMap::default(),
        };
        plan.make(std::slice::from_ref(&file), &Cancellation::new()).unwrap();

        let read = |name: &str| fs_err::read_to_string(plan.to.join(name)).unwrap();
        assert_eq!(read("a.pkr.hcl"), "\u{feff}after");
        assert_eq!(read(".gitignore"), "*\n");
        assert_eq!(read("http/deep/user-data"), "u");
        assert_eq!(
            fs_err::read_link(plan.to.join("link.sh")).unwrap().to_str(),
            Some("../shared.sh")
        );
        let mut names: Vec<_> =
            plan.to.read_dir_utf8().unwrap().map(|it| it.unwrap().file_name().to_owned()).collect();
        names.sort();
        assert_eq!(
            names,
            [".gitignore", "a.pkr.hcl", "b.pkr.hcl", "broken", "disk", "http", "link.sh", "store"]
        );
        assert!(!plan.to.join("store/debian").exists());
        fs_err::write(plan.to.join("disk"), "written in place").unwrap();
        assert_eq!(fs_err::read_to_string(from.join("disk")).unwrap(), "written in place");

        assert!(remove(&plan.to).unwrap());
        assert!(!remove(&plan.to).unwrap());
        assert!(from.join("http/deep/user-data").exists());
        assert!(remove(&from).is_err(), "that is no copy");

        fs_err::write(from.join("a.pkr.hcl"), "changed").unwrap();
        assert!(plan.make(&[file], &Cancellation::new()).is_err());
        remove(&plan.to).unwrap();
    }
}
