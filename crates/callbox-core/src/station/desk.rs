//! What stays when calls come and go: who we are, the policy, the outbox and the memory of decided calls.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::State;
use super::budgets::Budgets;
use super::call::Call;
use super::decided::Decided;
use super::door::{Door, FarDoors};
use super::effect::{CallRecord, Direction, Effect, MediaOrder, PartyRecord, Timing, Tone};
use super::idle::Idle;
use super::joinable::Joinables;
use super::policy::{LocalTime, Policy, Quiet};
use super::view::Ended;
use crate::ids::{Address, CallId, IdSource, Target};
use crate::protocol::{Agent, EndReason, Message};

/// Each user may ring us this often at once without being answered, and once more in each …: a ring costs links, messages and a place.
const RINGS: (u32, Duration) = (10, Duration::from_secs(3));
/// Each user gets so many answers to messages that are not of the current call; more than one user has devices.
const ANSWERS: (u32, Duration) = (40, Duration::from_secs(1));
/// So many invites of each user that did not ring here are written down.
const REFUSED_RECORDS: (u32, Duration) = (5, Duration::from_secs(600));

/// Effects that wait to be carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Outbox(VecDeque<Effect>);

impl Outbox {
    pub(super) fn take(&mut self) -> Option<Effect> {
        self.0.pop_front()
    }

    pub(super) fn push(&mut self, effect: Effect) {
        self.0.push_back(effect);
    }

    pub(super) fn send(&mut self, to: impl Into<Target>, message: Message) {
        self.push(Effect::Send { to: to.into(), message });
    }

    pub(super) fn media(&mut self, order: MediaOrder) {
        self.push(Effect::Media(order));
    }

    pub(super) fn tone(&mut self, tone: Tone) {
        self.media(MediaOrder::Tone(tone));
    }
}

/// Everything a state needs beside itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Desk {
    pub(super) me: Address,
    pub(super) agent: Agent,
    pub(super) policy: Policy,
    pub(super) ids: IdSource,
    pub(super) decided: Decided,
    pub(super) rings: Budgets,
    answers: Budgets,
    refused_records: Budgets,
    pub(super) quiet: Quiet,
    pub(super) door: Door,
    pub(super) far: FarDoors,
    /// A call has something to be carried by.
    pub(super) media_ready: bool,
    pub(super) joinable: Joinables,
    pub(super) last: Option<Ended>,
    pub(super) out: Outbox,
}

/// How a call ended, as the states tell the desk.
pub(super) struct End {
    pub(super) reason: EndReason,
    /// Who answered, when the reason is `answered_elsewhere`.
    pub(super) by: Option<Address>,
    /// Whom we talked with, and for how long.
    pub(super) talk: Option<(Address, Duration)>,
    /// Everybody who was in a group call.
    pub(super) parties: Vec<PartyRecord>,
}

impl From<EndReason> for End {
    fn from(reason: EndReason) -> Self {
        Self { reason, by: None, talk: None, parties: Vec::new() }
    }
}

impl Desk {
    pub(super) fn new(me: Address, agent: Agent, policy: Policy, seed: [u8; 32]) -> Self {
        let budgets = |(size, every)| Budgets::new(size, every);
        Self {
            me,
            agent,
            policy,
            ids: IdSource::new(seed),
            decided: Decided::default(),
            rings: budgets(RINGS),
            answers: budgets(ANSWERS),
            refused_records: budgets(REFUSED_RECORDS),
            quiet: Quiet::default(),
            door: Door::default(),
            far: FarDoors::default(),
            media_ready: true,
            joinable: Joinables::default(),
            last: None,
            out: Outbox::default(),
        }
    }

    /// A call begins to ring, here or there.
    pub(super) fn begin(&mut self, call: &Call) {
        self.door.begin_call();
        self.out.media(MediaOrder::Prepare { media: call.media });
        self.out.push(Effect::Watch(call.others(&self.me)));
        self.out.push(Effect::Show);
    }

    /// The call is over: silence, record, memory. Links must have been closed and peers told.
    pub(super) fn end(&mut self, now: Instant, call: Call, end: impl Into<End>) -> State {
        let End { reason, by, talk, parties } = end.into();
        self.leave_doors(now);
        self.out.tone(closing_tone(call.direction, reason));
        self.out.media(MediaOrder::Release);
        self.out.push(Effect::Watch(Vec::new()));
        self.remember(&call.id, reason, by.clone());
        let (peer, talked) = talk.map_or((None, Duration::ZERO), |(peer, talked)| (Some(peer), talked));
        self.out.push(Effect::Record(CallRecord {
            call: call.id,
            direction: call.direction,
            kind: call.kind,
            media: call.media,
            caller: call.caller,
            callees: call.callees,
            peer,
            answered_by: by,
            reason,
            lasted: now.saturating_duration_since(call.started),
            talked,
            timing: call.timing,
            parties,
            door: self.door.end_call(call.started),
        }));
        self.out.push(Effect::Show);
        State::Idle(Idle)
    }

    /// Declines an invite that comes while there is another call, or when it is quiet. The record shows who tried.
    pub(super) fn busy(&mut self, now: Instant, from: &Address, message: &Message) {
        self.decline(now, from, message, EndReason::Busy);
    }

