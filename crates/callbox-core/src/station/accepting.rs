//! We picked up and wait for the inviter's word. Nothing of ours is sent before it comes.

use std::time::{Duration, Instant};

use super::State;
use super::call::Call;
use super::desk::{Desk, End};
use super::input::{Action, Input, LinkEvent};
use super::peer_links::{News, PeerLinks};
use super::ringing::Ringing;
use super::talking::Talking;
use super::view::CallView;
use crate::ids::{Address, LinkId};
use crate::protocol::{EndReason, Message};

/// The accept is repeated this often until the inviter decides.
const REPEAT: Duration = Duration::from_secs(1);
/// The inviter is lost when it has said nothing for this long.
const GIVE_UP: Duration = Duration::from_secs(10);

/// We picked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Accepting {
    pub(super) call: Call,
    links: PeerLinks,
    repeat: Instant,
    give_up: Instant,
}

impl Accepting {
    /// Says accept for the first time.
    pub(super) fn begin(now: Instant, ringing: Ringing, desk: &mut Desk) -> Self {
        let Ringing { call, links, .. } = ringing;
        let accepting = Self { call, links, repeat: now + REPEAT, give_up: now + GIVE_UP };
        accepting.tell(desk);
        desk.out.push(super::Effect::Show);
        accepting
    }

    pub(super) fn on(mut self, now: Instant, input: Input, desk: &mut Desk) -> State {
        match input {
            Input::Heard { from, message } if message.call() == Some(&self.call.id) => {
                self.heard(now, &from, message, desk)
            }
            Input::Heard { from, message } => {
                desk.foreign(now, &from, message);
                State::Accepting(self)
            }
            // A second press of the one button is a nervous finger, not a wish to leave.
            Input::Pressed(Action::Hangup | Action::Reject) => self.leave(now, EndReason::Hangup, desk),
            Input::Pressed(action @ (Action::SetMicrophone(_) | Action::SetCamera(_))) => {
                if self.call.choose(&action) {
                    desk.out.push(super::Effect::Show);
                }
                State::Accepting(self)
            }
            Input::Link { link, event } if link.call == self.call.id => self.linked(now, &link, event, desk),
            Input::SignalingUp => {
                self.tell(desk);
                State::Accepting(self)
            }
            Input::Tick => self.tick(now, desk),
            Input::Pressed(_) => {
                desk.ignore("it was picked up already: the inviter's word is awaited");
                State::Accepting(self)
            }
            Input::Link { .. }
            | Input::SignalingDown
            | Input::NetworkChanged
            | Input::Presence { .. }
            | Input::Picture { .. }
            | Input::InviteResult { .. }
            | Input::Door(_)
            | Input::LocalTime(_)
            | Input::MediaReady(_) => State::Accepting(self),
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.repeat.min(self.give_up)
    }

    pub(super) fn view(&self, now: Instant) -> CallView {
        let view = self.call.view(self.give_up.saturating_duration_since(now));
        CallView { ringing_devices: 1, timing: self.links.timing(self.call.timing), ..view }
    }

    /// The door was opened, and that ends a call here.
    pub(super) fn let_in(self, now: Instant, desk: &mut Desk) -> State {
        self.leave(now, EndReason::Hangup, desk)
    }

    fn tell(&self, desk: &mut Desk) {
        let message = Message::Accept { call: self.call.id.clone(), agent: desk.agent };
        desk.out.send(self.call.caller.clone(), message);
    }

    fn heard(mut self, now: Instant, from: &Address, message: Message, desk: &mut Desk) -> State {
        if *from != self.call.caller {
            return State::Accepting(self);
        }
        match message {
            Message::Confirm { .. } => self.talk(now, desk),
            Message::Cancel { reason: EndReason::AnsweredElsewhere, by: Some(winner), .. } if winner == desk.me => {
                self.talk(now, desk)
            }
            Message::Cancel { reason, by, .. } => self.fall_silent(now, End { reason, by, talk: None }, desk),
            Message::Hangup { reason, .. } => self.fall_silent(now, reason.into(), desk),
            Message::Invite { .. } => {
                self.tell(desk);
                State::Accepting(self)
            }
            message @ (Message::Offer { .. } | Message::Answer { .. } | Message::Candidate { .. }) => {
                self.links.heard(now, message, &mut desk.out);
                State::Accepting(self)
            }
            _ => State::Accepting(self),
        }
    }

    fn talk(mut self, now: Instant, desk: &mut Desk) -> State {
        self.call.timing.confirm_ms = Some(self.call.at(now));
        State::Talking(Box::new(Talking::begin(now, self.call, self.links, desk)))
    }

    fn tick(mut self, now: Instant, desk: &mut Desk) -> State {
        if now >= self.give_up {
            return self.leave(now, EndReason::NetworkLost, desk);
        }
        if now >= self.repeat {
            self.repeat = now + REPEAT;
            self.tell(desk);
        }
        State::Accepting(self)
    }

    /// Ends it from our side, and says so: the inviter may have confirmed already.
    fn leave(self, now: Instant, reason: EndReason, desk: &mut Desk) -> State {
        desk.out.send(self.call.caller.clone(), Message::Hangup { call: self.call.id.clone(), reason });
        self.fall_silent(now, reason.into(), desk)
    }

    fn fall_silent(mut self, now: Instant, end: End, desk: &mut Desk) -> State {
        self.call.timing = self.links.timing(self.call.timing);
        self.links.close(&mut desk.out);
        desk.end(now, self.call, end)
    }

    fn linked(mut self, now: Instant, link: &LinkId, event: LinkEvent, desk: &mut Desk) -> State {
        if link.peer != *self.links.peer() {
            return State::Accepting(self);
        }
        match self.links.event(now, &self.call, link.number, event, &mut desk.out) {
            News::Unsafe | News::Refused => self.leave(now, EndReason::MediaFailed, desk),
            News::None | News::Path => State::Accepting(self),
        }
    }
}
