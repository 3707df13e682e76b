//! The media path of a talk: its line, how it stands, and what is done when it breaks.
//!
//! A broken path is mended by a new link, made by whoever offers and asked for by the other side. It is tried at once when
//! something says that it may work again (signalling, presence, the peer, our own network), and now and then besides.

use std::time::{Duration, Instant};

use super::call::Call;
use super::desk::Outbox;
use super::effect::{Flow, Timing};
use super::input::LinkEvent;
use super::line::{Line, News};
use crate::ids::Address;
use crate::protocol::{EndReason, Message};

/// Media must flow this long after accept.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);
/// A new link must flow within this, or another one is tried.
const NEXT_WITHIN: Duration = Duration::from_secs(4);
/// The same after [`OFTEN`] attempts in vain.
const LATER: Duration = Duration::from_secs(12);
const OFTEN: u8 = 3;
/// A link that was begun no longer ago than this is not given up for what is heard or seen meanwhile. It is looked at again then:
/// what was said about it may have gone where the old connection went.
const YOUNG: Duration = Duration::from_secs(1);
/// A peer whose media is gone is waited for this long: a minute without network, and then time to come back.
const LOST_AFTER: Duration = Duration::from_secs(75);
/// The same for a peer whose device went offline when its media ended: its process is gone.
const DIED_AFTER: Duration = Duration::from_secs(5);
/// A process that dies takes both with it. Silence is noticed 6 s late, a broker's last will comes after 5 s; a device that has lost
/// its network only goes offline when nothing was heard of it for much longer.
const WENT_BEFORE_SILENCE: Duration = Duration::from_secs(7);
const WENT_AFTER_SILENCE: Duration = Duration::from_secs(1);

/// The media path to the peer of a talk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Path {
    line: Line,
    stand: Stand,
    /// When the newest link was begun, or asked for.
    tried: Instant,
    /// A new link was begun, or asked for, and nothing flows on it yet.
    awaited: bool,
    /// The newest link was too young to be given up when there was reason to: it must stand by then.
    doubted: Option<Instant>,
    /// Our own signalling is down.
    cut_off: bool,
    /// The peer's device went offline then, and did not come back.
    peer_went: Option<Instant>,
}

/// How it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Stand {
    /// Never flowed yet. A link that fails is followed by the next one, not sooner than this.
    Connecting { until: Instant, next_try: Instant },
    /// Flows.
    Up,
    /// Flowed, and is silent or broken since then.
    Broken { since: Instant, next_try: Instant, tries: u8 },
}

/// What a look at the path means for the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    /// Nothing new.
    Same,
    /// It broke or came back: a person should see that.
    Changed,
    /// The call is over.
    Over(EndReason),
}

impl Path {
    /// The line as it was set up while it rang.
    pub(super) fn new(now: Instant, line: Line) -> Self {
        let until = now + CONNECT_WITHIN;
        let stand = if line.is_up() { Stand::Up } else { Stand::Connecting { until, next_try: now } };
        Self { line, stand, tried: now, awaited: false, doubted: None, cut_off: false, peer_went: None }
    }

    pub(super) fn peer(&self) -> &Address {
        self.line.peer()
    }

    /// Nothing has flowed yet.
    pub(super) fn is_connecting(&self) -> bool {
        matches!(self.stand, Stand::Connecting { .. })
    }

    /// What may pass from now on.
    pub(super) fn gate(&mut self, flow: Flow, out: &mut Outbox) {
        self.line.gate(flow, out);
    }

    pub(super) fn close(&mut self, out: &mut Outbox) {
        self.line.close(out);
    }

    pub(super) fn timing(&self, of_call: Timing) -> Timing {
        self.line.timing(of_call)
    }

    /// Since when media is gone, if it is.
    pub(super) fn broken_since(&self) -> Option<Instant> {
        match self.stand {
            Stand::Broken { since, .. } => Some(since),
            Stand::Connecting { .. } | Stand::Up => None,
        }
    }

    /// When to call [`Path::tick`].
    pub(super) fn deadline(&self) -> Option<Instant> {
        let stand = match self.stand {
            Stand::Connecting { until, next_try } if self.wants_first() => Some(next_try.min(until)),
            Stand::Connecting { until, .. } => Some(until),
            Stand::Up => None,
            Stand::Broken { since, next_try, .. } if self.may_work() => Some(next_try.min(self.over_at(since))),
            Stand::Broken { since, .. } => Some(self.over_at(since)),
        };
        stand.into_iter().chain(self.doubted).min()
    }

    pub(super) fn tick(&mut self, now: Instant, out: &mut Outbox) -> Outlook {
        match self.stand {
            Stand::Connecting { until, .. } if now >= until => return Outlook::Over(EndReason::MediaFailed),
            Stand::Connecting { .. } => self.ensure_first(now, out),
            Stand::Broken { since, .. } if now >= self.over_at(since) => return Outlook::Over(EndReason::NetworkLost),
            Stand::Broken { next_try, .. } if now >= next_try && self.may_work() => self.renew(now, out),
            Stand::Up | Stand::Broken { .. } => {}
        }
        if self.doubted.take_if(|due| now >= *due).is_some() && self.awaited && self.may_work() {
            self.renew(now, out);
        }
        Outlook::Same
    }

