//! The links to one device: the current one and, while that is being replaced, the next one.

use std::time::{Duration, Instant};

use super::call::Call;
use super::desk::Outbox;
use super::effect::{Flow, MediaOrder, Timing};
use super::input::LinkEvent;
use crate::bucket::Bucket;
use crate::ids::{Address, CallId, LinkId};
use crate::protocol::{Media, Message, PictureSize};

/// The most links to one device in a call; a peer that wants more is broken or hostile.
const MOST_LINKS: u32 = 256;
/// The peer may cause this many links at once, and one more in each …
const CAUSED_BY_PEER: u32 = 8;
const CAUSED_BY_PEER_EVERY: Duration = Duration::from_secs(2);

/// Everything known about the media path to one device of a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PeerLinks {
    call: CallId,
    peer: Address,
    media: Media,
    /// We make the offer of every link (fixed by rule, so that offers never cross).
    we_offer: bool,
    /// The number of the newest link.
    newest: u32,
    current: Option<Link>,
    next: Option<Link>,
    flow: Flow,
    /// The size of our picture that the peer wants.
    size: PictureSize,
    /// Bounds the links that the peer causes: each costs a pipeline, sockets and threads.
    caused_by_peer: Bucket,
    /// How the talk was set up, while no link stands.
    carried: Option<Timing>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Link {
    number: u32,
    path: Path,
    timing: Timing,
}

impl Link {
    /// The peer was heard or seen on it.
    fn carried(&self) -> bool {
        self.timing.first_frame_shown_ms.is_some() || self.timing.first_audio_ms.is_some()
    }
}

/// How one link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Path {
    /// Comes up.
    Coming,
    /// Media may flow.
    Up,
    /// Was up; nothing has come for the liveness time.
    Silent,
}

/// What a link event means for the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing to decide.
    None,
    /// Look again whether media may flow.
    Path,
    /// Somebody sits in between: end the call.
    Unsafe,
    /// We cannot take the peer's descriptions: no link with it will ever come up.
    Refused,
}

impl PeerLinks {
    /// No link yet.
    pub(super) fn new(call: &Call, peer: Address, we_offer: bool) -> Self {
        Self {
            call: call.id.clone(),
            peer,
            media: call.media,
            we_offer,
            newest: 0,
            current: None,
            next: None,
            flow: Flow::default(),
            size: PictureSize::Full,
            caused_by_peer: Bucket::new(CAUSED_BY_PEER, CAUSED_BY_PEER_EVERY),
            carried: None,
        }
    }

    pub(super) fn peer(&self) -> &Address {
        &self.peer
    }

    /// The number of the newest link; 0: there was none.
    pub(super) fn newest(&self) -> u32 {
        self.newest
    }

    pub(super) fn we_offer(&self) -> bool {
        self.we_offer
    }

    /// Media may flow on one of the links.
    pub(super) fn is_up(&self) -> bool {
        self.links().any(|link| link.path == Path::Up)
    }

    /// A link is on its way up.
    pub(super) fn is_coming(&self) -> bool {
        self.links().any(|link| link.path == Path::Coming)
    }

    /// One link is about to take the place of another one that still stands.
    pub(super) fn is_being_replaced(&self) -> bool {
        self.next.is_some()
    }

    /// There is no number for another link.
    pub(super) fn are_spent(&self) -> bool {
        self.newest >= MOST_LINKS
    }

    /// Starts the next link if the offer is ours to make and none is on its way.
    pub(super) fn offer_next(&mut self, out: &mut Outbox) {
        if self.we_offer && self.next.is_none() && !self.are_spent() {
            self.open(self.newest + 1, out);
        }
    }

    /// Asks the peer for the next link, which is theirs to offer.
    pub(super) fn ask_next(&self, out: &mut Outbox) {
        out.send(self.peer.clone(), Message::Relink { call: self.call.clone(), link: self.newest });
    }

    /// Media may flow on a link that is newer than this one.
    pub(super) fn is_up_since(&self, number: u32) -> bool {
        self.links().any(|link| link.number > number && link.path == Path::Up)
    }

