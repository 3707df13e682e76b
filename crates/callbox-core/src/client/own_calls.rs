//! Which calls are this device's own, as far as its messages tell.

use std::collections::VecDeque;

use crate::ids::CallId;
use crate::protocol::Message;

/// So many calls are remembered: more than one device makes or hears ring within the time a decision matters.
const REMEMBERED: usize = 32;

/// The calls that this device made, that rang here, or that it took part in. What strangers are answered about calls that
/// nobody here knows does not count: they may invent any number of them.
#[derive(Debug, Default)]
pub struct OwnCalls(VecDeque<CallId>);

impl OwnCalls {
    /// Returns whether this message that goes out decides a call of our own, and remembers the call when it begins.
    pub fn decides(&mut self, message: &Message) -> bool {
        match message {
            Message::Invite { call, .. } | Message::Accept { call, .. } | Message::Confirm { call } => {
                self.remember(call);
                true
            }
            Message::Ringing { call, .. } => {
                self.remember(call);
                false
            }
            Message::Reject { call, .. } | Message::Cancel { call, .. } | Message::Hangup { call, .. } => {
                self.has(call)
            }
            _ => false,
        }
    }

    /// Returns whether this call is remembered.
    pub fn has(&self, call: &CallId) -> bool {
        self.0.contains(call)
    }

    fn remember(&mut self, call: &CallId) {
        if let Some(at) = self.0.iter().position(|known| known == call) {
            self.0.remove(at);
        }
        self.0.push_back(call.clone());
        if self.0.len() > REMEMBERED {
            self.0.pop_front();
        }
    }
}
