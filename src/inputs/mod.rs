//! Everything that is read before planning.

mod checks;
mod definition;

pub use checks::check;
pub use definition::{DefinitionError, definition_digest};
