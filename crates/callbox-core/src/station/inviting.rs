//! We ring somebody; nobody there has picked up yet. We are the arbiter: an accept counts when we confirm it.

use std::time::Instant;

use super::State;
use super::call::Call;
use super::desk::Desk;
use super::effect::{Effect, Tone};
use super::group::Group;
use super::input::{Action, Input, LinkEvent};
use super::invitations::{Answer, Invitations, told};
use super::peer_links::PeerLinks;
use super::plan::Plan;
use super::talking::Talking;
use super::view::{CallView, Ended};
use crate::ids::{Address, LinkId};
use crate::protocol::{Agent, EndReason, Kind, Message};

/// We ring somebody.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Inviting {
    pub(super) call: Call,
    pub(super) invitations: Invitations,
    /// Whom to ring when none of these answers.
    then: Option<Plan>,
}

impl Inviting {
    /// Sends the invite.
    pub(super) fn begin(now: Instant, call: Call, then: Option<Plan>, desk: &mut Desk) -> Self {
        desk.begin(&call);
        desk.out.tone(Tone::Silence);
        let invitations = Invitations::begin(now, &call, call.callees.clone(), true, desk);
        Self { call, invitations, then }
    }

    pub(super) fn on(mut self, now: Instant, input: Input, desk: &mut Desk) -> State {
        match input {
            Input::Heard { from, message } if message.call() == Some(&self.call.id) => {
                return self.heard(now, from, message, desk);
            }
            Input::Heard { from, message } => return self.heard_foreign(now, &from, message, desk),
            Input::Pressed(Action::Hangup | Action::Reject | Action::Toggle) => {
                return self.give_up(now, EndReason::Cancelled, desk);
            }
            Input::Pressed(action @ (Action::SetMicrophone(_) | Action::SetCamera(_))) => {
                if self.call.choose(&action) {
                    self.invitations.gate(&self.call, desk);
                    desk.out.push(Effect::Show);
                }
            }
            Input::InviteResult { call, user, code } if call == self.call.id => {
                if self.invitations.fared(&user, code) {
                    desk.out.push(Effect::Show);
                    return self.settle(now, desk);
                }
            }
            Input::Link { link, event } if link.call == self.call.id => return self.linked(now, &link, event, desk),
            Input::Presence { peer, online: true } => self.invitations.came(now, &self.call, &peer, desk),
            Input::SignalingUp => self.invitations.say_again(now, &self.call, desk),
            Input::Picture { call, jpeg } if call == self.call.id => self.invitations.pictured(&self.call, jpeg, desk),
            Input::Tick => return self.tick(now, desk),
            Input::Pressed(_) => desk.ignore("we ring somebody already"),
            Input::Link { .. }
            | Input::SignalingDown
            | Input::NetworkChanged
            | Input::Presence { .. }
            | Input::Picture { .. }
            | Input::InviteResult { .. }
            | Input::Door(_)
            | Input::LocalTime(_)
            | Input::MediaReady(_) => {}
        }
        State::Inviting(self)
    }

    pub(super) fn deadline(&self) -> Instant {
        self.invitations.deadline()
    }

    pub(super) fn view(&self, now: Instant) -> CallView {
        let ringing_devices = self.invitations.devices().count();
        CallView { ringing_devices, ..self.call.view(self.invitations.remaining(now)) }
    }

    fn heard(mut self, now: Instant, from: Address, message: Message, desk: &mut Desk) -> State {
        if !self.invitations.contains(&from.user) {
            return State::Inviting(self);
        }
        match message {
            Message::Accept { .. } if self.invitations.is_out(&from) => {
                self.invitations.tell_out(&self.call, &from, desk);
            }
            Message::Accept { agent, .. } => return self.confirm(now, from, agent, desk),
            message => {
                let answer = self.invitations.heard(now, &mut self.call, &from, message, desk);
                if answer == Answer::Refused {
                    return self.settle(now, desk);
                }
            }
        }
        State::Inviting(self)
    }

