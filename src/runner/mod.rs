//! The Actions protocol: how a forge's runner is spoken to, without any shell in between.
//!
//! A runner hands over inputs as environment variables, takes outputs and a summary in files, and
//! reads commands from every line that a step prints. Two families of runners read these
//! differently: GitHub's, and those that descend from act (Forgejo's, Gitea's, act itself). What
//! is written here is understood by both, and what is relayed from children is a command to
//! neither.

mod append;
mod commands;
mod context;
mod event;
mod inputs;
mod neutralize;
mod outputs;
#[cfg(test)]
mod reference;
mod summary;

pub use append::Delivery;
pub use commands::{
    Annotation, Level, Place, add_mask, annotations, end_group, escape_data, escape_property, group,
};
pub use context::{Context, Runner};
pub use event::{MAX_EVENT, base_commit};
pub use inputs::{InputError, Inputs, token};
pub use neutralize::neutralize;
pub use outputs::{MAX_LINE, MAX_OUTPUT, OutputError, check_output, json_value, write_outputs};
pub use summary::{MAX_SUMMARY, cut_at_block, write_summary};
