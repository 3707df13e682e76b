//! The command line.
//!
//! Exit status: 0 done, 1 refused or failed, 2 wrong use or wrong configuration.

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use callbox_core::ids::{AppId, UserId};
use callbox_core::ticket::{self, SecretKey};
use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::config::{ConfigError, DEFAULTS, Flags, Settings, random_key};
use crate::hub;

/// Callbox's signalling hub.
#[derive(Parser)]
#[command(name = "callbox-hub", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the hub; logs go to standard error, `CALLBOX_LOG` filters them (info)
    Run(Run),
    /// Say whether a configuration is right
    Check {
        /// The file
        #[arg(long)]
        config: PathBuf,
    },
    /// Print the annotated default configuration
    Defaults,
    /// Print a new random secret key
    Key,
    /// Make or verify tickets
    #[command(subcommand)]
    Ticket(Ticket),
}

#[derive(Args)]
struct Run {
    /// Configuration file
    #[arg(long)]
    config: Option<PathBuf>,
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Without a configuration file: the app's number
    #[arg(long, conflicts_with = "config")]
    app: Option<u32>,
    /// Without a configuration file: a file with the app's secret key
    #[arg(long, conflicts_with = "config")]
    key_file: Option<PathBuf>,
    /// Where undecided invites outlive a restart: a file, or `:memory:`, which is the default without a configuration file;
    /// not used by a hub that is a gateway
    #[arg(long)]
    store: Option<String>,
    /// Devices that may be connected at once, in all apps [default: what the limit of file descriptors allows, at most 10000]
    #[arg(long)]
    sessions: Option<u32>,
    /// Hand out tickets to whoever asks on this machine (loopback address only)
    #[arg(long)]
    demo: bool,
}

#[derive(Subcommand)]
enum Ticket {
    /// Print a ticket
    Make {
        #[command(flatten)]
        who: Who,
        /// Seconds it is good for
        #[arg(long, default_value_t = 86_400)]
        expire: u64,
    },
    /// Exit 0 when a ticket is good; say why not and exit 1 otherwise
    Verify {
        #[command(flatten)]
        who: Who,
        /// The ticket
        ticket: String,
    },
}

#[derive(Args)]
struct Who {
    /// The app's number
    #[arg(long)]
    app: u32,
    /// A file with the app's secret key
    #[arg(long)]
    key_file: PathBuf,
    /// The user
    #[arg(long)]
    user: UserId,
}

/// Parses, runs, gives the exit status.
pub fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing can be done when standard error is closed.
            drop(writeln!(io::stderr(), "callbox-hub: {error}"));
            ExitCode::from(if error.is::<ConfigError>() { 2 } else { 1 })
        }
    }
}

fn run(command: Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Run(run) => serve(run),
        Command::Check { config } => Settings::load(&config).map(drop).map_err(Into::into),
        Command::Defaults => print(DEFAULTS.trim_end()),
        Command::Key => print(&random_key()?),
        Command::Ticket(Ticket::Make { who, expire }) => {
            let (app, key) = who.read()?;
            print(&ticket::make(app, &key, &who.user, unix_now(), expire))
        }
        Command::Ticket(Ticket::Verify { who, ticket }) => {
            let (app, key) = who.read()?;
            let verdict = ticket::verify(app, &key, &who.user, &ticket, unix_now());
            verdict.map(drop).map_err(|error| format!("{}: {error}", error.code()).into())
        }
    }
}

fn serve(run: Run) -> Result<(), Box<dyn Error>> {
    let Run { config, listen, app, key_file, store, sessions, demo } = run;
    let settings = Flags { config, listen, app, key_file, store, sessions, demo }.settings()?;
    let filter = EnvFilter::try_from_env("CALLBOX_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ran = runtime.block_on(async {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let stop = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        hub::run(settings, |_| {}, stop).await.map_err(Box::<dyn Error>::from)
    });
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    ran
}

impl Who {
    fn read(&self) -> Result<(AppId, SecretKey), Box<dyn Error>> {
        let name = self.key_file.display();
        let text =
            std::fs::read_to_string(&self.key_file).map_err(|error| format!("{name} cannot be read: {error}"))?;
        let key = SecretKey::new(&text).map_err(|error| format!("{name}: {error}"))?;
        Ok((AppId(self.app), key))
    }
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn print(text: &str) -> Result<(), Box<dyn Error>> {
    writeln!(io::stdout(), "{text}").map_err(Into::into)
}
