//! From a reserved version to an artifact: prepare and build, or take what was handed in.

use std::sync::Arc;
use std::time::Duration;

use super::examine::handed_in;
use super::image_task::ImageTask;
use super::prepare::{material, prepare};
use super::progress::{Progress, Stopped};
use crate::model::{
    Artifact, Event, Failure, FailureClass, Material, NoteLevel, Stage, StageOutcome, Version,
};
use crate::packer::{BuildRequest, Packer};
use crate::report::quantity;

/// How long Packer may take to delete its machine when the run is stopped. With the rest of
/// goldsmith's ending it stays below ten seconds, which is what a forge's runner grants.
const GRACE: Duration = Duration::from_secs(6);

/// The artifact of the image's build, and what went into it.
pub(super) async fn artifact(
    task: &ImageTask<'_>,
    progress: &mut Progress,
    version: Version,
) -> Result<(Artifact, Vec<Material>), Stopped> {
    if let Some(path) = task.run.pipeline.options.given.get(&task.image.name) {
        let take = async {
            let path = path.clone();
            tokio::task::spawn_blocking(move || handed_in(&path))
                .await
                .map_err(std::io::Error::from)
                .and_then(|artifact| artifact)
                .map_err(|error| Failure::caused_by(FailureClass::Build, &error))
        };
        let detail = format!("taking {path}");
        let artifact = progress.stage(Stage::Build, Some(detail), take, describe).await?;
        return Ok((artifact, Vec::new()));
    }
    if let Some(step) = &task.image.prepare {
        let pipeline = task.run.pipeline;
        let work = prepare(
            task.image,
            step,
            &pipeline.environment,
            &pipeline.launcher,
            &pipeline.cancellation,
            &task.log,
            pipeline.events.relay(&task.image.name, Stage::Prepare),
        );
        let done = |(): &()| (StageOutcome::Done, None);
        progress.stage(Stage::Prepare, Some(step.run.clone()), work, done).await?;
    }
    // Hashing the base image takes a while, and Packer only reads it.
    let work = async {
        let (artifact, materials) = tokio::join!(build(task, version), materials(task));
        Ok((artifact?, materials?))
    };
    progress.stage(Stage::Build, None, work, |(artifact, _)| describe(artifact)).await
}

fn describe(artifact: &Artifact) -> (StageOutcome, Option<String>) {
    (StageOutcome::Done, Some(quantity::size(artifact.size())))
}

/// What came from outside, with digests.
async fn materials(task: &ImageTask<'_>) -> Result<Vec<Material>, Failure> {
    let Some(creates) = task.image.prepare.as_ref().and_then(|step| step.creates.clone()) else {
        return Ok(Vec::new());
    };
    let image = task.image.clone();
    tokio::task::spawn_blocking(move || material(&image, &creates))
        .await
        .map_err(std::io::Error::from)
        .and_then(|material| material)
        .map(|material| vec![material])
        .map_err(|error| Failure::caused_by(FailureClass::Build, &error))
}

/// Builds under a scratch name, in a folder of its own that Packer makes.
async fn build(task: &ImageTask<'_>, version: Version) -> Result<Artifact, Failure> {
    let pipeline = task.run.pipeline;
    let image = task.image;
    fs_err::create_dir_all(&task.work)
        .map_err(|error| Failure::caused_by(FailureClass::Build, &error))?;
    let tool = pipeline.tools.packer.clone().expect("a run that builds has looked for Packer");
    let environment = Arc::new(pipeline.environment.clone());
    let packer = Packer::new(tool, pipeline.launcher.clone(), environment);
    let tail = task.run.id.as_str().rsplit('-').next().unwrap_or_default();
    let request = BuildRequest {
        image: image.name.clone(),
        version: version.to_string(),
        scratch_name: format!("{}-v{version}-{tail}", image.name),
        output_directory: task.work.join("output"),
        vmid: None,
        template: image.template.clone(),
        workdir: image.workdir.clone(),
        build: image.build.clone(),
        variables: image.vars.clone(),
        environment: image.env.clone(),
        timeout: image.timeout.build,
        grace: GRACE,
        log: task.log.clone(),
    };
    let events = &pipeline.events;
    let built = packer
        .build(&request, &pipeline.cancellation, |line| {
            events.tell(Event::Output {
                image: image.name.clone(),
                stage: Stage::Build,
                line: line.to_owned(),
            });
        })
        .await
        .map_err(|failure| failure.failure().log(&task.log))?;
    if built.leftover > 0 {
        let text =
            format!("processes that the build had left behind were killed: {}", built.leftover);
        events.note(Some(&image.name), NoteLevel::Warning, text);
    }
    if let Some(error) = built.log_error {
        events.note(
            Some(&image.name),
            NoteLevel::Warning,
            format!("the log is incomplete: {error}"),
        );
    }
    Ok(built.artifact)
}
