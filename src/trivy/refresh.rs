//! Brings the advisory database up to date.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};

use super::{Database, Repositories, Scanner, complaints};
use crate::environment::Environment;
use crate::model::{Failure, FailureClass};
use crate::process::{ChildEnvironment, Command, friendly};

/// Where the downloaded database lies below the folder that goldsmith keeps its state in.
pub const ADVISORIES: &str = "advisories";

/// What the name of a folder begins with, beside it, into which a database is downloaded. Whoever is
/// at it shares a lock on it.
pub const DOWNLOADING: &str = ".advisories-";

/// The file beside it that whoever downloads has locked.
const LOCK: &str = "advisories.lock";

/// A database is made every six hours; one that is younger is not asked for again.
const FRESH: Duration = Duration::from_hours(6);
/// One that was asked for so lately is the newest there is, even if it is older (Trivy's own rule).
const JUST_ASKED: Duration = Duration::from_hours(1);
/// Some 70 MB over a slow line.
const TIMEOUT: Duration = Duration::from_mins(10);
/// How often it is looked whether another download has ended.
const ROUND: Duration = Duration::from_millis(200);

/// The outcome of a refresh.
pub struct Refreshed {
    /// The database to use.
    pub database: Database,
    /// Why repositories did not give one, a line each.
    pub failed: Vec<String>,
    /// Whether none did, and the database is an old one. Whether it is too old is for the gate to say.
    pub old: bool,
}

impl Database {
    /// Whether it is so young at `now`, or was downloaded so lately, that it is not asked for again.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        let within = |at: Timestamp, age| now.duration_since(at).unsigned_abs() < age;
        within(self.updated_at, FRESH)
            || self.downloaded_at.is_some_and(|at| within(at, JUST_ASKED))
    }
}

impl Scanner {
    /// The database in `folder`, downloaded afresh unless it is young: from the first of the
    /// `repositories` that gives one. (Trivy itself goes on to the next only if the one before answers
    /// with certain errors, and not if it cannot be reached.)
    ///
    /// A download goes into a new folder that then takes the old one's place: a reader never sees half
    /// a database. One goes on at a time; whoever comes meanwhile waits and finds it done.
    pub async fn refresh(
        &self,
        folder: &Utf8Path,
        repositories: &Repositories,
        environment: &Environment,
        now: Timestamp,
    ) -> Result<Refreshed, Failure> {
        let at_hand = |old, failed| {
            let database = Database::open(folder)?;
            Ok(Refreshed { database, failed, old })
        };
        let young = || Database::open(folder).is_ok_and(|database| database.is_fresh(now));
        let opened =
            |refreshed: Result<_, super::DatabaseError>| refreshed.map_err(|error| error.failure());
        if young() {
            return opened(at_hand(false, Vec::new()));
        }
        let parent = folder.parent().unwrap_or(Utf8Path::new("/"));
        fs_err::create_dir_all(parent).map_err(io)?;
        let _lock = self.lock(&parent.join(LOCK)).await?;
        if young() {
            return opened(at_hand(false, Vec::new()));
        }
        let mut failed = Vec::new();
        for repository in repositories.iter() {
            match self.download(folder, parent, repository, environment).await {
                Ok(()) => return opened(at_hand(false, failed)),
                Err(failure) if failure.class != FailureClass::Scan => return Err(failure),
                Err(failure) => failed.push(failure.reason),
            }
        }
        at_hand(true, failed.clone()).map_err(|_| {
            let reason = format!("failed to download the advisory database: {}", failed.join("; "));
            Failure::new(FailureClass::Scan, reason)
                .hint(
                    "check the way to the registries, name one that can be reached with \
                     `--db-repository`, or give a database with `--db DIR`",
                )
                .log(self.log.path())
        })
    }

