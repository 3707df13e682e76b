//! What can happen to the switchboard.

use std::time::{Duration, Instant};

use callbox_core::ids::{Address, AppId, EnvelopeId, Target};
use callbox_core::protocol::{DecodeError, Envelope};
use serde_json::{Map, Value};

/// One login: from `welcome` to the end of its socket. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// Both clocks at one moment: the steady one rules within a run, the wall clock between runs.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Never jumps.
    pub steady: Instant,
    /// Milliseconds since 1970 (UTC); may jump.
    pub unix_ms: u64,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A device showed a good ticket.
    LoggedIn {
        /// Its session from now on.
        session: SessionId,
        /// Its tenant, known to the switchboard.
        app: AppId,
        /// Whose messages these will be.
        address: Address,
        /// How long its ticket is still good.
        ticket_left: Duration,
    },
    /// A frame came in.
    Heard {
        /// From this session.
        session: SessionId,
        /// What it holds.
        frame: Frame,
    },
    /// The socket is gone.
    Closed {
        /// The session.
        session: SessionId,
    },
    /// The deadline passed.
    Tick,
    /// The process is told to stop.
    Shutdown,
}

/// What a frame holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// A message of this version.
    Known(Envelope),
    /// A message of a newer minor version that names a receiver: passed on as it is, with its sender stamped.
    Foreign(Foreign),
    /// Anything else.
    Unreadable(DecodeError),
}

/// A message whose type is not known here.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreign {
    /// Its id.
    pub id: EnvelopeId,
    /// Its type.
    pub kind: String,
    /// Its receiver.
    pub to: Target,
    /// The whole of it.
    pub body: Map<String, Value>,
}

impl Frame {
    /// Reads one frame as it came in.
    pub fn read(bytes: &[u8]) -> Self {
        match Envelope::decode(bytes) {
            Ok(envelope) => Self::Known(envelope),
            Err(error @ DecodeError::UnknownType { .. }) => match Foreign::read(bytes) {
                Some(foreign) => Self::Foreign(foreign),
                None => Self::Unreadable(error),
            },
            Err(error) => Self::Unreadable(error),
        }
    }
}

impl Foreign {
    /// Its text as it is passed on: with this sender, whatever it says itself.
    pub fn stamped(&self, from: &Address) -> String {
        let mut body = self.body.clone();
        body.insert("from".to_owned(), serde_json::json!({ "user": from.user, "device": from.device }));
        Value::Object(body).to_string()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let body: Map<String, Value> = serde_json::from_slice(bytes).ok()?;
        let id = body.get("id")?.as_str()?.parse().ok()?;
        let kind = body.get("type")?.as_str()?.to_owned();
        let to = serde_json::from_value(body.get("to")?.clone()).ok()?;
        Some(Self { id, kind, to, body })
    }
}
