//! What was measured: as a table for people, as JSON for programs.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::time::Duration;

use serde::Serialize;

use crate::ledger::{Fault, Latencies};
use crate::network::Carried;
use crate::tally::Traffic;

/// The most faults named one by one.
const MAX_NAMED: usize = 10;

/// One or several loads on one server.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The server.
    pub url: String,
    /// Calls a second that were asked for.
    pub rate: f64,
    /// For how long.
    pub seconds: u32,
    /// The chance everything was drawn from.
    pub seed: u64,
    /// Somebody stopped it early.
    pub interrupted: bool,
    /// What it cost that everybody was connected and nobody called.
    pub idle: Option<Idle>,
    /// The load at each number of stations, smallest first.
    pub points: Vec<Point>,
}

/// The load at one number of stations.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// Stations connected.
    pub stations: usize,
    /// Calls begun.
    pub calls: usize,
    /// Arrivals for which not enough stations were free.
    pub unplaced: usize,
    /// Calls by their course.
    pub courses: BTreeMap<&'static str, usize>,
    /// Calls that somebody never heard of, or never saw the end of.
    pub lost: usize,
    /// Calls that rang or ended twice or had two winners.
    pub doubled: usize,
    /// Calls that ended for another reason than planned.
    pub ended_otherwise: usize,
    /// Group calls whose members did not agree who is in, 5 s after the last change.
    pub diverged: usize,
    /// The first of them in words.
    pub faults: Vec<String>,
    /// How long each step took.
    pub latency_ms: LatencyTable,
    /// What the stations sent and heard while calls ran.
    pub traffic: Traffic,
    /// Lost connections, refused messages and the like, by text.
    pub incidents: BTreeMap<String, u64>,
    /// Processor time of this program while calls ran.
    pub own_processor_seconds: Option<f64>,
    /// How long calls ran, the last one's end included.
    pub lasted_seconds: f64,
    /// The server process.
    pub server: Option<Server>,
    /// What the interface carried while calls ran, signs of life of those who did not call included.
    pub carried: Option<Carried>,
}

/// Everybody is connected and nobody calls.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Idle {
    /// Stations connected.
    pub stations: usize,
    /// For how long.
    pub seconds: f64,
    /// Processor time of the server.
    pub processor_seconds: Option<f64>,
    /// What the interface carried.
    pub carried: Option<Carried>,
}

impl Idle {
    /// Bytes and packets that one station costs in a minute.
    pub fn a_minute(&self) -> Option<(f64, f64)> {
        Some(self.carried?.over(self.stations as f64 * self.seconds / 60.0))
    }
}

/// What the server takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Server {
    /// Resident before the first station connected.
    pub empty_bytes: u64,
    /// Resident with all stations connected and no call yet.
    pub idle_bytes: u64,
    /// The difference, for each station.
    pub bytes_per_connection: u64,
    /// Resident after the calls.
    pub after_bytes: u64,
    /// Processor time while calls ran.
    pub processor_seconds: f64,
}

/// Percentiles of each step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LatencyTable {
    /// How late this program itself pressed.
    pub lag: Percentiles,
    /// From press to "it rings" at the caller.
    pub press_ringing: Percentiles,
    /// From the callee's press to its confirmation.
    pub accept_confirm: Percentiles,
    /// From press to both talking, less the time the callee let it ring.
    pub press_talking: Percentiles,
}

/// Of some durations, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// How many there were.
    pub count: usize,
    /// Half took at most this.
    pub p50: f64,
    /// 90 % did.
    pub p90: f64,
    /// 99 % did.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Percentiles {
    /// Of these durations; all zero when there are none.
    pub fn of(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        let at = |share: f64| {
            // Nearest rank.
            let rank = (share * durations.len() as f64).ceil() as usize;
            durations.get(rank.saturating_sub(1)).map_or(0.0, |duration| duration.as_secs_f64() * 1e3)
        };
        Self { count: durations.len(), p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1.0) }
    }
}

impl LatencyTable {
    /// Of what the ledger measured.
    pub fn of(latencies: Latencies) -> Self {
        Self {
            lag: Percentiles::of(latencies.lag),
            press_ringing: Percentiles::of(latencies.press_ringing),
            accept_confirm: Percentiles::of(latencies.accept_confirm),
            press_talking: Percentiles::of(latencies.press_talking),
        }
    }
}

impl Point {
    /// Takes over the faults.
    pub fn blame(&mut self, faults: &[Fault]) {
        for fault in faults {
            match fault {
                Fault::Lost(_) => self.lost += 1,
                Fault::Doubled(_) => self.doubled += 1,
                Fault::Otherwise(_) => self.ended_otherwise += 1,
                Fault::Diverged(_) => self.diverged += 1,
            }
        }
        self.faults = faults.iter().take(MAX_NAMED).map(Fault::to_string).collect();
    }

    /// Bytes and packets on the wire for each call, less what everybody would have cost without calls.
    pub fn carried_a_call(&self, idle: &Idle) -> Option<(f64, f64)> {
        let (bytes, packets) = idle.a_minute()?;
        let station_minutes = self.stations as f64 * self.lasted_seconds / 60.0;
        let (all, calls) = (self.carried?, self.calls.max(1) as f64);
        let a_call = |all: u64, minute: f64| (all as f64 - minute * station_minutes).max(0.0) / calls;
        Some((a_call(all.bytes, bytes), a_call(all.packets, packets)))
    }

