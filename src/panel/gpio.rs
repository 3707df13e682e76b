//! Lines of GPIO chips: found by name or number, held as inputs or outputs (`linux/gpio.h`, version 2 of its interface).
//!
//! The kernel gives a line to one holder at a time and takes it back when the holder's descriptor is closed, so also when
//! its process dies. What the line does then is its driver's business: some let it float, some keep its last level.

use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

use gpiocdev::line::{self, EdgeDetection, EdgeKind, Value};
use gpiocdev::{Chip, Request};
use rustix::time::{ClockId, clock_gettime};
use tokio::io::unix::AsyncFd;

use super::output::Output;

/// Who holds the line, as `gpioinfo` shows it.
const CONSUMER: &str = "callbox";

/// Which line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineId {
    /// By its name in the device tree.
    Named(String),
    /// By its chip (name, label or path) and its number there.
    Numbered {
        /// `gpiochip0`, `pinctrl-bcm2711` or `/dev/gpiochip0`.
        chip: String,
        /// The line's number on that chip.
        offset: u32,
    },
}

/// Why a text is no line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a line's name or CHIP:NUMBER, with active-low, pull-up, pull-down or no-pull after it")]
pub struct BadLine;

impl FromStr for LineId {
    type Err = BadLine;
    fn from_str(text: &str) -> Result<Self, BadLine> {
        if let Some((chip, offset)) = text.rsplit_once(':') {
            if let (false, Ok(offset)) = (chip.trim().is_empty(), offset.parse()) {
                return Ok(Self::Numbered { chip: chip.to_owned(), offset });
            }
        }
        // The kernel cuts names at 31 bytes.
        let fits = !text.trim().is_empty() && text.len() < 32;
        fits.then(|| Self::Named(text.to_owned())).ok_or(BadLine)
    }
}

impl std::fmt::Display for LineId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Numbered { chip, offset } => write!(f, "{chip}:{offset}"),
        }
    }
}

/// What holds an open line at a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bias {
    /// A resistor to the supply.
    PullUp,
    /// A resistor to ground.
    PullDown,
    /// Nothing.
    None,
}

/// A line and how it is wired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Which.
    pub id: LineId,
    /// Active is the low level.
    pub is_active_low: bool,
    /// Without it, the board's own setting stays.
    pub bias: Option<Bias>,
}

impl FromStr for Line {
    type Err = BadLine;
    /// `BELL`, `gpiochip0:17 active-low pull-up`.
    fn from_str(text: &str) -> Result<Self, BadLine> {
        let mut words = text.split_whitespace();
        let mut line = Self { id: words.next().ok_or(BadLine)?.parse()?, is_active_low: false, bias: None };
        for word in words {
            let bias = match word {
                "active-low" if !line.is_active_low => {
                    line.is_active_low = true;
                    continue;
                }
                "pull-up" => Bias::PullUp,
                "pull-down" => Bias::PullDown,
                "no-pull" => Bias::None,
                _ => return Err(BadLine),
            };
            if line.bias.replace(bias).is_some() {
                return Err(BadLine);
            }
        }
        Ok(line)
    }
}

/// An output, inactive from the first moment on.
pub(super) fn output(line: &Line) -> io::Result<Request> {
    let mut config = config(line)?;
    config.as_output(Value::Inactive);
    hold(config)
}

impl Output for Request {
    fn set(&mut self, is_on: bool) -> io::Result<()> {
        self.set_lone_value(Value::from(is_on)).map(drop).map_err(io::Error::other)
    }
}

/// An input that tells every edge.
#[derive(Debug)]
pub(super) struct Input(AsyncFd<Request>);

impl Input {
    /// Edges closer than `settle` are none: the chip filters them, or the kernel in its place.
    pub(super) fn hold(line: &Line, settle: Duration) -> io::Result<Request> {
        let mut config = config(line)?;
        config.as_input().with_edge_detection(EdgeDetection::BothEdges);
        if !settle.is_zero() {
            config.with_debounce_period(settle);
        }
        hold(config)
    }

    #[allow(
        deprecated,
        reason = "what tokio offers instead is unsafe; a request keeps its one descriptor as long as it lives"
    )]
    pub(super) fn new(request: Request) -> io::Result<Self> {
        AsyncFd::new(request).map(Self)
    }

    /// Whether it is active now.
    pub(super) fn is_active(&self) -> io::Result<bool> {
        self.0.get_ref().lone_value().map(bool::from).map_err(io::Error::other)
    }

    /// The next edge: when it was, and whether it made the line active. Nothing is lost when the wait is given up.
    pub(super) async fn edge(&self) -> io::Result<(Instant, bool)> {
        loop {
            let mut ready = self.0.readable().await?;
            let read = ready.try_io(|fd| {
                let request = fd.get_ref();
                if !request.has_edge_event().map_err(io::Error::other)? {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                request.read_edge_event().map_err(io::Error::other)
            });
            if let Ok(event) = read {
                let event = event?;
                return Ok((instant_of(event.timestamp_ns), event.kind == EdgeKind::Rising));
            }
        }
    }
}

