//! Demonstrations: real processes on this machine, each with an owner that ends it.
//!
//! `callbox demo` is a hub and a panel for a browser; `callbox demo --self-call` needs nobody: a second party calls the panel and each
//! checks that it sees and hears the other.

mod child;
mod figures;
mod folder;
mod party;
mod report;
mod self_call;
mod stage;
mod terminal;

use std::io::Write;

use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use stage::Stage;

/// `callbox demo`
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// Let a second party call the panel, check both ways, print how long each step took
    #[arg(long)]
    self_call: bool,
    /// How many calls
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000), requires = "self_call")]
    rounds: u32,
    /// What is set up while it rings
    #[arg(long, default_value = "connect", requires = "self_call")]
    early: Early,
    /// As many calls with early connect as without, in turn, and the ratio
    #[arg(long, requires = "self_call", conflicts_with = "soak")]
    compare: bool,
    /// Short calls on the same daemons; prints threads, descriptors and memory
    #[arg(long, requires = "self_call")]
    soak: bool,
    /// Print JSON
    #[arg(long, requires = "self_call")]
    json: bool,
    /// The first port to try
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    port: u16,
    /// Keep the folder with configurations and logs
    #[arg(long)]
    keep: bool,
}

/// What is set up while it rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Early {
    /// ICE and DTLS.
    Connect,
    /// Nothing.
    Off,
}

impl Early {
    fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Off => "off",
        }
    }
}

/// What did not work, and in which step.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {why}")]
struct Failure {
    step: &'static str,
    why: String,
}

impl Failure {
    fn new(step: &'static str, why: impl std::fmt::Display) -> Self {
        Self { step, why: why.to_string() }
    }
}

/// Runs the demonstration; gives the exit status.
pub fn demo(args: DemoArgs) -> u8 {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report::failed(&args, &Failure::new("start", error)),
    };
    // On this one thread, so that children which are to die with their parent's thread die with the process.
    let ended = runtime.block_on(run(&args));
    runtime.shutdown_background();
    match ended {
        Ok(()) => 0,
        Err(failure) => report::failed(&args, &failure),
    }
}

async fn run(args: &DemoArgs) -> Result<(), Failure> {
    let failed = |error| Failure::new("start", error);
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    let mut stage = Stage::new(args.keep)?;
    let ended = tokio::select! {
        ended = perform(args, &mut stage) => ended,
        _ = terminate.recv() => stopped(args),
        _ = interrupt.recv() => stopped(args),
        _ = hangup.recv() => stopped(args),
    };
    stage.end().await;
    ended
}

async fn perform(args: &DemoArgs, stage: &mut Stage) -> Result<(), Failure> {
    if args.self_call { self_call::run(args, stage).await } else { terminal::run(args, stage).await }
}

/// Whoever stops a demonstration is done with it; a measurement that was stopped has no result.
fn stopped(args: &DemoArgs) -> Result<(), Failure> {
    if args.self_call { Err(Failure::new("stop", "stopped by a signal")) } else { Ok(()) }
}

/// One text for the person at the terminal. A reader that went away is no reason to leave children behind.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _closed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
