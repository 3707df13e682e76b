//! The border to webrtcbin, over real links on loopback: a clear refusal at once, or sound and picture both ways.

use std::time::Duration;

use callbox::media::{self, Settings, VideoCodec};
use callbox_core::protocol::Media;
use callbox_core::station::{LinkEvent, LinkFailure, MediaOrder};

use crate::media_wire::{OPEN, Wire, sees, settings};

fn is_answer(sdp: &str) -> bool {
    !sdp.contains("a=setup:actpass")
}

/// Whether one side refuses at once what the other one says.
async fn is_refused(call: &str, tamper: fn(String) -> String) {
    media::warm_up().unwrap();
    let mut wire = Wire::new(settings("door", 440), settings("flat", 620), call);
    wire.tamper = tamper;
    wire.a.open(Media::Video, true);
    wire.b.open(Media::Video, false);
    let refused = LinkEvent::Failed(LinkFailure::Refused);
    wire.until(call, Duration::from_secs(5), |wire| wire.a.has(&refused) || wire.b.has(&refused)).await;
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_cannot_work_is_refused_at_once() {
    is_refused("no-bundle", |sdp| sdp.replace("a=group:BUNDLE", "a=group:LS")).await;
    is_refused("one-way-offer", |sdp| if is_answer(&sdp) { sdp } else { sdp.replace("a=sendrecv", "a=sendonly") })
        .await;
    is_refused("one-way-answer", |sdp| if is_answer(&sdp) { sdp.replace("a=sendrecv", "a=recvonly") } else { sdp })
        .await;
    is_refused("no-video-answer", |sdp| if is_answer(&sdp) { sdp.replace("m=video 9", "m=video 0") } else { sdp })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn another_spelling_gives_a_picture_both_ways() {
    media::warm_up().unwrap();
    let spelled: [fn(String) -> String; 3] = [
        |sdp| sdp.replace("level-asymmetry-allowed=1;", "").replace("42e01f", "42E00A"),
        |sdp| sdp.replace("42e01f", "42001f"),
        |sdp| match sdp.split_once("m=application") {
            Some((ours, _)) => ours.to_owned(),
            None if is_answer(&sdp) => sdp,
            None => sdp + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:data\r\n",
        },
    ];
    for (at, tamper) in spelled.into_iter().enumerate() {
        let h264 = |name, hz| Settings { codec: VideoCodec::H264, ..settings(name, hz) };
        let mut wire = Wire::new(h264("door", 440), h264("flat", 620), &format!("spelled-{at}"));
        wire.tamper = tamper;
        wire.secured(Media::Video).await;
        wire.a.gate(OPEN);
        wire.b.gate(OPEN);
        wire.until("picture", Duration::from_secs(10), |wire| sees(&wire.a, "flat") && sees(&wire.b, "door")).await;
        // The status is made a few times a second.
        let sent = |wire: &Wire| [&wire.a, &wire.b].map(|side| side.edge.status().links[0].video_sent);
        wire.until("pictures are counted", Duration::from_secs(5), |wire| sent(wire).iter().all(|sent| *sent > 0))
            .await;
        wire.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn host_candidates_travel_in_the_description_and_are_few() {
    media::warm_up().unwrap();
    let mut wire = Wire::new(settings("door", 440), settings("flat", 620), "candidates");
    wire.secured(Media::Video).await;
    for side in [&wire.a, &wire.b] {
        let told = side.log.iter().find_map(|event| match event {
            LinkEvent::Offer(sdp) | LinkEvent::Answer(sdp) => Some(sdp.clone()),
            _ => None,
        });
        let told = told.unwrap();
        let inside: Vec<&str> = told.lines().filter(|line| line.starts_with("a=candidate")).collect();
        assert!((1..=24).contains(&inside.len()), "{told}");
        assert!(!told.contains(" TCP ") && !told.contains(" fe80:") && !told.contains(" 169.254."), "{told}");
    }
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_link_without_a_port_fails_with_its_reason() {
    media::warm_up().unwrap();
    let few = Settings { ports: Some((39_990, 39_991)), ..settings("door", 440) };
    let mut wire = Wire::new(few, settings("flat", 620), "ports");
    let mut links = Vec::new();
    for number in 1..=4 {
        let mut link = wire.a.link.clone();
        link.number = number;
        wire.a.edge.order(MediaOrder::Prepare { media: Media::Audio });
        wire.a.edge.order(MediaOrder::Open { link: link.clone(), media: Media::Audio, offerer: true });
        links.push(link);
    }
    let failed = LinkEvent::Failed(LinkFailure::Transport);
    let offers = |wire: &Wire| wire.a.log.iter().filter(|event| matches!(event, LinkEvent::Offer(_))).count();
    let failures = |wire: &Wire| wire.a.log.iter().filter(|event| **event == failed).count();
    wire.until("two links, and two failures", Duration::from_secs(10), |wire| offers(wire) == 2 && failures(wire) == 2)
        .await;
    wire.stop().await;
}
