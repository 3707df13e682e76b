//! The daemon: starts the edges, joins them in one loop that decides nothing, ends them.

mod answer;
mod caption;

mod edges;
mod journal;
mod names;
mod process;
mod reload;
mod scene;
mod shell;
mod systemd;
mod visitor;
mod wall_clock;

use std::path::PathBuf;

use callbox_core::ids::Address;
use callbox_core::protocol::Agent;
use callbox_core::station::Station;
use tokio::signal::unix::{SignalKind, signal};

use crate::{config, control};

// What the daemon asks of a process of its own.
pub use crate::media::{EncoderTrial, try_encoder};

use edges::Edges;
use shell::Shell;

/// Why the daemon does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no thread for an edge.
    #[error("{0}: no thread: {1}; see `TasksMax` of the service, and the machine's memory")]
    Thread(&'static str, std::io::Error),
    /// There is no control socket.
    #[error("control: {0}")]
    Control(#[from] control::ControlError),
    /// The system gives no signals, no randomness or no threads.
    #[error("system: {0}")]
    System(String),
}

/// Where the configuration came from, and what follows it beside the daemon itself.
pub struct Source {
    /// The file: read again on SIGHUP.
    pub path: PathBuf,
    /// Takes another log level, or directives.
    pub set_log: Box<dyn Fn(&str) + Send>,
}

/// Runs until a signal asks to stop, then hangs up and ends within 3 s. SIGHUP has the configuration read again.
///
/// # Errors
/// [`StartError`], when an edge does not start.
pub async fn run(settings: config::Settings, source: Source) -> Result<(), StartError> {
    let system = |error: &dyn std::fmt::Display| StartError::System(error.to_string());
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| system(&error))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| system(&error))?;
    let hangups = signal(SignalKind::hangup()).map_err(|error| system(&error))?;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| system(&error))?;
    let me = Address { user: settings.signaling.user.clone(), device: settings.signaling.device.clone() };
    let station = Station::new(me.clone(), Agent::Panel, settings.policy.clone(), seed);
    let app = settings.signaling.app;
    let (edges, inbox) = Edges::start(settings.clone(), reload::listen(hangups, source.path)).await?;
    tracing::info!(app = %app, user = %me.user, device = %me.device, version = env!("CARGO_PKG_VERSION"), "callbox runs");
    let mut shell = Shell::new(station, settings, source.set_log, edges);
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    };
    let reason = shell.run(inbox, stop).await;
    tracing::info!(reason, "callbox stops");
    systemd::stopping();
    shell.stop().await;
    Ok(())
}
