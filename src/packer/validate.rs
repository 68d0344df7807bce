//! `packer validate`: what Packer itself says of a template, without building anything.

use super::BuildRequest;
use super::build::{Packer, hear};
use super::outcome::missing_plugins;
use super::problem::{Problem, ProblemLevel};
use super::transcript::Transcript;
use crate::process::{Cancellation, Command, Line, ProcessError};

/// What Packer says of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Validated {
    /// It looked at it, and this is what it found.
    Found(Vec<Problem>),
    /// It did not look: these plugins are not installed.
    PluginMissing(Vec<String>),
    /// It did not look, for another reason: in its words.
    Refused(String),
}

impl Packer {
    /// Has Packer validate the template of `request`, or its edited copy, with the values that it gives.
    /// What it says of the copy is told of the template. Nothing is built, nothing is fetched. The output directory must not exist: some builders object to that.
    pub async fn validate(
        &self,
        request: &BuildRequest,
        cancellation: &Cancellation,
    ) -> Result<Validated, ProcessError> {
        let mut arguments = vec!["validate".to_owned(), "-machine-readable".to_owned()];
        arguments.extend(request.inputs());
        let command = Command::new(&self.tool.path, format!("validate image `{}`", request.image))
            .arguments(arguments)
            .environment(request.environment(&self.environment))
            .directory(&request.workdir)
            .timeout(request.timeout)
            .redaction(request.redaction.clone());
        let mut transcript = Transcript::default();
        let edited = request.edited.as_ref();
        let listen = |line: Line<'_>| hear(line, edited, &mut transcript, &mut |_| {});
        let finished = self.launcher.run(&command, cancellation, listen).await?;
        let words = transcript.refusals.last().cloned().or_else(|| finished.stderr.last_line());
        let failed = finished.success().err();
        let mut problems = transcript.problems;
        // Packer goes through maps: it tells the same problems in another order each time.
        problems.sort_unstable_by(|one, other| {
            (&one.place, &one.summary, &one.detail).cmp(&(
                &other.place,
                &other.summary,
                &other.detail,
            ))
        });
        Ok(match failed {
            Some(error @ ProcessError::Cancelled { .. }) => return Err(error),
            Some(error) => conclude(problems, words.unwrap_or(error.to_string())),
            None => Validated::Found(problems),
        })
    }
}

/// What a validation came to that did not end well.
fn conclude(problems: Vec<Problem>, words: String) -> Validated {
    let errors = problems.iter().filter(|problem| problem.level == ProblemLevel::Error);
    let missing: Option<Vec<_>> =
        errors.map(|error| missing_plugins(&error.summary, &error.detail)).collect();
    match missing {
        None => Validated::Found(problems),
        Some(plugins) if plugins.is_empty() => Validated::Refused(words),
        Some(plugins) => Validated::PluginMissing(plugins.concat()),
    }
}
