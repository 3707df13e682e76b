//! We picked up, or want to join, and wait for a word: of the inviter, in a group of any member. Nothing of ours is sent before it comes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::State;
use super::call::Call;
use super::desk::{Desk, End};
use super::effect::{Direction, Timing, Tone};
use super::input::{Action, Input, LinkEvent};
use super::joinable::Joinable;
use super::peer_links::{News, PeerLinks};
use super::ringing::Ringing;
use super::talking::Talking;
use super::view::CallView;
use crate::ids::{Address, LinkId};
use crate::protocol::{EndReason, Message, PictureSize};
use crate::roster::Roster;

/// The accept is repeated this often until the inviter decides.
const REPEAT: Duration = Duration::from_secs(1);
/// The inviter is lost when it has said nothing for this long.
const GIVE_UP: Duration = Duration::from_secs(10);

/// We picked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Accepting {
    pub(super) call: Call,
    /// Set up with the inviter while it rang; absent: we join.
    links: Option<PeerLinks>,
    /// Who takes part; absent: a single call.
    roster: Option<Roster>,
    /// Members that cannot let us in: they are out themselves.
    out: BTreeSet<Address>,
    repeat: Instant,
    give_up: Instant,
}

impl Accepting {
    /// Says accept for the first time.
    pub(super) fn begin(now: Instant, ringing: Ringing, desk: &mut Desk) -> Self {
        let Ringing { call, links, roster, .. } = ringing;
        Self::ask(now, call, Some(links), roster, desk)
    }

    /// Asks to be let in to a group call that runs.
    pub(super) fn join(now: Instant, joinable: Joinable, desk: &mut Desk) -> Self {
        let Joinable { call, roster, .. } = joinable;
        let call = Call {
            direction: if call.caller == desk.me { Direction::Outgoing } else { Direction::Incoming },
            started: now,
            timing: Timing { accept_ms: Some(0), ..Timing::default() },
            microphone: true,
            camera: call.has_video(),
            want: PictureSize::Full,
            moved: false,
            interrupted: false,
            ..call
        };
        desk.begin(&call);
        desk.out.tone(Tone::Silence);
        Self::ask(now, call, None, Some(roster), desk)
    }

    fn ask(now: Instant, call: Call, links: Option<PeerLinks>, roster: Option<Roster>, desk: &mut Desk) -> Self {
        let out = BTreeSet::new();
        let accepting = Self { call, links, roster, out, repeat: now + REPEAT, give_up: now + GIVE_UP };
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
        CallView { ringing_devices: 1, timing: self.timing(), ..view }
    }

    /// The door was opened, and that ends a call here.
    pub(super) fn let_in(self, now: Instant, desk: &mut Desk) -> State {
        self.leave(now, EndReason::Hangup, desk)
    }

    fn timing(&self) -> Timing {
        self.links.as_ref().map_or(self.call.timing, |links| links.timing(self.call.timing))
    }

    /// Who can let us in: the inviter, in a group every member that we know of.
    fn doors(&self, me: &Address) -> BTreeSet<Address> {
        let members = self.roster.iter().flat_map(Roster::doors).cloned();
        let mut doors: BTreeSet<Address> = members.chain([self.call.caller.clone()]).collect();
        doors.retain(|door| door != me && !self.out.contains(door));
        doors
    }

    fn tell(&self, desk: &mut Desk) {
        let (call, agent) = (self.call.id.clone(), desk.agent);
        let message = match self.links {
            Some(_) => Message::Accept { call, agent },
            None => Message::Join { call, agent },
        };
        for door in self.doors(&desk.me) {
            desk.out.send(door, message.clone());
        }
    }

