//! Calls that are over: late messages of them change nothing and are told the outcome.

use std::collections::VecDeque;

use super::shares::Shares;
use super::view::Ended;
use crate::ids::{Address, CallId};
use crate::protocol::{EndReason, Message};

/// How many calls that rang here, or were made here, are remembered; far more than can ring within one deadline.
const REMEMBERED: usize = 256;

/// How many calls that never rang here are remembered: a share for each user who made them.
const DECLINED: usize = 64;

/// How many cancels may wait for an invite that they overtook, and how many calls are answered by nothing: a share for each user.
const OVERTAKEN: usize = 32;

/// The memory of decided calls, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Decided {
    ended: VecDeque<Ended>,
    /// Calls of others that never rang here. Kept apart, so that they push no call out that did.
    declined: Shares<Ended>,
    /// Calls that their inviter cancelled before we heard of them.
    taken_back: Shares<(CallId, Address)>,
    /// Calls whose inviter is to hear nothing of us.
    ignored: Shares<CallId>,
}

impl Default for Decided {
    fn default() -> Self {
        Self {
            ended: VecDeque::new(),
            declined: Shares::new(DECLINED),
            taken_back: Shares::new(OVERTAKEN),
            ignored: Shares::new(OVERTAKEN),
        }
    }
}

impl Decided {
    /// Remembers how a call ended; the first outcome stands.
    pub(super) fn insert(&mut self, ended: Ended) {
        if self.find(&ended.call).is_some() {
            return;
        }
        if self.ended.len() == REMEMBERED {
            self.ended.pop_front();
        }
        self.ended.push_back(ended);
    }

    /// Remembers how an invite of this user was answered that never rang here; the first outcome stands.
    pub(super) fn decline(&mut self, inviter: &Address, ended: Ended) {
        if self.find(&ended.call).is_none() {
            self.declined.push(inviter.user.clone(), ended);
        }
    }

    /// How this call ended, if it is over.
    pub(super) fn find(&self, call: &CallId) -> Option<&Ended> {
        self.ended.iter().rev().chain(self.declined.iter()).find(|ended| ended.call == *call)
    }

    /// A cancel of a call that nobody here knows: its invite may come later, and then must not ring.
    pub(super) fn take_back(&mut self, call: &CallId, inviter: &Address) {
        if self.find(call).is_some() || self.was_taken_back(call, inviter) {
            return;
        }
        self.taken_back.push(inviter.user.clone(), (call.clone(), inviter.clone()));
    }

    /// Whether this inviter cancelled this call before its invite came.
    pub(super) fn was_taken_back(&self, call: &CallId, inviter: &Address) -> bool {
        self.taken_back.iter().any(|(known, by)| known == call && by == inviter)
    }

    /// Nothing of this call is answered.
    pub(super) fn ignore(&mut self, inviter: &Address, call: CallId) {
        self.ignored.push(inviter.user.clone(), call);
    }

    /// Whether nothing of this call is answered.
    pub(super) fn is_ignored(&self, call: &CallId) -> bool {
        self.ignored.contains(call)
    }

    /// What to answer a message of a call that is not the current one, so that nobody waits for us in vain.
    pub(super) fn answer(&self, message: &Message) -> Option<Message> {
        let call = message.call().filter(|call| !self.is_ignored(call))?;
        let known = self.find(call);
        // A call that nobody here remembers: we, or our predecessor, lost it.
        let reason = known.map_or(EndReason::NetworkLost, |ended| ended.reason);
        let by = known.and_then(|ended| ended.by.clone());
        match message {
            Message::Ringing { call, .. } | Message::Accept { call, .. } | Message::Join { call, .. } => {
                Some(Message::Cancel { call: call.clone(), reason, by })
            }
            Message::Confirm { call }
            | Message::Roster { call, .. }
            | Message::Offer { call, .. }
            | Message::Media { call, .. }
            | Message::Relink { call, .. } => Some(Message::Hangup { call: call.clone(), reason }),
            Message::Invite { call, .. } => match (known, reason) {
                (Some(_), EndReason::Rejected | EndReason::Busy | EndReason::NoAnswer) => {
                    Some(Message::Reject { call: call.clone(), reason })
                }
                _ => None,
            },
            _ => None,
        }
    }
}
