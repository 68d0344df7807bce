//! goldsmith: golden images that can be trusted.
//!
//! ```text
//! images.yml ─► Catalog ─► Plan ─► Build ─► Artifact ─► Evidence ─► Findings ─► Verdict ─► Publication ─► Record ─► Report
//!  config/      matrix/    plan/   packer/              evidence/   trivy/      gate/      publish/       registry/  report/
//! ```
//!
//! One way. `run/` walks an image through it. Every arrow is a plain value of `model/`, and a stage
//! knows the values, never the other stages.

pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod diagnostics;
pub mod environment;
pub mod evidence;
pub mod findings;
mod formats;
pub mod gate;
mod http;
pub mod init;
pub mod inputs;
pub mod inventory;
pub mod matrix;
pub mod model;
pub mod objects;
pub mod packer;
pub mod plan;
pub mod process;
pub mod publish;
pub mod registry;
pub mod report;
pub mod rescan;
pub mod retention;
pub mod run;
pub mod runner;
mod side_by_side;
mod signature;
pub mod template;
pub mod terminal;
pub mod testing;
pub mod trivy;
pub mod upstream;
