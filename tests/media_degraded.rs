//! Calls with less than everything: voice only, no camera, no screen, a device that is not there.

use std::time::Duration;

use callbox::media::{self, Camera, Device, Microphone, Picture, Screen, Settings, VideoCodec};
use callbox_core::protocol::Media;
use callbox_core::station::{Flow, LinkEvent, MediaOrder, Tone};

use crate::media_wire::{OPEN, Wire, hears, sees, settings};

const SOON: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_voice_call_has_no_picture_at_all() {
    media::warm_up().unwrap();
    let mut wire = Wire::new(settings("door", 440), settings("flat", 620), "voice");
    wire.secured(Media::Audio).await;
    wire.a.gate(OPEN);
    wire.b.gate(OPEN);
    wire.until("voice", SOON, |wire| hears(&wire.a, 620.0) && hears(&wire.b, 440.0)).await;
    for side in [&wire.a, &wire.b] {
        let status = side.edge.status();
        assert_eq!(status.links[0].codec, None);
        assert!(!status.pipelines.camera && !status.pipelines.encode && !status.pipelines.screen);
        assert!(!side.log.iter().any(|event| matches!(event, LinkEvent::Offer(sdp) if sdp.contains("m=video"))));
    }
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn without_a_camera_the_other_side_is_still_seen() {
    media::warm_up().unwrap();
    let blind = Settings { camera: Camera::None, microphone: Microphone::None, ..settings("door", 440) };
    let mut wire = Wire::new(blind, settings("flat", 620), "blind");
    wire.secured(Media::Video).await;
    wire.a.gate(OPEN);
    wire.b.gate(OPEN);
    wire.until("one way", SOON, |wire| sees(&wire.a, "flat") && hears(&wire.a, 620.0)).await;
    wire.until("placeholder", SOON, |wire| wire.b.has(&LinkEvent::FirstFrameShown)).await;
    assert_eq!(wire.b.edge.status().seen, None);
    let picture = wire.b.edge.snapshot(Picture::Screen).await.unwrap();
    assert_eq!(&picture[..2], [0xff, 0xd8]);
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn without_a_screen_pictures_are_still_counted() {
    media::warm_up().unwrap();
    let dark = Settings { screen: Screen::None, ..settings("door", 440) };
    let mut wire = Wire::new(dark, settings("flat", 620), "dark");
    wire.secured(Media::Video).await;
    wire.a.gate(OPEN);
    wire.b.gate(OPEN);
    wire.until("first frame", SOON, |wire| wire.a.has(&LinkEvent::FirstFrameShown)).await;
    wire.until("count", SOON, |wire| {
        wire.a.edge.status().links.first().is_some_and(|link| link.video_frames > 10) && sees(&wire.b, "door")
    })
    .await;
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_camera_that_is_not_there_is_a_placeholder_and_a_fault() {
    media::warm_up().unwrap();
    let broken = Settings { camera: Camera::V4l2 { device: "/dev/no-camera".into() }, ..settings("door", 440) };
    let mut wire = Wire::new(broken, settings("flat", 620), "broken");
    wire.secured(Media::Video).await;
    wire.a.gate(OPEN);
    wire.b.gate(OPEN);
    wire.until("the call works", SOON, |wire| {
        sees(&wire.a, "flat") && hears(&wire.b, 440.0) && wire.b.has(&LinkEvent::FirstFrameShown)
    })
    .await;
    wire.until("tried again", SOON, |wire| {
        let faults = wire.a.edge.status().faults;
        faults.iter().any(|fault| fault.device == Device::Camera && fault.failures > 1)
    })
    .await;
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_microphone_that_is_not_there_leaves_the_speaker() {
    media::warm_up().unwrap();
    let mute = Settings { microphone: Microphone::Alsa { device: "hw:7,7".into() }, ..settings("door", 440) };
    let mut wire = Wire::new(mute, settings("flat", 620), "mute");
    wire.secured(Media::Audio).await;
    wire.a.gate(OPEN);
    wire.b.gate(OPEN);
    wire.until("one way", SOON, |wire| hears(&wire.a, 620.0)).await;
    assert!(wire.a.edge.status().faults.iter().any(|fault| fault.device == Device::Microphone));
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn two_codecs_meet_in_the_offered_one() {
    media::warm_up().unwrap();
    let h264 = Settings { codec: VideoCodec::H264, ..settings("door", 440) };
    let mut wire = Wire::new(h264, settings("flat", 620), "codecs");
    wire.secured(Media::Video).await;
    wire.a.gate(OPEN);
    wire.b.gate(OPEN);
    wire.until("both", SOON, |wire| sees(&wire.a, "flat") && sees(&wire.b, "door")).await;
    assert_eq!(wire.b.edge.status().links[0].codec, Some(VideoCodec::H264));
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn tones_sound_and_busy_ends_by_itself() {
    media::warm_up().unwrap();
    let mut wire = Wire::new(settings("door", 440), settings("flat", 620), "tones");
    wire.a.edge.order(MediaOrder::Prepare { media: Media::Audio });
    wire.a.edge.order(MediaOrder::Tone(Tone::Ring));
    wire.until("ring", SOON, |wire| hears(&wire.a, 622.0) || hears(&wire.a, 784.0)).await;
    wire.a.edge.order(MediaOrder::Tone(Tone::Busy));
    wire.a.edge.order(MediaOrder::Release);
    wire.until("busy", SOON, |wire| hears(&wire.a, 425.0)).await;
    wire.until("the end", SOON, |wire| wire.a.edge.status().pipeline_count == 0).await;
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_camera_that_always_runs_remembers_who_came() {
    media::warm_up().unwrap();
    let watchful = Settings { camera_always: true, ..settings("door", 440) };
    let mut wire = Wire::new(watchful, settings("flat", 620), "album");
    wire.rest(Duration::from_millis(1500)).await;
    let before = wire.a.edge.history(usize::MAX).await;
    assert!(before.len() > 1 && before.iter().all(|jpeg| jpeg[..2] == [0xff, 0xd8]), "{}", before.len());
    assert_eq!(wire.b.edge.history(usize::MAX).await.len(), 0);
    assert!(!wire.a.edge.snapshot(Picture::Camera).await.unwrap().is_empty());
    wire.secured(Media::Video).await;
    wire.a.gate(OPEN);
    wire.b.gate(OPEN);
    wire.until("the picture", SOON, |wire| sees(&wire.b, "door")).await;
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_gate_closes_though_candidates_flood_the_inbox() {
    media::warm_up().unwrap();
    let mut wire = Wire::new(settings("door", 440), settings("flat", 620), "flood");
    wire.secured(Media::Video).await;
    wire.a.gate(OPEN);
    wire.b.gate(OPEN);
    wire.until("voice", SOON, |wire| hears(&wire.b, 440.0)).await;
    let flood = |wire: &Wire| {
        for number in 0..20_000 {
            let candidate = format!("candidate:{number} 1 udp 1 127.0.0.1 9 typ host");
            wire.a.edge.order(MediaOrder::RemoteCandidate { link: wire.a.link.clone(), candidate, mline: 0 });
        }
    };
    flood(&wire);
    wire.a.gate(Flow::default());
    flood(&wire);
    wire.until("the gates are shut", SOON, |wire| {
        let status = wire.a.edge.status();
        let is_shut = |link: &media::LinkStatus| !link.sends_audio && !link.sends_video && !link.plays_audio;
        status.notes_lost > 0 && status.links.first().is_some_and(is_shut)
    })
    .await;
    flood(&wire);
    wire.close().await;
    wire.stop().await;
}
