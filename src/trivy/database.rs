//! The advisory database: a folder with `db/trivy.db` and `db/metadata.json`
//! (Trivy, "Self-hosting the databases").

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use serde::Deserialize;
use thiserror::Error;

use crate::model::{Failure, FailureClass};

/// Why a database cannot be used. Nothing can be proven without one.
#[derive(Debug, Error)]
pub enum DatabaseError {
    /// The folder has no database.
    #[error("`{folder}` holds no advisory database: `{missing}` is missing")]
    Missing {
        /// The folder.
        folder: Utf8PathBuf,
        /// What is missing in it.
        missing: &'static str,
    },
    /// The metadata cannot be read.
    #[error("cannot read the metadata of the advisory database in `{folder}`")]
    Metadata {
        /// The folder.
        folder: Utf8PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A database format that this goldsmith does not know.
    #[error("the advisory database in `{folder}` has version {version}, expected 2")]
    Version {
        /// The folder.
        folder: Utf8PathBuf,
        /// Its version.
        version: u32,
    },
    /// A file cannot be read.
    #[error("cannot read the advisory database")]
    Io(#[from] std::io::Error),
}

impl DatabaseError {
    /// The failure that a run reports.
    pub fn failure(&self) -> Failure {
        Failure::caused_by(FailureClass::Scan, self).hint(
            "`--db` names a Trivy cache folder with `db/trivy.db` and `db/metadata.json`; \
             leave it out to download the current database",
        )
    }
}

/// A database that is there. How old it is and what it covers is for the gate to judge.
#[derive(Debug, Clone)]
pub struct Database {
    /// The folder that Trivy calls its cache.
    pub folder: Utf8PathBuf,
    /// When the database was made.
    pub updated_at: Timestamp,
    /// When Trivy has downloaded it, if it has.
    pub downloaded_at: Option<Timestamp>,
    /// Which demonstration data it holds, if it does.
    pub fixture: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    version: u32,
    updated_at: Timestamp,
    downloaded_at: Option<Timestamp>,
    /// Not Trivy's: marks demonstration data.
    fixture: Option<String>,
}

impl Database {
    /// Opens the database in `folder`.
    pub fn open(folder: &Utf8Path) -> Result<Self, DatabaseError> {
        let missing = |missing| DatabaseError::Missing { folder: folder.to_owned(), missing };
        if !folder.join("db/trivy.db").is_file() {
            return Err(missing("db/trivy.db"));
        }
        let metadata = folder.join("db/metadata.json");
        if !metadata.is_file() {
            return Err(missing("db/metadata.json"));
        }
        let text = fs_err::read_to_string(metadata)?;
        let metadata: Metadata = serde_json::from_str(&text)
            .map_err(|source| DatabaseError::Metadata { folder: folder.to_owned(), source })?;
        if metadata.version != 2 {
            let version = metadata.version;
            return Err(DatabaseError::Version { folder: folder.to_owned(), version });
        }
        Ok(Self {
            folder: folder.to_owned(),
            updated_at: metadata.updated_at,
            downloaded_at: metadata.downloaded_at,
            fixture: metadata.fixture,
        })
    }
}
