//! `[camera]`, `[microphone]`, `[speaker]`, `[screen]` and `[video]`.

use super::check::Check;
use super::raw::{self, Text};
use crate::media::{Bitrate, Camera, CameraFormat, CameraUrl, Echo, Microphone, Screen, Settings, Speaker, VideoCodec};

const SIZE: &str = "WIDTHxHEIGHT in even numbers, 64x64 to 3840x2160, such as \"1280x720\"";
const NODE: &str = "a device node, best by its stable name: /dev/v4l/by-id/…";
const RTSP: &str = "rtsp://… or rtsps://…";
const FORMATS: &[(&str, CameraFormat)] = &[
    ("auto", CameraFormat::Auto),
    ("raw", CameraFormat::Raw),
    ("mjpeg", CameraFormat::Mjpeg),
    ("h264", CameraFormat::H264),
];
const ALSA: &str = "an ALSA device, such as \"default\" or \"plughw:CARD=Device\" (`aplay -L`, `arecord -L`)";

/// Reads the four devices.
pub(super) fn devices(check: &mut Check<'_>, raw: &raw::File, media: &mut Settings) {
    media.camera = camera(check, &raw.camera);
    media.camera_format = check.word("camera.format", raw.camera.format.as_ref(), FORMATS, media.camera_format);
    media.microphone = microphone(check, &raw.microphone);
    media.speaker = speaker(check, &raw.speaker);
    media.screen = screen(check, &raw.screen, media);
    media.idle_picture = raw.screen.idle.as_ref().and_then(|path| check.path("screen.idle", path));
    media.echo = check.word("microphone.echo", raw.microphone.echo.as_ref(), Echo::WORDS, media.echo);
    media.volume = check.number("speaker.volume", raw.speaker.volume.as_ref(), 0..=100, media.volume);
}

/// Reads `[video]`.
pub(super) fn video(check: &mut Check<'_>, raw: &raw::File, media: &mut Settings) {
    let video = &raw.video;
    let codecs = [("vp8", VideoCodec::Vp8), ("h264", VideoCodec::H264)];
    media.codec = check.word("video.codec", video.codec.as_ref(), &codecs, media.codec);
    (media.width, media.height) = size(check, "video.size", video.size.as_ref(), (media.width, media.height));
    media.framerate = check.number("video.fps", video.fps.as_ref(), 1..=60, media.framerate);
    if let Some(bitrate) = &video.bitrate {
        let raw = bitrate.get_ref();
        let [min, start, max] = [(&raw.min, "min"), (&raw.start, "start"), (&raw.max, "max")]
            .map(|(number, name)| check.number(&format!("video.bitrate.{name}"), Some(number), 30..=50_000_u32, 30));
        if min <= start && start <= max {
            media.bitrate = Bitrate { min: min * 1000, start: start * 1000, max: max * 1000 };
        } else {
            let found = format!("min {min}, start {start}, max {max}");
            check.wrong("video.bitrate", bitrate.span(), found, "min ≤ start ≤ max, in kbit/s");
        }
    }
}

fn camera(check: &mut Check<'_>, raw: &raw::Camera) -> Camera {
    let kind = kind(check, "camera.kind", raw.kind.as_ref(), &["v4l2", "libcamera", "rtsp", "test", "none"]);
    if kind != "v4l2" {
        check.alien("camera.device", raw.device.as_ref(), kind, "\"v4l2\"");
        check.alien("camera.format", raw.format.as_ref(), kind, "\"v4l2\"");
    }
    if !["libcamera", "test"].contains(&kind) {
        check.alien("camera.name", raw.name.as_ref(), kind, "\"libcamera\" or \"test\"");
    }
    if kind != "rtsp" {
        check.alien("camera.url", raw.url.as_ref(), kind, "\"rtsp\"");
    }
    let name = raw.name.as_ref().and_then(|name| check.filled("camera.name", name, "the camera's name"));
    match kind {
        "v4l2" => match &raw.device {
            Some(device) if device.get_ref().starts_with('/') => Camera::V4l2 { device: device.get_ref().clone() },
            Some(device) => {
                check.wrong("camera.device", device.span(), device.get_ref(), NODE);
                Camera::None
            }
            None => {
                check.missing("camera.device", NODE);
                Camera::None
            }
        },
        "libcamera" => Camera::Libcamera { name },
        "rtsp" => match &raw.url {
            Some(url) => match url.get_ref().parse::<CameraUrl>() {
                Ok(good) => Camera::Rtsp { url: good.as_str().to_owned() },
                Err(error) => {
                    // The address may hold a password: it is not repeated.
                    check.wrong("camera.url", url.span(), "this address", &error.to_string());
                    Camera::None
                }
            },
            None => {
                check.missing("camera.url", RTSP);
                Camera::None
            }
        },
        "test" => Camera::Test { name: name.unwrap_or_else(|| "callbox".to_owned()) },
        _ => Camera::None,
    }
}

