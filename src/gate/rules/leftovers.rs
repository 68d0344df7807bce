//! What a build leaves that hurts nobody at once.

use super::{Case, Check, Outcome, count, none_of, some};
use crate::model::FileFact;

pub(super) const CHECKS: &[(&str, Check)] = &[
    ("dhcp-lease", |case| left(case, Kind::Lease, "leases of addresses are left")),
    ("persistent-net", |case| left(case, Kind::Net, "names for network cards are left")),
    ("build-leftovers", |case| left(case, Kind::Build, "files of the build are left")),
    ("shell-history", shell_history),
    ("logs", logs),
    ("package-cache", package_cache),
];

/// Logs up to this size together, in bytes, are no matter.
const LOGS: u64 = 16 << 20;
/// The same for what package managers keep: an empty cache has a few small files.
const CACHES: u64 = 1 << 20;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Lease,
    Net,
    Seed,
    Build,
}

fn kind(file: &FileFact) -> Kind {
    let path = &file.path;
    let folders =
        ["/var/lib/dhcp/", "/var/lib/dhclient/", "/var/lib/dhcpcd/", "/var/lib/NetworkManager/"];
    if folders.iter().any(|folder| path.starts_with(folder)) {
        Kind::Lease
    } else if path.starts_with("/etc/udev/rules.d/") {
        Kind::Net
    } else if path.ends_with("/random-seed") {
        Kind::Seed
    } else {
        Kind::Build
    }
}

fn left(case: &Case<'_>, wanted: Kind, what: &str) -> Outcome {
    let found = case.evidence.facts.leftovers.as_ref();
    let found = found.map(|found| found.iter().filter(|file| kind(file) == wanted));
    none_of(found, |_, first| format!("{what}: {first}"))
}

fn shell_history(case: &Case<'_>) -> Outcome {
    none_of(case.evidence.facts.histories.as_ref(), |number, first| {
        let verb = if number == 1 { "is" } else { "are" };
        format!("{} of what was typed {verb} left: {first}", count(number, "file"))
    })
}

fn logs(case: &Case<'_>) -> Outcome {
    together(case.evidence.facts.logs.as_ref(), LOGS, "logs of the build")
}

fn package_cache(case: &Case<'_>) -> Outcome {
    let what = "downloads and lists of package managers";
    together(case.evidence.facts.caches.as_ref(), CACHES, what)
}

/// Files that are too large together; the largest are named.
fn together(found: Option<&Vec<FileFact>>, most: u64, what: &str) -> Outcome {
    let Some(found) = found else { return Outcome::Unchecked };
    let size: u64 = found.iter().map(|file| file.size).fold(0, u64::saturating_add);
    if size <= most {
        return Outcome::Kept;
    }
    let mut largest: Vec<&FileFact> = found.iter().collect();
    largest.sort_by_key(|file| (std::cmp::Reverse(file.size), &file.path));
    Outcome::Broken {
        message: format!("{what} have {} MiB", size >> 20),
        places: some(largest.into_iter().map(|file| file.path.clone())),
    }
}
