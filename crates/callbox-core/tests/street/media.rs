//! The media edge of each house, and the cables between them: what a link does when its two ends fit together.

use std::time::{Duration, Instant};

use callbox_core::ids::{Address, LinkId};
use callbox_core::station::{Flow, LinkEvent, LinkFailure, MediaOrder};

use super::house::House;
use super::{Street, ms, pair, secs};

/// To make an offer or an answer.
const DESCRIBE: Duration = ms_const(20);
/// ICE and DTLS.
const CONNECT: Duration = ms_const(120);
/// First packet to first sound or picture.
const FIRST: Duration = ms_const(50);
/// The edge's liveness time.
const SILENT_AFTER: Duration = Duration::from_secs(6);
/// A link that does not come up has failed.
const FAIL_AFTER: Duration = Duration::from_secs(10);

const fn ms_const(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// One end of a link.
#[derive(Debug)]
pub(crate) struct LinkEnd {
    offerer: bool,
    flow: Flow,
    opened: Instant,
    /// Our own description is made.
    local: bool,
    /// The peer's description is here.
    remote: bool,
    connecting: bool,
    secured: bool,
    heard: bool,
    seen: bool,
    sent_frame: bool,
    silent_due: Option<Instant>,
    /// Silence is told once, until something is heard again.
    silence_told: bool,
    /// Its path is gone for good: the address it was bound to is no more.
    dead: bool,
}

impl LinkEnd {
    pub(super) fn is_secured(&self) -> bool {
        self.secured
    }

    pub(super) fn kill(&mut self) {
        self.dead = true;
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        let fails = (!self.secured).then(|| self.opened + FAIL_AFTER);
        fails.into_iter().chain(self.silent_due).min()
    }

    pub(super) fn flow(&self) -> Flow {
        self.flow
    }
}

impl House {
    /// The media edge is told something.
    pub(super) fn order(&mut self, now: Instant, order: MediaOrder) {
        self.orders.push(order.clone());
        match order {
            MediaOrder::Prepare { .. } => self.prepared = true,
            MediaOrder::Release => self.prepared = false,
            MediaOrder::Tone(tone) => self.tone = tone,
            MediaOrder::Open { link, offerer, .. } => {
                assert!(self.prepared, "a link is opened before Prepare");
                if offerer {
                    self.media_events.push((now + DESCRIBE, link.clone(), LinkEvent::Offer("offer".to_owned())));
                }
                let end = LinkEnd {
                    offerer,
                    flow: Flow::default(),
                    opened: now,
                    local: false,
                    remote: false,
                    connecting: false,
                    secured: false,
                    heard: false,
                    seen: false,
                    sent_frame: false,
                    silent_due: None,
                    silence_told: false,
                    dead: false,
                };
                assert!(self.links.insert(link, end).is_none(), "a link is opened twice");
            }
            MediaOrder::RemoteOffer { link, .. } => {
                let end = self.links.get_mut(&link).expect("an offer for an open link");
                assert!(!end.offerer && !end.remote, "an offer to whom it is due, once");
                end.remote = true;
                self.media_events.push((now + DESCRIBE, link, LinkEvent::Answer("answer".to_owned())));
            }
            MediaOrder::RemoteAnswer { link, .. } => {
                let end = self.links.get_mut(&link).expect("an answer for an open link");
                assert!(end.offerer, "an answer to whom it is due");
                end.remote = true;
            }
            MediaOrder::RemoteCandidate { link, .. } => {
                assert!(self.links.contains_key(&link), "a candidate for an open link");
            }
            MediaOrder::Gate { link, flow } => {
                self.links.get_mut(&link).expect("a gate of an open link").flow = flow;
            }
            MediaOrder::Picture { link, .. } => {
                assert!(self.links.contains_key(&link), "a picture for an open link");
            }
            MediaOrder::PeerSends { .. } => assert!(self.prepared, "a peer is told of before Prepare"),
            MediaOrder::Close { link } => {
                assert!(self.links.remove(&link).is_some(), "an open link is closed");
            }
        }
    }

    /// The first sound and picture of this peer are still on their way: they get lost.
    pub(super) fn lose_first_packets(&mut self, peer: &Address) {
        let first = |event: &LinkEvent| matches!(event, LinkEvent::FirstAudio | LinkEvent::FirstFrameShown);
        self.media_events.retain(|(_, link, event)| link.peer != *peer || !first(event));
    }

    /// What the media edge tells now. Events of links that were closed are not told.
    pub(super) fn take_media_event(&mut self, now: Instant) -> Option<(LinkId, LinkEvent)> {
        while let Some(at) = self.media_events.iter().position(|(due, _, _)| *due <= now) {
            let (_, link, event) = self.media_events.remove(at);
            if let Some(end) = self.links.get_mut(&link) {
                match event {
                    LinkEvent::Offer(_) | LinkEvent::Answer(_) => end.local = true,
                    LinkEvent::Secured => end.secured = true,
                    _ => {}
                }
                return Some((link, event));
            }
        }
        for (link, end) in &mut self.links {
            if end.silent_due.is_some_and(|due| due <= now) {
                end.silent_due = None;
                end.silence_told = true;
                return Some((link.clone(), LinkEvent::Silent));
            }
            if !end.secured && end.opened + FAIL_AFTER <= now {
                // It is told once; the station is expected to close it, or to wait for the peer.
                end.opened = now + secs(3600);
                return Some((link.clone(), LinkEvent::Failed(LinkFailure::Transport)));
            }
        }
        None
    }

    /// Sound of this peer comes out of the speaker.
    pub(super) fn hears(&self, peer: &Address) -> bool {
        self.links.iter().any(|(link, end)| link.peer == *peer && end.heard)
    }
}

impl Street {
    /// Looks which links fit together now, which flow, and which fell silent.
    pub(super) fn look_at_media(&mut self) {
        for who in self.names() {
            for link in self.houses[&who].links.keys().cloned().collect::<Vec<_>>() {
                self.look_at_link(&who, &link);
            }
        }
    }

    fn look_at_link(&mut self, who: &Address, link: &LinkId) {
        let whole = !self.cut_cables.contains(&pair(who, &link.peer));
        let far_id = LinkId { peer: who.clone(), ..link.clone() };
        let far = self.houses.get(&link.peer).and_then(|house| house.links.get(&far_id)).filter(|_| whole);
        let alive = !self.houses[who].links[link].dead;
        let far = far
            .filter(|end| alive && !end.dead)
            .map(|end| (end.local && end.remote, end.secured, end.flow, end.sent_frame));
        let now = self.now;
        let house = self.houses.get_mut(who).unwrap();
        let end = house.links.get_mut(link).unwrap();
        let mut tell = |after: Duration, event| house.media_events.push((now + after, link.clone(), event));
        if let Some((true, _, _, _)) = far {
            if end.local && end.remote && !end.connecting {
                end.connecting = true;
                tell(CONNECT - ms(20), LinkEvent::IceConnected);
                tell(CONNECT, LinkEvent::Secured);
            }
        }
        if !end.secured {
            return;
        }
        match far {
            Some((_, true, their, their_frame_sent)) => {
                (end.silent_due, end.silence_told) = (None, false);
                if their.send_audio && end.flow.play_audio && !end.heard {
                    end.heard = true;
                    tell(FIRST, LinkEvent::FirstAudio);
                }
                if end.flow.send_video && !end.sent_frame {
                    end.sent_frame = true;
                    tell(FIRST, LinkEvent::FirstFrameSent);
                }
                if their_frame_sent && their.send_video && end.flow.play_video && !end.seen {
                    end.seen = true;
                    tell(FIRST, LinkEvent::FirstFrameShown);
                }
            }
            // Nothing is expected where all gates are closed.
            _ if end.flow == Flow::default() => end.silent_due = None,
            // Not secured at the far end yet, or never again.
            _ if end.silent_due.is_none() && !end.silence_told => end.silent_due = Some(now + SILENT_AFTER),
            _ => {}
        }
    }
}
