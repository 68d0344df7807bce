//! Everything that is read before planning.

mod changes;
mod checks;
mod definition;
mod digests;
mod downloads;
mod edits;
mod file_digests;
mod git;
mod no_part;
mod place;
mod prepare;
mod references;
mod search;
mod source_tree;
mod template_checks;
mod trivy_files;
mod walk;

pub use changes::{ChangesError, changed_since};
pub use checks::{PROBLEMS, check};
pub use definition::{DefinitionError, definition};
pub use digests::{Digests, further_files};
pub use downloads::downloads;
pub use edits::{EditNotes, edits};
pub use file_digests::FileDigests;
pub use git::{Git, GitError, Repository};
pub use references::{References, UntrackedFile};
pub use source_tree::{Checkout, FileSystem};
pub use template_checks::{
    PROBLEMS as TEMPLATE_PROBLEMS, access, builder, builder_type, manifests, required_plugins,
    sensitive,
};
