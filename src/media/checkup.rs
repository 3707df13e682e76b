//! What an examination of the board asks of the media edge: what is installed, and whether encoder, camera, sound and screen
//! really work. Every function may hang in a driver or crash in a plug-in: call them in a process of their own.

use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use serde::{Deserialize, Serialize};

use super::codec::ENCODERS;
use super::fault_text::{self, Failure};
use super::outbox::Device;
use super::pipeline::DOES_NOT_START;
use super::probe::try_encoder;
use super::settings::{Camera, Echo, Microphone, Screen, Settings, Speaker, VideoCodec};
use super::{audio, camera, screen, warm};

/// How long a device may take until its first sample, and how long it is then watched.
const FIRST: Duration = Duration::from_secs(6);
/// A network camera may send a key frame every 10 s only.
const FIRST_OF_NETWORK: Duration = Duration::from_secs(20);
const WATCHED: Duration = Duration::from_secs(2);

/// An element that is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Missing {
    pub(crate) element: String,
    /// The Debian package that has it.
    pub(crate) package: String,
}

/// What is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inventory {
    /// Major, minor, micro.
    pub(crate) version: (u32, u32, u32),
    pub(crate) name: String,
    pub(crate) missing: Vec<Missing>,
    /// The installed encoders of the preferred codec, in the order in which they are tried.
    pub(crate) encoders: Vec<String>,
}

/// How an encoder did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Encoded {
    pub(crate) frames: u32,
    /// A key frame came when it was asked for.
    pub(crate) key_frame: bool,
    pub(crate) hardware: bool,
}

/// How the camera did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Filmed {
    /// What it offers, such as `image/jpeg 1280x720 30/1`; empty where that cannot be told.
    pub(crate) formats: Vec<String>,
    /// Frames a second; none: no frame came, for this reason.
    pub(crate) rate: Result<f64, String>,
}

/// How microphone and speaker did, both open at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sounded {
    /// Milliseconds of sound that came, and that were played.
    pub(crate) heard_ms: u64,
    pub(crate) played_ms: u64,
}

/// What is installed, of what these settings need.
pub(crate) fn inventory(settings: &Settings) -> Result<Inventory, String> {
    warm::library().map_err(|error| error.to_string())?;
    let (major, minor, micro, _) = gst::version();
    let is_there = |element: &str| gst::ElementFactory::find(element).is_some_and(|factory| factory.load().is_ok());
    let missing = warm::NEEDED
        .iter()
        .chain(for_devices(settings).iter())
        .filter(|(element, _)| !is_there(element))
        .map(|(element, package)| Missing { element: (*element).to_owned(), package: (*package).to_owned() })
        .collect();
    let encoders = ENCODERS.iter().filter(|encoder| encoder.codec == settings.codec && is_there(encoder.factory));
    Ok(Inventory {
        version: (major, minor, micro),
        name: gst::version_string().to_string(),
        missing,
        encoders: encoders.map(|encoder| encoder.factory.to_owned()).collect(),
    })
}

/// The elements that only some settings need, and the Debian packages that have them.
fn for_devices(settings: &Settings) -> Vec<(&'static str, &'static str)> {
    const GOOD: &str = "gstreamer1.0-plugins-good";
    const BAD: &str = "gstreamer1.0-plugins-bad";
    let mut needed = vec![("textoverlay", "gstreamer1.0-x")];
    needed.extend(match settings.codec {
        VideoCodec::Vp8 => [("vp8enc", GOOD), ("vp8dec", GOOD)].as_slice(),
        VideoCodec::H264 => &[("h264parse", BAD)],
    });
    needed.extend(match settings.camera {
        Camera::V4l2 { .. } => [("v4l2src", GOOD), ("jpegdec", GOOD)].as_slice(),
        Camera::Libcamera { .. } => &[("libcamerasrc", "gstreamer1.0-libcamera")],
        Camera::Rtsp { .. } => &[("rtspsrc", GOOD)],
        Camera::Test { .. } | Camera::None => &[],
    });
    needed.extend(match settings.microphone {
        Microphone::Alsa { .. } => [("alsasrc", "gstreamer1.0-alsa")].as_slice(),
        Microphone::Pulse { .. } => &[("pulsesrc", "gstreamer1.0-pulseaudio")],
        Microphone::Pipewire => &[("pipewiresrc", "gstreamer1.0-pipewire")],
        Microphone::Test { .. } | Microphone::None => &[],
    });
    needed.extend(match settings.speaker {
        Speaker::Alsa { .. } => [("alsasink", "gstreamer1.0-alsa")].as_slice(),
        Speaker::Pulse { .. } => &[("pulsesink", "gstreamer1.0-pulseaudio")],
        Speaker::Pipewire => &[("pipewiresink", "gstreamer1.0-pipewire")],
        Speaker::Test | Speaker::None => &[],
    });
    needed.extend(match settings.screen {
        Screen::Kms { .. } => [("kmssink", BAD)].as_slice(),
        Screen::Wayland => &[("waylandsink", BAD)],
        Screen::Window | Screen::Test | Screen::None => &[],
    });
    if settings.echo == Echo::Webrtcdsp {
        needed.push(("webrtcdsp", BAD));
    }
    needed
}

