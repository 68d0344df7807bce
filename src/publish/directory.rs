//! A store that is a folder.
//!
//! ```text
//! <root>/<image>/<version>/                     a version
//!     debian-12-v1.0.20261123.qcow2             the disk, then further files of the artifact
//!     …                                         the documents
//!     SHA256SUMS
//!     manifest.json                             written last
//! <root>/rejected/<image>/<version>/            a build that did not pass, in the same form
//! <root>/<image>/.incoming-<version>-<random>/  growing, or left by a writer that was killed
//! <root>/rejected/<image>/.removing-<version>/  going
//! ```
//!
//! A version grows in a hidden folder beside its place, reaches the disk, and is renamed into its
//! place in one step. Files have mode 0644, folders 0755.

use std::io;
use std::panic::resume_unwind;

use async_trait::async_trait;
use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::model::{ImageName, Publication, Stored};

use super::content::{Content, of_file};
use super::copy::GoOn;
use super::shelf::Shelf;
use super::{Store, StoreError, Unpublished};

/// The folder for builds that did not pass. No image can have this name.
const REJECTED: &str = "rejected";

/// A store that is a folder. Made when something is stored.
#[derive(Debug, Clone)]
pub struct DirectoryStore {
    root: Utf8PathBuf,
}

impl DirectoryStore {
    /// The store in the folder `root`, absolute.
    pub fn new(root: Utf8PathBuf) -> Self {
        Self { root }
    }

    /// Where the versions of `image` are.
    fn published(&self, image: &ImageName) -> Result<Shelf, StoreError> {
        if image.as_str() == REJECTED {
            return Err(StoreError::ReservedName { image: image.clone() });
        }
        let folder = self.root.join(image.as_str());
        Ok(Shelf::new(folder, image.clone()))
    }

    /// Where the rejected builds of `image` are.
    fn rejected(&self, image: &ImageName) -> Shelf {
        let folder = self.root.join(REJECTED).join(image.as_str());
        Shelf::new(folder, image.clone())
    }

    /// Every shelf that there is.
    fn shelves(&self) -> Result<Vec<Shelf>, StoreError> {
        let mut shelves = Vec::new();
        for image in images_in(&self.root)? {
            // Of the folders here only the one for rejected builds is no image's.
            shelves.extend(self.published(&image).ok());
        }
        for image in images_in(&self.root.join(REJECTED))? {
            shelves.push(self.rejected(&image));
        }
        Ok(shelves)
    }
}

#[async_trait]
impl Store for DirectoryStore {
    fn location(&self) -> &str {
        self.root.as_str()
    }

    async fn put(&self, publication: &Publication) -> Result<Vec<Stored>, StoreError> {
        let versions = self.published(&publication.image)?;
        let publication = publication.clone();
        blocking(move |go_on| versions.store(&publication, go_on)).await
    }

    async fn keep_rejected(&self, publication: &Publication) -> Result<Vec<Stored>, StoreError> {
        let versions = self.rejected(&publication.image);
        let publication = publication.clone();
        blocking(move |go_on| {
            let stored = versions.store(&publication, go_on)?;
            versions.keep_only(publication.version, go_on)?;
            Ok(stored)
        })
        .await
    }

    async fn read(&self, location: &str, from: u64) -> Result<Content, StoreError> {
        let path = Url::parse(location).ok().and_then(|url| url.to_file_path().ok());
        let path = path.and_then(|path| Utf8PathBuf::from_path_buf(path).ok());
        // Addresses have no `..` left once they are read.
        let path = path.filter(|path| path.starts_with(&self.root));
        let path = path.ok_or_else(|| StoreError::NoPlace { location: location.to_owned() })?;
        let location = location.to_owned();
        blocking(move |_| of_file(&location, &path, from)).await
    }

    async fn size(&self, location: &str) -> Result<Option<u64>, StoreError> {
        let path = Url::parse(location).ok().and_then(|url| url.to_file_path().ok());
        let path = path.filter(|path| path.starts_with(&self.root));
        let Some(path) = path else { return Ok(None) };
        match tokio::task::spawn_blocking(move || fs_err::metadata(path)).await {
            Ok(Ok(found)) => Ok(found.is_file().then_some(found.len())),
            Ok(Err(error)) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(None),
                _ => Err(error.into()),
            },
            Err(_) => Err(StoreError::Cancelled),
        }
    }

    async fn withdraw(&self, unpublished: &Unpublished) -> Result<Option<String>, StoreError> {
        let Unpublished { image, version, disk, rejected } = unpublished.clone();
        let shelf = if rejected { self.rejected(&image) } else { self.published(&image)? };
        let removed = blocking(move |_| shelf.withdraw(version, disk)).await?;
        Ok(removed.map(String::from))
    }

    async fn sweep(&self) -> Result<Vec<String>, StoreError> {
        let store = self.clone();
        blocking(move |_| {
            let mut removed = Vec::new();
            for shelf in store.shelves()? {
                removed.extend(shelf.sweep()?.into_iter().map(String::from));
            }
            Ok(removed)
        })
        .await
    }
}

