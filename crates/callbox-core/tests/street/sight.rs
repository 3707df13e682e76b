//! What can be seen from the street.

use callbox_core::ids::{Address, CallId};
use callbox_core::protocol::{EndReason, Kind, Message};
use callbox_core::station::{CallRecord, Flow, MediaOrder, PartState, Phase, Station, Tone, View};

use super::{Street, address};

impl Street {
    pub(crate) fn station(&self, name: &str) -> &Station {
        &self.houses[&address(name)].station
    }

    pub(crate) fn now(&self) -> std::time::Instant {
        self.now
    }

    pub(crate) fn view(&self, name: &str) -> View {
        self.station(name).view(self.now)
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

    /// Why presses came to nothing, oldest first.
    pub(crate) fn ignored(&self, name: &str) -> &[&'static str] {
        &self.houses[&address(name)].ignored
    }

    /// Both talk with each other, heard or not yet.
    #[track_caller]
    pub(crate) fn assert_talk_begun(&self, a: &str, b: &str) {
        assert_eq!((self.peer(&address(a)), self.peer(&address(b))), (Some(address(b)), Some(address(a))));
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

    /// Everybody with whom a device talks.
    pub(crate) fn peers(&self, who: &Address) -> Vec<Address> {
        let house = &self.houses[who];
        let view = house.station.view(self.now).call.filter(|_| house.station.phase() == Phase::Talking);
        let Some(view) = view else { return Vec::new() };
        match view.kind {
            Kind::Single => view.peer.into_iter().collect(),
            Kind::Group => view.peers.into_iter().map(|peer| peer.device).collect(),
        }
    }

    /// Everybody of these talks with all the others, and hears them; nobody else is in.
    #[track_caller]
    pub(crate) fn assert_group(&self, names: &[&str]) {
        for name in names {
            let mut others: Vec<Address> =
                names.iter().filter(|other| *other != name).map(|other| address(other)).collect();
            others.sort();
            assert_eq!(self.peers(&address(name)), others, "the peers of {name}");
            for other in others {
                assert!(self.houses[&address(name)].hears(&other), "{name} hears {other}");
                assert_eq!(self.call_of(name), self.call_of(&other.to_string()));
            }
        }
    }

    /// How a user takes part, as a device sees it.
    pub(crate) fn part(&self, name: &str, user: &str) -> (PartState, Option<EndReason>) {
        let roster = self.view(name).call.expect("a call").roster;
        let part =
            roster.iter().find(|part| part.user.as_str() == user).unwrap_or_else(|| panic!("{user} in {roster:?}"));
        (part.state, part.reason)
    }

    /// Whoever talks talks with somebody who talks with him, in the same call.
    pub(crate) fn check_agreement(&self) {
        for who in self.names() {
            let call = |who: &Address| self.houses[who].station.view(self.now).call.map(|view| view.call);
            for peer in self.peers(&who) {
                assert!(self.peers(&peer).contains(&who), "{who} talks with {peer}, who does not");
                assert_eq!(call(&who), call(&peer), "{who} and {peer} talk in two calls");
            }
        }
    }
}
