//! Everything that is read before planning.

mod checks;
mod commit;
mod definition;

pub use checks::{PROBLEMS, check};
pub use commit::{Git, Repository};
pub use definition::{DefinitionError, definition_digest};
