//! The last seconds of the camera, a picture every half second: what was before a button was pressed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::prelude::*;

/// From one picture to the next.
const EVERY: gst::ClockTime = gst::ClockTime::from_mseconds(500);
/// So many are remembered: two seconds.
const KEPT: usize = 5;
/// The time of a picture that is not there: later than all that are.
const NONE: u64 = u64::MAX;

/// What a camera gave lately.
#[derive(Clone, Debug, Default)]
pub(crate) struct History(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// The time of the newest picture in nanoseconds, so that a frame that is not remembered takes no lock.
    newest: AtomicU64,
    kept: Mutex<VecDeque<gst::Sample>>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { newest: AtomicU64::new(NONE), kept: Mutex::default() }
    }
}

impl History {
    /// Remembers what passes a pad. Frames are copied: a camera has few buffers, and would run out of them.
    pub(crate) fn watch(&self, pad: &gst::Pad) {
        let history = self.clone();
        pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            if let (Some(buffer), Some(caps)) = (info.buffer(), pad.current_caps()) {
                history.remember(buffer, &caps);
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// At most so many of the pictures, evenly apart, oldest first; the newest one is among them.
    pub(crate) fn pictures(&self, most: usize) -> Vec<gst::Sample> {
        let kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = kept.len().saturating_sub(1);
        let wanted = most.min(kept.len());
        (0..wanted).rev().filter_map(|back| kept.get(newest - back * newest / (wanted - 1).max(1))).cloned().collect()
    }

    fn remember(&self, buffer: &gst::BufferRef, caps: &gst::Caps) {
        let now = buffer.pts().map_or(NONE, gst::ClockTime::nseconds);
        let newest = self.0.newest.load(Ordering::Relaxed);
        if (newest..newest.saturating_add(EVERY.nseconds())).contains(&now) {
            return;
        }
        let Ok(copy) = buffer.copy_deep() else { return };
        self.0.newest.store(now, Ordering::Relaxed);
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back(gst::Sample::builder().buffer(&copy).caps(caps).build());
        if kept.len() > KEPT {
            kept.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_every_half_second_and_no_more_than_two_seconds() {
        gst::init().unwrap();
        let history = History::default();
        let caps = gst::Caps::builder("video/x-raw").build();
        for number in 0..100 {
            let mut buffer = gst::Buffer::from_mut_slice([number as u8]);
            buffer.get_mut().unwrap().set_pts(gst::ClockTime::from_mseconds(40 * number));
            history.remember(&buffer, &caps);
        }
        let times = |most| -> Vec<_> {
            let pictures = history.pictures(most);
            pictures.iter().map(|sample| sample.buffer().unwrap().pts().unwrap().mseconds()).collect()
        };
        assert_eq!(times(100), [1560, 2080, 2600, 3120, 3640]);
        assert_eq!(times(3), [1560, 2600, 3640]);
        assert_eq!(times(2), [1560, 3640]);
        assert_eq!(times(1), [3640]);
        assert!(times(0).is_empty());
        assert!(History::default().pictures(2).is_empty());
    }
}
