//! What can be told of a door: what its edge reports, and what is written down.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::ids::Address;
use crate::protocol::ResultCode;

/// What the panel edge tells of our door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DoorEvent {
    /// The relay was switched as [`super::super::Effect::Unlock`] asked: the door can be opened now.
    Unlocked {
        /// Which effect asked.
        opening: u64,
    },
    /// The relay could not be switched.
    Failed {
        /// Which effect asked.
        opening: u64,
    },
    /// The door contact opened.
    Opened,
    /// The door contact closed.
    Closed,
    /// The tamper contact: somebody opens the panel's housing, or has closed it again.
    Tamper(bool),
}

/// Who wants a door opened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Opener {
    /// A button of this panel.
    Button,
    /// The control socket.
    Control {
        /// Which of its requests: the outcome is that request's.
        request: u64,
    },
    /// A device at the other end of a call.
    Far(Address),
}

impl fmt::Display for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Button => f.write_str("button"),
            Self::Control { .. } => f.write_str("control"),
            Self::Far(address) => address.fmt(f),
        }
    }
}

impl Serialize for Opener {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// Something about a door that is logged, told to monitors and written into the record of the call.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum DoorNews {
    /// Somebody wanted it opened.
    Unlock {
        /// Who: `button`, `control`, or `user/device`.
        by: Opener,
        /// What became of it.
        outcome: ResultCode,
        /// Whose door, when it was not ours.
        #[serde(skip_serializing_if = "Option::is_none")]
        at: Option<Address>,
    },
    /// It was opened.
    Opened,
    /// It was closed.
    Closed,
    /// It stands open for longer than the operator allows.
    OpenTooLong,
    /// Somebody tampers with the panel.
    Tamper,
    /// Nobody does any more.
    TamperOver,
}

impl DoorNews {
    /// A try that came to nothing: there may be many of them.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Unlock { outcome, .. } if *outcome != ResultCode::Ok)
    }
}

/// Door news in the record of a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct DoorEntry {
    /// How long after the call began.
    #[serde(serialize_with = "as_ms", rename = "at_ms")]
    pub at: Duration,
    /// What happened.
    #[serde(flatten)]
    pub news: DoorNews,
}

fn as_ms<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u128(duration.as_millis())
}
