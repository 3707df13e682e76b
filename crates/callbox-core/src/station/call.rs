//! What every state of a call knows of it.

use std::time::{Duration, Instant};

use super::effect::{Direction, Timing};
use super::input::{Action, Input};
use super::view::CallView;
use crate::ids::{Address, CallId, UserId};
use crate::protocol::{Agent, Kind, Media, PictureSize};

/// A call, from invite to record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) direction: Direction,
    /// A single call becomes a group call when somebody is added.
    pub(super) kind: Kind,
    pub(super) media: Media,
    pub(super) caller: Address,
    pub(super) callees: Vec<UserId>,
    /// When the invite was sent or received: zero of every time in the record.
    pub(super) started: Instant,
    pub(super) timing: Timing,
    /// What the person here wants to be sent in the talk: may be chosen before it begins.
    pub(super) microphone: bool,
    pub(super) camera: bool,
    /// The size in which pictures of others are wanted: small when several are shown.
    pub(super) want: PictureSize,
    /// Our addresses changed while it rang: a link that was set up early may stand on one that is gone.
    pub(super) moved: bool,
    /// Signalling was away while it rang: what was said of a link that was set up early may be lost.
    pub(super) interrupted: bool,
}

impl Call {
    /// What happens while it rings, and matters to the link of the talk that follows.
    pub(super) fn note(&mut self, input: &Input) {
        match input {
            Input::NetworkChanged => self.moved = true,
            Input::SignalingUp => self.interrupted = true,
            _ => {}
        }
    }

    /// The person here wants the microphone or the camera to be sent, or not. Says whether that is new.
    pub(super) fn choose(&mut self, action: &Action) -> bool {
        let before = (self.microphone, self.camera);
        match action {
            Action::SetMicrophone(on) => self.microphone = *on,
            Action::SetCamera(on) => self.camera = *on && self.has_video(),
            _ => {}
        }
        before != (self.microphone, self.camera)
    }

    /// Whether we make the offer of each link to a device of the call, so that offers never cross.
    pub(super) fn we_offer(&self, me: &Address, agent: Agent, peer: &Address, peers: Agent) -> bool {
        match (self.kind, self.direction) {
            (Kind::Group, _) => Agent::offers(agent, me, peers, peer),
            (Kind::Single, Direction::Outgoing) => !Agent::callee_offers(agent, peers),
            (Kind::Single, Direction::Incoming) => Agent::callee_offers(peers, agent),
        }
    }

    /// Milliseconds since the call started.
    pub(super) fn at(&self, now: Instant) -> u32 {
        u32::try_from(now.saturating_duration_since(self.started).as_millis()).unwrap_or(u32::MAX)
    }

    /// It carries pictures, not voice alone.
    pub(super) fn has_video(&self) -> bool {
        self.media == Media::Video
    }

    /// Everybody else in the call: whom to watch.
    pub(super) fn others(&self, me: &Address) -> Vec<UserId> {
        match self.direction {
            Direction::Outgoing => self.callees.clone(),
            Direction::Incoming if self.caller.user == me.user => Vec::new(),
            Direction::Incoming => vec![self.caller.user.clone()],
        }
    }

    /// The view of a call in which nobody talks yet.
    pub(super) fn view(&self, remaining: Duration) -> CallView {
        CallView {
            call: self.id.clone(),
            direction: self.direction,
            kind: self.kind,
            media: self.media,
            caller: self.caller.clone(),
            callees: self.callees.clone(),
            peer: None,
            peers: Vec::new(),
            roster: Vec::new(),
            ringing_devices: 0,
            remaining_ms: Some(u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX)),
            talk_ms: None,
            lost_ms: None,
            microphone: self.microphone,
            camera: self.camera,
            door: false,
            timing: self.timing,
        }
    }
}
