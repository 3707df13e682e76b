//! The command line.
//!
//! Exit status: 0 done, 1 refused or failed, 2 wrong use or wrong configuration. `run` ends with 1 when a file cannot be read now.

use std::error::Error;
use std::io::{self, IsTerminal, Read as _, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use callbox_core::ids::{AppId, UserId};
use callbox_core::text;
use callbox_core::ticket::{self, SecretKey};
use clap::{Args, Parser, Subcommand};
use rustix::fs::Mode;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tracing::{error, info};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

use crate::config::{ConfigError, DEFAULTS, Flags, Settings, random_key, read_key};
use crate::hub;

/// A ticket that is good for longer deserves a warning.
const YEAR: u64 = 366 * 86_400;

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
        /// The ticket, or `-`: it comes on standard input, where no list of processes shows it
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
        Command::Check { config } => {
            let settings = Settings::load(&config)?;
            settings.warnings.iter().try_for_each(|text| warn_user(text)).map_err(Into::into)
        }
        Command::Defaults => print(DEFAULTS.trim_end()),
        Command::Key => print(&random_key()?),
        Command::Ticket(Ticket::Make { who, expire }) => {
            let (app, key) = who.read()?;
            if expire > YEAR {
                let text = "the ticket is good for more than a year: whoever finds it may use it for as long, unless `valid_from` \
                            of its user is set";
                warn_user(text)?;
            }
            print(&ticket::make(app, &key, &who.user, unix_now(), expire))
        }
        Command::Ticket(Ticket::Verify { who, ticket }) => {
            let (app, key) = who.read()?;
            let ticket = if ticket == "-" { read_ticket(io::stdin().lock())? } else { ticket };
            let verdict = ticket::verify(app, &key, &who.user, ticket.trim(), unix_now());
            let claims = verdict.map_err(|error| format!("{}: {error}", error.code()))?;
            if claims.expire > YEAR {
                warn_user("the ticket is good for more than a year")?;
            }
            if claims.userbuf.is_some() {
                warn_user("the ticket is for one room only: nobody can log in with it")?;
            }
            Ok(())
        }
    }
}

fn serve(run: Run) -> Result<(), Box<dyn Error>> {
    // What the hub writes is for itself alone, by hand as under systemd.
    rustix::process::umask(Mode::from_raw_mode(0o077));
    let Run { config, listen, app, key_file, store, sessions, demo } = run;
    let flags = Flags { config, listen, app, key_file, store, sessions, demo };
    let settings = flags.settings().map_err(|error| -> Box<dyn Error> {
        // Another exit status: systemd starts the hub again, and does not after a wrong configuration.
        if error.may_heal() { error.to_string().into() } else { error.into() }
    })?;
    let filter = EnvFilter::try_from_env("CALLBOX_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // Below `info` these write messages, and with them tickets, into the log.
    let capped = ["tungstenite=info", "tokio_tungstenite=info", "rumqttc=info", "hyper=info", "h2=info"];
    let directives = capped.iter().filter_map(|directive| directive.parse::<Directive>().ok());
    let filter = directives.fold(filter, EnvFilter::add_directive);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ran = runtime.block_on(async {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let (reload, reloads) = mpsc::channel(1);
        let reloading = tokio::spawn(read_again(flags, signal(SignalKind::hangup())?, reload));
        let stop = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        let ran = hub::run(settings, |_| {}, stop, reloads).await;
        reloading.abort();
        ran.map_err(Box::<dyn Error>::from)
    });
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    ran
}

/// Reads the configuration again at each SIGHUP. One that is wrong changes nothing.
async fn read_again(flags: Flags, mut hangup: Signal, reload: mpsc::Sender<Settings>) {
    while hangup.recv().await.is_some() {
        if flags.config.is_none() {
            info!("SIGHUP: there is no configuration file to read again");
            continue;
        }
        let reading = flags.clone();
        match tokio::task::spawn_blocking(move || reading.settings()).await {
            Ok(Ok(settings)) => {
                if reload.send(settings).await.is_err() {
                    return;
                }
            }
            Ok(Err(error)) => error!(%error, "SIGHUP: the configuration is wrong, the hub goes on with the one before"),
            Err(error) => error!(%error, "SIGHUP: the configuration could not be read"),
        }
    }
}

impl Who {
    fn read(&self) -> Result<(AppId, SecretKey), Box<dyn Error>> {
        let key = read_key(&self.key_file)?;
        Ok((AppId(self.app), key))
    }
}

/// Reads a ticket of whatever length; what is too long is refused as such.
fn read_ticket(input: impl io::Read) -> Result<String, Box<dyn Error>> {
    let mut bytes = Vec::new();
    input.take(ticket::MAX_TOKEN_BYTES as u64 * 2).read_to_end(&mut bytes)?;
    text::trimmed(&bytes).map(str::to_owned).map_err(|error| format!("standard input: {error}").into())
}

fn warn_user(text: &str) -> io::Result<()> {
    writeln!(io::stderr(), "callbox-hub: warning: {text}")
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn print(text: &str) -> Result<(), Box<dyn Error>> {
    writeln!(io::stdout(), "{text}").map_err(Into::into)
}
