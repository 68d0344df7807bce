//! Packer templates: HCL text (or JSON, in its older language), then builds, variables and the files that are used, each with its
//! place. Pure: files come from a [`SourceTree`].
//!
//! What Packer would make of an expression is told where paths need it, and unknown elsewhere.
//! Templates are written by strangers: everything is bounded, in time and in memory.

mod attributes;
mod builds;
mod contract;
mod edit;
mod evaluate;
mod functions;
mod fuzz;
mod glob;
mod hcl;
mod json;
mod legacy;
mod load;
mod mentions;
mod named_paths;
mod paths;
mod read;
mod references;
mod splice;
mod syntax;
#[cfg(test)]
mod tests;
mod tree;
mod value;
mod variables;

pub use builds::{Build, CONTRACT, Setting, SourceBlock, Yield};
pub use contract::{Chosen, NOT_STAMPED};
pub use edit::{COPIES, Collect, EditedFile, Edits, NoEdits, Override, Wishes};
pub use fuzz::fuzz;
pub use glob::{Matcher, Pattern};
pub use load::TemplateFile;
pub use mentions::words;
pub use read::{Request, RequiredPlugin, Template, read};
pub use references::{Reference, Target, Untracked};
pub use splice::{LineMap, Splice, Spliced, splice};
pub use syntax::{Attribute, Block, Body, Expr, ExprKind, For, Item, Piece, Step, Word};
pub use tree::{Kind, MemoryTree, SourceTree};
pub use variables::{Local, Variable, set_in};
