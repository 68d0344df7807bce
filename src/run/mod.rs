//! Walks images through the pipeline: the only place where its stages meet.
//!
//! The dispatcher ([`dispatcher`]) owns the run: its folder, its journal, its events. An image task
//! ([`image_task`]) owns one image on its way from a reserved version to a record, and turns every
//! failure into a report instead of passing it on: one image never stops another.

mod before;
mod build;
mod catch_up;
mod checks;
mod crash_log;
mod directory;
mod dispatcher;
mod examine;
mod guest_question;
mod handed_in;
mod image_task;
mod journal;
mod lease;
mod machine;
mod obstacle;
mod parents;
mod phrase;
mod prepare;
mod prepared;
mod probe;
mod progress;
mod publish;
mod reap;
mod regate;
mod rescan;
mod retry;
mod sbom;
mod scanner_command;
mod schedule;
mod scratch_copy;
mod secrets;
mod signals;
mod substitution;
mod temporary;
mod test;
mod turn;
mod workdir;

pub use catch_up::catch_up;
pub use directory::{Kept, RunDirectory, forget_old_runs, images_cache, new_run_id, state_folder};
pub use dispatcher::{Options, Pipeline, Toolbox, run};
pub use examine::{Examiner, Seen, Subject, objection};
pub use handed_in::{HandedInError, handed_in};
pub use journal::{Journal, JournalError, JournalLine, Step, Thing, outstanding, scratch_copy};
pub use progress::Events;
pub use reap::{reap, reap_leases};
pub use rescan::{Judgement, Rescanner, UntoldAdvice};
pub use scratch_copy::{CheckedCopy, ToCheck, copy_to_check};
pub use secrets::known as known_secrets;
pub use signals::listen;
