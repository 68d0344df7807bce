//! Parses arguments, runs, ends with the exit code.

use std::process::ExitCode;

use clap::Parser as _;
use goldsmith::cli::Cli;
use goldsmith::environment::Environment;

/// A catalog is very many small allocations, and half of them are given back by another thread.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    goldsmith::commands::main(Cli::parse(), Environment::of_process())
}
