//! The last key frame of a network camera, kept while its pipeline is built anew: the next key frame may be 10 s away.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::prelude::*;

/// The caps, with the parameter sets in them, and the frame.
type Kept = Option<(gst::Caps, gst::Buffer)>;

/// Shared by the pipelines of one camera, one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyFrame(Arc<Mutex<Kept>>);

impl KeyFrame {
    /// Watches the entrance of a decoder. When its stream does not begin with a key frame, the decoder gets the kept one first.
    pub(crate) fn watch(&self, entrance: &gst::Pad) {
        let (kept, is_first) = (self.clone(), AtomicBool::new(true));
        entrance.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            let (Some(buffer), Some(caps)) = (info.buffer().cloned(), pad.current_caps()) else {
                return gst::PadProbeReturn::Ok;
            };
            let is_first = is_first.swap(false, Ordering::Relaxed);
            if !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT) {
                *kept.lock() = Some((caps, buffer));
            } else if let (true, Some(frame)) = (is_first, kept.for_stream(&caps, buffer.pts())) {
                if let Err(error) = pad.chain(frame) {
                    tracing::debug!(%error, "the kept key frame was not decoded");
                }
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// Returns the kept frame, if it belongs to this stream, with a time just before the frame that came.
    fn for_stream(&self, caps: &gst::Caps, before: Option<gst::ClockTime>) -> Option<gst::Buffer> {
        let kept = self.lock();
        let (_, frame) = kept.as_ref().filter(|(of, _)| of == caps)?;
        let mut frame = frame.copy();
        let time = before.map(|time| time.saturating_sub(gst::ClockTime::from_mseconds(1)));
        let changed = frame.make_mut();
        changed.set_pts(time);
        changed.set_dts(time);
        Some(frame)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What reaches the decoder of a stream of these frames: the first byte of each. `true` is a key frame.
    fn decoded(kept: &KeyFrame, caps: &str, frames: &[(u8, bool)]) -> Vec<u8> {
        let reached = Arc::new(Mutex::new(Vec::new()));
        let source = gst::Pad::builder(gst::PadDirection::Src).build();
        let entrance = gst::Pad::builder(gst::PadDirection::Sink)
            .chain_function({
                let reached = Arc::clone(&reached);
                move |_, _, buffer| {
                    reached.lock().unwrap().push(buffer.map_readable().unwrap()[0]);
                    Ok(gst::FlowSuccess::Ok)
                }
            })
            .build();
        source.link(&entrance).unwrap();
        kept.watch(&entrance);
        entrance.set_active(true).unwrap();
        source.set_active(true).unwrap();
        source.push_event(gst::event::StreamStart::new("test"));
        source.push_event(gst::event::Caps::new(&caps.parse().unwrap()));
        source.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
        for (byte, is_key) in frames {
            let mut buffer = gst::Buffer::from_mut_slice([*byte]);
            let flags = if *is_key { gst::BufferFlags::empty() } else { gst::BufferFlags::DELTA_UNIT };
            buffer.get_mut().unwrap().set_flags(flags);
            source.push(buffer).unwrap();
        }
        let reached = reached.lock().unwrap();
        reached.clone()
    }

    #[test]
    fn a_stream_that_begins_between_key_frames_gets_the_kept_one_first() {
        gst::init().unwrap();
        let (kept, h264) = (KeyFrame::default(), "video/x-h264,codec_data=(buffer)01");
        assert_eq!(decoded(&kept, h264, &[(1, false), (2, true), (3, false)]), [1, 2, 3]);
        assert_eq!(decoded(&kept, h264, &[(4, false), (5, false)]), [2, 4, 5]);
        assert_eq!(decoded(&kept, h264, &[(6, true), (7, false)]), [6, 7]);
        assert_eq!(decoded(&kept, h264, &[(8, false)]), [6, 8]);
        let other = "video/x-h264,codec_data=(buffer)02";
        assert_eq!(decoded(&kept, other, &[(9, false)]), [9], "other parameter sets: not its key frame");
    }
}