    /// Waits until nobody else downloads, or somebody wishes to stop.
    async fn lock(&self, path: &Utf8Path) -> Result<fs_err::File, Failure> {
        let lock = fs_err::OpenOptions::new().create(true).append(true).open(path).map_err(io)?;
        while let Err(error) = flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            if error != rustix::io::Errno::WOULDBLOCK {
                // Where nothing can be locked, a new folder and its renaming must do.
                break;
            }
            tokio::select! {
                request = self.cancellation.beyond(None) => return Err(request.cause.failure()),
                () = tokio::time::sleep(ROUND) => {}
            }
        }
        Ok(lock)
    }

    /// Downloads from one repository. A failure tells which, and why.
    async fn download(
        &self,
        folder: &Utf8Path,
        parent: &Utf8Path,
        repository: &str,
        environment: &Environment,
    ) -> Result<(), Failure> {
        let fresh = tempfile::Builder::new().prefix(DOWNLOADING).tempdir_in(parent).map_err(io)?;
        let path = Utf8PathBuf::try_from(fresh.path().to_owned()).map_err(io)?;
        // Says that somebody is at it, for as long as that is true.
        let held = fs_err::File::open(&path).map_err(io)?;
        let _ = flock(&held, FlockOperation::NonBlockingLockShared);
        let command = Command::new(&self.tool.path, "download the advisory database")
            .arguments(["image", "--download-db-only", "--no-progress", "--disable-telemetry"])
            .arguments(["--skip-version-check", "--cache-dir", path.as_str()])
            .arguments([format!("--db-repository={repository}")])
            .directory(&path)
            .environment(ChildEnvironment::allowed(environment).set("HOME", path.as_str()))
            .timeout(TIMEOUT)
            .log(&self.log);
        let finished = self
            .launcher
            .run(&command, &self.cancellation, |_| {})
            .await
            .map_err(|error| error.failure(FailureClass::Scan))?;
        let failed =
            |why: String| Failure::new(FailureClass::Scan, format!("`{repository}`: {why}"));
        if !finished.succeeded() {
            if finished.cancelled.is_some() {
                let stopped = finished.success().map(|_| ());
                return stopped.map_err(|error| error.failure(FailureClass::Scan));
            }
            if finished.timed_out.is_some() {
                return Err(failed(format!("nothing came of it in {}", friendly(TIMEOUT))));
            }
            let said = finished.stderr.text();
            let why = complaints::reason(&said).or(finished.stderr.last_line());
            return Err(failed(why.unwrap_or_else(|| "Trivy does not say why".to_owned())));
        }
        // What is no database must not take the place of one.
        Database::open(&path).map_err(|error| failed(error.to_string()))?;
        put_in_place(&path, folder).map_err(io)
    }
}

fn io(error: impl std::error::Error) -> Failure {
    Failure::caused_by(FailureClass::Scan, &error)
}

/// Puts what was downloaded into the folder `fresh` where `folder` is.
fn put_in_place(fresh: &Utf8Path, folder: &Utf8Path) -> std::io::Result<()> {
    let new = fresh.join("new");
    fs_err::create_dir(&new)?;
    fs_err::rename(fresh.join("db"), new.join("db"))?;
    if !folder.exists() {
        return fs_err::rename(new, folder);
    }
    // Whenever this is killed, one of them is there.
    if renameat_with(CWD, new.as_std_path(), CWD, folder.as_std_path(), RenameFlags::EXCHANGE)
        .is_ok()
    {
        return Ok(());
    }
    // Not every file system can do that. If this is killed in between, it is downloaded again.
    fs_err::rename(folder, fresh.join("old"))?;
    fs_err::rename(new, folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_database_takes_the_place_of_none_and_of_an_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let state = Utf8Path::from_path(folder.path()).unwrap();
        let read = || fs_err::read_to_string(state.join("advisories/db/trivy.db")).unwrap();
        for text in ["first", "second"] {
            let fresh = state.join(text);
            fs_err::create_dir_all(fresh.join("db")).unwrap();
            fs_err::write(fresh.join("db/trivy.db"), text).unwrap();
            put_in_place(&fresh, &state.join(ADVISORIES)).unwrap();
            assert_eq!(read(), text);
        }
    }

    #[test]
    fn a_database_is_asked_for_again_when_it_is_old_and_was_not_asked_for_lately() {
        let database = |downloaded_at: &str| Database {
            folder: "/d".into(),
            updated_at: "2026-11-26T00:00:00Z".parse().unwrap(),
            downloaded_at: Some(downloaded_at.parse().unwrap()),
            fixture: None,
        };
        let fresh =
            |downloaded_at, now: &str| database(downloaded_at).is_fresh(now.parse().unwrap());
        assert!(fresh("2026-11-26T00:10:00Z", "2026-11-26T05:59:00Z"));
        assert!(!fresh("2026-11-26T00:10:00Z", "2026-11-26T06:01:00Z"));
        assert!(
            fresh("2026-11-26T08:00:00Z", "2026-11-26T08:59:00Z"),
            "there is none that is newer"
        );
        assert!(!fresh("2026-11-26T08:00:00Z", "2026-11-26T09:01:00Z"));
    }
}
