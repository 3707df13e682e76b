//! Why a call ended: one list for the wire, logs, records and metrics.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a call, or one device's part in it, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Somebody who talked hung up.
    Hangup,
    /// A callee declined.
    Rejected,
    /// The deadline passed and nobody had accepted.
    NoAnswer,
    /// The callee could not be reached before the deadline.
    Offline,
    /// The callee talks to somebody else.
    Busy,
    /// The inviter gave up before anybody accepted.
    Cancelled,
    /// Another device, or another callee of the ring group, answered.
    AnsweredElsewhere,
    /// Another device of the same user declined.
    RejectedElsewhere,
    /// The peer speaks a version, or asks for a kind of call, that is not spoken here.
    UnsupportedVersion,
    /// Media could not be set up, or was not safe (wrong DTLS fingerprint).
    MediaFailed,
    /// The peer vanished: signalling presence or media was gone too long.
    NetworkLost,
    /// The hub or its operator ended the call.
    EndedByServer,
    /// The group call is full.
    TooMany,
}

impl EndReason {
    /// Every reason, in the order of the documentation.
    pub const ALL: [Self; 13] = [
        Self::Hangup,
        Self::Rejected,
        Self::NoAnswer,
        Self::Offline,
        Self::Busy,
        Self::Cancelled,
        Self::AnsweredElsewhere,
        Self::RejectedElsewhere,
        Self::UnsupportedVersion,
        Self::MediaFailed,
        Self::NetworkLost,
        Self::EndedByServer,
        Self::TooMany,
    ];

    /// The word used on the wire, in logs and in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hangup => "hangup",
            Self::Rejected => "rejected",
            Self::NoAnswer => "no_answer",
            Self::Offline => "offline",
            Self::Busy => "busy",
            Self::Cancelled => "cancelled",
            Self::AnsweredElsewhere => "answered_elsewhere",
            Self::RejectedElsewhere => "rejected_elsewhere",
            Self::UnsupportedVersion => "unsupported_version",
            Self::MediaFailed => "media_failed",
            Self::NetworkLost => "network_lost",
            Self::EndedByServer => "ended_by_server",
            Self::TooMany => "too_many",
        }
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_in_a_log_is_the_word_on_the_wire() {
        for reason in EndReason::ALL {
            assert_eq!(serde_json::to_string(&reason).unwrap(), format!("\"{reason}\""));
        }
    }
}
