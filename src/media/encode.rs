//! The encode pipeline: camera or placeholder to one encoded stream that every link shares.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};
use gstreamer_utils::{ConsumptionLink, StreamProducer};
use gstreamer_video::UpstreamForceKeyUnitEvent;

use super::camera::raw_caps;
use super::codec::{Encoder, apply};
use super::inbox::{Inbox, Note};
use super::join::{attach_shut, prepare_slot, producer};
use super::pipeline::{Pipeline, PipelineError};
use super::settings::Settings;
use super::warm::world;

/// Key frames are made at most this often, however many peers ask.
pub(crate) const KEY_FRAME_EVERY: Duration = Duration::from_millis(500);

/// The running encoder.
pub(crate) struct Encode {
    pub(crate) pipeline: Pipeline,
    /// Encoded once, for every link.
    pub(crate) video: StreamProducer,
    /// What is used.
    pub(crate) encoder: &'static Encoder,
    element: gst::Element,
    valve: gst::Element,
    picture: AppSink,
    camera: AppSrc,
    camera_link: Option<ConsumptionLink>,
    bitrate: u32,
}

impl Encode {
    /// Builds the pipeline; [`Pipeline::play`] starts it.
    pub(crate) fn new(settings: &Settings, encoder: &'static Encoder, inbox: &Inbox) -> Result<Self, PipelineError> {
        let pipeline = Pipeline::parse("encode", &describe(settings, encoder), inbox)?;
        let element = pipeline.element("encoder")?;
        apply(&element, encoder.properties);
        encoder.set_bitrate(&element, settings.bitrate.start);
        let switch = pipeline.element("switch")?;
        if let Some(placeholder) = switch.static_pad("sink_1") {
            placeholder.set_property("priority", 1u32);
        }
        let sink: AppSink = pipeline.typed("video")?;
        if let Some(pad) = sink.static_pad("sink") {
            coalesce_key_requests(&pad, inbox);
        }
        let camera: AppSrc = pipeline.typed("camera")?;
        prepare_slot(&camera);
        camera.set_caps(raw_caps(settings).parse().ok().as_ref());
        Ok(Self {
            video: producer(&sink),
            encoder,
            element,
            valve: pipeline.element("valve")?,
            picture: pipeline.typed("picture")?,
            camera,
            camera_link: None,
            bitrate: settings.bitrate.start,
            pipeline,
        })
    }

    /// Takes frames from this camera from now on.
    pub(crate) fn take(&mut self, raw: &StreamProducer) -> Result<(), PipelineError> {
        let link = attach_shut(raw, &self.camera)?;
        link.set_discard(false);
        self.camera_link = Some(link);
        Ok(())
    }

    /// The camera is gone: the placeholder takes over.
    pub(crate) fn lose_camera(&mut self) {
        self.camera_link = None;
    }

    /// Encodes only while somebody may see it. The raw picture goes on either way.
    pub(crate) fn set_wanted(&self, wanted: bool) {
        self.valve.set_property("drop", !wanted);
    }

    /// Makes a key frame now.
    pub(crate) fn key_frame(&self) {
        let event = UpstreamForceKeyUnitEvent::builder().all_headers(true).build();
        if let Some(pad) = self.element.static_pad("src") {
            pad.send_event(event);
        }
    }

    /// Follows the slowest link; small steps are not worth the encoder's trouble.
    pub(crate) fn set_bitrate(&mut self, bits: u32) {
        if bits.abs_diff(self.bitrate) * 20 > self.bitrate {
            self.bitrate = bits;
            self.encoder.set_bitrate(&self.element, bits);
        }
    }

    /// What the encoder is told.
    pub(crate) fn bitrate(&self) -> u32 {
        self.bitrate
    }

    /// The last raw picture, for a snapshot.
    pub(crate) fn picture(&self) -> Option<gst::Sample> {
        self.picture.property("last-sample")
    }
}

fn describe(settings: &Settings, encoder: &Encoder) -> String {
    let raw = raw_caps(settings);
    let parse = match encoder.codec {
        super::settings::VideoCodec::H264 => "! h264parse config-interval=-1 ! video/x-h264,stream-format=byte-stream,alignment=au",
        super::settings::VideoCodec::Vp8 => "",
    };
    format!(
        "fallbackswitch name=switch timeout=500000000 immediate-fallback=true ! {raw} ! tee name=tee \
         appsrc name=camera ! switch.sink_0 \
         videotestsrc is-live=true pattern=black ! {raw} ! textoverlay text=\"No picture\" halignment=center \
           valignment=center font-desc=\"Sans 24\" ! {raw} ! switch.sink_1 \
         tee. ! valve name=valve drop=true drop-mode=forward-sticky-events \
           ! queue leaky=downstream max-size-buffers=2 max-size-time=0 max-size-bytes=0 \
           ! videoconvert ! {factory} name=encoder ! {caps} {parse} ! appsink name=video async=false \
         tee. ! queue leaky=downstream max-size-buffers=1 max-size-time=0 max-size-bytes=0 \
           ! appsink name=picture async=false sync=false max-buffers=1 drop=true",
        factory = encoder.factory,
        caps = encoder.caps,
    )
}

/// Lets one request for a key frame through each [`KEY_FRAME_EVERY`]; a later one is remembered by the owner.
fn coalesce_key_requests(pad: &gst::Pad, inbox: &Inbox) {
    let last = Arc::new(AtomicU64::new(0));
    let inbox = inbox.clone();
    pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
        let asks = info.event().is_some_and(|event| UpstreamForceKeyUnitEvent::parse(event).is_ok());
        if !asks {
            return gst::PadProbeReturn::Ok;
        }
        let now = world().map(|world| world.running_time().mseconds()).unwrap_or(0);
        let before = last.load(Ordering::Relaxed);
        if before == 0 || now.saturating_sub(before) >= KEY_FRAME_EVERY.as_millis() as u64 {
            last.store(now.max(1), Ordering::Relaxed);
            return gst::PadProbeReturn::Ok;
        }
        inbox.tell(Note::KeyFrameWanted);
        // Not `Drop`: the bindings take the event out, and GStreamer 1.22 then complains that it is gone.
        gst::PadProbeReturn::Handled
    });
}
