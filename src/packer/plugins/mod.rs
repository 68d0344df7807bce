//! The plugins that templates require: those that `goldsmith.lock` names, and no other ones.
//!
//! Looking takes no process and no network. Only for what is missing Packer is run, one at a time on
//! a machine: to fetch it from its publisher, or to install what a mirror has. A program with another
//! digest than the locked one is never built with, however it came.

mod constraint;
mod error;
mod install;
mod installed;
mod mirror;
mod view;

use std::collections::BTreeMap;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

pub use self::constraint::Constraint;
pub use self::error::PluginError;
use self::installed::{Program, State};
use self::mirror::Mirror;
pub use self::mirror::{Limits, MirrorError};
use crate::environment::Environment;
use crate::model::{
    Digest, NoteLevel, Platform, PluginLock, PluginMirror, PluginRecord, PluginSource,
    PluginVersion, Tool,
};
use crate::process::{Cancellation, ChildEnvironment, Launcher};

/// What of goldsmith's environment decides where plugins lie.
const PASSED: [&str; 2] = ["PACKER_CONFIG_DIR", "PACKER_PLUGIN_PATH"];

/// What a template requires of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requirement {
    /// The plugin.
    pub source: PluginSource,
    /// Which versions will do.
    pub constraint: Constraint,
}

impl Requirement {
    /// What an entry of `required_plugins` requires; nothing if Packer itself refuses it.
    pub fn new(source: &str, version: &str) -> Option<Self> {
        Some(Self { source: source.parse().ok()?, constraint: version.parse().ok()? })
    }
}

/// Which version is wanted of those that a requirement admits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    /// This one; if there is a digest, this very program.
    Exactly(PluginVersion, Option<Digest>),
    /// The newest that is installed, if any is.
    Installed,
    /// The newest that there is.
    Newest,
}

impl Want {
    /// What a lock wants of a requirement: the newest version in it that will do.
    pub fn locked(
        requirement: &Requirement,
        lock: &PluginLock,
        platform: &Platform,
    ) -> Result<Self, PluginError> {
        let Requirement { source, constraint } = requirement;
        let mut versions = lock.plugins.get(source).into_iter().flatten();
        let newest = versions.rfind(|(version, _)| constraint.admits(version));
        let Some((version, programs)) = newest else {
            let (source_, constraint) = (source.clone(), constraint.clone());
            return Err(PluginError::NotLocked { source_, constraint });
        };
        match programs.get(platform) {
            Some(digest) => Ok(Self::Exactly(version.clone(), Some(*digest))),
            None => Err(PluginError::OtherPlatforms {
                source_: source.clone(),
                version: version.clone(),
                platform: platform.clone(),
            }),
        }
    }
}

/// Locks what `record` says, with what `known` says of the version on other platforms. An error if
/// that has another program for this one.
pub fn add(
    lock: &mut PluginLock,
    record: &PluginRecord,
    known: &PluginLock,
    platform: &Platform,
) -> Result<(), PluginError> {
    let PluginRecord { source, version, digest } = record;
    let known = known.plugins.get(source).and_then(|versions| versions.get(version));
    let mut programs = known.cloned().unwrap_or_default();
    if let Some(expected) = programs.insert(platform.clone(), *digest)
        && expected != *digest
    {
        let place = format!("{source} {version}");
        return Err(PluginError::Mismatch { place, found: *digest, expected });
    }
    lock.plugins.entry(source.clone()).or_default().insert(version.clone(), programs);
    Ok(())
}

/// A plugin that is installed and may be built with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provided {
    /// What it is.
    pub record: PluginRecord,
    program: Program,
    /// Packer would take another version, which is installed as well.
    overruled: bool,
}

/// The plugins of a template, ready to be built with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TemplatePlugins {
    /// What they are, in the order of their sources.
    pub records: Vec<PluginRecord>,
    /// The folder in which Packer finds them, if it is another one than usual.
    pub folder: Option<Utf8PathBuf>,
}