/// The folders below `folder` that have the name of an image.
fn images_in(folder: &Utf8Path) -> io::Result<Vec<ImageName>> {
    let entries = match fs_err::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut images = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            images.extend(entry.file_name().to_str().and_then(|name| name.parse().ok()));
        }
    }
    images.sort();
    Ok(images)
}

/// Does `work` on a thread that may block. When the caller goes away it is told to stop.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce(GoOn<'_>) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let cancelled = CancellationToken::new();
    let _cancels_when_dropped = cancelled.clone().drop_guard();
    let thread = tokio::task::spawn_blocking(move || work(&|| !cancelled.is_cancelled()));
    match thread.await {
        Ok(result) => result,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        Err(_) => Err(StoreError::Cancelled),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::process::{Command, Stdio};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::contract::{Build, Subject, assert_whole, store_contract};
    use super::super::incoming::Locked;
    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn fresh() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        /// In memory, where waiting for the disk costs nothing: for tests that store often.
        fn in_memory() -> Self {
            Self(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap())
        }

        fn root(&self) -> Utf8PathBuf {
            let root = Utf8Path::from_path(self.0.path()).unwrap();
            root.join("made/when missing")
        }

        fn store(&self) -> DirectoryStore {
            DirectoryStore::new(self.root())
        }

        /// Every file and folder, hidden ones too.
        fn everything(&self) -> Vec<String> {
            let mut paths: Vec<String> = ignore::WalkBuilder::new(self.root())
                .standard_filters(false)
                .build()
                .filter_map(|entry| {
                    let entry = entry.ok()?;
                    let path = entry.path().strip_prefix(self.root()).ok()?;
                    Some(path.to_str()?.to_owned())
                })
                .collect();
            paths.sort();
            paths
        }

        fn hidden(&self) -> Vec<String> {
            let mut hidden = self.everything();
            hidden.retain(|path| path.contains("/."));
            hidden
        }
    }

    impl Subject for Folder {
        fn open(&self) -> Box<dyn Store> {
            Box::new(self.store())
        }

        fn read(&self, path: &str) -> Option<Vec<u8>> {
            fs_err::read(self.root().join(path)).ok()
        }

        fn damage(&self, path: &str) {
            let path = self.root().join(path);
            let mut content = fs_err::read(&path).unwrap();
            content[0] ^= 1;
            fs_err::write(path, content).unwrap();
        }

        fn visible(&self) -> Vec<String> {
            let mut visible = self.everything();
            visible.retain(|path| !path.contains("/.") && self.root().join(path).is_file());
            visible
        }
    }

    store_contract!(Folder::fresh());

    #[tokio::test]
    async fn the_folder_is_readable_for_everybody_and_sha256sum_agrees() {
        let (folder, build) = (Folder::fresh(), Build::new("1.0.20261123"));
        folder.store().put(&build.publication).await.unwrap();
        let modes: Vec<String> = folder
            .everything()
            .iter()
            .map(|path| {
                let mode = fs_err::metadata(folder.root().join(path)).unwrap();
                format!("{:o} {path}", mode.permissions().mode())
            })
            .collect();
        insta::assert_snapshot!(modes.join("\n"), @"
        40755 
        40755 debian-12
        40755 debian-12/1.0.20261123
        100644 debian-12/1.0.20261123/SHA256SUMS
        100644 debian-12/1.0.20261123/debian-12-v1.0.20261123-efivars.fd
        100644 debian-12/1.0.20261123/debian-12-v1.0.20261123.qcow2
        100644 debian-12/1.0.20261123/manifest.json
        100644 debian-12/1.0.20261123/sbom.cdx.json
        ");
        let version = folder.root().join("debian-12/1.0.20261123");
        let check = Command::new("sha256sum")
            .args(["--check", "--strict", "--quiet", "SHA256SUMS"])
            .current_dir(&version)
            .status();
        assert!(check.unwrap().success());
        // The block of zeros in the disk is a hole.
        let disk = fs_err::metadata(version.join("debian-12-v1.0.20261123.qcow2")).unwrap();
        assert!(disk.blocks() * 512 < disk.len());
    }

    #[tokio::test]
    async fn what_stands_in_the_way_is_named() {
        let (folder, build) = (Folder::fresh(), Build::new("1.0.20261123"));
        let told = |error: StoreError| {
            let reason = error.failure().reason;
            reason.replace(folder.0.path().to_str().unwrap(), "ROOT")
        };
        let foreign = folder.root().join("debian-12/1.0.20261123");
        fs_err::create_dir_all(&foreign).unwrap();
        fs_err::write(foreign.join("notes.txt"), "").unwrap();
        let refused = folder.store().put(&build.publication).await;
        insta::assert_snapshot!(told(refused.unwrap_err()), @"`ROOT/made/when missing/debian-12/1.0.20261123` is in the way, and it is no complete version of `debian-12`");

        let mut reserved = Build::new("1.0.20261123");
        reserved.publication.image = "rejected".parse().unwrap();
        let refused = folder.store().put(&reserved.publication).await;
        insta::assert_snapshot!(told(refused.unwrap_err()), @"an image cannot be called `rejected` in this store");

        let below_a_file = DirectoryStore::new(foreign.join("notes.txt/store"));
        let refused = below_a_file.put(&build.publication).await;
        insta::assert_snapshot!(told(refused.unwrap_err()), @"cannot write to the store: failed to create directory `ROOT/made/when missing/debian-12/1.0.20261123/notes.txt/store/debian-12`: Not a directory (os error 20)");
    }

    #[tokio::test]
    async fn a_living_writer_is_left_alone() {
        let folder = Folder::fresh();
        let shelf = folder.root().join("debian-12");
        fs_err::create_dir_all(&shelf).unwrap();
        let version = "1.0.20261123".parse().unwrap();
        let living = Locked::new(&shelf).unwrap().incoming(version).unwrap();
        assert_eq!(folder.store().sweep().await.unwrap(), Vec::<String>::new());
        let build = Build::new("1.0.20261123");
        folder.store().put(&build.publication).await.unwrap();
        assert!(living.path().is_dir());
        drop(living);
        assert_eq!(folder.hidden(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn what_a_killed_writer_left_goes() {
        let (folder, build) = (Folder::fresh(), Build::new("1.0.20261123"));
        folder.store().put(&build.publication).await.unwrap();
        let left = folder.root().join("debian-12/.incoming-1.0.20261124-dead");
        let leave = || {
            fs_err::create_dir(&left).unwrap();
            fs_err::write(left.join("disk"), "half").unwrap();
        };
        leave();
        assert_eq!(folder.store().sweep().await.unwrap(), [left.as_str()]);
        assert_eq!(folder.hidden(), Vec::<String>::new());
        leave();
        let next = Build::new("1.0.20261125");
        folder.store().put(&next.publication).await.unwrap();
        assert_eq!(folder.hidden(), Vec::<String>::new());
        assert_whole(&folder, "debian-12/1.0.20261123", &build);
    }

    #[tokio::test]
    async fn of_the_rejected_only_what_is_replaced_goes() {
        let (folder, build) = (Folder::fresh(), Build::new(EARLIER));
        let foreign = folder.root().join("rejected/debian-12/1.0.20200101/notes");
        fs_err::create_dir_all(&foreign).unwrap();
        folder.store().keep_rejected(&build.publication).await.unwrap();
        // As a writer finds it whose own version a later one has removed.
        let shelf = folder.store().rejected(&build.publication.image);
        shelf.keep_only(VERSION.parse().unwrap(), &|| true).unwrap();
        assert_whole(&folder, &format!("rejected/debian-12/{EARLIER}"), &build);
        assert!(foreign.is_dir());
    }

    /// Stores `build` the way `shelf` says, asking `go_on` at every step.
    fn store(
        root: &Utf8Path,
        shelf: &str,
        build: &Build,
        go_on: GoOn<'_>,
    ) -> Result<(), StoreError> {
        let store = DirectoryStore::new(root.to_owned());
        let publication = &build.publication;
        if shelf == REJECTED {
            let shelf = store.rejected(&publication.image);
            shelf.store(publication, go_on)?;
            shelf.keep_only(publication.version, go_on)
        } else {
            let shelf = store.published(&publication.image)?;
            shelf.store(publication, go_on).map(drop)
        }
    }

    const EARLIER: &str = "1.0.20261122";
    const VERSION: &str = "1.0.20261123";

    /// The shelves, and the versions that lie there when an earlier and a later one were stored.
    const SHELVES: [(&str, &str, &[&str]); 2] =
        [("", "debian-12", &[EARLIER, VERSION]), (REJECTED, "rejected/debian-12", &[VERSION])];

    /// The earlier and the later build.
    fn builds() -> [Build; 2] {
        [Build::new(EARLIER), Build::new(VERSION)]
    }

    /// A store that holds the earlier build.
    fn with_earlier(shelf: &str, earlier: &Build) -> Folder {
        let folder = Folder::in_memory();
        store(&folder.root(), shelf, earlier, &|| true).unwrap();
        folder
    }

    /// How many steps it takes to store the later build.
    fn steps(shelf: &str, [earlier, later]: &[Build; 2]) -> usize {
        let steps = AtomicUsize::new(0);
        let subject = with_earlier(shelf, earlier);
        store(&subject.root(), shelf, later, &|| {
            steps.fetch_add(1, Ordering::Relaxed);
            true
        })
        .unwrap();
        steps.into_inner()
    }

    /// The versions that readers see below `folder`. All of them are whole.
    fn seen(subject: &Folder, folder: &str, builds: &[Build; 2]) -> Vec<String> {
        let mut seen = Vec::new();
        for build in builds {
            let version = build.publication.version.to_string();
            let folder = format!("{folder}/{version}");
            if subject.root().join(&folder).exists() {
                assert_whole(subject, &folder, build);
                seen.push(version);
            }
        }
        seen
    }

    #[test]
    fn cancelled_at_any_step_a_version_is_whole_or_not_there() {
        let builds = builds();
        for (shelf, folder, _) in SHELVES {
            let steps = steps(shelf, &builds);
            assert!(steps > 10, "{steps}");
            for last in 0..steps {
                let subject = with_earlier(shelf, &builds[0]);
                let step = AtomicUsize::new(0);
                let go_on = || step.fetch_add(1, Ordering::Relaxed) < last;
                let cancelled = store(&subject.root(), shelf, &builds[1], &go_on);
                assert!(matches!(cancelled, Err(StoreError::Cancelled)), "{last}");
                assert!(!seen(&subject, folder, &builds).is_empty());
                assert_eq!(subject.hidden(), Vec::<String>::new(), "{last}");
            }
        }
    }

    #[test]
    fn killed_at_any_step_a_version_is_whole_or_not_there_and_the_next_run_goes_on() {
        let builds = builds();
        for (shelf, folder, finally) in SHELVES {
            for last in 0..steps(shelf, &builds) {
                let subject = with_earlier(shelf, &builds[0]);
                let child = Command::new(std::env::current_exe().unwrap())
                    .args(["--ignored", "--exact", KILLED])
                    .env("ROOT", subject.root())
                    .env("SHELF", shelf)
                    .env("BUILD", builds[1].disk().parent().unwrap())
                    .env("LAST", last.to_string())
                    .stdout(Stdio::null())
                    .status();
                assert_eq!(child.unwrap().to_string(), "signal: 9 (SIGKILL)");
                assert!(!seen(&subject, folder, &builds).is_empty());
                store(&subject.root(), shelf, &builds[1], &|| true).unwrap();
                assert_eq!(seen(&subject, folder, &builds), finally);
                assert_eq!(subject.hidden(), Vec::<String>::new(), "{last}");
            }
        }
    }

    const KILLED: &str = "publish::directory::tests::the_process_that_is_killed";

    #[test]
    #[ignore = "not a test: the process that another test starts, and that kills itself"]
    fn the_process_that_is_killed() {
        let variable = |name| Some(std::env::var_os(name)?.into_string().unwrap());
        let (Some(root), Some(shelf), Some(build), Some(last)) =
            (variable("ROOT"), variable("SHELF"), variable("BUILD"), variable("LAST"))
        else {
            return;
        };
        let last: usize = last.parse().unwrap();
        let step = AtomicUsize::new(0);
        let go_on = || {
            if step.fetch_add(1, Ordering::Relaxed) == last {
                let this = rustix::process::getpid();
                rustix::process::kill_process(this, rustix::process::Signal::KILL).unwrap();
            }
            true
        };
        let build = Build::at(build.as_str().into(), VERSION);
        store(root.as_str().into(), &shelf, &build, &go_on).unwrap();
    }

    #[test]
    fn what_a_killed_writer_has_copied_is_not_copied_again() {
        let (folder, build) = (Folder::fresh(), Build::new("1.0.20261123"));
        let left = folder.root().join("debian-12/.incoming-1.0.20261123-dead");
        fs_err::create_dir_all(left.join("folder")).unwrap();
        let disk = left.join("debian-12-v1.0.20261123.qcow2");
        fs_err::rename(build.disk(), &disk).unwrap();
        fs_err::write(left.join("debian-12-v1.0.20261123-efivars.fd"), "efi").unwrap();
        fs_err::write(left.join("manifest.json"), "{}").unwrap();
        store(&folder.root(), "", &build, &|| true).unwrap();
        let seen = folder.visible();
        assert_eq!(seen.len(), 5, "{seen:?}");
        let efivars = "debian-12/1.0.20261123/debian-12-v1.0.20261123-efivars.fd";
        assert_eq!(folder.read(efivars).unwrap(), b"efivars");
        assert_eq!(folder.hidden(), Vec::<String>::new());
    }
}
