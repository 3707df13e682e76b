//! The command line, and what it means.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fs, io};

use callbox_core::ids::AppId;
use callbox_core::ticket::{BadKey, SecretKey};
use clap::Parser;

use crate::cast::Cast;
use crate::plan::{Mix, Scenario};
use crate::run::Settings;

/// The most stations of one process.
const MAX_STATIONS: usize = 100_000;
/// The most calls of one load.
const MAX_CALLS: f64 = 1_000_000.0;
/// An unanswered call rings at least this long in the core, at most ten minutes.
const UNANSWERED_MS: std::ops::RangeInclusive<u64> = 1_000..=600_000;

/// Connects many simulated stations to a server, lets them call each other, and measures.
///
/// Ends with 0 when every call went as planned, with 1 when one was lost, doubled or ended otherwise, with 2 when nothing could be measured.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub struct Args {
    /// A hub (ws://host:port/ws) or a broker (mqtt://host:port); several are loaded one after the other and compared
    #[arg(long, required_unless_present = "passwords")]
    pub url: Vec<String>,
    /// The app's number
    #[arg(long)]
    pub app: u32,
    /// File that holds the app's secret key
    #[arg(long)]
    pub key_file: PathBuf,
    /// How many stations connect
    #[arg(long, default_value_t = 1000, conflicts_with = "curve")]
    pub stations: usize,
    /// Several numbers of stations, each loaded in turn: 500,1000,2000,5000
    #[arg(long, value_delimiter = ',')]
    pub curve: Vec<usize>,
    /// Calls a second, on average (a Poisson process)
    #[arg(long, default_value_t = 50.0)]
    pub rate: f64,
    /// For how many seconds calls arrive, at each number of stations
    #[arg(long, default_value_t = 20)]
    pub seconds: u32,
    /// Mean time it rings until somebody presses a button; each call's is 50 % to 150 % of it
    #[arg(long, default_value_t = 300)]
    pub ring_ms: u64,
    /// Mean talk time, likewise
    #[arg(long, default_value_t = 1000)]
    pub talk_ms: u64,
    /// Share of calls that are picked up
    #[arg(long, default_value_t = 0.8)]
    pub accept: f64,
    /// Share of calls that are declined
    #[arg(long, default_value_t = 0.1)]
    pub reject: f64,
    /// Share of calls that nobody answers
    #[arg(long, default_value_t = 0.05)]
    pub no_answer: f64,
    /// Share of calls that the caller gives up
    #[arg(long, default_value_t = 0.05)]
    pub cancel: f64,
    /// Share of group calls of 3 to 6 stations: everybody picks up, one leaves, the others later
    #[arg(long, default_value_t = 0.0)]
    pub group: f64,
    /// Of the accepted calls, the share that rings two stations, both of which pick up in the same moment
    #[arg(long, default_value_t = 0.1)]
    pub ring_group: f64,
    /// How long a call rings that nobody answers
    #[arg(long, default_value_t = 3000)]
    pub unanswered_ms: u64,
    /// How long the simulated ICE and DTLS take
    #[arg(long, default_value_t = 80)]
    pub link_ms: u64,
    /// Logins a second while stations connect
    #[arg(long, default_value_t = 500.0)]
    pub connect_rate: f64,
    /// Wait between connecting and looking at the server's memory
    #[arg(long, default_value_t = 2000)]
    pub settle_ms: u64,
    /// All chance of the calls follows from it
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Writes the figures there as JSON
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// The server's process, on this machine, for each --url: its memory and processor time are measured
    #[arg(long)]
    pub server_pid: Vec<u32>,
    /// An interface that carries nothing else, such as `lo` in a network namespace: what goes over it is measured
    #[arg(long)]
    pub interface: Option<String>,
    /// For how many seconds everybody only stays connected, to see what that costs
    #[arg(long, default_value_t = 0)]
    pub idle_seconds: u32,
    /// When the tickets are made, in seconds since 1970: with the same key and time they are the same. Default: now
    #[arg(long)]
    pub issued: Option<u64>,
    /// Only writes a line USER@APP:TICKET for each station there: a broker that compares passwords has to know them
    #[arg(long, conflicts_with = "url", requires = "issued")]
    pub passwords: Option<PathBuf>,
}

