//! The simulated media edge: it answers every order as the real one would, and sends nothing. Pure.
//!
//! A link is secured only when the peer's description and all its candidates have come: one that is lost shows up as a failed call.

use std::time::{Duration, Instant};

use callbox_core::ids::LinkId;
use callbox_core::protocol::Media;
use callbox_core::station::{Flow, LinkEvent, LinkFailure, MediaOrder};

use crate::sdp;

/// How long making a description takes.
const DESCRIBE: Duration = Duration::from_millis(10);
/// The time from one candidate to the next.
const GATHER: Duration = Duration::from_millis(8);
/// From an open gate to the first sound and picture.
const FIRST_MEDIA: Duration = Duration::from_millis(20);

/// The links of one station.
#[derive(Debug)]
pub struct MediaEdge {
    connect: Duration,
    links: Vec<Link>,
    agenda: Vec<(Instant, LinkId, LinkEvent)>,
}

#[derive(Debug)]
struct Link {
    id: LinkId,
    media: Media,
    described: bool,
    gathered: bool,
    connecting: bool,
    secured: bool,
    flow: Flow,
    flows: bool,
}

impl MediaEdge {
    /// An edge whose ICE and DTLS take this long.
    pub fn new(connect: Duration) -> Self {
        Self { connect, links: Vec::new(), agenda: Vec::new() }
    }

    /// Carries out an order.
    pub fn order(&mut self, now: Instant, order: MediaOrder) {
        match order {
            MediaOrder::Open { link, media, offerer } => {
                if offerer {
                    let sdp = sdp::description(&link, media, true);
                    self.describe(now, &link, LinkEvent::Offer(sdp));
                }
                self.links.push(Link::new(link, media));
            }
            MediaOrder::RemoteOffer { link, sdp } => {
                if self.described(now, &link, &sdp) {
                    let media = self.find(&link).map_or(Media::Audio, |known| known.media);
                    let answer = sdp::description(&link, media, false);
                    self.describe(now, &link, LinkEvent::Answer(answer));
                }
            }
            MediaOrder::RemoteAnswer { link, sdp } => {
                self.described(now, &link, &sdp);
            }
            MediaOrder::RemoteCandidate { link, candidate, .. } => {
                if let Some(known) = self.find(&link) {
                    known.gathered |= candidate.is_empty();
                }
                self.connect(now, &link);
            }
            MediaOrder::Gate { link, flow } => {
                if let Some(known) = self.find(&link) {
                    known.flow = flow;
                }
                self.flow(now, &link);
            }
            MediaOrder::Close { link } => {
                self.links.retain(|known| known.id != link);
                self.agenda.retain(|(_, id, _)| *id != link);
            }
            MediaOrder::Prepare { .. }
            | MediaOrder::Picture { .. }
            | MediaOrder::PeerSends { .. }
            | MediaOrder::Tone(_)
            | MediaOrder::Release => {}
        }
    }

    /// When something happens next.
    pub fn deadline(&self) -> Option<Instant> {
        self.agenda.iter().map(|(at, ..)| *at).min()
    }

    /// What has happened by now, one at a time.
    pub fn happened(&mut self, now: Instant) -> Option<(LinkId, LinkEvent)> {
        let (index, _) = self.agenda.iter().enumerate().min_by_key(|(_, (at, ..))| *at).filter(|(_, e)| e.0 <= now)?;
        let (_, link, event) = self.agenda.remove(index);
        if event == LinkEvent::Secured {
            if let Some(known) = self.find(&link) {
                known.secured = true;
            }
            self.flow(now, &link);
        }
        Some((link, event))
    }

    fn find(&mut self, link: &LinkId) -> Option<&mut Link> {
        self.links.iter_mut().find(|known| known.id == *link)
    }

    fn later(&mut self, at: Instant, link: &LinkId, event: LinkEvent) {
        self.agenda.push((at, link.clone(), event));
    }

    /// Our description, and our candidates after it.
    fn describe(&mut self, now: Instant, link: &LinkId, description: LinkEvent) {
        let mut at = now + DESCRIBE;
        self.later(at, link, description);
        for candidate in sdp::candidates() {
            self.later(at, link, LinkEvent::Candidate { candidate, mline: 0 });
            at += GATHER;
        }
    }

    /// The peer's description came. False when it is that of another link.
    fn described(&mut self, now: Instant, link: &LinkId, sdp: &str) -> bool {
        let right = sdp::is_of(sdp, link);
        if right {
            if let Some(known) = self.find(link) {
                known.described = true;
            }
            self.connect(now, link);
        } else {
            self.later(now, link, LinkEvent::Failed(LinkFailure::Negotiation));
        }
        right
    }

