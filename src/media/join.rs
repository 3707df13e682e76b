//! How pipelines are joined: encoded or raw samples cross from one to another without back-pressure.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};
use gstreamer_utils::streamproducer::{ConsumerSettings, ProducerSettings};
use gstreamer_utils::{ConsumptionLink, StreamProducer};

use super::pipeline::PipelineError;

/// The most that waits at a joint before the oldest is dropped.
const MAX_TIME: gst::ClockTime = gst::ClockTime::from_mseconds(100);

fn consumer_settings() -> ConsumerSettings {
    ConsumerSettings { max_buffer: 0, max_bytes: gst::format::Bytes::ZERO, max_time: MAX_TIME }
}

/// Sets a source up before anything is attached to it.
pub(crate) fn prepare_slot(slot: &AppSrc) {
    StreamProducer::configure_consumer_with(slot, consumer_settings());
}

/// Makes a sink the giving end of joints. It never waits for the clock: who takes does. Its end is its own: a camera that goes
/// away must not end what is encoded.
pub(crate) fn producer(sink: &AppSink) -> StreamProducer {
    let producer = StreamProducer::with(sink, ProducerSettings { sync: false });
    producer.set_forward_events([]);
    producer
}

/// Attaches a source with its gate shut. [`ConsumptionLink::set_discard`] is the gate.
pub(crate) fn attach_shut(producer: &StreamProducer, slot: &AppSrc) -> Result<ConsumptionLink, PipelineError> {
    let mut link = ConsumptionLink::disconnected_with(slot.clone(), consumer_settings());
    link.set_discard(true);
    link.change_producer(producer, false).map_err(|error| PipelineError::new("joint", error))?;
    // A stream begins with a key frame, but need not go on with one: a raw frame left out before the encoder marks the
    // next encoded one as a break, though it decodes, and a busy machine that skips frames would wait for ever.
    link.set_wait_for_keyframe(false);
    Ok(link)
}

/// Tells when the first buffer passes a pad, once, and is gone then: no cost a frame.
pub(crate) fn on_first_buffer(pad: &gst::Pad, tell: impl Fn() + Send + Sync + 'static) -> Option<gst::PadProbeId> {
    pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, _| {
        tell();
        gst::PadProbeReturn::Remove
    })
}

/// Counts the buffers that pass a pad: one atomic addition each.
pub(crate) fn count_buffers(pad: &gst::Pad, count: &Arc<AtomicU64>) {
    let count = Arc::clone(count);
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        count.fetch_add(1, Ordering::Relaxed);
        gst::PadProbeReturn::Ok
    });
}
