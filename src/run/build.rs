//! From a reserved version to an artifact: prepare and build, or take what was handed in.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use indexmap::IndexMap;
use jiff::Timestamp;

use super::crash_log::CrashLog;
use super::handed_in::{HandedInError, handed_in, kept};
use super::image_task::ImageTask;
use super::parents::{self, built_upon};
use super::prepare::{material, prepare};
use super::progress::{Progress, Stopped};
use super::scratch_copy::ScratchCopy;
use super::secrets::Secrets;
use super::substitution::variables;
use super::temporary::TemporaryFolder;
use super::workdir::Workdir;
use super::{Pipeline, guest_question, prepared, retry};
use crate::clock::Clock;
use crate::inputs::{self, Digests, FileDigests};
use crate::model::{
    Artifact, BuildRecord, Event, Failure, FailureClass, Material, NoteLevel, Stage, StageOutcome,
    Version,
};
use crate::packer::{self, BuildRequest, Built, LARGEST_MANIFEST, Packer};
use crate::process;
use crate::report::quantity;
use crate::template::NOT_STAMPED;

/// The artifact of the image's build, and how it came about.
pub(super) async fn artifact(
    task: &ImageTask<'_>,
    progress: &mut Progress,
    version: Version,
) -> Result<BuildRecord, Stopped> {
    if let Some(path) = task.run.pipeline.options.given.get(&task.image.name) {
        let detail = format!("taking {path}");
        return progress.stage(Stage::Build, Some(detail), take(task, path), describe).await;
    }
    let stopped = |failure| Stopped { stage: Stage::Prepare, failure };
    let plugins = task.run.pipeline.plugins.get(&task.image.name).cloned();
    let plugins = plugins.transpose().map_err(stopped)?.unwrap_or_default();
    task.built_upon.replace(built_upon(task).await.map_err(stopped)?);
    parents::fetch(task, progress).await?;
    let secrets = secrets(task).await.map_err(stopped)?;
    // Held until Packer, which reads what was prepared, is done.
    let _held;
    if let Some(step) = &task.image.prepare {
        let Pipeline { cancellation, events, state, .. } = task.run.pipeline;
        let (image, workdir) = (task.image, &task.image.workdir);
        let work = async {
            let held = Workdir::take(state, workdir, &image.name, events, cancellation).await?;
            still_defined(task).await?;
            let relay = events.relay(&image.name, Stage::Prepare);
            let made = prepared::made(task, step).await?;
            if made.is_none() {
                prepare(task, step, &secrets.redaction, relay).await?;
                prepared::remember(task, step).await?;
            }
            Ok((held, made))
        };
        let done = |(_, made): &(Workdir, Option<Timestamp>)| {
            let again = |made: &Timestamp| format!("what was made at {made:.0} is used again");
            (StageOutcome::Done, made.as_ref().map(again))
        };
        (_held, _) = progress.stage(Stage::Prepare, Some(step.run.clone()), work, done).await?;
    } else {
        still_defined(task).await.map_err(stopped)?;
    }
    // Hashing the base image takes a while, and Packer only reads it.
    let work = async {
        let (artifact, materials) =
            tokio::join!(build(task, version, secrets, plugins.folder), materials(task));
        let (artifact, custom_data) = artifact?;
        let mut record = task.record(artifact);
        record.provenance.custom_data = custom_data;
        record.provenance.stamped = task.stamped.get();
        record.provenance.materials = materials?;
        record.provenance.plugins = plugins.records;
        Ok(record)
    };
    progress.stage(Stage::Build, None, work, describe).await
}

/// What nobody may see of the image's build.
async fn secrets(task: &ImageTask<'_>) -> Result<Secrets, Failure> {
    let Pipeline { environment, events, .. } = task.run.pipeline;
    let (image, environment) = (task.image.clone(), environment.clone());
    let secrets = tokio::task::spawn_blocking(move || Secrets::of(&image, &environment))
        .await
        .map_err(|error| Failure::caused_by(FailureClass::Config, &error))??;
    for source in &secrets.shown {
        let text = format!(
            "the value of {source} is too short to be hidden: output that holds it shows it"
        );
        events.note(Some(&task.image.name), NoteLevel::Warning, text);
    }
    Ok(secrets)
}

/// An error if the files that define the image are not what they were when the plan was made: the
/// record would name a definition that nobody has built. A run can wait a long time for its turn.
async fn still_defined(task: &ImageTask<'_>) -> Result<(), Failure> {
    let (image, catalog) = (task.image.clone(), task.run.pipeline.catalog.clone());
    let wish = task.run.pipeline.cancellation.clone();
    let look = move || {
        let files = FileDigests::new(Clock::system(), wish);
        inputs::definition(&image, &mut Digests::new(&catalog, files))
    };
    let now = tokio::task::spawn_blocking(look)
        .await
        .map_err(|error| Failure::caused_by(FailureClass::Config, &error))?
        .map_err(|error| process::failure(&error, FailureClass::Config))?;
    if now.digest == task.planned.definition.digest {
        return Ok(());
    }
    let reason = "what defines the image has changed since the plan was made";
    Err(Failure::new(FailureClass::Config, reason).hint("run it again, and leave its files alone"))
}

