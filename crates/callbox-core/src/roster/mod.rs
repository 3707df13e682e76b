//! The roster: one device's knowledge of who takes part in a group call.
//!
//! Each device writes one entry, about itself and the users it invited, and numbers what it writes. What a device says of itself is a
//! fact. What it says of another device is a rumour: a reason to ask that device. A rumour becomes a fact only when the device that it
//! is about was asked and stayed silent. A device that is told something newer of itself writes a newer entry, so its own word wins.
//!
//! ```text
//! hear(now, from, entries)   a `roster` came in
//! tick(now), deadline()      ask again, repeat what a member has not shown to know
//! entries_for(device)        what to send
//! ```

mod known;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::ids::{Address, UserId};
use crate::protocol::{Agent, EndReason, Invited, MAX_CALLEES, MAX_ENTRY_NUMBER, MAX_ROSTER, RosterEntry};

use known::Known;
pub use view::{Part, PartState};

/// The most users who may come in over a whole call.
const MOST_USERS: usize = 64;
/// An entry does not change more often than this in a call; a number further ahead is made up.
const PLAUSIBLE: u32 = 1000;

/// Who takes part in one group call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Roster {
    me: Address,
    agent: Agent,
    /// Our own entry. None: we are invited and have not joined.
    mine: Option<RosterEntry>,
    /// The greatest number that others know of an entry of ours.
    claimed: u32,
    others: BTreeMap<Address, Known>,
    /// Users who may come in.
    users: BTreeSet<UserId>,
    /// For each user that another member invited: when its ringing ends. None: it has ended.
    rings: BTreeMap<UserId, Option<Instant>>,
}

/// What became of a `roster` that came in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Something is known now that was not.
    pub changed: bool,
    /// Devices to send our entries to.
    pub tell: BTreeSet<Address>,
}

impl Roster {
    /// Returns the roster of a device that is in the call from its beginning. `users` may join besides its own user.
    pub fn found(me: Address, agent: Agent, place: u16, users: impl IntoIterator<Item = UserId>) -> Self {
        let mut roster = Self::guest(me, agent, users);
        roster.join_at(place);
        roster
    }

    /// Returns the roster of a device that is invited and has not joined.
    pub fn guest(me: Address, agent: Agent, users: impl IntoIterator<Item = UserId>) -> Self {
        let users = users.into_iter().chain([me.user.clone()]).collect();
        let (mine, others, rings) = (None, BTreeMap::new(), BTreeMap::new());
        Self { me, agent, mine, claimed: 0, others, users, rings }
    }

    /// Turns the roster of a member into that of a guest, for joining again later. It keeps which devices to ask, and our last number.
    pub fn into_guest(mut self) -> Self {
        self.claimed = self.mine.take().map_or(self.claimed, |mine| mine.number);
        self.others.values_mut().for_each(Known::forget);
        self
    }

    /// Joins, after a member has confirmed. Our place follows the last one known. Returns the devices to tell.
    pub fn join(&mut self, now: Instant) -> BTreeSet<Address> {
        self.join_at(self.next_place());
        self.wrote(now)
    }

    fn join_at(&mut self, place: u16) {
        let number = self.claimed.saturating_add(1);
        let (device, agent, left, invited) = (self.me.clone(), self.agent, None, Vec::new());
        self.mine = Some(RosterEntry { device, number, agent, place, left, invited });
    }

    /// Notes that we let a device in, so that our next rosters name it even if it cannot reach the others itself.
    pub fn let_in(&mut self, now: Instant, device: &Address, agent: Agent) {
        if self.is_in(device) {
            return;
        }
        let number = self.others.get(device).map_or(0, |known| known.newest().number) + 1;
        let (device, place, left, invited) = (device.clone(), self.next_place(), None, Vec::new());
        let entry = RosterEntry { device, number, agent, place, left, invited };
        self.rumour(now, &entry, &mut BTreeSet::new());
    }

    /// The place behind all that are known.
    fn next_place(&self) -> u16 {
        self.entries().map(|entry| entry.place).max().unwrap_or(0).saturating_add(1)
    }

    /// Marks our own entry as left. Returns the devices to tell.
    pub fn leave(&mut self, reason: EndReason) -> BTreeSet<Address> {
        let audience = self.audience();
        if let Some(mine) = &mut self.mine {
            mine.left = Some(reason);
        }
        self.renumber();
        audience
    }

    /// Returns how many more users this device may invite.
    pub fn room(&self) -> usize {
        let invited = self.mine.as_ref().map_or(0, |mine| mine.invited.iter().filter(|i| i.ended.is_none()).count());
        MAX_CALLEES.saturating_sub(invited)
    }

