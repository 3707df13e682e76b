//! Where the switchboard puts what it wants done.

use std::collections::VecDeque;

use callbox_core::ids::{Address, CallId, EnvelopeId, IdSource, Target};
use callbox_core::protocol::{Bye, Envelope, Message, ResultCode};

use super::effect::{Change, Effect};
use super::{Foreign, SessionId};

/// Effects in order, and the ids of what the hub itself says.
#[derive(Debug)]
pub(super) struct Outbox {
    ids: IdSource,
    effects: VecDeque<Effect>,
}

impl Outbox {
    pub(super) fn new(ids: IdSource) -> Self {
        Self { ids, effects: VecDeque::new() }
    }

    pub(super) fn pop(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    pub(super) fn welcome(&mut self, session: SessionId, you: &Address) {
        self.effects.push_back(Effect::Welcome { session, you: you.clone() });
    }

    /// Something the hub itself says: no sender, no receiver.
    pub(super) fn say(&mut self, session: SessionId, message: Message) {
        let envelope = Envelope { id: self.ids.envelope(), from: None, to: None, message };
        self.effects.push_back(Effect::Deliver { session, envelope });
    }

    /// Something the hub says in a user's stead.
    pub(super) fn say_for(&mut self, session: SessionId, from: Address, to: Address, message: Message) {
        let envelope = Envelope { id: self.ids.envelope(), from: Some(from), to: Some(to.into()), message };
        self.effects.push_back(Effect::Deliver { session, envelope });
    }

    /// How a message fared.
    pub(super) fn result(
        &mut self,
        session: SessionId,
        code: ResultCode,
        re: Option<&EnvelopeId>,
        call: Option<&CallId>,
        text: impl Into<String>,
    ) {
        self.say(session, Message::Result { re: re.cloned(), code, call: call.cloned(), text: text.into() });
    }

    /// Passes on what a device said.
    pub(super) fn pass(&mut self, session: SessionId, envelope: Envelope) {
        self.effects.push_back(Effect::Deliver { session, envelope });
    }

    /// Passes on what a device said in words not known here.
    pub(super) fn pass_foreign(&mut self, session: SessionId, foreign: &Foreign, from: &Address) {
        let text = foreign.stamped(from);
        self.effects.push_back(Effect::Forward { session, text });
    }

    pub(super) fn close(&mut self, session: SessionId, reason: Bye, code: Option<u32>, text: impl Into<String>) {
        self.effects.push_back(Effect::Close { session, reason, code, text: text.into() });
    }

    pub(super) fn store(&mut self, change: Change) {
        self.effects.push_back(Effect::Store(change));
    }
}

/// The receiver, for a person.
pub(super) fn name(to: &Target) -> String {
    match &to.device {
        Some(device) => format!("{}/{device}", to.user),
        None => to.user.to_string(),
    }
}
