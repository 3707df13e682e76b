//! A message finds its receiver.

use callbox_core::ids::{Address, Target};
use callbox_core::protocol::{DecodeError, EndReason, Envelope, Message, ResultCode};

use super::outbox::{Outbox, name};
use super::tenant::Tenant;
use super::{Foreign, Frame, HUB_DEVICE, Now, SessionId};

impl Tenant {
    /// A device said something.
    pub(super) fn hear(&mut self, now: Now, session: SessionId, frame: Frame, out: &mut Outbox) {
        let Some(from) = self.sessions.get(&session).map(|session| session.address.clone()) else { return };
        match frame {
            Frame::Known(envelope) => self.hear_known(now, session, from, envelope, out),
            Frame::Foreign(foreign) => self.route_foreign(session, &from, &foreign, out),
            Frame::Unreadable(error) => refuse(session, &from, error, out),
        }
    }

    fn hear_known(&mut self, now: Now, session: SessionId, from: Address, envelope: Envelope, out: &mut Outbox) {
        let Envelope { id, to, message, .. } = envelope;
        match &message {
            Message::Ping {} => out.say(session, Message::Pong {}),
            Message::Pong {} => {}
            Message::Watch { users } => self.watch(session, &id, users, out),
            Message::Login { .. } => {
                out.result(session, ResultCode::BadMessage, Some(&id), None, "already logged in: open a new socket");
            }
            Message::Welcome { .. } | Message::Presence { .. } | Message::Missed { .. } | Message::Bye { .. } => {
                let text = format!("only the hub says `{}`", message.type_name());
                out.result(session, ResultCode::Forbidden, Some(&id), None, text);
            }
            Message::Invite { .. }
            | Message::Ringing { .. }
            | Message::Accept { .. }
            | Message::Confirm { .. }
            | Message::Reject { .. }
            | Message::Cancel { .. }
            | Message::Hangup { .. }
            | Message::Offer { .. }
            | Message::Answer { .. }
            | Message::Candidate { .. }
            | Message::Media { .. }
            | Message::Door { .. }
            | Message::Command { .. }
            | Message::Challenge { .. }
            | Message::Relink { .. }
            | Message::Result { .. } => {
                let Some(to) = to else {
                    let text = format!("`{}` needs `to`: {{\"user\":…}} or with \"device\"", message.type_name());
                    return out.result(session, ResultCode::BadMessage, Some(&id), message.call(), text);
                };
                let envelope = Envelope { id, from: Some(from), to: Some(to.clone()), message };
                self.route(now, session, &to, envelope, out);
            }
        }
    }

    fn route(&mut self, now: Now, session: SessionId, to: &Target, envelope: Envelope, out: &mut Outbox) {
        if matches!(envelope.message, Message::Invite { .. }) {
            return self.invite(now, session, to, envelope, out);
        }
        let decided = self.decide_by(&envelope, to, out);
        let receivers = self.receivers(session, to);
        if receivers.is_empty() {
            return self.nobody_there(now, session, to, envelope, decided, out);
        }
        for receiver in receivers {
            out.pass(receiver, envelope.clone());
        }
    }

    /// A device may be back in a moment; a user without devices is not waited for.
    fn nobody_there(
        &mut self,
        now: Now,
        session: SessionId,
        to: &Target,
        envelope: Envelope,
        decided: bool,
        out: &mut Outbox,
    ) {
        let (id, call) = (envelope.id.clone(), envelope.message.call().cloned());
        match envelope.message {
            // It reached what it was meant for: the invite that waits.
            Message::Cancel { .. } if decided => return,
            // Never answered by another one, or two parties would never stop.
            Message::Result { .. } => return,
            _ => {}
        }
        let itself = envelope.from.as_ref().is_some_and(|from| Target::from(from.clone()) == *to);
        // What is asked for now is not wanted any more in a while.
        let now_or_never = matches!(envelope.message, Message::Command { .. } | Message::Challenge { .. });
        let device = to
            .device
            .clone()
            .filter(|_| !itself && !now_or_never)
            .map(|device| Address { user: to.user.clone(), device });
        let held = device.is_some_and(|device| self.held.hold(now, device, envelope));
        let (code, text) =
            if held { (ResultCode::Queued, "waits 10 s for it") } else { (ResultCode::Offline, "not kept") };
        out.result(session, code, Some(&id), call.as_ref(), format!("{} is not connected: {text}", name(to)));
    }

    fn route_foreign(&self, session: SessionId, from: &Address, foreign: &Foreign, out: &mut Outbox) {
        let receivers = self.receivers(session, &foreign.to);
        if receivers.is_empty() {
            let text = format!("{} is not connected", name(&foreign.to));
            return out.result(session, ResultCode::Offline, Some(&foreign.id), None, text);
        }
        for receiver in receivers {
            out.pass_foreign(receiver, foreign, from);
        }
    }

    /// Whom a message goes to: never back to its sender.
    pub(super) fn receivers(&self, sender: SessionId, to: &Target) -> Vec<SessionId> {
        let mut receivers = self.reachable(&to.user, to.device.as_ref());
        receivers.retain(|receiver| *receiver != sender);
        receivers
    }
}

/// Tells the sender why its frame went nowhere.
fn refuse(session: SessionId, from: &Address, error: DecodeError, out: &mut Outbox) {
    let text = error.to_string();
    match error {
        DecodeError::UnknownType { .. } => {}
        DecodeError::TooLarge { .. } | DecodeError::NotAnEnvelope { .. } => {
            out.result(session, ResultCode::BadMessage, None, None, text);
        }
        DecodeError::BadFields { id, .. } => out.result(session, ResultCode::BadMessage, Some(&id), None, text),
        DecodeError::UnsupportedVersion { id, call, kind, to, .. } => {
            out.result(session, ResultCode::UnsupportedVersion, id.as_ref(), call.as_ref(), text);
            let ends_already = matches!(kind.as_str(), "reject" | "cancel" | "hangup");
            let (Some(call), Some(to), false) = (call, to, ends_already) else { return };
            let Ok(device) = HUB_DEVICE.parse() else { return };
            let hub = Address { user: to.user, device };
            out.say_for(session, hub, from.clone(), Message::Reject { call, reason: EndReason::UnsupportedVersion });
        }
    }
}
