//! Parses arguments, runs, ends with the exit code.

use std::process::ExitCode;

use clap::Parser as _;
use goldsmith::cli::Cli;
use goldsmith::environment::Environment;

fn main() -> ExitCode {
    goldsmith::commands::main(Cli::parse(), Environment::of_process())
}
