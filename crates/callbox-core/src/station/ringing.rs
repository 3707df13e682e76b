//! Someone rings us; nobody here has picked up yet.

use std::time::{Duration, Instant};

use super::State;
use super::accepting::Accepting;
use super::call::Call;
use super::desk::{Desk, End};
use super::effect::{Flow, Tone};
use super::input::{Action, Input, LinkEvent};
use super::peer_links::{News, PeerLinks};
use super::plan::Plan;
use super::view::CallView;
use crate::ids::{Address, LinkId};
use crate::protocol::{Agent, EarlyMedia, EndReason, Kind, Media, Message};
use crate::roster::Roster;

/// Someone rings us.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ringing {
    pub(super) call: Call,
    /// Our own timer, which is authoritative for this device.
    until: Instant,
    /// When it is picked up without anybody's doing.
    answer: Option<Instant>,
    early: EarlyMedia,
    pub(super) links: PeerLinks,
    /// Who takes part, as far as members told us; absent: a single call.
    pub(super) roster: Option<Roster>,
    /// A later invite of the same device: it rings as soon as its inviter says that this call is over.
    next: Option<Next>,
}

/// An invite that waits for the current one to end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Next {
    invite: Message,
    until: Instant,
}

impl Ringing {
    /// Starts to ring and, if both sides want it, to connect.
    pub(super) fn begin(
        now: Instant,
        call: Call,
        until: Instant,
        inviter: Agent,
        early: EarlyMedia,
        desk: &mut Desk,
    ) -> Self {
        desk.begin(&call);
        let auto = desk.policy.auto_answer.as_ref().and_then(|auto| auto.delay_for(&call.caller.user));
        desk.out.tone(if auto.is_some() { Tone::Warning } else { Tone::Ring });
        let we_offer = call.we_offer(&desk.me, desk.agent, &call.caller, inviter);
        let mut links = PeerLinks::new(&call, call.caller.clone(), we_offer);
        let preview = early == EarlyMedia::Preview && call.has_video();
        links.gate(Flow { play_video: preview, ..Flow::default() }, &mut desk.out);
        let answer = auto.map(|delay| now + delay);
        let is_group = call.kind == Kind::Group;
        let roster = is_group.then(|| Roster::guest(desk.me.clone(), desk.agent, [call.caller.user.clone()]));
        let mut ringing = Self { call, until, answer, early, links, roster, next: None };
        ringing.tell(desk);
        if early != EarlyMedia::Off {
            ringing.links.offer_next(&mut desk.out);
        }
        ringing
    }

