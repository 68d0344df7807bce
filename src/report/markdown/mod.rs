//! The report as GitHub-flavoured Markdown: for job summaries, comments and releases.

mod document;
mod escape;
mod fit;
mod gate;
mod plan;
#[cfg(test)]
mod tests;

pub use document::{failure, report};
pub use plan::plan;
