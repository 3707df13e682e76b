//! Calls that are over: late messages of them change nothing and are told the outcome.

use std::collections::VecDeque;

use super::desk::Outbox;
use super::view::Ended;
use crate::ids::{Address, CallId};
use crate::protocol::{EndReason, Message};

/// How many decided calls are remembered; far more than can be rung within one deadline.
const REMEMBERED: usize = 256;

/// The memory of decided calls, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Decided(VecDeque<Ended>);

impl Decided {
    /// Remembers how a call ended; the first outcome stands.
    pub(super) fn insert(&mut self, ended: Ended) {
        if self.find(&ended.call).is_some() {
            return;
        }
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(ended);
    }

    /// How this call ended, if it is one of ours and over.
    pub(super) fn find(&self, call: &CallId) -> Option<&Ended> {
        self.0.iter().rev().find(|ended| ended.call == *call)
    }

    /// Answers a message of a call that is not the current one, so that nobody waits for us in vain.
    pub(super) fn answer(&self, from: &Address, message: &Message, out: &mut Outbox) {
        let Some(call) = message.call() else { return };
        let known = self.find(call);
        // A call that nobody here remembers: we, or our predecessor, lost it.
        let reason = known.map_or(EndReason::NetworkLost, |ended| ended.reason);
        let by = known.and_then(|ended| ended.by.clone());
        let answer = match message {
            Message::Ringing { call, .. } | Message::Accept { call, .. } => {
                Message::Cancel { call: call.clone(), reason, by }
            }
            Message::Confirm { call } | Message::Offer { call, .. } | Message::Media { call, .. } => {
                Message::Hangup { call: call.clone(), reason }
            }
            Message::Invite { call, .. } => match (known, reason) {
                (Some(_), EndReason::Rejected | EndReason::Busy | EndReason::NoAnswer) => {
                    Message::Reject { call: call.clone(), reason }
                }
                _ => return,
            },
            _ => return,
        };
        out.send(from.clone(), answer);
    }
}
