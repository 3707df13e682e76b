//! Who wants to know of whom.

use std::collections::{BTreeMap, BTreeSet};

use callbox_core::ids::UserId;

use super::SessionId;

/// The most names one session watches.
pub(super) const MAX_NAMES: usize = 256;
/// The most presence messages one `watch` of everybody is answered with.
pub const MAX_EVERYBODY: usize = 1000;

/// What a session asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Everybody of the app.
    Everybody,
    /// These.
    Users(BTreeSet<UserId>),
}

impl Wish {
    /// Reads the list of a `watch`.
    ///
    /// # Errors
    /// What is wrong with it, for a person.
    pub fn parse(users: &[String]) -> Result<Self, String> {
        if users.len() == 1 && users[0] == "*" {
            return Ok(Self::Everybody);
        }
        if users.len() > MAX_NAMES {
            return Err(format!("`users` has {} names: at most {MAX_NAMES}, or the one entry `*`", users.len()));
        }
        let parsed: Result<BTreeSet<UserId>, _> = users.iter().map(|name| name.parse()).collect();
        parsed.map(Self::Users).map_err(|error: callbox_core::ids::BadId| format!("`users`: {error}"))
    }
}

/// The wishes of one app's sessions, indexed by the user watched.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    everybody: BTreeSet<SessionId>,
    by_user: BTreeMap<UserId, BTreeSet<SessionId>>,
    wishes: BTreeMap<SessionId, Wish>,
}

impl Watchers {
    /// Replaces what a session asked for.
    pub(super) fn set(&mut self, session: SessionId, wish: Wish) {
        self.remove(session);
        match &wish {
            Wish::Everybody => {
                self.everybody.insert(session);
            }
            Wish::Users(users) => {
                for user in users {
                    self.by_user.entry(user.clone()).or_default().insert(session);
                }
            }
        }
        self.wishes.insert(session, wish);
    }

    /// Forgets a session.
    pub(super) fn remove(&mut self, session: SessionId) {
        match self.wishes.remove(&session) {
            Some(Wish::Everybody) => {
                self.everybody.remove(&session);
            }
            Some(Wish::Users(users)) => {
                for user in users {
                    if let Some(sessions) = self.by_user.get_mut(&user) {
                        sessions.remove(&session);
                        if sessions.is_empty() {
                            self.by_user.remove(&user);
                        }
                    }
                }
            }
            None => {}
        }
    }

    /// Who is to be told of a change of this user.
    pub(super) fn of(&self, user: &UserId) -> BTreeSet<SessionId> {
        let named = self.by_user.get(user).into_iter().flatten();
        self.everybody.iter().chain(named).copied().collect()
    }
}
