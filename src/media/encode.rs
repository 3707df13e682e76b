//! The encode pipeline: camera or placeholder to one encoded stream that every link of its picture shares. The small picture
//! is encoded from what the full one's pipeline gets, placeholder and all.

mod intake;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};
use gstreamer_utils::{ConsumptionLink, StreamProducer};
use gstreamer_video::UpstreamForceKeyUnitEvent;

use callbox_core::station::PictureSize;

use super::camera::raw_caps;
use super::codec::Encoder;
use super::inbox::Inbox;
use super::join::{attach_shut, count_buffers, prepare_slot, producer};
use super::overuse::{Direction, Overuse, Shape};
use super::pipeline::{Pipeline, PipelineError, set_if_there};
use super::settings::Settings;
use super::tiers::{Rates, Tier};

use intake::Intake;

/// Key frames are made at most this often, however many peers ask.
const KEY_FRAME_EVERY: gst::ClockTime = gst::ClockTime::from_mseconds(500);
/// How often a key frame is made that nobody gets, while nobody gets any: the newest is there when somebody shall.
const REHEARSAL: Duration = Duration::from_millis(200);
/// A key frame that is so much older than the one that is being made is not given out.
const STALE: gst::ClockTime = gst::ClockTime::from_mseconds(500);

/// Frames a second of the small picture.
const SMALL_FPS: u32 = 15;

/// The running encoder.
pub(crate) struct Encode {
    pub(crate) pipeline: Pipeline,
    /// Encoded once, for every link.
    pub(crate) video: StreamProducer,
    /// What goes in, raw.
    pub(crate) raw: StreamProducer,
    /// Which picture it makes.
    pub(crate) size: PictureSize,
    /// Frames a second that come in.
    framerate: u32,
    /// What is used.
    pub(crate) encoder: &'static Encoder,
    element: gst::Element,
    valve: gst::Element,
    entrance: gst::Pad,
    picture: AppSink,
    camera: AppSrc,
    camera_link: Option<ConsumptionLink>,
    bitrate: u32,
    rehearsed: Option<Rehearsal>,
    captured: Arc<AtomicU64>,
    /// Frames that came out of the encoder.
    encoded: Arc<AtomicU64>,
    intake: Intake,
    /// Sets the size of what is encoded.
    shaper: gst::Element,
    overuse: Overuse,
}

/// What the status tells about an encoder.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct EncoderStatus {
    /// The GStreamer element.
    pub encoder: &'static str,
    /// Which of our pictures it makes: `full` or `small`.
    pub picture: Tier,
    /// It encodes; otherwise it is ready to.
    pub running: bool,
    /// The links that its picture goes out on.
    pub links: Vec<String>,
    /// The bit rate it was given, in bits a second.
    pub bitrate: u32,
    /// Width of the encoded picture.
    pub width: u32,
    /// Height of the encoded picture.
    pub height: u32,
    /// Frames a second that it gets at most.
    pub fps: u32,
    /// Size or rate are less than configured, because the encoder could not keep up.
    pub reduced: bool,
    /// Frames that were offered to the encoder.
    pub offered: u64,
    /// Frames that the encoder could not take.
    pub dropped: u64,
    /// Frames that came out of the encoder.
    pub encoded: u64,
}

/// The last key frame that was made for nobody.
struct Rehearsal {
    at: Instant,
    of: Option<gst::ClockTime>,
}

