//! Several servers under the same load, side by side.

use std::fmt;

use serde::Serialize;

use crate::report::{Percentiles, Point, Report};

/// How wide a server's column is, and the names of what was measured.
const COLUMN: usize = 22;
const NAMES: usize = 46;

/// What was measured of each server.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Each as in its own report.
    pub servers: Vec<Report>,
}

/// One line of the table: a name, and what it says of the load with the most stations.
type Line = (&'static str, fn(&Report, &Point) -> Option<String>);

const LINES: &[Line] = &[
    ("stations", |_, point| Some(point.stations.to_string())),
    ("calls", |_, point| Some(point.calls.to_string())),
    ("lost", |_, point| Some(point.lost.to_string())),
    ("doubled", |_, point| Some(point.doubled.to_string())),
    ("ended otherwise", |_, point| Some(point.ended_otherwise.to_string())),
    ("group calls / diverged", |_, point| {
        let groups = point.courses.get("group")?;
        Some(format!("{groups} / {}", point.diverged))
    }),
    ("press → ringing, ms p50 / p99", |_, point| half_and_most(point.latency_ms.press_ringing)),
    ("accept → confirm, ms p50 / p99", |_, point| half_and_most(point.latency_ms.accept_confirm)),
    ("press → talking less ring time, ms p50 / p99", |_, point| half_and_most(point.latency_ms.press_talking)),
    ("server: bytes a connection", |_, point| Some(point.server?.bytes_per_connection.to_string())),
    ("server: processor ms a call", |_, point| {
        Some(format!("{:.2}", point.server?.processor_seconds * 1e3 / point.calls.max(1) as f64))
    }),
    ("server: processor ms a station a minute idle", |report, _| {
        let idle = report.idle?;
        Some(format!("{:.3}", idle.processor_seconds? * 1e3 * 60.0 / idle.seconds / idle.stations as f64))
    }),
    ("messages sent / received a call", |_, point| {
        let calls = point.calls.max(1) as f64;
        Some(format!("{:.1} / {:.1}", point.traffic.sent as f64 / calls, point.traffic.heard as f64 / calls))
    }),
    ("their KiB a call", |_, point| {
        let kib = |bytes: u64| bytes as f64 / 1024.0 / point.calls.max(1) as f64;
        Some(format!("{:.1} / {:.1}", kib(point.traffic.sent_bytes), kib(point.traffic.heard_bytes)))
    }),
    ("on the wire: KiB / packets a call", |report, point| {
        let (bytes, packets) = point.carried_a_call(&report.idle?)?;
        Some(format!("{:.1} / {packets:.0}", bytes / 1024.0))
    }),
    ("on the wire: bytes / packets a station a minute", |report, _| {
        let (bytes, packets) = report.idle?.a_minute()?;
        Some(format!("{bytes:.0} / {packets:.1}"))
    }),
];

fn half_and_most(of: Percentiles) -> Option<String> {
    Some(format!("{:.2} / {:.2}", of.p50, of.p99))
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for report in &self.servers {
            writeln!(f, "{report}")?;
        }
        if self.servers.len() < 2 {
            return Ok(());
        }
        write!(f, "{:<NAMES$}", "side by side")?;
        let scheme = |report: &Report| report.url.split(':').next().unwrap_or_default().to_owned();
        self.servers.iter().try_for_each(|report| write!(f, "{:>COLUMN$}", scheme(report)))?;
        writeln!(f)?;
        for (name, of) in LINES {
            write!(f, "{name:<NAMES$}")?;
            for report in &self.servers {
                let told = report.points.last().and_then(|point| of(report, point));
                write!(f, "{:>COLUMN$}", told.as_deref().unwrap_or("–"))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
