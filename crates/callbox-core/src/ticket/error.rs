//! Why a ticket is refused, with the published code.

use std::time::Duration;

use super::{CLOCK_SKEW_SECS, MAX_TOKEN_BYTES};
use crate::ids::{AppId, UserId};

/// Why a ticket is refused. Its text is a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// No text at all.
    #[error("the ticket is empty: make one with `callbox ticket make` and hand in all of it")]
    Empty,
    /// Refused before looking into it.
    #[error("the ticket has {bytes} bytes, at most {MAX_TOKEN_BYTES} are allowed: hand in one ticket and nothing else")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// No ticket, or a part of one.
    #[error("the ticket cannot be read ({what}): it was cut short or changed on its way, hand in all of it unchanged")]
    Malformed {
        /// What is wrong.
        what: String,
    },
    /// Another format.
    #[error("the ticket is of version `{found}`: make one of version 2.0")]
    OtherVersion {
        /// `TLS.ver`.
        found: String,
    },
    /// `TLS.expire` is zero, or the end lies beyond all time.
    #[error("the ticket is valid for {expire} seconds, which is no span of time: make one with 1 second to 50 years")]
    BadLifetime {
        /// `TLS.expire`.
        expire: u64,
    },
    /// Made in the future.
    #[error(
        "the ticket was made {ahead_secs} s in the future, at most {CLOCK_SKEW_SECS} s are allowed: \
         set the clock of this machine, or of the one that made it"
    )]
    NotYetValid {
        /// How far in the future.
        ahead_secs: u64,
    },
    /// Its time is over.
    #[error("the ticket expired {ago_secs} s ago: make a new one")]
    Expired {
        /// How long ago.
        ago_secs: u64,
    },
    /// The operator has withdrawn it: it was made before the time from which tickets of its user count.
    #[error(
        "the ticket was made before unix second {valid_from}, from which on this user's tickets count: make a new one"
    )]
    Withdrawn {
        /// `TLS.time`.
        issued_at: u64,
        /// From when on tickets count.
        valid_from: u64,
    },
    /// It gives rights in one room, and is not for logging in.
    #[error("the ticket is for one room only (it carries a userbuf): make one without room rights to log in")]
    NotForLogin,
    /// The signature does not fit.
    #[error("the ticket was signed with another key, or changed: use the secret key of this app on both sides")]
    WrongKey,
    /// It is somebody else's.
    #[error(
        "the ticket is for user `{found}`, not for `{expected}`: make one for `{expected}`, or log in as `{found}`"
    )]
    OtherUser {
        /// The user in the ticket.
        found: UserId,
        /// The user who logs in.
        expected: UserId,
    },
    /// The hub has no such tenant.
    #[error("there is no app {app} at this hub: use the app's number from the hub's configuration")]
    UnknownApp {
        /// The app logged in to.
        app: AppId,
    },
    /// It is for another tenant.
    #[error("the ticket is for app {found}, not for {expected}: make one with the number and key of app {expected}")]
    OtherApp {
        /// The app in the ticket.
        found: AppId,
        /// The app logged in to.
        expected: AppId,
    },
}

impl TicketError {
    /// The published UserSig error code.
    pub fn code(&self) -> u32 {
        match self {
            Self::Expired { .. } | Self::Withdrawn { .. } => 70001,
            Self::Empty => 70002,
            Self::TooLong { .. }
            | Self::Malformed { .. }
            | Self::OtherVersion { .. }
            | Self::BadLifetime { .. }
            | Self::NotYetValid { .. }
            | Self::NotForLogin => 70003,
            Self::WrongKey => 70009,
            Self::OtherUser { .. } => 70013,
            Self::OtherApp { .. } | Self::UnknownApp { .. } => 70014,
        }
    }

    /// When the same ticket becomes valid, for a ticket whose maker's clock is ahead of ours. `None`: never.
    pub fn valid_in(&self) -> Option<Duration> {
        match self {
            Self::NotYetValid { ahead_secs } => Some(Duration::from_secs(ahead_secs.saturating_sub(CLOCK_SKEW_SECS))),
            _ => None,
        }
    }

    pub(super) fn malformed(what: impl Into<String>) -> Self {
        Self::Malformed { what: what.into() }
    }
}
