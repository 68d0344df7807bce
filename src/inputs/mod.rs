//! Everything that is read before planning.

mod changes;
mod checks;
mod definition;
mod git;

pub use changes::{ChangesError, changed_since};
pub use checks::{PROBLEMS, check};
pub use definition::{DefinitionError, definition, further_files};
pub use git::{Git, GitError, Repository};
