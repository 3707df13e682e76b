//! How long a packet may wait for an earlier one: stepped up when packets come too late, and down again when none does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;

/// One step up. Down goes slower: a network that was bad once may be bad again.
const UP: Duration = Duration::from_millis(20);
const DOWN: Duration = Duration::from_millis(10);
/// Never longer: people would begin to speak at the same time.
const MOST: Duration = Duration::from_millis(200);
/// So many late packets of a thousand are too many.
const TOO_MANY: u64 = 5;
/// After so long without one it may be tried with less.
const CALM: Duration = Duration::from_secs(30);

/// What the buffers of a link have counted since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Packets given on.
    pub(crate) pushed: u64,
    /// Packets that came when they had been given up.
    pub(crate) late: u64,
}

/// The length of a link's buffers, as it should be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Jitter {
    least: Duration,
    length: Duration,
    seen: Counts,
    calm_since: Instant,
}

impl Jitter {
    /// Begins with what is configured, which is also the least.
    pub(crate) fn new(now: Instant, least: Duration) -> Self {
        Self { least, length: least, seen: Counts::default(), calm_since: now }
    }

    /// How long it is.
    pub(crate) fn length(&self) -> Duration {
        self.length
    }

    /// The counts are these now: gives the length when it changes.
    pub(crate) fn look(&mut self, now: Instant, counts: Counts) -> Option<Duration> {
        let (pushed, late) =
            (counts.pushed.saturating_sub(self.seen.pushed), counts.late.saturating_sub(self.seen.late));
        self.seen = counts;
        let before = self.length;
        if late > 1 && late * 1000 > pushed * TOO_MANY {
            self.length = (self.length + UP).min(MOST.max(self.least));
            self.calm_since = now;
        } else if late > 0 {
            self.calm_since = now;
        } else if now >= self.calm_since + CALM {
            self.length = self.length.saturating_sub(DOWN).max(self.least);
            self.calm_since = now;
        }
        (self.length != before).then_some(self.length)
    }
}

/// The buffers of a link. webrtcbin makes one for each stream that comes in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers(Arc<Mutex<Vec<glib::WeakRef<gst::Element>>>>);

impl Buffers {
    /// One more.
    pub(crate) fn add(&self, buffer: &gst::Element) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer.downgrade());
    }

    /// What they have counted, together.
    pub(crate) fn counts(&self) -> Counts {
        let buffers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts = Counts::default();
        for stats in buffers.iter().filter_map(|buffer| Some(buffer.upgrade()?.property::<gst::Structure>("stats"))) {
            counts.pushed += stats.get::<u64>("num-pushed").unwrap_or(0);
            counts.late += stats.get::<u64>("num-late").unwrap_or(0);
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: Duration = Duration::from_millis(40);

    /// Looks every two seconds; each look sees so many late ones of a hundred packets.
    fn after(lates: &[u64]) -> Duration {
        let start = Instant::now();
        let mut jitter = Jitter::new(start, LEAST);
        let mut counts = Counts::default();
        for (number, late) in lates.iter().enumerate() {
            counts.pushed += 100;
            counts.late += late;
            jitter.look(start + Duration::from_secs(2 * number as u64), counts);
        }
        jitter.length()
    }

    #[test]
    fn late_packets_make_it_longer_up_to_a_bound() {
        assert_eq!(after(&[0, 5]), LEAST + UP);
        assert_eq!(after(&[5; 100]), MOST);
        assert_eq!(after(&[1, 1, 1]), LEAST, "one late packet is no reason");
    }

    #[test]
    fn it_shrinks_slowly_when_all_is_well_and_never_below_what_is_configured() {
        let calm = [0; 16];
        assert_eq!(after(&[&[5, 5, 5][..], &calm].concat()), LEAST + 3 * UP - DOWN);
        assert_eq!(after(&[&[5][..], &[0; 400]].concat()), LEAST);
        assert_eq!(after(&[0; 100]), LEAST);
    }
}