/// Events carry the monotonic clock, which is that of [`Instant`] too, but not its type.
fn instant_of(timestamp_ns: u64) -> Instant {
    let (now, clock) = (Instant::now(), clock_gettime(ClockId::Monotonic));
    let clock = Duration::new(u64::try_from(clock.tv_sec).unwrap_or(0), u32::try_from(clock.tv_nsec).unwrap_or(0));
    now.checked_sub(clock.saturating_sub(Duration::from_nanos(timestamp_ns))).unwrap_or(now)
}

fn config(line: &Line) -> io::Result<gpiocdev::request::Config> {
    let (chip, offset) = find(&line.id)?;
    let mut config = gpiocdev::request::Config::default();
    config.on_chip(chip).with_line(offset);
    if line.is_active_low {
        config.as_active_low();
    }
    config.with_bias(line.bias.map(|bias| match bias {
        Bias::PullUp => line::Bias::PullUp,
        Bias::PullDown => line::Bias::PullDown,
        Bias::None => line::Bias::Disabled,
    }));
    Ok(config)
}

fn hold(config: gpiocdev::request::Config) -> io::Result<Request> {
    Request::from_config(config).with_consumer(CONSUMER).request().map_err(io::Error::other)
}

fn find(id: &LineId) -> io::Result<(PathBuf, u32)> {
    match id {
        LineId::Named(name) => {
            let found = gpiocdev::find_named_lines(&[name], true).map_err(io::Error::other)?.remove(name.as_str());
            let found = found.ok_or_else(|| missing("no GPIO line of this name"))?;
            Ok((found.chip, found.info.offset))
        }
        LineId::Numbered { chip, offset } if chip.starts_with('/') => Ok((chip.into(), *offset)),
        LineId::Numbered { chip, offset } => {
            let is_it = |path: &PathBuf| {
                let info = Chip::from_path(path).and_then(|chip| chip.info());
                info.is_ok_and(|info| info.name == *chip || info.label == *chip)
            };
            let path = gpiocdev::chip::chips().map_err(io::Error::other)?.into_iter().find(is_it);
            Ok((path.ok_or_else(|| missing("no GPIO chip of this name or label"))?, *offset))
        }
    }
}

fn missing(what: &str) -> io::Error {
    let hint = "`gpioinfo` lists them; is this service in the group `gpio`?";
    io::Error::new(io::ErrorKind::NotFound, format!("{what} ({hint})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_named_or_numbered() {
        let numbered = |chip: &str, offset| LineId::Numbered { chip: chip.to_owned(), offset };
        let cases = [
            ("DOOR_RELAY", LineId::Named("DOOR_RELAY".to_owned())),
            ("gpiochip0:17", numbered("gpiochip0", 17)),
            ("pinctrl-bcm2711:4", numbered("pinctrl-bcm2711", 4)),
            ("/dev/gpiochip1:0", numbered("/dev/gpiochip1", 0)),
            ("PIN:A", LineId::Named("PIN:A".to_owned())),
        ];
        for (text, id) in cases {
            assert_eq!(text.parse::<LineId>(), Ok(id.clone()));
            assert_eq!(id.to_string(), text);
        }
        for bad in ["", " ", &"x".repeat(32)] {
            assert_eq!(bad.parse::<LineId>(), Err(BadLine), "{bad}");
        }
    }

    #[test]
    fn after_a_line_stands_how_it_is_wired() {
        let line = |is_active_low, bias| Ok(Line { id: LineId::Named("BELL".to_owned()), is_active_low, bias });
        assert_eq!("BELL".parse(), line(false, None));
        assert_eq!(" BELL  active-low pull-up ".parse(), line(true, Some(Bias::PullUp)));
        assert_eq!("BELL no-pull".parse(), line(false, Some(Bias::None)));
        for bad in ["", "BELL low", "BELL pull-up pull-down", "BELL active-low active-low"] {
            assert_eq!(bad.parse::<Line>(), Err(BadLine), "{bad}");
        }
    }

    #[test]
    fn the_time_of_an_event_becomes_an_instant() {
        let clock = clock_gettime(ClockId::Monotonic);
        let earlier = u64::try_from(clock.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(clock.tv_nsec).unwrap();
        let (before, at) = (Instant::now(), instant_of(earlier));
        assert!(at <= before + Duration::from_millis(1));
        assert!(instant_of(u64::MAX) >= before);
    }
}