    fn connect(&mut self, now: Instant, link: &LinkId) {
        let Some(known) = self.find(link) else { return };
        if known.described && known.gathered && !std::mem::replace(&mut known.connecting, true) {
            let at = now + self.connect;
            self.later(at, link, LinkEvent::IceConnected);
            self.later(at, link, LinkEvent::Secured);
        }
    }

    fn flow(&mut self, now: Instant, link: &LinkId) {
        let Some(known) = self.find(link) else { return };
        if known.secured && known.flow.play_audio && !std::mem::replace(&mut known.flows, true) {
            let video = known.media == Media::Video;
            let at = now + FIRST_MEDIA;
            self.later(at, link, LinkEvent::FirstAudio);
            if video {
                self.later(at, link, LinkEvent::FirstFrameSent);
                self.later(at, link, LinkEvent::FirstFrameShown);
            }
        }
    }
}

impl Link {
    fn new(id: LinkId, media: Media) -> Self {
        let (described, gathered, connecting, secured, flows) = (false, false, false, false, false);
        Self { id, media, described, gathered, connecting, secured, flow: Flow::default(), flows }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> LinkId {
        let (user, device) = ("anna".parse().unwrap(), "x".parse().unwrap());
        LinkId { call: "call".parse().unwrap(), peer: callbox_core::ids::Address { user, device }, number: 1 }
    }

    fn edge(now: Instant, offerer: bool) -> MediaEdge {
        let mut edge = MediaEdge::new(Duration::from_millis(80));
        edge.order(now, MediaOrder::Open { link: link(), media: Media::Video, offerer });
        edge
    }

    fn all(edge: &mut MediaEdge, now: Instant) -> Vec<LinkEvent> {
        std::iter::from_fn(|| edge.happened(now)).map(|(_, event)| event).collect()
    }

    fn play(edge: &mut MediaEdge, now: Instant) {
        edge.order(now, MediaOrder::Gate { link: link(), flow: Flow { play_audio: true, ..Flow::default() } });
    }

    #[test]
    fn a_link_comes_up_once_everything_of_the_peer_is_there() {
        let (now, later) = (Instant::now(), Duration::from_secs(1));
        let mut edge = edge(now, true);
        let ours = all(&mut edge, now + later);
        assert!(matches!(ours[0], LinkEvent::Offer(_)));
        assert_eq!(ours.len(), 6);
        let sdp = sdp::description(&link(), Media::Video, false);
        edge.order(now, MediaOrder::RemoteAnswer { link: link(), sdp });
        assert_eq!(all(&mut edge, now + later), []);
        for candidate in sdp::candidates() {
            edge.order(now, MediaOrder::RemoteCandidate { link: link(), candidate, mline: 0 });
        }
        assert_eq!(all(&mut edge, now + later), [LinkEvent::IceConnected, LinkEvent::Secured]);
        play(&mut edge, now + later);
        assert_eq!(all(&mut edge, now + later), []);
        assert_eq!(all(&mut edge, now + later * 2)[0], LinkEvent::FirstAudio);
        assert_eq!(edge.deadline(), None);
    }

    #[test]
    fn an_offer_is_answered_with_a_description_and_all_candidates() {
        let now = Instant::now();
        let mut edge = edge(now, false);
        assert_eq!(edge.deadline(), None);
        let sdp = sdp::description(&link(), Media::Video, true);
        edge.order(now, MediaOrder::RemoteOffer { link: link(), sdp });
        let ours = all(&mut edge, now + Duration::from_secs(1));
        assert!(matches!(ours[0], LinkEvent::Answer(_)));
        assert_eq!(ours[5], LinkEvent::Candidate { candidate: String::new(), mline: 0 });
    }

    #[test]
    fn a_description_of_another_link_fails_it() {
        let now = Instant::now();
        let mut edge = edge(now, true);
        all(&mut edge, now + Duration::from_secs(1));
        edge.order(now, MediaOrder::RemoteAnswer { link: link(), sdp: "v=0\r\n".to_owned() });
        assert_eq!(all(&mut edge, now), [LinkEvent::Failed(LinkFailure::Negotiation)]);
    }

    #[test]
    fn a_closed_link_says_nothing_more() {
        let now = Instant::now();
        let mut edge = edge(now, true);
        edge.order(now, MediaOrder::Close { link: link() });
        assert_eq!((edge.deadline(), all(&mut edge, now + Duration::from_secs(1))), (None, vec![]));
    }
}