    /// Declines an invite of somebody who may not ring us, or when nobody may. Says whether it did.
    pub(super) fn turns_away(&mut self, now: Instant, from: &Address, message: &Message) -> bool {
        let Message::Invite { call, .. } = message else { return false };
        if !self.policy.callers.may_ring(&from.user) {
            if self.policy.callers.silently {
                self.decided.ignore(from, call.clone());
                self.write_down(now, from, message, EndReason::Rejected);
            } else {
                self.decline(now, from, message, EndReason::Rejected);
            }
            return true;
        }
        let quiet = self.quiet.reason().is_some() && !self.policy.rings_always(&from.user);
        if quiet {
            self.busy(now, from, message);
        }
        quiet
    }

    /// Declines an invite of somebody who rings too often. No record: there would be one for each.
    pub(super) fn too_often(&mut self, now: Instant, from: &Address, call: &CallId) {
        if !self.answers.take(now, &from.user) {
            return;
        }
        let reason = EndReason::Busy;
        self.decided.decline(from, Ended { call: call.clone(), reason, by: None });
        self.out.send(from.clone(), Message::Reject { call: call.clone(), reason });
    }

    /// A press comes to nothing.
    pub(super) fn ignore(&mut self, why: &'static str) {
        self.out.push(Effect::Ignored(why));
    }

    /// Declines an invite that does not ring here. Who has used up their answers hears nothing and leaves no trace: the invite is
    /// judged anew if it comes again.
    pub(super) fn decline(&mut self, now: Instant, from: &Address, message: &Message, reason: EndReason) {
        let Message::Invite { call, .. } = message else { return };
        if !self.answers.take(now, &from.user) {
            return;
        }
        if self.decided.find(call).is_none() {
            self.decided.decline(from, Ended { call: call.clone(), reason, by: None });
            self.write_down(now, from, message, reason);
        }
        self.out.send(from.clone(), Message::Reject { call: call.clone(), reason });
    }

    /// The record of a call that never rang here. Nobody makes so many that they push those of others out.
    fn write_down(&mut self, now: Instant, from: &Address, message: &Message, reason: EndReason) {
        let Message::Invite { call, kind, media, callees, .. } = message else { return };
        if !self.refused_records.take(now, &from.user) {
            return;
        }
        self.out.push(Effect::Record(CallRecord {
            call: call.clone(),
            direction: Direction::Incoming,
            kind: *kind,
            media: *media,
            caller: from.clone(),
            callees: callees.clone(),
            peer: None,
            answered_by: None,
            reason,
            lasted: Duration::ZERO,
            talked: Duration::ZERO,
            timing: Timing::default(),
            parties: Vec::new(),
            door: Vec::new(),
        }));
    }

    /// The clock on the wall moved on.
    pub(super) fn clock(&mut self, time: LocalTime) {
        let was = self.quiet.clone();
        self.quiet.at(&self.policy.quiet, time);
        self.show_quiet(&was);
    }

    /// Somebody wants not to be disturbed, or to be.
    pub(super) fn do_not_disturb(&mut self, on: Option<bool>) {
        let was = self.quiet.clone();
        self.quiet.set(on);
        self.show_quiet(&was);
    }

    fn show_quiet(&mut self, was: &Quiet) {
        if self.quiet.reason() != was.reason() {
            self.out.push(Effect::Show);
        }
    }

    /// A message that is not of the current call: an invite is answered busy, the rest by the outcome of its call.
    pub(super) fn foreign(&mut self, now: Instant, from: &Address, message: Message) {
        let for_us = |callees: &[_]| callees.contains(&self.me.user) && from.user != self.me.user;
        match &message {
            Message::Invite { call, callees, .. } if self.decided.find(call).is_none() => {
                let known = self.decided.was_taken_back(call, from) || self.decided.is_ignored(call);
                if for_us(callees) && !known && !self.turns_away(now, from, &message) {
                    self.busy(now, from, &message);
                }
            }
            _ => self.answer(now, from, &message),
        }
    }

    /// Answers a message of a call that is not the current one. A cancel that overtook its invite is remembered.
    pub(super) fn answer(&mut self, now: Instant, from: &Address, message: &Message) {
        if let Message::Cancel { call, reason, .. } = message {
            if *reason == EndReason::Cancelled {
                self.joinable.over(call, from);
            }
            self.decided.take_back(call, from);
        }
        if let Some(answer) = self.decided.answer(message).filter(|_| self.answers.take(now, &from.user)) {
            self.out.send(from.clone(), answer);
        }
    }

    /// Remembers an outcome and shows it as the last call's.
    pub(super) fn remember(&mut self, call: &CallId, reason: EndReason, by: Option<Address>) {
        let ended = Ended { call: call.clone(), reason, by };
        self.decided.insert(ended.clone());
        self.last = Some(ended);
    }
}

/// The person who rang hears that it failed; the one who was rung hears silence.
fn closing_tone(direction: Direction, reason: EndReason) -> Tone {
    match (direction, reason) {
        (Direction::Incoming, _) | (Direction::Outgoing, EndReason::Hangup | EndReason::Cancelled) => Tone::Silence,
        (Direction::Outgoing, EndReason::AnsweredElsewhere) => Tone::Silence,
        (Direction::Outgoing, _) => Tone::Busy,
    }
}
