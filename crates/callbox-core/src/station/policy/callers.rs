//! Who may ring us.

use std::time::Duration;

use super::Users;
use crate::ids::UserId;

/// Who may ring us, and what the others get to hear.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Callers {
    /// Only these. `None`: everybody.
    pub allow: Option<Users>,
    /// Not these, whatever `allow` says.
    pub deny: Vec<UserId>,
    /// Who may not is not answered at all: for the other end it rings until nobody answers.
    pub silently: bool,
    /// The longest that anybody may ring us, whatever the invite says. `None`: as long as the invite says.
    pub longest_ring: Option<Duration>,
}

impl Callers {
    /// Whether this user may ring us.
    pub(in super::super) fn may_ring(&self, user: &UserId) -> bool {
        !self.deny.contains(user) && self.allow.as_ref().is_none_or(|allow| allow.contains(user))
    }
}

/// Whose calls are picked up without anybody's doing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AutoAnswer {
    /// These users' calls.
    pub users: Vec<UserId>,
    /// After so long, in which the warning sounds: nobody shall be heard unawares.
    pub delay: Duration,
}

/// The shortest warning.
pub const SHORTEST_WARNING: Duration = Duration::from_secs(2);

impl AutoAnswer {
    /// When this user's call, which begins to ring, is picked up.
    pub(in super::super) fn delay_for(&self, user: &UserId) -> Option<Duration> {
        self.users.contains(user).then(|| self.delay.max(SHORTEST_WARNING))
    }
}
