//! The prepare step: makes the template's inputs, afresh for every due build. A new month must
//! bring new packages, so what an earlier run made is not good enough. (But see `prepared.rs`.)

use camino::Utf8Path;

use super::Pipeline;
use super::build::tell_left;
use super::image_task::ImageTask;
use crate::model::{Digest, Failure, FailureClass, Image, Material, Prepare};
use crate::process::{Cancellation, ChildEnvironment, Command, Line, ProcessError, Redaction};

/// Runs the prepare step of the image.
pub(super) async fn prepare(
    task: &ImageTask<'_>,
    prepare: &Prepare,
    redaction: &Redaction,
    on_line: impl FnMut(Line<'_>),
) -> Result<(), Failure> {
    let (image, log) = (task.image, &task.log);
    let Pipeline { launcher, cancellation, options, .. } = task.run.pipeline;
    let command = Command::new("/bin/sh", format!("prepare image {}", image.name))
        .arguments(["-c", &prepare.run])
        .directory(&image.workdir)
        .environment(environment(task))
        .timeout(image.timeout.prepare)
        .grace(options.grace)
        .redaction(redaction.clone())
        .log(log);
    let log = log.path();
    let failure = |error: ProcessError| error.failure(FailureClass::Prepare).log(log);
    let finished = launcher.run(&command, cancellation, on_line).await.map_err(failure)?;
    tell_left(task, "`prepare`", finished.leftover, finished.stuck);
    finished.success().map_err(|error| {
        let failure = failure(error);
        match failure.class {
            FailureClass::Prepare => failure.hint(format!(
                "run `{}` in `{}` by hand to see it fail",
                prepare.run, image.workdir
            )),
            FailureClass::Timeout => {
                failure.hint("`timeout: { prepare: … }` of the image gives it more time")
            }
            _ => failure,
        }
    })?;
    match &prepare.creates {
        Some(creates) if !creates.is_file() => {
            let reason = format!("`prepare` ended well but did not make `{creates}`");
            let hint = "`creates` names the file that `prepare` must make, relative to `workdir`";
            Err(Failure::new(FailureClass::Prepare, reason).hint(hint).log(log))
        }
        _ => Ok(()),
    }
}

/// What the prepare step sees.
pub(super) fn environment(task: &ImageTask<'_>) -> ChildEnvironment {
    let environment = &task.run.pipeline.environment;
    ChildEnvironment::allowed(environment).pass(environment, &task.image.env)
}

/// What the prepare step made: a material of the build. Fails as soon as somebody wishes to stop.
pub(super) fn material(
    image: &Image,
    creates: &Utf8Path,
    cancellation: &Cancellation,
) -> std::io::Result<Material> {
    let (digest, _) = Digest::of_reader(cancellation.guard(fs_err::File::open(creates)?))?;
    let name = creates.strip_prefix(&image.workdir).unwrap_or(creates).to_string();
    Ok(Material { name, digest })
}
