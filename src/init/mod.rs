//! `goldsmith init`: finds the Packer templates of a repository and writes an `images.yml` and a
//! workflow for them.
//!
//! Nothing is asked. What can be told from the files is written down; what cannot is written as a
//! comment with the reason. Pure: files come from a [`SourceTree`](crate::template::SourceTree), and texts are
//! what comes out.

mod describe;
mod discovery;
mod images_yml;
mod names;
mod os;
mod parents;
mod survey;
#[cfg(test)]
mod tests;
mod units;
mod var_sets;
mod workflow;

pub use discovery::{Discovery, Found, LeftOut, discover};
pub use images_yml::{images_yml, in_one_line, objections};
pub use workflow::{workflow, workflow_path};
