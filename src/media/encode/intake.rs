//! What goes into an encoder: the queue before it and the rate of its frames.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;

use crate::media::join::count_buffers;
use crate::media::overuse::Counts;
use crate::media::pipeline::PipelineError;

/// The queue before the encoder. It holds two frames and drops the older one when the encoder is too slow.
pub(super) struct Intake {
    queue: gst::Element,
    offered: Arc<AtomicU64>,
    taken: Arc<AtomicU64>,
    /// The shortest time between two encoded frames, in nanoseconds; 0: every frame is encoded.
    interval: Arc<AtomicU64>,
    dropped: u64,
}

impl Intake {
    pub(super) fn new(queue: gst::Element, entrance: &gst::Pad) -> Result<Self, PipelineError> {
        let exit = queue.static_pad("src").ok_or_else(|| PipelineError::new("encode", "no exit"))?;
        let (offered, taken, interval) = (Arc::default(), Arc::default(), Arc::default());
        count_buffers(entrance, &offered);
        count_buffers(&exit, &taken);
        limit_rate(&exit, &interval);
        Ok(Self { queue, offered, taken, interval, dropped: 0 })
    }

    /// Encodes at most this many frames a second; none: every one.
    pub(super) fn limit(&self, fps: Option<u32>) {
        let interval = fps.map_or(0, |fps| 1_000_000_000 / u64::from(fps.max(1)));
        self.interval.store(interval, Ordering::Relaxed);
    }

    pub(super) fn counts(&mut self) -> Counts {
        let taken = self.taken.load(Ordering::Acquire);
        let waiting = u64::from(self.queue.property::<u32>("current-level-buffers"));
        let offered = self.offered.load(Ordering::Acquire);
        // The three are read one after the other: a frame on its way is not a dropped one.
        self.dropped = self.dropped.max(offered.saturating_sub(taken + waiting + 1));
        Counts { offered, dropped: self.dropped }
    }
}

/// Lets a frame pass when the interval since the last one is over. `videorate` would hold each frame until the next one.
pub(super) fn limit_rate(pad: &gst::Pad, interval: &Arc<AtomicU64>) {
    let (interval, last) = (Arc::clone(interval), AtomicU64::new(0));
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let interval = interval.load(Ordering::Relaxed);
        let Some(pts) = info.buffer().and_then(|buffer| buffer.pts()).map(gst::ClockTime::nseconds) else {
            return gst::PadProbeReturn::Ok;
        };
        let due = last.load(Ordering::Relaxed) + interval;
        // Time stamps jitter: a frame that is a quarter of the interval early counts as in time.
        if interval > 0 && pts + interval / 4 < due {
            return gst::PadProbeReturn::Handled;
        }
        // The next one is due an interval after this one was, so that the average is right.
        last.store(if due + interval > pts { due.min(pts) } else { pts }, Ordering::Relaxed);
        gst::PadProbeReturn::Ok
    });
}
