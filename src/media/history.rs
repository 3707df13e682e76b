//! The last seconds of the camera, a picture every half second: what was before a button was pressed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::prelude::*;

/// From one picture to the next.
const EVERY: gst::ClockTime = gst::ClockTime::from_mseconds(500);
/// So many are remembered: two seconds.
const KEPT: usize = 5;

/// What a camera gave lately.
#[derive(Clone, Debug, Default)]
pub(crate) struct History(Arc<Mutex<VecDeque<gst::Sample>>>);

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

    /// The pictures, oldest first.
    pub(crate) fn pictures(&self) -> Vec<gst::Sample> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn remember(&self, buffer: &gst::BufferRef, caps: &gst::Caps) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = kept.back().and_then(|sample| sample.buffer()?.pts());
        let is_due = match (last, buffer.pts()) {
            (Some(last), Some(now)) => now >= last + EVERY || now < last,
            _ => true,
        };
        if !is_due {
            return;
        }
        let Ok(copy) = buffer.copy_deep() else { return };
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
        let times: Vec<_> =
            history.pictures().iter().map(|sample| sample.buffer().unwrap().pts().unwrap().mseconds()).collect();
        assert_eq!(times, [1560, 2080, 2600, 3120, 3640]);
    }
}
