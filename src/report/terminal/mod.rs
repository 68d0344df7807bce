//! The report as text for a terminal or a log.
//!
//! What is printed last is seen first, so what needs attention comes last. Text is styled; strip it
//! where colour is not wanted.

mod card;
mod compared;
mod reap;
mod run;
#[cfg(test)]
mod tests;

pub use compared::compared;
pub use reap::reap;
pub use run::{image, report};
