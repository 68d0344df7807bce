//! One model of a problem in a text that a person wrote, and its renderers.
//!
//! A [`Diagnostic`] says what is wrong, where, why and what to do. Whoever reads a file collects
//! all of its problems in [`Problems`]; a renderer turns them into text. Renderers are pure.

mod annotations;
mod diagnostic;
mod excerpt;
mod fingerprint;
mod json;
mod kind;
mod placed;
mod places;
mod problems;
mod quote;
#[cfg(test)]
mod samples;
mod sarif;
mod source;
mod suggest;
mod text;

pub use annotations::annotations;
pub use diagnostic::{Diagnostic, Label, Level};
pub use json::json;
pub use kind::{Kind, PAGE, explained_at};
pub use places::Places;
pub use problems::Problems;
pub use quote::quoted;
pub use sarif::sarif;
pub use source::{Position, SourceFile, SourceId, Sources, Span};
pub use suggest::closest;
pub use text::{Style, render};