    /// The next link, once it is secured, has had its time to be seen or heard: the current one closes.
    pub(super) fn swap(&mut self, out: &mut Outbox) {
        if self.next.as_ref().is_some_and(|next| next.path == Path::Up) {
            self.replace_current(out);
        }
    }

    /// Gives up the link that is on its way.
    pub(super) fn drop_next(&mut self, out: &mut Outbox) {
        if let Some(link) = self.next.take() {
            out.media(MediaOrder::Close { link: self.id(link.number) });
        }
    }

    /// What may pass from now on, on this link and on those that replace it.
    pub(super) fn gate(&mut self, flow: Flow, out: &mut Outbox) {
        self.flow = flow;
        for link in self.links() {
            out.media(MediaOrder::Gate { link: self.id(link.number), flow });
        }
    }

    /// The size of our picture that the peer wants, on this link and on those that replace it.
    pub(super) fn picture(&mut self, size: PictureSize, out: &mut Outbox) {
        if self.size != size {
            self.size = size;
            for link in self.links() {
                out.media(MediaOrder::Picture { link: self.id(link.number), size });
            }
        }
    }

    /// The peer was restarted and knows no link: ours go, and a peer that offers counts from 1 again.
    pub(super) fn start_over(&mut self, now: Instant, out: &mut Outbox) {
        let had_link = self.current.is_some();
        self.close(out);
        if !self.we_offer {
            self.newest = 0;
        } else if had_link && self.caused_by_peer.take(now) {
            self.offer_next(out);
        }
    }

    /// Tears everything down.
    pub(super) fn close(&mut self, out: &mut Outbox) {
        for link in self.current.take().into_iter().chain(self.next.take()) {
            out.media(MediaOrder::Close { link: self.id(link.number) });
        }
    }

    /// An offer, answer or candidate of the peer. Those of links that are gone change nothing.
    pub(super) fn heard(&mut self, now: Instant, message: Message, out: &mut Outbox) {
        match message {
            Message::Offer { link, sdp, .. } if !self.we_offer && link > self.newest && link <= MOST_LINKS => {
                if !self.caused_by_peer.take(now) {
                    return;
                }
                self.drop_next(out);
                self.open(link, out);
                out.media(MediaOrder::RemoteOffer { link: self.id(link), sdp });
            }
            Message::Answer { link, sdp, .. } if self.we_offer && self.knows(link) => {
                out.media(MediaOrder::RemoteAnswer { link: self.id(link), sdp });
            }
            Message::Candidate { link, candidate, mline, .. } if self.knows(link) => {
                out.media(MediaOrder::RemoteCandidate { link: self.id(link), candidate, mline });
            }
            _ => {}
        }
    }

    /// Something happened on one of the links.
    pub(super) fn event(&mut self, now: Instant, call: &Call, number: u32, event: LinkEvent, out: &mut Outbox) -> News {
        if !self.knows(number) {
            return News::None;
        }
        let id = self.call.clone();
        match event {
            LinkEvent::Offer(sdp) => out.send(self.peer.clone(), Message::Offer { call: id, link: number, sdp }),
            LinkEvent::Answer(sdp) => out.send(self.peer.clone(), Message::Answer { call: id, link: number, sdp }),
            LinkEvent::Candidate { candidate, mline } => {
                let message = Message::Candidate { call: id, link: number, candidate, mline };
                out.send(self.peer.clone(), message);
            }
            LinkEvent::Silent | LinkEvent::Failed(_) => return self.broke(number, &event, out),
            LinkEvent::IceConnected
            | LinkEvent::Secured
            | LinkEvent::FirstAudio
            | LinkEvent::FirstFrameSent
            | LinkEvent::FirstFrameShown => return self.step(call.at(now), number, &event, out),
        }
        News::None
    }