    /// Adds users to our own entry as invited. Returns the devices to tell.
    pub fn invite(&mut self, now: Instant, users: &[UserId], ring: Duration) -> BTreeSet<Address> {
        self.users.extend(users.iter().cloned());
        let Some(mine) = &mut self.mine else { return BTreeSet::new() };
        let ring_s = u16::try_from(ring.as_secs()).unwrap_or(u16::MAX);
        mine.invited.retain(|invited| !users.contains(&invited.user));
        // The oldest that came to nothing make room.
        while mine.invited.len() + users.len() > MAX_CALLEES {
            let Some(at) = mine.invited.iter().position(|invited| invited.ended.is_some()) else { break };
            mine.invited.remove(at);
        }
        let invited = users.iter().map(|user| Invited { user: user.clone(), ring_s, ended: None });
        mine.invited.extend(invited);
        mine.invited.truncate(MAX_CALLEES);
        self.renumber();
        self.wrote(now)
    }

    /// Writes into our own entry why a user that we invited will not come. Returns the devices to tell.
    pub fn ended(&mut self, now: Instant, user: &UserId, reason: EndReason) -> BTreeSet<Address> {
        let invited = self.mine.iter_mut().flat_map(|mine| &mut mine.invited).find(|invited| invited.user == *user);
        match invited {
            Some(invited) if invited.ended != Some(reason) => invited.ended = Some(reason),
            _ => return BTreeSet::new(),
        }
        self.renumber();
        self.wrote(now)
    }

    /// Gives our entry, which has changed, a greater number.
    fn renumber(&mut self) {
        if let Some(mine) = &mut self.mine {
            mine.number = mine.number.saturating_add(1);
        }
    }

    /// Stops waiting for a user that another member invited, because the user refused.
    pub fn refused(&mut self, user: &UserId) {
        self.rings.insert(user.clone(), None);
    }

    /// Marks a device as left, because it said `hangup` or `cancel`. Returns the devices to tell.
    pub fn out(&mut self, now: Instant, device: &Address, reason: EndReason) -> BTreeSet<Address> {
        match self.others.get_mut(device).map(|known| known.out(reason)) {
            Some(true) => self.wrote(now),
            _ => BTreeSet::new(),
        }
    }

    /// Takes a device for absent, because no media comes from it. Its next `roster` brings it back.
    pub fn lose(&mut self, device: &Address) {
        if let Some(known) = self.others.get_mut(device) {
            known.heard = false;
        }
    }

    /// Returns the entries to send to a device: our own, then the newest known of each other device. The entry of `to` is left out until
    /// `to` itself has sent one, which makes it send its entry.
    pub fn entries_for(&self, to: &Address) -> Vec<RosterEntry> {
        let others = self.others.iter().filter(|(device, known)| known.heard || *device != to);
        let others = others.map(|(_, known)| known.newest().clone());
        self.mine.iter().cloned().chain(others).take(MAX_ROSTER).collect()
    }

    /// Returns our own entry, then the newest known of each other device.
    pub fn entries(&self) -> impl Iterator<Item = &RosterEntry> {
        self.mine.iter().chain(self.others.values().map(Known::newest))
    }

    /// Merges a `roster` that a device sent.
    pub fn hear(&mut self, now: Instant, from: &Address, entries: &[RosterEntry]) -> Heard {
        if *from == self.me || !self.users.contains(&from.user) {
            return Heard::default();
        }
        let mut changed = false;
        let mut tell = BTreeSet::new();
        // The last word of a member counts, and to a guest that of whoever rings it.
        let was_in = self.is_in(from) || self.mine.is_none();
        if let Some(entry) = entries.iter().find(|entry| entry.device == *from) {
            changed |= self.fact(entry);
        }
        if was_in || self.is_in(from) {
            self.admit(entries);
            for entry in entries.iter().filter(|entry| entry.device != *from) {
                changed |= if entry.device == self.me { self.claim(entry) } else { self.rumour(now, entry, &mut tell) };
            }
        } else if let Some(entry) = entries.iter().find(|entry| entry.device == self.me) {
            changed |= self.claim(entry);
        }
        self.note_rings(now);
        let lacks = self.entries().any(|ours| {
            let theirs = entries.iter().find(|entry| entry.device == ours.device);
            theirs.is_none_or(|theirs| theirs.number < ours.number)
        });
        if changed {
            tell.extend(self.wrote(now));
        }
        if let Some(known) = self.others.get_mut(from) {
            known.in_step(now, !lacks);
        }
        if lacks {
            tell.insert(from.clone());
        }
        if self.mine.is_none() {
            tell.clear();
        }
        Heard { changed, tell }
    }

