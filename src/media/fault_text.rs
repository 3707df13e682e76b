//! Turns what GStreamer says about a device into a sentence that tells an installer what is wrong and what to do.

use super::camera_watch::CameraFault;
use super::outbox::Device;
use super::settings::{Camera, Microphone, Screen, Settings, Speaker};

/// What is known of a failure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure<'a> {
    /// The message for a person.
    pub(crate) text: &'a str,
    /// The message for a developer: it often names the system's error.
    pub(crate) debug: &'a str,
}

/// Which devices a row is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    V4l2,
    Libcamera,
    Network,
    Kms,
    Wayland,
    Alsa,
    SoundServer,
    Any,
}

/// For the first row whose words all occur in the messages, case ignored: what is wrong, and what to do.
const ROWS: &[(Of, &[&str], &str)] = &[
    (Of::V4l2, &["permission denied"], "may not be opened: add the user of this service to the group `video`"),
    (Of::V4l2, &["busy"], "is used by another program: `fuser -v` with its path names it"),
    (
        Of::V4l2,
        &["cannot identify device"],
        "is not there: check its cable; `ls -l /dev/v4l/by-id` shows what there is",
    ),
    (Of::V4l2, &["no such file"], "is not there: check its cable; `ls -l /dev/v4l/by-id` shows what there is"),
    (
        Of::V4l2,
        &["not a capture device"],
        "gives no pictures: one camera has several nodes, choose another one of `ls -l /dev/v4l/by-id`",
    ),
    (
        Of::V4l2,
        &["not-negotiated"],
        "refuses the size or rate: choose another `video.size`, `video.fps` or `camera.format` (`v4l2-ctl --list-formats-ext`)",
    ),
    (Of::V4l2, &["no such device"], "was unplugged: check its cable and its power"),
    (
        Of::V4l2,
        &["failed to allocate"],
        "gets no memory: on USB, another camera may use up the bus; try a smaller `video.size`",
    ),
    (Of::V4l2, &["could not read"], "stopped: check its cable and its power"),
    (Of::Libcamera, &["could not find"], "is not there: check its ribbon cable; `cam --list` shows what there is"),
    (Of::Libcamera, &["busy"], "is used by another program: stop that one"),
    (Of::Libcamera, &["acquire"], "is used by another program: stop that one"),
    (Of::Network, &["unauthorized"], "refuses user or password: check `camera.url`; @ in a password is written %40"),
    (Of::Network, &["not authorized"], "refuses user or password: check `camera.url`; @ in a password is written %40"),
    (Of::Network, &["401"], "refuses user or password: check `camera.url`; @ in a password is written %40"),
    (Of::Network, &["403"], "forbids this stream to the user: check the camera's user settings"),
    (Of::Network, &["404"], "has no stream of this path: check `camera.url` with the camera's manual"),
    (Of::Network, &["not found"], "has no stream of this path: check `camera.url` with the camera's manual"),
    (Of::Network, &["resolve"], "has a name that is not known here: check `camera.url` and the name server"),
    (
        Of::Network,
        &["refused"],
        "takes no connections: check the port in `camera.url`, and that RTSP is switched on in the camera",
    ),
    (Of::Network, &["unreachable"], "cannot be reached: check its cable, its power and the network"),
    (Of::Network, &["timed out"], "does not answer: check its cable, its power and the address in `camera.url`"),
    (Of::Network, &["timeout"], "does not answer: check its cable, its power and the address in `camera.url`"),
    (
        Of::Network,
        &["certificate"],
        "has a certificate that is not trusted here: use rtsp://, or install its authority",
    ),
    (Of::Network, &["461"], "does not send over this transport: it is tried over the other one"),
    (Of::Network, &["supported transport"], "does not send over this transport: it is tried over the other one"),
    (
        Of::Network,
        &["failed to connect"],
        "does not answer: check its cable, its power and the address in `camera.url`",
    ),
    (
        Of::Network,
        &["could not connect"],
        "does not answer: check its cable, its power and the address in `camera.url`",
    ),
    (
        Of::Network,
        &["no decoder"],
        "sends a codec that cannot be decoded here: set it to H.264, or install gstreamer1.0-libav",
    ),
    (
        Of::Network,
        &["missing"],
        "sends a codec that cannot be decoded here: set it to H.264, or install gstreamer1.0-libav",
    ),
    (Of::Network, &["stream ended"], "ended the stream: it may have been restarted"),
    (Of::Network, &["receive"], "broke the connection off: it may have been restarted"),
    (Of::Network, &["send"], "broke the connection off: it may have been restarted"),
    (
        Of::Network,
        &["unhandled error"],
        "refuses the stream: check `camera.url`, and whether too many programs watch it",
    ),
    (
        Of::Kms,
        &["permission denied"],
        "may not be used: add the user of this service to the group `video`, and stop any desktop",
    ),
    (
        Of::Kms,
        &["could not open drm module"],
        "has no display driver: connect a display, look for /dev/dri/card0, set `screen.driver`, or use `kind = \"none\"`",
    ),
    (
        Of::Kms,
        &["could not find a valid monitor"],
        "has no monitor: check the cable and `screen.connector` (`modetest -c`)",
    ),
    (Of::Kms, &["crtc"], "has no monitor: check the cable and `screen.connector` (`modetest -c`)"),
    (Of::Kms, &["drm resources"], "has no outputs: choose another `screen.driver`"),
    (Of::Kms, &["master"], "belongs to another program: stop the desktop, or use `kind = \"wayland\"`"),
    (Of::Kms, &["not-negotiated"], "takes none of our formats: choose another `screen.size`, or `kind = \"wayland\"`"),
    (
        Of::Wayland,
        &["wayland"],
        "has no compositor: start one, and check WAYLAND_DISPLAY and XDG_RUNTIME_DIR of this service",
    ),
    (Of::Alsa, &["permission denied"], "may not be opened: add the user of this service to the group `audio`"),
    (Of::Alsa, &["busy"], "is used by another program: `fuser -v /dev/snd/*` names it"),
    (Of::Alsa, &["used by another application"], "is used by another program: `fuser -v /dev/snd/*` names it"),
    (Of::Alsa, &["disconnected"], "was unplugged: check its cable"),
    (Of::Alsa, &["no such device"], "was unplugged: check its cable"),
    (Of::Alsa, &["no such file"], "is not there: check its cable; `aplay -L` and `arecord -L` show what there is"),
    (
        Of::Alsa,
        &["could not open"],
        "cannot be opened: check its cable; `aplay -L` and `arecord -L` show what there is",
    ),
    (Of::Alsa, &["mono"], "cannot do this: use its `plughw:` name, which converts"),
    (
        Of::SoundServer,
        &["connect"],
        "has no sound server: start PipeWire or PulseAudio for the user of this service, or use `kind = \"alsa\"`",
    ),
    (
        Of::SoundServer,
        &["refused"],
        "has no sound server: start PipeWire or PulseAudio for the user of this service, or use `kind = \"alsa\"`",
    ),
    (Of::SoundServer, &["no such entity"], "is not there: `pactl list short` shows what there is"),
    (Of::Any, &["stream ended"], "gives nothing any more: check its cable"),
    (Of::Any, &["no element"], "needs a GStreamer element that is not installed: `callbox doctor` names the package"),
    (Of::Any, &["permission denied"], "may not be opened: `callbox doctor` names the group that is missing"),
];