/// Tries an encoder as the daemon does before it uses one.
pub(crate) fn encoder(factory: &str) -> Result<Encoded, String> {
    let trial = try_encoder(factory)?;
    if !trial.works {
        return Err(format!("frames that came out: {}", trial.frames));
    }
    let hardware = ENCODERS.iter().any(|encoder| encoder.factory == factory && encoder.hardware);
    Ok(Encoded { frames: trial.frames, key_frame: trial.key_frame_on_request, hardware })
}

/// What the camera offers, and whether it gives frames as they are configured.
pub(crate) fn camera(settings: &Settings) -> Result<Filmed, String> {
    warm::library().map_err(|error| error.to_string())?;
    let source = camera::source(settings).ok_or("no camera is configured")?;
    let description = format!("{source} ! {} ! fakesink name=out sync=false", camera::raw_caps(settings));
    let trial = Trial::new(&description, Device::Camera, settings)?;
    camera::point(&trial.pipeline, settings, &camera::Known::default());
    let formats = match settings.camera {
        Camera::V4l2 { .. } => trial.formats("camera"),
        _ => Vec::new(),
    };
    let first = if matches!(settings.camera, Camera::Rtsp { .. }) { FIRST_OF_NETWORK } else { FIRST };
    Ok(Filmed { formats, rate: trial.rate("out", first) })
}

/// Opens microphone and speaker at once and lets both run: silence is played.
pub(crate) fn sound(settings: &Settings) -> Result<Sounded, String> {
    warm::library().map_err(|error| error.to_string())?;
    let description = format!(
        "{} ! audioconvert ! audioresample ! {raw} ! fakesink name=out sync=false \
         audiotestsrc is-live=true wave=silence samplesperbuffer=480 ! {raw} ! identity name=played ! {}",
        audio::microphone(&settings.microphone),
        audio::speaker(&settings.speaker),
        raw = audio::RAW,
    );
    let trial = Trial::new(&description, Device::Speaker, settings)?;
    audio::point(&trial.element("microphone")?, &trial.element("speaker")?, settings);
    let (heard, played) = (trial.counter("out")?, trial.counter("played")?);
    trial.play()?;
    trial.watch(WATCHED)?;
    let ms = |bytes: u64| bytes / 96;
    Ok(Sounded { heard_ms: ms(heard.bytes()), played_ms: ms(played.bytes()) })
}

/// Shows a black picture for a moment.
pub(crate) fn screen(settings: &Settings) -> Result<(), String> {
    warm::library().map_err(|error| error.to_string())?;
    let description = format!(
        "videotestsrc is-live=true pattern=black ! video/x-raw,format=I420,width={},height={},framerate=10/1,\
         pixel-aspect-ratio=1/1 ! tee name=tee ! queue ! {}",
        settings.screen_width,
        settings.screen_height,
        screen::sink(&settings.screen),
    );
    let trial = Trial::new(&description, Device::Screen, settings)?;
    screen::point(&trial.element("screen")?, &settings.screen);
    let shown = trial.counter("screen")?;
    trial.play()?;
    trial.watch(WATCHED)?;
    if shown.buffers() == 0 { Err("no picture reached it".to_owned()) } else { Ok(()) }
}

/// A pipeline for one trial; stopped when dropped.
struct Trial {
    pipeline: gst::Pipeline,
    device: Device,
    settings: Settings,
}

impl Trial {
    fn new(description: &str, device: Device, settings: &Settings) -> Result<Self, String> {
        let bin = gst::parse::bin_from_description(description, false).map_err(|error| error.to_string())?;
        let pipeline = gst::Pipeline::new();
        pipeline.add(&bin).map_err(|error| error.to_string())?;
        Ok(Self { pipeline, device, settings: settings.clone() })
    }

    fn element(&self, name: &str) -> Result<gst::Element, String> {
        self.pipeline.by_name(name).ok_or_else(|| format!("no element `{name}`"))
    }

    fn play(&self) -> Result<(), String> {
        let prepared =
            if self.device == Device::Camera { camera::prepare(&self.pipeline, &self.settings) } else { Ok(()) };
        let started = prepared.and_then(|()| {
            self.pipeline.set_state(gst::State::Playing).map(|_| ()).map_err(|_| DOES_NOT_START.to_owned())
        });
        started.map_err(|text| self.error().unwrap_or_else(|| self.sentence(self.device, &text, "")))
    }

    /// What the elements complained of first.
    fn error(&self) -> Option<String> {
        let message = self.pipeline.bus()?.pop_filtered(&[gst::MessageType::Error])?;
        Some(self.text_of(&message))
    }

