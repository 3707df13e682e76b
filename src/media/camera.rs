//! The camera pipeline: one device to raw frames of one size and rate. It may fail and be built again; nothing else notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSink;
use gstreamer_utils::StreamProducer;

use super::codec::decoder;
use super::history::History;
use super::inbox::{Inbox, Note};
use super::join::{count_buffers, on_first_buffer, producer};
use super::pipeline::{Pipeline, PipelineError};
use super::settings::{Camera, CameraFormat, Settings, VideoCodec};
use super::testcard;

/// How long a camera may say nothing before it counts as lost.
const STALL_MS: u32 = 3000;

/// A camera pipeline.
pub(crate) struct Capture {
    pub(crate) pipeline: Pipeline,
    /// Raw frames.
    pub(crate) raw: StreamProducer,
    frames: Arc<AtomicU64>,
    /// The last seconds.
    pub(crate) history: History,
}

impl Capture {
    /// Builds the pipeline, or nothing when there is no camera. [`Pipeline::play`] starts it and may take a second.
    pub(crate) fn new(settings: &Settings, inbox: &Inbox) -> Result<Option<Self>, PipelineError> {
        let Some(source) = source(settings) else { return Ok(None) };
        let description = format!(
            "{source} ! {raw} ! appsink name=raw async=false max-buffers=2 drop=true",
            raw = raw_caps(settings)
        );
        let pipeline = Pipeline::parse("camera", &description, inbox)?;
        point(&pipeline.element("camera")?, &settings.camera);
        if let Camera::Test { name } = &settings.camera {
            testcard::write_codes(&sink_pad(&pipeline)?, name, settings);
        }
        let sink: AppSink = pipeline.typed("raw")?;
        let (frames, history) = (Arc::default(), History::default());
        if let Some(pad) = sink.static_pad("sink") {
            let (inbox, id) = (inbox.clone(), pipeline.id);
            on_first_buffer(&pad, move || {
                inbox.tell(Note::Flowing(id));
            });
            count_buffers(&pad, &frames);
            history.watch(&pad);
        }
        Ok(Some(Self { raw: producer(&sink), pipeline, frames, history }))
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
pub(crate) fn point(source: &gst::Element, camera: &Camera) {
    match camera {
        Camera::V4l2 { device } => source.set_property("device", device),
        Camera::Libcamera { name: Some(name) } => source.set_property("camera-name", name),
        Camera::Rtsp { url } => source.set_property("location", url),
        Camera::Libcamera { name: None } | Camera::Test { .. } | Camera::None => {}
    }
}

/// The source `camera`, up to any raw picture of the configured size.
pub(crate) fn source(settings: &Settings) -> Option<String> {
    let (width, height, rate) = (settings.width, settings.height, settings.framerate);
    let shape = "videorate drop-only=false skip-to-first=true ! videoconvertscale add-borders=true";
    Some(match &settings.camera {
        Camera::V4l2 { .. } => {
            let (kind, decode) = v4l2(settings);
            format!(
                "v4l2src name=camera ! {kind},width={width},height={height},framerate={rate}/1 \
                 ! watchdog timeout={STALL_MS} {decode} ! {shape}"
            )
        }
        Camera::Libcamera { .. } => format!(
            "libcamerasrc name=camera ! video/x-raw,format=NV12,width={width},height={height},framerate={rate}/1,\
             colorimetry=bt709,interlace-mode=progressive ! watchdog timeout={STALL_MS} ! {shape}"
        ),
        Camera::Rtsp { .. } => format!(
            "rtspsrc name=camera latency=100 drop-on-latency=true protocols=tcp ! application/x-rtp,media=video \
             ! decodebin ! watchdog timeout={STALL_MS} ! {shape}"
        ),
        Camera::Test { .. } => "videotestsrc name=camera is-live=true pattern=ball motion=wavy".to_owned(),
        Camera::None => return None,
    })
}

/// What is asked of a V4L2 camera, and what makes pictures of it.
fn v4l2(settings: &Settings) -> (&'static str, String) {
    // USB 2 carries raw pictures up to 640x480; above that cameras send JPEG.
    let is_small = settings.width * settings.height <= 640 * 480;
    match settings.camera_format {
        CameraFormat::Raw => ("video/x-raw", String::new()),
        CameraFormat::Auto if is_small => ("video/x-raw", String::new()),
        CameraFormat::Auto | CameraFormat::Mjpeg => ("image/jpeg", "! jpegparse ! jpegdec".to_owned()),
        CameraFormat::H264 => {
            // Without one the pipeline says which element is missing.
            let decoder = decoder(VideoCodec::H264).map_or("avdec_h264", |decoder| decoder.factory);
            ("video/x-h264", format!("! h264parse ! {decoder}"))
        }
    }
}
