//! `callbox`: parse, load, start, exit code.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    callbox::cli::run(callbox::cli::Cli::parse())
}