    /// Whether every call went as planned.
    pub fn is_good(&self) -> bool {
        self.lost + self.doubled + self.ended_otherwise + self.diverged == 0
    }

    fn describe(&self, out: &mut String) -> fmt::Result {
        let Self { stations, calls, unplaced, lost, doubled, ended_otherwise, diverged, .. } = self;
        writeln!(out, "\n{stations} stations: {calls} calls in {:.1} s", self.lasted_seconds)?;
        let courses: Vec<_> = self.courses.iter().map(|(name, count)| format!("{name} {count}")).collect();
        writeln!(out, "  {}", courses.join(", "))?;
        if *unplaced > 0 {
            writeln!(out, "  {unplaced} more could not begin: too few stations were free")?;
        }
        writeln!(out, "  lost {lost}, doubled {doubled}, ended otherwise {ended_otherwise}, diverged {diverged}")?;
        self.faults.iter().try_for_each(|fault| writeln!(out, "    {fault}"))?;
        let LatencyTable { lag, press_ringing, accept_confirm, press_talking } = &self.latency_ms;
        writeln!(out, "  {:<30}{:>9}{:>9}{:>9}{:>9}{:>8}", "milliseconds", "p50", "p90", "p99", "max", "calls")?;
        for (name, of) in [
            ("press → ringing", press_ringing),
            ("accept → confirm", accept_confirm),
            ("press → talking, less ring time", press_talking),
            ("(lateness of this program)", lag),
        ] {
            let Percentiles { count, p50, p90, p99, max } = of;
            writeln!(out, "  {name:<31}{p50:>8.2}{p90:>9.2}{p99:>9.2}{max:>9.2}{count:>8}")?;
        }
        let of_calls = |count: u64| count as f64 / (*calls).max(1) as f64;
        let Traffic { sent, sent_bytes, heard, heard_bytes, repeated } = self.traffic;
        writeln!(
            out,
            "  a call: {:.1} messages and {:.1} KiB sent, {:.1} and {:.1} KiB received; {repeated} came twice",
            of_calls(sent),
            of_calls(sent_bytes) / 1024.0,
            of_calls(heard),
            of_calls(heard_bytes) / 1024.0
        )?;
        if let Some(server) = &self.server {
            writeln!(
                out,
                "  {server}, {:.2} ms of processor time a call",
                server.processor_seconds * of_calls(1) * 1e3
            )?;
        }
        if let Some(own) = self.own_processor_seconds {
            writeln!(out, "  this program: {own:.2} s of processor time")?;
        }
        self.incidents.iter().try_for_each(|(text, count)| writeln!(out, "  {count} × {text}"))
    }

    fn row(&self, out: &mut String) -> fmt::Result {
        let LatencyTable { press_ringing, accept_confirm, press_talking, .. } = &self.latency_ms;
        write!(
            out,
            "{:>8}{:>8}{:>6}{:>8}{:>7}",
            self.stations, self.calls, self.lost, self.doubled, self.ended_otherwise
        )?;
        for of in [press_ringing, accept_confirm, press_talking] {
            write!(out, "{:>10.2}{:>9.2}", of.p50, of.p99)?;
        }
        match &self.server {
            Some(server) => writeln!(out, "{:>12}{:>9.2}", server.bytes_per_connection, server.processor_seconds),
            None => writeln!(out, "{:>12}{:>9}", "-", "-"),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let (empty, idle, after) = (mib(self.empty_bytes), mib(self.idle_bytes), mib(self.after_bytes));
        write!(f, "server: {} bytes a connection ({empty:.1} MiB empty, {idle:.1} idle, ", self.bytes_per_connection)?;
        write!(f, "{after:.1} after the calls)")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out =
            format!("{}: {} calls a second for {} s, seed {}\n", self.url, self.rate, self.seconds, self.seed);
        if self.interrupted {
            out.push_str("interrupted: what follows is less than was asked for\n");
        }
        self.points.iter().try_for_each(|point| point.describe(&mut out))?;
        if self.points.len() > 1 {
            writeln!(
                out,
                "\n{:>8}{:>8}{:>6}{:>8}{:>7}{:>19}{:>19}{:>19}{:>12}{:>9}",
                "", "", "", "", "", "press → ringing", "accept → confirm", "press → talking", "server", "server"
            )?;
            write!(out, "{:>8}{:>8}{:>6}{:>8}{:>7}", "stations", "calls", "lost", "doubled", "other")?;
            (0..3).for_each(|_| out.push_str("       p50      p99"));
            out.push_str("  bytes/conn    CPU s\n");
            self.points.iter().try_for_each(|point| point.row(&mut out))?;
        }
        f.write_str(&out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let durations = (1..=200).rev().map(Duration::from_millis).collect();
        let expected = Percentiles { count: 200, p50: 100.0, p90: 180.0, p99: 198.0, max: 200.0 };
        assert_eq!(Percentiles::of(durations), expected);
        assert_eq!(Percentiles::of(Vec::new()), Percentiles::default());
        let one = Percentiles::of(vec![Duration::from_millis(7)]);
        assert_eq!((one.p50, one.p99, one.max), (7.0, 7.0, 7.0));
    }
}
