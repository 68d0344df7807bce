//! Runs Trivy, and owns its database.
//!
//! Trivy is asked two things: what is installed in the files that were taken out of an image, and which
//! advisories apply to that, or to an inventory from elsewhere. It is never asked to decide: it runs unfiltered, in an empty folder, with an
//! environment from an allow-list, so that no file of a repository and no variable of a runner
//! changes what it says.

mod complaints;
mod database;
mod isolation;
mod probe;
mod refresh;
mod repositories;
mod scanner;
mod tool;

pub use database::{Database, DatabaseError};
pub use refresh::{ADVISORIES, DOWNLOADING, Refreshed};
pub use repositories::Repositories;
pub use scanner::{Answer, Scanner, TrivyError};
pub use tool::find;
