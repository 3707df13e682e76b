//! Two media edges in one process, wired in memory: what one sends, the other must see and hear.

use std::time::{Duration, Instant};

use callbox::media::{self, Camera, Event, Media as Edge, Microphone, Screen, Settings, Speaker, VideoCodec};
use callbox_core::ids::{Address, LinkId};
use callbox_core::protocol::Media;
use callbox_core::station::{Flow, LinkEvent, LinkFailure, MediaOrder};
use tokio::sync::mpsc;

const OPEN: Flow = Flow { send_audio: true, send_video: true, play_audio: true, play_video: true };

struct Side {
    edge: Edge,
    events: mpsc::Receiver<Event>,
    link: LinkId,
    log: Vec<LinkEvent>,
}

impl Side {
    fn new(settings: Settings, peer: &str, call: &str) -> Self {
        let (sender, events) = mpsc::channel(1024);
        let edge = Edge::start(settings, sender).unwrap();
        Self { edge, events, link: link(peer, call), log: Vec::new() }
    }

    fn open(&self, media: Media, offerer: bool) {
        self.edge.order(MediaOrder::Prepare { media });
        self.edge.order(MediaOrder::Open { link: self.link.clone(), media, offerer });
    }

    fn gate(&self, flow: Flow) {
        self.edge.order(MediaOrder::Gate { link: self.link.clone(), flow });
    }

    fn has(&self, event: &LinkEvent) -> bool {
        self.log.contains(event)
    }
}

fn link(peer: &str, call: &str) -> LinkId {
    let peer = Address { user: peer.parse().unwrap(), device: "test".parse().unwrap() };
    LinkId { call: call.parse().unwrap(), peer, number: 1 }
}

fn settings(name: &str, hz: u32) -> Settings {
    Settings {
        camera: Camera::Test { name: name.into() },
        microphone: Microphone::Test { hz },
        speaker: Speaker::Test,
        screen: Screen::Test,
        screen_width: 640,
        screen_height: 360,
        screen_framerate: 15,
        framerate: 15,
        ..Settings::default()
    }
}

/// Carries what one side says to the other, as signalling would.
struct Wire {
    a: Side,
    b: Side,
    /// Changes descriptions on the way.
    tamper: fn(String) -> String,
}

impl Wire {
    fn new(a: Settings, b: Settings, call: &str) -> Self {
        Self { a: Side::new(a, "b", call), b: Side::new(b, "a", call), tamper: |sdp| sdp }
    }

    fn carry(&mut self) {
        for turn in [true, false] {
            let (from, to) = if turn { (&mut self.a, &mut self.b) } else { (&mut self.b, &mut self.a) };
            while let Ok(event) = from.events.try_recv() {
                let Event::Link { event, .. } = event else { continue };
                let link = to.link.clone();
                match event.clone() {
                    LinkEvent::Offer(sdp) => to.edge.order(MediaOrder::RemoteOffer { link, sdp: (self.tamper)(sdp) }),
                    LinkEvent::Answer(sdp) => to.edge.order(MediaOrder::RemoteAnswer { link, sdp: (self.tamper)(sdp) }),
                    LinkEvent::Candidate { candidate, mline } => {
                        to.edge.order(MediaOrder::RemoteCandidate { link, candidate, mline });
                    }
                    _ => {}
                }
                from.log.push(event);
            }
        }
    }

    async fn until(&mut self, what: &str, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> Duration {
        let start = Instant::now();
        loop {
            self.carry();
            if done(self) {
                return start.elapsed();
            }
            assert!(
                start.elapsed() < limit,
                "{what} did not happen\na: {:#?}\nb: {:#?}\na: {:?}\nb: {:?}",
                self.a.edge.status(),
                self.b.edge.status(),
                brief(&self.a.log),
                brief(&self.b.log)
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn rest(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.carry();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn secured(&mut self, media: Media) -> Duration {
        self.a.open(media, true);
        self.b.open(media, false);
        self.until("secured", Duration::from_secs(10), |wire| {
            wire.a.has(&LinkEvent::Secured) && wire.b.has(&LinkEvent::Secured)
        })
        .await
    }

    async fn stop(self) {
        self.a.edge.stop().await;
        self.b.edge.stop().await;
    }
}

fn brief(log: &[LinkEvent]) -> Vec<String> {
    log.iter().map(|event| format!("{event:?}").chars().take(60).collect()).collect()
}

fn sees(side: &Side, name: &str) -> bool {
    side.edge.status().seen.is_some_and(|seen| seen.name.as_deref() == Some(name) && seen.count > 3)
}

fn hears(side: &Side, hz: f64) -> bool {
    side.edge.status().heard.is_some_and(|heard| (heard.hz - hz).abs() < 25.0)
}

async fn both_see_and_hear(codec: VideoCodec, call: &str) {
    media::warm_up().unwrap();
    let mut wire = Wire::new(
        Settings { codec, ..settings("door", 440) },
        Settings { codec, ..settings("flat", 620) },
        call,
    );
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
    let shown = wire
        .until("preview", Duration::from_secs(3), |wire| wire.b.has(&LinkEvent::FirstFrameShown))
        .await;
    println!("gate open to first frame shown: {shown:?}");
    assert!(shown < Duration::from_millis(500), "{shown:?}");
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
