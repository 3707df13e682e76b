//! A talk of several: who is in, who rings, and who may come in.
//!
//! Any member lets a device in whose user is on the roster, as long as there is a seat. Peers are the devices that a member let in here,
//! and those that said by a `roster` that they are in.

mod members;
mod ringing;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::budgets::Budgets;
use super::call::Call;
use super::desk::Desk;
use super::effect::{Direction, Effect, PartyRecord};
use super::invitations::Invitations;
use super::peer_links::PeerLinks;
use super::talking::Talking;
use super::view::{PartState, PartView};
use crate::ids::{Address, UserId};
use crate::protocol::{Agent, EndReason, Kind, MAX_MEMBERS, Message};
use crate::roster::{self, Roster};

/// A user may come in anew this often at once, and once more in each …: each time costs a link.
const ARRIVALS: (u32, Duration) = (8, Duration::from_secs(2));
/// A user is told of changes this often at once, and once more in each …, so that a member that changes without end leaves room
/// for what else is said. Whatever is left out comes with the roster's next repetition.
const TOLD: (u32, Duration) = (32, Duration::from_millis(250));

/// Who takes part in a talk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Group {
    pub(super) roster: Roster,
    invitations: Vec<Invitations>,
    parties: Vec<PartyRecord>,
    arrivals: Budgets,
    /// When those are looked at again who came in too often.
    look_again: Option<Instant>,
    told: Budgets,
    /// When the call began, for the times of the record.
    started: Instant,
}

impl Group {
    fn new(roster: Roster, call: &Call) -> Self {
        let (arrivals, told) = (Budgets::new(ARRIVALS.0, ARRIVALS.1), Budgets::new(TOLD.0, TOLD.1));
        let (invitations, parties) = (Vec::new(), Vec::new());
        Self { roster, invitations, parties, arrivals, look_again: None, told, started: call.started }
    }

    /// The group of the device that rang the others.
    pub(super) fn of_inviter(now: Instant, call: &Call, invitations: Invitations, desk: &Desk) -> Self {
        let mut roster = Roster::found(desk.me.clone(), desk.agent, 1, []);
        roster.invite(now, &call.callees, desk.policy.ring);
        for (user, reason) in invitations.refusals() {
            roster.ended(now, user, reason);
        }
        Self { invitations: vec![invitations], ..Self::new(roster, call) }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let of_invitations = self.invitations.iter().map(Invitations::deadline);
        of_invitations.chain(self.roster.deadline()).chain(self.look_again).min()
    }

    /// The devices that ring for our invites.
    pub(super) fn ringing(&self) -> impl Iterator<Item = &Address> {
        self.invitations.iter().flat_map(Invitations::devices)
    }

    pub(super) fn view(&self) -> Vec<PartView> {
        let rings = |user: &UserId| self.ringing().any(|device| device.user == *user);
        let view = |part: roster::Part| {
            let (state, reason) = match part.state {
                roster::PartState::Joined => (PartState::Joined, None),
                roster::PartState::Invited if rings(&part.user) => (PartState::Ringing, None),
                roster::PartState::Invited => (PartState::Invited, None),
                roster::PartState::Left(reason) => (PartState::Left, Some(reason)),
                roster::PartState::Ended(reason) => (PartState::Ended, Some(reason)),
            };
            PartView { user: part.user, state, reason }
        };
        self.roster.parts().into_iter().map(view).collect()
    }

    /// Every device that was in, with its times.
    pub(super) fn parties(self, now: Instant) -> Vec<PartyRecord> {
        let at = now.saturating_duration_since(self.started);
        let close = |party: PartyRecord| PartyRecord { left: party.left.or(Some(at)), ..party };
        self.parties.into_iter().map(close).collect()
    }

    fn came_in(&mut self, now: Instant, device: &Address) {
        let joined = now.saturating_duration_since(self.started);
        // Bounded by the roster's own bound, and by how often a device comes back.
        if self.parties.len() < 64 {
            self.parties.push(PartyRecord { device: device.clone(), joined, left: None, reason: None });
        }
    }

    fn went_out(&mut self, now: Instant, device: &Address, reason: EndReason) {
        let left = now.saturating_duration_since(self.started);
        let open = |party: &&mut PartyRecord| party.device == *device && party.left.is_none();
        if let Some(party) = self.parties.iter_mut().find(open) {
            (party.left, party.reason) = (Some(left), Some(reason));
        }
    }

    /// Whether a device may come in once more; if not, it is looked at again later.
    fn may_arrive(&mut self, now: Instant, device: &Address) -> bool {
        let may = self.arrivals.take(now, &device.user);
        if !may {
            self.look_again.get_or_insert(now + ARRIVALS.1);
        }
        may
    }

    /// Tells these devices what we know, each not too often.
    fn tell(&mut self, now: Instant, to: BTreeSet<Address>, call: &Call, desk: &mut Desk) {
        let to = to.into_iter().filter(|device| self.told.take(now, &device.user)).collect();
        self.say(to, call, desk);
    }

