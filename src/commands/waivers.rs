//! `goldsmith waivers`: which permissions there are, which end, and which nobody needs any more.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use camino::Utf8Path;

use super::judging;
use super::session::Session;
use crate::cli;
use crate::config::{self, Checked};
use crate::diagnostics::Problems;
use crate::model::{
    Entry, Failure, FailureClass, Finding, FindingsDocument, Image, ImageName, LogEntry, NameGlob,
    Waiver,
};
use crate::registry::{self, Registry};
use crate::report::waivers::{ListedWaiver, Usage, Waivers};

/// What is recorded of the newest builds of an image.
#[derive(Default)]
struct Known {
    findings: Vec<Finding>,
    /// Whether that is all: unknown findings are not none.
    complete: bool,
}

/// Lists the waivers; takes out what is stale if that was asked for.
pub(super) async fn run(session: &Session, arguments: &cli::Waivers) -> Result<Waivers, Failure> {
    let Checked { catalog, warnings, places, .. } = session.catalog()?;
    let problems = Problems::new(warnings.sources().clone());
    let (lists, problems) = judging::check(&catalog, &places, judging::today(session), problems);
    let problems = if problems.is_empty() { problems } else { session.show(problems) };
    if problems.has_errors() {
        return Err(config::failure(&problems));
    }
    let address = match &arguments.registry {
        Some(url) => session.registry_address(url)?,
        None => catalog.registry.clone(),
    };
    let registry =
        registry::look(&address, &session.reach()).await.map_err(|error| error.failure())?;
    let mut known = BTreeMap::new();
    let mut listed = Vec::new();
    for (path, waivers) in &lists.files {
        let served: Vec<&Image> =
            catalog.images.values().filter(|image| catalog.waivers_of(image) == *path).collect();
        let mut of_file = Vec::new();
        for waiver in waivers {
            let globs = judging::globs(waiver);
            let images = served.iter().copied();
            let images: Vec<&Image> =
                images.filter(|image| judging::names(&globs, &image.name)).collect();
            for image in &images {
                if !known.contains_key(&image.name) {
                    known.insert(image.name.clone(), findings(&*registry, &image.name).await?);
                }
            }
            let shown = session.shown(path);
            of_file.push(judged(session, &shown, waiver, &images, &known));
        }
        if arguments.prune {
            prune(session, path, waivers, &mut of_file)?;
        }
        listed.extend(of_file);
    }
    Ok(Waivers { waivers: listed })
}

/// What has become of a waiver that is for `images`.
fn judged(
    session: &Session,
    file: &str,
    waiver: &Waiver,
    images: &[&Image],
    known: &BTreeMap<ImageName, Known>,
) -> ListedWaiver {
    let notice = images.iter().map(|image| image.gate.waiver_notice).max().unwrap_or_default();
    let notice = i32::try_from(notice.as_secs() / 86_400).unwrap_or(i32::MAX);
    let mut listed = ListedWaiver::new(file, waiver, judging::today(session), notice);
    let packages: Vec<NameGlob> =
        waiver.packages.iter().filter_map(|glob| NameGlob::new(glob)).collect();
    let meant = |finding: &&Finding| {
        let named =
            |glob: &NameGlob| glob.matches(&finding.package) || glob.matches(&finding.source);
        finding.id == waiver.id && (packages.is_empty() || packages.iter().any(named))
    };
    let (mut complete, mut fixed) = (true, true);
    for image in images {
        let Some(known) = known.get(&image.name) else { continue };
        complete &= known.complete;
        let mut found = known.findings.iter().filter(meant).peekable();
        if found.peek().is_some() {
            listed.found_in.push(image.name.clone());
        }
        // Where only what has a fix blocks, a waiver is for nothing else.
        fixed &= found.all(|finding| finding.fixed.is_some() && !image.gate.ignore_unfixed);
    }
    listed.usage = match (listed.found_in.is_empty(), complete) {
        (true, true) => Usage::MatchesNothing,
        (true, false) => Usage::Unknown,
        (false, true) if fixed => Usage::FixExists,
        (false, _) => Usage::Needed,
    };
    listed
}

