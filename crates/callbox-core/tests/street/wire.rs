//! The hub and the wires to it: delay, loss, duplication, reordering, presence, and invites that wait for a device.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use callbox_core::ids::{Address, CallId, Target, UserId};
use callbox_core::protocol::{EndReason, Kind, Message};
use callbox_core::station::Input;

use super::{Street, ms};

/// What happens to messages on each of the two wires that they travel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// Shortest and longest delay, in milliseconds.
    pub(crate) delay_ms: (u64, u64),
    /// Of a hundred messages, so many get lost.
    pub(crate) loss: u64,
    /// Of a hundred messages, so many come twice.
    pub(crate) twice: u64,
    /// Messages may overtake each other.
    pub(crate) overtake: bool,
}

impl Weather {
    pub(crate) const CALM: Self = Self { delay_ms: (10, 10), loss: 0, twice: 0, overtake: false };
    /// What TCP makes of a bad radio link: late, but complete and in order.
    pub(crate) const SLOW: Self = Self { delay_ms: (5, 800), loss: 0, twice: 0, overtake: false };
    /// Worse than any transport we have.
    pub(crate) const STORM: Self = Self { delay_ms: (5, 1500), loss: 15, twice: 20, overtake: true };
}

/// Something on one of the wires.
pub(crate) struct Parcel {
    pub(crate) due: Instant,
    pub(crate) number: u64,
    load: Load,
}

#[derive(Clone)]
enum Load {
    ToHub { from: Address, to: Target, message: Message },
    ToDevice { to: Address, input: Input },
}

impl Parcel {
    /// The device that it is about to reach.
    pub(crate) fn receiver(&self) -> Option<&Address> {
        match &self.load {
            Load::ToHub { .. } => None,
            Load::ToDevice { to, .. } => Some(to),
        }
    }
}

/// What the hub knows.
#[derive(Default)]
pub(crate) struct Hub {
    pub(crate) online: BTreeSet<Address>,
    /// Message type, sender and receiver of what never arrives.
    pub(crate) lost: BTreeSet<(&'static str, Address, Address)>,
    /// What a device that is just about to connect wants to say: its outbox.
    pub(crate) held: Option<Vec<(Target, Message)>>,
    watchers: BTreeMap<Address, Vec<UserId>>,
    waiting: BTreeMap<(CallId, UserId), Waiting>,
    parcels: u64,
    /// When the last parcel of each wire arrives: none overtakes it in good weather.
    last_due: BTreeMap<(Address, bool), Instant>,
}

/// An undecided invite.
struct Waiting {
    from: Address,
    message: Message,
    until: Instant,
}

impl Hub {
    /// Undecided invites to a user, with the time that is left.
    pub(crate) fn waiting_for(&self, user: &UserId, now: Instant) -> Vec<(Address, Message)> {
        let mine = self.waiting.iter().filter(|((_, callee), waiting)| callee == user && waiting.until > now);
        mine.map(|(_, waiting)| {
            let mut message = waiting.message.clone();
            if let Message::Invite { remaining_ms, .. } = &mut message {
                *remaining_ms = u32::try_from((waiting.until - now).as_millis()).unwrap();
            }
            (waiting.from.clone(), message)
        })
        .collect()
    }

    pub(crate) fn forget_waiting(&mut self) {
        self.waiting.clear();
    }

    /// Keeps invites of single calls until they are decided.
    fn keep(&mut self, now: Instant, from: &Address, to: &Target, message: &Message) {
        match message {
            Message::Invite { call, kind: Kind::Single, remaining_ms, .. } => {
                let until = now + Duration::from_millis(u64::from(*remaining_ms));
                let waiting = Waiting { from: from.clone(), message: message.clone(), until };
                self.waiting.entry((call.clone(), to.user.clone())).or_insert(waiting);
            }
            Message::Cancel { call, .. } if to.device.is_none() => {
                self.waiting.retain(|(of, callee), waiting| (of, callee) != (call, &to.user) || waiting.from != *from);
            }
            Message::Confirm { call } => {
                self.waiting.retain(|(of, _), waiting| of != call || waiting.from != *from);
            }
            Message::Reject { call, reason: EndReason::Rejected } => {
                self.waiting.remove(&(call.clone(), from.user.clone()));
            }
            _ => {}
        }
    }
}

impl Street {
    pub(super) fn post_to_hub(&mut self, from: Address, to: Target, message: Message) {
        if self.hub.online.contains(&from) {
            self.send_off(Load::ToHub { from, to, message });
        } else if let Some(held) = &mut self.hub.held {
            held.push((to, message));
        }
    }

    pub(super) fn post_to_device(&mut self, from: Address, to: Address, message: Message) {
        let lost = self.hub.lost.contains(&(message.type_name(), from.clone(), to.clone()));
        if self.hub.online.contains(&to) && !lost {
            self.send_off(Load::ToDevice { to, input: Input::Heard { from, message } });
        }
    }

    fn send_off(&mut self, load: Load) {
        if self.dice.percent(self.weather.loss) {
            return;
        }
        let copies = if self.dice.percent(self.weather.twice) { 2 } else { 1 };
        for _ in 0..copies {
            let (low, high) = self.weather.delay_ms;
            let mut due = self.now + ms(self.dice.between(low, high));
            let wire = match &load {
                Load::ToHub { from, .. } => (from.clone(), true),
                Load::ToDevice { to, .. } => (to.clone(), false),
            };
            let last = self.hub.last_due.entry(wire).or_insert(due);
            if !self.weather.overtake {
                due = due.max(*last);
            }
            *last = due.max(*last);
            self.hub.parcels += 1;
            self.wire.push(Parcel { due, number: self.hub.parcels, load: load.clone() });
        }
    }

    pub(super) fn arrive(&mut self, parcel: Parcel) {
        match parcel.load {
            Load::ToDevice { to, input } => self.give(&to, input),
            Load::ToHub { from, to, message } => {
                self.hub.keep(self.now, &from, &to, &message);
                let devices = self.hub.online.iter().filter(|device| {
                    device.user == to.user && to.device.as_ref().is_none_or(|named| *named == device.device)
                });
                for device in devices.cloned().collect::<Vec<_>>() {
                    self.post_to_device(from.clone(), device, message.clone());
                }
            }
        }
    }

    pub(super) fn watch(&mut self, who: &Address, users: Vec<UserId>) {
        if !self.hub.online.contains(who) {
            return;
        }
        let there: Vec<Address> = self.hub.online.iter().filter(|peer| users.contains(&peer.user)).cloned().collect();
        self.hub.watchers.insert(who.clone(), users);
        for peer in there {
            self.send_off(Load::ToDevice { to: who.clone(), input: Input::Presence { peer, online: true } });
        }
    }

    pub(super) fn tell_presence(&mut self, peer: &Address, online: bool) {
        let watch = |(who, users): (&Address, &Vec<UserId>)| users.contains(&peer.user).then(|| who.clone());
        let watchers: Vec<Address> = self.hub.watchers.iter().filter_map(watch).collect();
        for to in watchers.into_iter().filter(|who| self.hub.online.contains(who)).collect::<Vec<_>>() {
            self.send_off(Load::ToDevice { to, input: Input::Presence { peer: peer.clone(), online } });
        }
    }
}
