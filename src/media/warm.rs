//! What a process needs once: GStreamer, our static plugins, the GLib main loop, one clock and a warm DTLS identity.

use std::collections::BTreeSet;
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
    #[error("GStreamer does not start ({0}): `callbox doctor` examines it")]
    Init(String),
    /// Elements are not there, or their plug-ins cannot be loaded.
    #[error("GStreamer lacks {elements}: `sudo apt install {packages}`")]
    Missing {
        /// Their names.
        elements: String,
        /// The packages that have them.
        packages: String,
    },
    /// The first description could not be made.
    #[error("webrtcbin cannot make an offer ({0}): `callbox doctor` examines GStreamer")]
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

static WORLD: OnceLock<World> = OnceLock::new();

/// The process's clock. Warms the process up when it is not yet: GStreamer, what is linked in, the GLib main loop and
/// the DTLS identity, once. The first offer of a process costs up to 600 ms, later ones some 5 ms. After an error the next call tries
/// again, with the plug-ins that are installed by then.
pub(crate) fn world() -> Result<&'static World, WarmUpError> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    if let Some(world) = warmed() {
        return Ok(world);
    }
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(world) = warmed() {
        return Ok(world);
    }
    let made = make_world()?;
    Ok(WORLD.get_or_init(|| made))
}

/// The process's clock, if the process is warm. Never tries, never waits.
pub(crate) fn warmed() -> Option<&'static World> {
    WORLD.get()
}

/// GStreamer itself and the plug-ins that are linked in, once; nothing is checked yet.
pub(crate) fn library() -> Result<(), WarmUpError> {
    static IS_LINKED: Mutex<bool> = Mutex::new(false);
    let mut is_linked = IS_LINKED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !*is_linked {
        gst::init().map_err(|error| WarmUpError::Init(error.to_string()))?;
        gstrsrtp::plugin_register_static().map_err(|error| WarmUpError::Init(error.to_string()))?;
        gstfallbackswitch::plugin_register_static().map_err(|error| WarmUpError::Init(error.to_string()))?;
        *is_linked = true;
    }
    Ok(())
}

fn make_world() -> Result<World, WarmUpError> {
    library()?;
    if missing().is_some() {
        // GStreamer reads its folders once, when it starts.
        if let Err(error) = gst::Registry::update() {
            tracing::debug!(%error, "the folders of plug-ins cannot be read anew");
        }
        missing().map_or(Ok(()), Err)?;
    }
    run_main_loop()?;
    let clock = gst::SystemClock::obtain();
    let base_time = clock.time();
    first_offer()?;
    tracing::info!(gstreamer = %gst::version_string(), "media is warm");
    Ok(World { clock, base_time })
}

/// All that is missing at once: whoever installs it has to do so only once.
fn missing() -> Option<WarmUpError> {
    let is_there = |element: &str| gst::ElementFactory::find(element).is_some_and(|factory| factory.load().is_ok());
    let (elements, packages): (Vec<_>, BTreeSet<_>) =
        NEEDED.iter().filter(|(element, _)| !is_there(element)).copied().unzip();
    let packages = Vec::from_iter(packages).join(" ");
    (!elements.is_empty()).then(|| WarmUpError::Missing { elements: elements.join(", "), packages })
}

/// webrtcbin before 1.24 answers address look-ups on the default main context and leaks its agent when nobody runs it.
/// The thread lives as long as the process.
fn run_main_loop() -> Result<(), WarmUpError> {
    static IS_RUNNING: OnceLock<()> = OnceLock::new();
    if IS_RUNNING.get().is_some() {
        return Ok(());
    }
    thread::Builder::new()
        .name("glib".into())
        .spawn(|| glib::MainLoop::new(None, false).run())
        .map_err(|error| WarmUpError::Init(error.to_string()))?;
    // Set already: then another thread of ours runs it.
    let _ = IS_RUNNING.set(());
    Ok(())
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
    if pipeline.set_state(gst::State::Playing).is_err() {
        pipeline.set_state(gst::State::Null).map_err(|_| failed("it neither plays nor stops"))?;
        return Err(failed("it does not play"));
    }
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
