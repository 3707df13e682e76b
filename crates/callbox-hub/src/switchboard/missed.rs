//! Calls nobody was there for, until the user comes and is told, once.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use callbox_core::ids::{AppId, UserId};

use super::effect::{Change, MissedCall};

/// The most kept for one user: the newest.
const PER_USER: usize = 50;
/// The most kept for one app.
const PER_APP: usize = 10_000;
/// Older ones are not told.
const KEPT_MS: u64 = 7 * 24 * 3_600_000;

/// The missed calls of one app.
#[derive(Debug, Default)]
pub(super) struct Missed {
    calls: BTreeMap<UserId, VecDeque<MissedCall>>,
    count: usize,
}

impl Missed {
    /// Writes one down; the changes to store come back.
    pub(super) fn note(&mut self, missed: MissedCall) -> Vec<Change> {
        let mut changes = Vec::new();
        let of_user = self.calls.entry(missed.user.clone()).or_default();
        if of_user.iter().any(|known| known.call == missed.call) {
            return changes;
        }
        let full = of_user.len() >= PER_USER || (self.count >= PER_APP && !of_user.is_empty());
        if !full && self.count >= PER_APP {
            self.calls.remove(&missed.user);
            return changes;
        }
        if full {
            if let Some(oldest) = of_user.pop_front() {
                self.count -= 1;
                changes.push(Change::DropMissed { app: oldest.app, user: oldest.user, call: oldest.call });
            }
        }
        of_user.push_back(missed.clone());
        self.count += 1;
        changes.push(Change::Miss(missed));
        changes
    }

    /// Takes out what a user is to be told now, oldest first, with the age of each.
    pub(super) fn tell(&mut self, app: AppId, user: &UserId, unix_ms: u64) -> (Vec<(MissedCall, u64)>, Option<Change>) {
        let Some(calls) = self.calls.remove(user) else { return (Vec::new(), None) };
        self.count -= calls.len();
        let aged = calls.into_iter().map(|call| {
            let age = unix_ms.saturating_sub(call.sent_unix_ms);
            (call, age)
        });
        let fresh = aged.filter(|(_, age)| *age < KEPT_MS).collect();
        (fresh, Some(Change::ToldMissed { app, user: user.clone() }))
    }
}