    /// The set-up times of the link that carries the call, beside those of the call itself.
    pub(super) fn timing(&self, of_call: Timing) -> Timing {
        let of_link = self.current.as_ref().map(|link| link.timing).or(self.carried).unwrap_or_default();
        Timing {
            ice_ms: of_link.ice_ms,
            dtls_ms: of_link.dtls_ms,
            first_audio_ms: of_link.first_audio_ms,
            first_frame_sent_ms: of_link.first_frame_sent_ms,
            first_frame_shown_ms: of_link.first_frame_shown_ms,
            ..of_call
        }
    }

    fn open(&mut self, number: u32, out: &mut Outbox) {
        let id = self.id(number);
        self.newest = number;
        let link = Link { number, path: Path::Coming, timing: self.carried.take().unwrap_or_default() };
        if self.current.is_none() {
            self.current = Some(link);
        } else {
            self.next = Some(link);
        }
        out.media(MediaOrder::Open { link: id.clone(), media: self.media, offerer: self.we_offer });
        out.media(MediaOrder::Gate { link: id.clone(), flow: self.flow });
        if self.size != PictureSize::Full {
            out.media(MediaOrder::Picture { link: id, size: self.size });
        }
    }

    fn broke(&mut self, number: u32, event: &LinkEvent, out: &mut Outbox) -> News {
        if matches!(event, LinkEvent::Failed(super::LinkFailure::WrongFingerprint)) {
            return News::Unsafe;
        }
        if self.next.as_ref().is_some_and(|next| next.number == number) {
            self.drop_next(out);
            return News::Path;
        }
        match event {
            // It may come back by itself.
            LinkEvent::Silent => {
                if let Some(link) = &mut self.current {
                    link.path = Path::Silent;
                }
                self.take_over(out);
            }
            // It cannot: whatever is on its way takes its place.
            _ => {
                self.replace_current(out);
                let refused = matches!(event, LinkEvent::Failed(super::LinkFailure::Refused));
                if refused && self.current.is_none() {
                    return News::Refused;
                }
            }
        }
        News::Path
    }

    fn step(&mut self, at: u32, number: u32, event: &LinkEvent, out: &mut Outbox) -> News {
        let Some(link) = self.current.iter_mut().chain(&mut self.next).find(|link| link.number == number) else {
            return News::None;
        };
        match event {
            LinkEvent::IceConnected => link.timing.ice_ms.get_or_insert(at),
            LinkEvent::Secured => {
                link.path = Path::Up;
                link.timing.dtls_ms.get_or_insert(at)
            }
            LinkEvent::FirstAudio => link.timing.first_audio_ms.get_or_insert(at),
            LinkEvent::FirstFrameSent => link.timing.first_frame_sent_ms.get_or_insert(at),
            _ => link.timing.first_frame_shown_ms.get_or_insert(at),
        };
        self.take_over(out);
        if matches!(event, LinkEvent::Secured) { News::Path } else { News::None }
    }

    /// Make before break: the old link goes when the new one is seen or heard, or is up while the old one is not.
    fn take_over(&mut self, out: &mut Outbox) {
        let Some(next) = &self.next else { return };
        let lives = next.carried();
        let old_is_up = self.current.as_ref().is_some_and(|old| old.path == Path::Up);
        if !lives && (old_is_up || next.path != Path::Up) {
            return;
        }
        self.replace_current(out);
    }

    /// The next link, if there is one, takes the place of the current one, and inherits how the talk was set up.
    fn replace_current(&mut self, out: &mut Outbox) {
        let Some(old) = std::mem::replace(&mut self.current, self.next.take()) else { return };
        out.media(MediaOrder::Close { link: self.id(old.number) });
        if old.carried() {
            match &mut self.current {
                Some(new) => new.timing = old.timing,
                None => self.carried = Some(old.timing),
            }
        }
    }

    fn links(&self) -> impl Iterator<Item = &Link> {
        self.current.iter().chain(&self.next)
    }

    fn knows(&self, number: u32) -> bool {
        self.links().any(|link| link.number == number)
    }

    fn id(&self, number: u32) -> LinkId {
        LinkId { call: self.call.clone(), peer: self.peer.clone(), number }
    }
}
