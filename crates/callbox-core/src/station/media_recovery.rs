//! The media path of a talk: its links, how the path stands, and what mends it.
//!
//! A broken path is mended by a new link. The side that offers makes it, the other side asks for it. Both try at once when something
//! says that it may work again (signalling, presence, the peer, our own network), and by a timer besides. Links that do not live
//! long are made more and more slowly.

use std::time::{Duration, Instant};

use super::call::Call;
use super::desk::Outbox;
use super::effect::{Flow, Timing};
use super::input::LinkEvent;
use super::peer_links::{News, PeerLinks};
use crate::ids::Address;
use crate::protocol::{Agent, EndReason, Message, PictureSize};

/// Media must flow this long after accept.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);
/// A new link must flow within this, or another one is tried.
const NEXT_WITHIN: Duration = Duration::from_secs(4);
/// The same after [`OFTEN`] links that did not live.
const LATER: Duration = Duration::from_secs(12);
const OFTEN: u8 = 3;
/// A link that was begun no longer ago than this is not given up for what is heard or seen meanwhile. It is looked at again then:
/// what was said about it may have gone where the old connection went.
const YOUNG: Duration = Duration::from_secs(1);
/// A link that flowed for less than this has failed, whatever ended it.
const LIVED: Duration = Duration::from_secs(5);
/// The first wait after more than [`OFTEN`] links that did not live; it doubles up to [`LATER`]. No chance in it: two devices are no herd.
const BACK_OFF: Duration = Duration::from_secs(1);
/// The old link closes this long after the new one is secured, heard or not.
const SWAP: Duration = Duration::from_secs(2);
/// A peer whose media is gone is waited for this long: a minute without network, and then time to come back.
const LOST_AFTER: Duration = Duration::from_secs(75);

/// How a process that died is told from a network that is gone: a dead process takes media and presence with it.
struct Liveness {
    /// A peer whose device went offline when its media ended is waited for this long.
    died_after: Duration,
    /// How long before and after silence was noticed such a device is told to be offline. A broker's last will comes after 5 s; a
    /// device that has lost its network only goes offline when nothing was heard of it for much longer.
    went_before: Duration,
    went_after: Duration,
}

/// Silence is noticed after 6 s.
const OF_A_PANEL: Liveness = Liveness {
    died_after: Duration::from_secs(5),
    went_before: Duration::from_secs(7),
    went_after: Duration::from_secs(1),
};
/// Chromium takes 4 to 8 s to notice silence.
const OF_A_BROWSER: Liveness = Liveness {
    died_after: Duration::from_secs(3),
    went_before: Duration::from_secs(12),
    went_after: Duration::from_secs(4),
};

/// The media path to the peer of a talk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct MediaRecovery {
    links: PeerLinks,
    /// What this device runs: it decides how soon silence is noticed.
    agent: Agent,
    state: PathState,
    /// When the newest link was begun, or asked for.
    tried: Instant,
    /// A new link was begun, or asked for, and nothing flows on it yet.
    awaited: bool,
    /// Since when media flows on the newest link.
    flows_since: Option<Instant>,
    /// Links in a row that flowed for less than [`LIVED`].
    failures: u8,
    /// There was reason for the next link before its time: it is begun then, unless the newest one is secured by then.
    postponed: Option<Instant>,
    /// When the link that was replaced closes.
    swap: Option<Instant>,
    /// A link was needed and there are no more numbers.
    spent: Option<Instant>,
    /// Our own signalling is down.
    cut_off: bool,
    /// The peer's device went offline then, and did not come back.
    peer_went: Option<Instant>,
}

/// The state of the path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum PathState {
    /// Never flowed yet. A link that fails is followed by the next one, not sooner than `next_try`.
    Connecting { until: Instant, next_try: Instant },
    /// Flows.
    Up,
    /// Flowed, and is silent or broken since then.
    Broken { since: Instant, next_try: Instant },
}

/// What a change of the path means for the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing new.
    Same,
    /// It broke or came back: a person should see that.
    Changed,
    /// The call is over.
    Over(EndReason),
}

