//! `goldsmith plugins`, and the plugins of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};

use camino::Utf8Path;

use super::session::Session;
use crate::cli;
use crate::config;
use crate::diagnostics::{Diagnostic, Places, Problems};
use crate::inputs;
use crate::model::{
    Catalog, Digest, Failure, FailureClass, Image, ImageName, NoteLevel, Platform, PluginLock,
    PluginRecord, Tool,
};
use crate::packer;
use crate::packer::plugins::{
    self, Demand, Limits, PluginError, Plugins, Provided, Requirement, TemplatePlugins, Want,
};
use crate::run::state_folder;

/// What images require, by image. None requires nothing.
type Required = BTreeMap<ImageName, BTreeSet<Requirement>>;

/// Installs what templates require and locks it.
pub(super) async fn run(session: &Session, asked: &cli::Plugins) -> Result<String, Failure> {
    let catalog = session.catalog()?.catalog;
    let required = required(catalog.images.values().cloned().collect()).await?;
    let all: BTreeSet<Requirement> = required.into_values().flatten().collect();
    let before = lock(session, &catalog)?;
    let known = before.clone().unwrap_or_default();
    let platform = Platform::of_this_machine();
    let wanted = all.into_iter().map(|requirement| {
        let want = match Want::locked(&requirement, &known, &platform) {
            _ if asked.update => Want::Newest,
            Ok(want) => want,
            Err(error) if asked.check => return Err(error),
            Err(PluginError::OtherPlatforms { version, .. }) => Want::Exactly(version, None),
            Err(_) => Want::Installed,
        };
        Ok((requirement, want))
    });
    let (demands, mut wrong) = apart(wanted);
    let (found, others) = if asked.check {
        (plugins::look(&session.environment, &demands).await, Vec::new())
    } else if demands.is_empty() {
        (Vec::new(), Vec::new())
    } else {
        let probed =
            packer::probe(&session.environment, &session.launcher, &session.cancellation).await;
        let tool = probed.map_err(|error| error.failure())?;
        let state = state_folder(&session.environment)?;
        let note = |level, text| session.events.note(None, level, text);
        let plugins = provider(session, &catalog, &tool, &state, &note);
        let found = plugins.provide(&demands).await;
        let records = found.iter().flatten().map(|provided| &provided.record);
        let others = elsewhere(&plugins, records, &asked.platforms, &known).await;
        (found, others)
    };
    let (found, missing) = apart(found);
    wrong.extend(missing);
    let (others, missing) = apart(others);
    wrong.extend(missing);
    let mut lock = PluginLock::default();
    if wrong.is_empty() {
        for Provided { record, .. } in &found {
            match plugins::add(&mut lock, record, &known, &platform) {
                Ok(()) => {}
                Err(error) => wrong.push(error),
            }
        }
    }
    if let Some(failure) = in_one(&wrong) {
        return Err(failure);
    }
    let mut lines: Vec<String> =
        demands.iter().zip(&found).map(|(demand, found)| told(demand, found)).collect();
    for (record, other, digest) in others {
        let PluginRecord { source, version, .. } = record;
        lines.push(format!("{source} {version} for {other} {}", digest.short()));
        let versions = lock.plugins.entry(source).or_default();
        versions.entry(version).or_default().insert(other, digest);
    }
    let changed = !asked.check && before.as_ref() != Some(&lock);
    match (changed, lock.plugins.is_empty()) {
        (true, false) => {
            write(&catalog.plugin_lock(), &lock)
                .map_err(|error| Failure::caused_by(FailureClass::Config, &error))?;
            lines.push(format!("{} is written: commit it", PluginLock::FILE));
        }
        (_, true) => lines.push("no template requires a plugin".to_owned()),
        // With `--check`: all that is required is locked, or this would be a failure.
        (false, false) if before.as_ref() != Some(&lock) => lines.push(format!(
            "{} also has what no template requires: `goldsmith plugins` removes it",
            PluginLock::FILE
        )),
        (false, false) => lines.push(format!("{} is up to date", PluginLock::FILE)),
    }
    Ok(lines.join("\n") + "\n")
}

/// The programs of `records` for other machines, as far as `known` does not have them.
async fn elsewhere(
    plugins: &Plugins<'_>,
    records: impl Iterator<Item = &PluginRecord>,
    platforms: &[Platform],
    known: &PluginLock,
) -> Vec<Result<(PluginRecord, Platform, Digest), PluginError>> {
    let here = Platform::of_this_machine();
    let mut found = Vec::new();
    let records: BTreeMap<_, _> =
        records.map(|record| ((&record.source, &record.version), record)).collect();
    for ((source, version), record) in records {
        let locked = known.plugins.get(source).and_then(|versions| versions.get(version));
        let others: BTreeSet<&Platform> = platforms.iter().collect();
        for other in others {
            if *other == here || locked.is_some_and(|programs| programs.contains_key(other)) {
                continue;
            }
            let digest = plugins.elsewhere(record, other).await;
            found.push(digest.map(|digest| (record.clone(), other.clone(), digest)));
        }
    }
    found
}

