//! The session of one device at a gateway, pure: frames of the device and events of the broker in, effects out. It has no socket, no
//! broker connection and no clock. `presence.rs` answers the device about who is there.

mod presence;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use callbox_core::client::{Outbox, Presence};
use callbox_core::ids::{Address, CallId, EnvelopeId, IdSource, Target, UserId};
use callbox_core::protocol::{DecodeError, Envelope, Message, ResultCode};
use callbox_mqtt::{Event, Opened, Outcome};

use super::asked::{Asked, Invite};
use super::results::Results;
use super::watching::{Focus, Settling, Watching};
use crate::switchboard::{Answer, Budgets, Foreign, Frame, INVITES, Sorted, Spending, ends, sort};

/// One thing to do, in order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Effect {
    /// Tell the device.
    Say(String),
    /// Ask the broker for the presence of exactly these; [`DeviceSession::watching`] hears when it has taken that in.
    Watch(Focus),
    /// Pass on a message of a newer version; [`DeviceSession::not_passed`] hears when that cannot be.
    Pass(Foreign),
}

/// The session of one device.
pub(super) struct DeviceSession {
    me: Address,
    /// Who can be called; empty: any name can.
    users: Arc<BTreeSet<UserId>>,
    ids: IdSource,
    outbox: Outbox,
    presence: Presence,
    watching: Watching,
    settling: Settling,
    /// What the broker was asked for on this connection; none while there is none.
    focus: Option<Focus>,
    asked: Asked,
    /// Results on their way to a peer.
    results: Results,
    /// What the device may say to one user …
    invites: Budgets<UserId>,
    said: Spending<UserId>,
    /// … and what one user may say to the device.
    heard: Spending<UserId>,
    effects: VecDeque<Effect>,
}

impl DeviceSession {
    pub(super) fn new(me: Address, users: Arc<BTreeSet<UserId>>, ids: IdSource) -> Self {
        Self {
            me,
            users,
            ids,
            outbox: Outbox::default(),
            presence: Presence::default(),
            watching: Watching::default(),
            settling: Settling::default(),
            focus: None,
            asked: Asked::default(),
            results: Results::default(),
            invites: Budgets::new(INVITES),
            said: Spending::default(),
            heard: Spending::default(),
            effects: VecDeque::new(),
        }
    }

    /// The device said something.
    pub(super) fn heard(&mut self, now: Instant, frame: Frame) {
        match sort(&self.me, frame) {
            Sorted::Nothing => {}
            Sorted::Ping => self.say(Message::Pong {}),
            Sorted::Watch(id, users) => self.watch(now, id, &users),
            Sorted::List(id, query) => self.list(id, &query),
            Sorted::Peer(to, envelope) if matches!(envelope.message, Message::Invite { .. }) => {
                self.invite(now, to, envelope);
            }
            Sorted::Peer(to, envelope) => {
                if !self.said.may_send(now, &to.user, envelope.encode().len(), ends(&envelope.message)) {
                    return self.too_much(&to.user, &envelope.id, envelope.message.call());
                }
                if matches!(envelope.message, Message::Result { .. }) {
                    self.results.insert(now, envelope.id.clone());
                }
                self.put(now, envelope);
            }
            Sorted::Foreign(foreign)
                if !self.said.may_send(now, &foreign.to.user, foreign.stamped(&self.me).len(), false) =>
            {
                self.too_much(&foreign.to.user, &foreign.id, None);
            }
            Sorted::Foreign(foreign) => self.effects.push_back(Effect::Pass(foreign)),
            Sorted::Refused(answers) => answers.into_iter().for_each(|answer| self.refuse(answer)),
        }
        self.settle(now);
    }

