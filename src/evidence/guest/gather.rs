//! Strategy `guest`: evidence out of the archive that a guest has made of itself.

use std::collections::BTreeMap;

use super::{COMPLETE, Kind, Lists, PARTS, Pending, Updates, Windows, collected};
use crate::evidence::census::Census;
use crate::evidence::collector::{Collected, fresh};
use crate::evidence::os;
use crate::evidence::packages::Database;
use crate::evidence::selection::{self, Selection};
use crate::evidence::source::{self, Layer, Layers, Met, printable};
use crate::evidence::{EvidenceError, Gathered, Question};
use crate::model::{Facts, Finding, ImageRelease, Obstacle, Severity, Status, StrategyName};

/// The largest part: a list of all files.
const PART: u64 = 512 << 20;
/// Obstacles that are told one by one.
const TOLD: usize = 20;

/// What the guest has handed over into the archive of `question`. Blocks.
///
/// It was asked at the end of its build, while it ran, and before its builder was removed: what may
/// change after that is not checked. Everything in the archive is what the guest says.
pub fn guest(question: &Question<'_>) -> Result<Gathered, EvidenceError> {
    let path = question.path;
    let unfit = |why: &str| EvidenceError::Unfit {
        path: path.to_owned(),
        strategy: StrategyName::Guest,
        why: why.to_owned(),
    };
    if !source::is_tar(path)? {
        return Err(unfit("it is no archive: nothing was collected in the guest"));
    }
    let archive = vec![Layer::whole(path.to_owned())?];
    let mut layers = Layers::new(archive, false, question.cancellation).concatenated();
    let folder = fresh(question.scratch, "tree")?;
    let parts = [&format!("{PARTS}*")[..]];
    let mut collected =
        Collected::with(&mut layers, question.scope, &parts, folder, question.cancellation)?;
    let parts = Parts::take(&mut collected)?;
    if parts.text(COMPLETE).is_none() {
        return Err(unfit("it was cut off: collecting did not come to its end"));
    }
    if parts.text("os.json").is_some() {
        return windows(question, &collected, &parts);
    }
    collected.census = Census::default();
    let listed = parts.census(&mut collected.census);
    let mut gathered = Gathered::of(question, StrategyName::Guest, &collected);
    gathered.facts = facts(&collected, listed, parts.text("root").as_deref() == Some("yes\n"));
    gathered.obstacles.extend(parts.obstacles(&collected));
    let updates = collected::updates(&parts.text("tool").unwrap_or_default());
    let scanned = gathered.databases.iter().any(|database| database.scanned)
        && gathered.os.as_ref().is_none_or(os::has_advisories);
    // Where there are advisories, they say more than the guest, which may have looked into old lists.
    if !scanned {
        let pending = collected::pending(&parts.text("pending-updates").unwrap_or_default());
        gathered.findings = findings(&pending);
        gathered.pending_asked = updates.answered && updates.lists == Lists::Fresh;
        gathered.obstacles.extend(unanswered(&updates));
    }
    Ok(gathered)
}

/// The facts that hold also after the build: not who can log in, what was logged, and what is left,
/// since the builder removes its own key and user last.
fn facts(collected: &Collected, listed: bool, root: bool) -> Facts {
    let all = if listed {
        crate::evidence::facts::of(collected)
    } else {
        crate::evidence::facts::of_files(collected)
    };
    Facts {
        authorized_keys: None,
        logs: None,
        histories: None,
        leftovers: None,
        credentials: None,
        accounts: all.accounts.filter(|_| root),
        sudo: all.sudo.filter(|_| root),
        ..all
    }
}

/// What the guest could not say about its updates.
fn unanswered(updates: &Updates) -> Option<Obstacle> {
    if updates.answered && updates.lists == Lists::Fresh {
        return None;
    }
    let manager = updates.manager.as_deref().unwrap_or("no package manager");
    let why = match &updates.why {
        Some(why) => format!(": {why}"),
        None if updates.answered => ": its lists of packages are those of the image".to_owned(),
        None => String::new(),
    };
    Some(Obstacle {
        what: printable(
            format!("{manager} could not say which updates are pending{why}").as_bytes(),
        ),
        way_out: "give the guest a way to its mirrors until the end of the build".to_owned(),
    })
}

/// Updates as findings: the fix is there, how bad it is to lack it only some managers say.
fn findings(pending: &[Pending]) -> Vec<Finding> {
    let text = |text: &str| printable(text.as_bytes());
    let finding = |update: &Pending| Finding {
        id: "PENDING-UPDATE".to_owned(),
        package: text(&update.package),
        source: text(&update.package),
        installed: text(&update.installed),
        fixed: Some(text(&update.available)).filter(|version| !version.is_empty()),
        severity: update.severity(),
        status: Status::Fixed,
        title: match update.severity() {
            Severity::Unknown => "the guest says that there is an update".to_owned(),
            severity => format!("the guest says that there is an update ({severity})"),
        },
        url: None,
        published: None,
        fixed_at: update.since,
        ratings: BTreeMap::new(),
    };
    pending.iter().map(finding).collect()
}

