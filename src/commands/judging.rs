//! What images are judged by: policies, waivers, and what is known to be exploited. On a pull request
//! all of it is that of the base branch, so that no change permits itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use jiff::civil;
use jiff::tz::TimeZone;

use super::session::Session;
use crate::config::{self, WaiverChecks};
use crate::diagnostics::{Diagnostic, Places, Problems, Sources, quoted};
use crate::findings::{MAX_KEV, kev};
use crate::model::{
    Catalog, Failure, FailureClass, GateLists, Image, ImageName, Judging, NameGlob, NoteLevel,
    Waiver,
};
use crate::runner::{MAX_EVENT, base_commit};

/// Today, in UTC: waivers end with a day there.
pub(super) fn today(session: &Session) -> civil::Date {
    session.clock.now().to_zoned(TimeZone::UTC).date()
}

/// What files hold, by path; an error in words for what cannot be read.
type Contents = BTreeMap<Utf8PathBuf, Result<Option<Vec<u8>>, String>>;

/// What people keep for the gate in files of their own.
#[derive(Default)]
pub(super) struct Lists {
    pub(super) of_images: BTreeMap<ImageName, GateLists>,
    /// The waivers of each file that could be read.
    pub(super) files: BTreeMap<Utf8PathBuf, Vec<Waiver>>,
}

/// The lists of all images of `catalog`; and what it judges by becomes that of the base branch on a
/// pull request. All problems are told.
pub(super) async fn lists(
    session: &Session,
    catalog: &mut Catalog,
    places: &[Places],
    sources: &Sources,
) -> Result<BTreeMap<ImageName, GateLists>, Failure> {
    let today = today(session);
    let problems = Problems::new(sources.clone());
    let (lists, problems) = check(catalog, places, today, problems);
    let problems = if problems.is_empty() { problems } else { session.show(problems.in_order()) };
    if problems.has_errors() {
        return Err(config::failure(&problems));
    }
    if !session.context.is_pull_request() {
        return Ok(lists.of_images);
    }
    of_base(session, catalog, lists.of_images, today).await
}

/// Reads the lists of all images of `catalog` where they lie, and adds their problems.
pub(super) fn check(
    catalog: &Catalog,
    places: &[Places],
    today: civil::Date,
    problems: Problems,
) -> (Lists, Problems) {
    let contents = catalog.gate_lists().into_iter().map(|path| {
        let content = here(&path);
        (path, content)
    });
    let contents: Contents = contents.collect();
    read(catalog, &contents, places, today, problems)
}

/// What a file of this machine holds.
fn here(path: &Utf8Path) -> Result<Option<Vec<u8>>, String> {
    use std::io::ErrorKind;
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error.to_string()),
    };
    if !found.is_file() {
        return Err("it is not a file".to_owned());
    }
    if found.len() > MAX_KEV {
        return Err(format!("it is larger than {} MiB", MAX_KEV >> 20));
    }
    fs::read(path).map(Some).map_err(|error| error.to_string())
}