/// What the newest published version of `image` has, and the build that waits to be judged again.
async fn findings(registry: &dyn Registry, image: &ImageName) -> Result<Known, Failure> {
    let log = registry.log(image, 0).await.map_err(|error| error.failure())?;
    let blobs = newest(&log);
    let mut known = Known { findings: Vec::new(), complete: !blobs.is_empty() };
    for blob in blobs {
        let Some(digest) = blob else {
            known.complete = false;
            continue;
        };
        let bytes = registry.blob(&digest).await.map_err(|error| error.failure())?;
        let document: FindingsDocument = serde_json::from_slice(&bytes).map_err(|error| {
            let reason =
                format!("the findings of `{image}` that are recorded cannot be read: {error}");
            Failure::new(FailureClass::Registry, reason)
        })?;
        known.findings.extend(document.findings);
    }
    Ok(known)
}

/// The findings of the newest published version, and of what was rejected since; nothing in their
/// place where they were not kept.
fn newest(log: &[LogEntry]) -> Vec<Option<crate::model::Digest>> {
    let mut found = Vec::new();
    let mut rejected = false;
    // Of a version, what it was last found to have counts.
    let mut rescanned = BTreeMap::new();
    for entry in log.iter().rev() {
        match &entry.entry {
            Entry::Published(record) => {
                found.push(rescanned.remove(&record.version).or(record.findings));
                return found;
            }
            Entry::Rejected(record) if !rejected => {
                rejected = true;
                found.push(record.findings);
            }
            Entry::Rescanned { version, findings: Some(findings), .. } => {
                rescanned.entry(*version).or_insert(*findings);
            }
            _ => {}
        }
    }
    found
}

/// Takes the stale ones of `listed` out of their file.
fn prune(
    session: &Session,
    path: &Utf8Path,
    waivers: &[Waiver],
    listed: &mut [ListedWaiver],
) -> Result<(), Failure> {
    let stale = listed.iter().enumerate().filter(|(_, listed)| listed.usage.is_stale());
    let stale: BTreeSet<usize> = stale.map(|(index, _)| index).collect();
    if stale.is_empty() {
        return Ok(());
    }
    let failed = |error: &dyn std::error::Error| Failure::caused_by(FailureClass::Config, error);
    let whole = fs_err::read_to_string(path).map_err(|error| failed(&error))?;
    let text = whole.strip_prefix('\u{feff}');
    let known = config::waivers_of(text.unwrap_or(&whole)).unwrap_or_default();
    // Entries are cut out by their place: who has written in between has moved them.
    if known != waivers {
        let reason = format!("`{}` has been changed meanwhile", session.shown(path));
        return Err(Failure::new(FailureClass::Config, reason).hint("try again"));
    }
    let mark = if text.is_some() { "\u{feff}" } else { "" };
    let left = config::without_waivers(text.unwrap_or(&whole), &stale).map_err(|error| {
        let reason = format!("`{}` cannot be pruned: {error}", session.shown(path));
        Failure::new(FailureClass::Config, reason)
    })?;
    // Links stay links.
    let real = path.canonicalize_utf8().map_err(|error| failed(&error))?;
    let folder = real.parent().unwrap_or(&real);
    let permissions = fs_err::metadata(&real).map_err(|error| failed(&error))?.permissions();
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| failed(&error))?;
    let written = file.write_all(mark.as_bytes()).and_then(|()| file.write_all(left.as_bytes()));
    written.map_err(|error| failed(&error))?;
    file.as_file().set_permissions(permissions).map_err(|error| failed(&error))?;
    file.persist(&real).map_err(|error| failed(&error.error))?;
    for index in stale {
        listed[index].pruned = true;
    }
    Ok(())
}
