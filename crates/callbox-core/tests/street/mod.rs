//! The simulated street: stations in their houses, a hub with its wires, media cables, and one clock.

mod dice;
mod house;
mod media;
mod rules;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use callbox_core::ids::{Address, CallId, UserId};
use callbox_core::protocol::{Agent, EndReason, Media, Message};
use callbox_core::station::{
    Action, CallRecord, Effect, Flow, Input, LinkEvent, MediaOrder, Phase, Policy, Station, Tone,
};

use dice::Dice;
use house::House;
use media::LinkEnd;
pub(crate) use wire::Weather;
use wire::{Hub, Parcel};

/// So many events within one moment, or within one wait, mean that something spins.
const MOST_EVENTS: usize = 200_000;

/// The street. Names of devices are written `user/device`.
pub(crate) struct Street {
    start: Instant,
    now: Instant,
    houses: BTreeMap<Address, House>,
    hub: Hub,
    wire: Vec<Parcel>,
    weather: Weather,
    dice: Dice,
    cut_cables: BTreeSet<(Address, Address)>,
    log: Vec<(Duration, Address, Event)>,
}

/// What happened in a house, for the story of a failure.
enum Event {
    In(Input),
    Out(Effect),
}

/// A point of time that is as good as any other.
#[expect(clippy::disallowed_methods, reason = "an Instant can be had in no other way")]
pub(crate) fn some_instant() -> Instant {
    Instant::now()
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn address(name: &str) -> Address {
    let (user, device) = name.split_once('/').expect("user/device");
    Address { user: user.parse().unwrap(), device: device.parse().unwrap() }
}

// ---- setting the scene ----
impl Street {
    /// A street on which every message takes 10 ms and none is lost.
    pub(crate) fn calm() -> Self {
        Self::with_weather(Weather::CALM, 0)
    }

    pub(crate) fn with_weather(weather: Weather, seed: u64) -> Self {
        let now = some_instant();
        let (hub, dice) = (Hub::default(), Dice::new(seed));
        let (houses, wire, cut_cables, log) = (BTreeMap::new(), Vec::new(), BTreeSet::new(), Vec::new());
        Self { start: now, now, houses, hub, wire, weather, dice, cut_cables, log }
    }

    pub(crate) fn panel(&mut self, name: &str) {
        self.device(name, Agent::Panel, Policy::default());
    }

    pub(crate) fn phone(&mut self, name: &str) {
        self.device(name, Agent::Browser, Policy::default());
    }

    pub(crate) fn device(&mut self, name: &str, agent: Agent, policy: Policy) {
        let me = address(name);
        let mut seed = [0; 32];
        seed[0] = u8::try_from(self.houses.len()).unwrap();
        seed[1..9].copy_from_slice(&self.dice.roll().to_le_bytes());
        let house = House::new(Station::new(me.clone(), agent, policy.clone(), seed), agent, policy);
        self.houses.insert(me.clone(), house);
        self.hub.online.insert(me);
    }

    /// Loses every message of `type_name` that goes from one device to another, or to its user.
    pub(crate) fn lose(&mut self, type_name: &'static str, from: &str, to: &str) {
        self.hub.lost.insert((type_name, address(from), address(to)));
    }

    /// The hub loses its memory of undecided invites.
    pub(crate) fn forget_waiting(&mut self) {
        self.hub.forget_waiting();
        self.wire.clear();
    }

    /// Undoes [`Street::lose`].
    pub(crate) fn lose_nothing(&mut self) {
        self.hub.lost.clear();
    }

    pub(crate) fn names(&self) -> Vec<Address> {
        self.houses.keys().cloned().collect()
    }
}

// ---- what happens ----
impl Street {
    pub(crate) fn press(&mut self, name: &str, action: Action) {
        self.give(&address(name), Input::Pressed(action));
    }

    pub(crate) fn calls(&mut self, name: &str, users: &[&str]) {
        let users: Vec<UserId> = users.iter().map(|user| user.parse().unwrap()).collect();
        self.press(name, Action::Call { users, media: Media::Video });
    }

    pub(crate) fn accepts(&mut self, name: &str) {
        self.press(name, Action::Accept);
    }

    pub(crate) fn rejects(&mut self, name: &str) {
        self.press(name, Action::Reject);
    }

    pub(crate) fn hangs_up(&mut self, name: &str) {
        self.press(name, Action::Hangup);
    }

    /// Signalling is gone, as after a pulled network plug; media cables are another matter.
    pub(crate) fn goes_offline(&mut self, name: &str) {
        let who = address(name);
        if self.hub.online.remove(&who) {
            self.wire.retain(|parcel| parcel.receiver() != Some(&who));
            self.give(&who, Input::SignalingDown);
            self.tell_presence(&who, false);
        }
    }

    pub(crate) fn comes_online(&mut self, name: &str) {
        let who = address(name);
        if self.hub.online.insert(who.clone()) {
            self.give(&who, Input::SignalingUp);
            let watched = self.houses[&who].watched.clone();
            self.watch(&who, watched);
            for (from, message) in self.hub.waiting_for(&who.user, self.now) {
                self.post_to_device(from, who.clone(), message);
            }
            self.tell_presence(&who, true);
        }
    }

    /// The daemon or page is killed and comes up again, knowing nothing of before.
    pub(crate) fn restarts(&mut self, name: &str) {
        self.goes_offline(name);
        let who = address(name);
        let (agent, policy) = (self.houses[&who].agent, self.houses[&who].policy.clone());
        let fresh = Station::new(who.clone(), agent, policy.clone(), [self.dice.roll().to_le_bytes()[0]; 32]);
        self.houses.insert(who, House::new(fresh, agent, policy));
        self.comes_online(name);
    }

    /// Puts a message on the wire that no station sent: of a stranger, of an old version, forged.
    pub(crate) fn post(&mut self, from: &str, to: &str, message: Message) {
        self.post_to_device(address(from), address(to), message);
    }

    pub(crate) fn cuts_cable(&mut self, a: &str, b: &str) {
        self.cut_cables.insert(pair(&address(a), &address(b)));
        for (one, other) in [(a, b), (b, a)] {
            self.houses.get_mut(&address(one)).unwrap().lose_first_packets(&address(other));
        }
        self.look_at_media();
    }

    pub(crate) fn mends_cable(&mut self, a: &str, b: &str) {
        self.cut_cables.remove(&pair(&address(a), &address(b)));
        self.look_at_media();
    }

    /// A device gets another address: its links are dead for good, new ones can be made.
    pub(crate) fn changes_network(&mut self, name: &str) {
        self.houses.get_mut(&address(name)).unwrap().links.values_mut().for_each(LinkEnd::kill);
        self.look_at_media();
    }

    /// The media edge of a device tells this of its newest link.
    pub(crate) fn link_event(&mut self, name: &str, event: LinkEvent) {
        let who = address(name);
        let link = self.houses[&who].links.keys().max_by_key(|link| link.number).expect("a link").clone();
        self.give(&who, Input::Link { link, event });
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        for _ in 0..MOST_EVENTS {
            let Some(due) = self.next_due().filter(|due| *due <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(due);
            self.happen();
        }
        panic!("the street never comes to rest");
    }

    fn next_due(&self) -> Option<Instant> {
        let parcels = self.wire.iter().map(|parcel| parcel.due);
        let houses = self.houses.values().filter_map(House::next_due);
        parcels.chain(houses).min()
    }

    /// The one thing that is due.
    fn happen(&mut self) {
        let first = self.wire.iter().enumerate().min_by_key(|(_, parcel)| (parcel.due, parcel.number));
        if let Some((at, _)) = first.filter(|(_, parcel)| parcel.due <= self.now) {
            let parcel = self.wire.remove(at);
            return self.arrive(parcel);
        }
        for who in self.names() {
            if self.houses[&who].station.deadline().is_some_and(|deadline| deadline <= self.now) {
                self.give(&who, Input::Tick);
                let next = self.houses[&who].station.deadline();
                assert!(next.is_none_or(|next| next > self.now), "{who} asks for a tick in the past");
                return;
            }
            if let Some((link, event)) = self.houses.get_mut(&who).unwrap().take_media_event(self.now) {
                return self.give(&who, Input::Link { link, event });
            }
        }
    }

    /// Hands one input in and carries out what comes of it.
    pub(crate) fn give(&mut self, who: &Address, input: Input) {
        self.log.push((self.now - self.start, who.clone(), Event::In(input.clone())));
        let now = self.now;
        let house = self.houses.get_mut(who).unwrap();
        house.station.handle(now, input);
        let mut effects = Vec::new();
        while let Some(effect) = house.station.poll_effect() {
            effects.push(effect);
        }
        for effect in effects {
            self.carry_out(who, effect);
        }
        self.look_at_media();
        self.houses[who].check_rules(who, now);
    }

    fn carry_out(&mut self, who: &Address, effect: Effect) {
        if effect != Effect::Show {
            self.log.push((self.now - self.start, who.clone(), Event::Out(effect.clone())));
        }
        let now = self.now;
        let house = self.houses.get_mut(who).unwrap();
        match effect {
            Effect::Send { to, message } => {
                house.sent.push(message.clone());
                self.post_to_hub(who.clone(), to, message);
            }
            Effect::Watch(users) => {
                house.watched = users.clone();
                self.watch(who, users);
            }
            Effect::Media(order) => house.order(now, order),
            Effect::Show => {}
            Effect::Record(record) => house.records.push(record),
        }
    }
}

// ---- what can be seen ----
impl Street {
    pub(crate) fn station(&self, name: &str) -> &Station {
        &self.houses[&address(name)].station
    }

    pub(crate) fn phase(&self, name: &str) -> Phase {
        self.station(name).phase()
    }

    pub(crate) fn call_of(&self, name: &str) -> CallId {
        self.station(name).view(self.now).call.expect("a call").call
    }

    pub(crate) fn tone(&self, name: &str) -> Tone {
        self.houses[&address(name)].tone
    }

    pub(crate) fn records(&self, name: &str) -> &[CallRecord] {
        &self.houses[&address(name)].records
    }

    pub(crate) fn sent(&self, name: &str) -> &[Message] {
        &self.houses[&address(name)].sent
    }

    /// Orders for the media edge, oldest first.
    pub(crate) fn orders(&self, name: &str) -> &[MediaOrder] {
        &self.houses[&address(name)].orders
    }

    /// What may pass on the newest link from one device to another.
    pub(crate) fn flow_to(&self, name: &str, peer: &str) -> Flow {
        let links = self.houses[&address(name)].links.iter().filter(|(link, _)| link.peer == address(peer));
        links.max_by_key(|(link, _)| link.number).expect("a link").1.flow()
    }

    pub(crate) fn links_held(&self, name: &str) -> usize {
        self.houses[&address(name)].links.len()
    }

    /// The number of the newest link over which media may flow.
    pub(crate) fn newest_secured(&self, name: &str) -> Option<u32> {
        let links = self.houses[&address(name)].links.iter().filter(|(_, end)| end.is_secured());
        links.map(|(link, _)| link.number).max()
    }

    /// Every message that ends something, for this call.
    pub(crate) fn every_ending(&self, call: &CallId) -> Vec<Message> {
        let of = |reason: EndReason| {
            let call = call.clone();
            [
                Message::Reject { call: call.clone(), reason },
                Message::Cancel { call: call.clone(), reason, by: None },
                Message::Hangup { call, reason },
            ]
        };
        EndReason::ALL.into_iter().flat_map(of).collect()
    }

    /// How the last call ended.
    pub(crate) fn last_reason(&self, name: &str) -> EndReason {
        self.station(name).view(self.now).last.unwrap_or_else(|| panic!("{name} has had no call")).reason
    }

    /// Both talk, with each other, in the same call, and each hears the other.
    #[track_caller]
    pub(crate) fn assert_talk(&self, a: &str, b: &str) {
        for (one, other) in [(a, b), (b, a)] {
            assert_eq!(self.phase(one), Phase::Talking, "{one}");
            assert_eq!(self.peer(&address(one)), Some(address(other)), "the peer of {one}");
            assert!(self.houses[&address(one)].hears(&address(other)), "{one} hears {other}");
        }
        assert_eq!(self.call_of(a), self.call_of(b));
    }

    #[track_caller]
    pub(crate) fn assert_ended(&self, name: &str, reason: EndReason) {
        assert_eq!((self.phase(name), self.last_reason(name)), (Phase::Idle, reason), "{name}");
        assert_eq!(self.records(name).last().map(|record| record.reason), Some(reason), "the record of {name}");
    }

    /// The one with whom a device talks.
    pub(crate) fn peer(&self, who: &Address) -> Option<Address> {
        let house = &self.houses[who];
        (house.station.phase() == Phase::Talking).then(|| house.station.view(self.now).call?.peer)?
    }

    /// Whoever talks talks with somebody who talks with him, in the same call.
    pub(crate) fn check_agreement(&self) {
        for who in self.names() {
            let Some(peer) = self.peer(&who) else { continue };
            let call = |who: &Address| self.houses[who].station.view(self.now).call.map(|view| view.call);
            assert_eq!(self.peer(&peer).as_ref(), Some(&who), "{who} talks with {peer}, who does not");
            assert_eq!(call(&who), call(&peer), "{who} and {peer} talk in two calls");
        }
    }
}

impl Drop for Street {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (at, who, event) in &self.log {
                let (at, who) = (at.as_secs_f64(), who.to_string());
                match event {
                    Event::In(input) => eprintln!("{at:>9.3} {who:<14} <- {input:?}"),
                    Event::Out(effect) => eprintln!("{at:>9.3} {who:<14}    {effect:?}"),
                }
            }
        }
    }
}

fn pair(a: &Address, b: &Address) -> (Address, Address) {
    (a.min(b).clone(), a.max(b).clone())
}