impl Encode {
    /// Builds the pipeline; [`Pipeline::play`] starts it.
    pub(crate) fn new(
        settings: &Settings,
        size: PictureSize,
        encoder: &'static Encoder,
        inbox: &Inbox,
    ) -> Result<Self, PipelineError> {
        let pipeline = Pipeline::parse("encode", &describe(settings, size, encoder), inbox)?;
        let (element, full) = (pipeline.element("encoder")?, shape(settings, size));
        let bitrate = Rates::of(size, settings.bitrate).start;
        encoder.set_up(&element, full.width * full.height);
        encoder.set_bitrate(&element, bitrate);
        if size == PictureSize::Full {
            if let Some(placeholder) = pipeline.element("switch")?.static_pad("sink_1") {
                placeholder.set_property("priority", 1u32);
            }
        }
        let sink: AppSink = pipeline.typed("video")?;
        let encoded = Arc::default();
        if let Some(pad) = sink.static_pad("sink") {
            count_buffers(&pad, &encoded);
        }
        let entrance = pipeline.element("entrance")?.static_pad("sink");
        let entrance = entrance.ok_or_else(|| PipelineError::new("encode", "no entrance"))?;
        let intake = Intake::new(pipeline.element("entrance")?, &entrance)?;
        intake.limit((full.fps < settings.framerate).then_some(full.fps));
        let shaper = pipeline.element("shaper")?;
        shaper.set_property("caps", shape_caps(full));
        let (picture, captured): (AppSink, _) = (pipeline.typed("picture")?, Arc::default());
        if let Some(pad) = picture.static_pad("sink") {
            count_buffers(&pad, &captured);
        }
        let camera: AppSrc = pipeline.typed("camera")?;
        prepare_slot(&camera);
        camera.set_caps(raw_caps(settings).parse().ok().as_ref());
        Ok(Self {
            video: producer(&sink),
            raw: producer(&picture),
            size,
            framerate: settings.framerate,
            encoder,
            element,
            valve: pipeline.element("valve")?,
            entrance,
            picture,
            camera,
            camera_link: None,
            bitrate,
            rehearsed: None,
            encoded,
            captured,
            intake,
            shaper,
            overuse: Overuse::new(full, !encoder.hardware),
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

    /// Encodes everything while somebody may see it. The first frame is one that is there already: the last that was
    /// rehearsed, or else the camera's last one, unless a link that wants it has sent that one already.
    pub(crate) fn set_wanted(&mut self, wanted: bool, goes_on: bool) {
        if wanted == self.is_wanted() {
            return;
        }
        // The base class of all encoders keeps requests that come too soon until their time has come.
        let every = if wanted { KEY_FRAME_EVERY } else { gst::ClockTime::ZERO };
        set_if_there(&self.element, "min-force-key-unit-interval", &every.nseconds().to_string());
        if wanted && goes_on {
            self.rehearsed = None;
            self.key_frame();
        } else if wanted && !self.perform() {
            self.key_frame();
            self.push_last_frame();
        }
        self.valve.set_property("drop", !wanted);
    }

    /// Makes a key frame that nobody gets, so that there is one when somebody shall.
    pub(crate) fn rehearse(&mut self, now: Instant) {
        if self.is_wanted() || self.rehearsed.as_ref().is_some_and(|last| now < last.at + REHEARSAL) {
            return;
        }
        self.key_frame();
        let of = self.push_last_frame();
        self.rehearsed = Some(Rehearsal { at: now, of });
    }

    /// Whether somebody gets what is encoded.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.valve.property::<bool>("drop")
    }

    /// Gives out the key frame that was rehearsed last, if there is one of late: it takes its way through the sink again.
    fn perform(&mut self) -> bool {
        let before = self.encoded.load(Ordering::Acquire);
        let Some(rehearsal) = self.rehearsed.take().filter(|last| last.at.elapsed() < 3 * REHEARSAL) else {
            return false;
        };
        let Some(frame) = self.video.last_sample().and_then(|sample| sample.buffer_owned()) else { return false };
        let is_old = rehearsal.of.zip(frame.pts()).is_none_or(|(newest, of)| of + STALE < newest);
        if is_old || frame.flags().contains(gst::BufferFlags::DELTA_UNIT) {
            return false;
        }
        let given = self.video.appsink().static_pad("sink").is_some_and(|pad| pad.chain(frame).is_ok());
        if given && self.encoded.load(Ordering::Acquire) != before + 1 {
            // A newer one overtook it, and what follows builds on that.
            self.key_frame();
        }
        given
    }

    /// Goes in behind the shut valve: whatever passes that later is younger, so time never runs backwards. The same frame
    /// never goes in twice.
    fn push_last_frame(&self) -> Option<gst::ClockTime> {
        let frame = self.picture().and_then(|sample| sample.buffer_owned())?;
        let pts = frame.pts();
        if self.rehearsed.as_ref().is_some_and(|last| last.of == pts) {
            return pts;
        }
        if let Err(error) = self.entrance.chain(frame) {
            tracing::debug!(?error, "last frame not encoded");
        }
        pts
    }

    /// Makes a key frame now.
    pub(crate) fn key_frame(&self) {
        let event = UpstreamForceKeyUnitEvent::builder().all_headers(true).build();
        if let Some(pad) = self.element.static_pad("src") {
            pad.send_event(event);
        }
    }

    /// Follows the slowest of its links; small steps are not worth the encoder's trouble.
    pub(crate) fn set_bitrate(&mut self, bits: u32) {
        if bits.abs_diff(self.bitrate) * 20 > self.bitrate {
            self.bitrate = bits;
            self.encoder.set_bitrate(&self.element, bits);
        }
    }

    /// Looks whether the encoder keeps up; returns the new size and rate when they change.
    pub(crate) fn adapt(&mut self, now: Instant, chance: u8) -> Option<(Direction, Shape)> {
        if !self.is_wanted() {
            self.overuse.pause();
            return None;
        }
        let direction = self.overuse.look(now, self.intake.counts(), chance)?;
        let shape = self.overuse.shape();
        self.shaper.set_property("caps", shape_caps(shape));
        self.intake.limit((self.overuse.is_reduced() || shape.fps < self.framerate).then_some(shape.fps));
        Some((direction, shape))
    }

    /// The bit rate it was given last.
    pub(crate) fn bitrate(&self) -> u32 {
        self.bitrate
    }

    /// The encoder in figures. `links` use it.
    pub(crate) fn status(&mut self, links: Vec<String>) -> EncoderStatus {
        let (Shape { width, height, fps }, counts) = (self.overuse.shape(), self.intake.counts());
        EncoderStatus {
            encoder: self.encoder.factory,
            picture: Tier::asked(self.size),
            running: self.is_wanted(),
            links,
            bitrate: self.bitrate,
            width,
            height,
            fps,
            reduced: self.overuse.is_reduced(),
            offered: counts.offered,
            dropped: counts.dropped,
            encoded: self.encoded.load(Ordering::Relaxed),
        }
    }

    /// Pictures so far, those of the placeholder among them: what is to be sent moves.
    pub(crate) fn captured(&self) -> u64 {
        self.captured.load(Ordering::Relaxed)
    }

    /// The last raw picture, for a snapshot.
    pub(crate) fn picture(&self) -> Option<gst::Sample> {
        self.picture.property("last-sample")
    }
}

/// The size that is encoded. The rate stays what the camera says: the encoder goes by the frames' times.
fn shape_caps(shape: Shape) -> gst::Caps {
    gst::Caps::builder("video/x-raw")
        .field("width", shape.width as i32)
        .field("height", shape.height as i32)
        .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
        .build()
}

/// The size and rate of a picture when nothing reduces it.
fn shape(settings: &Settings, size: PictureSize) -> Shape {
    let (width, height, fps) = (settings.width, settings.height, settings.framerate);
    match size {
        PictureSize::Full => Shape { width, height, fps },
        PictureSize::Small => {
            let half = |side: u32| (side / 2).max(2) & !1;
            Shape { width: half(width), height: half(height), fps: fps.min(SMALL_FPS) }
        }
    }
}

fn describe(settings: &Settings, size: PictureSize, encoder: &Encoder) -> String {
    let raw = raw_caps(settings);
    let source = match size {
        PictureSize::Full => format!(
            "fallbackswitch name=switch timeout=500000000 immediate-fallback=true ! {raw} ! tee name=tee \
             appsrc name=camera ! switch.sink_0 \
             videotestsrc is-live=true pattern=black ! {raw} ! textoverlay text=\"No picture\" halignment=center \
               valignment=center font-desc=\"Sans 24\" ! {raw} ! switch.sink_1"
        ),
        PictureSize::Small => "appsrc name=camera ! tee name=tee".to_owned(),
    };
    let parse = match encoder.codec {
        // openh264enc calls itself level 5.1 once its bit rate was changed, and payloaders then refuse to go on.
        super::settings::VideoCodec::H264 => {
            "! h264parse config-interval=-1 ! video/x-h264,stream-format=byte-stream,alignment=au \
             ! capssetter caps=\"video/x-h264,profile=(string)constrained-baseline,level=(string)3.1\""
        }
        super::settings::VideoCodec::Vp8 => "",
    };
    format!(
        "{source} tee. ! valve name=valve drop=true drop-mode=forward-sticky-events \
           ! queue name=entrance leaky=downstream max-size-buffers=2 max-size-time=0 max-size-bytes=0 \
           ! videoconvertscale add-borders=false ! capsfilter name=shaper \
           ! {factory} name=encoder ! {caps} {parse} ! appsink name=video async=false \
         tee. ! queue leaky=downstream max-size-buffers=1 max-size-time=0 max-size-bytes=0 \
           ! appsink name=picture async=false sync=false max-buffers=1 drop=true",
        factory = encoder.factory,
        caps = encoder.caps,
    )
}

#[cfg(test)]
mod tests;