/// A Windows guest: it has only parts.
fn windows(
    question: &Question<'_>,
    collected: &Collected,
    parts: &Parts,
) -> Result<Gathered, EvidenceError> {
    let unfit = |error: super::WindowsError| EvidenceError::Unfit {
        path: question.path.to_owned(),
        strategy: StrategyName::Guest,
        why: match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    };
    let texts: BTreeMap<&str, String> =
        parts.0.keys().filter_map(|name| Some((name.as_str(), parts.text(name)?))).collect();
    let part = |name: &str| texts.get(name).map(String::as_str);
    let guest = Windows::read(part).map_err(unfit)?;
    let pending = part("pending.json").map(Windows::pending).transpose().map_err(unfit)?;
    let stamp = part("stamp.json").map(Windows::stamp).transpose().map_err(unfit)?.flatten();
    let left_out = part("left-out.json").map(Windows::left_out).transpose().map_err(unfit)?;
    let mut gathered = Gathered::of(question, StrategyName::Guest, collected);
    gathered.os = Some(guest.os);
    gathered.databases = vec![Database {
        path: "the registry".to_owned(),
        scanned: false,
        purl_type: "generic",
        packages: Some(guest.packages),
    }];
    gathered.facts = Facts {
        release: stamp.map(|(id, version)| ImageRelease { id, version }),
        ..Facts::default()
    };
    gathered.pending_asked = pending.is_some();
    gathered.findings = findings(&pending.unwrap_or_default());
    let left_out = left_out.unwrap_or_default();
    gathered.obstacles =
        left_out.iter().take(TOLD).map(|left| obstacle(&left.path, &left.why)).collect();
    Ok(gathered)
}

fn obstacle(path: &str, why: &str) -> Obstacle {
    Obstacle {
        what: printable(format!("`{path}` was not collected in the guest: it {why}").as_bytes()),
        way_out: "let the communicator's user become root (or administrator) without a password"
            .to_owned(),
    }
}

/// What was collected besides files of the guest, by name.
struct Parts(BTreeMap<String, Vec<u8>>);

impl Parts {
    /// Takes the parts out of what was collected, so that no scanner takes them for files of the guest.
    fn take(collected: &mut Collected) -> Result<Self, EvidenceError> {
        let folder = format!("/{PARTS}");
        let names: Vec<String> = collected
            .within(&folder)
            .filter_map(|path| Some(std::str::from_utf8(path).ok()?.to_owned()))
            .collect();
        let mut parts = BTreeMap::new();
        for path in names {
            let content = collected.read(&path, PART).unwrap_or_default();
            collected.files.remove(path.as_bytes());
            parts.insert(path[folder.len()..].to_owned(), content);
        }
        let place = collected.folder.join(PARTS);
        if place.exists() {
            fs_err::remove_dir_all(place)?;
        }
        Ok(Self(parts))
    }

    fn text(&self, name: &str) -> Option<String> {
        Some(String::from_utf8_lossy(self.0.get(name)?).into_owned())
    }

    /// Counts all files that the guest lists. Whether it does.
    fn census(&self, census: &mut Census) -> bool {
        let Some(list) = self.0.get("files.tsv").filter(|list| !list.is_empty()) else {
            return false;
        };
        for file in collected::files(list).flatten() {
            let kind = match file.kind {
                Kind::File => source::Kind::Regular,
                Kind::Folder => source::Kind::Folder,
                Kind::Link => source::Kind::Link,
                _ => source::Kind::Other,
            };
            census.count(&Met { path: file.path, kind, mode: file.mode, size: file.size });
        }
        true
    }

    /// What of the package databases should be there and is not: everything else is a fact that was
    /// not checked.
    fn obstacles(&self, collected: &Collected) -> Vec<Obstacle> {
        let mut databases = Selection::default();
        selection::databases().for_each(|pattern| databases.add(pattern.as_bytes()));
        let left_out = collected::left_out(self.0.get("left-out").map_or(&[], Vec::as_slice));
        let left_out = left_out
            .into_iter()
            .map(|left| (left.path.trim_start_matches('.').to_owned(), left.why))
            .filter(|(path, _)| databases.has(path.as_bytes()));
        let names = self.text("names").unwrap_or_default();
        let missing = names
            .lines()
            .map(|name| name.trim_start_matches('.').to_owned())
            .filter(|path| databases.has(path.as_bytes()))
            .filter(|path| !collected.has(path))
            .map(|path| (path, "is missing in the archive".to_owned()));
        left_out.chain(missing).take(TOLD).map(|(path, why)| obstacle(&path, &why)).collect()
    }
}
