//! Encoder, camera, sound and screen: each is tried as the daemon would use it.

use std::path::Path;

use super::Board;
use super::display;
use super::finding::Finding;
use super::probe::{self, Probe};
use super::rights::Who;
use crate::media::checkup::{Encoded, Filmed, Inventory, Sounded};
use crate::media::{Camera, Microphone, Screen, Settings, Speaker, VideoCodec};

/// Nothing is tried that a call is using.
const IN_USE: &str = "in use by the call that goes on: not tried";
/// Sound that has to come and go in two seconds.
const ENOUGH_MS: u64 = 1000;

/// The encoders of the preferred codec, in the order in which the daemon tries them, up to the first that works.
pub(super) fn encoder(board: &Board<'_>) -> Vec<Finding> {
    let subject = "encoder";
    let codec = board.settings.media.codec;
    let factories = match probe::ask::<Inventory>(Probe::Inventory, board.config) {
        Ok(inventory) => inventory.encoders,
        // It was told with GStreamer itself.
        Err(_) => return Vec::new(),
    };
    let mut findings = Vec::new();
    for factory in factories {
        let (found, works) = judge_encoder(&factory, probe::ask(Probe::Encoder(&factory), board.config));
        findings.push(found);
        if works {
            return findings;
        }
    }
    let (name, package) = match codec {
        VideoCodec::Vp8 => ("VP8", "gstreamer1.0-plugins-good"),
        VideoCodec::H264 => ("H.264", "gstreamer1.0-plugins-bad gstreamer1.0-libav"),
    };
    let text = format!("no encoder for {name} works: nobody sees a picture of ours");
    findings.push(Finding::fail(subject, text).fix(format!("sudo apt install {package}")));
    findings
}

/// Also whether the daemon will use it.
fn judge_encoder(factory: &str, encoded: Result<Encoded, String>) -> (Finding, bool) {
    let subject = "encoder";
    match encoded {
        Ok(Encoded { key_frame: true, hardware, .. }) => {
            let kind = if hardware { "hardware" } else { "software" };
            (Finding::ok(subject, format!("{factory} ({kind}) works, and gives a key frame when asked")), true)
        }
        Ok(Encoded { frames, .. }) => {
            let text =
                format!("{factory} gives frames ({frames}), but no key frame when asked: losses freeze the picture");
            let fix = "sudo sed -i 's/^codec = .*/codec = \"vp8\"/' /etc/callbox/callbox.toml";
            (Finding::warn(subject, text).fix(fix), true)
        }
        Err(error) => {
            let text = format!("{factory} is installed and does not work ({error}): the next one is taken");
            (Finding::warn(subject, text).fix("ls -l /dev/video* /dev/dri/render*; sudo dmesg | tail"), false)
        }
    }
}

/// The camera, as it is configured.
pub(super) fn camera(board: &Board<'_>) -> Vec<Finding> {
    let (subject, media) = ("camera", &board.settings.media);
    if media.camera == Camera::None {
        return vec![Finding::ok(subject, "none is configured: callers see a placeholder")];
    }
    if board.daemon.is_in_a_call() {
        return vec![Finding::ok(subject, IN_USE)];
    }
    if let Camera::V4l2 { device } = &media.camera {
        let who = Who::find();
        if let Err(trouble) = who.may_use(Path::new(device), true) {
            return vec![match trouble {
                super::rights::Trouble::Absent => Finding::fail(subject, format!("{device} is not there"))
                    .fix("ls -l /dev/v4l/by-id/ /dev/v4l/by-path/  # put one of these into camera.device"),
                trouble => {
                    Finding::fail(subject, format!("{} may not use {device}", who.name)).fix(who.remedy(&trouble))
                }
            }];
        }
    }
    vec![judge_camera(media, probe::ask(Probe::Camera, board.config))]
}

fn judge_camera(media: &Settings, filmed: Result<Filmed, String>) -> Finding {
    let subject = "camera";
    let (width, height, wanted) = (media.width, media.height, f64::from(media.framerate));
    let filmed = match filmed {
        Ok(filmed) => filmed,
        Err(error) => return Finding::fail(subject, error).fix("sudo dmesg | tail -n 30"),
    };
    match filmed.rate {
        Ok(rate) if rate >= wanted * 0.8 => {
            Finding::ok(subject, format!("gives {width}x{height}, {rate:.0} frames a second"))
        }
        Ok(rate) => {
            let text = format!("gives {rate:.0} frames a second, not {wanted:.0}: too little light, or too much to do");
            Finding::warn(subject, text)
                .fix(format!("sudoedit /etc/callbox/callbox.toml  # video.fps = {:.0}", rate.max(1.0)))
        }
        Err(error) => {
            let text = format!("no picture of {width}x{height}: {error}");
            match near(&filmed.formats) {
                Some(offers) => Finding::fail(subject, format!("{text}\nit offers {offers}"))
                    .fix("sudoedit /etc/callbox/callbox.toml  # video.size and video.fps: one of these"),
                None => Finding::fail(subject, text).fix("v4l2-ctl --list-devices"),
            }
        }
    }
}

