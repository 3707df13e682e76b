//! Who speaks, by the level of the received sound. It is found while samples pass, and read by the owner.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;

use super::duplex::level_db;

/// Above this, in dBFS, somebody speaks; below the other nobody does. Between the two nothing changes.
const LOUD_DB: f64 = -42.0;
const QUIET_DB: f64 = -48.0;
/// A click is shorter than this.
const ATTACK: Duration = Duration::from_millis(60);
/// A pause between two words is shorter than this.
const HOLD: Duration = Duration::from_millis(700);

/// The speech of one peer.
#[derive(Debug, Default)]
struct Speech {
    speaks: bool,
    loud: Duration,
    quiet: Duration,
}

impl Speech {
    /// A piece of sound of this length and level came. Returns whether the peer speaks.
    fn hear(&mut self, length: Duration, level_db: f64) -> bool {
        self.loud = if level_db > LOUD_DB { self.loud + length } else { Duration::ZERO };
        self.quiet = if level_db < QUIET_DB { self.quiet + length } else { Duration::ZERO };
        if self.speaks {
            self.speaks = self.quiet < HOLD;
        } else {
            self.speaks = self.loud >= ATTACK;
        }
        self.speaks
    }
}

/// Whether a peer speaks now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Voice(Arc<AtomicBool>);

impl Voice {
    /// Listens to a pad that carries signed 16-bit samples.
    pub(crate) fn listen(pad: &gst::Pad) -> Self {
        let (voice, speech) = (Self::default(), Mutex::new(Speech::default()));
        let heard = voice.clone();
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let Some(buffer) = info.buffer() else { return gst::PadProbeReturn::Ok };
            let length = buffer.duration().map_or(Duration::from_millis(20), Duration::from);
            let level = buffer.map_readable().map_or(f64::MIN, |samples| level_db(&samples));
            let mut speech = speech.lock().unwrap_or_else(PoisonError::into_inner);
            heard.0.store(speech.hear(length, level), Ordering::Relaxed);
            gst::PadProbeReturn::Ok
        });
        voice
    }

    /// Returns whether the peer speaks.
    pub(crate) fn speaks(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of levels that hold for so many milliseconds each.
    fn after(speech: &mut Speech, levels: &[(f64, u64)]) -> bool {
        let frame = Duration::from_millis(20);
        let mut speaks = speech.speaks;
        for (level, ms) in levels {
            (0..ms / 20).for_each(|_| speaks = speech.hear(frame, *level));
        }
        speaks
    }

    #[test]
    fn who_speaks_is_marked_soon_and_through_the_pauses_between_words() {
        let mut speech = Speech::default();
        assert!(!after(&mut speech, &[(-70.0, 2000), (-20.0, 40), (-70.0, 200)]), "a click");
        assert!(after(&mut speech, &[(-25.0, 100)]));
        assert!(after(&mut speech, &[(-70.0, 600), (-30.0, 20), (-70.0, 600)]), "between words");
        assert!(!after(&mut speech, &[(-70.0, 800)]), "the end");
    }

    #[test]
    fn a_level_between_the_limits_changes_nothing() {
        let mut speech = Speech::default();
        assert!(!after(&mut speech, &[(-45.0, 5000)]));
        assert!(after(&mut speech, &[(-30.0, 100), (-45.0, 5000)]));
    }
}
