//! We ring somebody; nobody there has picked up yet. We are the arbiter: an accept counts when we confirm it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::State;
use super::call::Call;
use super::callees::Callees;
use super::desk::Desk;
use super::effect::{Flow, Tone};
use super::input::{Action, Input, LinkEvent};
use super::peer_links::{News, PeerLinks};
use super::plan::Plan;
use super::talking::Talking;
use super::view::{CallView, Ended};
use crate::ids::{Address, LinkId, Target, UserId};
use crate::protocol::{Agent, EarlyMedia, EndReason, Message, ResultCode};

/// The callee's own timer is authoritative; ours is a backstop this much later.
const BACKSTOP: Duration = Duration::from_secs(5);
/// The invite is not said again to a device that came online sooner than this after the last time: it has that one.
const SAY_AGAIN: Duration = Duration::from_secs(3);
/// The most devices that ring for one invite; further ones are told that they are too late.
const MOST_DEVICES: usize = 32;

/// We ring somebody.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Inviting {
    pub(super) call: Call,
    /// When the callees' own timers end.
    until: Instant,
    callees: Callees,
    pub(super) devices: BTreeMap<Address, PeerLinks>,
    /// Those of them that see our picture before they accept.
    previews: BTreeSet<Address>,
    /// Devices that refused: what they said before that, and arrives after it, counts no more.
    left: BTreeSet<Address>,
    /// When the invite was said last.
    said: Instant,
    /// Whom to ring when none of these answers.
    then: Option<Plan>,
    /// Who rings, as our camera sees it.
    picture: Option<String>,
}

impl Inviting {
    /// Sends the invite.
    pub(super) fn begin(now: Instant, call: Call, then: Option<Plan>, desk: &mut Desk) -> Self {
        desk.begin(&call);
        desk.out.tone(Tone::Silence);
        let callees = Callees::new(&call.callees);
        let until = now + desk.policy.ring;
        let inviting = Self {
            call,
            until,
            callees,
            devices: BTreeMap::new(),
            previews: BTreeSet::new(),
            left: BTreeSet::new(),
            said: now,
            then,
            picture: None,
        };
        inviting.invite(now, desk);
        inviting
    }