/// The first few formats that a camera offers.
fn near(formats: &[String]) -> Option<String> {
    const SHOWN: usize = 8;
    let mut text = formats.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if formats.len() > SHOWN {
        text += &format!(" and {} more", formats.len() - SHOWN);
    }
    (!formats.is_empty()).then_some(text)
}

/// Microphone and speaker, open at once.
pub(super) fn sound(board: &Board<'_>) -> Vec<Finding> {
    let (subject, media) = ("sound", &board.settings.media);
    let (microphone, speaker) = (media.microphone != Microphone::None, media.speaker != Speaker::None);
    let what = match (microphone, speaker) {
        (false, false) => {
            return vec![Finding::ok(subject, "no microphone and no speaker are configured: calls are silent")];
        }
        (true, true) => "microphone and speaker run at once",
        (true, false) => "the microphone runs; no speaker is configured",
        (false, true) => "the speaker runs; no microphone is configured",
    };
    if board.daemon.is_in_a_call() {
        return vec![Finding::ok(subject, IN_USE)];
    }
    vec![match probe::ask::<Sounded>(Probe::Sound, board.config) {
        Ok(Sounded { heard_ms, played_ms }) if heard_ms >= ENOUGH_MS && played_ms >= ENOUGH_MS => {
            Finding::ok(subject, what)
        }
        Ok(Sounded { heard_ms, played_ms }) => {
            let text = format!("in two seconds {heard_ms} ms were heard and {played_ms} ms played");
            Finding::fail(subject, text).fix("arecord -l; aplay -l; sudo dmesg | tail -n 30")
        }
        Err(error) => {
            let text = format!("does not open: {error}");
            Finding::fail(subject, text)
                .fix("arecord -L; aplay -L  # name a card of both in microphone.device and speaker.device")
        }
    }]
}

/// The screen, and who holds it.
pub(super) fn screen(board: &Board<'_>) -> Vec<Finding> {
    let (subject, media) = ("screen", &board.settings.media);
    if media.screen == Screen::None {
        return vec![Finding::ok(subject, "none is configured: nobody is seen here")];
    }
    if board.daemon.is_in_a_call() {
        return vec![Finding::ok(subject, IN_USE)];
    }
    let is_kms = matches!(media.screen, Screen::Kms { .. });
    let mut findings = Vec::new();
    if is_kms {
        let (connected, connectors) = display::connectors();
        if connectors == 0 {
            return vec![Finding::fail(subject, "the kernel knows no display").fix("sudo dmesg | grep -i drm")];
        }
        if connected.is_empty() {
            findings.push(Finding::warn(subject, "no screen is plugged in").fix("head /sys/class/drm/*/status"));
        }
        findings.extend(judge_holders(&display::holders(), display::manager().as_deref()));
    }
    findings.push(match probe::ask::<()>(Probe::Screen, board.config) {
        Ok(()) => Finding::ok(subject, format!("shows {}x{}", media.screen_width, media.screen_height)),
        Err(error) => {
            let fix = if is_kms { "ls -l /dev/dri/; sudo callbox doctor" } else { "systemctl status display-manager" };
            Finding::fail(subject, format!("shows nothing: {error}")).fix(fix)
        }
    });
    findings
}

fn judge_holders(holders: &[String], manager: Option<&str>) -> Option<Finding> {
    if holders.is_empty() {
        return None;
    }
    let fix = match manager {
        Some(unit) => format!("sudo systemctl disable --now {unit}"),
        None => "sudo systemctl set-default multi-user.target && sudo reboot".to_owned(),
    };
    Some(Finding::fail("screen", format!("held by {}", holders.join(", "))).fix(fix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    #[test]
    fn an_encoder_that_gives_no_key_frames_is_used_and_complained_of() {
        let encoded = |key_frame| Ok(Encoded { frames: 30, key_frame, hardware: true });
        let judged = |encoded| {
            let (found, used) = judge_encoder("x", encoded);
            (found.verdict, used)
        };
        assert_eq!(judged(encoded(true)), (Verdict::Ok, true));
        assert_eq!(judged(encoded(false)), (Verdict::Warn, true));
        assert_eq!(judged(Err("hangs".into())), (Verdict::Warn, false));
    }

    #[test]
    fn a_camera_is_judged_by_what_was_asked_of_it() {
        let media = Settings { framerate: 25, ..Settings::default() };
        let formats: Vec<_> = (0..9).map(|n| format!("image/jpeg {n}")).collect();
        let judged = |rate: Result<f64, &str>| {
            let rate = rate.map_err(str::to_owned);
            judge_camera(&media, Ok(Filmed { formats: formats.clone(), rate }))
        };
        assert_eq!(judged(Ok(24.6)).verdict, Verdict::Ok);
        assert!(judged(Ok(9.0)).fix.unwrap().contains("video.fps = 9"));
        let refused = judged(Err("not negotiated"));
        assert!(refused.verdict == Verdict::Fail && refused.text.ends_with("image/jpeg 7 and 1 more"), "{refused:?}");
    }

    #[test]
    fn whoever_holds_the_display_is_named_with_what_ends_it() {
        assert_eq!(judge_holders(&[], Some("gdm.service")), None);
        let found = judge_holders(&["Xorg (812)".into()], Some("lightdm.service")).unwrap();
        assert_eq!(found.fix.as_deref(), Some("sudo systemctl disable --now lightdm.service"));
    }
}
