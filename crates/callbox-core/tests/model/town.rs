//! The state of the whole: three stations, the letters under way, and the clock.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use callbox_core::ids::{Address, LinkId};
use callbox_core::protocol::{Agent, EarlyMedia, Media, Message};
use callbox_core::station::{Action, Effect, Input, LinkEvent, MediaOrder, Phase, Policy, Station};

use crate::street::{address, secs, some_instant};

pub(super) const CALLER: usize = 0;
pub(super) const PHONE: usize = 1;
pub(super) const DESK: usize = 2;
/// The caller and two devices of one callee, or of two.
const ONE_CALLEE: [&str; 3] = ["door/panel", "anna/phone", "anna/desk"];
const TWO_CALLEES: [&str; 3] = ["door/panel", "anna/phone", "bert/phone"];

/// A button of a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Button {
    Accept,
    Reject,
    Hangup,
}

/// One message under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Letter {
    from: usize,
    to: usize,
    /// In answer to an answer to an answer …
    hops: u8,
    message: Message,
}

/// How much may still go wrong with messages; that they overtake each other costs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Chance {
    /// So many get lost.
    pub(super) losses: u8,
    /// So many come twice.
    pub(super) repeats: u8,
    /// So many deadlines pass while something is under way.
    pub(super) late: u8,
}

/// What can happen next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Act {
    Deliver(Letter),
    Lose(Letter),
    Repeat(Letter),
    Press(usize, usize, Button),
    FallSilent((usize, LinkId)),
    Pass,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Town {
    names: [&'static str; 3],
    now: Instant,
    stations: [Station; 3],
    /// A set in a fixed order: the same letter twice is the same as once.
    wire: Vec<Letter>,
    pub(super) chance: Chance,
    pressed: u16,
    winners: BTreeSet<usize>,
    pub(super) ticked_in_vain: bool,
    media: Option<MediaEdge>,
}

/// Links that come up at once when their descriptions have been exchanged, and fall silent when the far end is closed.
#[derive(Clone, Debug, Default, PartialEq, Hash)]
struct MediaEdge {
    open: BTreeSet<(usize, LinkId)>,
    secured: BTreeSet<(usize, LinkId)>,
    silent: BTreeSet<(usize, LinkId)>,
}

impl Hash for Town {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.now, &self.stations, &self.wire, self.chance, self.pressed).hash(state);
        (&self.winners, self.ticked_in_vain, &self.media).hash(state);
    }
}

/// All towns begin at the same moment, so that equal towns are equal.
fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(some_instant)
}

impl Town {
    /// The caller has just pressed the bell.
    pub(super) fn new(chance: Chance, media: bool) -> Self {
        let users = vec!["anna".parse().unwrap()];
        Self::with(ONE_CALLEE, chance, media, Action::Call { users, media: Media::Audio })
    }

    /// The caller rings both callees as a group, and they know it.
    pub(super) fn group(chance: Chance) -> Self {
        let users = vec!["anna".parse().unwrap(), "bert".parse().unwrap()];
        let mut town = Self::with(TWO_CALLEES, chance, false, Action::CallGroup { users, media: Media::Audio });
        while let Some(letter) = town.wire.first().cloned() {
            town.take(Act::Deliver(letter));
        }
        town
    }

