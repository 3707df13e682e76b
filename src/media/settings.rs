//! What a media edge is told when it starts: devices, sizes, codecs and limits.

use std::path::PathBuf;
use std::time::Duration;

use callbox_core::protocol::IceServer;
use serde::{Deserialize, Serialize};

/// Where the picture comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Camera {
    /// A V4L2 device, best named by its stable path under `/dev/v4l/by-id`.
    V4l2 {
        /// The device node.
        device: String,
    },
    /// A camera of libcamera.
    Libcamera {
        /// Its name; none: the first one.
        name: Option<String>,
    },
    /// A network camera.
    Rtsp {
        /// `rtsp://…`
        url: String,
    },
    /// A moving picture with a QR code that tells name, frame number and time.
    Test {
        /// What the code calls itself.
        name: String,
    },
    /// No camera: the placeholder is sent.
    None,
}

/// What a V4L2 camera is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CameraFormat {
    /// Raw pictures up to 640x480, which is what USB 2 carries; JPEG above that.
    Auto,
    /// Raw pictures.
    Raw,
    /// JPEG pictures.
    Mjpeg,
    /// H.264. It is decoded here: its key frames come when the camera likes, not when a peer needs one.
    H264,
}

/// Where the sound comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Microphone {
    /// An ALSA device such as `plughw:CARD=Device`.
    Alsa {
        /// The device.
        device: String,
    },
    /// PulseAudio, or PipeWire in its place.
    Pulse {
        /// The source; none: the default one.
        device: Option<String>,
    },
    /// PipeWire itself.
    Pipewire,
    /// A tone.
    Test {
        /// Its frequency.
        hz: u32,
    },
    /// No microphone: silence is sent.
    None,
}

/// Where the sound goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// An ALSA device such as `plughw:CARD=Device`.
    Alsa {
        /// The device.
        device: String,
    },
    /// PulseAudio, or PipeWire in its place.
    Pulse {
        /// The sink; none: the default one.
        device: Option<String>,
    },
    /// PipeWire itself.
    Pipewire,
    /// Nothing sounds; what would be played is measured and reported.
    Test,
    /// Nothing sounds.
    None,
}

/// Where the picture of the peers goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Screen {
    /// The whole display, without a compositor.
    Kms {
        /// The kernel driver, where GStreamer does not find it by itself.
        driver: Option<String>,
        /// The connector's number; none: the first one that is connected.
        connector: Option<i32>,
    },
    /// Full screen under a Wayland compositor.
    Wayland,
    /// A window on a desktop.
    Window,
    /// Nothing is shown; QR codes in the picture are read and reported.
    Test,
    /// No screen: pictures are decoded and counted.
    None,
}

impl Screen {
    /// Whether pictures are shown at all.
    pub(crate) fn is_there(&self) -> bool {
        *self != Self::None
    }
}

/// How the echo of our speaker is kept out of our microphone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Echo {
    /// The device does it: a speakerphone, or a sound chip with a signal processor. Samples pass untouched.
    Hardware,
    /// We do it, and take noise away and keep the level, where both are real devices.
    Webrtcdsp,
    /// One side speaks at a time.
    HalfDuplex,
    /// It is not: headphones, a handset, a speaker far away.
    Off,
}

impl Echo {
    /// Each with its word in the configuration.
    pub const WORDS: &[(&str, Self)] = &[
        ("hardware", Self::Hardware),
        ("webrtcdsp", Self::Webrtcdsp),
        ("half-duplex", Self::HalfDuplex),
        ("off", Self::Off),
    ];

    /// Its word in the configuration.
    pub(crate) fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, echo)| *echo == self).map_or("off", |(word, _)| word)
    }
}

/// A video codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VideoCodec {
    /// VP8 (RFC 6386): the one every browser decodes and nobody licenses.
    Vp8,
    /// H.264, constrained baseline, packetization mode 1.
    H264,
}

/// Which ICE candidates may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IceTransportPolicy {
    /// Every one.
    All,
    /// Those of a TURN server only.
    Relay,
}

/// Bounds of the video bit rate, in bits a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bitrate {
    /// Never less.
    pub min: u32,
    /// Where it starts.
    pub start: u32,
    /// Never more.
    pub max: u32,
}

/// Everything a media edge needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the picture comes from.
    pub camera: Camera,
    /// The camera runs while nobody calls too: there are pictures from before a press.
    pub camera_always: bool,
    /// What a V4L2 camera is asked for.
    pub camera_format: CameraFormat,
    /// Where the sound comes from.
    pub microphone: Microphone,
    /// Where the sound goes.
    pub speaker: Speaker,
    /// Where the picture of the peers goes.
    pub screen: Screen,
    /// What we offer, and prefer in an answer.
    pub codec: VideoCodec,
    /// Width of the picture we send.
    pub width: u32,
    /// Height of the picture we send.
    pub height: u32,
    /// Frames a second we send.
    pub framerate: u32,
    /// Width of the screen.
    pub screen_width: u32,
    /// Height of the screen.
    pub screen_height: u32,
    /// Frames a second on the screen.
    pub screen_framerate: u32,
    /// Shown while nobody calls. Without it the screen is left alone then.
    pub idle_picture: Option<PathBuf>,
    /// Bounds of the video bit rate.
    pub bitrate: Bitrate,
    /// How long a packet may wait for an earlier one: 40 ms by wire, 100 ms by Wi-Fi.
    pub jitter_buffer: Duration,
    /// STUN and TURN servers; replaced by [`super::Media::set_ice_servers`].
    pub ice_servers: Vec<IceServer>,
    /// Which ICE candidates may be used.
    pub ice_transport_policy: IceTransportPolicy,
    /// This very program: hardware encoders are tried by it in a process of its own. Without it they are not used.
    pub program: Option<PathBuf>,
    /// UDP ports for media, both ends included; none: whatever the kernel gives.
    pub ports: Option<(u16, u16)>,
    /// Interfaces that media goes out by; empty: all of them.
    pub interfaces: Vec<String>,
    /// How the echo of our speaker is kept out of our microphone.
    pub echo: Echo,
    /// How loud the speaker is when a call begins, in percent.
    pub volume: u8,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            camera: Camera::None,
            camera_always: false,
            camera_format: CameraFormat::Auto,
            microphone: Microphone::None,
            speaker: Speaker::None,
            screen: Screen::None,
            codec: VideoCodec::Vp8,
            width: 640,
            height: 360,
            framerate: 25,
            screen_width: 1280,
            screen_height: 720,
            screen_framerate: 25,
            idle_picture: None,
            bitrate: Bitrate { min: 100_000, start: 800_000, max: 2_000_000 },
            jitter_buffer: Duration::from_millis(40),
            ice_servers: Vec::new(),
            ice_transport_policy: IceTransportPolicy::All,
            program: None,
            ports: None,
            interfaces: Vec::new(),
            echo: Echo::Webrtcdsp,
            volume: 100,
        }
    }
}
