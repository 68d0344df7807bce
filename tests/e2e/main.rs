//! End-to-end tests: the real tools on real images, nothing faked and nothing skipped.
//!
//! `tools/install --with docker --with guest --with oci --with s3 --with sign` installs what they need.

#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

// For what is shared with the tests of the library.
use goldsmith::model;

mod build;
mod channels;
mod collect;
mod container;
mod database;
mod demo;
mod docker;
mod edits;
mod evidence;
mod false_greens;
mod family;
mod git_registry;
mod guest;
mod judge;
mod kills;
mod leaks;
mod leases;
mod legacy;
mod lint;
mod logs;
mod object_store;
mod packer;
mod parallel;
mod plugins;
mod processes;
mod project;
mod provenance;
mod publish;
mod race;
mod recover;
mod rescan;
mod s3;
mod secrets;
mod signatures;
mod tests;
mod waivers;