/// Returns the sentence for a failed device.
pub(crate) fn sentence(device: Device, settings: &Settings, failure: Failure<'_>) -> String {
    let of = of(device, settings);
    let said = format!("{} {}", failure.text, failure.debug).to_lowercase();
    let row = ROWS
        .iter()
        .find(|(row, words, _)| (*row == of || *row == Of::Any) && words.iter().all(|word| said.contains(word)));
    let name = name(device, settings);
    match row {
        Some((.., advice)) => format!("{name} {advice}"),
        // GStreamer's own words are still better than none.
        None => format!("{name} failed ({}): `callbox doctor` examines it", failure.text.trim_end_matches('.')),
    }
}

/// Returns the sentence for a camera from which nothing usable comes.
pub(crate) fn camera_sentence(settings: &Settings, fault: CameraFault) -> String {
    let name = name(Device::Camera, settings);
    let is_network = matches!(settings.camera, Camera::Rtsp { .. });
    let advice = match (fault, is_network) {
        (CameraFault::NothingCame, true) => {
            "sends nothing: check its cable, its power and `camera.url`; it is tried over TCP and UDP in turn"
        }
        (CameraFault::NothingCame, false) => {
            "gives no pictures: unplug it and plug it in again, or try another USB port"
        }
        (CameraFault::Silent, true) => "sends nothing any more: check its cable, its power and the network",
        (CameraFault::Silent, false) => "gives no pictures any more: check its cable and its power",
        (CameraFault::NoPicture, true) => {
            "sends no picture that can be decoded: set it to H.264 and a key frame every 1 to 10 s"
        }
        (CameraFault::NoPicture, false) => "gives pictures that cannot be decoded: choose another `camera.format`",
    };
    format!("{name} {advice}")
}

fn of(device: Device, settings: &Settings) -> Of {
    match device {
        Device::Camera => match settings.camera {
            Camera::V4l2 { .. } => Of::V4l2,
            Camera::Libcamera { .. } => Of::Libcamera,
            Camera::Rtsp { .. } => Of::Network,
            Camera::Test { .. } | Camera::None => Of::Any,
        },
        Device::Screen => match settings.screen {
            Screen::Kms { .. } => Of::Kms,
            Screen::Wayland => Of::Wayland,
            Screen::Window | Screen::Test | Screen::None => Of::Any,
        },
        Device::Microphone => match settings.microphone {
            Microphone::Alsa { .. } => Of::Alsa,
            Microphone::Pulse { .. } | Microphone::Pipewire => Of::SoundServer,
            Microphone::Test { .. } | Microphone::None => Of::Any,
        },
        Device::Speaker => match settings.speaker {
            Speaker::Alsa { .. } => Of::Alsa,
            Speaker::Pulse { .. } | Speaker::Pipewire => Of::SoundServer,
            Speaker::Test | Speaker::None => Of::Any,
        },
        Device::Encoder => Of::Any,
    }
}