/// The lists of all images, and what is wrong with them. `places` may be of another file, or none.
fn read(
    catalog: &Catalog,
    contents: &Contents,
    places: &[Places],
    today: civil::Date,
    mut problems: Problems,
) -> (Lists, Problems) {
    let folder = catalog.path.parent().unwrap_or(&catalog.path).to_owned();
    let of = |path: &Utf8Path| contents.get(path).cloned().unwrap_or(Ok(None));
    let tell =
        |problems: &mut Problems, image: &Image, key: &str, path: &Utf8Path, why: Option<&str>| {
            let shown = quoted(path.strip_prefix(&folder).unwrap_or(path).as_str());
            let problem = match why {
                None => {
                    Diagnostic::error("missing-path", format!("`{key}`: {shown} does not exist"))
                }
                Some(why) => {
                    Diagnostic::error("bad-list", format!("`{key}`: {shown} cannot be used: {why}"))
                }
            };
            let place = places.get(image.entry as usize);
            problems.push(match place {
                Some(places) => problem.at(places.of(&format!("gate.{key}")), ""),
                None => problem,
            });
        };
    let mut by_file: BTreeMap<Utf8PathBuf, Vec<&Image>> = BTreeMap::new();
    let mut by_kev: BTreeMap<&Utf8Path, Vec<&Image>> = BTreeMap::new();
    for image in catalog.images.values() {
        by_file.entry(catalog.waivers_of(image)).or_default().push(image);
        if let Some(path) = &image.kev {
            by_kev.entry(path).or_default().push(image);
        }
    }
    let mut lists = Lists::default();
    let nothing = |image: &Image| (image.name.clone(), GateLists::default());
    lists.of_images = catalog.images.values().map(nothing).collect();
    for (path, images) in by_file {
        let first = images[0];
        let bytes = match of(&path) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                if let Some(first) = images.iter().find(|image| image.waivers.is_some()) {
                    tell(&mut problems, first, "waivers", &path, None);
                }
                continue;
            }
            Err(why) => {
                tell(&mut problems, first, "waivers", &path, Some(&why));
                continue;
            }
        };
        let limits = images.iter().map(|image| (&image.name, image.gate.max_waiver)).collect();
        let checks = WaiverChecks { images: limits, today };
        let waivers;
        (waivers, problems) = config::look_at_waivers(&path, &bytes, &checks, problems);
        let Some(waivers) = waivers else { continue };
        let scopes: Vec<Vec<NameGlob>> = waivers.iter().map(globs).collect();
        for image in images {
            let named = waivers.iter().zip(&scopes).filter(|(_, globs)| names(globs, &image.name));
            let named = named.map(|(waiver, _)| waiver.clone()).collect();
            if let Some(lists) = lists.of_images.get_mut(&image.name) {
                lists.waivers = named;
            }
        }
        lists.files.insert(path, waivers);
    }
    for (path, images) in by_kev {
        let exploited = match of(path) {
            Ok(Some(bytes)) => kev(&bytes).map_err(|error| Some(error.to_string())),
            Ok(None) => Err(None),
            Err(why) => Err(Some(why)),
        };
        match exploited {
            Ok(exploited) => {
                let exploited = Arc::new(exploited);
                for image in images {
                    if let Some(lists) = lists.of_images.get_mut(&image.name) {
                        lists.exploited = exploited.clone();
                    }
                }
            }
            Err(why) => tell(&mut problems, images[0], "kev", path, why.as_deref()),
        }
    }
    (lists, problems)
}

/// The patterns of a waiver's images.
pub(super) fn globs(waiver: &Waiver) -> Vec<NameGlob> {
    waiver.images.iter().filter_map(|glob| NameGlob::new(glob)).collect()
}

/// Whether patterns of images stand for this one; none stand for all.
pub(super) fn names(globs: &[NameGlob], image: &ImageName) -> bool {
    globs.is_empty() || globs.iter().any(|glob| glob.matches(image.as_str()))
}

