//! Programs and builders that goldsmith's tests and its demo use; never published.
//!
//! Everything here makes something that a real tool reads: an advisory database for Trivy, a root
//! file system, a partitioned disk.

pub mod advisory_db;
pub mod bolt;
pub mod disk;
pub mod gpt;
pub mod rootfs;
