//! We talk. The link may break and be replaced; the call goes on until somebody hangs up or the peer is gone too long.

use std::time::{Duration, Instant};

use super::State;
use super::call::Call;
use super::desk::{Desk, End};
use super::effect::{Direction, Effect, Flow, Tone};
use super::input::{Action, Input, LinkEvent};
use super::line::{Line, News};
use super::view::CallView;
use crate::ids::{Address, LinkId};
use crate::protocol::{EndReason, Message};

/// Media must flow this long after accept.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);
/// A replacement link must flow within this.
const NEXT_WITHIN: Duration = Duration::from_secs(4);
/// A peer whose media is gone is waited for this long.
const LOST_AFTER: Duration = Duration::from_secs(20);
/// The same when the hub says that the peer's device is gone as well.
const GONE_AFTER: Duration = Duration::from_secs(5);
/// The one button that accepted does not hang up sooner than this.
const DEBOUNCE: Duration = Duration::from_secs(1);

/// We talk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Talking {
    pub(super) call: Call,
    pub(super) line: Line,
    since: Instant,
    microphone: bool,
    camera: bool,
    peer_offline: bool,
    path: Path,
}

/// How the media path stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Path {
    /// Never flowed yet. A link that fails is followed by the next one, not sooner than this.
    Connecting { next_try: Instant },
    /// Flows.
    Up,
    /// Flowed, and is silent or broken since then.
    Broken { since: Instant, next_try: Instant },
}

impl Talking {
    /// Opens the gates.
    pub(super) fn begin(now: Instant, call: Call, line: Line, desk: &mut Desk) -> Self {
        let path = if line.is_up() { Path::Up } else { Path::Connecting { next_try: now } };
        let camera = call.has_video();
        let mut talking = Self { call, line, since: now, microphone: true, camera, peer_offline: false, path };
        desk.out.tone(Tone::Silence);
        talking.open_gates(desk);
        talking.ensure_link(now, desk);
        talking.tell_mute(desk);
        desk.show_door(&talking.call.id, talking.line.peer());
        talking
    }

    pub(super) fn on(mut self: Box<Self>, now: Instant, input: Input, desk: &mut Desk) -> State {
        match input {
            Input::Heard { from, message } if message.call() == Some(&self.call.id) => {
                return self.heard(now, from, message, desk);
            }
            Input::Heard { from, message } => desk.foreign(&from, message),
            Input::Pressed(Action::Toggle) if now < self.since + DEBOUNCE => {}
            Input::Pressed(Action::Hangup | Action::Reject | Action::Toggle) => {
                return self.leave(now, EndReason::Hangup, desk);
            }
            Input::Pressed(Action::SetMicrophone(on)) => {
                self.microphone = on;
                self.apply_mute(desk);
            }
            Input::Pressed(Action::SetCamera(on)) => {
                self.camera = on && self.call.has_video();
                self.apply_mute(desk);
            }
            Input::Link { link, event } if link.call == self.call.id && link.peer == *self.line.peer() => {
                return self.linked(now, &link, event, desk);
            }
            Input::Presence { peer, online } if peer == *self.line.peer() => self.peer_offline = !online,
            Input::SignalingUp => {
                self.retry(now, desk);
                desk.show_door(&self.call.id, self.line.peer());
            }
            Input::Tick => return self.tick(now, desk),
            Input::Pressed(Action::Call { .. } | Action::Accept | Action::Unlock { .. })
            | Input::Door(_)
            | Input::Link { .. }
            | Input::Presence { .. }
            | Input::SignalingDown => {}
        }
        State::Talking(self)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.path {
            Path::Connecting { next_try } if self.wants_link() => Some(next_try.min(self.since + CONNECT_WITHIN)),
            Path::Connecting { .. } => Some(self.since + CONNECT_WITHIN),
            Path::Up => None,
            Path::Broken { since, next_try } => Some(next_try.min(since + self.patience())),
        }
    }

    pub(super) fn view(&self, now: Instant) -> CallView {
        let talked = now.saturating_duration_since(self.since).as_millis();
        CallView {
            peer: Some(self.line.peer().clone()),
            remaining_ms: None,
            talk_ms: Some(u64::try_from(talked).unwrap_or(u64::MAX)),
            microphone: self.microphone,
            camera: self.camera,
            timing: self.line.timing(self.call.timing),
            ..self.call.view(Duration::ZERO)
        }
    }

    fn heard(mut self: Box<Self>, now: Instant, from: Address, message: Message, desk: &mut Desk) -> State {
        if from != *self.line.peer() {
            self.tell_late(from, &message, desk);
            return State::Talking(self);
        }
        match message {
            Message::Hangup { reason, .. } | Message::Reject { reason, .. } => return self.end(now, reason, desk),
            Message::Cancel { reason, by, .. } if by.as_ref() != Some(&desk.me) => {
                return self.end(now, reason, desk);
            }
            // Our confirm was lost, or theirs is slow to arrive.
            Message::Accept { .. } if self.call.direction == Direction::Outgoing => {
                desk.out.send(from, Message::Confirm { call: self.call.id.clone() });
            }
            message @ (Message::Offer { .. } | Message::Answer { .. } | Message::Candidate { .. }) => {
                self.line.heard(message, &mut desk.out);
            }
            _ => {}
        }
        State::Talking(self)
    }

