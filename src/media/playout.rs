//! How far behind its time a peer's sound comes, and by how much it is to be played later so that it is heard at all.
//!
//! The mixer leaves out what comes too late. A machine that is always a little late would thus be silent for ever;
//! playing that peer a little later is better. The figure is found while samples pass, with two atomics and no lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;

use super::warm::world;

/// So many samples in a row must be late before it counts: half a second of Opus frames.
const PATIENCE: u64 = 25;
/// One step.
const STEP: gst::ClockTime = gst::ClockTime::from_mseconds(40);
/// Never later than this: who is later is not to be talked with.
const MOST: gst::ClockTime = gst::ClockTime::from_mseconds(400);

/// Watches one input of the mixer. `allowed` is how late a sample may be and still be mixed; `shift` is the offset of an
/// input whose peer is in time.
pub(crate) fn watch(pad: &gst::Pad, allowed: gst::ClockTime, shift: i64) {
    let late = Arc::new(AtomicU64::new(0));
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let (Some(pts), Ok(world)) = (info.buffer().and_then(|buffer| buffer.pts()), world()) else {
            return gst::PadProbeReturn::Ok;
        };
        let moved = u64::try_from(pad.offset() - shift).unwrap_or(0);
        let due = pts + gst::ClockTime::from_nseconds(moved) + allowed;
        if world.running_time() <= due {
            late.store(0, Ordering::Relaxed);
        } else if late.fetch_add(1, Ordering::Relaxed) + 1 == PATIENCE {
            late.store(0, Ordering::Relaxed);
            let later = (moved + STEP.nseconds()).min(MOST.nseconds());
            pad.set_offset(shift + i64::try_from(later).unwrap_or(0));
        }
        gst::PadProbeReturn::Ok
    });
}

/// Another peer takes the input: it is judged anew.
pub(crate) fn reset(pad: &gst::Pad, shift: i64) {
    pad.set_offset(shift);
}
