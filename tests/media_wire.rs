//! The harness of the media tests: two media edges in one process and a wire in memory between them.

use std::time::{Duration, Instant};

use callbox::media::{Camera, Event, Media as Edge, Microphone, Screen, Settings, Speaker};
use callbox_core::ids::{Address, LinkId};
use callbox_core::protocol::Media;
use callbox_core::station::{Flow, LinkEvent, MediaOrder};
use tokio::sync::mpsc;

/// Everything may pass.
pub(crate) const OPEN: Flow = Flow { send_audio: true, send_video: true, play_audio: true, play_video: true };

/// One edge, and what it told.
pub(crate) struct Side {
    pub(crate) edge: Edge,
    events: mpsc::Receiver<Event>,
    pub(crate) link: LinkId,
    pub(crate) log: Vec<LinkEvent>,
}

impl Side {
    pub(crate) fn new(settings: Settings, peer: &str, call: &str) -> Self {
        let (sender, events) = mpsc::channel(1024);
        let edge = Edge::start(settings, sender).unwrap();
        Self { edge, events, link: link(peer, call), log: Vec::new() }
    }

    pub(crate) fn open(&self, media: Media, offerer: bool) {
        self.edge.order(MediaOrder::Prepare { media });
        self.edge.order(MediaOrder::Open { link: self.link.clone(), media, offerer });
    }

    pub(crate) fn gate(&self, flow: Flow) {
        self.edge.order(MediaOrder::Gate { link: self.link.clone(), flow });
    }

    pub(crate) fn has(&self, event: &LinkEvent) -> bool {
        self.log.contains(event)
    }
}

fn link(peer: &str, call: &str) -> LinkId {
    let peer = Address { user: peer.parse().unwrap(), device: "test".parse().unwrap() };
    LinkId { call: call.parse().unwrap(), peer, number: 1 }
}

pub(crate) fn settings(name: &str, hz: u32) -> Settings {
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
pub(crate) struct Wire {
    pub(crate) a: Side,
    pub(crate) b: Side,
    /// Changes descriptions on the way.
    pub(crate) tamper: fn(String) -> String,
}

impl Wire {
    pub(crate) fn new(a: Settings, b: Settings, call: &str) -> Self {
        Self { a: Side::new(a, "b", call), b: Side::new(b, "a", call), tamper: |sdp| sdp }
    }

    pub(crate) fn carry(&mut self) {
        for turn in [true, false] {
            let (from, to) = if turn { (&mut self.a, &mut self.b) } else { (&mut self.b, &mut self.a) };
            while let Ok(event) = from.events.try_recv() {
                let Event::Link { link, event } = event else { continue };
                if link.call != from.link.call {
                    continue;
                }
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

    pub(crate) async fn until(&mut self, what: &str, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> Duration {
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

    pub(crate) async fn rest(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.carry();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn secured(&mut self, media: Media) -> Duration {
        self.a.open(media, true);
        self.b.open(media, false);
        self.until("secured", Duration::from_secs(10), |wire| {
            wire.a.has(&LinkEvent::Secured) && wire.b.has(&LinkEvent::Secured)
        })
        .await
    }

    /// The next call: what happened before is forgotten.
    pub(crate) fn rename(&mut self, call: &str) {
        for side in [&mut self.a, &mut self.b] {
            side.link.call = call.parse().unwrap();
            side.log.clear();
        }
    }

    /// Ends the call; comes back when all its pipelines are gone.
    pub(crate) async fn close(&mut self) {
        for side in [&self.a, &self.b] {
            side.edge.order(MediaOrder::Close { link: side.link.clone() });
            side.edge.order(MediaOrder::Release);
        }
        // The orders are on their way; the pipelines are still there.
        self.rest(Duration::from_millis(150)).await;
        self.until("the end", Duration::from_secs(6), |wire| {
            [&wire.a, &wire.b].iter().all(|side| side.edge.status().pipeline_count == 0)
        })
        .await;
    }

    pub(crate) async fn stop(self) {
        self.a.edge.stop().await;
        self.b.edge.stop().await;
    }
}

fn brief(log: &[LinkEvent]) -> Vec<String> {
    log.iter().map(|event| format!("{event:?}").chars().take(60).collect()).collect()
}

/// Whether the codes of this name are read.
pub(crate) fn sees(side: &Side, name: &str) -> bool {
    side.edge.status().seen.is_some_and(|seen| seen.name.as_deref() == Some(name) && seen.count > 3)
}

/// Whether a tone of this frequency was just heard.
pub(crate) fn hears(side: &Side, hz: f64) -> bool {
    side.edge.status().heard.is_some_and(|heard| (heard.hz - hz).abs() < 25.0)
}
