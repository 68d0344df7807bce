//! Strategy `disk`: our own reader of virtual disks.

use camino::Utf8Path;
use goldsmith_disk::{Disk, Limits, Root, RootKind, Unreadable};

use super::collector::{Collected, fresh};
use super::source;
use super::{EvidenceError, Gathered, Question};
use crate::model::{Obstacle, StrategyName};

/// Collects the system on the disk image of `question`. Blocks.
///
/// If there are several, the one that `images.yml` expects counts; another one is an obstacle, unless
/// it has the same packages, as the second of two systems that take turns (A/B) has.
pub fn disk(question: &Question<'_>) -> Result<Gathered, EvidenceError> {
    let disk = open(question)?;
    let (states, roots): (Vec<&Root>, Vec<&Root>) =
        disk.roots().iter().partition(|root| root.kind == RootKind::Snapshot);
    let Some(chosen) = choose(&roots, question) else {
        let because = disk.unreadable().first().cloned();
        return Err(EvidenceError::NoSystem { path: question.path.to_owned(), because });
    };
    let main = roots[chosen];
    let collected = collect(question, main, "tree")?;
    let mut gathered = Gathered::of(question, StrategyName::Disk, &collected);
    gathered.secrets = Some(collected.secrets()?);
    gathered.place.clone_from(&main.place);
    gathered.obstacles.extend(disk.unreadable().iter().map(unreadable));
    gathered.obstacles.extend(main.missing.iter().map(|missing| Obstacle {
        what: format!(
            "`{}` of {} is not part of what was read: {}",
            missing.path, main.place, missing.why
        ),
        way_out: "keep all of the system on one disk, or scan in the guest".to_owned(),
    }));
    for (number, root) in roots.iter().enumerate().filter(|(number, _)| *number != chosen) {
        let other = collect(question, root, &format!("other-{number}"))?;
        let other = Gathered::of(question, StrategyName::Disk, &other);
        if is_twin(&gathered, &other) {
            gathered.set_aside.push(format!(
                "{}: the same packages as {}",
                root.name(),
                main.place
            ));
        } else {
            gathered.obstacles.push(Obstacle {
                what: format!("a second system is on the disk and was not judged: {}", root.name()),
                way_out: "keep one system on a disk".to_owned(),
            });
        }
        gathered.obstacles.append(&mut { other.obstacles });
        fs_err::remove_dir_all(&other.tree)?;
    }
    let states = states.iter().map(|state| format!("{}: a snapshot", state.name()));
    gathered.set_aside.extend(states);
    Ok(gathered)
}

/// The content of a file in the system on a disk. Blocks.
pub fn file_of_disk(question: &Question<'_>, path: &str) -> Result<Vec<u8>, EvidenceError> {
    let disk = open(question)?;
    let mut errors = Vec::new();
    // A snapshot has the inventory of another day, and another system one of its own.
    let roots: Vec<&Root> =
        disk.roots().iter().filter(|root| root.kind != RootKind::Snapshot).collect();
    if let Some(chosen) = choose(&roots, question) {
        let root = roots[chosen];
        match root.tree().read(path, 256 << 20) {
            Ok(content) => return Ok(content),
            Err(error) => errors.push(format!("{}: {error}", root.name())),
        }
    }
    let why = match errors.as_slice() {
        [] => disk
            .unreadable()
            .first()
            .map_or("no system is on the disk".to_owned(), ToString::to_string),
        errors => errors.join("; "),
    };
    Err(EvidenceError::Inventory { name: path.to_owned(), why })
}

/// What stands in the way of a further disk of an artifact, of which nothing may be a system: `None` if
/// all of it can be read and none is there. Blocks.
pub fn further_disks(question: &Question<'_>) -> Vec<Obstacle> {
    let name = question.path.file_name().unwrap_or_default();
    match open(question) {
        Ok(disk) => {
            let systems = disk.roots().iter().map(|root| Obstacle {
                what: format!("a second system is on `{name}` and was not judged: {}", root.name()),
                way_out: "keep one system in an artifact".to_owned(),
            });
            let parts = disk
                .unreadable()
                .iter()
                .map(|part| Obstacle { what: format!("`{name}`: {part}"), way_out: way_out(part) });
            systems.chain(parts).collect()
        }
        Err(EvidenceError::Unreadable { unreadable, .. }) => vec![Obstacle {
            what: format!("a further file of the artifact cannot be looked into: {unreadable}"),
            way_out: way_out(&unreadable),
        }],
        Err(error) => vec![Obstacle {
            what: format!("`{name}`: {error}"),
            way_out: "check the artifact".to_owned(),
        }],
    }
}

fn open(question: &Question<'_>) -> Result<Disk, EvidenceError> {
    let limits = Limits { backing: question.backing.to_vec(), ..Limits::default() };
    Disk::open(question.path, &limits).map_err(|unreadable| EvidenceError::Unreadable {
        path: question.path.to_owned(),
        unreadable,
    })
}

fn unreadable(part: &Unreadable) -> Obstacle {
    Obstacle { what: part.to_string(), way_out: way_out(part) }
}

/// What people can do about it, in the words of images.yml.
pub(super) fn way_out(part: &Unreadable) -> String {
    part.way_out().replace("scan in the guest", "scan in the guest (`evidence: guest`)")
}

/// Which of the systems is meant: the one that is expected, then the default of its file system, then
/// the first.
fn choose(roots: &[&Root], question: &Question<'_>) -> Option<usize> {
    let expected = |root: &Root| {
        question.expected.is_some_and(|os| {
            let release = root.os.version_id();
            let id = root.os.id();
            (id == os.family || super::os::family(id) == os.family)
                && (release.starts_with(&os.release) || os.release.starts_with(release))
        })
    };
    let order = |root: &Root| {
        let default = root.kind == RootKind::Subvolume { default: true };
        (!expected(root), !default)
    };
    (0..roots.len()).min_by_key(|number| order(roots[*number]))
}

fn collect(question: &Question<'_>, root: &Root, name: &str) -> Result<Collected, EvidenceError> {
    let folder = fresh(question.scratch, name)?;
    let mut source = source::Root(root);
    Ok(Collected::from(&mut source, question.scope, folder, question.cancellation)?)
}

/// Whether two systems have the same packages.
fn is_twin(one: &Gathered, other: &Gathered) -> bool {
    let bytes = |gathered: &Gathered, path: &str| {
        fs_err::read(gathered.tree.join(Utf8Path::new(path).strip_prefix("/").ok()?)).ok()
    };
    !one.databases.is_empty()
        && one.os == other.os
        && one.databases.len() == other.databases.len()
        && one.databases.iter().zip(&other.databases).all(|(a, b)| {
            a.path == b.path
                && match (&a.packages, &b.packages) {
                    (Some(a), Some(b)) => a == b,
                    _ => bytes(one, &a.path) == bytes(other, &b.path),
                }
        })
}
