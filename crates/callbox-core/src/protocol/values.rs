//! The values that messages carry: kinds of calls, media, programs, servers.

use serde::{Deserialize, Serialize};

use crate::ids::{Address, UserId};

/// How many may talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One user or a ring group: the first to accept wins.
    Single,
    /// Everyone who accepts is in.
    Group,
}

/// What a call carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Media {
    /// Voice only.
    Audio,
    /// Voice and picture.
    Video,
}

/// What kind of program a device runs. Decides who makes the offer: the panel offers to a browser, otherwise who joins offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Agent {
    /// The daemon on a board.
    Panel,
    /// A browser, or any other client that answers offers.
    Browser,
}

impl Agent {
    /// Whether the callee of a pair makes the offer of each of its links.
    pub fn callee_offers(inviter: Agent, callee: Agent) -> bool {
        !(inviter == Agent::Panel && callee == Agent::Browser)
    }

    /// Whether the first of two members of a group call makes the offer of each of their links: a panel offers to a browser,
    /// otherwise the smaller address offers.
    pub fn offers(agent: Agent, device: &Address, others: Agent, other: &Address) -> bool {
        match (agent, others) {
            (Agent::Panel, Agent::Browser) => true,
            (Agent::Browser, Agent::Panel) => false,
            _ => device < other,
        }
    }
}

/// The size in which a picture goes out on a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PictureSize {
    /// The configured picture.
    #[default]
    Full,
    /// Half of each side and at most 15 frames a second, for a peer that shows several.
    Small,
}

impl PictureSize {
    pub(super) fn is_full(&self) -> bool {
        *self == Self::Full
    }
}

/// How much of the media path is set up while it rings. Of two parties' wishes the smaller counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlyMedia {
    /// Nothing before accept.
    Off,
    /// ICE and DTLS finish while it rings; no media flows.
    Connect,
    /// As `connect`, and the inviter's picture is shown at every ringing device.
    Preview,
}

/// A STUN or TURN server, in the form of W3C `RTCIceServer`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IceServer {
    /// `stun:`, `turn:` or `turns:` addresses (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    /// TURN user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// TURN password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// Why the hub closes a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bye {
    /// The same device logged in again; the newer login wins.
    Replaced,
    /// The hub stops or restarts: come back with a back-off.
    Shutdown,
    /// The session's queue was full: it read too slowly.
    TooSlow,
    /// More messages a second than allowed.
    TooFast,
    /// Login was refused or did not come in time.
    NotLoggedIn,
    /// The ticket ran out while the session was open.
    TicketExpired,
}

/// One user of a page of names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ListedUser {
    /// The name.
    pub user: UserId,
    /// Whether a device is there; absent: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub online: Option<bool>,
}
