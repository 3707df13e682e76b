//! Half duplex: one side speaks at a time, for devices whose echo nothing else can take away.
//!
//! Who speaks first has the floor until it has been silent for a moment. While the far end has it our microphone is muted;
//! while we have it the loudspeaker is. Nobody holds it for ever against the other: a street is never silent.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;

/// Above this, in dBFS, somebody speaks.
const SPEECH_DB: f64 = -42.0;
/// A pause between two words is no end of speech.
const PAUSE: Duration = Duration::from_millis(300);
/// The floor is given up to the other side after so long, if that speaks.
const LONGEST: Duration = Duration::from_secs(5);

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// We.
    Near,
    /// The other end.
    Far,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Near => Self::Far,
            Self::Far => Self::Near,
        }
    }
}

/// The floor, and since when and until when it is whose.
#[derive(Debug, Default)]
pub(crate) struct Floor {
    held: Option<Held>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    by: Side,
    since: Duration,
    until: Duration,
}

impl Floor {
    /// A side sounds as loud as this now: says whether it may be heard. `now` is the time since any fixed moment.
    pub(crate) fn hear(&mut self, now: Duration, side: Side, level_db: f64) -> bool {
        self.held = self.held.filter(|held| now < held.until);
        let speaks = level_db > SPEECH_DB;
        match &mut self.held {
            Some(held) if held.by == side => {
                if speaks {
                    held.until = now + PAUSE;
                }
                true
            }
            Some(held) if speaks && now >= held.since + LONGEST => {
                self.held = Some(Held { by: held.by.other(), since: now, until: now + PAUSE });
                true
            }
            Some(_) => false,
            None => {
                self.held = speaks.then_some(Held { by: side, since: now, until: now + PAUSE });
                true
            }
        }
    }
}

/// Makes a pad of each direction obey the floor. Both carry interleaved signed 16-bit samples.
pub(crate) fn share(near: &gst::Pad, far: &gst::Pad) {
    let (floor, start) = (Arc::new(Mutex::new(Floor::default())), Instant::now());
    for (pad, side) in [(near, Side::Near), (far, Side::Far)] {
        let floor = Arc::clone(&floor);
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let Some(buffer) = info.buffer_mut() else { return gst::PadProbeReturn::Ok };
            let level = buffer.map_readable().map_or(f64::MIN, |samples| level_db(&samples));
            let mut floor = floor.lock().unwrap_or_else(PoisonError::into_inner);
            if !floor.hear(start.elapsed(), side, level) {
                if let Ok(mut samples) = buffer.make_mut().map_writable() {
                    samples.fill(0);
                }
            }
            gst::PadProbeReturn::Ok
        });
    }
}

/// How loud these samples are, in dBFS.
pub(crate) fn level_db(bytes: &[u8]) -> f64 {
    let samples = bytes.chunks_exact(2).map(|pair| f64::from(i16::from_le_bytes([pair[0], pair[1]])));
    let power = samples.map(|sample| sample * sample).sum::<f64>() / (bytes.len() / 2).max(1) as f64;
    20.0 * (power.sqrt() / f64::from(i16::MAX)).max(1e-9).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOUD: f64 = -20.0;
    const QUIET: f64 = -60.0;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn who_speaks_first_has_the_floor_until_it_pauses() {
        let mut floor = Floor::default();
        assert!(floor.hear(ms(0), Side::Far, LOUD));
        assert!(!floor.hear(ms(10), Side::Near, LOUD), "our echo stays here");
        assert!(floor.hear(ms(200), Side::Far, QUIET), "a pause between words");
        assert!(!floor.hear(ms(290), Side::Near, LOUD));
        assert!(floor.hear(ms(310), Side::Near, LOUD), "it has been silent long enough");
        assert!(!floor.hear(ms(320), Side::Far, LOUD));
    }

    #[test]
    fn silence_passes_both_ways() {
        let mut floor = Floor::default();
        for at in 0..100 {
            assert!(floor.hear(ms(at * 10), Side::Near, QUIET) && floor.hear(ms(at * 10), Side::Far, QUIET));
        }
    }

    #[test]
    fn nobody_holds_the_floor_for_ever() {
        let mut floor = Floor::default();
        let mut far_heard = 0;
        for at in 0..1200 {
            floor.hear(ms(at * 10), Side::Near, LOUD);
            far_heard += u32::from(floor.hear(ms(at * 10), Side::Far, LOUD));
        }
        assert!((400..800).contains(&far_heard), "{far_heard} of 1200");
    }

    #[test]
    fn levels_are_of_full_scale() {
        let tone = |level: i16| [level.to_le_bytes(), (-level).to_le_bytes()].concat().repeat(240);
        assert!(level_db(&tone(i16::MAX)).abs() < 0.1);
        assert!((level_db(&tone(3277)) + 20.0).abs() < 0.1);
        assert!(level_db(&[0; 960]) < -100.0);
    }
}
