//! The camera pipeline: one device to raw frames of one size and rate. It may fail and be built again; nothing else notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSink;
use gstreamer_utils::StreamProducer;

use super::camera_watch::{CameraFault, CameraWatch};
use super::codec::decoder;
use super::history::History;
use super::inbox::{Inbox, Note};
use super::join::{count_buffers, on_first_buffer, producer};
use super::key_frame::KeyFrame;
use super::modes::{self, Kind, Wanted};
use super::pipeline::{DOES_NOT_START, Pipeline, PipelineError, set_if_there};
use super::settings::{Camera, Settings, VideoCodec};
use super::testcard;

/// How a network camera sends. TCP passes every router and loses nothing; some cameras have UDP only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Transport {
    #[default]
    Tcp,
    Udp,
}

impl Transport {
    /// Returns the one to try next, after a try in which packets came or not.
    pub(crate) fn after(self, packets_came: bool) -> Self {
        match (self, packets_came) {
            (transport, true) => transport,
            (Self::Tcp, false) => Self::Udp,
            (Self::Udp, false) => Self::Tcp,
        }
    }

    fn protocol(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// What is known of a camera from one pipeline to the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) transport: Transport,
    pub(crate) key_frame: KeyFrame,
}

/// A camera pipeline.
pub(crate) struct Capture {
    pub(crate) pipeline: Pipeline,
    /// Raw frames.
    pub(crate) raw: StreamProducer,
    /// What came from the camera, before it was decoded.
    packets: Arc<AtomicU64>,
    frames: Arc<AtomicU64>,
    watch: CameraWatch,
    settings: Settings,
    /// The last seconds.
    pub(crate) history: History,
}

impl Capture {
    /// Builds the pipeline, or nothing when there is no camera. [`Capture::start`] starts it.
    pub(crate) fn new(settings: &Settings, known: &Known, inbox: &Inbox) -> Result<Option<Self>, PipelineError> {
        let Some(source) = source(settings) else { return Ok(None) };
        let description = format!(
            "{source} ! {raw} ! appsink name=raw async=false max-buffers=2 drop=true",
            raw = raw_caps(settings)
        );
        let pipeline = Pipeline::parse("camera", &description, inbox)?;
        point(pipeline.inner(), settings, known);
        if let Camera::Test { name } = &settings.camera {
            testcard::write_codes(&sink_pad(&pipeline)?, name, settings);
        }
        let sink: AppSink = pipeline.typed("raw")?;
        let (packets, frames, history) = (Arc::default(), Arc::default(), History::default());
        // Before the decoder, where there is one.
        let first = pipeline.element("packets").or_else(|_| pipeline.element("camera"))?;
        if let Some(pad) = first.static_pad("src") {
            count_buffers(&pad, &packets);
        }
        if let Some(pad) = sink.static_pad("sink") {
            let (inbox, id) = (inbox.clone(), pipeline.id);
            on_first_buffer(&pad, move || {
                inbox.tell(Note::Flowing(id));
            });
            count_buffers(&pad, &frames);
            history.watch(&pad);
        }
        let watch = CameraWatch::new(Instant::now(), matches!(settings.camera, Camera::Rtsp { .. }));
        let settings = settings.clone();
        Ok(Some(Self { raw: producer(&sink), pipeline, packets, frames, watch, settings, history }))
    }

    /// Starts it on a thread of its own; the camera is asked first what it has.
    pub(crate) fn start(&self) {
        let settings = self.settings.clone();
        self.pipeline.start_after(move |pipeline| prepare(pipeline, &settings));
    }

    /// Looks whether the camera still works. A test picture always does.
    pub(crate) fn look(&mut self, now: Instant) -> Option<CameraFault> {
        if matches!(self.settings.camera, Camera::Test { .. }) {
            return None;
        }
        self.watch.look(now, self.packets.load(Ordering::Relaxed), self.frames())
    }

    /// Returns whether anything ever came from the camera.
    pub(crate) fn has_heard(&self) -> bool {
        self.packets.load(Ordering::Relaxed) > 0
    }

    /// Raw frames so far: the camera's heart-beat.
    pub(crate) fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }
}