/// What was handed in: an artifact that an earlier run kept, or one of which nothing is known.
async fn take(task: &ImageTask<'_>, path: &Utf8Path) -> Result<BuildRecord, Failure> {
    let (image, path) = (task.image.name.clone(), path.to_owned());
    let wish = task.run.pipeline.cancellation.clone();
    let work = move || match kept(&image, &path, &wish)? {
        Some(record) => Ok((record.artifact.clone(), Some(record))),
        None => Ok((handed_in(&path, &wish)?, None)),
    };
    let taken: Result<_, HandedInError> = tokio::task::spawn_blocking(work)
        .await
        .map_err(std::io::Error::from)
        .map_err(HandedInError::from)
        .flatten();
    let (artifact, record) = taken.map_err(|error| error.failure())?;
    let Pipeline { options, commit, .. } = task.run.pipeline;
    let known = |record: &BuildRecord| match &record.provenance.commit {
        Some(commit) => !commit.dirty,
        None => commit.is_none(),
    };
    if options.committed && record.as_ref().is_some_and(|record| !known(record)) {
        let reason = "the artifact was built from changes that were in no commit";
        return Err(Failure::new(FailureClass::Usage, reason)
            .hint("commit them and build again, or use `--allow-dirty` to publish all the same"));
    }
    Ok(record.unwrap_or_else(|| {
        let mut record = task.record(artifact);
        record.provenance.handed_in = true;
        (record.provenance.built_by, record.provenance.built_at) = (None, None);
        record
    }))
}

fn describe(record: &BuildRecord) -> (StageOutcome, Option<String>) {
    (StageOutcome::Done, Some(quantity::size(record.artifact.size())))
}

/// What came from outside, with digests.
async fn materials(task: &ImageTask<'_>) -> Result<Vec<Material>, Failure> {
    let creates = task.image.prepare.as_ref().and_then(|step| step.creates.clone());
    let (image, wish) = (task.image.clone(), task.run.pipeline.cancellation.clone());
    let parents = task.built_upon.borrow().clone();
    let failed = |error: std::io::Error| process::failure(&error, FailureClass::Build);
    let work = move || {
        let created = creates.iter().map(|creates| {
            material(&image, creates, &wish)
                .map_err(|error| process::failure(&error, FailureClass::Build))
        });
        created.chain(parents.iter().map(|parent| parent.material(&wish))).collect()
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| failed(error.into()))?
}

/// Builds under a scratch name, in a folder of its own that Packer makes. Also gives what the template
/// itself says of the build.
async fn build(
    task: &ImageTask<'_>,
    version: Version,
    secrets: Secrets,
    plugin_folder: Option<Utf8PathBuf>,
) -> Result<(Artifact, BTreeMap<String, String>), Failure> {
    let pipeline = task.run.pipeline;
    let image = task.image;
    fs_err::create_dir_all(&task.work)
        .map_err(|error| Failure::caused_by(FailureClass::Build, &error))?;
    let tool = pipeline.tools.packer.clone().expect("a run that builds has looked for Packer");
    let environment = Arc::new(pipeline.environment.clone());
    let packer = Packer::new(tool, pipeline.launcher.clone(), environment);
    let tail = task.run.id.as_str().rsplit('-').next().unwrap_or_default();
    let mut request = BuildRequest {
        image: image.name.clone(),
        version: version.to_string(),
        scratch_name: format!("{}-v{version}-{tail}", image.name),
        output_directory: task.work.join("output"),
        temporary_folder: None,
        vmid: None,
        template: image.template.clone(),
        edited: None,
        collect: guest_question::prepare(task).await?,
        workdir: image.workdir.clone(),
        build: image.build.clone(),
        variable_files: image.var_files.clone(),
        variables: IndexMap::new(),
        secret_variables: secrets.variables,
        redaction: secrets.redaction,
        environment: image.env.clone(),
        plugin_folder,
        timeout: image.timeout.build,
        grace: pipeline.options.grace,
        log: task.log.clone(),
    };
    request.variables = variables(task, version, &request)?;
    let events = &pipeline.events;
    let copy = ScratchCopy::make(task, &mut request).await?;
    let built = match TemporaryFolder::make(task) {
        Ok(folder) => {
            request.temporary_folder = Some(folder.path.clone());
            let crash_log = CrashLog::expected(&request.workdir);
            let built = persistently(task, &packer, &request).await;
            crash_log.take(task);
            folder.remove().await;
            built
        }
        Err(failure) => Err(failure),
    };
    let custom_data = match &built {
        Ok(built) => custom_data(task, &request, &built.artifact).await,
        Err(_) => BTreeMap::new(),
    };
    if let Some(copy) = copy {
        copy.remove().await;
    }
    let built = built?;
    task.collected.replace(request.collect.as_ref().and_then(guest_question::answer));
    tell_left(task, "the build", built.leftover, built.stuck);
    if let Some(error) = built.log_error {
        events.note(
            Some(&image.name),
            NoteLevel::Warning,
            format!("the log is incomplete: {error}"),
        );
    }
    Ok((built.artifact, custom_data))
}