/// Looks after the plugins of a Packer.
pub struct Plugins<'a> {
    /// Packer.
    pub packer: &'a Tool,
    /// Starts it.
    pub launcher: &'a Launcher,
    /// What its environment is made from.
    pub environment: &'a Environment,
    /// The wish to stop.
    pub cancellation: &'a Cancellation,
    /// Where goldsmith keeps its own things.
    pub state: &'a Utf8Path,
    /// Where plugins come from; their publishers if nothing is said.
    pub mirror: Option<&'a PluginMirror>,
    /// How long a mirror may take.
    pub limits: Limits,
    /// Hears what is done that takes its time.
    pub note: &'a dyn Fn(NoteLevel, String),
}

/// A requirement, and which version of it is wanted.
pub type Demand = (Requirement, Want);

/// The plugins that are wanted, as a Packer with this environment finds them. Installs nothing.
pub async fn look(
    environment: &Environment,
    demands: &[Demand],
) -> Vec<Result<Provided, PluginError>> {
    let folder = folder(environment);
    let owned = demands.to_vec();
    let find_all = move || {
        let platform = Platform::of_this_machine();
        let mut states = States::new();
        let find = |demand: &Demand| match &folder {
            Some(folder) => find(demand, folder, &platform, &mut states),
            None => Err(PluginError::NoFolder),
        };
        owned.iter().map(find).collect()
    };
    tokio::task::spawn_blocking(find_all).await.unwrap_or_else(|error| {
        let failed = |_: &Demand| Err(io::Error::other(error.to_string()).into());
        demands.iter().map(failed).collect()
    })
}

/// What a Packer sees that deals with plugins.
fn child_environment(environment: &Environment) -> ChildEnvironment {
    ChildEnvironment::allowed(environment).pass(environment, PASSED).set("CHECKPOINT_DISABLE", "1")
}

/// The folder of plugins, absolute.
fn folder(environment: &Environment) -> Option<Utf8PathBuf> {
    installed::folder(&child_environment(environment)).filter(|folder| folder.is_absolute())
}

