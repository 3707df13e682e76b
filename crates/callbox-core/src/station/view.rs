//! What a person may see of a station: for lamps, the screen, `callbox ctl status` and `callbox ctl monitor`.

use serde::Serialize;

use super::door::DoorView;
use super::effect::{Direction, Timing};
use crate::ids::{Address, CallId, UserId};
use crate::protocol::{EndReason, Media};

/// The states of a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// No call.
    Idle,
    /// We ring somebody.
    Inviting,
    /// Somebody rings us.
    Ringing,
    /// We picked up and wait for the inviter's word.
    Accepting,
    /// We talk.
    Talking,
}

impl Phase {
    /// The word used in logs and on the control socket.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Inviting => "inviting",
            Self::Ringing => "ringing",
            Self::Accepting => "accepting",
            Self::Talking => "talking",
        }
    }
}

/// A station at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct View {
    /// The state.
    pub phase: Phase,
    /// The call, unless idle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<CallView>,
    /// How the last call ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Ended>,
    /// Our door, if this panel has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub door: Option<DoorView>,
    /// Why nobody may ring now, if that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet: Option<String>,
}

/// A call at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallView {
    /// The call.
    pub call: CallId,
    /// Outgoing or incoming.
    pub direction: Direction,
    /// Voice or picture.
    pub media: Media,
    /// The inviter.
    pub caller: Address,
    /// Everybody who is rung.
    pub callees: Vec<UserId>,
    /// Whom we talk with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<Address>,
    /// How many devices ring (inviter).
    pub ringing_devices: usize,
    /// Time left until nobody answers, in milliseconds; absent while talking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining_ms: Option<u64>,
    /// Time talked, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub talk_ms: Option<u64>,
    /// The connection is lost for so long, in milliseconds, and tried again; absent while media flows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_ms: Option<u64>,
    /// The microphone is sent.
    pub microphone: bool,
    /// The camera is sent.
    pub camera: bool,
    /// The other end has a door that may be opened from here.
    pub door: bool,
    /// The set-up steps reached so far.
    pub timing: Timing,
}

/// A call that is over.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Ended {
    /// The call.
    pub call: CallId,
    /// Why.
    pub reason: EndReason,
    /// Which device answered, when the reason is `answered_elsewhere`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Address>,
}