/// Says that `who` has left processes behind, and what became of them: a daemon that somebody meant to
/// start has not started.
pub(super) fn tell_left(task: &ImageTask<'_>, who: &str, killed: u32, stuck: u32) {
    let killed =
        (killed > 0).then(|| format!("processes that {who} had left behind were killed: {killed}"));
    let stuck =
        (stuck > 0).then(|| format!("processes that {who} had started cannot be killed: {stuck}"));
    for text in killed.into_iter().chain(stuck) {
        task.run.pipeline.events.note(Some(&task.image.name), NoteLevel::Warning, text);
    }
}

/// What the template itself says of the build, where it has Packer write a manifest. Nothing depends
/// on it: where there is none, or none that can be read, nothing is said.
async fn custom_data(
    task: &ImageTask<'_>,
    request: &BuildRequest,
    artifact: &Artifact,
) -> BTreeMap<String, String> {
    let (image, request, artifact) = (task.image.clone(), request.clone(), artifact.clone());
    let read = move || {
        let (manifests, folder) = inputs::manifests(&image);
        let copy = request.edited.as_ref().map(|copy| copy.path(&request.workdir));
        // What is written beside the template is written beside its copy.
        let beside = |path: &Utf8PathBuf| {
            let copy = copy.as_ref().filter(|copy| copy.is_dir())?;
            Some(copy.join(path.strip_prefix(&folder).ok()?))
        };
        let beside: Vec<Utf8PathBuf> = manifests.iter().filter_map(beside).collect();
        let mut found = BTreeMap::new();
        for path in beside.into_iter().chain(manifests) {
            let known = fs_err::metadata(&path);
            if !known.is_ok_and(|file| file.is_file() && file.len() <= LARGEST_MANIFEST) {
                continue;
            }
            let Ok(content) = fs_err::read(&path) else { continue };
            let BuildRequest { output_directory, workdir, redaction, .. } = &request;
            for (name, value) in packer::custom_data(&content, &artifact, output_directory, workdir)
            {
                found.entry(name).or_insert_with(|| redaction.text(&value).into_owned());
            }
        }
        found
    };
    tokio::task::spawn_blocking(read).await.unwrap_or_default()
}

/// Has Packer build, again if it failed over something that may pass by itself. What was prepared
/// serves all attempts.
async fn persistently(
    task: &ImageTask<'_>,
    packer: &Packer,
    request: &BuildRequest,
) -> Result<Built, Failure> {
    let Pipeline { events, cancellation, launcher, .. } = task.run.pipeline;
    let image = &task.image.name;
    let mut attempts = 0;
    loop {
        let mut unstamped = false;
        let tell = |line: &str| {
            unstamped |= line.contains(NOT_STAMPED);
            let line = line.to_owned();
            events.tell(Event::Output { image: image.clone(), stage: Stage::Build, line });
        };
        let failure = match packer.build(request, cancellation, tell).await {
            Ok(built) => {
                if unstamped {
                    let text = "the version is not written down in the image: the guest refused";
                    events.note(Some(image), NoteLevel::Warning, text);
                }
                return Ok(built);
            }
            Err(failure) => failure.failure().log(task.log.path()),
        };
        attempts += 1;
        let Some(wait) = retry::wait(failure.class, attempts) else {
            return Err(failure);
        };
        let text = format!(
            "{}; that may pass: trying again in {}",
            failure.reason,
            quantity::duration(wait)
        );
        events.note(Some(image), NoteLevel::Warning, text);
        // Others are built meanwhile.
        task.turn.pause();
        let waiting = launcher.waiting().begin();
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            request = cancellation.beyond(None) => return Err(request.cause.failure()),
        }
        task.turn.go_on(cancellation).await?;
        drop(waiting);
        // Packer takes back what a failed build left; what it could not is in the way.
        match fs_err::remove_dir_all(&request.output_directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::caused_by(FailureClass::Build, &error).log(task.log.path()));
            }
            _ => {}
        }
    }
}
