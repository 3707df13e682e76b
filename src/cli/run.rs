//! `callbox run` and `callbox check`.

use std::io::{self, IsTerminal};
use std::path::Path;

use tracing_subscriber::EnvFilter;

use super::print::{complain, out};
use super::{REFUSED, USAGE};
use crate::config::Settings;
use crate::daemon;

/// The loop and the transport; media has threads of its own.
const WORKERS: usize = 2;

/// Runs the daemon.
pub(super) fn daemon(config: &Path) -> u8 {
    let settings = match Settings::load(config) {
        Ok(settings) => settings,
        Err(error) => return complain(&error, USAGE),
    };
    log(&settings.log);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error, REFUSED),
    };
    let ended = runtime.block_on(daemon::run(settings));
    // A blocking task that hangs (a disk, a driver) must not keep the process alive.
    runtime.shutdown_background();
    match ended {
        Ok(()) => 0,
        Err(error) => complain(&error, REFUSED),
    }
}

/// Checks a configuration.
pub(super) fn check(config: &Path) -> u8 {
    match Settings::load(config) {
        Ok(_) => out(&format!("{}: valid", config.display())),
        Err(error) => complain(&error, USAGE),
    }
}

/// Logs to standard error: systemd adds time and unit. `CALLBOX_LOG` goes before the configuration.
fn log(level: &str) {
    let filter = EnvFilter::try_from_env("CALLBOX_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let colours = io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colours)
        .with_target(false)
        .init();
}