impl MediaRecovery {
    /// The path over the links that were set up while it rang.
    pub(super) fn new(now: Instant, links: PeerLinks, agent: Agent) -> Self {
        let up = links.is_up();
        let connecting = PathState::Connecting { until: now + CONNECT_WITHIN, next_try: now };
        Self {
            links,
            agent,
            state: if up { PathState::Up } else { connecting },
            tried: now,
            awaited: false,
            flows_since: up.then_some(now),
            failures: 0,
            postponed: None,
            swap: None,
            spent: None,
            cut_off: false,
            peer_went: None,
        }
    }

    pub(super) fn peer(&self) -> &Address {
        self.links.peer()
    }

    /// Nothing has flowed yet.
    pub(super) fn is_connecting(&self) -> bool {
        matches!(self.state, PathState::Connecting { .. })
    }

    /// What may pass from now on.
    pub(super) fn gate(&mut self, flow: Flow, out: &mut Outbox) {
        self.links.gate(flow, out);
    }

    /// The size of our picture that the peer wants.
    pub(super) fn picture(&mut self, size: PictureSize, out: &mut Outbox) {
        self.links.picture(size, out);
    }

    pub(super) fn close(&mut self, out: &mut Outbox) {
        self.links.close(out);
    }

    pub(super) fn timing(&self, of_call: Timing) -> Timing {
        self.links.timing(of_call)
    }

    /// Since when media is gone, if it is.
    pub(super) fn broken_since(&self) -> Option<Instant> {
        match self.state {
            PathState::Broken { since, .. } => Some(since),
            PathState::Connecting { .. } | PathState::Up => None,
        }
    }

    /// When to call [`MediaRecovery::tick`].
    pub(super) fn deadline(&self) -> Option<Instant> {
        let of_state = match self.state {
            PathState::Connecting { until, next_try } if self.wants_first() => Some(next_try.min(until)),
            PathState::Connecting { until, .. } => Some(until),
            PathState::Up => None,
            PathState::Broken { since, next_try } if self.may_work() => Some(next_try.min(self.over_at(since))),
            PathState::Broken { since, .. } => Some(self.over_at(since)),
        };
        [of_state, self.postponed, self.swap, self.spent].into_iter().flatten().min()
    }

    pub(super) fn tick(&mut self, now: Instant, out: &mut Outbox) -> Verdict {
        if self.spent.is_some() {
            return Verdict::Over(EndReason::MediaFailed);
        }
        if self.swap.take_if(|due| now >= *due).is_some() {
            self.links.swap(out);
        }
        match self.state {
            PathState::Connecting { until, .. } if now >= until => return Verdict::Over(EndReason::MediaFailed),
            PathState::Connecting { .. } => self.ensure_first(now, out),
            PathState::Broken { since, .. } if now >= self.over_at(since) => {
                return Verdict::Over(EndReason::NetworkLost);
            }
            PathState::Broken { next_try, .. } if now >= next_try && self.may_work() => self.renew(now, out),
            PathState::Up | PathState::Broken { .. } => {}
        }
        if self.postponed.take_if(|due| now >= *due).is_some() && self.may_work() {
            self.renew(now, out);
        }
        // The loop hands in no second tick for what has just become due.
        if self.spent.is_some() { Verdict::Over(EndReason::MediaFailed) } else { Verdict::Same }
    }