    /// Time passed. Returns devices to send our entries to.
    pub fn tick(&mut self, now: Instant) -> BTreeSet<Address> {
        for until in self.rings.values_mut() {
            until.take_if(|until| *until <= now);
        }
        if self.mine.is_none() {
            return BTreeSet::new();
        }
        let mut adopted = false;
        let mut tell = BTreeSet::new();
        for (device, known) in &mut self.others {
            adopted |= known.believe(now);
            if known.due(now) {
                tell.insert(device.clone());
            }
        }
        if adopted {
            tell.extend(self.wrote(now));
        }
        tell
    }

    /// When [`Roster::tick`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        let of_others = self.mine.iter().flat_map(|_| self.others.values().filter_map(Known::deadline));
        of_others.chain(self.alone_until()).min()
    }

    /// Starts to repeat our roster to every member, because earlier ones may be lost. Returns the devices to tell.
    pub fn say_again(&mut self, now: Instant) -> BTreeSet<Address> {
        self.wrote(now)
    }

    /// Merges the sender's own entry. Returns whether it is new.
    fn fact(&mut self, entry: &RosterEntry) -> bool {
        if let Some(known) = self.others.get_mut(&entry.device) {
            return known.fact(entry);
        }
        if self.others.len() + 1 >= MAX_ROSTER && !self.make_room() {
            return false;
        }
        self.others.insert(entry.device.clone(), Known::fact_of(entry.clone()));
        true
    }

    /// Merges an entry about a third device. Returns whether it is new.
    fn rumour(&mut self, now: Instant, entry: &RosterEntry, tell: &mut BTreeSet<Address>) -> bool {
        let full = self.others.len() + 1 >= MAX_ROSTER;
        let new = match self.others.get_mut(&entry.device) {
            Some(known) => known.rumour(now, entry),
            None if full => false,
            None => {
                self.others.insert(entry.device.clone(), Known::rumour_of(now, entry.clone()));
                true
            }
        };
        if new && self.others.get(&entry.device).is_some_and(Known::is_asked) {
            tell.insert(entry.device.clone());
        }
        new
    }

    /// Answers an entry about ourselves that we did not write: our own entry gets a greater number. Returns whether it did.
    fn claim(&mut self, entry: &RosterEntry) -> bool {
        let own = self.mine.as_ref().map_or(self.claimed, |mine| mine.number);
        let plausible = entry.number < own.saturating_add(PLAUSIBLE) && entry.number < MAX_ENTRY_NUMBER;
        match &mut self.mine {
            Some(mine)
                if plausible && (entry.number > mine.number || entry.number == mine.number && *entry != *mine) =>
            {
                mine.number = entry.number + 1;
                true
            }
            None if entry.number < MAX_ENTRY_NUMBER => {
                self.claimed = self.claimed.max(entry.number);
                false
            }
            _ => false,
        }
    }

    /// Lets every user join that a member names.
    fn admit(&mut self, entries: &[RosterEntry]) {
        let named = entries
            .iter()
            .flat_map(|entry| entry.invited.iter().map(|invited| &invited.user).chain([&entry.device.user]));
        for user in named {
            if self.users.len() < MOST_USERS {
                self.users.insert(user.clone());
            }
        }
    }

    /// Forgets a device that never sent a `roster` itself. Returns whether there was one.
    fn make_room(&mut self) -> bool {
        let gone = self.others.iter().find(|(_, known)| !known.heard).map(|(device, _)| device.clone());
        gone.is_some_and(|gone| self.others.remove(&gone).is_some())
    }

    /// Tells every member, and repeats it to each until its roster shows that it knows.
    fn wrote(&mut self, now: Instant) -> BTreeSet<Address> {
        if self.mine.is_none() {
            return BTreeSet::new();
        }
        for known in self.others.values_mut().filter(|known| known.is_in()) {
            known.repeat(now);
        }
        self.audience()
    }

    fn audience(&self) -> BTreeSet<Address> {
        self.others.iter().filter(|(_, known)| known.is_in()).map(|(device, _)| device.clone()).collect()
    }

    /// Notes when the ringing of each user that another member invited ends, counted from when we first hear of it.
    fn note_rings(&mut self, now: Instant) {
        let entries = self.others.values().map(Known::newest);
        let invited: Vec<Invited> = entries.flat_map(|entry| entry.invited.clone()).collect();
        for Invited { user, ring_s, ended } in invited {
            match ended {
                None if user != self.me.user && self.rings.len() < MOST_USERS => {
                    let most = Duration::from_secs(u64::from(ring_s).min(600));
                    self.rings.entry(user).or_insert(Some(now + most));
                }
                None => {}
                Some(_) => {
                    self.rings.remove(&user);
                }
            }
        }
    }
}