/// The plugins of those of `images` that require some: installed, and those that are locked. Takes
/// no time if none does.
pub(super) async fn ready(
    session: &Session,
    catalog: &Catalog,
    images: impl Iterator<Item = &Image>,
    packer: Option<&Tool>,
    state: &Utf8Path,
) -> Result<BTreeMap<ImageName, Result<TemplatePlugins, Failure>>, Failure> {
    let Some(packer) = packer else { return Ok(BTreeMap::new()) };
    let required = required(images.cloned().collect()).await?;
    if required.is_empty() {
        return Ok(BTreeMap::new());
    }
    let lock = lock(session, catalog)?;
    let note = |level, text| session.events.note(None, level, text);
    if lock.is_none() {
        let text = format!(
            "there is no {}: the plugins that are installed are taken as they are; `goldsmith plugins` writes one",
            PluginLock::FILE
        );
        note(NoteLevel::Info, text);
    }
    let platform = Platform::of_this_machine();
    let all: BTreeSet<&Requirement> = required.values().flatten().collect();
    let mut outcomes = BTreeMap::new();
    let mut demands = Vec::new();
    for requirement in all {
        let want = match &lock {
            Some(lock) => Want::locked(requirement, lock, &platform),
            None => Ok(Want::Installed),
        };
        match want {
            Ok(want) => demands.push((requirement.clone(), want)),
            Err(error) => {
                outcomes.insert(requirement, Err(error.failure()));
            }
        }
    }
    let plugins = provider(session, catalog, packer, state, &note);
    let provided = plugins.provide(&demands).await;
    for ((requirement, _), provided) in demands.iter().zip(provided) {
        outcomes.insert(requirement, provided.map_err(|error| error.failure()));
    }
    let of_image = |requirements: &BTreeSet<Requirement>| {
        let provided = requirements.iter().map(|requirement| outcomes[requirement].clone());
        let provided: Vec<Provided> = provided.collect::<Result<_, _>>()?;
        let folder = plugins.view(&provided).map_err(|error| error.failure())?;
        let records = provided.into_iter().map(|provided| provided.record).collect();
        Ok(TemplatePlugins { records, folder })
    };
    Ok(required.iter().map(|(image, required)| (image.clone(), of_image(required))).collect())
}

/// Adds what the templates of `images` require and `lock` does not have. That it has it for another
/// platform only is nothing wrong with it: who looks need not be who builds.
pub(super) async fn check(
    images: &[&Image],
    places: &[Places],
    lock: &PluginLock,
    problems: &mut Problems,
) -> Result<(), Failure> {
    let entries: BTreeMap<ImageName, u32> =
        images.iter().map(|image| (image.name.clone(), image.entry)).collect();
    let platform = Platform::of_this_machine();
    let required = required(images.iter().map(|image| (*image).clone()).collect()).await?;
    for (image, requirements) in required {
        let wanted = requirements.iter().map(|wanted| Want::locked(wanted, lock, &platform));
        for error in wanted.filter_map(Result::err) {
            let PluginError::NotLocked { .. } = error else { continue };
            let help = "run `goldsmith plugins` and commit what it writes";
            let problem = Diagnostic::warning("not-locked", error.to_string()).help(help);
            let place = places.get(entries[&image] as usize).map(|places| places.of("template"));
            problems.push(match place {
                Some(span) => problem.at(span, ""),
                None => problem,
            });
        }
    }
    Ok(())
}

/// The content of `goldsmith.lock`, if there is one.
pub(super) fn lock_bytes(catalog: &Catalog) -> Result<Option<Vec<u8>>, Failure> {
    match fs_err::read(catalog.plugin_lock()) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::caused_by(FailureClass::Config, &error)),
    }
}

/// What `goldsmith.lock` says, if there is one. Its problems are shown.
fn lock(session: &Session, catalog: &Catalog) -> Result<Option<PluginLock>, Failure> {
    let Some(bytes) = lock_bytes(catalog)? else { return Ok(None) };
    config::plugin_lock(&catalog.plugin_lock(), &bytes)
        .map(Some)
        .map_err(|problems| config::failure(&session.show(problems)))
}

/// Writes the lock, whole or not at all.
fn write(path: &Utf8Path, lock: &PluginLock) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = path.parent().unwrap_or(path);
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(lock.to_yaml().as_bytes())?;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    file.persist(path)?;
    Ok(())
}

async fn required(images: Vec<Image>) -> Result<Required, Failure> {
    let read = move || {
        let required = inputs::required_plugins(&images).into_iter();
        let required = required.map(|(image, plugins)| {
            let plugins = plugins.into_iter().filter_map(|plugin| {
                // What is left out here, Packer refuses with a reason.
                Requirement::new(&plugin.source?, &plugin.version?)
            });
            (image, plugins.collect::<BTreeSet<_>>())
        });
        required.filter(|(_, required)| !required.is_empty()).collect()
    };
    let failed = |error| Failure::caused_by(FailureClass::Config, &error);
    tokio::task::spawn_blocking(read).await.map_err(failed)
}

fn provider<'a>(
    session: &'a Session,
    catalog: &'a Catalog,
    packer: &'a Tool,
    state: &'a Utf8Path,
    note: &'a dyn Fn(NoteLevel, String),
) -> Plugins<'a> {
    Plugins {
        packer,
        launcher: &session.launcher,
        environment: &session.environment,
        cancellation: &session.cancellation,
        state,
        mirror: catalog.plugin_mirror.as_ref(),
        limits: Limits::default(),
        note,
    }
}

fn apart<T, E>(results: impl IntoIterator<Item = Result<T, E>>) -> (Vec<T>, Vec<E>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => good.push(value),
            Err(error) => bad.push(error),
        }
    }
    (good, bad)
}

/// One failure of all; nothing if there is none.
fn in_one(errors: &[PluginError]) -> Option<Failure> {
    let mut failures = errors.iter().map(PluginError::failure);
    let mut first = failures.next()?;
    for other in failures {
        let new: Vec<String> =
            other.hints.into_iter().filter(|hint| !first.hints.contains(hint)).collect();
        first.hints.extend(new);
        if other.reason != first.reason {
            first = first.detail(other.reason);
        }
    }
    Some(first)
}

fn told((requirement, _): &Demand, Provided { record, .. }: &Provided) -> String {
    format!(
        "{} {} ({}) {}",
        record.source,
        record.version,
        requirement.constraint,
        record.digest.short()
    )
}
