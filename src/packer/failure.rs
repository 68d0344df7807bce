//! Why a build left nothing, and what to do about it.

use std::time::Duration;

use camino::Utf8PathBuf;
use thiserror::Error;

use super::artifact::ArtifactError;
use super::problem::Problem;
use super::signs;
use crate::model::{Failure, FailureClass};
use crate::process::{Cause, Outcome, ProcessError, friendly};

/// Longest reason; the log has the rest.
const LONGEST: usize = 400;
/// How many errors of a template are told beside the first.
const OTHERS: usize = 9;

/// Why a build left nothing that can be used.
#[derive(Debug, Error)]
pub enum BuildFailure {
    /// The template has errors: its author.
    #[error("{}", in_short(problems))]
    Template {
        /// All of them.
        problems: Vec<Problem>,
        /// The builds of the template, if none of them has the wanted name.
        builds: Option<Vec<String>>,
    },
    /// Plugins are not installed: the machine.
    #[error("missing Packer plugin{}: {}", plural(plugins), plugins.join(", "))]
    PluginMissing {
        /// Source and version, or what it would have brought.
        plugins: Vec<String>,
    },
    /// A provisioner failed: whoever wrote it, or what it needs.
    #[error(
        "{} of build `{build}` failed: {}{}",
        named("provisioner", kind.as_deref(), script.as_deref()),
        status.map_or_else(|| error.clone(), |status| format!("exit status {status}")),
        quoted(last_words.as_deref())
    )]
    Provisioner {
        /// The build.
        build: String,
        /// Its type: `shell`.
        kind: Option<&'static str>,
        /// Its script, unless inline.
        script: Option<String>,
        /// Its exit status.
        status: Option<i32>,
        /// What Packer said.
        error: String,
        /// The last line before.
        last_words: Option<String>,
    },
    /// A post-processor failed; Packer then deletes the artifact.
    #[error(
        "{} of build `{build}` failed: {}{}",
        named("post-processor", kind.as_deref(), None),
        status.map_or_else(|| error.clone(), |status| format!("exit status {status}")),
        quoted(last_words.as_deref())
    )]
    PostProcessor {
        /// The build.
        build: String,
        /// Its type: `compress`.
        kind: Option<String>,
        /// Its exit status, if it is a script.
        status: Option<i32>,
        /// What Packer said.
        error: String,
        /// The last line before.
        last_words: Option<String>,
    },
    /// The builder failed: the machine, the network, the guest.
    #[error("build `{build}` failed: {error}")]
    Builder {
        /// The build.
        build: String,
        /// What Packer said.
        error: String,
    },
    /// Packer did not begin: its installation or the way it was called.
    #[error("Packer refused to build: {said}")]
    Refused {
        /// What it said.
        said: String,
    },
    /// Packer ended without saying how the build went: somebody killed it, or the kernel did.
    #[error("{} in the middle of the build", manner(*outcome, panic.as_deref()))]
    Killed {
        /// How the outer process ended: status 0 if only the core was killed.
        outcome: Outcome,
        /// The panic, if it was one.
        panic: Option<String>,
    },
    /// Somebody else than goldsmith sent Packer a signal to stop.
    #[error("somebody told Packer to stop")]
    StoppedFromOutside,
    /// The build was done, and left nothing.
    #[error("Packer was done and left no artifact{}", of(build.as_deref()))]
    NoArtifact {
        /// The wanted build.
        build: Option<String>,
    },
    /// The build was done, and what it left is no file.
    #[error("the artifact of build `{build}` has no files ({said})")]
    NoFiles {
        /// The build.
        build: String,
        /// What Packer says about it.
        said: String,
    },
    /// The template has several builds and nobody said which one is the image.
    #[error("the template has several builds: {}", builds.join(", "))]
    SeveralBuilds {
        /// Their names.
        builds: Vec<String>,
    },
    /// The files are not what Packer says.
    #[error("the artifact cannot be used")]
    Artifact(#[from] ArtifactError),
    /// Something lies where the build is to put its artifact: a mistake of goldsmith or of the run
    /// before.
    #[error("`{directory}` exists already: nothing may lie where the build puts its artifact")]
    Occupied {
        /// The output directory.
        directory: Utf8PathBuf,
    },
    /// The time was up.
    #[error("the build was not done after {}", friendly(*limit))]
    TimedOut {
        /// How long it was given.
        limit: Duration,
    },
    /// Somebody wished the run to stop.
    #[error("the build was cancelled")]
    Cancelled {
        /// Who.
        cause: Cause,
    },
    /// Packer could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

impl BuildFailure {
    /// The failure as it is told: one line, and what to do.
    pub fn failure(&self) -> Failure {
        let mut failure = Failure::caused_by(self.class(), self);
        failure.reason = one_line(&failure.reason);
        failure.hints = self.hints();
        failure
    }

    fn class(&self) -> FailureClass {
        match self {
            Self::Template { .. } | Self::SeveralBuilds { .. } => FailureClass::Template,
            Self::PluginMissing { .. } => FailureClass::PluginMissing,
            Self::Provisioner { .. } => FailureClass::Provisioner,
            Self::Builder { error: said, .. } | Self::Refused { said } => {
                signs::of(said).map_or(FailureClass::Build, |sign| sign.class)
            }
            Self::PostProcessor { error, .. } => {
                signs::of_post_processor(error).map_or(FailureClass::Build, |sign| sign.class)
            }
            Self::Occupied { .. } => FailureClass::Build,
            Self::Killed { .. } | Self::StoppedFromOutside => FailureClass::Killed,
            Self::NoArtifact { .. } | Self::NoFiles { .. } | Self::Artifact(_) => {
                FailureClass::NoArtifact
            }
            Self::TimedOut { .. } => FailureClass::Timeout,
            Self::Cancelled { cause } => cause.class(),
            Self::Process(error) => error.class(FailureClass::Build),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Template { problems, builds } => {
                let others = problems.iter().skip(1).take(OTHERS);
                let others = others.map(|problem| one_line(&format!("also: {problem}")));
                let builds = builds.iter().map(|builds| {
                    let names = builds.join("`, `");
                    format!("`build:` of the image names none of the template's builds: `{names}`")
                });
                return others.chain(builds).collect();
            }
            Self::SeveralBuilds { .. } => {
                Some("say with `build:` of the image which one it is".to_owned())
            }
            Self::PluginMissing { .. } => Some(
                "name it in `required_plugins` of the template, and goldsmith installs it; or install \
                 it yourself: `packer plugins install`"
                    .to_owned(),
            ),
            Self::Provisioner { status: Some(137), .. } => {
                Some("status 137 is SIGKILL: most often the guest ran out of memory".to_owned())
            }
            Self::PostProcessor { error, .. } => Some(
                signs::of_post_processor(error)
                    .map_or(
                        "Packer deletes the artifact when a post-processor fails: what may fail \
                         belongs after the build",
                        |sign| sign.step,
                    )
                    .to_owned(),
            ),
            Self::Refused { said } if said.contains("No $HOME") => {
                Some("set `HOME`: Packer looks there for its plugins".to_owned())
            }
            Self::Builder { error: said, .. } | Self::Refused { said } => {
                signs::of(said).map(|sign| sign.step.to_owned())
            }
            Self::Killed { panic: None, .. } => Some(
                "look for the out-of-memory killer in the kernel log: `dmesg` or `journalctl -k`"
                    .to_owned(),
            ),
            Self::NoArtifact { .. } | Self::Artifact(_) => Some(
                "the source must write its files below `${var.goldsmith_output_dir}`".to_owned(),
            ),
            Self::NoFiles { .. } => Some(
                "only builders that leave files (qemu, file) can be published to a directory"
                    .to_owned(),
            ),
            Self::TimedOut { .. } => {
                Some("`timeout: { build: … }` of the image gives it more time".to_owned())
            }
            _ => None,
        };
        hint.into_iter().collect()
    }
}

/// Errors of a template, the first one whole.
fn in_short(problems: &[Problem]) -> String {
    let first = problems.first().map(ToString::to_string).unwrap_or_default();
    match problems.len() {
        0 | 1 => format!("template error: {first}"),
        more => format!("{more} template errors, the first: {first}"),
    }
}

fn plural<T>(things: &[T]) -> &'static str {
    if things.len() == 1 { "" } else { "s" }
}

fn named(what: &str, kind: Option<&str>, script: Option<&str>) -> String {
    let kind = kind.map(|kind| format!(" `{kind}`")).unwrap_or_default();
    let script = script.map(|script| format!(" ({script})")).unwrap_or_default();
    format!("{what}{kind}{script}")
}

fn quoted(said: Option<&str>) -> String {
    said.map(|said| format!(" (last line: {said})")).unwrap_or_default()
}

fn manner(outcome: Outcome, panic: Option<&str>) -> String {
    match (panic, outcome) {
        (Some(panic), _) => format!("Packer crashed ({panic})"),
        (None, Outcome::Exited(0)) => "Packer's core was killed".to_owned(),
        (None, Outcome::Exited(_)) => format!("Packer gave up without a word ({outcome})"),
        (None, Outcome::Signalled(_)) => format!("Packer was {outcome}"),
    }
}

fn of(build: Option<&str>) -> String {
    build.map(|build| format!(" of build `{build}`")).unwrap_or_default()
}

/// A text of guests and tools as one line of bounded length, without control characters.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let line = words.join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