    fn with(names: [&'static str; 3], chance: Chance, media: bool, press: Action) -> Self {
        let policy = Policy { ring: secs(3), early: EarlyMedia::Off, ..Policy::default() };
        let station = |who: usize| {
            let agent = if who == CALLER { Agent::Panel } else { Agent::Browser };
            Station::new(address(names[who]), agent, policy.clone(), [1; 32])
        };
        let mut town = Self {
            names,
            now: start(),
            stations: [station(CALLER), station(PHONE), station(DESK)],
            wire: Vec::new(),
            chance,
            pressed: 0,
            winners: BTreeSet::new(),
            ticked_in_vain: false,
            media: media.then(MediaEdge::default),
        };
        town.give(CALLER, Input::Pressed(press), 0);
        town
    }

    /// Everything that can become of the messages under way, and every button that was not pressed yet.
    pub(super) fn messages_and_presses(&self, buttons: &[(usize, Button)]) -> Vec<Act> {
        let mut acts = Vec::new();
        for letter in &self.wire {
            acts.push(Act::Deliver(letter.clone()));
            if self.chance.losses > 0 {
                acts.push(Act::Lose(letter.clone()));
            }
            if self.chance.repeats > 0 {
                acts.push(Act::Repeat(letter.clone()));
            }
        }
        let unpressed = buttons.iter().enumerate().filter(|(place, _)| !self.was_pressed(*place));
        acts.extend(unpressed.map(|(place, (who, button))| Act::Press(place, *who, *button)));
        acts
    }

    /// The town after this.
    pub(super) fn after(&self, act: Act) -> Self {
        let mut town = self.clone();
        town.take(act);
        town
    }

    pub(super) fn take(&mut self, act: Act) {
        match act {
            Act::Deliver(letter) => {
                self.wire.retain(|other| *other != letter);
                self.deliver(letter);
            }
            Act::Lose(letter) => {
                self.chance.losses -= 1;
                self.wire.retain(|other| *other != letter);
            }
            Act::Repeat(letter) => {
                self.chance.repeats -= 1;
                self.deliver(letter);
            }
            Act::Press(place, who, button) => {
                self.pressed |= 1 << place;
                let action = match button {
                    Button::Accept => Action::Accept,
                    Button::Reject => Action::Reject,
                    Button::Hangup => Action::Hangup,
                };
                self.give(who, Input::Pressed(action), 0);
            }
            Act::FallSilent((who, link)) => {
                if let Some(edge) = &mut self.media {
                    edge.silent.insert((who, link.clone()));
                }
                self.give(who, Input::Link { link, event: LinkEvent::Silent }, 0);
            }
            Act::Pass => self.pass(),
        }
    }

    fn deliver(&mut self, letter: Letter) {
        let from = address(self.names[letter.from]);
        self.give(letter.to, Input::Heard { from, message: letter.message }, letter.hops + 1);
    }

    fn pass(&mut self) {
        let Some(deadline) = self.next_deadline() else { return };
        self.now = self.now.max(deadline);
        if !self.wire.is_empty() {
            self.chance.late -= 1;
        }
        for who in [CALLER, PHONE, DESK] {
            if self.stations[who].deadline().is_some_and(|deadline| deadline <= self.now) {
                self.give(who, Input::Tick, 0);
                self.ticked_in_vain |= self.stations[who].deadline().is_some_and(|next| next <= self.now);
            }
        }
    }

    fn give(&mut self, who: usize, input: Input, hops: u8) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            self.stations[who].handle(self.now, input);
            while let Some(effect) = self.stations[who].poll_effect() {
                match effect {
                    Effect::Send { to, message } => self.post(who, &to.user, to.device.as_ref(), message, hops),
                    Effect::Media(order) => inputs.extend(self.media_order(who, order)),
                    Effect::Watch(_)
                    | Effect::Show
                    | Effect::Record(_)
                    | Effect::Unlock { .. }
                    | Effect::Door(_)
                    | Effect::Ignored(_) => {}
                }
            }
        }
        if who != CALLER && self.phase(who) == Phase::Talking {
            self.winners.insert(who);
        }
    }

    fn post(
        &mut self,
        from: usize,
        user: &callbox_core::ids::UserId,
        device: Option<&callbox_core::ids::DeviceId>,
        message: Message,
        hops: u8,
    ) {
        // Mute states change nothing here; without them there are far fewer orders to go through.
        if matches!(message, Message::Media { .. }) {
            return;
        }
        for to in [CALLER, PHONE, DESK] {
            let there = address(self.names[to]);
            if there.user == *user && device.is_none_or(|device| *device == there.device) {
                let letter = Letter { from, to, hops, message: message.clone() };
                if !self.wire.contains(&letter) {
                    self.wire.push(letter);
                    self.wire.sort_by_cached_key(fingerprint);
                }
            }
        }
    }

    /// What the media edge answers at once.
    fn media_order(&mut self, who: usize, order: MediaOrder) -> Vec<Input> {
        let Some(edge) = &mut self.media else { return Vec::new() };
        let tell = |link: LinkId, event| vec![Input::Link { link, event }];
        match order {
            MediaOrder::Open { link, offerer, .. } => {
                edge.open.insert((who, link.clone()));
                if offerer { tell(link, LinkEvent::Offer(String::new())) } else { Vec::new() }
            }
            // The answerer is up as soon as it can hear the offerer; the offerer when it has the answer.
            MediaOrder::RemoteOffer { link, .. } => {
                edge.secured.insert((who, link.clone()));
                let mut inputs = tell(link.clone(), LinkEvent::Secured);
                inputs.extend(tell(link, LinkEvent::Answer(String::new())));
                inputs
            }
            MediaOrder::RemoteAnswer { link, .. } => {
                edge.secured.insert((who, link.clone()));
                tell(link, LinkEvent::Secured)
            }
            MediaOrder::Close { link } => {
                edge.open.remove(&(who, link.clone()));
                edge.secured.remove(&(who, link.clone()));
                edge.silent.remove(&(who, link));
                Vec::new()
            }
            _ => Vec::new(),
        }
    }
}