fn microphone(check: &mut Check<'_>, raw: &raw::Microphone) -> Microphone {
    let kind = kind(check, "microphone.kind", raw.kind.as_ref(), &["alsa", "pulse", "pipewire", "test", "none"]);
    if !["alsa", "pulse"].contains(&kind) {
        check.alien("microphone.device", raw.device.as_ref(), kind, "\"alsa\" or \"pulse\"");
    }
    if kind != "test" {
        check.alien("microphone.hz", raw.hz.as_ref(), kind, "\"test\"");
    }
    let device = raw.device.as_ref().and_then(|device| check.filled("microphone.device", device, ALSA));
    match kind {
        "alsa" => Microphone::Alsa { device: device.unwrap_or_else(|| "default".to_owned()) },
        "pulse" => Microphone::Pulse { device },
        "pipewire" => Microphone::Pipewire,
        "test" => Microphone::Test { hz: check.number("microphone.hz", raw.hz.as_ref(), 100..=8000, 440) },
        _ => Microphone::None,
    }
}

fn speaker(check: &mut Check<'_>, raw: &raw::Speaker) -> Speaker {
    let kind = kind(check, "speaker.kind", raw.kind.as_ref(), &["alsa", "pulse", "pipewire", "test", "none"]);
    if !["alsa", "pulse"].contains(&kind) {
        check.alien("speaker.device", raw.device.as_ref(), kind, "\"alsa\" or \"pulse\"");
    }
    let device = raw.device.as_ref().and_then(|device| check.filled("speaker.device", device, ALSA));
    match kind {
        "alsa" => Speaker::Alsa { device: device.unwrap_or_else(|| "default".to_owned()) },
        "pulse" => Speaker::Pulse { device },
        "pipewire" => Speaker::Pipewire,
        "test" => Speaker::Test,
        _ => Speaker::None,
    }
}

fn screen(check: &mut Check<'_>, raw: &raw::Screen, media: &mut Settings) -> Screen {
    let kind = kind(check, "screen.kind", raw.kind.as_ref(), &["kms", "wayland", "window", "test", "none"]);
    if kind != "kms" {
        check.alien("screen.driver", raw.driver.as_ref(), kind, "\"kms\"");
        check.alien("screen.connector", raw.connector.as_ref(), kind, "\"kms\"");
    }
    let default = (media.screen_width, media.screen_height);
    (media.screen_width, media.screen_height) = size(check, "screen.size", raw.size.as_ref(), default);
    media.screen_framerate = check.number("screen.fps", raw.fps.as_ref(), 1..=60, media.screen_framerate);
    match kind {
        "kms" => Screen::Kms {
            driver: raw.driver.as_ref().and_then(|driver| check.filled("screen.driver", driver, "such as \"vc4\"")),
            connector: raw
                .connector
                .as_ref()
                .map(|number| check.number("screen.connector", Some(number), 0..=i32::MAX, 0)),
        },
        "wayland" => Screen::Wayland,
        "window" => Screen::Window,
        "test" => Screen::Test,
        _ => Screen::None,
    }
}

/// A device's kind; without the key there is no such device.
fn kind<'k>(check: &mut Check<'_>, key: &str, text: Option<&Text>, kinds: &[&'k str]) -> &'k str {
    let words: Vec<_> = kinds.iter().map(|kind| (*kind, *kind)).collect();
    check.word(key, text, &words, "none")
}

fn size(check: &mut Check<'_>, key: &str, text: Option<&Text>, default: (u32, u32)) -> (u32, u32) {
    let Some(text) = text else { return default };
    let sides = text.get_ref().split_once('x').and_then(|(width, height)| {
        let (width, height) = (width.parse::<u32>().ok()?, height.parse::<u32>().ok()?);
        let fits = (64..=3840).contains(&width) && (64..=2160).contains(&height);
        (fits && width % 2 == 0 && height % 2 == 0).then_some((width, height))
    });
    sides.unwrap_or_else(|| {
        check.wrong(key, text.span(), format!("{:?}", text.get_ref()), SIZE);
        default
    })
}
