//! The driver of Packer: what it is asked, what its answers mean, what it leaves behind.
//!
//! Packer is two processes and its plugins more. The outer one only copies output; when the inner
//! one is killed it ends with status 0. It ignores SIGINT, and plugins ignore both signals. So a
//! build counts as done only when Packer has said so in every way it has: status, closing words, and
//! files that are there (`outcome.rs`, `artifact.rs`); and it is stopped by SIGTERM to the outer
//! process alone, then by force (`process::Launcher`).
//!
//! Templates are not validated before they are built: `packer build` gives the same diagnostics, and
//! every Packer process costs a fifth of a second. `goldsmith lint` validates them, and looks at
//! their form.

mod arguments;
mod artifact;
mod build;
mod diagnostics;
mod edited;
mod failure;
mod format;
mod outcome;
pub mod plugins;
mod probe;
mod problem;
mod protocol;
mod signs;
mod transcript;
mod user_manifest;
mod validate;

pub use arguments::{BuildRequest, Collected};
pub use artifact::{ArtifactError, collect};
pub use build::{Built, Packer};
pub use diagnostics::PROBLEMS;
pub use edited::EditedCopy;
pub use failure::BuildFailure;
pub use format::Unformatted;
pub use outcome::{Ending, conclude};
pub use probe::{MINIMUM, ProbeError, probe};
pub use problem::{Problem, ProblemLevel};
pub use protocol::{ArtifactField, Level, Message, Text};
pub use transcript::{ReportedArtifact, ReportedBuild, Transcript};
pub use user_manifest::{LARGEST as LARGEST_MANIFEST, custom_data};
pub use validate::Validated;
