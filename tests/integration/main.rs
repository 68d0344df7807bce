//! Integration tests: the binary and the modules that touch the machine, without the real tools.
//! One module a subject, one binary for all.

#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod action;
mod boot;
mod command_line;
mod configs;
mod consumers;
mod diff;
mod guest;
mod help;
mod init;
mod offline;
mod older_registries;
mod pages;
mod planning;
mod process;
mod pruning;
mod pull;
mod scanner;
mod schema;
mod waivers;
