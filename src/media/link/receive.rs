//! One receiving branch of a link: RTP from webrtcbin, decoded, to a joint. Built before the first packet, and shut.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};
use gstreamer_utils::{ConsumptionLink, StreamProducer};
use gstreamer_video::UpstreamForceKeyUnitEvent;

use super::send::Medium;
use crate::media::audio::RAW;
use crate::media::codec::decoder;
use crate::media::join::{attach_shut, count_buffers, on_first_buffer, producer};
use crate::media::pipeline::{Pipeline, PipelineError};
use crate::media::settings::VideoCodec;

/// How long packets of a peer that is not examined yet are kept back before they are dropped.
const PATIENCE: Duration = Duration::from_millis(300);

/// One receiving branch. Two gates stand in a row: no packet reaches the decoder before the link is trusted,
/// and no decoded sample leaves the link before the station says so. Decoding ahead of the second gate is what
/// makes the picture be there when it opens.
pub(crate) struct Receiver {
    entry: gst::Pad,
    exit: gst::Pad,
    decoded: StreamProducer,
    joint: Option<ConsumptionLink>,
    open: bool,
    trust: Arc<Trust>,
    packets: Arc<AtomicU64>,
    frames: Arc<AtomicU64>,
    told_first: bool,
}

impl Receiver {
    /// Builds the branch, with both gates shut.
    pub(crate) fn new(pipeline: &Pipeline, medium: Medium) -> Result<Self, PipelineError> {
        let failed = |text: &str| PipelineError::new("link", format!("{medium:?} in: {text}"));
        let description = describe(medium).map_err(|error| failed(&error))?;
        let bin = gst::parse::bin_from_description(&description, true).map_err(|error| failed(&error.to_string()))?;
        if let (Medium::Video(codec), Some(element)) = (medium, bin.by_name("decoder")) {
            decoder(codec).map_err(|error| failed(&error.to_string()))?.set_up(&element);
        }
        pipeline.inner().add(&bin).map_err(|error| failed(&error.to_string()))?;
        bin.sync_state_with_parent().map_err(|error| failed(&error.to_string()))?;
        let entry = bin.static_pad("sink").ok_or_else(|| failed("no entry"))?;
        let sink = bin.by_name("decoded").and_then(|sink| sink.downcast::<AppSink>().ok());
        let sink = sink.ok_or_else(|| failed("no exit"))?;
        let exit = sink.static_pad("sink").ok_or_else(|| failed("no exit pad"))?;
        let (trust, packets, frames) = (Arc::default(), Arc::default(), Arc::default());
        guard(&entry, &trust, &packets);
        count_buffers(&exit, &frames);
        let decoded = producer(&sink);
        Ok(Self { entry, exit, decoded, joint: None, open: false, trust, packets, frames, told_first: false })
    }

    /// Where webrtcbin's pad is to be linked.
    pub(crate) fn entry(&self) -> &gst::Pad {
        &self.entry
    }

    /// The peer is who its description says: packets may reach the decoder.
    pub(crate) fn trust(&self) {
        self.trust.give();
    }

    /// Nothing reaches the decoder any more.
    pub(crate) fn distrust(&mut self) {
        self.trust.refuse();
        self.joint = None;
    }

    /// Attaches the branch to an input of the mixer.
    pub(crate) fn attach(&mut self, slot: &AppSrc) -> Result<(), PipelineError> {
        self.joint = None;
        let joint = attach_shut(&self.decoded, slot)?;
        joint.set_discard(!self.open);
        self.joint = Some(joint);
        Ok(())
    }

    /// Opens or shuts the second gate. Pictures have theirs at the screen, which takes those of open branches only.
    pub(crate) fn set_open(&mut self, open: bool) {
        self.open = open;
        if let Some(joint) = &self.joint {
            joint.set_discard(!open);
        }
    }

    /// Whether decoded samples may leave.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Whether the first sample is still to be told; asking settles it.
    pub(crate) fn first_is_untold(&mut self) -> bool {
        !std::mem::replace(&mut self.told_first, true)
    }

    /// Decoded samples, for who shows them.
    pub(crate) fn decoded(&self) -> &StreamProducer {
        &self.decoded
    }

    /// Where decoded samples come out.
    pub(crate) fn exit(&self) -> &gst::Pad {
        &self.exit
    }

