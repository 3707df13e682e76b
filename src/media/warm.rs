//! What a process needs once: GStreamer, our static plugins, the GLib main loop, one clock and a warm DTLS identity.

use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer_webrtc::WebRTCSessionDescription;

/// Why the media edge cannot work on this machine.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WarmUpError {
    /// GStreamer does not start.
    #[error("GStreamer does not start: {0}; install gstreamer1.0-plugins-base, -good, -bad and -nice")]
    Init(String),
    /// A plugin is not there.
    #[error("the GStreamer element `{0}` is missing: install {1}")]
    Missing(&'static str, &'static str),
    /// The first description could not be made.
    #[error("webrtcbin cannot make an offer: {0}")]
    Offer(String),
}

/// The clock and base time that the pipelines of the process share.
pub(crate) struct World {
    /// The system's monotonic clock.
    pub(crate) clock: gst::Clock,
    /// Its time when the process was warmed up.
    pub(crate) base_time: gst::ClockTime,
}

impl World {
    /// Time since the base time: what pipelines call running time.
    pub(crate) fn running_time(&self) -> gst::ClockTime {
        self.clock.time().saturating_sub(self.base_time)
    }
}

/// What we cannot do without, and the Debian package that has it.
pub(crate) const NEEDED: &[(&str, &str)] = &[
    ("webrtcbin", "gstreamer1.0-plugins-bad"),
    ("nicesrc", "gstreamer1.0-nice"),
    ("dtlssrtpdec", "gstreamer1.0-plugins-bad"),
    ("srtpenc", "gstreamer1.0-plugins-bad"),
    ("rtpbin", "gstreamer1.0-plugins-good"),
    ("rtpopuspay", "gstreamer1.0-plugins-good"),
    ("opusenc", "gstreamer1.0-plugins-base"),
    ("opusdec", "gstreamer1.0-plugins-base"),
    ("audiomixer", "gstreamer1.0-plugins-base"),
    ("compositor", "gstreamer1.0-plugins-base"),
    ("appsrc", "gstreamer1.0-plugins-base"),
    ("videotestsrc", "gstreamer1.0-plugins-base"),
    ("videoconvertscale", "gstreamer1.0-plugins-base"),
    ("videorate", "gstreamer1.0-plugins-base"),
    ("audiorate", "gstreamer1.0-plugins-base"),
    ("textoverlay", "gstreamer1.0-x"),
    ("capssetter", "gstreamer1.0-plugins-good"),
];

/// How long the first offer of a process may take: a key is made and plugins are read from disk. A cold, busy board took more than 10 s.
const FIRST_OFFER: Duration = Duration::from_secs(30);

/// The process's clock. Warms the process up when it is not yet: GStreamer, what is linked in, the GLib main loop and
/// the DTLS identity, once. The first offer of a process costs up to 600 ms, later ones some 5 ms.
pub(crate) fn world() -> Result<&'static World, WarmUpError> {
    static WORLD: OnceLock<World> = OnceLock::new();
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    if let Some(world) = WORLD.get() {
        return Ok(world);
    }
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(world) = WORLD.get() {
        return Ok(world);
    }
    let made = make_world()?;
    Ok(WORLD.get_or_init(|| made))
}

/// GStreamer itself and the plug-ins that are linked in; nothing is checked yet.
pub(crate) fn library() -> Result<(), WarmUpError> {
    gst::init().map_err(|error| WarmUpError::Init(error.to_string()))?;
    gstrsrtp::plugin_register_static().map_err(|error| WarmUpError::Init(error.to_string()))?;
    gstfallbackswitch::plugin_register_static().map_err(|error| WarmUpError::Init(error.to_string()))
}

fn make_world() -> Result<World, WarmUpError> {
    library()?;
    for (element, package) in NEEDED {
        let factory = gst::ElementFactory::find(element).ok_or(WarmUpError::Missing(element, package))?;
        factory.load().map_err(|error| WarmUpError::Init(error.to_string()))?;
    }
    run_main_loop()?;
    let clock = gst::SystemClock::obtain();
    let base_time = clock.time();
    first_offer()?;
    tracing::info!(gstreamer = %gst::version_string(), "media is warm");
    Ok(World { clock, base_time })
}

/// webrtcbin before 1.24 answers address look-ups on the default main context and leaks its agent when nobody runs it.
/// The thread lives as long as the process.
fn run_main_loop() -> Result<(), WarmUpError> {
    thread::Builder::new()
        .name("glib".into())
        .spawn(|| glib::MainLoop::new(None, false).run())
        .map(|_| ())
        .map_err(|error| WarmUpError::Init(error.to_string()))
}

/// The DTLS certificate is made with the first webrtcbin and shared by all that follow.
fn first_offer() -> Result<(), WarmUpError> {
    let failed = |what: &str| WarmUpError::Offer(what.to_owned());
    let pipeline = gst::Pipeline::new();
    let webrtc = gst::ElementFactory::make("webrtcbin").build().map_err(|_| failed("no element"))?;
    pipeline.add(&webrtc).map_err(|_| failed("no bin"))?;
    let caps = gst::Caps::builder("application/x-rtp")
        .field("media", "audio")
        .field("encoding-name", "OPUS")
        .field("clock-rate", 48_000i32)
        .field("payload", 96i32)
        .build();
    let direction = gstreamer_webrtc::WebRTCRTPTransceiverDirection::Recvonly;
    let _transceiver: glib::Object = webrtc.emit_by_name("add-transceiver", &[&direction, &caps]);
    pipeline.set_state(gst::State::Playing).map_err(|_| failed("it does not play"))?;
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    let promise = gst::Promise::with_change_func(move |reply| {
        let made = matches!(reply, Ok(Some(reply)) if reply.get::<WebRTCSessionDescription>("offer").is_ok());
        let _ = tell.try_send(made);
    });
    webrtc.emit_by_name::<()>("create-offer", &[&None::<gst::Structure>, &promise]);
    let made = told.recv_timeout(FIRST_OFFER);
    pipeline.set_state(gst::State::Null).map_err(|_| failed("it does not stop"))?;
    match made {
        Ok(true) => Ok(()),
        Ok(false) => Err(failed("it refuses")),
        Err(_) => Err(failed(&format!("no answer within {} s", FIRST_OFFER.as_secs()))),
    }
}
