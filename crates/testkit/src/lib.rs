//! Programs and builders that goldsmith's tests and its demo use; never published.
//!
//! Most of it makes something that a real tool reads: an advisory database for Trivy, a root file
//! system, a partitioned disk. `runner` reads what steps print as forges' runners do.

pub mod advisory_db;
pub mod bolt;
pub mod disk;
pub mod git_server;
pub mod gpt;
pub mod rootfs;
pub mod runner;
