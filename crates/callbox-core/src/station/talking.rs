//! We talk. The media path may break and be mended (`media_recovery.rs`); the call goes on until somebody hangs up or the peer is gone too long.

use std::time::{Duration, Instant};

use super::State;
use super::call::Call;
use super::desk::{Desk, End};
use super::effect::{Direction, Effect, Flow, Tone};
use super::input::{Action, Input, LinkEvent};
use super::media_recovery::{MediaRecovery, Verdict};
use super::peer_links::PeerLinks;
use super::view::CallView;
use crate::ids::{Address, LinkId};
use crate::protocol::{EndReason, Message};

/// The one button that accepted does not hang up sooner than this.
const DEBOUNCE: Duration = Duration::from_secs(1);

/// We talk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Talking {
    pub(super) call: Call,
    pub(super) path: MediaRecovery,
    since: Instant,
    /// The operator's limit.
    end_at: Option<Instant>,
}

impl Talking {
    /// Opens the gates.
    pub(super) fn begin(now: Instant, call: Call, links: PeerLinks, desk: &mut Desk) -> Self {
        let end_at = desk.policy.longest.map(|longest| now + longest);
        if call.direction == Direction::Incoming {
            // A ring that was answered costs nothing.
            desk.rings.give_back(&call.caller.user);
        }
        let path = MediaRecovery::new(now, links, desk.agent);
        let mut talking = Self { call, path, since: now, end_at };
        desk.out.tone(Tone::Silence);
        talking.open_gates(desk);
        if talking.call.moved || talking.call.interrupted && talking.path.is_connecting() {
            talking.path.network_changed(now, &mut desk.out);
        }
        talking.path.ensure_first(now, &mut desk.out);
        talking.tell_mute(desk);
        desk.show_door(&talking.call.id, talking.path.peer());
        talking
    }

    pub(super) fn on(mut self: Box<Self>, now: Instant, input: Input, desk: &mut Desk) -> State {
        match input {
            Input::Heard { from, message } if message.call() == Some(&self.call.id) => {
                return self.heard(now, from, message, desk);
            }
            Input::Heard { from, message } => desk.foreign(now, &from, message),
            Input::Pressed(Action::Toggle) if now < self.since + DEBOUNCE => {
                desk.ignore("the button that picked up hangs up a second later at the earliest");
            }
            Input::Pressed(Action::Hangup | Action::Reject | Action::Toggle) => {
                return self.leave(now, EndReason::Hangup, desk);
            }
            Input::Pressed(action @ (Action::SetMicrophone(_) | Action::SetCamera(_))) => {
                if self.call.choose(&action) {
                    self.apply_mute(desk);
                }
            }
            Input::Link { link, event } if link.call == self.call.id && link.peer == *self.path.peer() => {
                return self.linked(now, &link, event, desk);
            }
            Input::Presence { peer, online } if peer == *self.path.peer() => {
                self.path.presence(now, online, &mut desk.out);
                if online {
                    // A device that was restarted knows nothing of this call, and says so.
                    self.tell_mute(desk);
                }
            }
            Input::SignalingUp => {
                self.tell_mute(desk);
                self.path.signaling(now, true, &mut desk.out);
                desk.show_door(&self.call.id, self.path.peer());
            }
            Input::SignalingDown => self.path.signaling(now, false, &mut desk.out),
            Input::NetworkChanged => self.path.network_changed(now, &mut desk.out),
            Input::Tick if self.end_at.is_some_and(|end| now >= end) => {
                return self.leave(now, EndReason::Hangup, desk);
            }
            Input::Tick => {
                let verdict = self.path.tick(now, &mut desk.out);
                return self.look(now, verdict, desk);
            }
            Input::Pressed(Action::Call { .. } | Action::CallInTurn { .. } | Action::Accept) => {
                desk.ignore("there is a talk already");
            }
            Input::Pressed(Action::Unlock { .. } | Action::DoNotDisturb { .. })
            | Input::Picture { .. }
            | Input::InviteResult { .. }
            | Input::Door(_)
            | Input::LocalTime(_)
            | Input::MediaReady(_)
            | Input::Link { .. }
            | Input::Presence { .. } => {}
        }
        State::Talking(self)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.path.deadline().into_iter().chain(self.end_at).min()
    }

