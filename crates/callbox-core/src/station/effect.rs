//! What a station wants done. Edges carry it out and decide nothing.

use std::time::Duration;

use serde::Serialize;

use super::door::{DoorEntry, DoorNews};
use crate::ids::{Address, CallId, LinkId, Target, UserId};
use crate::protocol::{EndReason, Kind, Media, Message, PictureSize};

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Send this.
    Send {
        /// To a device, or to every device of a user.
        to: Target,
        /// What to say.
        message: Message,
    },
    /// Watch the presence of exactly these users.
    Watch(Vec<UserId>),
    /// An order for the media edge.
    Media(MediaOrder),
    /// The view changed: lamps, screen, `callbox ctl monitor`.
    Show,
    /// Open our door: pulse its relay. Answered by [`super::Input::Door`] with the same number, or it counts as failed after 3 s.
    Unlock {
        /// Numbers the openings of this station, from 1.
        opening: u64,
    },
    /// A press, or an answer that came too late, changes nothing: why, for the log.
    Ignored(&'static str),
    /// Something about a door, its own call's record aside: log it, tell monitors.
    Door(DoorNews),
    /// A call is over: write it down.
    Record(CallRecord),
}

/// An order for the media edge.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MediaOrder {
    /// A call begins to ring: start capture and rendering. Nothing is sent before a gate opens.
    Prepare {
        /// Voice or picture.
        media: Media,
    },
    /// Set up a link: ICE and DTLS, all gates closed.
    Open {
        /// Its name.
        link: LinkId,
        /// Which m-lines it has.
        media: Media,
        /// We make the offer; otherwise wait for [`MediaOrder::RemoteOffer`].
        offerer: bool,
    },
    /// The peer's offer.
    RemoteOffer {
        /// The link.
        link: LinkId,
        /// The session description.
        sdp: String,
    },
    /// The peer's answer.
    RemoteAnswer {
        /// The link.
        link: LinkId,
        /// The session description.
        sdp: String,
    },
    /// A candidate of the peer; empty: there are no more.
    RemoteCandidate {
        /// The link.
        link: LinkId,
        /// `candidate:…`
        candidate: String,
        /// The m-line it belongs to.
        mline: u16,
    },
    /// What may pass on a link from now on (once it is secured).
    Gate {
        /// The link.
        link: LinkId,
        /// What may pass.
        flow: Flow,
    },
    /// Which of our pictures goes out on a link. A new link sends the full one.
    Picture {
        /// The link.
        link: LinkId,
        /// Which picture.
        size: PictureSize,
    },
    /// What a peer says that it sends: the tile of a peer that is muted or hides its camera shows so. Until it says
    /// something, a peer sends both.
    PeerSends {
        /// The peer.
        peer: Address,
        /// Its microphone.
        audio: bool,
        /// Its camera.
        video: bool,
    },
    /// Tear a link down.
    Close {
        /// The link.
        link: LinkId,
    },
    /// Play this tone until told otherwise.
    Tone(Tone),
    /// The call is over: stop capture and rendering once the tone has ended.
    Release,
}

/// What may pass on a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flow {
    /// Our microphone goes out.
    pub send_audio: bool,
    /// Our camera goes out.
    pub send_video: bool,
    /// The peer is heard.
    pub play_audio: bool,
    /// The peer is seen.
    pub play_video: bool,
}

/// A tone in the speaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tone {
    /// None.
    Silence,
    /// Somebody rings us.
    Ring,
    /// A call is about to be picked up without anybody's doing: whoever is in the room shall know.
    Warning,
    /// It rings at the other end.
    RingBack,
    /// Busy, declined or failed; ends by itself after a few beats.
    Busy,
}

/// Which part this station had in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// We rang somebody.
    Outgoing,
    /// Somebody rang us.
    Incoming,
}

/// What is written down of a call. Times are durations on the monotonic clock; the shell adds the wall clock.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct CallRecord {
    /// The call.
    pub call: CallId,
    /// Outgoing or incoming.
    pub direction: Direction,
    /// Single or group.
    pub kind: Kind,
    /// Voice or picture.
    pub media: Media,
    /// The inviter.
    pub caller: Address,
    /// Everybody who was rung.
    pub callees: Vec<UserId>,
    /// Whom we talked with, if anybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<Address>,
    /// Which device answered, when it was not us or our peer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<Address>,
    /// Why it ended.
    pub reason: EndReason,
    /// From invite to end.
    #[serde(serialize_with = "as_ms", rename = "lasted_ms")]
    pub lasted: Duration,
    /// Talk time.
    #[serde(serialize_with = "as_seconds", rename = "talk_seconds")]
    pub talked: Duration,
    /// How long each step of setting it up took.
    pub timing: Timing,
    /// Every device that was in a group call, beside this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parties: Vec<PartyRecord>,
    /// Who wanted a door opened and what became of it, and what the door did meanwhile.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub door: Vec<DoorEntry>,
}

/// One device that was in a group call. A device that came back has an entry for each time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct PartyRecord {
    /// The device.
    pub device: Address,
    /// When it came in, from the invite on.
    #[serde(serialize_with = "as_ms", rename = "joined_ms")]
    pub joined: Duration,
    /// When it went out, from the invite on.
    #[serde(serialize_with = "as_ms_or_none", rename = "left_ms", skip_serializing_if = "Option::is_none")]
    pub left: Option<Duration>,
    /// Why it went, if it went before us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<EndReason>,
}

/// When each step of a call's set-up was reached, in milliseconds since the invite was sent or received.
/// Link times are those of the link that talks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Timing {
    /// The first callee rings (inviter), or we ring (callee).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ringing_ms: Option<u32>,
    /// Somebody accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept_ms: Option<u32>,
    /// The inviter confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm_ms: Option<u32>,
    /// ICE found a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ice_ms: Option<u32>,
    /// DTLS is up and the fingerprint is right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dtls_ms: Option<u32>,
    /// The peer is heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_audio_ms: Option<u32>,
    /// Our first frame left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_frame_sent_ms: Option<u32>,
    /// The peer's first frame was shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_frame_shown_ms: Option<u32>,
}

fn as_ms<S: serde::Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u128(duration.as_millis())
}

fn as_ms_or_none<S: serde::Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    duration.map(|duration| duration.as_millis()).serialize(to)
}

fn as_seconds<S: serde::Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(duration.as_secs())
}
