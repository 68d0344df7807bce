//! Runs one build, from the request to the artifact.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::arguments::BuildRequest;
use super::artifact::{ArtifactError, collect};
use super::edited::EditedCopy;
use super::failure::BuildFailure;
use super::outcome::{Ending, conclude};
use super::protocol::Message;
use super::transcript::Transcript;
use crate::environment::Environment;
use crate::model::{Artifact, Tool};
use crate::process::{Cancellation, Command, Launcher, Line, Stream, stopped};

/// Packer, ready to build.
#[derive(Clone)]
pub struct Packer {
    pub(super) tool: Tool,
    pub(super) launcher: Launcher,
    pub(super) environment: Arc<Environment>,
}

/// A build that left an artifact.
#[derive(Debug)]
pub struct Built {
    /// The build, as Packer calls it.
    pub build: String,
    /// What it left, with digests, read-only.
    pub artifact: Artifact,
    /// How long Packer ran.
    pub took: Duration,
    /// Processes that the build had left behind, and that were killed.
    pub leftover: u32,
    /// Processes of the build that could not be killed.
    pub stuck: u32,
    /// Why the log is incomplete, if it is.
    pub log_error: Option<std::io::Error>,
}

impl Packer {
    /// Packer as it was found by [`super::probe`].
    pub fn new(tool: Tool, launcher: Launcher, environment: Arc<Environment>) -> Self {
        Self { tool, launcher, environment }
    }

    /// The program.
    pub fn tool(&self) -> &Tool {
        &self.tool
    }

    /// Builds. What Packer says goes to `on_line` in lines for people, decoded but as hostile as
    /// whoever said it; all of its raw output goes to the log.
    ///
    /// After a failure the output directory may hold parts: it belongs to the caller.
    pub async fn build(
        &self,
        request: &BuildRequest,
        cancellation: &Cancellation,
        mut on_line: impl FnMut(&str),
    ) -> Result<Built, BuildFailure> {
        // What lies there could be taken for what the build left.
        if request.output_directory.symlink_metadata().is_ok() {
            return Err(BuildFailure::Occupied { directory: request.output_directory.clone() });
        }
        let purpose = format!("build image `{}`", request.image);
        let command = Command::new(&self.tool.path, purpose)
            .arguments(request.arguments())
            .environment(request.environment(&self.environment))
            .directory(&request.workdir)
            .timeout(request.timeout)
            .grace(request.grace)
            .redaction(request.redaction.clone())
            .log(&request.log);
        let mut transcript = Transcript::default();
        let edited = request.edited.as_ref();
        let listen = |line: Line<'_>| hear(line, edited, &mut transcript, &mut on_line);
        let finished = self.launcher.run(&command, cancellation, listen).await?;

        let ending = Ending {
            outcome: finished.outcome,
            cancelled: finished.cancelled,
            timed_out: finished.timed_out,
            stderr: finished.stderr.text(),
        };
        let wanted = request.wanted(transcript.builds.keys().chain(transcript.errors.keys()));
        let reported = conclude(transcript, &ending, wanted.as_deref())?;
        let build = reported.name.clone();
        let (workdir, output) = (request.workdir.clone(), request.output_directory.clone());
        let wish = cancellation.clone();
        let collect = move || collect(&reported, &workdir, &output, &wish);
        let artifact = tokio::task::spawn_blocking(collect)
            .await
            .map_err(|error| ArtifactError::Unreadable(error.into()))?
            .map_err(|error| match stopped(&error) {
                Some(cause) => BuildFailure::Cancelled { cause },
                None => error.into(),
            })?;
        Ok(Built {
            build,
            artifact,
            took: finished.took,
            leftover: finished.leftover,
            stuck: finished.stuck,
            log_error: finished.log_error,
        })
    }
}

pub(in crate::packer) fn hear(
    line: Line<'_>,
    edited: Option<&EditedCopy>,
    transcript: &mut Transcript,
    on_line: &mut impl FnMut(&str),
) {
    let said = String::from_utf8_lossy(line.bytes);
    let text = edited.map_or(Cow::Borrowed(&*said), |edited| edited.restore(&said));
    // The rest of a very long line begins as whoever wrote it likes: it is no message.
    let message =
        (line.stream == Stream::Stdout && !line.continues).then(|| Message::parse(&text)).flatten();
    match message {
        Some(message) => {
            transcript.read(&message);
            if let Message::Ui { text, .. } = message {
                for line in text.lines() {
                    on_line(&line);
                }
            }
        }
        None => on_line(&text),
    }
}