impl Plugins<'_> {
    /// The plugins that are wanted; installs what is missing.
    pub async fn provide(&self, demands: &[Demand]) -> Vec<Result<Provided, PluginError>> {
        let all_there = |found: &[Result<Provided, PluginError>]| {
            let newest = demands.iter().any(|(_, want)| *want == Want::Newest);
            !newest && !found.iter().any(|found| matches!(found, Err(error) if is_missing(error)))
        };
        let found = look(self.environment, demands).await;
        if all_there(&found) {
            return found;
        }
        let installed = async {
            let _alone = self.alone().await?;
            // Another run may have installed it while this one waited.
            let found = look(self.environment, demands).await;
            if all_there(&found) {
                return Ok((BTreeMap::new(), found));
            }
            let errors = self.install_missing(demands, &found).await?;
            Ok::<_, PluginError>((errors, look(self.environment, demands).await))
        };
        match installed.await {
            Ok((mut errors, found)) => {
                let told = found.into_iter().enumerate().map(|(index, found)| {
                    // Why it could not be installed says more than that it is not.
                    match (found, errors.remove(&index)) {
                        (Err(error), Some(why)) if is_missing(&error) => Err(why),
                        (found, _) => found,
                    }
                });
                told.collect()
            }
            Err(error) => {
                let failure = Some(error);
                let missing = found.into_iter().scan(failure, |failure, found| {
                    Some(match found {
                        Err(error) if is_missing(&error) => Err(failure.take().unwrap_or(error)),
                        found => found,
                    })
                });
                missing.collect()
            }
        }
    }

    /// The program of `record` for another machine: it is fetched, looked at and not kept. An error if
    /// there is no mirror: publishers tell only what their archives are, and the lock says what is in
    /// them.
    pub async fn elsewhere(
        &self,
        record: &PluginRecord,
        platform: &Platform,
    ) -> Result<Digest, PluginError> {
        let PluginRecord { source, version, .. } = record;
        let source_ = source.clone();
        let Some(place) = self.mirror else {
            let (version, platform) = (version.clone(), platform.clone());
            return Err(PluginError::NoMirror { source_, version, platform });
        };
        let failed = |error| match error {
            MirrorError::Io(error) => error.into(),
            error => {
                let (mirror, error) = (place.to_string(), Box::new(error));
                PluginError::Mirror { source_: source.clone(), mirror, error }
            }
        };
        let mirror = Mirror::new(place, self.limits, self.cancellation).map_err(failed)?;
        let _alone = self.alone().await?;
        let scratch = self.scratch()?;
        let folder = Utf8Path::from_path(scratch.path()).unwrap_or(self.state);
        let fetched = mirror.fetch(source, version, platform, folder).await;
        fetched.map(|(_, digest)| digest).map_err(failed)
    }

    /// A folder in which Packer finds what was `provided` and no other versions; none if it finds
    /// them anyway. Blocks.
    pub fn view(&self, provided: &[Provided]) -> Result<Option<Utf8PathBuf>, PluginError> {
        if !provided.iter().any(|provided| provided.overruled) {
            return Ok(None);
        }
        let chosen: Vec<_> = provided
            .iter()
            .map(|provided| (provided.record.source.clone(), provided.program.clone()))
            .collect();
        let platform = Platform::of_this_machine();
        let views = self.state.join("plugins/views");
        Ok(Some(view::view(&views, &self.folder()?, &chosen, &platform)?))
    }

    fn folder(&self) -> Result<Utf8PathBuf, PluginError> {
        folder(self.environment).ok_or(PluginError::NoFolder)
    }

    /// Installs what is missing of `demands`. Tells by position why it could not be.
    async fn install_missing(
        &self,
        demands: &[Demand],
        found: &[Result<Provided, PluginError>],
    ) -> Result<BTreeMap<usize, PluginError>, PluginError> {
        let scratch = self.scratch()?;
        let folder = Utf8Path::from_path(scratch.path()).unwrap_or(self.state);
        let mut errors = BTreeMap::new();
        let missing = demands.iter().zip(found).enumerate().filter(|(_, ((_, want), found))| {
            *want == Want::Newest || matches!(found, Err(error) if is_missing(error))
        });
        let missing: Vec<(usize, &Demand)> =
            missing.map(|(index, (demand, _))| (index, demand)).collect();
        let Some(place) = self.mirror else {
            let newest = |(_, (_, want)): &&(usize, &Demand)| *want == Want::Newest;
            let (newer, others): (Vec<_>, Vec<_>) = missing.iter().partition(newest);
            for (wanted, newer) in [(others, false), (newer, true)] {
                if wanted.is_empty() {
                    continue;
                }
                let requirements: Vec<_> = wanted.iter().map(|(_, demand)| asked(demand)).collect();
                match self.init(&requirements, newer, folder).await {
                    Ok(()) => {}
                    Err(error @ PluginError::Process(_)) => return Err(error),
                    Err(error) => {
                        // Packer tells of the first that it cannot install.
                        let PluginError::Init { plugins, said } = &error else {
                            return Err(error);
                        };
                        let told = wanted.iter().map(|(index, _)| {
                            let (plugins, said) = (plugins.clone(), said.clone());
                            (*index, PluginError::Init { plugins, said })
                        });
                        errors.extend(told);
                    }
                }
            }
            return Ok(errors);
        };
        for (index, demand) in missing {
            let into = tempfile::tempdir_in(folder)?;
            let into = Utf8Path::from_path(into.path()).unwrap_or(folder);
            match self.install_from(place, demand, into).await {
                Ok(()) => {}
                Err(error @ PluginError::Process(_)) => return Err(error),
                Err(error) => {
                    errors.insert(index, error);
                }
            }
        }
        Ok(errors)
    }

    /// Installs what is wanted from a mirror, by way of `scratch`.
    async fn install_from(
        &self,
        place: &PluginMirror,
        demand: &Demand,
        scratch: &Utf8Path,
    ) -> Result<(), PluginError> {
        let (Requirement { source, constraint }, want) = demand;
        let failed = |error| match error {
            MirrorError::Io(error) => error.into(),
            error => {
                let error = Box::new(error);
                PluginError::Mirror { source_: source.clone(), mirror: place.to_string(), error }
            }
        };
        let mirror = Mirror::new(place, self.limits, self.cancellation).map_err(failed)?;
        let platform = Platform::of_this_machine();
        let version = match want {
            Want::Exactly(version, _) => version.clone(),
            Want::Installed | Want::Newest => {
                let versions = mirror.versions(source).await.map_err(failed)?;
                match versions.iter().find(|version| constraint.admits(version)) {
                    Some(version) => version.clone(),
                    None => return Err(failed(no_version(demand, &versions))),
                }
            }
        };
        let there = installed::programs(&self.folder()?, source, &platform)?;
        let there = there.into_iter().filter(|program| program.version == version);
        for program in there {
            if matches!(program.state()?, State::Whole(_)) {
                return Ok(());
            }
        }
        let text = format!("installing the Packer plugin {source} {version} from {place}");
        (self.note)(NoteLevel::Info, text);
        let fetched = mirror.fetch(source, &version, &platform, scratch).await;
        let (path, found) = fetched.map_err(failed)?;
        if let Want::Exactly(_, Some(expected)) = want
            && found != *expected
        {
            let place = format!("{place}/{source}/v{version}");
            return Err(PluginError::Mismatch { place, found, expected: *expected });
        }
        self.install(source, &path).await
    }
}

