//! `images.yml`: text, then a tree that knows its places, then a [`Catalog`](crate::model::Catalog);
//! or all problems at once, each with its place.
//!
//! One file a key. A reader is a function from a `Field` to a type; it tells the
//! `Context` what is wrong and goes on. What `defaults:` and an image can both say is a
//! `Layer` of optional values; defaults are applied last. Pure: no file is looked at.

mod address;
mod cadence;
mod context;
mod document;
mod duration;
mod env;
mod field;
mod fuzz;
mod gate;
mod ids;
mod image;
mod keys;
mod layer;
mod node;
mod os;
mod path;
mod prepare;
mod suggest;
mod timeout;
mod unavailable;
mod vars;
mod version;
mod yaml;

pub use address::folder_address;
pub use document::{Checked, failure, read};
pub use fuzz::fuzz;
pub use ids::PROBLEMS;
