//! Users whom this device rings while it talks.

use std::collections::BTreeSet;
use std::time::Instant;

use super::super::State;
use super::super::desk::Desk;
use super::super::effect::Effect;
use super::super::input::LinkEvent;
use super::super::invitations::{Answer, Invitations};
use super::super::talking::Talking;
use super::batches;
use crate::ids::{Address, LinkId, UserId};
use crate::protocol::{EndReason, ResultCode};

impl Talking {
    /// Writes down who will not come, and drops invites that have come to their end.
    pub(in crate::station) fn settle_invitations(&mut self, now: Instant, desk: &mut Desk) {
        let Some(group) = &mut self.group else { return };
        let mut tell = BTreeSet::new();
        let mut over = Vec::new();
        for (at, batch) in group.invitations.iter_mut().enumerate() {
            let done = batch.settle(now).is_some() || batch.is_over(now);
            for (user, reason) in batch.refusals() {
                tell.extend(group.roster.ended(now, user, reason));
            }
            if done {
                for user in batch.open() {
                    tell.extend(group.roster.ended(now, user, EndReason::NoAnswer));
                }
                batch.cancel(&self.call, EndReason::NoAnswer, None, desk);
                over.push(at);
            }
        }
        for at in over.into_iter().rev() {
            group.invitations.remove(at);
            desk.out.push(Effect::Show);
        }
        group.tell(now, tell, &self.call, desk);
    }

    pub(in crate::station) fn tick_group(mut self: Box<Self>, now: Instant, desk: &mut Desk) -> State {
        let Some(group) = &mut self.group else { return State::Talking(self) };
        group.look_again.take_if(|at| *at <= now);
        let tell = group.roster.tick(now);
        group.tell(now, tell, &self.call, desk);
        self.match_peers(now, None, desk);
        self.settle(now, EndReason::NoAnswer, desk)
    }

    pub(in crate::station) fn linked_while_ringing(
        mut self: Box<Self>,
        now: Instant,
        link: &LinkId,
        event: LinkEvent,
        desk: &mut Desk,
    ) -> State {
        let Some(group) = &mut self.group else { return State::Talking(self) };
        let mut linked = |batch: &mut Invitations| batch.linked(now, &self.call, link, event.clone(), desk);
        if group.invitations.iter_mut().any(|batch| linked(batch) == Answer::Unsafe) {
            let reason = EndReason::MediaFailed;
            self.turn_away(link.peer.clone(), reason, None, desk);
            batches(&mut self.group).for_each(|batch| batch.refused(now, &self.call, &link.peer, reason, desk));
        }
        self.settle(now, EndReason::MediaFailed, desk)
    }

    pub(in crate::station) fn fared(
        mut self: Box<Self>,
        now: Instant,
        user: &UserId,
        code: ResultCode,
        desk: &mut Desk,
    ) -> State {
        let Some(group) = &mut self.group else { return State::Talking(self) };
        for batch in &mut group.invitations {
            if batch.contains(user) && batch.fared(user, code) {
                desk.out.push(Effect::Show);
            }
        }
        self.settle(now, EndReason::Offline, desk)
    }

    pub(in crate::station) fn came(&mut self, now: Instant, device: &Address, desk: &mut Desk) {
        for batch in batches(&mut self.group) {
            batch.came(now, &self.call, device, desk);
        }
    }

    pub(in crate::station) fn pictured(&mut self, jpeg: &str, desk: &mut Desk) {
        for batch in batches(&mut self.group) {
            batch.pictured(&self.call, jpeg.to_owned(), desk);
        }
    }

    pub(in crate::station) fn gate_ringing(&mut self, desk: &mut Desk) {
        for batch in batches(&mut self.group) {
            batch.gate(&self.call, desk);
        }
    }

    pub(in crate::station) fn say_again(&mut self, now: Instant, desk: &mut Desk) {
        let Some(group) = &mut self.group else { return };
        for batch in &mut group.invitations {
            batch.say_again(now, &self.call, desk);
        }
        let tell = group.roster.say_again(now);
        group.tell(now, tell, &self.call, desk);
    }
}
