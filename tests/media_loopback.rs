//! Two media edges wired in memory: what one sends, the other must see and hear, and nothing before it may.

use std::time::Duration;

use callbox::media::{self, Settings, VideoCodec};
use callbox_core::protocol::Media;
use callbox_core::station::{Flow, LinkEvent, LinkFailure};

use crate::media_wire::{OPEN, Wire, hears, sees, settings};

async fn both_see_and_hear(codec: VideoCodec, call: &str) {
    media::warm_up().unwrap();
    let mut wire =
        Wire::new(Settings { codec, ..settings("door", 440) }, Settings { codec, ..settings("flat", 620) }, call);
    let secured = wire.secured(Media::Video).await;
    wire.a.gate(OPEN);
    wire.b.gate(OPEN);
    let shown = wire
        .until("first frame shown", Duration::from_secs(5), |wire| {
            wire.a.has(&LinkEvent::FirstFrameShown) && wire.b.has(&LinkEvent::FirstFrameShown)
        })
        .await;
    let content = wire
        .until("content", Duration::from_secs(10), |wire| {
            sees(&wire.a, "flat") && sees(&wire.b, "door") && hears(&wire.a, 620.0) && hears(&wire.b, 440.0)
        })
        .await;
    println!("{codec:?}: secured {secured:?}, shown both ways {shown:?} after the gates, content {content:?}");
    for event in [LinkEvent::IceConnected, LinkEvent::FirstAudio, LinkEvent::FirstFrameSent] {
        assert_eq!(wire.a.log.iter().filter(|e| **e == event).count(), 1, "{event:?}");
        assert_eq!(wire.b.log.iter().filter(|e| **e == event).count(), 1, "{event:?}");
    }
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn both_see_and_hear_each_other_in_vp8() {
    both_see_and_hear(VideoCodec::Vp8, "vp8").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn both_see_and_hear_each_other_in_h264() {
    both_see_and_hear(VideoCodec::H264, "h264").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_false_fingerprint_ends_the_link_and_no_sample_passes() {
    media::warm_up().unwrap();
    let mut wire = Wire::new(settings("door", 440), settings("flat", 620), "false");
    wire.tamper = |sdp| {
        let at = sdp.find("a=fingerprint:sha-256 ").unwrap() + "a=fingerprint:sha-256 ".len();
        let other = if sdp[at..].starts_with("00") { "11" } else { "00" };
        let good = sdp[at..at + 95].to_owned();
        let bad = format!("{other}{}", &good[2..]);
        sdp.replace(&good, &bad)
    };
    wire.a.open(Media::Video, true);
    wire.b.open(Media::Video, false);
    wire.a.gate(OPEN);
    wire.b.gate(OPEN);
    let wrong = LinkEvent::Failed(LinkFailure::WrongFingerprint);
    wire.until("refusal", Duration::from_secs(10), |wire| wire.a.has(&wrong) && wire.b.has(&wrong)).await;
    wire.rest(Duration::from_secs(2)).await;
    for side in [&wire.a, &wire.b] {
        let status = side.edge.status();
        let link = &status.links[0];
        assert_eq!((link.audio_sent, link.video_sent, link.audio_packets, link.video_packets), (0, 0, 0, 0));
        assert!(!side.has(&LinkEvent::Secured));
        assert_eq!((&status.seen, &status.heard), (&None, &None));
    }
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nothing_passes_shut_gates_and_each_opens_alone() {
    media::warm_up().unwrap();
    let mut wire = Wire::new(settings("door", 440), settings("flat", 620), "gates");
    wire.secured(Media::Video).await;
    wire.rest(Duration::from_secs(1)).await;
    for side in [&wire.a, &wire.b] {
        let status = side.edge.status();
        let link = &status.links[0];
        assert_eq!((link.audio_sent, link.video_sent, link.audio_packets, link.video_packets), (0, 0, 0, 0));
        assert_eq!((&status.seen, &status.heard), (&None, &None));
    }
    // The visitor's picture alone, as in a preview.
    wire.a.gate(Flow { send_video: true, ..Flow::default() });
    wire.b.gate(Flow { play_video: true, ..Flow::default() });
    let shown = wire.until("preview", Duration::from_secs(3), |wire| wire.b.has(&LinkEvent::FirstFrameShown)).await;
    println!("gate open to first frame shown: {shown:?}");
    assert!(shown < Duration::from_millis(1500), "{shown:?}");
    wire.until("code", Duration::from_secs(5), |wire| sees(&wire.b, "door")).await;
    assert_eq!(wire.b.edge.status().heard, None);
    assert_eq!(wire.a.edge.status().links[0].video_packets, 0);
    assert!(!wire.b.has(&LinkEvent::FirstAudio));
    // And shut again.
    wire.a.gate(Flow::default());
    wire.rest(Duration::from_millis(700)).await;
    let sent = wire.a.edge.status().links[0].video_sent;
    wire.rest(Duration::from_millis(700)).await;
    assert_eq!(wire.a.edge.status().links[0].video_sent, sent);
    wire.stop().await;
}
