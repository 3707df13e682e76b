//! `callbox run` and `callbox check`.

use std::io::{self, IsTerminal};
use std::path::Path;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt, reload};

use super::print::{complain, out};
use super::{REFUSED, USAGE};
use crate::config::{ConfigError, Settings, advice};
use crate::daemon;
use crate::journald::Journal;

/// The loop and the transport; media has threads of its own.
const WORKERS: usize = 2;

/// Runs the daemon.
pub(super) fn daemon(config: &Path) -> u8 {
    let settings = match Settings::load(config) {
        Ok(settings) => settings,
        // A disk that is not there yet heals by starting again, a wrong configuration does not.
        Err(error @ ConfigError::Unreadable { .. }) => return complain(&error, REFUSED),
        Err(error) => return complain(&error, USAGE),
    };
    let set_log = log(&settings.log);
    let source = daemon::Source { path: config.to_owned(), set_log };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error, REFUSED),
    };
    let ended = runtime.block_on(daemon::run(settings, source));
    // A blocking task that hangs (a disk, a driver) must not keep the process alive.
    runtime.shutdown_background();
    match ended {
        Ok(()) => 0,
        Err(error) => complain(&error, REFUSED),
    }
}

/// Checks a configuration.
pub(super) fn check(config: &Path) -> u8 {
    match Settings::examine(config) {
        Ok(settings) => {
            for advice in advice(&settings) {
                complain(&format!("warning: {advice}"), 0);
            }
            out(&format!("{}: valid", config.display()))
        }
        Err(error) => complain(&error, USAGE),
    }
}

/// The WebSocket library writes whole frames to its finer levels, tickets among them.
const FRAMES: [&str; 2] = ["tungstenite", "tokio_tungstenite"];

/// Whether a line may be logged, whatever level the operator wants.
fn is_no_secret(line: &Metadata<'_>) -> bool {
    let library = line.target().split("::").next().unwrap_or_default();
    *line.level() <= Level::INFO || !FRAMES.contains(&library)
}

/// Logs to the journal, field by field, where standard error leads there; to standard error otherwise. `CALLBOX_LOG` goes before
/// the configuration. Gives what takes another level.
fn log(level: &str) -> Box<dyn Fn(&str) + Send> {
    let wished = EnvFilter::try_from_env("CALLBOX_LOG");
    let is_fixed = wished.is_ok();
    let (filter, handle) = reload::Layer::new(wished.unwrap_or_else(|_| EnvFilter::new(level)));
    let journal = Journal::connect();
    let colours = io::stderr().is_terminal();
    let lines = journal.is_none().then(|| fmt::layer().with_writer(io::stderr).with_ansi(colours).with_target(false));
    tracing_subscriber::registry().with(filter).with(filter_fn(is_no_secret)).with(journal).with(lines).init();
    Box::new(move |level: &str| {
        let taken = if is_fixed { Ok(()) } else { handle.reload(EnvFilter::new(level)) };
        if let Err(error) = taken {
            tracing::error!(%error, "the log level stays as it is");
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn frames_are_never_logged_whatever_level_is_wanted() {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = fmt::layer().with_ansi(false).with_writer(move || writer.clone());
        let filter = EnvFilter::new("trace,tungstenite::protocol=trace");
        let subscriber = tracing_subscriber::registry().with(filter).with(filter_fn(is_no_secret)).with(layer);
        tracing::subscriber::with_default(subscriber, || {
            tracing::trace!(target: "tungstenite::protocol", "a ticket in a frame");
            tracing::debug!(target: "tokio_tungstenite", "a ticket in a frame");
            tracing::info!(target: "tungstenite", "a handshake");
            tracing::trace!(target: "callbox", "ours");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("ticket") && text.contains("a handshake") && text.contains("ours"), "{text}");
    }
}
