//! What the switchboard wants done.

use callbox_core::ids::{Address, AppId, CallId, UserId};
use callbox_core::protocol::{Bye, Envelope, Media};

use super::SessionId;

/// One thing to do, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Greet a session (again), with fresh ICE servers.
    Welcome {
        /// The session.
        session: SessionId,
        /// Who it is.
        you: Address,
    },
    /// Put an envelope into a session's queue.
    Deliver {
        /// The session.
        session: SessionId,
        /// What to say.
        envelope: Envelope,
    },
    /// Put a message of a newer version into a session's queue.
    Forward {
        /// The session.
        session: SessionId,
        /// The JSON text.
        text: String,
    },
    /// Say goodbye and cut the socket.
    Close {
        /// The session.
        session: SessionId,
        /// Why.
        reason: Bye,
        /// UserSig error code.
        code: Option<u32>,
        /// For a person.
        text: String,
    },
    /// Change what outlives a restart.
    Store(Change),
}

/// One change of what outlives a restart.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// An undecided invite, or the same one again.
    Keep(KeptInvite),
    /// A device has answered the invite.
    Reached {
        /// Tenant.
        app: AppId,
        /// Callee.
        user: UserId,
        /// Call.
        call: CallId,
    },
    /// The invite is decided.
    Forget {
        /// Tenant.
        app: AppId,
        /// Callee.
        user: UserId,
        /// Call.
        call: CallId,
    },
    /// Nobody was there for this call.
    Miss(MissedCall),
    /// A missed call was told, is too old, makes room for another, or was answered after all.
    DropMissed {
        /// Tenant.
        app: AppId,
        /// Callee.
        user: UserId,
        /// Call.
        call: CallId,
    },
    /// This user exists.
    Seen {
        /// Tenant.
        app: AppId,
        /// Who logged in for the first time.
        user: UserId,
    },
    /// This user has not been here for so long that it makes room for another.
    Unseen {
        /// Tenant.
        app: AppId,
        /// Who.
        user: UserId,
    },
}

/// An undecided invite as it outlives a restart.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptInvite {
    /// Tenant.
    pub app: AppId,
    /// Whom it rings.
    pub user: UserId,
    /// The invite with its stamped sender and the remaining time it was sent with.
    pub envelope: Envelope,
    /// When it came in (wall clock).
    pub sent_unix_ms: u64,
    /// A device of the user has answered it.
    pub reached: bool,
}

/// A call that came and went while no device of the user was there.
#[derive(Clone, Debug, PartialEq)]
pub struct MissedCall {
    /// Tenant.
    pub app: AppId,
    /// Who was rung.
    pub user: UserId,
    /// The call.
    pub call: CallId,
    /// Who rang.
    pub caller: Address,
    /// Voice or picture.
    pub media: Media,
    /// When (wall clock).
    pub sent_unix_ms: u64,
}

/// What outlived the last run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remembered {
    /// Undecided invites.
    pub invites: Vec<KeptInvite>,
    /// Missed calls nobody was told of, oldest first.
    pub missed: Vec<MissedCall>,
    /// Users who have logged in before.
    pub seen: Vec<(AppId, UserId)>,
}