    /// Tells of the next decoded sample.
    pub(crate) fn on_next(&self, tell: impl Fn() + Send + Sync + 'static) {
        on_first_buffer(&self.exit, tell);
    }

    /// Asks the peer for a key frame.
    pub(crate) fn ask_key_frame(&self) {
        let event = UpstreamForceKeyUnitEvent::builder().all_headers(true).build();
        self.entry.push_event(event);
    }

    /// Packets that came in and decoded samples that came out.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.packets.load(Ordering::Relaxed), self.frames.load(Ordering::Relaxed))
    }
}

fn describe(medium: Medium) -> Result<String, String> {
    let depay = match medium {
        Medium::Audio => {
            return Ok(format!(
                "rtpopusdepay ! opusdec use-inband-fec=true plc=true ! audioconvert ! audioresample ! {RAW} \
                 ! appsink name=decoded sync=false async=false"
            ));
        }
        Medium::Video(VideoCodec::Vp8) => "rtpvp8depay request-keyframe=true wait-for-keyframe=true",
        Medium::Video(VideoCodec::H264) => {
            "rtph264depay request-keyframe=true wait-for-keyframe=true \
             ! video/x-h264,stream-format=byte-stream,alignment=au"
        }
    };
    let Medium::Video(codec) = medium else { return Err("no such medium".into()) };
    let decoder = decoder(codec).map_err(|error| error.to_string())?;
    // RTP tells no frame rate. With one, a frame has an end, and the compositor need not wait for the next to show it.
    Ok(format!(
        "{depay} ! {} ! {} name=decoder ! videoconvert ! video/x-raw,format=I420 \
         ! capssetter caps=\"video/x-raw,framerate=(fraction)25/1\" ! appsink name=decoded sync=false async=false",
        decoder.entry, decoder.factory
    ))
}

/// Whether the peer is who its description says. Its first packets may be here a moment before we know.
#[derive(Debug, Default)]
struct Trust {
    state: Mutex<Verdict>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Verdict {
    /// Not examined yet; nothing has come.
    #[default]
    Open,
    /// Not examined in time: what comes is dropped.
    Overdue,
    /// It is.
    Given,
    /// It is not.
    Refused,
}

impl Trust {
    fn give(&self) {
        self.decide(Verdict::Given);
    }

    fn refuse(&self) {
        self.decide(Verdict::Refused);
    }

    fn decide(&self, verdict: Verdict) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = verdict;
        self.changed.notify_all();
    }

    /// Whether a packet may pass. The very first one waits for the verdict, and those behind it with it: a key frame of which
    /// the beginning is dropped is of no use, and the next one comes late.
    fn lets_pass(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(state, PATIENCE, |verdict| *verdict == Verdict::Open);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if *state == Verdict::Open {
            *state = Verdict::Overdue;
        }
        *state == Verdict::Given
    }
}

/// The first gate: until the link is trusted not one packet passes.
fn guard(entry: &gst::Pad, trust: &Arc<Trust>, packets: &Arc<AtomicU64>) {
    let (trust, packets) = (Arc::clone(trust), Arc::clone(packets));
    entry.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, _| {
        if !trust.lets_pass() {
            // Not `Drop`: the bindings take the buffer out, and GStreamer then complains that it is gone.
            return gst::PadProbeReturn::Handled;
        }
        packets.fetch_add(1, Ordering::Relaxed);
        gst::PadProbeReturn::Ok
    });
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn the_first_packet_waits_for_the_verdict_and_later_ones_do_not() {
        let trust = Arc::new(Trust::default());
        let packet = thread::spawn({
            let trust = Arc::clone(&trust);
            move || trust.lets_pass()
        });
        thread::sleep(PATIENCE / 10);
        trust.give();
        assert!(packet.join().unwrap());
        trust.refuse();
        assert!(!trust.lets_pass());
    }

    #[test]
    fn nobody_waits_twice_for_a_verdict_that_does_not_come() {
        let trust = Trust::default();
        assert!(!trust.lets_pass());
        let again = std::time::Instant::now();
        assert!((0..1000).all(|_| !trust.lets_pass()));
        assert!(again.elapsed() < PATIENCE * 10);
        trust.give();
        assert!(trust.lets_pass());
    }
}