/// Whether installing it could help.
fn is_missing(error: &PluginError) -> bool {
    matches!(error, PluginError::Missing { .. })
}

/// What Packer is asked to install.
fn asked((Requirement { source, constraint }, want): &Demand) -> (&PluginSource, Constraint) {
    match want {
        Want::Exactly(version, _) => (source, Constraint::exactly(version)),
        Want::Installed | Want::Newest => (source, constraint.clone()),
    }
}

fn no_version((requirement, _): &Demand, versions: &[PluginVersion]) -> MirrorError {
    const TOLD: usize = 5;
    let has: Vec<String> = versions.iter().take(TOLD).map(ToString::to_string).collect();
    let has = match (has.join(", "), versions.len()) {
        (_, 0) => "none".to_owned(),
        (has, number) if number > TOLD => format!("{has}, …"),
        (has, _) => has,
    };
    let (source_, wanted) = (requirement.source.clone(), requirement.constraint.to_string());
    MirrorError::NoVersion { source_, wanted, has }
}

/// The digests of programs that have been looked at.
type States = BTreeMap<Utf8PathBuf, Result<Digest, &'static str>>;

fn state(program: &Program, states: &mut States) -> io::Result<Result<Digest, &'static str>> {
    if let Some(known) = states.get(&program.path) {
        return Ok(*known);
    }
    let state = match program.state()? {
        State::Whole(digest) => Ok(digest),
        State::Damaged(why) => Err(why),
    };
    states.insert(program.path.clone(), state);
    Ok(state)
}

/// What is wanted, as it is installed in `folder`.
fn find(
    (Requirement { source, constraint }, want): &Demand,
    folder: &Utf8Path,
    platform: &Platform,
    states: &mut States,
) -> Result<Provided, PluginError> {
    let mut programs = installed::programs(folder, source, platform)?;
    programs.retain(|program| constraint.admits(&program.version));
    let mut damaged = None;
    // What Packer takes is the last one. There may be newer ones that it passes over.
    for (index, program) in programs.iter().enumerate().rev() {
        if let Want::Exactly(version, _) = want
            && program.version != *version
        {
            continue;
        }
        let digest = match state(program, states)? {
            Ok(digest) => digest,
            Err(why) => {
                damaged = damaged.or(Some((program, why)));
                continue;
            }
        };
        if let Want::Exactly(_, Some(expected)) = want
            && digest != *expected
        {
            let (place, expected) = (program.path.to_string(), *expected);
            return Err(PluginError::Mismatch { place, found: digest, expected });
        }
        let overruled = programs[index + 1..].iter().any(|newer| {
            // One that cannot be read may be one that Packer takes.
            !matches!(state(newer, states), Ok(Err(_)))
        });
        let version = program.version.clone();
        let record = PluginRecord { source: source.clone(), version, digest };
        return Ok(Provided { record, program: program.clone(), overruled });
    }
    let because = damaged.map_or_else(String::new, |(program, why)| {
        format!(": Packer passes over `{}`, since {why}", program.path)
    });
    let wanted = match want {
        Want::Exactly(version, _) => version.to_string(),
        Want::Installed | Want::Newest => constraint.to_string(),
    };
    Err(PluginError::Missing { source_: source.clone(), wanted, because })
}

#[cfg(test)]
mod tests;
