//! Everything that is read before planning.

mod checks;
mod commit;
mod definition;

pub use checks::check;
pub use commit::commit_of;
pub use definition::{DefinitionError, definition_digest};
