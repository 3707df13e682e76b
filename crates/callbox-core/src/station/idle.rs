//! No call. An invite rings; a press rings somebody.

use std::time::{Duration, Instant};

use super::State;
use super::accepting::Accepting;
use super::call::Call;
use super::desk::Desk;
use super::effect::{Direction, Timing};
use super::input::{Action, Input};
use super::inviting::Inviting;
use super::plan::Plan;
use super::ringing::Ringing;
use crate::ids::{Address, CallId, UserId};
use crate::protocol::{EndReason, Kind, MAX_CALLEES, Media, Message, PictureSize};

/// No call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Idle;

impl Idle {
    pub(super) fn on(self, now: Instant, input: Input, desk: &mut Desk) -> State {
        match input {
            Input::Pressed(Action::Call { users, media }) => ring(now, Plan::once(users), Kind::Single, media, desk),
            Input::Pressed(Action::CallInTurn { plan, media }) => ring(now, plan, Kind::Single, media, desk),
            Input::Pressed(Action::CallGroup { users, media }) => {
                ring(now, Plan::once(users), Kind::Group, media, desk)
            }
            Input::Pressed(Action::Join { call }) => self.join(now, call.as_ref(), desk),
            Input::Heard { from, message } => self.heard(now, from, message, desk),
            Input::Pressed(action) => {
                desk.ignore(match action {
                    Action::Accept | Action::Reject => "nobody rings",
                    _ => "there is no call",
                });
                State::Idle(self)
            }
            _ => State::Idle(self),
        }
    }

    fn join(self, now: Instant, call: Option<&CallId>, desk: &mut Desk) -> State {
        if !desk.media_ready {
            desk.ignore("media does not work");
            return State::Idle(self);
        }
        match desk.joinable.take(now, call) {
            Some(joinable) => State::Accepting(Accepting::join(now, joinable, desk)),
            None => {
                desk.ignore("no group call runs that this device missed or left");
                State::Idle(self)
            }
        }
    }

    fn heard(self, now: Instant, from: Address, message: Message, desk: &mut Desk) -> State {
        let news = matches!(&message, Message::Invite { call, .. } if desk.decided.find(call).is_none());
        match incoming(now, &from, &message, false, desk) {
            Some(ringing) => return State::Ringing(ringing),
            // All that there is to say to it has been said.
            None if news => {}
            None => desk.answer(now, &from, &message),
        }
        State::Idle(self)
    }
}

/// Rings the first of a plan who are somebody else than we, each of them once; idle when the plan names nobody, and without media.
pub(super) fn ring(now: Instant, plan: Plan, kind: Kind, media: Media, desk: &mut Desk) -> State {
    if !desk.media_ready {
        desk.ignore("media does not work");
        return State::Idle(Idle);
    }
    let (users, then) = plan.split();
    let mut callees: Vec<UserId> = Vec::new();
    for user in users {
        if user != desk.me.user && !callees.contains(&user) && callees.len() < MAX_CALLEES {
            callees.push(user);
        }
    }
    if callees.is_empty() {
        return match then {
            Some(then) => ring(now, then, kind, media, desk),
            None => {
                desk.ignore("nobody to call: name a user other than this one");
                State::Idle(Idle)
            }
        };
    }
    let call = Call {
        id: desk.ids.call(),
        direction: Direction::Outgoing,
        kind,
        media,
        caller: desk.me.clone(),
        callees,
        started: now,
        timing: Timing::default(),
        microphone: true,
        camera: media == Media::Video,
        want: PictureSize::Full,
        moved: false,
        interrupted: false,
    };
    State::Inviting(Inviting::begin(now, call, then, desk))
}

/// Takes up an invite that is new, meant for us and still has time: it rings from now on. `wanted`: of somebody whom we ring ourselves.
pub(super) fn incoming(
    now: Instant,
    from: &Address,
    message: &Message,
    wanted: bool,
    desk: &mut Desk,
) -> Option<Ringing> {
    let Message::Invite { call, kind, media, callees, remaining_ms, agent, early } = message else { return None };
    let ours = callees.contains(&desk.me.user) && from.user != desk.me.user;
    let asked = Duration::from_millis(u64::from(*remaining_ms));
    let anew = *kind == Kind::Group && desk.joinable.is_invited_anew(call, now + asked);
    let over = desk.decided.find(call).is_some() && !anew || desk.decided.was_taken_back(call, from);
    if !ours || *remaining_ms == 0 || over || desk.decided.is_ignored(call) {
        return None;
    }
    if !wanted && desk.turns_away(now, from, message) {
        return None;
    }
    if !wanted && !desk.rings.take(now, &from.user) {
        desk.too_often(now, from, call);
        return None;
    }
    if !desk.media_ready {
        desk.decline(now, from, message, EndReason::MediaFailed);
        return None;
    }
    let call = Call {
        id: call.clone(),
        direction: Direction::Incoming,
        kind: *kind,
        media: *media,
        caller: from.clone(),
        callees: callees.clone(),
        started: now,
        timing: Timing { ringing_ms: Some(0), ..Timing::default() },
        microphone: true,
        camera: *media == Media::Video,
        want: PictureSize::Full,
        moved: false,
        interrupted: false,
    };
    let until = now + desk.policy.callers.longest_ring.map_or(asked, |longest| longest.min(asked));
    let early = desk.policy.early_with(&from.user).min(*early);
    Some(Ringing::begin(now, call, until, *agent, early, desk))
}