/// Why the command line makes no run.
#[derive(Debug, thiserror::Error)]
pub enum BadArgs {
    /// A number out of its range.
    #[error("--{name} is {found}: {allowed}")]
    Range {
        /// The option.
        name: &'static str,
        /// What was found.
        found: String,
        /// What is allowed.
        allowed: String,
    },
    /// The key file cannot be read.
    #[error("--key-file {path}: {source}", path = path.display())]
    ReadKey {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Some servers have a process and others have none.
    #[error("--server-pid: {pids} for {urls} of --url: name one for each, in their order, or none")]
    Pids {
        /// How many of one.
        pids: usize,
        /// How many of the other.
        urls: usize,
    },
    /// There is no key in it.
    #[error("--key-file {path}: {source}", path = path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: BadKey,
    },
}

impl Args {
    /// Who takes part.
    ///
    /// # Errors
    /// [`BadArgs`].
    pub fn cast(&self) -> Result<Cast, BadArgs> {
        let path = self.key_file.clone();
        let text = fs::read_to_string(&path).map_err(|source| BadArgs::ReadKey { path: path.clone(), source })?;
        let key = SecretKey::new(&text).map_err(|source| BadArgs::Key { path, source })?;
        let ms = Duration::from_millis;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let (issued, unanswered, link) = (self.issued.unwrap_or(now), ms(self.unanswered_ms), ms(self.link_ms));
        Ok(Cast { app: AppId(self.app), key, issued, unanswered, link })
    }

    /// What they mean, for each server.
    ///
    /// # Errors
    /// [`BadArgs`].
    pub fn settings(&self) -> Result<Vec<Settings>, BadArgs> {
        let (pids, urls) = (self.server_pid.len(), self.url.len());
        if pids != 0 && pids != urls {
            return Err(BadArgs::Pids { pids, urls });
        }
        let pids = self.server_pid.iter().copied().map(Some).chain(std::iter::repeat(None));
        self.url.iter().zip(pids).map(|(url, server)| self.load_on(url, server)).collect()
    }

    fn load_on(&self, url: &str, server: Option<u32>) -> Result<Settings, BadArgs> {
        check("connect-rate", self.connect_rate, (1.0..=100_000.0).contains(&self.connect_rate), "1 to 100000")?;
        check("settle-ms", self.settle_ms, self.settle_ms <= 60_000, "at most 60000")?;
        check("link-ms", self.link_ms, self.link_ms <= 10_000, "at most 10000")?;
        let idle = self.idle_seconds;
        check("idle-seconds", idle, idle <= 3600, "at most 3600")?;
        Ok(Settings {
            url: url.to_owned(),
            cast: self.cast()?,
            sizes: self.sizes()?,
            scenario: self.scenario()?,
            connects_per_second: self.connect_rate,
            settle: Duration::from_millis(self.settle_ms),
            idle: Duration::from_secs(idle.into()),
            server,
            interface: self.interface.clone(),
        })
    }

    /// The numbers of stations, smallest first.
    ///
    /// # Errors
    /// [`BadArgs`].
    pub fn sizes(&self) -> Result<Vec<usize>, BadArgs> {
        let (name, mut sizes) =
            if self.curve.is_empty() { ("stations", vec![self.stations]) } else { ("curve", self.curve.clone()) };
        sizes.sort_unstable();
        sizes.dedup();
        for size in &sizes {
            check(name, size, (3..=MAX_STATIONS).contains(size), &format!("3 to {MAX_STATIONS} stations"))?;
        }
        Ok(sizes)
    }