    /// The first accept wins, and everybody else is told who won. In a group the others ring on.
    fn confirm(mut self, now: Instant, winner: Address, agent: Agent, desk: &mut Desk) -> State {
        self.call.timing.accept_ms = Some(self.call.at(now));
        self.call.timing.confirm_ms = self.call.timing.accept_ms;
        if self.call.kind == Kind::Group {
            let group = Group::of_inviter(now, &self.call, self.invitations, desk);
            return State::Talking(Box::new(Talking::of_inviter(now, self.call, group, winner, agent, desk)));
        }
        let we_offer = self.call.we_offer(&desk.me, desk.agent, &winner, agent);
        let links = self.invitations.take(&winner);
        let links = links.unwrap_or_else(|| PeerLinks::new(&self.call, winner.clone(), we_offer));
        desk.out.send(winner.clone(), Message::Confirm { call: self.call.id.clone() });
        self.invitations.cancel(&self.call, EndReason::AnsweredElsewhere, Some(&winner), desk);
        State::Talking(Box::new(Talking::begin(now, self.call, links, desk)))
    }

    fn tick(self, now: Instant, desk: &mut Desk) -> State {
        if self.invitations.is_over(now) {
            let reason = if self.call.timing.ringing_ms.is_some() { EndReason::NoAnswer } else { EndReason::Offline };
            return self.give_up(now, reason, desk);
        }
        self.settle(now, desk)
    }

    /// The call ends when nobody is left who may answer.
    fn settle(mut self, now: Instant, desk: &mut Desk) -> State {
        match self.invitations.settle(now) {
            Some(reason) => self.give_up(now, reason, desk),
            None => State::Inviting(self),
        }
    }

    fn give_up(mut self, now: Instant, reason: EndReason, desk: &mut Desk) -> State {
        self.invitations.cancel(&self.call, told(reason), None, desk);
        let (then, media) = (self.then.take(), self.call.media);
        let kind = self.call.kind;
        let idle = desk.end(now, self.call, reason);
        // Whoever said no has answered; for all else there is somebody else to be asked.
        match (then, reason) {
            (
                Some(then),
                EndReason::NoAnswer
                | EndReason::Offline
                | EndReason::Busy
                | EndReason::UnsupportedVersion
                | EndReason::EndedByServer,
            ) => super::idle::ring(now, then, kind, media, desk),
            _ => idle,
        }
    }

    /// The door was opened: whoever still rings need not answer any more. Nobody is named, so that nobody takes it for a confirm.
    pub(super) fn let_in(self, now: Instant, desk: &mut Desk) -> State {
        self.give_up(now, EndReason::AnsweredElsewhere, desk)
    }

    fn linked(mut self, now: Instant, link: &LinkId, event: LinkEvent, desk: &mut Desk) -> State {
        match self.invitations.linked(now, &self.call, link, event, desk) {
            Answer::Unsafe => self.give_up(now, EndReason::MediaFailed, desk),
            Answer::Refused => self.settle(now, desk),
            Answer::None => State::Inviting(self),
        }
    }

    /// Glare: they ring us while we ring them. The smaller call id wins on both sides; any other invite is busy.
    fn heard_foreign(mut self, now: Instant, from: &Address, message: Message, desk: &mut Desk) -> State {
        let rung = self.invitations.is_open(&from.user);
        let Message::Invite { call: theirs, callees, .. } = &message else {
            desk.foreign(now, from, message);
            return State::Inviting(self);
        };
        if !rung || !callees.contains(&desk.me.user) || desk.decided.find(theirs).is_some() {
            desk.foreign(now, from, message);
            return State::Inviting(self);
        }
        if self.call.id < *theirs {
            let by = Some(desk.me.clone());
            let ended = Ended { call: theirs.clone(), reason: EndReason::AnsweredElsewhere, by };
            desk.decided.decline(from, ended);
            return State::Inviting(self);
        }
        let Some(mut ringing) = super::idle::incoming(now, from, &message, true, desk) else {
            return State::Inviting(self);
        };
        self.invitations.cancel(&self.call, EndReason::AnsweredElsewhere, Some(from), desk);
        desk.remember(&self.call.id, EndReason::AnsweredElsewhere, Some(from.clone()));
        ringing.call.microphone = self.call.microphone;
        ringing.call.camera &= self.call.camera;
        State::Accepting(ringing.pick_up(now, desk))
    }
}
