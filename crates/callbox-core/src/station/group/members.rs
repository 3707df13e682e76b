//! What members of a group say, and who is let in.

use std::collections::BTreeSet;
use std::time::Instant;

use super::super::State;
use super::super::desk::Desk;
use super::super::effect::Effect;
use super::super::peer::Peer;
use super::super::peer_links::PeerLinks;
use super::super::talking::Talking;
use super::batches;
use crate::ids::Address;
use crate::protocol::{Agent, EndReason, MAX_MEMBERS, Message, RosterEntry};

impl Talking {
    /// A `roster`: the call is, or becomes, one of several.
    pub(in crate::station) fn roster_heard(
        mut self: Box<Self>,
        now: Instant,
        from: &Address,
        entries: &[RosterEntry],
        desk: &mut Desk,
    ) -> State {
        if self.group.is_none() && self.peers.contains_key(from) {
            self.grow(desk);
        }
        let Some(group) = &mut self.group else { return State::Talking(self) };
        let heard = group.roster.hear(now, from, entries);
        group.tell(now, heard.tell, &self.call, desk);
        if !heard.changed {
            return State::Talking(self);
        }
        self.match_peers(now, None, desk);
        self.watch(desk);
        desk.out.push(Effect::Show);
        self.settle(now, EndReason::Hangup, desk)
    }

    pub(in crate::station) fn heard_in_group(
        mut self: Box<Self>,
        now: Instant,
        from: Address,
        message: Message,
        desk: &mut Desk,
    ) -> State {
        match message {
            Message::Accept { agent, .. } => self.admit(now, from, agent, false, desk),
            Message::Join { agent, .. } => self.admit(now, from, agent, true, desk),
            Message::Hangup { reason, .. } => {
                self.out(now, &from, reason, desk);
                return self.settle(now, reason, desk);
            }
            message => match self.peers.get_mut(&from) {
                Some(peer) => peer.heard(now, message, &mut desk.out),
                None => return self.heard_of_ringing(now, &from, message, desk),
            },
        }
        State::Talking(self)
    }

    /// A device that rings for one of our invites, or for that of another member.
    fn heard_of_ringing(mut self: Box<Self>, now: Instant, from: &Address, message: Message, desk: &mut Desk) -> State {
        let Some(group) = &mut self.group else { return State::Talking(self) };
        let rings = matches!(message, Message::Ringing { .. });
        match group.invitations.iter_mut().rev().find(|batch| batch.contains(&from.user)) {
            Some(batch) => {
                batch.heard(now, &mut self.call, from, message, desk);
                if rings && !batch.is_out(from) {
                    group.say(BTreeSet::from([from.clone()]), &self.call, desk);
                }
            }
            None if matches!(message, Message::Reject { .. }) => group.roster.refused(&from.user),
            None => {}
        }
        self.settle(now, EndReason::Hangup, desk)
    }

    /// A device wants to come in: it was rung, or it joins a call that it missed or left.
    pub(in crate::station) fn admit(
        &mut self,
        now: Instant,
        from: Address,
        agent: Agent,
        joins: bool,
        desk: &mut Desk,
    ) {
        let Some(group) = &mut self.group else { return };
        if !group.roster.admits(&from.user) || from.user == desk.me.user {
            return self.turn_away(from, EndReason::Rejected, None, desk);
        }
        if (joins || !self.peers.contains_key(&from)) && !group.may_arrive(now, &from) {
            // It asks again.
            return;
        }
        if joins {
            // It knows nothing of the links that we have: it was restarted, or has given them up.
            self.close_peer(&from, desk);
            for batch in batches(&mut self.group) {
                batch.take(&from).into_iter().for_each(|mut links| links.close(&mut desk.out));
            }
        }
        let Some(group) = &mut self.group else { return };
        if !self.peers.contains_key(&from) {
            let same_user = self.peers.keys().find(|peer| peer.user == from.user).cloned();
            if same_user.is_some() {
                return self.turn_away(from, EndReason::AnsweredElsewhere, same_user, desk);
            }
            if self.peers.len() + 1 >= MAX_MEMBERS {
                for batch in group.invitations.iter_mut().filter(|batch| batch.contains(&from.user)) {
                    batch.refused(now, &self.call, &from, EndReason::TooMany, desk);
                }
                return self.turn_away(from, EndReason::TooMany, None, desk);
            }
            group.roster.let_in(now, &from, agent);
        }
        group.say(BTreeSet::from([from.clone()]), &self.call, desk);
        desk.out.send(from.clone(), Message::Confirm { call: self.call.id.clone() });
        if self.peers.contains_key(&from) {
            return;
        }
        self.come_in(now, from, agent, None, desk);
    }