    fn scenario(&self) -> Result<Scenario, BadArgs> {
        let Self { accept, reject, no_answer, cancel, group, ring_group, rate, seconds, .. } = *self;
        let (accepted, rejected) = (("accept", accept), ("reject", reject));
        let shares = [accepted, rejected, ("no-answer", no_answer), ("cancel", cancel), ("group", group)];
        for (name, share) in shares {
            check(name, share, (0.0..=1.0).contains(&share), "a share from 0 to 1")?;
        }
        check("accept", accept, shares.iter().any(|(_, share)| *share > 0.0), "one of the shares must be above 0")?;
        check("ring-group", ring_group, (0.0..=1.0).contains(&ring_group), "a share from 0 to 1")?;
        check("rate", rate, (0.01..=10_000.0).contains(&rate), "0.01 to 10000 calls a second")?;
        check("seconds", seconds, (1..=3600).contains(&seconds), "1 to 3600")?;
        let calls = rate * f64::from(seconds);
        check("rate", rate, calls <= MAX_CALLS, &format!("at most {MAX_CALLS} calls in all seconds together"))?;
        let unanswered = self.unanswered_ms;
        check("unanswered-ms", unanswered, UNANSWERED_MS.contains(&unanswered), "1000 to 600000")?;
        // Up to half as much again, and some time for the way.
        let longest = unanswered.saturating_sub(300) * 2 / 3;
        check(
            "ring-ms",
            self.ring_ms,
            self.ring_ms <= longest,
            &format!("at most {longest}, or raise --unanswered-ms"),
        )?;
        check("talk-ms", self.talk_ms, self.talk_ms <= 600_000, "at most 600000")?;
        let (ring, talk) = (Duration::from_millis(self.ring_ms), Duration::from_millis(self.talk_ms));
        let mix = Mix { accept, reject, no_answer, cancel, group, ring_group };
        Ok(Scenario { rate, seconds, ring, talk, mix, seed: self.seed })
    }
}

fn check(name: &'static str, found: impl ToString, right: bool, allowed: &str) -> Result<(), BadArgs> {
    if right {
        return Ok(());
    }
    Err(BadArgs::Range { name, found: found.to_string(), allowed: allowed.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(more: &[&str]) -> Result<Vec<Settings>, String> {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        fs::write(&key, "secret\n").unwrap();
        let fixed = ["callbox-load", "--url", "ws://127.0.0.1:1/ws", "--app", "7", "--key-file", key.to_str().unwrap()];
        let args = Args::try_parse_from(fixed.iter().chain(more)).map_err(|error| error.to_string())?;
        args.settings().map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_a_run() {
        let settings = parse(&[]).unwrap();
        assert_eq!((settings[0].sizes.clone(), settings[0].scenario.rate), (vec![1000], 50.0));
    }

    #[test]
    fn several_servers_have_a_process_each() {
        let more = ["--url", "mqtt://127.0.0.1:2", "--server-pid", "3", "--server-pid", "4"];
        let settings = parse(&more).unwrap();
        let servers: Vec<_> = settings.iter().map(|settings| (settings.url.as_str(), settings.server)).collect();
        assert_eq!(servers, [("ws://127.0.0.1:1/ws", Some(3)), ("mqtt://127.0.0.1:2", Some(4))]);
        assert!(parse(&more[..4]).unwrap_err().contains("1 for 2 of --url"));
    }

    #[test]
    fn passwords_are_the_same_for_the_same_time() {
        let with = |issued| parse(&["--issued", issued]).unwrap()[0].cast.passwords(2);
        assert_eq!(with("1000"), with("1000"));
        assert_ne!(with("1000"), with("1001"));
        let (passwords, login) = (with("7"), parse(&["--issued", "7"]).unwrap()[0].cast.login(1));
        assert_eq!(passwords.lines().nth(1), Some(format!("load-00001@7/simulated:{}", login.ticket).as_str()));
    }

    #[test]
    fn a_curve_is_sorted() {
        assert_eq!(parse(&["--curve", "2000,500,1000,500"]).unwrap()[0].sizes, [500, 1000, 2000]);
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        for (more, words) in [
            (&["--stations", "2"][..], "--stations is 2"),
            (&["--rate", "0"], "--rate is 0"),
            (&["--rate", "NaN"], "--rate is NaN"),
            (&["--accept", "0", "--reject", "0", "--no-answer", "0", "--cancel", "0"], "above 0"),
            (&["--ring-ms", "3000"], "--unanswered-ms"),
            (&["--group", "2"], "--group is 2"),
            (&["--rate", "10000", "--seconds", "3600"], "1000000 calls"),
        ] {
            let error = parse(more).unwrap_err();
            assert!(error.contains(words), "{more:?}: {error}");
        }
    }
}