    pub(super) fn on(mut self, now: Instant, input: Input, desk: &mut Desk) -> State {
        match input {
            Input::Heard { from, message } if message.call() == Some(&self.call.id) => {
                self.heard(now, &from, message, desk)
            }
            Input::Heard { from, message } => self.heard_foreign(now, &from, message, desk),
            Input::Pressed(Action::Accept | Action::Toggle) => State::Accepting(self.pick_up(now, desk)),
            Input::Pressed(Action::Reject | Action::Hangup) => self.refuse(now, EndReason::Rejected, desk),
            Input::Pressed(action @ (Action::SetMicrophone(_) | Action::SetCamera(_))) => {
                if self.call.choose(&action) {
                    desk.out.push(super::Effect::Show);
                }
                State::Ringing(self)
            }
            Input::Pressed(Action::Call { users, media }) => {
                self.outrun(now, Plan::once(users), Kind::Single, media, desk)
            }
            Input::Pressed(Action::CallInTurn { plan, media }) => self.outrun(now, plan, Kind::Single, media, desk),
            Input::Pressed(Action::CallGroup { users, media }) => {
                self.outrun(now, Plan::once(users), Kind::Group, media, desk)
            }
            Input::Link { link, event } if link.call == self.call.id => self.linked(now, &link, event, desk),
            Input::SignalingUp => {
                self.tell(desk);
                State::Ringing(self)
            }
            Input::Tick if self.answer.is_some_and(|answer| now >= answer) => State::Accepting(self.pick_up(now, desk)),
            Input::Tick if now >= self.until => self.refuse(now, EndReason::NoAnswer, desk),
            Input::Pressed(_) => {
                desk.ignore("it rings: accept or decline");
                State::Ringing(self)
            }
            Input::Tick
            | Input::Link { .. }
            | Input::SignalingDown
            | Input::NetworkChanged
            | Input::Presence { .. }
            | Input::Picture { .. }
            | Input::InviteResult { .. }
            | Input::Door(_)
            | Input::LocalTime(_)
            | Input::MediaReady(_) => State::Ringing(self),
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.answer.map_or(self.until, |answer| answer.min(self.until))
    }

    pub(super) fn view(&self, now: Instant) -> CallView {
        let view = self.call.view(self.until.saturating_duration_since(now));
        CallView { ringing_devices: 1, timing: self.links.timing(self.call.timing), ..view }
    }

    /// Picks up: our accept counts when the inviter confirms it.
    pub(super) fn pick_up(mut self, now: Instant, desk: &mut Desk) -> Accepting {
        desk.out.tone(Tone::Silence);
        self.call.timing.accept_ms = Some(self.call.at(now));
        Accepting::begin(now, self, desk)
    }

    fn tell(&self, desk: &mut Desk) {
        let link = self.links.newest();
        let message = Message::Ringing { call: self.call.id.clone(), agent: desk.agent, early: self.early, link };
        desk.out.send(self.call.caller.clone(), message);
        desk.show_door(&self.call.id, &self.call.caller);
    }

    /// The door was opened: it rings no more.
    pub(super) fn let_in(self, now: Instant, desk: &mut Desk) -> State {
        self.refuse(now, EndReason::Rejected, desk)
    }

    fn heard(mut self, now: Instant, from: &Address, message: Message, desk: &mut Desk) -> State {
        if let (Some(roster), Message::Roster { entries, .. }) = (&mut self.roster, &message) {
            roster.hear(now, from, entries);
            return self.somebody_is_in(now, desk);
        }
        if let (Some(roster), Message::Cancel { reason, .. } | Message::Hangup { reason, .. }) =
            (&mut self.roster, &message)
        {
            roster.out(now, from, *reason);
            if *from != self.call.caller {
                return self.somebody_is_in(now, desk);
            }
            // The inviter left, and others are in: whoever picks up is let in by them. A device that left answers our `ringing` by
            // a cancel with the reason for which it left.
            let left = matches!(
                message,
                Message::Hangup { .. } | Message::Cancel { reason: EndReason::Hangup | EndReason::NetworkLost, .. }
            );
            if left && self.doors().next().is_some() {
                return State::Ringing(self);
            }
        }
        if *from != self.call.caller {
            return State::Ringing(self);
        }
        match message {
            Message::Cancel { reason, by, .. } => self.fall_silent(now, End { by, ..reason.into() }, desk),
            Message::Hangup { reason, .. } => self.fall_silent(now, reason.into(), desk),
            // The time that is left can only be less: what said more was on its way for long.
            Message::Invite { remaining_ms, .. } => {
                self.until = self.until.min(now + Duration::from_millis(u64::from(remaining_ms)));
                self.tell(desk);
                State::Ringing(self)
            }
            message @ (Message::Offer { .. } | Message::Answer { .. } | Message::Candidate { .. }) => {
                if self.early != EarlyMedia::Off {
                    self.links.heard(now, message, &mut desk.out);
                }
                State::Ringing(self)
            }
            _ => State::Ringing(self),
        }
    }

    /// Another invite of the very device that rings us: one of the two must be over, and only the inviter knows which.
    /// Our `ringing` asks it: the outcome of a call that is over comes back as `cancel`. Anybody else's invite is busy.
    fn heard_foreign(mut self, now: Instant, from: &Address, message: Message, desk: &mut Desk) -> State {
        match &message {
            Message::Invite { call, remaining_ms, .. }
                if *from == self.call.caller
                    && desk.decided.find(call).is_none()
                    && !desk.decided.was_taken_back(call, from) =>
            {
                let until = now + Duration::from_millis(u64::from(*remaining_ms));
                self.next = Some(Next { invite: message, until });
                self.tell(desk);
            }
            _ => desk.foreign(now, from, message),
        }
        State::Ringing(self)
    }

    /// Somebody here rings others: that wins over what merely rings. Who rings those who ring us picks up.
    fn outrun(mut self, now: Instant, plan: Plan, kind: Kind, media: Media, desk: &mut Desk) -> State {
        if !plan.users().any(|user| *user != desk.me.user) {
            desk.ignore("nobody to call: name a user other than this one");
            return State::Ringing(self);
        }
        if plan.first().contains(&self.call.caller.user) {
            return State::Accepting(self.pick_up(now, desk));
        }
        self.next = None;
        drop(self.refuse(now, EndReason::Busy, desk));
        super::idle::ring(now, plan, kind, media, desk)
    }

    fn refuse(self, now: Instant, reason: EndReason, desk: &mut Desk) -> State {
        let message = Message::Reject { call: self.call.id.clone(), reason };
        desk.out.send(self.call.caller.clone(), message.clone());
        for member in self.doors() {
            desk.out.send(member.clone(), message.clone());
        }
        self.fall_silent(now, reason.into(), desk)
    }

    /// Members of a group, beside the inviter, as far as is known.
    fn doors(&self) -> impl Iterator<Item = &Address> {
        let members = self.roster.iter().flat_map(Roster::doors);
        members.filter(|member| **member != self.call.caller)
    }

    /// It rings as long as somebody is in who could be talked with.
    fn somebody_is_in(self, now: Instant, desk: &mut Desk) -> State {
        let knows = self.roster.iter().flat_map(Roster::entries).next().is_some();
        let nobody = self.roster.iter().flat_map(Roster::doors).next().is_none();
        if knows && nobody {
            return self.fall_silent(now, EndReason::Cancelled.into(), desk);
        }
        State::Ringing(self)
    }

    fn fall_silent(mut self, now: Instant, end: End, desk: &mut Desk) -> State {
        self.call.timing = self.links.timing(self.call.timing);
        self.links.close(&mut desk.out);
        if let Some(roster) = self.roster.take().filter(|_| end.reason != EndReason::Cancelled) {
            desk.joinable.keep(now, &self.call, roster, self.until);
        }
        let (caller, next) = (self.call.caller.clone(), self.next.take());
        let idle = desk.end(now, self.call, end);
        match next.and_then(|next| next.ring(now, &caller, desk)) {
            Some(ringing) => State::Ringing(ringing),
            None => idle,
        }
    }

    fn linked(mut self, now: Instant, link: &LinkId, event: LinkEvent, desk: &mut Desk) -> State {
        if link.peer != *self.links.peer() {
            return State::Ringing(self);
        }
        match self.links.event(now, &self.call, link.number, event, &mut desk.out) {
            News::Unsafe | News::Refused => self.refuse(now, EndReason::MediaFailed, desk),
            News::None | News::Path => State::Ringing(self),
        }
    }
}

impl Next {
    /// Rings with the time that is left.
    fn ring(mut self, now: Instant, caller: &Address, desk: &mut Desk) -> Option<Ringing> {
        if let Message::Invite { remaining_ms, .. } = &mut self.invite {
            let left = self.until.saturating_duration_since(now).as_millis();
            *remaining_ms = u32::try_from(left).unwrap_or(u32::MAX);
        }
        super::idle::incoming(now, caller, &self.invite, false, desk)
    }
}