/// Returns what an installer calls the device. Never the address of a network camera: it holds a password.
fn name(device: Device, settings: &Settings) -> String {
    match device {
        Device::Camera => match &settings.camera {
            Camera::V4l2 { device } => format!("the camera {device}"),
            Camera::Libcamera { name: Some(name) } => format!("the camera {name}"),
            Camera::Rtsp { .. } => "the network camera".to_owned(),
            _ => "the camera".to_owned(),
        },
        Device::Microphone => match &settings.microphone {
            Microphone::Alsa { device } | Microphone::Pulse { device: Some(device) } => {
                format!("the microphone {device}")
            }
            _ => "the microphone".to_owned(),
        },
        Device::Speaker => match &settings.speaker {
            Speaker::Alsa { device } | Speaker::Pulse { device: Some(device) } => format!("the speaker {device}"),
            _ => "the speaker".to_owned(),
        },
        Device::Screen => "the screen".to_owned(),
        Device::Encoder => "the video encoder".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(device: Device, settings: &Settings, text: &str, debug: &str) -> String {
        sentence(device, settings, Failure { text, debug })
    }

    #[test]
    fn what_gstreamer_says_becomes_what_to_do() {
        let url = "rtsp://admin:secret@10.0.0.9/live".to_owned();
        let network = Settings { camera: Camera::Rtsp { url }, ..Settings::default() };
        let local = Settings { camera: Camera::V4l2 { device: "/dev/video9".into() }, ..Settings::default() };
        let kms = Settings { screen: Screen::Kms { driver: None, connector: None }, ..Settings::default() };
        let alsa = Settings { speaker: Speaker::Alsa { device: "hw:7".into() }, ..Settings::default() };
        let pulse = Settings { microphone: Microphone::Pulse { device: None }, ..Settings::default() };
        for (device, settings, text, debug, expected) in [
            (
                Device::Camera,
                &network,
                "Unhandled error",
                "gstrtspsrc.c: Got error response: 461 (Unsupported transport).",
                "over the other one",
            ),
            (
                Device::Camera,
                &network,
                "Unhandled error",
                "Got error response: 500 (Internal Server Error).",
                "too many programs",
            ),
            (Device::Camera, &network, "Unauthorized", "", "user or password"),
            (Device::Camera, &network, "Not found", "", "no stream of this path"),
            (
                Device::Camera,
                &network,
                "Could not open resource for reading and writing.",
                "Failed to connect. (Generic error: Connection refused)",
                "takes no connections",
            ),
            (
                Device::Camera,
                &local,
                "Cannot identify device '/dev/video9'.",
                "system error: No such file or directory",
                "/dev/video9 is not there",
            ),
            (Device::Camera, &local, "Device '/dev/video9' is busy", "", "another program"),
            (
                Device::Camera,
                &local,
                "Internal data stream error.",
                "streaming stopped, reason not-negotiated (-4)",
                "`video.size`",
            ),
            (
                Device::Screen,
                &kms,
                "Could not open DRM module (NULL)",
                "reason: No such file or directory (2)",
                "connect a display",
            ),
            (
                Device::Speaker,
                &alsa,
                "Could not open audio device for playback. Device is being used by another application.",
                "Device 'hw:7' is busy",
                "fuser",
            ),
            (
                Device::Speaker,
                &alsa,
                "Could not open audio device for playback.",
                "Playback open error on device 'hw:7': No such file or directory",
                "aplay -L",
            ),
            (Device::Microphone, &pulse, "Failed to connect: Connection refused", "", "no sound server"),
        ] {
            let sentence = said(device, settings, text, debug);
            assert!(sentence.contains(expected), "{text} / {debug}: {sentence}");
            for raw in ["Unhandled error", "Watchdog", "(NULL)", "secret", "10.0.0.9"] {
                assert!(!sentence.contains(raw), "{sentence}");
            }
        }
        let unknown = said(Device::Camera, &local, "Something new.", "");
        assert_eq!(unknown, "the camera /dev/video9 failed (Something new): `callbox doctor` examines it");
    }

    #[test]
    fn a_silent_camera_is_told_by_what_to_check() {
        let network = Settings { camera: Camera::Rtsp { url: "rtsp://x/".into() }, ..Settings::default() };
        let local = Settings { camera: Camera::V4l2 { device: "/dev/video9".into() }, ..Settings::default() };
        for fault in [CameraFault::NothingCame, CameraFault::Silent, CameraFault::NoPicture] {
            let sentences = [camera_sentence(&network, fault), camera_sentence(&local, fault)];
            assert!(sentences[0].starts_with("the network camera") && sentences[1].contains("/dev/video9"));
            assert_ne!(sentences[0].split_once(' '), sentences[1].split_once(' '));
        }
    }
}
