//! `callbox-load`: many simulated stations call each other through a running hub or broker.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use callbox_load::args::Args;
use callbox_load::compare::Comparison;
use callbox_load::process::allow_descriptors;
use callbox_load::report::{Point, Report};
use callbox_load::run::{Settings, run};
use callbox_load::tally::Tally;
use callbox_load::transport::mqtt::Mqtt;
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
    if let Some(path) = &args.passwords {
        let most = args.sizes()?.last().copied().unwrap_or_default();
        fs::write(path, args.cast()?.passwords(most))
            .map_err(|error| format!("--passwords {}: {error}", path.display()))?;
        return Ok(true);
    }
    let servers = args.settings()?;
    let most = servers.iter().flat_map(|settings| &settings.sizes).max().copied().unwrap_or_default() as u64;
    allow_descriptors(most + SPARE_DESCRIPTORS)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let comparison = Comparison { servers: runtime.block_on(watched(&servers))? };
    write!(io::stdout(), "{comparison}")?;
    if let Some(path) = &args.json {
        let place = |error: String| format!("--json {}: {error}", path.display());
        let file = File::create(path).map_err(|error| place(error.to_string()))?;
        serde_json::to_writer_pretty(file, &comparison).map_err(|error| place(error.to_string()))?;
    }
    Ok(comparison.servers.iter().flat_map(|report| &report.points).all(Point::is_good))
}

/// The first Ctrl-C lets running calls end, the second does not wait for them.
async fn watched(servers: &[Settings]) -> Result<Vec<Report>, Box<dyn Error>> {
    let (stop, stopping) = watch::channel(false);
    let interrupts = async {
        tokio::signal::ctrl_c().await?;
        drop(writeln!(io::stderr(), "callbox-load: no new calls; once more to leave at once"));
        stop.send_replace(true);
        tokio::signal::ctrl_c().await
    };
    let each = async {
        let mut reports = Vec::new();
        for settings in servers {
            reports.push(load(settings, stopping.clone()).await?);
        }
        Ok(reports)
    };
    tokio::select! {
        reports = each => reports,
        interrupted = interrupts => Err(interrupted.map_or_else(Box::from, |()| "interrupted".into())),
    }
}

/// One server; its address says which way to it.
async fn load(settings: &Settings, stop: watch::Receiver<bool>) -> Result<Report, Box<dyn Error>> {
    let tally = Arc::new(Tally::default());
    if settings.url.starts_with("mqtt://") {
        let transport = Mqtt::new(&settings.url, tally.clone())?;
        return Ok(run(settings, transport, tally, stop).await?);
    }
    let transport = WebSocket::new(&settings.url, tally.clone())?;
    Ok(run(settings, transport, tally, stop).await?)
}