    fn say(&self, to: BTreeSet<Address>, call: &Call, desk: &mut Desk) {
        for device in to {
            let entries = self.roster.entries_for(&device);
            desk.out.send(device, Message::Roster { call: call.id.clone(), entries });
        }
    }
}

/// The invites of a talk that ring; none in a single call.
fn batches(group: &mut Option<Group>) -> impl Iterator<Item = &mut Invitations> {
    group.iter_mut().flat_map(|group| &mut group.invitations)
}

// ---- how a talk becomes one of several ----
impl Talking {
    /// The inviter's side: the first of those who are rung accepted.
    pub(super) fn of_inviter(
        now: Instant,
        call: Call,
        group: Group,
        first: Address,
        agent: Agent,
        desk: &mut Desk,
    ) -> Self {
        let mut talking = Self::with_nobody(now, call, Some(group), desk);
        talking.admit(now, first, agent, false, desk);
        talking
    }

    /// The side of a device that a member let in. `links`: those that were set up with the inviter while it rang.
    pub(super) fn of_guest(
        now: Instant,
        call: Call,
        mut roster: Roster,
        links: Option<PeerLinks>,
        desk: &mut Desk,
    ) -> Self {
        let mut tell = roster.join(now);
        tell.extend(roster.doors().cloned());
        let group = Group::new(roster, &call);
        let mut talking = Self::with_nobody(now, call, Some(group), desk);
        talking.tell_roster(now, tell, desk);
        talking.match_peers(now, links, desk);
        talking
    }

    /// A single call becomes a group call: nothing changes for the one peer.
    fn grow(&mut self, desk: &Desk) {
        if self.group.is_some() {
            return;
        }
        let place = if self.call.direction == Direction::Outgoing { 1 } else { 2 };
        let users = self.peers.keys().map(|peer| peer.user.clone());
        let roster = Roster::found(desk.me.clone(), desk.agent, place, users);
        let mut group = Group::new(roster, &self.call);
        for device in self.peers.keys() {
            group.came_in(self.since(), device);
        }
        self.call.kind = Kind::Group;
        self.group = Some(group);
    }

    /// The person here wants these users in the call too.
    pub(super) fn add(&mut self, now: Instant, users: Vec<UserId>, desk: &mut Desk) {
        if self.group.is_none() && !self.peers.values().all(|peer| peer.groups) {
            return desk.ignore("the other end does not take part in group calls");
        }
        if self.peers.len() + 1 >= MAX_MEMBERS {
            return desk.ignore("the call is full: at most six devices are in");
        }
        let mut new: Vec<UserId> = Vec::new();
        for user in users {
            let is_in = user == desk.me.user || self.peers.keys().any(|peer| peer.user == user);
            let rings = self.group.iter().flat_map(|group| &group.invitations).any(|batch| batch.is_open(&user));
            if !is_in && !rings && !new.contains(&user) {
                new.push(user);
            }
        }
        let room = self.group.as_ref().map_or(usize::MAX, |group| group.roster.room());
        if new.is_empty() || new.len() > room {
            return desk.ignore("nobody to add: name users who are not in the call, at most 16");
        }
        self.grow(desk);
        let Some(group) = &mut self.group else { return };
        let tell = group.roster.invite(now, &new, desk.policy.ring);
        self.call.callees.extend(new.iter().cloned());
        group.tell(now, tell, &self.call, desk);
        // A peer that has not said its part yet learns by this that the call has grown.
        let silent = self.peers.iter().filter(|(_, peer)| peer.place.is_none()).map(|(device, _)| device.clone());
        group.say(silent.collect(), &self.call, desk);
        group.invitations.push(Invitations::begin(now, &self.call, new, false, desk));
        self.watch(desk);
        desk.out.push(Effect::Show);
    }
}

// ---- the end ----
impl Talking {
    /// Tells the members that we leave, and who rings for us whom to ask now. The last one out calls everything off.
    pub(super) fn leave_group(&mut self, now: Instant, reason: EndReason, desk: &mut Desk) {
        let last = self.peers.is_empty();
        let Some(group) = &mut self.group else { return };
        let mut tell = group.roster.leave(reason);
        tell.extend(self.peers.keys().cloned());
        group.invitations.iter_mut().for_each(|batch| batch.close(desk));
        if last {
            let over = Message::Cancel { call: self.call.id.clone(), reason: EndReason::Cancelled, by: None };
            for user in group.roster.users().filter(|user| **user != desk.me.user) {
                desk.out.send(user.clone(), over.clone());
            }
        } else {
            tell.extend(group.ringing().cloned());
            desk.joinable.keep(now, &self.call, group.roster.clone(), now);
        }
        group.say(tell, &self.call, desk);
    }

    fn tell_roster(&mut self, now: Instant, to: BTreeSet<Address>, desk: &mut Desk) {
        if let Some(group) = &mut self.group {
            group.tell(now, to, &self.call, desk);
        }
    }

    /// Whose presence matters: everybody who is in, or may come in.
    fn watch(&self, desk: &mut Desk) {
        let Some(group) = &self.group else { return };
        let users = group.roster.users().filter(|user| **user != desk.me.user).cloned().collect();
        desk.out.push(Effect::Watch(users));
    }
}
