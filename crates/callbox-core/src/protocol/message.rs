//! Every message by its type. Fields that a reader does not know are ignored.

use serde::{Deserialize, Serialize};

use super::{
    Agent, Bye, DoorState, EarlyMedia, EndReason, IceServer, Kind, ListedUser, Media, PictureSize, ResultCode,
    RosterEntry,
};
use crate::ids::{Address, AppId, CallId, CommandName, DeviceId, EnvelopeId, UserId};

/// What one envelope says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    // ---- between the two ends of a call ----
    /// Please talk with me. Sent to each callee *user*.
    Invite {
        /// Names the call from now on.
        call: CallId,
        /// One partner or several.
        kind: Kind,
        /// Voice or picture.
        media: Media,
        /// Everybody who is rung at once.
        callees: Vec<UserId>,
        /// Time left until the deadline; hub and broker subtract the wait.
        remaining_ms: u32,
        /// What the inviter runs.
        agent: Agent,
        /// What the inviter offers to set up while it rings.
        early: EarlyMedia,
    },
    /// It rings here. From a callee's device to the inviter's device.
    Ringing {
        /// The call.
        call: CallId,
        /// What the callee's device runs.
        agent: Agent,
        /// What is set up now: the smaller of the two wishes.
        early: EarlyMedia,
        /// The newest link this device has for the call; 0: none yet, or none any more (it was restarted while it rang).
        #[serde(default)]
        link: u32,
    },
    /// Somebody picked up; counts once the inviter confirms it.
    Accept {
        /// The call.
        call: CallId,
        /// What the callee's device runs.
        agent: Agent,
    },
    /// You won: we talk. From the inviter to the one device.
    Confirm {
        /// The call.
        call: CallId,
    },
    /// Let me into the group call that runs: I missed or left it. From a device whose user is on the roster to a member, which
    /// confirms it as it does an `accept`.
    Join {
        /// The call.
        call: CallId,
        /// What the device runs.
        agent: Agent,
    },
    /// Who takes part in a group call, as the sender knows it. From member to member, and to a device that a member rings or lets in.
    Roster {
        /// The call.
        call: CallId,
        /// At most [`super::MAX_ROSTER`] entries, one a device. The sender's own counts; the others are hearsay.
        entries: Vec<RosterEntry>,
    },
    /// No. From a callee's device to the inviter.
    Reject {
        /// The call.
        call: CallId,
        /// `rejected`, `busy`, `no_answer`, `unsupported_version`, `media_failed`.
        reason: EndReason,
    },
    /// Stop ringing. From the inviter to a callee user, or to one late device.
    Cancel {
        /// The call.
        call: CallId,
        /// Why.
        reason: EndReason,
        /// Who answered, when the reason is `answered_elsewhere`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Address>,
    },
    /// The talk is over. Either side.
    Hangup {
        /// The call.
        call: CallId,
        /// Why.
        reason: EndReason,
    },
    /// SDP offer of a link (RFC 9429).
    Offer {
        /// The call.
        call: CallId,
        /// The link's number.
        link: u32,
        /// The session description.
        sdp: String,
    },
    /// SDP answer of a link.
    Answer {
        /// The call.
        call: CallId,
        /// The link's number.
        link: u32,
        /// The session description.
        sdp: String,
    },
    /// One ICE candidate (RFC 8838), or, when empty, the end of them.
    Candidate {
        /// The call.
        call: CallId,
        /// The link's number.
        link: u32,
        /// `candidate:…` as in W3C `RTCIceCandidate.candidate`.
        candidate: String,
        /// `RTCIceCandidate.sdpMLineIndex`.
        mline: u16,
    },
    /// Make the next link: this one is of no use here any more. From the device that answers to the one that offers.
    Relink {
        /// The call.
        call: CallId,
        /// The newest link the sender knows.
        link: u32,
    },
    /// What the sender lets out now: mute state.
    Media {
        /// The call.
        call: CallId,
        /// The microphone is sent.
        audio: bool,
        /// The camera is sent.
        video: bool,
        /// The sender takes part in group calls: a call between two may grow.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        group: bool,
        /// The size in which the sender wants the receiver's picture.
        #[serde(default, skip_serializing_if = "PictureSize::is_full")]
        want: PictureSize,
    },
    /// Who rings, as the inviter's camera sees it. From the inviter to each device that rings; again when there is a newer one.
    Picture {
        /// The call.
        call: CallId,
        /// A JPEG in base64 (RFC 4648, section 4), at most [`super::MAX_PICTURE`] characters.
        jpeg: String,
    },
    /// There is a door here, and you may open it. From a panel to each device of a call that may; again when it changes.
    Door {
        /// The call.
        call: CallId,
        /// What the door contact says; absent: there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        state: Option<DoorState>,
        /// Somebody tampers with the panel.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        tamper: bool,
    },
    /// Please do this. Answered by `challenge`; with the right one by `result`.
    Command {
        /// The call.
        call: CallId,
        /// What to do.
        name: CommandName,
        /// Names this command in all its messages. Another wish has another one.
        nonce: EnvelopeId,
        /// What the challenge said; absent: ask for one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        challenge: Option<EnvelopeId>,
    },
    /// Say it again with this, if you still want it.
    Challenge {
        /// The call.
        call: CallId,
        /// The command's.
        nonce: EnvelopeId,
        /// Good once, for this command of this device.
        challenge: EnvelopeId,
        /// … and for so long.
        remaining_ms: u32,
    },

    // ---- between a device and the hub ----
    /// The first message on a socket.
    Login {
        /// The tenant.
        app: AppId,
        /// Who logs in.
        user: UserId,
        /// Which device; stable over restarts.
        device: DeviceId,
        /// UserSig v2 for that app and user.
        ticket: String,
        /// What the device runs.
        agent: Agent,
    },
    /// Logged in.
    Welcome {
        /// The address messages of this session are stamped with.
        you: Address,
        /// A WebSocket ping comes this often; silence for twice as long means the hub is gone.
        heartbeat_ms: u32,
        /// STUN and TURN servers for this session.
        #[serde(default)]
        ice_servers: Vec<IceServer>,
    },
    /// Tell me who of these is there, now and from now on. Replaces the earlier list. `["*"]`: everybody of the app.
    Watch {
        /// At most 256 names, or the one entry `*`.
        users: Vec<String>,
    },
    /// Tell me the names of users, page by page. Answered by `listed`.
    List {
        /// Only names that contain this; case is ignored.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        find: Option<UserId>,
        /// Names behind this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<UserId>,
        /// At most so many.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<u16>,
    },
    /// One page of names.
    Listed {
        /// The `list` it answers.
        re: EnvelopeId,
        /// In order of name.
        users: Vec<ListedUser>,
        /// Where the next page begins; absent: that was all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<UserId>,
    },
    /// A device came or went. After `watch`, one for each device that is there and one with no device for each user with none.
    Presence {
        /// The user.
        user: UserId,
        /// The device; absent: the user has none connected.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        device: Option<DeviceId>,
        /// Whether it is there.
        online: bool,
    },
    /// A call that came and went while no device of this user was there. From the hub; over a broker from the caller itself.
    Missed {
        /// The call.
        call: CallId,
        /// Who rang.
        caller: Address,
        /// Voice or picture.
        media: Media,
        /// How long ago it was sent.
        ago_ms: u64,
    },
    /// How an earlier message fared.
    Result {
        /// The envelope it speaks of, or the command by its nonce; absent when that had no readable id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        re: Option<EnvelopeId>,
        /// How it fared.
        code: ResultCode,
        /// The call it belongs to, if any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<CallId>,
        /// For a person: what was wrong and what to do.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        text: String,
    },
    /// The hub closes this session now.
    Bye {
        /// Why.
        reason: Bye,
        /// UserSig error code, when a ticket was refused (70001 …).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<u32>,
        /// For a person: what was wrong and what to do.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        text: String,
        /// Logging in again unchanged makes sense after this many milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_ms: Option<u32>,
    },
    /// Are you there? For clients that cannot see WebSocket pings.
    Ping {},
    /// Yes.
    Pong {},
}