fn sink_pad(pipeline: &Pipeline) -> Result<gst::Pad, PipelineError> {
    pipeline.element("raw")?.static_pad("sink").ok_or_else(|| PipelineError::new("camera", "no pad"))
}

/// The raw picture between camera, placeholder and encoder.
pub(crate) fn raw_caps(settings: &Settings) -> String {
    format!(
        "video/x-raw,format=I420,width={},height={},framerate={}/1,pixel-aspect-ratio=1/1",
        settings.width, settings.height, settings.framerate
    )
}

/// Points the source at the device.
pub(crate) fn point(pipeline: &gst::Pipeline, settings: &Settings, known: &Known) {
    let Some(source) = pipeline.by_name("camera") else { return };
    match &settings.camera {
        Camera::V4l2 { device } => source.set_property("device", device),
        Camera::Libcamera { name } => {
            if let Some(name) = name {
                source.set_property("camera-name", name);
            }
            ask_for_nearest(pipeline, settings);
        }
        Camera::Rtsp { url } => {
            source.set_property("location", url);
            source.set_property_from_str("protocols", known.transport.protocol());
            tend_decoder(pipeline, &known.key_frame);
        }
        Camera::Test { .. } | Camera::None => {}
    }
}

/// libcamera tells what a camera has when it asks what it shall send, and fails when nothing fits: the answer names the nearest.
fn ask_for_nearest(pipeline: &gst::Pipeline, settings: &Settings) {
    let Some(packets) = pipeline.by_name("packets") else { return };
    let Some(entrance) = packets.static_pad("sink") else { return };
    let (wanted, packets) = (wanted(settings), packets.downgrade());
    entrance.add_probe(gst::PadProbeType::QUERY_DOWNSTREAM, move |_, info| {
        if let (Some(gst::QueryViewMut::Caps(query)), Some(packets)) =
            (info.query_mut().map(|query| query.view_mut()), packets.upgrade())
        {
            // Without a filter somebody asks who is no camera.
            let chosen = query.filter().and_then(|has| modes::libcamera(has, wanted));
            if let Some(caps) = chosen.filter(|caps| packets.property::<gst::Caps>("caps") != *caps) {
                tracing::info!(%caps, "camera mode chosen");
                packets.set_property("caps", caps);
            }
        }
        gst::PadProbeReturn::Ok
    });
}

fn wanted(settings: &Settings) -> Wanted {
    let Settings { width, height, framerate: fps, camera_format: format, .. } = *settings;
    Wanted { width, height, fps, format }
}

/// Several decoder threads delay the picture by a frame each, and a stream may begin between two key frames.
fn tend_decoder(pipeline: &gst::Pipeline, key_frame: &KeyFrame) {
    let key_frame = key_frame.clone();
    pipeline.connect_deep_element_added(move |_, _, element| {
        let class = element.factory().and_then(|factory| factory.metadata("klass").map(str::to_owned));
        if class.is_none_or(|class| !class.contains("Decoder") || !class.contains("Video")) {
            return;
        }
        set_if_there(element, "max-threads", "1");
        if let Some(entrance) = element.static_pad("sink") {
            key_frame.watch(&entrance);
        }
    });
}

/// The source `camera`, up to any raw picture of the configured size. What comes before the decoder passes `packets`.
pub(crate) fn source(settings: &Settings) -> Option<String> {
    let shape = "videorate name=shape drop-only=false skip-to-first=true ! videoconvertscale add-borders=true";
    Some(match &settings.camera {
        // What is between the two depends on what the camera has: see `prepare`.
        Camera::V4l2 { .. } => format!("v4l2src name=camera ! capsfilter name=packets {shape}"),
        Camera::Libcamera { .. } => format!("libcamerasrc name=camera ! capsfilter name=packets ! {shape}"),
        Camera::Rtsp { .. } => format!(
            "rtspsrc name=camera latency=100 drop-on-latency=true \
             ! capsfilter name=packets caps=\"application/x-rtp,media=video\" ! decodebin ! {shape}"
        ),
        Camera::Test { .. } => "videotestsrc name=camera is-live=true pattern=ball motion=wavy".to_owned(),
        Camera::None => return None,
    })
}