    /// While nothing has flowed yet: there must be a link that may come up.
    pub(super) fn ensure_first(&mut self, now: Instant, out: &mut Outbox) {
        if let PathState::Connecting { until, next_try } = self.state {
            if self.wants_first() && now >= next_try {
                self.links.offer_next(out);
                self.state = PathState::Connecting { until, next_try: now + NEXT_WITHIN };
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
            Message::Relink { link, .. } if self.links.we_offer() && !self.links.is_up_since(link) => {
                self.try_again(now, out);
            }
            message @ Message::Offer { .. } => {
                let newest = self.links.newest();
                self.links.heard(now, message, out);
                if self.links.newest() != newest {
                    // One that we asked for was counted when we asked.
                    if !self.awaited {
                        self.count(now);
                    }
                    self.begun(now);
                }
            }
            message => self.links.heard(now, message, out),
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
    ) -> Verdict {
        let secured = event == LinkEvent::Secured;
        let newest = number == self.links.newest();
        match self.links.event(now, call, number, event, out) {
            News::Unsafe | News::Refused => return Verdict::Over(EndReason::MediaFailed),
            News::None => return Verdict::Same,
            News::Path => {}
        }
        if secured && newest {
            self.awaited = false;
            self.postponed = None;
            self.flows_since.get_or_insert(now);
            self.swap = self.links.is_being_replaced().then(|| now + SWAP);
        } else if newest {
            self.died(now);
        }
        match (&self.state, self.links.is_up()) {
            (PathState::Up, true) | (PathState::Broken { .. }, false) => return Verdict::Same,
            (PathState::Connecting { .. }, false) => {
                self.ensure_first(now, out);
                return Verdict::Same;
            }
            (_, true) => self.state = PathState::Up,
            (PathState::Up, false) => {
                self.state = PathState::Broken { since: now, next_try: now.max(self.tried + self.pause(now)) };
                if self.may_work() {
                    self.try_again(now, out);
                }
            }
        }
        Verdict::Changed
    }

    /// Begins the next link, or asks for it: at once, or as soon as its time comes.
    fn try_again(&mut self, now: Instant, out: &mut Outbox) {
        let nothing_yet = self.is_connecting() && self.links.newest() == 0;
        if nothing_yet {
            return;
        }
        let due = self.tried + self.pause(now);
        if now >= due {
            return self.renew(now, out);
        }
        self.schedule(self.tried);
        if !self.is_connecting() {
            self.postponed = Some(due);
        }
    }

    /// How long after the newest link the next one may be begun.
    fn pause(&self, now: Instant) -> Duration {
        let young = if self.awaited { YOUNG } else { Duration::ZERO };
        if self.has_lived(now) || self.failures <= OFTEN {
            return young;
        }
        let doublings = u32::from(self.failures - OFTEN - 1).min(4);
        (BACK_OFF * (1 << doublings)).min(LATER).max(young)
    }

    /// The next link: ours to offer, or to ask for. One that is on its way is given up for it.
    fn renew(&mut self, now: Instant, out: &mut Outbox) {
        if self.links.are_spent() {
            self.spent = Some(now);
            return;
        }
        if self.links.we_offer() {
            self.links.drop_next(out);
            self.links.offer_next(out);
        } else {
            self.links.ask_next(out);
        }
        self.count(now);
        self.begun(now);
    }

    /// Counts the newest link, which is about to be replaced, as failed unless it has lived.
    fn count(&mut self, now: Instant) {
        self.died(now);
        self.failures = self.failures.saturating_add(1);
    }

    /// Nothing flows on the newest link any more. After one that has lived, failures are counted anew.
    fn died(&mut self, now: Instant) {
        if self.has_lived(now) {
            self.failures = 0;
        }
        self.flows_since = None;
    }

    fn has_lived(&self, now: Instant) -> bool {
        self.flows_since.is_some_and(|since| now >= since + LIVED)
    }

    fn begun(&mut self, now: Instant) {
        self.flows_since = None;
        self.tried = now;
        self.awaited = true;
        self.postponed = None;
        self.swap = None;
        self.schedule(now);
    }

    /// The next attempt after the one that was begun then.
    fn schedule(&mut self, begun: Instant) {
        let within = if self.failures <= OFTEN { NEXT_WITHIN } else { LATER };
        match &mut self.state {
            PathState::Connecting { next_try, .. } => *next_try = begun + NEXT_WITHIN,
            PathState::Up => {}
            PathState::Broken { next_try, .. } => *next_try = begun + within,
        }
    }

    fn wants_first(&self) -> bool {
        self.links.we_offer() && !self.links.is_up() && !self.links.is_coming() && !self.links.are_spent()
    }

    /// Whether an offer, or a wish for one, can reach the peer.
    fn may_work(&self) -> bool {
        !self.cut_off && self.peer_went.is_none()
    }

    fn over_at(&self, since: Instant) -> Instant {
        let liveness = match self.agent {
            Agent::Panel => OF_A_PANEL,
            Agent::Browser => OF_A_BROWSER,
        };
        let died = |went: Instant| went + liveness.went_before >= since && went <= since + liveness.went_after;
        since + if self.peer_went.is_some_and(died) { liveness.died_after } else { LOST_AFTER }
    }
}
