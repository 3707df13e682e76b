//! The door of a house: its relay, its contact, and the two steps by which it is opened from afar.

use callbox_core::ids::{Address, EnvelopeId};
use callbox_core::protocol::{Agent, Message, ResultCode};
use callbox_core::station::{Action, DoorEvent, DoorNews, DoorPolicy, Input, MayOpen, Opener, Policy};

use super::house::Relay;
use super::{Street, address, secs};

impl Street {
    /// A panel whose door these users may open from afar, that stays in a call when it was opened, and that minds an open door after 30 s.
    pub(crate) fn panel_with_door(&mut self, name: &str, allow: &[&str]) {
        let allow = MayOpen::Users(allow.iter().map(|user| user.parse().unwrap()).collect());
        let door = DoorPolicy { allow, hang_up: false, open_limit: Some(secs(30)) };
        self.device(name, Agent::Panel, Policy { door: Some(door), ..Policy::default() });
    }

    pub(crate) fn unlocks(&mut self, name: &str) {
        self.press(name, Action::Unlock { by: Opener::Button });
    }

    pub(crate) fn door(&mut self, name: &str, event: DoorEvent) {
        self.give(&address(name), Input::Door(event));
    }

    /// From now on the relay does this when it is to be switched.
    pub(crate) fn relay(&mut self, name: &str, relay: Relay) {
        self.houses.get_mut(&address(name)).unwrap().relay = relay;
    }

    /// A command that no station sent, in the call of its receiver.
    pub(crate) fn posts_command(&mut self, from: &str, to: &str, nonce: &str, challenge: Option<EnvelopeId>) {
        let (call, nonce) = (self.call_of(to), nonce.parse().unwrap());
        let name = "unlock".parse().unwrap();
        self.post(from, to, Message::Command { call, name, nonce, challenge });
    }

    /// The newest challenge that this panel has sent.
    pub(crate) fn challenge_of(&self, name: &str) -> Option<EnvelopeId> {
        self.sent(name).iter().rev().find_map(|message| match message {
            Message::Challenge { challenge, .. } => Some(challenge.clone()),
            _ => None,
        })
    }

    /// What this panel has answered to commands, oldest first.
    pub(crate) fn results_of(&self, name: &str) -> Vec<ResultCode> {
        let code = |message: &Message| match message {
            Message::Result { code, .. } => Some(*code),
            _ => None,
        };
        self.sent(name).iter().filter_map(code).collect()
    }

    pub(crate) fn pulses(&self, name: &str) -> usize {
        self.houses[&address(name)].pulses.len()
    }

    /// The newest opening that the relay was to be pulsed for.
    pub(crate) fn opening(&self, name: &str) -> u64 {
        *self.houses[&address(name)].pulses.last().expect("the relay was to be pulsed")
    }

    pub(crate) fn door_news(&self, name: &str) -> &[DoorNews] {
        &self.houses[&address(name)].door_news
    }

    pub(super) fn switch_relay(&mut self, who: &Address, opening: u64) {
        let house = self.houses.get_mut(who).unwrap();
        house.pulses.push(opening);
        match house.relay {
            Relay::Works => self.give(who, Input::Door(DoorEvent::Unlocked { opening })),
            Relay::Fails => self.give(who, Input::Door(DoorEvent::Failed { opening })),
            Relay::Hangs => {}
        }
    }
}
