//! What a person may see of a station: for lamps, the screen, `callbox ctl status` and `callbox ctl monitor`.

use serde::Serialize;

use super::door::DoorView;
use super::effect::{Direction, Timing};
use crate::ids::{Address, CallId, UserId};
use crate::protocol::{EndReason, Kind, Media};

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
    /// A group call to join.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joinable: Option<JoinableView>,
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
    /// With one or with several.
    pub kind: Kind,
    /// Voice or picture.
    pub media: Media,
    /// The inviter.
    pub caller: Address,
    /// Everybody who is rung.
    pub callees: Vec<UserId>,
    /// Whom we talk with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<Address>,
    /// The devices in a group call, beside this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<PeerView>,
    /// The users of a group call, beside this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roster: Vec<PartView>,
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

/// One device in a group call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PeerView {
    /// The device.
    pub device: Address,
    /// How the media path to it stands.
    pub state: PeerState,
    /// Its microphone is sent.
    pub audio: bool,
    /// Its camera is sent.
    pub video: bool,
}

/// How the media path to a device stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PeerState {
    /// Nothing has flowed yet.
    Connecting,
    /// Media flows.
    Talking,
    /// Media is gone, and tried again.
    Lost,
}

/// How one user takes part in a group call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartView {
    /// The user.
    pub user: UserId,
    /// How.
    pub state: PartState,
    /// Why the user left, or will not come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<EndReason>,
}

/// How a user takes part in a group call, for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PartState {
    /// Invited; no device has said that it rings.
    Invited,
    /// A device rings.
    Ringing,
    /// A device is in.
    Joined,
    /// Was in.
    Left,
    /// Will not come: the reason says why.
    Ended,
}

/// A group call that runs, as far as is known, and that this device may join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JoinableView {
    /// The call.
    pub call: CallId,
    /// Voice or picture.
    pub media: Media,
    /// Users who were in when this device heard of it last.
    pub users: Vec<UserId>,
}

impl CallView {
    /// Whether we talk with this device.
    pub fn talks_with(&self, device: &Address) -> bool {
        self.peer.as_ref() == Some(device) || self.peers.iter().any(|peer| peer.device == *device)
    }
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