    /// Something happened at the broker.
    pub(super) fn event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Trying(_) => {}
            Event::Up => {
                self.presence.login(now);
                self.focus = Some(Focus::Users(BTreeSet::new()));
                self.refocus();
            }
            Event::Heard(Opened { from, to, id, message }) => {
                if matches!(message, Message::Accept { .. }) {
                    // A ring that was accepted costs nothing.
                    self.invites.give_back(&from.user, 1);
                }
                let (user, ends) = (from.user.clone(), ends(&message));
                let text = Envelope { id, from: Some(from), to: Some(to), message }.encode();
                // Not every sender sits behind a hub that holds it back.
                if self.heard.may_send(now, &user, text.len(), ends) {
                    self.effects.push_back(Effect::Say(text));
                } else {
                    tracing::debug!(%user, "too much at once from one sender: not passed on");
                }
            }
            Event::NotUnderstood { error, payload } => self.not_understood(now, error, &payload),
            Event::Presence { user, device, online } => {
                self.settling.told(now);
                let changes = self.presence.told(user, Some(device), online);
                self.changed(changes);
                self.stay_bounded();
            }
            Event::Watching => self.settling.taken_in(now),
            Event::Acknowledged { id, call, outcome } => self.acknowledged(&id, call.as_ref(), outcome),
        }
        self.settle(now);
    }

    /// The broker needs not to be waited for: it was asked for all of it already.
    pub(super) fn watching(&mut self, now: Instant) {
        self.settling.taken_in(now);
        self.settle(now);
    }

    /// A message of a newer version cannot be handed out now.
    pub(super) fn not_passed(&mut self, foreign: &Foreign) {
        let text = "the broker cannot be reached, or has too much to do: not kept";
        self.result(ResultCode::Offline, &foreign.id, None, text);
    }

    /// The broker is gone. The device is not told: what it says is kept, and what is for it waits at the broker.
    pub(super) fn down(&mut self) {
        self.outbox.went_down();
        self.settling.reset();
        self.focus = None;
        self.results.clear();
    }

    /// Time passed.
    pub(super) fn tick(&mut self, now: Instant) {
        let gone = self.presence.settle(now);
        self.changed(gone);
        self.results.expire(now);
        self.settle(now);
    }

    /// When `tick` has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let own = [self.settling.deadline(), self.presence.deadline(), self.asked.deadline(), self.results.deadline()];
        own.into_iter().flatten().min()
    }

    /// The next thing to do.
    pub(super) fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// The next message for the broker.
    pub(super) fn next_envelope(&mut self, now: Instant) -> Option<Envelope> {
        self.outbox.next(now)
    }

    fn invite(&mut self, now: Instant, to: Target, envelope: Envelope) {
        let Message::Invite { call, kind, remaining_ms, .. } = &envelope.message else { return };
        let (id, call, kind, remaining_ms) = (envelope.id.clone(), call.clone(), *kind, *remaining_ms);
        if remaining_ms == 0 {
            let text = "`remaining_ms` is 0: the invite is over";
            return self.result(ResultCode::BadMessage, &id, Some(&call), text);
        }
        if !self.users.is_empty() && !self.users.contains(&to.user) {
            let text = format!("nobody here is called {}", to.user);
            return self.result(ResultCode::UnknownUser, &id, Some(&call), text);
        }
        if !self.invites.take(now, to.user.clone(), 1, 0) {
            let text = format!("too many invites to {} in a row: wait some seconds", to.user);
            return self.result(ResultCode::TooMany, &id, Some(&call), text);
        }
        let until = now + Duration::from_millis(remaining_ms.into());
        match self.asked.put(Invite { id, call, to, kind, until, taken: false }) {
            Ok(None) => {}
            Ok(Some(older)) => self.result(ResultCode::Ok, &older.id, Some(&older.call), "invited again"),
            Err(Invite { id, call, .. }) => {
                return self.result(ResultCode::Offline, &id, Some(&call), "too many invites wait: not kept");
            }
        }
        self.refocus();
        self.put(now, envelope);
    }

    fn acknowledged(&mut self, id: &EnvelopeId, call: Option<&CallId>, outcome: Outcome) {
        self.outbox.arrived(id);
        match outcome.result() {
            None if self.asked.taken(id) => {}
            None => {
                self.results.remove(id);
            }
            Some((code, text)) => {
                drop(self.asked.take(id));
                if !self.results.remove(id) {
                    self.result(code, id, call, text);
                }
                self.refocus();
            }
        }
    }

    fn not_understood(&mut self, now: Instant, error: DecodeError, payload: &[u8]) {
        match error {
            // A newer device may speak with a newer page through an older hub.
            DecodeError::UnknownType { .. } => match std::str::from_utf8(payload) {
                Ok(text) => self.effects.push_back(Effect::Say(text.to_owned())),
                Err(error) => tracing::debug!(%error, "message of an unknown type that is no text: ignored"),
            },
            error => {
                tracing::debug!(%error, "message not understood");
                if let Some((to, message)) = error.answer() {
                    let envelope = Envelope { id: self.ids.envelope(), from: None, to: Some(to), message };
                    if matches!(envelope.message, Message::Result { .. }) {
                        self.results.insert(now, envelope.id.clone());
                    }
                    self.put(now, envelope);
                }
            }
        }
    }

    /// Keeps a message for the broker.
    fn put(&mut self, now: Instant, envelope: Envelope) {
        if let Some(lost) = self.outbox.push(now, envelope) {
            drop(self.asked.take(&lost.id));
            if !self.results.remove(&lost.id) {
                self.result(ResultCode::Offline, &lost.id, lost.message.call(), "too much waits already: not kept");
            }
        }
    }

    /// Answers what can be answered by now.
    fn settle(&mut self, now: Instant) {
        let all_known = self.settling.settle(now) && self.focus.is_some();
        if all_known && self.watching.due.is_some() {
            self.tell_state();
        }
        let presence = &self.presence;
        let is_there = |to: &Target| is_there(presence, to);
        let answered =
            self.asked.answerable(|invite| now >= invite.until || invite.taken && (all_known || is_there(&invite.to)));
        let verdicts: Vec<_> = answered
            .into_iter()
            .map(|invite| {
                let verdict = match invite.taken {
                    true => invite.verdict(is_there(&invite.to)),
                    false => (ResultCode::Offline, "the broker could not be reached in time"),
                };
                (invite, verdict)
            })
            .collect();
        if verdicts.is_empty() {
            return;
        }
        for (Invite { id, call, .. }, (code, text)) in verdicts {
            self.result(code, &id, Some(&call), text);
        }
        self.refocus();
    }

    fn too_much(&mut self, user: &UserId, id: &EnvelopeId, call: Option<&CallId>) {
        let text = format!("too much at once for {user}: not passed on, wait some seconds");
        self.result(ResultCode::TooMany, id, call, text);
    }

    fn refuse(&mut self, answer: Answer) {
        let to = answer.from.is_some().then(|| self.me.clone().into());
        let envelope = Envelope { id: self.ids.envelope(), from: answer.from, to, message: answer.message };
        self.tell(&envelope);
    }

    fn result(&mut self, code: ResultCode, re: &EnvelopeId, call: Option<&CallId>, text: impl Into<String>) {
        self.say(Message::Result { re: Some(re.clone()), code, call: call.cloned(), text: text.into() });
    }

    /// Something the hub itself says.
    fn say(&mut self, message: Message) {
        let envelope = Envelope { id: self.ids.envelope(), from: None, to: None, message };
        self.tell(&envelope);
    }

    fn tell(&mut self, envelope: &Envelope) {
        self.effects.push_back(Effect::Say(envelope.encode()));
    }
}

fn is_there(presence: &Presence, to: &Target) -> bool {
    let mut devices = presence.devices(&to.user);
    match &to.device {
        Some(device) => devices.any(|there| there == device),
        None => devices.next().is_some(),
    }
}
