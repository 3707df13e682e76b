//! The readable side of a roster: members, users, and how each takes part.

use std::collections::BTreeMap;
use std::time::Instant;

use super::Roster;
use super::known::Known;
use crate::ids::{Address, UserId};
use crate::protocol::{EndReason, MAX_MEMBERS, RosterEntry};

/// One user of the call, for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The user.
    pub user: UserId,
    /// How the user takes part.
    pub state: PartState,
}

/// How a user takes part in a group call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartState {
    /// A device is in.
    Joined,
    /// Was in.
    Left(EndReason),
    /// Invited; no answer yet.
    Invited,
    /// Will not come.
    Ended(EndReason),
}

impl Roster {
    /// Returns whether a device of this user may join.
    pub fn admits(&self, user: &UserId) -> bool {
        self.users.contains(user)
    }

    /// Returns every user that may take part.
    pub fn users(&self) -> impl Iterator<Item = &UserId> {
        self.users.iter()
    }

    /// Returns whether the device has sent that it is in.
    pub fn is_in(&self, device: &Address) -> bool {
        self.others.get(device).is_some_and(Known::is_in)
    }

    /// Returns the entries of the other members: devices that have sent that they are in.
    pub fn members(&self) -> impl Iterator<Item = &RosterEntry> {
        self.others.values().filter(|known| known.is_in()).filter_map(|known| known.fact.as_ref())
    }

    /// Returns the devices that are in as far as is known, by facts and rumours: those to send `accept` and `join` to.
    pub fn doors(&self) -> impl Iterator<Item = &Address> {
        let there = |known: &&Known| known.newest().left.is_none();
        self.others.values().filter(there).map(|known| &known.newest().device)
    }

    /// Returns why this device has to leave: more than [`MAX_MEMBERS`] are in, or another device of its user is.
    pub fn surplus(&self) -> Option<EndReason> {
        let mine = self.mine.as_ref()?;
        let rank = |entry: &RosterEntry| (entry.place, entry.device.clone());
        let before = self.members().filter(|entry| rank(entry) < rank(mine));
        let (same, all) =
            before.fold((0, 0), |(same, all), entry| (same + usize::from(entry.device.user == self.me.user), all + 1));
        match (same, all) {
            (1.., _) => Some(EndReason::AnsweredElsewhere),
            (_, MAX_MEMBERS..) => Some(EndReason::TooMany),
            _ => None,
        }
    }

    /// Returns until when a user rings that another member invited. A user that joined rings no more, also after it left.
    pub fn alone_until(&self) -> Option<Instant> {
        let facts = || self.others.values().filter_map(|known| known.fact.as_ref());
        let came = |user: &UserId| facts().any(|entry| entry.device.user == *user);
        self.rings.iter().filter(|(user, _)| !came(user)).filter_map(|(_, until)| *until).max()
    }

    /// Returns every other user of the call, and how each takes part.
    pub fn parts(&self) -> Vec<Part> {
        let mut parts: BTreeMap<UserId, PartState> = BTreeMap::new();
        let mut see = |user: &UserId, state: PartState| {
            let best = parts.entry(user.clone()).or_insert(state);
            *best = state.min(*best);
        };
        for known in self.others.values() {
            let entry = known.newest();
            see(&entry.device.user, entry.left.map_or(PartState::Joined, PartState::Left));
        }
        let entries = self.others.values().map(Known::newest).chain(&self.mine);
        for invited in entries.flat_map(|entry| &entry.invited) {
            see(&invited.user, invited.ended.map_or(PartState::Invited, PartState::Ended));
        }
        parts.remove(&self.me.user);
        parts.into_iter().map(|(user, state)| Part { user, state }).collect()
    }
}
