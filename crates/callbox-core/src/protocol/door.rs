//! A door that a panel opens: how it stands, and the command that opens it.

use serde::{Deserialize, Serialize};

/// The name of the command that opens a panel's door.
pub const UNLOCK: &str = "unlock";

/// What a door contact says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DoorState {
    /// It is closed.
    Closed,
    /// It stands open.
    Open,
    /// It stands open for longer than the operator allows.
    OpenTooLong,
}

impl DoorState {
    /// The word used on the wire, in logs and on the control socket.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::OpenTooLong => "open_too_long",
        }
    }
}
