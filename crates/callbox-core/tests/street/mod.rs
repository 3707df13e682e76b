//! The simulated street: stations in their houses, a hub with its wires, media cables, and one clock.

mod dice;
mod door;
mod events;
mod house;
mod media;
mod recorder;
mod rules;
mod shorthand;
mod sight;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use callbox_core::ids::Address;
use callbox_core::protocol::Agent;
use callbox_core::station::{Effect, Input, Policy, Station};

use dice::Dice;
use house::House;
pub(crate) use house::Relay;
pub(crate) use recorder::Recorder;
pub(crate) use wire::Weather;
use wire::{Hub, Parcel};

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
    /// What happens is held against the recorded stories, or recorded.
    recorded: bool,
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

impl Street {
    /// A street on which every message takes 10 ms and none is lost.
    pub(crate) fn calm() -> Self {
        Self::with_weather(Weather::CALM, 0)
    }

    pub(crate) fn with_weather(weather: Weather, seed: u64) -> Self {
        let now = some_instant();
        let (hub, dice) = (Hub::default(), Dice::new(seed));
        let (houses, wire, cut_cables, log) = (BTreeMap::new(), Vec::new(), BTreeSet::new(), Vec::new());
        Self { start: now, now, houses, hub, wire, weather, dice, cut_cables, log, recorded: true }
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
        let recorder = self.recorded.then(|| Recorder::of(&me, agent, &policy, self.start)).flatten();
        let mut house = House::new(Station::new(me.clone(), agent, policy.clone(), seed), agent, policy);
        house.recorder = recorder;
        self.houses.insert(me.clone(), house);
        self.hub.online.insert(me);
    }

    /// A walk that chance makes anew each time: nothing to hold it against.
    pub(crate) fn unrecorded(mut self) -> Self {
        self.recorded = false;
        self
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
            return;
        }
        std::mem::take(&mut self.houses).into_values().filter_map(|house| house.recorder).for_each(Recorder::close);
    }
}

fn pair(a: &Address, b: &Address) -> (Address, Address) {
    (a.min(b).clone(), a.max(b).clone())
}