    pub(super) fn on(mut self, now: Instant, input: Input, desk: &mut Desk) -> State {
        match input {
            Input::Heard { from, message } if message.call() == Some(&self.call.id) => {
                self.heard(now, from, message, desk)
            }
            Input::Heard { from, message } => self.heard_foreign(now, &from, message, desk),
            Input::Pressed(Action::Hangup | Action::Reject | Action::Toggle) => {
                self.give_up(now, EndReason::Cancelled, desk)
            }
            Input::Pressed(action @ (Action::SetMicrophone(_) | Action::SetCamera(_))) => {
                if self.call.choose(&action) {
                    self.gate(desk);
                }
                State::Inviting(self)
            }
            Input::InviteResult { call, user, code } if call == self.call.id => self.fared(now, &user, code, desk),
            Input::Link { link, event } if link.call == self.call.id => self.linked(now, &link, event, desk),
            Input::Presence { peer, online: true } => {
                self.came(now, &peer, desk);
                State::Inviting(self)
            }
            Input::SignalingUp => {
                self.said = now;
                self.invite(now, desk);
                State::Inviting(self)
            }
            Input::Picture { call, jpeg } if call == self.call.id => self.pictured(jpeg, desk),
            Input::Tick => self.tick(now, desk),
            Input::Pressed(_) => {
                desk.ignore("we ring somebody already");
                State::Inviting(self)
            }
            Input::Link { .. }
            | Input::SignalingDown
            | Input::NetworkChanged
            | Input::Presence { .. }
            | Input::Picture { .. }
            | Input::InviteResult { .. }
            | Input::Door(_)
            | Input::LocalTime(_)
            | Input::MediaReady(_) => State::Inviting(self),
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.callees.deadline().into_iter().fold(self.until + BACKSTOP, Instant::min)
    }

    pub(super) fn view(&self, now: Instant) -> CallView {
        let remaining = self.until.saturating_duration_since(now);
        CallView { ringing_devices: self.devices.len(), ..self.call.view(remaining) }
    }

    /// Rings everybody who may still answer, with the time that is left. Repeated when signalling comes back.
    fn invite(&self, now: Instant, desk: &mut Desk) {
        self.callees.open().for_each(|user| self.invite_user(now, user, desk));
    }

    /// A device of a callee came online and has said nothing yet: what was said while it was away may be nowhere any more.
    fn came(&mut self, now: Instant, device: &Address, desk: &mut Desk) {
        let rings = self.devices.contains_key(device) || self.left.contains(device);
        if !rings && self.callees.is_open(&device.user) && now >= self.said + SAY_AGAIN {
            self.said = now;
            self.invite_user(now, &device.user, desk);
        }
    }

    fn invite_user(&self, now: Instant, user: &UserId, desk: &mut Desk) {
        let left = self.until.saturating_duration_since(now).as_millis();
        let remaining_ms = u32::try_from(left).unwrap_or(u32::MAX);
        if remaining_ms == 0 {
            return;
        }
        let message = Message::Invite {
            call: self.call.id.clone(),
            kind: crate::protocol::Kind::Single,
            media: self.call.media,
            callees: self.call.callees.clone(),
            remaining_ms,
            agent: desk.agent,
            early: desk.policy.early,
        };
        desk.out.send(user.clone(), message);
    }

    fn heard(mut self, now: Instant, from: Address, message: Message, desk: &mut Desk) -> State {
        if !self.callees.contains(&from.user) {
            return State::Inviting(self);
        }
        match message {
            Message::Ringing { .. } | Message::Accept { .. } if self.is_out(&from) => self.tell_out(from, desk),
            Message::Ringing { agent, early, link, .. } => {
                self.rings(now, from, agent, early.min(desk.policy.early), link, desk)
            }
            Message::Accept { agent, .. } => return self.confirm(now, from, agent, desk),
            Message::Reject { reason, .. } | Message::Hangup { reason, .. } => {
                return self.refused(now, &from, reason, desk);
            }
            message @ (Message::Offer { .. } | Message::Answer { .. } | Message::Candidate { .. }) => {
                if let Some(links) = self.devices.get_mut(&from) {
                    links.heard(now, message, &mut desk.out);
                }
            }
            _ => {}
        }
        State::Inviting(self)
    }

    /// This device, or its user, has refused already.
    fn is_out(&self, device: &Address) -> bool {
        self.left.contains(device) || !self.callees.is_open(&device.user)
    }

    fn tell_out(&self, device: Address, desk: &mut Desk) {
        let reason = self.callees.refusal(&device.user).map_or(EndReason::Cancelled, told);
        desk.out.send(device, Message::Cancel { call: self.call.id.clone(), reason, by: None });
    }

    /// One more device rings, or one of them rings again after a restart.
    fn rings(&mut self, now: Instant, from: Address, agent: Agent, early: EarlyMedia, link: u32, desk: &mut Desk) {
        if let Some(links) = self.devices.get_mut(&from) {
            if link == 0 {
                links.start_over(now, &mut desk.out);
            }
            desk.show_door(&self.call.id, &from);
            self.show_picture(&from, desk);
            return;
        }
        if self.devices.len() >= MOST_DEVICES {
            return;
        }
        self.callees.rings(&from.user);
        if self.devices.is_empty() {
            desk.out.tone(Tone::RingBack);
        }
        self.call.timing.ringing_ms.get_or_insert(self.call.at(now));
        let mut links = PeerLinks::new(&self.call, from.clone(), !Agent::callee_offers(desk.agent, agent));
        if early == EarlyMedia::Preview {
            self.previews.insert(from.clone());
        }
        links.gate(self.flow_to(&from), &mut desk.out);
        if early != EarlyMedia::Off {
            links.offer_next(&mut desk.out);
        }
        desk.show_door(&self.call.id, &from);
        self.show_picture(&from, desk);
        self.devices.insert(from, links);
        desk.out.push(super::Effect::Show);
    }

    /// Before accept nothing passes but our picture, and that only as a preview.
    fn flow_to(&self, device: &Address) -> Flow {
        Flow { send_video: self.call.camera && self.previews.contains(device), ..Flow::default() }
    }

    fn gate(&mut self, desk: &mut Desk) {
        for device in self.devices.keys().cloned().collect::<Vec<_>>() {
            let flow = self.flow_to(&device);
            self.devices.entry(device).and_modify(|links| links.gate(flow, &mut desk.out));
        }
        desk.out.push(super::Effect::Show);
    }

    /// The hub or the broker says how our invite to this user fared. That it was passed on, or waits, is nobody's answer.
    fn fared(mut self, now: Instant, user: &UserId, code: ResultCode, desk: &mut Desk) -> State {
        let reason = match code {
            ResultCode::Ok | ResultCode::Queued => return State::Inviting(self),
            ResultCode::Offline | ResultCode::UnknownUser => EndReason::Offline,
            ResultCode::UnsupportedVersion => EndReason::UnsupportedVersion,
            _ => EndReason::EndedByServer,
        };
        let rings = self.devices.keys().any(|device| device.user == *user);
        if rings || !self.callees.is_open(user) {
            return State::Inviting(self);
        }
        self.callees.give_up(user, reason);
        desk.out.push(super::Effect::Show);
        self.settle(now, desk)
    }

    /// Those who ring see it now, those who come later when they do.
    fn pictured(mut self, jpeg: String, desk: &mut Desk) -> State {
        self.picture = Some(jpeg);
        for device in self.devices.keys() {
            self.show_picture(device, desk);
        }
        State::Inviting(self)
    }

    fn show_picture(&self, to: &Address, desk: &mut Desk) {
        if let Some(jpeg) = &self.picture {
            desk.out.send(to.clone(), Message::Picture { call: self.call.id.clone(), jpeg: jpeg.clone() });
        }
    }

    /// The first accept wins; everybody else is told who won.
    fn confirm(mut self, now: Instant, winner: Address, agent: Agent, desk: &mut Desk) -> State {
        let links = self.devices.remove(&winner);
        let links = links
            .unwrap_or_else(|| PeerLinks::new(&self.call, winner.clone(), !Agent::callee_offers(desk.agent, agent)));
        desk.out.send(winner.clone(), Message::Confirm { call: self.call.id.clone() });
        self.cancel_all(EndReason::AnsweredElsewhere, Some(&winner), desk);
        self.call.timing.accept_ms = Some(self.call.at(now));
        self.call.timing.confirm_ms = self.call.timing.accept_ms;
        State::Talking(Box::new(Talking::begin(now, self.call, links, desk)))
    }

    fn refused(mut self, now: Instant, from: &Address, reason: EndReason, desk: &mut Desk) -> State {
        let rang = !self.devices.is_empty();
        if let Some(mut links) = self.devices.remove(from) {
            links.close(&mut desk.out);
        }
        self.left.insert(from.clone());
        let others_ring = self.devices.keys().any(|device| device.user == from.user);
        if self.callees.declined(now, &from.user, reason, others_ring) {
            self.silence(&from.user, EndReason::RejectedElsewhere, desk);
        }
        if rang && self.devices.is_empty() {
            desk.out.tone(Tone::Silence);
        }
        desk.out.push(super::Effect::Show);
        self.settle(now, desk)
    }

    /// Stops every other device of a user who has answered for all of them.
    fn silence(&mut self, user: &UserId, reason: EndReason, desk: &mut Desk) {
        for (_, links) in self.devices.iter_mut().filter(|(device, _)| device.user == *user) {
            links.close(&mut desk.out);
        }
        self.devices.retain(|device, _| device.user != *user);
        let message = Message::Cancel { call: self.call.id.clone(), reason, by: None };
        desk.out.send(Target::from(user.clone()), message);
    }

    fn tick(self, now: Instant, desk: &mut Desk) -> State {
        if now >= self.until + BACKSTOP {
            let reason = if self.call.timing.ringing_ms.is_some() { EndReason::NoAnswer } else { EndReason::Offline };
            return self.give_up(now, reason, desk);
        }
        self.settle(now, desk)
    }

    /// The call ends when nobody is left who may answer; the kindest truth is the reason.
    fn settle(mut self, now: Instant, desk: &mut Desk) -> State {
        match self.callees.settle(now) {
            Some(reason) => self.give_up(now, reason, desk),
            None => State::Inviting(self),
        }
    }

    fn give_up(mut self, now: Instant, reason: EndReason, desk: &mut Desk) -> State {
        self.cancel_all(told(reason), None, desk);
        let (then, media) = (self.then.take(), self.call.media);
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
            ) => super::idle::ring(now, then, media, desk),
            _ => idle,
        }
    }

    /// The door was opened: whoever still rings need not answer any more. Nobody is named, so that nobody takes it for a confirm.
    pub(super) fn let_in(self, now: Instant, desk: &mut Desk) -> State {
        self.give_up(now, EndReason::AnsweredElsewhere, desk)
    }

    /// Tells every callee that it need not ring, and tears down the links that were not chosen.
    fn cancel_all(&mut self, reason: EndReason, by: Option<&Address>, desk: &mut Desk) {
        for links in self.devices.values_mut() {
            links.close(&mut desk.out);
        }
        for user in self.callees.all() {
            let message = Message::Cancel { call: self.call.id.clone(), reason, by: by.cloned() };
            desk.out.send(user.clone(), message);
        }
    }

    fn linked(mut self, now: Instant, link: &LinkId, event: LinkEvent, desk: &mut Desk) -> State {
        let Some(links) = self.devices.get_mut(&link.peer) else { return State::Inviting(self) };
        match links.event(now, &self.call, link.number, event, &mut desk.out) {
            News::Unsafe => self.give_up(now, EndReason::MediaFailed, desk),
            // This device is out, and learns it at once; the others ring on.
            News::Refused => {
                let message = Message::Cancel { call: self.call.id.clone(), reason: EndReason::MediaFailed, by: None };
                desk.out.send(link.peer.clone(), message);
                self.refused(now, &link.peer, EndReason::MediaFailed, desk)
            }
            // An early link that breaks costs only its head start: the next one is made after accept.
            News::None | News::Path => State::Inviting(self),
        }
    }

    /// Glare: they ring us while we ring them. The smaller call id wins on both sides; any other invite is busy.
    fn heard_foreign(mut self, now: Instant, from: &Address, message: Message, desk: &mut Desk) -> State {
        let rung = self.callees.is_open(&from.user);
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
        self.cancel_all(EndReason::AnsweredElsewhere, Some(from), desk);
        desk.remember(&self.call.id, EndReason::AnsweredElsewhere, Some(from.clone()));
        ringing.call.microphone = self.call.microphone;
        ringing.call.camera &= self.call.camera;
        State::Accepting(ringing.pick_up(now, desk))
    }
}

/// What a callee is told when the call ends for this reason.
fn told(reason: EndReason) -> EndReason {
    match reason {
        EndReason::Rejected => EndReason::RejectedElsewhere,
        EndReason::Offline => EndReason::NoAnswer,
        other => other,
    }
}
