//! An invite rings whoever is there and waits for whoever is not.

use callbox_core::ids::{Address, CallId, Target, UserId};
use callbox_core::protocol::{EndReason, Envelope, Kind, Media, Message, ResultCode};

use super::effect::{Change, KeptInvite, MissedCall};
use super::kept::{Decision, Kept, deadline_after_restart};
use super::outbox::{Outbox, name};
use super::tenant::Tenant;
use super::{Now, SessionId};

impl Tenant {
    /// Rings, keeps and answers.
    pub(super) fn invite(&mut self, now: Now, session: SessionId, to: &Target, envelope: Envelope, out: &mut Outbox) {
        let Message::Invite { call, kind, remaining_ms, .. } = &envelope.message else { return };
        let (call, id) = (call.clone(), envelope.id.clone());
        let keepable = to.device.is_none() && (*kind == Kind::Single || self.settings.queue_group_invites);
        if *remaining_ms == 0 {
            let text = "`remaining_ms` is 0: the invite is over";
            return out.result(session, ResultCode::BadMessage, Some(&id), Some(&call), text);
        }
        if !self.may_exist(&to.user) {
            let text = format!("nobody here is called {}", to.user);
            return out.result(session, ResultCode::UnknownUser, Some(&id), Some(&call), text);
        }
        // Any member of a group call may invite to it, and once more: its devices know who is a member.
        if *kind == Kind::Single && self.is_settled(session, &envelope, &to.user, &call, out) {
            return;
        }
        if !self.budgets.may_ring(now, &envelope, &to.user) {
            let text = format!("too many invites to {} in a row: wait some seconds", to.user);
            return out.result(session, ResultCode::TooMany, Some(&id), Some(&call), text);
        }
        let receivers = self.receivers(session, to);
        let kept = keepable && self.keep(now, &to.user, &call, &envelope, out);
        let (code, text) = match (receivers.is_empty(), kept) {
            (false, _) => (ResultCode::Ok, String::new()),
            (true, true) => (ResultCode::Queued, format!("{} is not connected, the invite waits", name(to))),
            (true, false) => (ResultCode::Offline, format!("{} is not connected, the invite is not kept", name(to))),
        };
        if code == ResultCode::Offline && to.device.is_none() {
            self.note_missed_at_once(now, &to.user, &envelope, out);
        }
        for receiver in receivers {
            out.pass(receiver, envelope.clone());
        }
        out.result(session, code, Some(&id), Some(&call), text);
    }

    /// Whatever waits for the user of a device that has just logged in: invites with the time left, then missed calls.
    pub(super) fn deliver_waiting(&mut self, now: Now, session: SessionId, address: &Address, out: &mut Outbox) {
        for kept in self.kept.undecided(&address.user) {
            if kept.inviter == *address {
                continue;
            }
            if let Some(envelope) = kept.delivery(now) {
                out.pass(session, envelope);
            }
        }
        self.tell_missed(now, session, &address.user, |_| true, out);
    }

    /// A device that has been there all the time has shown that it is awake: it is told of the calls that it slept through.
    pub(super) fn tell_slept_through(&mut self, now: Now, session: SessionId, user: &UserId, out: &mut Outbox) {
        if !self.missed.has(user) {
            return;
        }
        // Until the deadline the answer of a device may still come.
        let of_user = self.kept.of_user(user);
        self.tell_missed(now, session, user, |call| !of_user.contains(call), out);
    }

    fn tell_missed(
        &mut self,
        now: Now,
        session: SessionId,
        user: &UserId,
        is_over: impl Fn(&CallId) -> bool,
        out: &mut Outbox,
    ) {
        let (missed, changes) = self.missed.tell(self.app, user, now.unix_ms, is_over);
        for (MissedCall { call, caller, media, .. }, ago_ms) in missed {
            out.say(session, Message::Missed { call, caller, media, ago_ms });
        }
        for change in changes {
            out.store(change);
        }
    }

    /// Whether a device of the callee answers an invite by this. Only then has the invite reached somebody: a socket that is open says
    /// nothing of the device behind it.
    pub(super) fn note_answer(&mut self, envelope: &Envelope, to: &Target, out: &mut Outbox) {
        let (
            Some(from),
            Message::Ringing { call, .. }
            | Message::Accept { call, .. }
            | Message::Reject { call, .. }
            | Message::Hangup { call, .. },
        ) = (&envelope.from, &envelope.message)
        else {
            return;
        };
        if matches!(envelope.message, Message::Accept { .. }) {
            self.budgets.accepted(&to.user, &from.user);
        }
        let Some(kept) = self.kept.find(&from.user, call) else { return };
        if kept.inviter.user != to.user || kept.inviter == *from || !self.kept.reached(&from.user, call) {
            return;
        }
        out.store(Change::Reached { app: self.app, user: from.user.clone(), call: call.clone() });
        // It was cancelled before the answer came: then it was noted already.
        if let Some(change) = self.missed.withdraw(self.app, &from.user, call) {
            out.store(change);
        }
    }

