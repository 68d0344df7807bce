//! The packages of an operating system as its own database has them. Scanners read the same: what they
//! do not know is added to the inventory, and what they lose is noticed.

mod apk;
mod dpkg;
mod pacman;

use super::collector::Collected;
use crate::model::{Obstacle, Package};

/// A package database that was found.
#[derive(Debug)]
pub(super) struct Database {
    /// Its path.
    pub(super) path: String,
    /// Whether the scanner reads it.
    pub(super) scanned: bool,
    /// The type in package URLs.
    pub(super) purl_type: &'static str,
    /// What is in it; `None` where only the scanner reads it.
    pub(super) packages: Option<Vec<Package>>,
}

/// The largest database that is read here.
const LIMIT: u64 = 512 << 20;

/// The databases of the system.
pub(super) fn databases(collected: &Collected) -> Vec<Database> {
    let mut found = Vec::new();
    let mut dpkg = |path: &str| {
        let text = collected.read(path, LIMIT)?;
        found.push(Database {
            path: path.to_owned(),
            scanned: true,
            purl_type: "deb",
            packages: Some(dpkg::read(&text)),
        });
        Some(())
    };
    dpkg("/var/lib/dpkg/status");
    let single =
        collected.within("/var/lib/dpkg/status.d/").filter(|path| !path.ends_with(b".md5sums"));
    for path in single.filter_map(|path| std::str::from_utf8(path).ok()) {
        dpkg(path);
    }
    for path in ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"] {
        // A link between the two is one database.
        if collected.files.contains_key(path.as_bytes())
            && let Some(text) = collected.read(path, LIMIT)
        {
            let packages = Some(apk::read(&text));
            found.push(Database {
                path: path.to_owned(),
                scanned: true,
                purl_type: "apk",
                packages,
            });
        }
    }
    let pacman: Vec<Package> = collected
        .within("/var/lib/pacman/local/")
        .filter_map(|path| std::str::from_utf8(path).ok())
        .filter_map(|path| pacman::read(&collected.read(path, LIMIT)?))
        .collect();
    if !pacman.is_empty() {
        found.push(Database {
            path: "/var/lib/pacman/local".to_owned(),
            scanned: false,
            purl_type: "alpm",
            packages: Some(pacman),
        });
    }
    for path in RPM {
        if collected.files.contains_key(path.as_bytes()) {
            found.push(Database {
                path: (*path).to_owned(),
                scanned: true,
                purl_type: "rpm",
                packages: None,
            });
        }
    }
    found
}

/// Where rpm keeps its database, in its three formats: Berkeley DB, NDB, SQLite.
const RPM: &[&str] = &[
    "/var/lib/rpm/Packages",
    "/var/lib/rpm/Packages.db",
    "/var/lib/rpm/rpmdb.sqlite",
    "/usr/lib/sysimage/rpm/Packages",
    "/usr/lib/sysimage/rpm/Packages.db",
    "/usr/lib/sysimage/rpm/rpmdb.sqlite",
    "/usr/share/rpm/rpmdb.sqlite",
];

/// What of the databases the scanner will not see although it reads them.
pub(super) fn obstacles(collected: &Collected) -> Vec<Obstacle> {
    let mut obstacles = Vec::new();
    for path in RPM.iter().filter(|path| path.ends_with(".sqlite")) {
        let log = format!("{path}-wal");
        if collected.files.get(log.as_bytes()).is_some_and(|log| log.size > 0) {
            obstacles.push(Obstacle {
                what: format!(
                    "`{log}` holds changes of the package database that are not in it yet"
                ),
                way_out: "end the build with an orderly shutdown, so that rpm's database is closed"
                    .to_owned(),
            });
        }
    }
    obstacles
}