    /// Another device that rings or accepts late is told who was faster.
    fn tell_late(&self, from: Address, message: &Message, desk: &mut Desk) {
        let outgoing = self.call.direction == Direction::Outgoing;
        if outgoing && matches!(message, Message::Ringing { .. } | Message::Accept { .. }) {
            let by = Some(self.line.peer().clone());
            let reason = EndReason::AnsweredElsewhere;
            desk.out.send(from, Message::Cancel { call: self.call.id.clone(), reason, by });
        }
    }

    fn linked(mut self: Box<Self>, now: Instant, link: &LinkId, event: LinkEvent, desk: &mut Desk) -> State {
        match self.line.event(now, &self.call, link.number, event, &mut desk.out) {
            News::Unsafe => return self.leave(now, EndReason::MediaFailed, desk),
            News::Path => self.look(now, desk),
            News::None => {}
        }
        State::Talking(self)
    }

    /// The line went up or down.
    fn look(&mut self, now: Instant, desk: &mut Desk) {
        match (&self.path, self.line.is_up()) {
            (Path::Up, true) | (Path::Broken { .. }, false) => return,
            (Path::Connecting { .. }, false) => return self.ensure_link(now, desk),
            (_, true) => self.path = Path::Up,
            (Path::Up, false) => {
                self.path = Path::Broken { since: now, next_try: now };
                self.retry(now, desk);
            }
        }
        desk.out.push(Effect::Show);
    }

    /// While nothing has flowed yet: there must be a link that may come up.
    fn ensure_link(&mut self, now: Instant, desk: &mut Desk) {
        if let Path::Connecting { next_try } = self.path {
            if self.wants_link() && now >= next_try {
                self.line.offer_next(&mut desk.out);
                self.path = Path::Connecting { next_try: now + NEXT_WITHIN };
            }
        }
    }

    fn wants_link(&self) -> bool {
        self.line.we_offer() && !self.line.is_up() && !self.line.is_coming()
    }

    fn tick(mut self: Box<Self>, now: Instant, desk: &mut Desk) -> State {
        match self.path {
            Path::Connecting { .. } if now >= self.since + CONNECT_WITHIN => {
                self.leave(now, EndReason::MediaFailed, desk)
            }
            Path::Connecting { .. } => {
                self.ensure_link(now, desk);
                State::Talking(self)
            }
            Path::Broken { since, .. } if now >= since + self.patience() => {
                self.leave(now, EndReason::NetworkLost, desk)
            }
            Path::Broken { next_try, .. } if now >= next_try => {
                self.retry(now, desk);
                State::Talking(self)
            }
            Path::Up | Path::Broken { .. } => State::Talking(self),
        }
    }

    /// Replaces a broken link; an attempt that takes too long is given up for the next one.
    fn retry(&mut self, now: Instant, desk: &mut Desk) {
        if let Path::Broken { since, .. } = self.path {
            if self.line.we_offer() {
                self.line.drop_next(&mut desk.out);
                self.line.offer_next(&mut desk.out);
            }
            self.path = Path::Broken { since, next_try: now + NEXT_WITHIN };
        }
    }

    fn patience(&self) -> Duration {
        if self.peer_offline { GONE_AFTER } else { LOST_AFTER }
    }

    fn apply_mute(&mut self, desk: &mut Desk) {
        self.open_gates(desk);
        self.tell_mute(desk);
    }

    fn open_gates(&mut self, desk: &mut Desk) {
        let video = self.call.has_video();
        let flow = Flow { send_audio: self.microphone, send_video: self.camera, play_audio: true, play_video: video };
        self.line.gate(flow, &mut desk.out);
        desk.out.push(Effect::Show);
    }

    fn tell_mute(&self, desk: &mut Desk) {
        let message = Message::Media { call: self.call.id.clone(), audio: self.microphone, video: self.camera };
        desk.out.send(self.line.peer().clone(), message);
    }

    /// The door was opened, and that ends a call here.
    pub(super) fn let_in(self: Box<Self>, now: Instant, desk: &mut Desk) -> State {
        self.leave(now, EndReason::Hangup, desk)
    }

    fn leave(self: Box<Self>, now: Instant, reason: EndReason, desk: &mut Desk) -> State {
        let message = Message::Hangup { call: self.call.id.clone(), reason };
        desk.out.send(self.line.peer().clone(), message);
        self.end(now, reason, desk)
    }

    fn end(mut self: Box<Self>, now: Instant, reason: EndReason, desk: &mut Desk) -> State {
        self.call.timing = self.line.timing(self.call.timing);
        self.line.close(&mut desk.out);
        let talk = Some((self.line.peer().clone(), now.saturating_duration_since(self.since)));
        desk.end(now, self.call, End { reason, by: None, talk })
    }
}