    /// The talk with a device begins. `early`: links that were set up with it before; those that were set up while it rang for one of
    /// our invites are used too.
    fn come_in(&mut self, now: Instant, device: Address, agent: Agent, early: Option<PeerLinks>, desk: &mut Desk) {
        let Some(group) = &mut self.group else { return };
        group.came_in(now, &device);
        let rang = group.invitations.iter_mut().find_map(|batch| batch.take(&device));
        for batch in group.invitations.iter_mut().filter(|batch| batch.contains(&device.user)) {
            batch.answered(&self.call, &device, desk);
        }
        let we_offer = self.call.we_offer(&desk.me, desk.agent, &device, agent);
        let links = early.or(rang).unwrap_or_else(|| PeerLinks::new(&self.call, device, we_offer));
        self.add_peer(now, links, desk);
    }

    pub(super) fn turn_away(&self, from: Address, reason: EndReason, by: Option<Address>, desk: &mut Desk) {
        desk.out.send(from, Message::Cancel { call: self.call.id.clone(), reason, by });
    }

    /// Whoever is in by its own word is a peer, and nobody else is but those whom we let in just now.
    pub(in crate::station) fn match_peers(&mut self, now: Instant, links: Option<PeerLinks>, desk: &mut Desk) {
        let mut early = links;
        let Some(group) = &self.group else { return };
        let members: Vec<RosterEntry> = group.roster.members().cloned().collect();
        let gone = |(device, peer): (&Address, &Peer)| {
            let other = members.iter().find(|entry| entry.device == *device).map(|entry| entry.place);
            let left = peer.place.is_some() && other != peer.place;
            left.then(|| device.clone())
        };
        for device in self.peers.iter().filter_map(gone).collect::<Vec<_>>() {
            self.close_peer(&device, desk);
            if let Some(group) = &mut self.group {
                group.went_out(now, &device, EndReason::Hangup);
            }
        }
        for entry in members {
            if !self.peers.contains_key(&entry.device) && self.peers.len() + 1 < MAX_MEMBERS {
                if !self.group.as_mut().is_some_and(|group| group.may_arrive(now, &entry.device)) {
                    continue;
                }
                let early = early.take_if(|links| *links.peer() == entry.device);
                self.come_in(now, entry.device.clone(), entry.agent, early, desk);
            }
            if let Some(peer) = self.peers.get_mut(&entry.device) {
                (peer.place, peer.groups) = (Some(entry.place), true);
            }
        }
        if let Some(mut links) = early {
            links.close(&mut desk.out);
        }
    }

    /// A device says that it is out.
    fn out(&mut self, now: Instant, device: &Address, reason: EndReason, desk: &mut Desk) {
        self.part_with(now, device, reason, desk);
        let Some(group) = &mut self.group else { return };
        let tell = group.roster.out(now, device, reason);
        group.tell(now, tell, &self.call, desk);
        desk.out.push(Effect::Show);
    }

    /// Nothing comes from a device any more.
    pub(in crate::station) fn lose(&mut self, now: Instant, device: &Address, reason: EndReason, desk: &mut Desk) {
        self.part_with(now, device, reason, desk);
        let Some(group) = &mut self.group else { return };
        group.roster.lose(device);
        desk.out.push(Effect::Show);
    }

    /// The talk with a device ends: its times are kept for the record.
    fn part_with(&mut self, now: Instant, device: &Address, reason: EndReason, desk: &mut Desk) {
        self.keep_timing();
        self.close_peer(device, desk);
        if let Some(group) = &mut self.group {
            group.went_out(now, device, reason);
        }
    }

    fn close_peer(&mut self, device: &Address, desk: &mut Desk) {
        if let Some(mut peer) = self.peers.remove(device) {
            peer.path.close(&mut desk.out);
            self.want_pictures(desk);
        }
    }

    /// The call ends here when it is over full, or nobody is left and nobody rings.
    pub(in crate::station) fn settle(mut self: Box<Self>, now: Instant, reason: EndReason, desk: &mut Desk) -> State {
        self.settle_invitations(now, desk);
        let Some(group) = &self.group else { return State::Talking(self) };
        if let Some(surplus) = group.roster.surplus() {
            return self.leave(now, surplus, desk);
        }
        let waits = !group.invitations.is_empty() || group.look_again.is_some() || group.roster.alone_until().is_some();
        if self.peers.is_empty() && !waits {
            return self.leave(now, reason, desk);
        }
        State::Talking(self)
    }
}