    pub(super) fn view(&self, now: Instant) -> CallView {
        let since = |then: Instant| u64::try_from(now.saturating_duration_since(then).as_millis()).unwrap_or(u64::MAX);
        CallView {
            peer: Some(self.path.peer().clone()),
            remaining_ms: None,
            talk_ms: Some(since(self.since)),
            lost_ms: self.path.broken_since().map(since),
            timing: self.path.timing(self.call.timing),
            ..self.call.view(Duration::ZERO)
        }
    }

    fn heard(mut self: Box<Self>, now: Instant, from: Address, message: Message, desk: &mut Desk) -> State {
        if from != *self.path.peer() {
            self.tell_late(from, &message, desk);
            return State::Talking(self);
        }
        match message {
            Message::Hangup { reason, .. } | Message::Reject { reason, .. } => return self.end(now, reason, desk),
            // Only the inviter cancels.
            Message::Cancel { reason, by, .. }
                if self.call.direction == Direction::Incoming && by.as_ref() != Some(&desk.me) =>
            {
                return self.end(now, reason, desk);
            }
            // Our confirm was lost, or theirs is slow to arrive.
            Message::Accept { .. } if self.call.direction == Direction::Outgoing => {
                desk.out.send(from, Message::Confirm { call: self.call.id.clone() });
            }
            message => self.path.heard(now, message, &mut desk.out),
        }
        State::Talking(self)
    }

    /// Another device that rings or accepts late is told who was faster.
    fn tell_late(&self, from: Address, message: &Message, desk: &mut Desk) {
        let was_asked = self.call.direction == Direction::Outgoing && self.call.callees.contains(&from.user);
        if was_asked && matches!(message, Message::Ringing { .. } | Message::Accept { .. }) {
            let by = Some(self.path.peer().clone());
            let reason = EndReason::AnsweredElsewhere;
            desk.out.send(from, Message::Cancel { call: self.call.id.clone(), reason, by });
        }
    }

    fn linked(mut self: Box<Self>, now: Instant, link: &LinkId, event: LinkEvent, desk: &mut Desk) -> State {
        let verdict = self.path.event(now, &self.call, link.number, event, &mut desk.out);
        self.look(now, verdict, desk)
    }

    /// What became of the media path.
    fn look(self: Box<Self>, now: Instant, verdict: Verdict, desk: &mut Desk) -> State {
        match verdict {
            Verdict::Same => {}
            Verdict::Changed => desk.out.push(Effect::Show),
            Verdict::Over(reason) => return self.leave(now, reason, desk),
        }
        State::Talking(self)
    }

    fn apply_mute(&mut self, desk: &mut Desk) {
        self.open_gates(desk);
        self.tell_mute(desk);
    }

    fn open_gates(&mut self, desk: &mut Desk) {
        let video = self.call.has_video();
        let flow = Flow {
            send_audio: self.call.microphone,
            send_video: self.call.camera,
            play_audio: true,
            play_video: video,
        };
        self.path.gate(flow, &mut desk.out);
        desk.out.push(Effect::Show);
    }

    fn tell_mute(&self, desk: &mut Desk) {
        let message = Message::Media {
            call: self.call.id.clone(),
            audio: self.call.microphone,
            video: self.call.camera,
            group: true,
        };
        desk.out.send(self.path.peer().clone(), message);
    }

    /// The door was opened, and that ends a call here.
    pub(super) fn let_in(self: Box<Self>, now: Instant, desk: &mut Desk) -> State {
        self.leave(now, EndReason::Hangup, desk)
    }

    fn leave(self: Box<Self>, now: Instant, reason: EndReason, desk: &mut Desk) -> State {
        let message = Message::Hangup { call: self.call.id.clone(), reason };
        desk.out.send(self.path.peer().clone(), message);
        self.end(now, reason, desk)
    }

    fn end(mut self: Box<Self>, now: Instant, reason: EndReason, desk: &mut Desk) -> State {
        self.call.timing = self.path.timing(self.call.timing);
        self.path.close(&mut desk.out);
        let talk = Some((self.path.peer().clone(), now.saturating_duration_since(self.since)));
        desk.end(now, self.call, End { reason, by: None, talk })
    }
}
