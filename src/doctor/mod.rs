//! `callbox doctor`: examines the board, and says how to put right what is not.
//!
//! Every line is ok, warn or fail; what is not ok names the command that mends it. Whatever touches a driver or a plug-in runs in
//! a process of its own with a deadline, because drivers hang and plug-ins crash.

mod advice;
mod child;
mod clock;
mod daemon;
mod devices;
mod display;
mod echo;
mod faults;
mod finding;
mod gstreamer;
mod ice;
mod nodes;
mod print;
mod probe;
mod rights;
mod server;
mod stun;
mod ticket;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};

use crate::config::{self, Settings};
use crate::text_file;

use daemon::Daemon;
use finding::{Finding, Verdict};

/// Arguments of `callbox doctor`.
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// The configuration
    #[arg(long, global = true, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    only: Option<Only>,
    /// One examination that may hang or crash, for the process that waits for it
    #[arg(long, hide = true, value_name = "WHAT")]
    probe: Option<String>,
}

/// What is not examined unasked, because people hear it.
#[derive(Clone, Copy, Debug, Subcommand)]
enum Only {
    /// Play three chirps, measure their echo in the microphone, and say which `microphone.echo` fits
    Echo,
}

/// What the examinations look at.
struct Board<'a> {
    config: &'a Path,
    settings: &'a Settings,
    daemon: &'a Daemon,
}

/// One examination.
type Examination = fn(&Board<'_>) -> Vec<Finding>;

/// All of them, in the order in which a person would look: what everything else needs comes first.
const EXAMINATIONS: &[Examination] = &[
    clock::examine,
    ticket::examine,
    advice::examine,
    server::examine,
    ice::examine,
    gstreamer::examine,
    devices::encoder,
    devices::camera,
    devices::sound,
    devices::screen,
    nodes::keys,
    nodes::gpio,
];

/// Examines, prints, gives the exit status: 1 when something fails.
pub fn doctor(args: &DoctorArgs) -> u8 {
    if let Some(what) = &args.probe {
        return probe::serve(what, &args.config);
    }
    let examined = match args.only {
        None => examine(args),
        Some(Only::Echo) => listen(args),
    };
    match examined {
        Ok(Verdict::Fail) => 1,
        Ok(Verdict::Ok | Verdict::Warn) => 0,
        // A reader that went away, as `| head` does, has seen enough.
        Err(_closed) => 1,
    }
}

/// Everything there is to examine.
fn examine(args: &DoctorArgs) -> io::Result<Verdict> {
    let mut report = Report::new(args.json);
    let (settings, found) = configuration(&args.config);
    report.tell(vec![found])?;
    let daemon = Daemon::ask(settings.as_ref());
    report.tell(vec![daemon.finding()])?;
    match &settings {
        Some(settings) => {
            let board = Board { config: &args.config, settings, daemon: &daemon };
            for examination in EXAMINATIONS {
                report.tell(examination(&board))?;
            }
        }
        // What is the same for every configuration.
        None => {
            report.tell(vec![clock::system()])?;
            report.tell(gstreamer::installed(&args.config, &crate::media::Settings::default(), None))?;
        }
    }
    report.end()
}

/// The echo of the speaker in the microphone, and nothing else.
fn listen(args: &DoctorArgs) -> io::Result<Verdict> {
    let mut report = Report::new(args.json);
    let (settings, found) = configuration(&args.config);
    match &settings {
        Some(settings) => {
            let daemon = Daemon::ask(Some(settings));
            report.tell(vec![echo::examine(&Board { config: &args.config, settings, daemon: &daemon })])?;
        }
        None => report.tell(vec![found])?,
    }
    report.end()
}

/// What was found so far, and where it is told.
struct Report {
    out: io::StdoutLock<'static>,
    colours: bool,
    json: bool,
    findings: Vec<Finding>,
}

impl Report {
    fn new(json: bool) -> Self {
        let out = io::stdout().lock();
        Self { colours: out.is_terminal(), out, json, findings: Vec::new() }
    }

    /// Prints each finding as soon as it is there: some take seconds.
    fn tell(&mut self, found: Vec<Finding>) -> io::Result<()> {
        for finding in found {
            if !self.json {
                self.out.write_all(print::line(&finding, self.colours).as_bytes())?;
                self.out.flush()?;
            }
            self.findings.push(finding);
        }
        Ok(())
    }

    fn end(mut self) -> io::Result<Verdict> {
        let text = if self.json { print::json(&self.findings) } else { print::summary(&self.findings, self.colours) };
        self.out.write_all(text.as_bytes())?;
        Ok(self.findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Ok))
    }
}

/// The configuration, as far as it can be read; the ticket it names is another matter.
fn configuration(path: &Path) -> (Option<Settings>, Finding) {
    let subject = "configuration";
    let text = match text_file::read(path) {
        Ok(text) => text,
        Err(error) => {
            let found = format!("{}: {error}", path.display());
            let fix = match error.kind() {
                io::ErrorKind::PermissionDenied => "sudo callbox doctor".to_owned(),
                _ => format!("callbox defaults | sudo tee {}  # then edit it", path.display()),
            };
            return (None, Finding::fail(subject, found).fix(fix));
        }
    };
    let base = path.parent().map(Path::to_owned).unwrap_or_default();
    match Settings::parse(path, &text, base) {
        Ok(settings) => (Some(settings), Finding::ok(subject, format!("{} is valid", path.display()))),
        Err(error) => {
            let fix = format!("sudoedit {0} && callbox check --config {0}", path.display());
            (None, Finding::fail(subject, error.to_string()).fix(fix))
        }
    }
}

/// Seconds since 1970, as the system has it.
fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
