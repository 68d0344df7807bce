//! `images.yml`: text, then a tree that knows its places, then a [`Catalog`](crate::model::Catalog);
//! or all problems at once, each with its place.
//!
//! One file a key. A reader is a function from a `Field` to a type; it tells the
//! `Context` what is wrong and goes on. What `defaults:` and an image can both say is a
//! `Layer` of optional values; defaults are applied last. A matrix is expanded on the tree, so that
//! what its values become is checked like text that stands there. Keys whose feature this version
//! does not have are checked all the same (`later.rs`), and refused by whoever would need them. Pure:
//! no file is looked at.

mod address;
mod cadence;
mod combinations;
mod context;
mod document;
mod duration;
mod enforce;
mod env;
mod evidence;
mod field;
mod fuzz;
mod gate;
mod ids;
mod image;
mod image_tests;
mod images;
mod keys;
mod later;
mod layer;
mod matrix;
mod node;
mod number;
mod os;
mod parents;
mod path;
mod placeholder;
mod places;
mod plugin_lock;
mod plugins;
mod prepare;
mod promote;
mod resources;
mod retain;
mod rules;
#[cfg(test)]
#[expect(
    dead_code,
    clippy::zero_sized_map_values,
    reason = "only the shape of these types is used"
)]
mod schema;
mod secret_vars;
mod sign;
mod size;
mod substitute;
mod timeout;
mod unavailable;
mod vars;
mod version;
mod waivers;
mod words;
mod yaml;

pub use address::{registry_address, store_address};
pub use document::{Checked, Found, Later, LaterKey, Looked, failure, look, read};
pub use duration::{BadDuration, parse as duration};
pub use env::may_pass;
pub use fuzz::fuzz;
pub use ids::{PROBLEMS, PROBLEMS_OF_LOCK, PROBLEMS_OF_WAIVERS};
pub use path::resolve;
pub use plugin_lock::{look as look_at_plugin_lock, read as plugin_lock};
pub use resources::{BadBudget, budget};
pub use waivers::{
    NotPruned, WaiverChecks, fuzz as fuzz_waivers, look_at_waivers, waivers_of, without_waivers,
};

/// The JSON Schema (draft 7) of `images.yml`, for editors. Made from the types in `schema/`.
pub const SCHEMA: &str = include_str!("../../schema/images.schema.json");
