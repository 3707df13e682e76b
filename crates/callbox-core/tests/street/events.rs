//! What happens on the street: what people do, what the network does, and time.

use std::time::{Duration, Instant};

use callbox_core::ids::{Address, UserId};
use callbox_core::protocol::{Media, Message};
use callbox_core::station::{Action, Effect, Input, LinkEvent, Station};

use super::house::House;
use super::media::LinkEnd;
use super::{Event, Recorder, Street, address, pair};

/// So many events within one moment, or within one wait, mean that something spins.
const MOST_EVENTS: usize = 200_000;

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
        let held = self.hub.held.take().unwrap_or_default();
        if self.hub.online.insert(who.clone()) {
            held.into_iter().for_each(|(to, message)| self.post_to_hub(who.clone(), to, message));
            self.give(&who, Input::SignalingUp);
            let watched = self.houses[&who].watched.clone();
            self.watch(&who, watched);
            for (from, message) in self.hub.waiting_for(&who.user, self.now) {
                self.post_to_device(from, who.clone(), message);
            }
            self.tell_presence(&who, true);
        }
    }

    /// The cable to the house is cut: no signalling and no media. Nobody tells the hub.
    pub(crate) fn loses_network(&mut self, name: &str) {
        let who = address(name);
        for other in self.names().into_iter().filter(|other| *other != who) {
            self.cuts_cable(name, &other.to_string());
        }
        if self.hub.online.remove(&who) {
            self.wire.retain(|parcel| parcel.receiver() != Some(&who));
            self.give(&who, Input::SignalingDown);
        }
    }

    /// The hub has not heard of this device for too long.
    pub(crate) fn is_missed_by_the_hub(&mut self, name: &str) {
        self.tell_presence(&address(name), false);
    }

    /// The cable is whole again, and the device notices.
    pub(crate) fn has_network_again(&mut self, name: &str) {
        let who = address(name);
        for other in self.names().into_iter().filter(|other| *other != who) {
            self.mends_cable(name, &other.to_string());
        }
        self.hub.held = Some(Vec::new());
        self.give(&who, Input::NetworkChanged);
        self.comes_online(name);
    }

    /// A device gets another address in the place of its own, and notices: links are dead, and so is the connection to the hub.
    pub(crate) fn changes_address(&mut self, name: &str) {
        let who = address(name);
        self.changes_network(name);
        self.hub.online.remove(&who);
        self.wire.retain(|parcel| parcel.receiver() != Some(&who));
        self.hub.held = Some(Vec::new());
        self.give(&who, Input::SignalingDown);
        self.give(&who, Input::NetworkChanged);
        self.comes_online(name);
    }

    /// The process is killed: its links are gone, and nothing is said.
    pub(crate) fn is_killed(&mut self, name: &str) {
        let who = address(name);
        let house = &self.houses[&who];
        let (agent, policy) = (house.agent, house.policy.clone());
        let fresh = Station::new(who.clone(), agent, policy.clone(), [self.dice.roll().to_le_bytes()[0]; 32]);
        self.moves_in(&who, House::new(fresh, agent, policy));
        self.hub.online.remove(&who);
        self.wire.retain(|parcel| parcel.receiver() != Some(&who));
        self.look_at_media();
    }

    /// The daemon or page is killed and comes up again, knowing nothing of before.
    pub(crate) fn restarts(&mut self, name: &str) {
        self.goes_offline(name);
        let who = address(name);
        let (agent, policy) = (self.houses[&who].agent, self.houses[&who].policy.clone());
        let fresh = Station::new(who.clone(), agent, policy.clone(), [self.dice.roll().to_le_bytes()[0]; 32]);
        self.moves_in(&who, House::new(fresh, agent, policy));
        self.comes_online(name);
    }

    /// The story of the process that was there before is over.
    fn moves_in(&mut self, who: &Address, mut house: House) {
        house.recorder = self.recorded.then(|| Recorder::of(who, house.agent, &house.policy, self.start)).flatten();
        let before = self.houses.insert(who.clone(), house);
        before.and_then(|house| house.recorder).into_iter().for_each(Recorder::close);
    }

    /// Its session is resumed before anybody was told that it had gone.
    pub(crate) fn comes_back_unnoticed(&mut self, name: &str) {
        let who = address(name);
        self.hub.online.insert(who.clone());
        self.give(&who, Input::SignalingUp);
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
        house.station.handle(now, input.clone());
        let mut effects = Vec::new();
        while let Some(effect) = house.station.poll_effect() {
            effects.push(effect);
        }
        if let Some(recorder) = &mut house.recorder {
            recorder.step(now, &input, &effects, &house.station);
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
            Effect::Ignored(why) => house.ignored.push(why),
            Effect::Record(record) => house.records.push(record),
            Effect::Unlock { opening } => self.switch_relay(who, opening),
            Effect::Door(news) => house.door_news.push(news),
        }
    }
}
