//! What can happen to a station. Time comes along as an argument of `handle`.

use super::door::{DoorEvent, Opener};
use super::plan::Plan;
use super::policy::LocalTime;
use crate::ids::{Address, CallId, LinkId, UserId};
use crate::protocol::{Media, Message, ResultCode};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// A message came in; the transport vouches for the sender.
    Heard {
        /// Who sent it.
        from: Address,
        /// What it says.
        message: Message,
    },
    /// A button, a key or the control socket.
    Pressed(Action),
    /// Signalling is connected (again).
    SignalingUp,
    /// Signalling is gone.
    SignalingDown,
    /// An address of this device went, and there is one (again): links may stand on one that is gone.
    NetworkChanged,
    /// A device that is watched came or went.
    Presence {
        /// The device.
        peer: Address,
        /// Whether it is there.
        online: bool,
    },
    /// The hub or the broker says how our invite to a user fared.
    InviteResult {
        /// The call.
        call: CallId,
        /// Whom we invited.
        user: UserId,
        /// What became of the invite.
        code: ResultCode,
    },
    /// Something happened on a link.
    Link {
        /// Which link.
        link: LinkId,
        /// What happened.
        event: LinkEvent,
    },
    /// Our camera's picture for those who are rung in this call: a JPEG in base64.
    Picture {
        /// The call.
        call: CallId,
        /// At most [`crate::protocol::MAX_PICTURE`] characters.
        jpeg: String,
    },
    /// The panel tells something of the door.
    Door(DoorEvent),
    /// The clock on the wall: told when it matters to the policy, at least each minute.
    LocalTime(LocalTime),
    /// Media can carry a call, or cannot: a part of the system that every call needs is absent. A station begins with media that can. A call
    /// that there is already ends as its links do.
    MediaReady(bool),
    /// The deadline passed.
    Tick,
}

/// What a person can ask for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Ring these users at once; the first to accept wins.
    Call {
        /// 1 to [`crate::protocol::MAX_CALLEES`] users.
        users: Vec<UserId>,
        /// Voice or picture.
        media: Media,
    },
    /// Ring these users, and if they do not answer, the next.
    CallInTurn {
        /// Whom, in which order.
        plan: Plan,
        /// Voice or picture.
        media: Media,
    },
    /// Ring these users at once; everybody who accepts is in.
    CallGroup {
        /// 1 to [`crate::protocol::MAX_CALLEES`] users.
        users: Vec<UserId>,
        /// Voice or picture.
        media: Media,
    },
    /// Ring these users too; the call becomes a group call.
    Add {
        /// 1 to [`crate::protocol::MAX_CALLEES`] users.
        users: Vec<UserId>,
    },
    /// Join a group call that this device missed or left.
    Join {
        /// Which; absent: the newest.
        call: Option<CallId>,
    },
    /// Pick up.
    Accept,
    /// Decline.
    Reject,
    /// End, or give up, the call.
    Hangup,
    /// Accept when it rings, hang up when it talks or calls: one button for both.
    Toggle,
    /// Send the microphone or not.
    SetMicrophone(bool),
    /// Send the camera or not.
    SetCamera(bool),
    /// Let nobody ring, or let them ring again.
    DoNotDisturb {
        /// Absent: the opposite of what holds.
        on: Option<bool>,
    },
    /// Open our door, or else the one at the other end of the call.
    Unlock {
        /// Who wants it.
        by: Opener,
    },
}

/// What the media edge tells of a link.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LinkEvent {
    /// Our offer is ready to be sent.
    Offer(String),
    /// Our answer is ready to be sent.
    Answer(String),
    /// One of our ICE candidates; empty: there are no more.
    Candidate {
        /// `candidate:…`
        candidate: String,
        /// The m-line it belongs to.
        mline: u16,
    },
    /// ICE found a path.
    IceConnected,
    /// DTLS is up **and** the peer's certificate matches the fingerprint of its description: media may flow.
    /// Sent again when media comes back on a link that was [`LinkEvent::Silent`].
    Secured,
    /// The first sound of the peer was played.
    FirstAudio,
    /// The first frame of our camera left, after its gate opened.
    FirstFrameSent,
    /// The first frame of the peer was shown.
    FirstFrameShown,
    /// No RTP or RTCP for the liveness time (6 s).
    Silent,
    /// The link cannot be used any more.
    Failed(LinkFailure),
}

/// Why a link cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkFailure {
    /// The description could not be applied or made.
    Negotiation,
    /// The peer's description is one that we cannot take, and its next one would be no better.
    Refused,
    /// ICE or DTLS did not come up.
    Transport,
    /// The peer's certificate is not the one its description promised: somebody sits in between.
    WrongFingerprint,
    /// A media element failed.
    Pipeline,
}
