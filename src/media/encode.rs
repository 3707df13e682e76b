//! The encode pipeline: camera or placeholder to one encoded stream that every link shares.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};
use gstreamer_utils::{ConsumptionLink, StreamProducer};
use gstreamer_video::UpstreamForceKeyUnitEvent;

use super::camera::raw_caps;
use super::codec::Encoder;
use super::inbox::Inbox;
use super::join::{attach_shut, prepare_slot, producer};
use super::pipeline::{Pipeline, PipelineError, set_if_there};
use super::settings::Settings;

/// Key frames are made at most this often, however many peers ask.
const KEY_FRAME_EVERY: gst::ClockTime = gst::ClockTime::from_mseconds(500);

/// The running encoder.
pub(crate) struct Encode {
    pub(crate) pipeline: Pipeline,
    /// Encoded once, for every link.
    pub(crate) video: StreamProducer,
    /// What is used.
    pub(crate) encoder: &'static Encoder,
    element: gst::Element,
    valve: gst::Element,
    entrance: gst::Pad,
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
        encoder.set_up(&element, settings.width * settings.height);
        encoder.set_bitrate(&element, settings.bitrate.start);
        // The base class of all encoders keeps requests that come too soon until their time has come.
        let every = KEY_FRAME_EVERY.nseconds().to_string();
        set_if_there(&element, "min-force-key-unit-interval", &every);
        let switch = pipeline.element("switch")?;
        if let Some(placeholder) = switch.static_pad("sink_1") {
            placeholder.set_property("priority", 1u32);
        }
        let sink: AppSink = pipeline.typed("video")?;
        let entrance = pipeline.element("entrance")?.static_pad("sink");
        let entrance = entrance.ok_or_else(|| PipelineError::new("encode", "no entrance"))?;
        let camera: AppSrc = pipeline.typed("camera")?;
        prepare_slot(&camera);
        camera.set_caps(raw_caps(settings).parse().ok().as_ref());
        Ok(Self {
            video: producer(&sink),
            encoder,
            element,
            valve: pipeline.element("valve")?,
            entrance,
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

    /// Encodes only while somebody may see it. The raw picture goes on either way, and its last frame is encoded at once,
    /// so that the first one sent need not wait for the camera's next.
    pub(crate) fn set_wanted(&self, wanted: bool) {
        if wanted && self.valve.property::<bool>("drop") {
            self.push_last_frame();
        }
        self.valve.set_property("drop", !wanted);
    }

    /// Goes in behind the shut valve: whatever passes that later is younger, so time never runs backwards.
    fn push_last_frame(&self) {
        let Some(frame) = self.picture().and_then(|sample| sample.buffer_owned()) else { return };
        if let Err(error) = self.entrance.chain(frame) {
            tracing::debug!(?error, "last frame not encoded");
        }
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
        // openh264enc calls itself level 5.1 once its bit rate was changed, and payloaders then refuse to go on.
        super::settings::VideoCodec::H264 => {
            "! h264parse config-interval=-1 ! video/x-h264,stream-format=byte-stream,alignment=au \
             ! capssetter caps=\"video/x-h264,profile=(string)constrained-baseline,level=(string)3.1\""
        }
        super::settings::VideoCodec::Vp8 => "",
    };
    format!(
        "fallbackswitch name=switch timeout=500000000 immediate-fallback=true ! {raw} ! tee name=tee \
         appsrc name=camera ! switch.sink_0 \
         videotestsrc is-live=true pattern=black ! {raw} ! textoverlay text=\"No picture\" halignment=center \
           valignment=center font-desc=\"Sans 24\" ! {raw} ! switch.sink_1 \
         tee. ! valve name=valve drop=true drop-mode=forward-sticky-events \
           ! queue name=entrance leaky=downstream max-size-buffers=2 max-size-time=0 max-size-bytes=0 \
           ! videoconvert ! {factory} name=encoder ! {caps} {parse} ! appsink name=video async=false \
         tee. ! queue leaky=downstream max-size-buffers=1 max-size-time=0 max-size-bytes=0 \
           ! appsink name=picture async=false sync=false max-buffers=1 drop=true",
        factory = encoder.factory,
        caps = encoder.caps,
    )
}
