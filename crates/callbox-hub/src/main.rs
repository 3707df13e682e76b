//! `callbox-hub`: parse, load, start, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    callbox_hub::cli::main()
}
