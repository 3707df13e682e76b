//! The command line.
//!
//! Exit status: 0 done, 1 refused or failed, also when the daemon cannot read its configuration, 2 wrong use or wrong configuration,
//! 3 the daemon is not reachable.

mod ctl;
mod panel;
mod print;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config;
use crate::demo::DemoArgs;
use crate::doctor::DoctorArgs;
use crate::ticket_cli::TicketCommand;

use ctl::CtlArgs;
use panel::PanelCommand;

/// Refused, or failed.
const REFUSED: u8 = 1;
/// Wrong use, or wrong configuration.
const USAGE: u8 = 2;
/// The daemon is not there.
const UNREACHABLE: u8 = 3;

/// A video intercom for Linux boards.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon
    Run(ConfigArgs),
    /// Check a configuration, and do nothing else
    Check(ConfigArgs),
    /// Print the annotated default configuration
    Defaults,
    /// Examine this board, and say how to put right what is not
    Doctor(DoctorArgs),
    /// Talk to a running daemon
    Ctl(CtlArgs),
    /// The panel, without a daemon
    #[command(subcommand)]
    Panel(PanelCommand),
    /// Make, show and verify tickets
    #[command(subcommand)]
    Ticket(TicketCommand),
    /// Try it: a hub and a panel with a test camera, in this terminal
    Demo(DemoArgs),
    /// Try an encoder out on a few frames, in this process: the daemon asks this of a process of its own
    #[command(hide = true)]
    TryEncoder {
        /// The GStreamer element
        factory: String,
    },
}

#[derive(Debug, Args)]
struct ConfigArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
}

/// Files and folders that this program makes are for its owner only, whoever starts it by hand; what is for a group says so.
const UMASK: u32 = 0o077;

/// Runs one command; gives the exit status.
pub fn run(cli: Cli) -> ExitCode {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(UMASK));
    let status = match cli.command {
        Command::Run(args) => run::daemon(&args.config),
        Command::Check(args) => run::check(&args.config),
        Command::Defaults => print::out(config::DEFAULTS.trim_end()),
        Command::Doctor(args) => crate::doctor::doctor(&args),
        Command::Ctl(args) => ctl::ctl(args),
        Command::Panel(command) => panel::run(&command),
        Command::Ticket(command) => print::ticket(&command),
        Command::Demo(args) => crate::demo::demo(args),
        Command::TryEncoder { factory } => print::trial(&crate::daemon::try_encoder(&factory)),
    };
    ExitCode::from(status)
}
