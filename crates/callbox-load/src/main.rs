//! `callbox-load`: many simulated stations call each other through a running hub.

use std::error::Error;
use std::fs::File;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use callbox_load::args::Args;
use callbox_load::process::allow_descriptors;
use callbox_load::report::{Point, Report};
use callbox_load::run::{Settings, run};
use callbox_load::tally::Tally;
use callbox_load::transport::websocket::WebSocket;
use clap::Parser;
use tokio::sync::watch;

/// Descriptors beside one for each station.
const SPARE_DESCRIPTORS: u64 = 64;

fn main() -> ExitCode {
    let args = Args::parse();
    match measured(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            drop(writeln!(io::stderr(), "callbox-load: {error}"));
            ExitCode::from(2)
        }
    }
}

/// Whether every call went as planned.
fn measured(args: &Args) -> Result<bool, Box<dyn Error>> {
    let settings = args.settings()?;
    let most = settings.sizes.last().copied().unwrap_or_default() as u64;
    allow_descriptors(most + SPARE_DESCRIPTORS)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let report = runtime.block_on(watched(&settings))?;
    write!(io::stdout(), "{report}")?;
    if let Some(path) = &args.json {
        let place = |error: String| format!("--json {}: {error}", path.display());
        let file = File::create(path).map_err(|error| place(error.to_string()))?;
        serde_json::to_writer_pretty(file, &report).map_err(|error| place(error.to_string()))?;
    }
    Ok(report.points.iter().all(Point::is_good))
}

/// The first Ctrl-C lets running calls end, the second does not wait for them.
async fn watched(settings: &Settings) -> Result<Report, Box<dyn Error>> {
    let tally = Arc::new(Tally::default());
    let transport = WebSocket::new(&settings.url, tally.clone())?;
    let (stop, stopping) = watch::channel(false);
    let interrupts = async {
        tokio::signal::ctrl_c().await?;
        drop(writeln!(io::stderr(), "callbox-load: no new calls; once more to leave at once"));
        stop.send_replace(true);
        tokio::signal::ctrl_c().await
    };
    tokio::select! {
        report = run(settings, transport, tally, stopping) => Ok(report?),
        interrupted = interrupts => Err(interrupted.map_or_else(Box::from, |()| "interrupted".into())),
    }
}