    /// While nothing has flowed yet: there must be a link that may come up.
    pub(super) fn ensure_first(&mut self, now: Instant, out: &mut Outbox) {
        if let Stand::Connecting { until, next_try } = self.stand {
            if self.wants_first() && now >= next_try {
                self.line.offer_next(out);
                self.stand = Stand::Connecting { until, next_try: now + NEXT_WITHIN };
            }
        }
    }

    /// The addresses of this device changed: the link may stand on one that is gone. Make before break.
    pub(super) fn network_changed(&mut self, now: Instant, out: &mut Outbox) {
        self.try_again(now, out);
    }

    /// What was offered, or asked for, while signalling was on its way down or up may be lost.
    pub(super) fn signaling(&mut self, now: Instant, up: bool, out: &mut Outbox) {
        self.cut_off = !up;
        if up && (self.awaited || self.broken_since().is_some()) {
            self.try_again(now, out);
        }
    }

    pub(super) fn presence(&mut self, now: Instant, online: bool, out: &mut Outbox) {
        self.peer_went = if online { None } else { self.peer_went.or(Some(now)) };
        if online && self.broken_since().is_some() {
            self.try_again(now, out);
        }
    }

    /// The peer said something. Who speaks is there, whatever presence says.
    pub(super) fn heard(&mut self, now: Instant, message: Message, out: &mut Outbox) {
        self.peer_went = None;
        match message {
            // Said when its signalling came back.
            Message::Media { .. } if self.broken_since().is_some() => self.try_again(now, out),
            Message::Relink { link, .. } if self.line.we_offer() && !self.line.is_up_since(link) => {
                self.try_again(now, out);
            }
            message @ Message::Offer { .. } => {
                let newest = self.line.newest();
                self.line.heard(message, out);
                if self.line.newest() != newest {
                    self.begun(now);
                }
            }
            message => self.line.heard(message, out),
        }
    }

    /// Something happened on one of the links.
    pub(super) fn event(
        &mut self,
        now: Instant,
        call: &Call,
        number: u32,
        event: LinkEvent,
        out: &mut Outbox,
    ) -> Outlook {
        let secured = event == LinkEvent::Secured;
        match self.line.event(now, call, number, event, out) {
            News::Unsafe => return Outlook::Over(EndReason::MediaFailed),
            News::None => return Outlook::Same,
            News::Path => {}
        }
        if secured && number == self.line.newest() {
            self.awaited = false;
        }
        match (&self.stand, self.line.is_up()) {
            (Stand::Up, true) | (Stand::Broken { .. }, false) => return Outlook::Same,
            (Stand::Connecting { .. }, false) => {
                self.ensure_first(now, out);
                return Outlook::Same;
            }
            (_, true) => self.stand = Stand::Up,
            (Stand::Up, false) => {
                self.stand = Stand::Broken { since: now, next_try: now, tries: 0 };
                if self.may_work() {
                    self.try_again(now, out);
                }
            }
        }
        Outlook::Changed
    }

    /// Tries a new link, unless one was begun a moment ago.
    fn try_again(&mut self, now: Instant, out: &mut Outbox) {
        let nothing_yet = self.is_connecting() && self.line.newest() == 0;
        if nothing_yet {
            return;
        }
        if self.awaited && now < self.tried + YOUNG {
            self.schedule(self.tried);
            self.doubted = (!self.is_connecting()).then(|| self.tried + YOUNG);
        } else {
            self.renew(now, out);
        }
    }

    /// The next link: ours to offer, or to ask for. One that is on its way is given up for it.
    fn renew(&mut self, now: Instant, out: &mut Outbox) {
        if self.line.we_offer() {
            self.line.drop_next(out);
            self.line.offer_next(out);
        } else {
            self.line.ask_next(out);
        }
        self.begun(now);
    }

    fn begun(&mut self, now: Instant) {
        self.tried = now;
        self.awaited = true;
        self.doubted = None;
        self.schedule(now);
    }

    /// The next attempt after the one that was begun then.
    fn schedule(&mut self, begun: Instant) {
        match &mut self.stand {
            Stand::Connecting { next_try, .. } => *next_try = begun + NEXT_WITHIN,
            Stand::Up => {}
            Stand::Broken { next_try, tries, .. } => {
                *next_try = begun + if *tries < OFTEN { NEXT_WITHIN } else { LATER };
                *tries = tries.saturating_add(1);
            }
        }
    }

    fn wants_first(&self) -> bool {
        self.line.we_offer() && !self.line.is_up() && !self.line.is_coming()
    }

    /// Whether an offer, or a wish for one, can reach the peer.
    fn may_work(&self) -> bool {
        !self.cut_off && self.peer_went.is_none()
    }

    fn over_at(&self, since: Instant) -> Instant {
        let died = |went: Instant| went + WENT_BEFORE_SILENCE >= since && went <= since + WENT_AFTER_SILENCE;
        since + if self.peer_went.is_some_and(died) { DIED_AFTER } else { LOST_AFTER }
    }
}
