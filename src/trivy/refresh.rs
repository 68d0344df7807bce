//! Brings the advisory database up to date.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};

use super::{Database, Scanner, complaints};
use crate::environment::Environment;
use crate::model::{Failure, FailureClass};
use crate::process::{ChildEnvironment, Command};

/// Where the downloaded database lies below the folder that goldsmith keeps its state in.
pub const ADVISORIES: &str = "advisories";

/// What the name of a folder begins with, beside it, into which a database is downloaded. Whoever is
/// at it shares a lock on it.
pub const DOWNLOADING: &str = ".advisories-";

/// A database is made every six hours; one that is younger is not asked for again.
const FRESH: Duration = Duration::from_hours(6);
/// Some 70 MB over a slow line.
const TIMEOUT: Duration = Duration::from_mins(10);

/// The outcome of a refresh.
pub struct Refreshed {
    /// The database to use.
    pub database: Database,
    /// Why it is an old one, if the download failed. Whether it is too old is for the gate to say.
    pub warning: Option<String>,
}

impl Database {
    /// Whether it is so young at `now` that it is not asked for again.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now.duration_since(self.updated_at).unsigned_abs() < FRESH
    }
}

impl Scanner {
    /// The database in `folder`, downloaded afresh unless it is young. A download goes into a new
    /// folder that then takes the old one's place: a reader never sees half a database.
    pub async fn refresh(
        &self,
        folder: &Utf8Path,
        environment: &Environment,
        now: Timestamp,
    ) -> Result<Refreshed, Failure> {
        let old = Database::open(folder).ok();
        if let Some(database) = &old
            && database.is_fresh(now)
        {
            return Ok(Refreshed { database: database.clone(), warning: None });
        }
        match (self.download(folder, environment).await, old) {
            (Ok(()), _) => Database::open(folder)
                .map(|database| Refreshed { database, warning: None })
                .map_err(|error| error.failure()),
            (Err(failure), _) if failure.class != FailureClass::Scan => Err(failure),
            (Err(failure), Some(database)) => {
                Ok(Refreshed { database, warning: Some(failure.reason) })
            }
            (Err(failure), None) => Err(failure),
        }
    }

    async fn download(&self, folder: &Utf8Path, environment: &Environment) -> Result<(), Failure> {
        let io = |error: std::io::Error| Failure::caused_by(FailureClass::Scan, &error);
        let parent = folder.parent().unwrap_or(Utf8Path::new("/"));
        fs_err::create_dir_all(parent).map_err(io)?;
        let fresh = tempfile::Builder::new().prefix(DOWNLOADING).tempdir_in(parent).map_err(io)?;
        let path = Utf8PathBuf::try_from(fresh.path().to_owned())
            .map_err(|error| io(error.into_io_error()))?;
        // Says that somebody is at it, for as long as that is true.
        let held = fs_err::File::open(&path).map_err(io)?;
        let _ = flock(&held, FlockOperation::NonBlockingLockShared);
        let command = Command::new(&self.tool.path, "download the advisory database")
            .arguments(["image", "--download-db-only", "--no-progress", "--disable-telemetry"])
            .arguments(["--skip-version-check", "--cache-dir", path.as_str()])
            .directory(&path)
            .environment(ChildEnvironment::allowed(environment).set("HOME", path.as_str()))
            .timeout(TIMEOUT)
            .log(&self.log);
        let finished = self
            .launcher
            .run(&command, &self.cancellation, |_| {})
            .await
            .map_err(|error| error.failure(FailureClass::Scan))?;
        if !finished.succeeded() {
            let said = finished.stderr.text();
            let last = finished.stderr.last_line();
            if finished.cancelled.is_some() || finished.timed_out.is_some() {
                finished.success().map_err(|error| error.failure(FailureClass::Scan))?;
            }
            let why = complaints::reason(&said).or(last);
            let why = why.unwrap_or_else(|| "Trivy does not say why".to_owned());
            return Err(Failure::new(
                FailureClass::Scan,
                format!("failed to download the advisory database: {why}"),
            )
            .hint("check the way to the registries, or give a database with `--db DIR`")
            .log(self.log.path()));
        }
        put_in_place(&path, folder).map_err(io)
    }
}

/// Puts the folder `fresh` where `folder` is.
fn put_in_place(fresh: &Utf8Path, folder: &Utf8Path) -> std::io::Result<()> {
    let old = fresh.join("old");
    let new = fresh.join("new");
    fs_err::create_dir(&new)?;
    fs_err::rename(fresh.join("db"), new.join("db"))?;
    if folder.exists() {
        fs_err::rename(folder, old)?;
    }
    fs_err::rename(new, folder)
}
