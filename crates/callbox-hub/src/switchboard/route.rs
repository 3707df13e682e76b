//! A message finds its receiver.

use callbox_core::ids::{Address, CallId, EnvelopeId, Target};
use callbox_core::protocol::{Envelope, Message, ResultCode};

use super::outbox::{Outbox, name};
use super::pairs::ends;
use super::tenant::Tenant;
use super::{Answer, Foreign, Frame, Now, SessionId, Sorted, sort};

impl Tenant {
    /// A device said something.
    pub(super) fn hear(&mut self, now: Now, session: SessionId, frame: Frame, out: &mut Outbox) {
        let Some(from) = self.sessions.get(&session).map(|session| session.address.clone()) else { return };
        let user = from.user.clone();
        match sort(&from, frame) {
            Sorted::Nothing => {}
            Sorted::Ping => out.say(session, Message::Pong {}),
            Sorted::Watch(id, users) => self.watch(session, &id, &users, out),
            Sorted::List(id, query) => self.list(session, id, &query, out),
            Sorted::Peer(to, envelope) => self.route(now, session, &to, envelope, out),
            Sorted::Foreign(foreign) => self.route_foreign(now, session, &from, &foreign, out),
            Sorted::Refused(answers) => {
                for Answer { from: stead, message } in answers {
                    match stead {
                        Some(stead) => out.say_for(session, stead, from.clone(), message),
                        None => out.say(session, message),
                    }
                }
            }
        }
        self.tell_slept_through(now, session, &user, out);
    }

    fn route(&mut self, now: Now, session: SessionId, to: &Target, envelope: Envelope, out: &mut Outbox) {
        if matches!(envelope.message, Message::Invite { .. }) {
            return self.invite(now, session, to, envelope, out);
        }
        self.note_answer(&envelope, to, out);
        let decided = self.decide_by(now, &envelope, to, out);
        let receivers = self.receivers(session, to);
        if receivers.is_empty() {
            return self.nobody_there(now, session, to, envelope, decided, out);
        }
        let size = envelope.encode().len();
        let ends = ends(&envelope.message);
        let (served, refused): (Vec<_>, Vec<_>) = receivers
            .into_iter()
            .partition(|receiver| self.budgets.may_send(now, &envelope.from, *receiver, size, ends));
        for receiver in served {
            out.pass(receiver, envelope.clone());
        }
        if !refused.is_empty() && !matches!(envelope.message, Message::Result { .. }) {
            self.refuse_excess(session, to, &envelope.id, envelope.message.call(), out);
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
            .map(|device| Address { user: to.user.clone(), device })
            .filter(|device| self.may_be_back(now, device));
        let held = device.is_some_and(|device| self.held.hold(now, device, envelope));
        let (code, text) =
            if held { (ResultCode::Queued, "waits 10 s for it") } else { (ResultCode::Offline, "not kept") };
        out.result(session, code, Some(&id), call.as_ref(), format!("{} is not connected: {text}", name(to)));
    }

    /// The sender has used up what it may say to one receiver: the receiver is spared, the sender told.
    fn refuse_excess(&self, session: SessionId, to: &Target, id: &EnvelopeId, call: Option<&CallId>, out: &mut Outbox) {
        let text = format!("too much at once for {}: not passed on, wait some seconds", name(to));
        out.result(session, ResultCode::TooMany, Some(id), call, text);
    }

    fn route_foreign(&mut self, now: Now, session: SessionId, from: &Address, foreign: &Foreign, out: &mut Outbox) {
        let receivers = self.receivers(session, &foreign.to);
        if receivers.is_empty() {
            let text = format!("{} is not connected", name(&foreign.to));
            return out.result(session, ResultCode::Offline, Some(&foreign.id), None, text);
        }
        let (size, sender) = (foreign.stamped(from).len(), Some(from.clone()));
        let (served, refused): (Vec<_>, Vec<_>) =
            receivers.into_iter().partition(|receiver| self.budgets.may_send(now, &sender, *receiver, size, false));
        for receiver in served {
            out.pass_foreign(receiver, foreign, from);
        }
        if !refused.is_empty() {
            self.refuse_excess(session, &foreign.to, &foreign.id, None, out);
        }
    }

    /// Whom a message goes to: never back to its sender.
    pub(super) fn receivers(&self, sender: SessionId, to: &Target) -> Vec<SessionId> {
        let mut receivers = self.reachable(&to.user, to.device.as_ref());
        receivers.retain(|receiver| *receiver != sender);
        receivers
    }
}
