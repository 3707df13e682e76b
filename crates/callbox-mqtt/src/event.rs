//! What happens on a connection.

use bytes::Bytes;
use callbox_core::ids::{CallId, DeviceId, EnvelopeId, UserId};
use callbox_core::protocol::{DecodeError, ResultCode};

use crate::broker::BrokerUrl;
use crate::opened::Opened;

/// What happens on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// This broker is tried now.
    Trying(BrokerUrl),
    /// Logged in: what is for us comes from now on, and we are told to be there.
    Up,
    /// A peer's message. It may be a repeated one.
    Heard(Opened),
    /// A peer's message that this version cannot read; [`DecodeError::answer`] says what to tell its sender.
    NotUnderstood {
        /// Why.
        error: DecodeError,
        /// All of it.
        payload: Bytes,
    },
    /// A device that is watched came or went; whoever is there already is told first.
    Presence {
        /// Its user.
        user: UserId,
        /// The device.
        device: DeviceId,
        /// Whether it is there.
        online: bool,
    },
    /// The broker has taken in, or refused, what [`Connection::watch`] asked for.
    Watching,
    /// The broker has answered for a message of ours.
    Acknowledged {
        /// The envelope's.
        id: EnvelopeId,
        /// Its call.
        call: Option<CallId>,
        /// What it says.
        outcome: Outcome,
    },
}

/// What a broker says of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has it, and somebody who is to have it.
    Taken,
    /// Nobody of that name has a session.
    NobodyThere,
    /// Its access list refuses it.
    Forbidden,
    /// Something else is wrong.
    Refused(String),
}

impl Outcome {
    /// The `result` that says so; none when all is well.
    pub fn result(self) -> Option<(ResultCode, String)> {
        match self {
            Self::Taken => None,
            Self::NobodyThere => Some((ResultCode::Offline, "nobody of that name has a session".to_owned())),
            Self::Forbidden => Some((ResultCode::Forbidden, "the broker's access list refuses it".to_owned())),
            Self::Refused(reason) => Some((ResultCode::Offline, format!("the broker did not take it: {reason}"))),
        }
    }
}
