//! What a message is called, and which call it belongs to.

use super::Message;
use crate::ids::CallId;

impl Message {
    /// The call this message belongs to, if it belongs to one.
    pub fn call(&self) -> Option<&CallId> {
        match self {
            Self::Invite { call, .. }
            | Self::Ringing { call, .. }
            | Self::Accept { call, .. }
            | Self::Confirm { call }
            | Self::Join { call, .. }
            | Self::Roster { call, .. }
            | Self::Reject { call, .. }
            | Self::Cancel { call, .. }
            | Self::Hangup { call, .. }
            | Self::Offer { call, .. }
            | Self::Answer { call, .. }
            | Self::Candidate { call, .. }
            | Self::Media { call, .. }
            | Self::Picture { call, .. }
            | Self::Door { call, .. }
            | Self::Command { call, .. }
            | Self::Challenge { call, .. }
            | Self::Relink { call, .. }
            | Self::Missed { call, .. } => Some(call),
            Self::Result { call, .. } => call.as_ref(),
            Self::Login { .. }
            | Self::Welcome { .. }
            | Self::Watch { .. }
            | Self::List { .. }
            | Self::Listed { .. }
            | Self::Presence { .. }
            | Self::Bye { .. }
            | Self::Ping {}
            | Self::Pong {} => None,
        }
    }
}

/// The one list of types: the name of each variant on the wire.
macro_rules! types {
    ($($variant:ident => $name:literal,)*) => {
        impl Message {
            /// Every `type` on the wire.
            pub const TYPES: &'static [&'static str] = &[$($name),*];

            /// The `type` on the wire, for logs.
            pub fn type_name(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $name,)* }
            }
        }
    };
}

types! {
    Invite => "invite",
    Ringing => "ringing",
    Accept => "accept",
    Confirm => "confirm",
    Join => "join",
    Roster => "roster",
    Reject => "reject",
    Cancel => "cancel",
    Hangup => "hangup",
    Offer => "offer",
    Answer => "answer",
    Candidate => "candidate",
    Media => "media",
    Picture => "picture",
    Door => "door",
    Command => "command",
    Challenge => "challenge",
    Relink => "relink",
    Login => "login",
    Welcome => "welcome",
    Watch => "watch",
    List => "list",
    Listed => "listed",
    Presence => "presence",
    Missed => "missed",
    Result => "result",
    Bye => "bye",
    Ping => "ping",
    Pong => "pong",
}