/// Has `catalog` judge by what the base branch of the pull request says, and tells of what is different
/// in `ours`.
async fn of_base(
    session: &Session,
    catalog: &mut Catalog,
    ours: BTreeMap<ImageName, GateLists>,
    today: civil::Date,
) -> Result<BTreeMap<ImageName, GateLists>, Failure> {
    let (root, commit) = base(session, catalog).await?;
    let git = session.git();
    let short = commit.get(..12).unwrap_or(&commit).to_owned();
    let unread = |why: String| {
        let reason = format!("what the base branch ({short}) judges by cannot be read: {why}");
        Failure::new(FailureClass::Config, reason)
            .hint("a pull request is judged by the policy of the branch that it goes into; put that right first")
    };
    let text = git.content(&root, &commit, &catalog.path).await;
    let text = text.map_err(|error| unread(error.to_string()))?;
    let before = match text {
        Some(bytes) => {
            let checked = config::read(&catalog.path, &bytes);
            Some(checked.map_err(|problems| unread(problems.lines(3).join("; ")))?)
        }
        None => None,
    };
    let defaults = before.as_ref().map_or_else(Judging::default, |before| before.judging.clone());
    let mut changed = BTreeSet::new();
    for image in catalog.images.values_mut() {
        let there = before.as_ref().and_then(|before| before.catalog.images.get(&image.name));
        let asks = before.as_ref().zip(there).and_then(|(before, there)| {
            let mut later = before.later.images.iter();
            later.find(|later| later.entry == there.entry && super::refusals::judges(later.key))
        });
        if let Some(later) = asks {
            return Err(unread(format!("image `{}`: {}", image.name, later.refusal.message)));
        }
        let judging = there.map_or_else(|| defaults.clone(), Image::judging);
        if image.judging() != judging {
            changed.insert(image.name.clone());
        }
        image.judge_by(judging);
    }
    let mut contents = Contents::new();
    for path in catalog.gate_lists() {
        let content = if path.starts_with(&root) {
            git.content(&root, &commit, &path).await.map_err(|error| error.to_string())
        } else {
            // No change of the repository reaches it.
            here(&path)
        };
        contents.insert(path, content);
    }
    let (lists, problems) = read(catalog, &contents, &[], today, Problems::new(Sources::default()));
    if problems.has_errors() {
        return Err(unread(problems.lines(3).join("; ")));
    }
    let lists = lists.of_images;
    changed.extend(
        lists
            .iter()
            .filter(|(name, list)| ours.get(*name) != Some(*list))
            .map(|(name, _)| name.clone()),
    );
    if !changed.is_empty() {
        const NAMED: usize = 5;
        let named = changed.iter().take(NAMED).map(|name| format!("`{name}`"));
        let more = changed.len().saturating_sub(NAMED);
        let named: Vec<String> = named.chain((more > 0).then(|| format!("{more} more"))).collect();
        let text = format!(
            "judged by the policy and the waivers of the base branch ({short}): what is changed here of how {} {} judged takes effect after merging",
            named.join(", "),
            if changed.len() == 1 { "is" } else { "are" },
        );
        session.events.note(None, NoteLevel::Warning, text);
    }
    Ok(lists)
}

/// The root of the repository with `images.yml`, and the commit of the base branch.
async fn base(session: &Session, catalog: &Catalog) -> Result<(Utf8PathBuf, String), Failure> {
    let unknown = |why: String| {
        Failure::new(
            FailureClass::Config,
            format!("a pull request is judged by the policy of its base branch, and that cannot be read: {why}"),
        )
        .hint("check the repository out with its history: `fetch-depth: 0` of the checkout action")
    };
    let mut folders = catalog.path.ancestors().skip(1);
    let root = folders.find(|folder| folder.join(".git").symlink_metadata().is_ok());
    let Some(root) = root else {
        return Err(unknown(format!("`{}` lies in no git repository", catalog.path)));
    };
    let event = session.context.event_file.as_deref();
    let event = event.filter(|path| fs::metadata(path).is_ok_and(|file| file.len() <= MAX_EVENT));
    let sha = event.and_then(|path| fs::read(path).ok()).and_then(|bytes| base_commit(&bytes));
    let branch = session.context.base_ref.as_deref().filter(|name| !name.is_empty());
    let branch = branch.map(|name| format!("refs/remotes/origin/{name}"));
    let git = session.git();
    let mut why = "the runner does not say which branch it is".to_owned();
    for reference in sha.into_iter().chain(branch) {
        match git.resolve(root, &reference).await {
            Ok(commit) => return Ok((root.to_owned(), commit)),
            Err(error) => {
                if let crate::inputs::GitError::Cancelled(cancelled) = error {
                    return Err(cancelled.failure(FailureClass::Config));
                }
                why = format!("`{reference}` is not there");
            }
        }
    }
    Err(unknown(why))
}