// ---- what can be seen ----
impl Town {
    pub(super) fn was_pressed(&self, place: usize) -> bool {
        self.pressed & (1 << place) != 0
    }

    pub(super) fn phase(&self, who: usize) -> Phase {
        self.stations[who].phase()
    }

    pub(super) fn winners(&self) -> &BTreeSet<usize> {
        &self.winners
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.now - start()
    }

    pub(super) fn hops(&self) -> u8 {
        self.wire.iter().map(|letter| letter.hops).max().unwrap_or(0)
    }

    pub(super) fn may_pass(&self) -> bool {
        self.next_deadline().is_some() && (self.wire.is_empty() || self.chance.late > 0)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.stations.iter().filter_map(Station::deadline).min()
    }

    /// Secured ends whose far end is closed, and that have not said so yet.
    pub(super) fn silent_ends(&self) -> impl Iterator<Item = (usize, LinkId)> {
        let edge = self.media.iter();
        edge.flat_map(|edge| {
            edge.secured.iter().filter(|(who, link)| {
                let far = LinkId { peer: address(self.names[*who]), ..link.clone() };
                !edge.open.contains(&(self.place(&link.peer), far)) && !edge.silent.contains(&(*who, link.clone()))
            })
        })
        .cloned()
    }

    /// Nothing is under way and nobody waits for anything.
    pub(super) fn at_rest(&self) -> bool {
        self.wire.is_empty() && self.next_deadline().is_none() && self.silent_ends().next().is_none()
    }

    /// Whoever talks talks with somebody who talks with him; everybody else is idle.
    pub(super) fn agree(&self) -> bool {
        [CALLER, PHONE, DESK].into_iter().all(|who| match self.phase(who) {
            Phase::Idle => true,
            Phase::Talking => self.peer(who).is_some_and(|peer| self.peer(peer) == Some(who)),
            Phase::Inviting | Phase::Ringing | Phase::Accepting => false,
        })
    }

    fn peer(&self, who: usize) -> Option<usize> {
        let view = self.stations[who].view(self.now).call?;
        view.peer.filter(|_| self.phase(who) == Phase::Talking).map(|peer| self.place(&peer))
    }

    /// Everybody with whom a device talks.
    pub(super) fn peers(&self, who: usize) -> BTreeSet<usize> {
        let view = self.stations[who].view(self.now).call.filter(|_| self.phase(who) == Phase::Talking);
        view.iter().flat_map(|view| &view.peers).map(|peer| self.place(&peer.device)).collect()
    }

    /// Whoever talks with somebody is talked with by that one, and nobody waits alone.
    pub(super) fn group_agrees(&self) -> bool {
        [CALLER, PHONE, DESK].into_iter().all(|who| match self.phase(who) {
            Phase::Idle => true,
            Phase::Talking => {
                let peers = self.peers(who);
                !peers.is_empty() && peers.iter().all(|peer| self.peers(*peer).contains(&who))
            }
            Phase::Inviting | Phase::Ringing | Phase::Accepting => false,
        })
    }

    fn place(&self, device: &Address) -> usize {
        self.names.iter().position(|name| address(name) == *device).expect("one of the three")
    }
}

fn fingerprint(letter: &Letter) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    letter.hash(&mut hasher);
    hasher.finish()
}
