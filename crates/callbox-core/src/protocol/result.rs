//! How a message fared: one list for the answers of the hub and of peers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a message fared that asked the hub, or a peer, for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultCode {
    /// Done; for an `invite`: at least one device has it.
    Ok,
    /// No device of the user is connected, the invite waits for one until its deadline.
    Queued,
    /// The addressed device is not connected and the message was not kept.
    Offline,
    /// Nobody of that name can be called in this app.
    UnknownUser,
    /// The message could not be understood.
    BadMessage,
    /// The sender may not do that.
    Forbidden,
    /// The envelope's major version is not spoken here.
    UnsupportedVersion,
    /// The command's challenge is unknown, used or too old, or its call is over.
    Expired,
    /// More commands than allowed: try again later.
    TooMany,
    /// It was tried and did not work.
    Failed,
}

impl ResultCode {
    /// The word used on the wire, in logs and in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Queued => "queued",
            Self::Offline => "offline",
            Self::UnknownUser => "unknown_user",
            Self::BadMessage => "bad_message",
            Self::Forbidden => "forbidden",
            Self::UnsupportedVersion => "unsupported_version",
            Self::Expired => "expired",
            Self::TooMany => "too_many",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