/// Opens a V4L2 camera, asks for the nearest of what it has, and puts the decoder for that in. Waits for the driver.
pub(crate) fn prepare(pipeline: &gst::Pipeline, settings: &Settings) -> Result<(), String> {
    if !matches!(settings.camera, Camera::V4l2 { .. }) {
        return Ok(());
    }
    let element = |name: &str| pipeline.by_name(name).ok_or_else(|| format!("no element `{name}`"));
    let (source, packets, shape) = (element("camera")?, element("packets")?, element("shape")?);
    // The source itself says why it cannot be opened.
    source.set_state(gst::State::Ready).map_err(|_| DOES_NOT_START.to_owned())?;
    let caps = source.static_pad("src").map(|pad| pad.query_caps(None)).unwrap_or_else(gst::Caps::new_empty);
    let mode = *modes::nearest(&modes::offers(&caps), wanted(settings))
        .first()
        .ok_or("not-negotiated: it has no such format")?;
    let is_exact = (mode.width, mode.height) == (settings.width, settings.height);
    tracing::info!(?mode, is_exact, "camera mode chosen");
    packets.set_property("caps", modes::caps(mode));
    let failed = |error: gst::glib::BoolError| error.to_string();
    let Some(decoder) = decoder_of(mode.kind) else { return packets.link(&shape).map_err(failed) };
    let decoder = gst::parse::bin_from_description(&decoder, true).map_err(|error| error.to_string())?;
    pipeline.add(&decoder).map_err(failed)?;
    gst::Element::link_many([&packets, decoder.upcast_ref(), &shape]).map_err(failed)
}

/// What makes raw pictures of a camera's.
fn decoder_of(kind: Kind) -> Option<String> {
    match kind {
        Kind::Raw => None,
        Kind::Jpeg => Some("jpegparse ! jpegdec".to_owned()),
        Kind::H264 => {
            // Without one the pipeline says which element is missing.
            let decoder = decoder(VideoCodec::H264).map_or("avdec_h264", |decoder| decoder.factory);
            Some(format!("h264parse ! {decoder}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_camera_is_tried_over_tcp_then_udp_and_stays_where_packets_came() {
        let first = Transport::default();
        assert_eq!(
            (first, first.after(false), first.after(false).after(false)),
            (Transport::Tcp, Transport::Udp, Transport::Tcp)
        );
        assert_eq!((first.after(true), Transport::Udp.after(true)), (Transport::Tcp, Transport::Udp));
    }

    /// A source that has these sizes only, in place of libcamera's.
    fn camera_that_has(sizes: &str, settings: &Settings) -> gst::Pipeline {
        let source = source(settings).unwrap();
        let source = source
            .replace("libcamerasrc name=camera", &format!("videotestsrc name=camera ! capsfilter caps=\"{sizes}\""));
        let description = format!("{source} ! {raw} ! appsink name=raw", raw = raw_caps(settings));
        let pipeline = gst::parse::launch(&description).unwrap().downcast::<gst::Pipeline>().unwrap();
        point(&pipeline, settings, &Known::default());
        pipeline
    }

    #[test]
    fn a_libcamera_camera_without_the_configured_size_gives_pictures_of_it_nevertheless() {
        gst::init().unwrap();
        let camera = Camera::Libcamera { name: None };
        let settings = Settings { camera, width: 640, height: 360, framerate: 15, ..Settings::default() };
        let sizes = "video/x-raw,format=NV12,width=320,height=240; video/x-raw,format=NV12,width=1296,height=972";
        let pipeline = camera_that_has(sizes, &settings);
        let pictures = pipeline.by_name("raw").unwrap().downcast::<AppSink>().unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        let picture = pictures.try_pull_sample(gst::ClockTime::from_seconds(10));
        let asked = pipeline.by_name("packets").unwrap().property::<gst::Caps>("caps");
        pipeline.set_state(gst::State::Null).unwrap();
        let side = |caps: &gst::CapsRef, name| caps.structure(0).unwrap().get::<i32>(name).unwrap();
        assert_eq!(side(picture.expect("a picture").caps().unwrap(), "width"), 640);
        assert_eq!((side(&asked, "width"), side(&asked, "height")), (1296, 972), "the larger one is scaled down");
    }
}