    /// What a message means for who installs the device.
    fn text_of(&self, message: &gst::Message) -> String {
        let gst::MessageView::Error(error) = message.view() else { return String::new() };
        let is_microphone = error.src().is_some_and(|src| src.name() == "microphone");
        let device = if is_microphone { Device::Microphone } else { self.device };
        let debug = error.debug().map(|debug| debug.to_string()).unwrap_or_default();
        self.sentence(device, &error.error().to_string(), &debug)
    }

    fn sentence(&self, device: Device, text: &str, debug: &str) -> String {
        fault_text::sentence(device, &self.settings, Failure { text, debug })
    }

    /// Lets it run for a while; fails when an element does.
    fn watch(&self, time: Duration) -> Result<(), String> {
        let time = gst::ClockTime::try_from(time).unwrap_or(gst::ClockTime::SECOND);
        let bus = self.pipeline.bus().ok_or("no bus")?;
        match bus.timed_pop_filtered(time, &[gst::MessageType::Error]) {
            Some(message) => Err(self.text_of(&message)),
            None => Ok(()),
        }
    }

    /// Frames a second at a sink, from the first one on.
    fn rate(&self, sink: &str, first: Duration) -> Result<f64, String> {
        let counter = self.counter(sink)?;
        self.play()?;
        let until = Instant::now() + first;
        while counter.buffers() == 0 {
            self.watch(Duration::from_millis(20))?;
            if Instant::now() > until {
                return Err(format!("no frame within {} s", first.as_secs()));
            }
        }
        let (first, since) = (counter.buffers(), Instant::now());
        self.watch(WATCHED)?;
        Ok((counter.buffers() - first) as f64 / since.elapsed().as_secs_f64())
    }

    /// What an element offers once its device is open.
    fn formats(&self, name: &str) -> Vec<String> {
        let Ok(element) = self.element(name) else { return Vec::new() };
        if element.set_state(gst::State::Ready).is_err() {
            return Vec::new();
        }
        let caps = element.static_pad("src").map(|pad| pad.query_caps(None));
        let mut formats: Vec<_> = caps.iter().flat_map(|caps| caps.iter().map(format_of)).collect();
        formats.sort();
        formats.dedup();
        formats
    }

    fn counter(&self, name: &str) -> Result<Counter, String> {
        let pad = self.element(name)?.static_pad("sink").ok_or_else(|| format!("`{name}` has no input"))?;
        let counter = Counter::default();
        let (buffers, bytes) = (std::sync::Arc::clone(&counter.buffers), std::sync::Arc::clone(&counter.bytes));
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            buffers.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let size = info.buffer().map_or(0, |buffer| buffer.size() as u64);
            bytes.fetch_add(size, std::sync::atomic::Ordering::Relaxed);
            gst::PadProbeReturn::Ok
        });
        Ok(counter)
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if self.pipeline.set_state(gst::State::Null).is_err() {
            tracing::debug!("a trial did not stop cleanly");
        }
    }
}

/// What passed a pad.
#[derive(Default)]
struct Counter {
    buffers: std::sync::Arc<std::sync::atomic::AtomicU64>,
    bytes: std::sync::Arc<std::sync::atomic::AtomicU64>,
}

impl Counter {
    fn buffers(&self) -> u64 {
        self.buffers.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// One entry of a camera's list: kind, size and the fastest rate.
fn format_of(structure: &gst::StructureRef) -> String {
    let value = |name: &str| structure.value(name).ok().and_then(|value| value.serialize().ok()).unwrap_or_default();
    format!("{} {}x{} {}", structure.name(), value("width"), value("height"), value("framerate"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_encoders_give_key_frames_when_asked() {
        warm::library().unwrap();
        let is_there = |factory| gst::ElementFactory::find(factory).is_some();
        let software = ENCODERS.iter().filter(|encoder| !encoder.hardware && is_there(encoder.factory));
        let encoded: Vec<_> = software.map(|encoder| super::encoder(encoder.factory).unwrap()).collect();
        assert!(!encoded.is_empty() && encoded.iter().all(|encoded| encoded.key_frame), "{encoded:?}");
        assert!(super::encoder("weather").is_err());
    }

    #[test]
    fn a_test_camera_gives_its_rate() {
        let settings = Settings { camera: Camera::Test { name: "x".into() }, ..Settings::default() };
        let filmed = camera(&settings).unwrap();
        assert!(filmed.rate.unwrap() > 1.0 && filmed.formats.is_empty());
    }

    #[test]
    fn a_camera_that_is_not_there_is_told() {
        let device = "/dev/nonexistent".to_owned();
        let filmed = camera(&Settings { camera: Camera::V4l2 { device }, ..Settings::default() }).unwrap();
        assert!(filmed.rate.unwrap_err().contains("/dev/nonexistent"));
    }

    #[test]
    fn test_devices_sound_in_both_directions() {
        let settings = Settings {
            microphone: Microphone::Test { hz: 440 },
            speaker: Speaker::Test,
            screen: Screen::Test,
            ..Settings::default()
        };
        let sounded = sound(&settings).unwrap();
        assert!(sounded.heard_ms > 100 && sounded.played_ms > 100, "{sounded:?}");
        assert_eq!(screen(&settings), Ok(()));
    }
}