    fn heard(mut self, now: Instant, from: &Address, message: Message, desk: &mut Desk) -> State {
        if self.roster.is_some() {
            return self.heard_in_group(now, from, message, desk);
        }
        if *from != self.call.caller {
            return State::Accepting(self);
        }
        match message {
            Message::Confirm { .. } => self.talk(now, desk),
            Message::Cancel { reason: EndReason::AnsweredElsewhere, by: Some(winner), .. } if winner == desk.me => {
                self.talk(now, desk)
            }
            Message::Cancel { reason, by, .. } => self.fall_silent(now, End { by, ..reason.into() }, desk),
            Message::Hangup { reason, .. } => self.fall_silent(now, reason.into(), desk),
            Message::Invite { .. } => {
                self.tell(desk);
                State::Accepting(self)
            }
            message @ (Message::Offer { .. } | Message::Answer { .. } | Message::Candidate { .. }) => {
                if let Some(links) = &mut self.links {
                    links.heard(now, message, &mut desk.out);
                }
                State::Accepting(self)
            }
            _ => State::Accepting(self),
        }
    }

    fn heard_in_group(mut self, now: Instant, from: &Address, message: Message, desk: &mut Desk) -> State {
        let Some(roster) = &mut self.roster else { return State::Accepting(self) };
        match message {
            Message::Roster { entries, .. } => {
                roster.hear(now, from, &entries);
            }
            // Its roster comes first; when that was lost, our next accept brings it again.
            Message::Confirm { .. } if roster.is_in(from) => return self.talk_in_group(now, desk),
            Message::Cancel { reason: EndReason::AnsweredElsewhere, by: Some(winner), .. } if winner == desk.me => {}
            Message::Cancel { reason, by, .. }
                if matches!(reason, EndReason::AnsweredElsewhere | EndReason::TooMany | EndReason::MediaFailed)
                    && roster.admits(&from.user) =>
            {
                return self.fall_silent(now, End { by, ..reason.into() }, desk);
            }
            Message::Cancel { reason, .. } | Message::Hangup { reason, .. } => {
                roster.out(now, from, reason);
                self.out.insert(from.clone());
                if self.doors(&desk.me).is_empty() {
                    return self.fall_silent(now, reason.into(), desk);
                }
            }
            Message::Invite { .. } if *from == self.call.caller => self.tell(desk),
            message @ (Message::Offer { .. } | Message::Answer { .. } | Message::Candidate { .. }) => {
                if let Some(links) = self.links.as_mut().filter(|links| links.peer() == from) {
                    links.heard(now, message, &mut desk.out);
                }
            }
            _ => {}
        }
        State::Accepting(self)
    }

    fn talk(mut self, now: Instant, desk: &mut Desk) -> State {
        self.call.timing.confirm_ms = Some(self.call.at(now));
        match self.links {
            Some(links) => State::Talking(Box::new(Talking::begin(now, self.call, links, desk))),
            None => State::Accepting(self),
        }
    }

    fn talk_in_group(mut self, now: Instant, desk: &mut Desk) -> State {
        let Some(roster) = self.roster.take() else { return State::Accepting(self) };
        self.call.timing.confirm_ms = Some(self.call.at(now));
        State::Talking(Box::new(Talking::of_guest(now, self.call, roster, self.links, desk)))
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

    /// Ends it from our side, and says so: somebody may have let us in already.
    fn leave(self, now: Instant, reason: EndReason, desk: &mut Desk) -> State {
        for door in self.doors(&desk.me) {
            desk.out.send(door, Message::Hangup { call: self.call.id.clone(), reason });
        }
        self.fall_silent(now, reason.into(), desk)
    }

    fn fall_silent(mut self, now: Instant, end: End, desk: &mut Desk) -> State {
        self.call.timing = self.timing();
        if let Some(links) = &mut self.links {
            links.close(&mut desk.out);
        }
        let runs_on = matches!(end.reason, EndReason::TooMany | EndReason::NetworkLost | EndReason::Hangup);
        if let Some(roster) = self.roster.take().filter(|_| runs_on) {
            desk.joinable.keep(now, &self.call, roster, now);
        }
        desk.end(now, self.call, end)
    }

    fn linked(mut self, now: Instant, link: &LinkId, event: LinkEvent, desk: &mut Desk) -> State {
        let Some(links) = self.links.as_mut().filter(|links| *links.peer() == link.peer) else {
            return State::Accepting(self);
        };
        match links.event(now, &self.call, link.number, event, &mut desk.out) {
            News::Unsafe | News::Refused => self.leave(now, EndReason::MediaFailed, desk),
            News::None | News::Path => State::Accepting(self),
        }
    }
}