    /// Whether this message decides waiting invites; if so they ring nobody any more.
    pub(super) fn decide_by(&mut self, now: Now, envelope: &Envelope, to: &Target, out: &mut Outbox) -> bool {
        let Some(from) = &envelope.from else { return false };
        let mut decision = Decision::ByInviter;
        let (decided, call, missed) = match &envelope.message {
            Message::Cancel { call, reason, .. } if to.device.is_none() => {
                let rings = self.kept.find(&to.user, call).is_some_and(|kept| kept.inviter == *from);
                let users = if rings { vec![to.user.clone()] } else { Vec::new() };
                (users, call, !matches!(reason, EndReason::AnsweredElsewhere | EndReason::RejectedElsewhere))
            }
            Message::Confirm { call } => (self.confirmed(from, call, &to.user), call, false),
            Message::Reject { call, reason: EndReason::Rejected } => {
                let rings = self.kept.find(&from.user, call).is_some_and(|kept| kept.inviter.user == to.user);
                decision = Decision::RejectedBy(from.clone());
                (if rings { vec![from.user.clone()] } else { Vec::new() }, call, false)
            }
            _ => return false,
        };
        for user in &decided {
            if let Some(kept) = self.kept.decide(user, call, decision.clone()) {
                out.store(Change::Forget { app: self.app, user: user.clone(), call: call.clone() });
                if missed {
                    self.note_missed(now, user, &kept, out);
                }
            }
        }
        !decided.is_empty()
    }

    /// Ends the waiting of whatever has expired.
    pub(super) fn expire(&mut self, now: Now, out: &mut Outbox) {
        for (user, call, kept) in self.kept.expire(now) {
            if kept.decided.is_none() {
                out.store(Change::Forget { app: self.app, user: user.clone(), call });
                self.note_missed(now, &user, &kept, out);
            }
        }
    }

    /// Takes back an invite that outlived a restart.
    pub(super) fn restore(&mut self, now: Now, invite: KeptInvite) {
        let KeptInvite { user, envelope, sent_unix_ms, reached, .. } = invite;
        let (Message::Invite { call, remaining_ms, .. }, Some(inviter)) = (&envelope.message, &envelope.from) else {
            return;
        };
        let (call, inviter) = (call.clone(), inviter.clone());
        let deadline = deadline_after_restart(sent_unix_ms, *remaining_ms, now);
        self.kept.put(user, call, Kept { envelope, inviter, deadline, sent_unix_ms, reached, decided: None });
    }

    /// Whether this invite may not ring: its call is somebody else's, or decided. The sender has been told then.
    fn is_settled(
        &self,
        session: SessionId,
        invite: &Envelope,
        user: &UserId,
        call: &CallId,
        out: &mut Outbox,
    ) -> bool {
        let Some(known) = self.kept.find(user, call) else { return false };
        let refuse = |out: &mut Outbox, text| {
            out.result(session, ResultCode::Forbidden, Some(&invite.id), Some(call), text);
            true
        };
        if invite.from.as_ref() != Some(&known.inviter) {
            return refuse(out, "this call id is another inviter's: choose a new one");
        }
        match &known.decided {
            None => false,
            Some(Decision::ByInviter) => refuse(out, "you have decided this call: it does not ring again"),
            // The inviter was away when the callee declined, and has not heard of it.
            Some(Decision::RejectedBy(device)) => {
                let reject = Message::Reject { call: call.clone(), reason: EndReason::Rejected };
                out.say_for(session, device.clone(), known.inviter.clone(), reject);
                out.result(session, ResultCode::Ok, Some(&invite.id), Some(call), "");
                true
            }
        }
    }

    /// Keeps an undecided invite. A repeated one keeps its first deadline.
    fn keep(&mut self, now: Now, user: &UserId, call: &CallId, envelope: &Envelope, out: &mut Outbox) -> bool {
        if self.kept.find(user, call).is_some() {
            return true;
        }
        let Some(kept) = Kept::undecided(now, envelope) else { return false };
        let Some(victims) = self.kept.make_room(user, &kept.inviter.user) else { return false };
        for (user, call) in victims {
            out.store(Change::Forget { app: self.app, user, call });
        }
        self.kept.put(user.clone(), call.clone(), kept);
        out.store(Change::Keep(KeptInvite {
            app: self.app,
            user: user.clone(),
            envelope: envelope.clone(),
            sent_unix_ms: now.unix_ms,
            reached: false,
        }));
        true
    }

    /// Whom the inviter's `confirm` silences: with `single` everybody who was rung, with `group` only the one confirmed.
    fn confirmed(&self, inviter: &Address, call: &CallId, user: &UserId) -> Vec<UserId> {
        let mut rung = self.kept.rung_by(inviter, call);
        rung.retain(|rung| {
            rung == user || self.kept.find(rung, call).is_some_and(|kept| of_kind(&kept.envelope, Kind::Single))
        });
        rung
    }

    /// Nobody keeps this invite for a user who is not there: it is missed as it is sent.
    fn note_missed_at_once(&mut self, now: Now, user: &UserId, envelope: &Envelope, out: &mut Outbox) {
        if let Some(kept) = Kept::undecided(now, envelope) {
            self.note_missed(now, user, &kept, out);
        }
    }

    /// Nothing is noted for a name that nobody has ever logged in with: such names are invented without end.
    fn note_missed(&mut self, now: Now, user: &UserId, kept: &Kept, out: &mut Outbox) {
        let (false, true, Some((call, media))) = (kept.reached, self.is_known(user), facts(&kept.envelope)) else {
            return;
        };
        let (caller, sent_unix_ms) = (kept.inviter.clone(), kept.sent_unix_ms);
        let missed = MissedCall { app: self.app, user: user.clone(), call, caller, media, sent_unix_ms };
        for change in self.missed.note(now, missed) {
            out.store(change);
        }
    }
}

fn of_kind(envelope: &Envelope, wanted: Kind) -> bool {
    matches!(&envelope.message, Message::Invite { kind, .. } if *kind == wanted)
}

fn facts(envelope: &Envelope) -> Option<(CallId, Media)> {
    match &envelope.message {
        Message::Invite { call, media, .. } => Some((call.clone(), *media)),
        _ => None,
    }
}
