//! Calls nobody was there for, until the user comes and is told, once.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use callbox_core::ids::{AppId, CallId, UserId};

use super::Now;
use super::deadlines::Deadlines;
use super::effect::{Change, MissedCall};
use super::shares::Shares;

/// The most kept for one user. Beyond it the caller with most of them loses its oldest.
const PER_USER: usize = 50;
/// The most kept for one app; as above.
const PER_APP: usize = 10_000;
/// Older ones are not told.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// A missed call by its callee and call id.
type Key = (UserId, CallId);

/// The missed calls of one app.
#[derive(Debug, Default)]
pub(super) struct Missed {
    /// The oldest first.
    calls: BTreeMap<UserId, VecDeque<MissedCall>>,
    shares: Shares<Key>,
    due: Deadlines<Key>,
}

impl Missed {
    /// Notes one; the changes to store are returned.
    pub(super) fn note(&mut self, now: Now, missed: MissedCall) -> Vec<Change> {
        let key = (missed.user.clone(), missed.call.clone());
        let age = Duration::from_millis(now.unix_ms.saturating_sub(missed.sent_unix_ms));
        let left = KEPT.saturating_sub(age);
        if self.find(&key).is_some() {
            return Vec::new();
        }
        if left.is_zero() {
            return vec![drop_change(missed.app, key)];
        }
        let app = missed.app;
        self.shares.put(key.clone(), &missed.caller.user, 1);
        self.due.set(key, now.steady + left);
        self.calls.entry(missed.user.clone()).or_default().push_back(missed.clone());
        let of_user = self.calls.get(&missed.user).filter(|calls| calls.len() > PER_USER).and_then(greediest);
        let of_app = || self.shares.oldest_of_greediest().filter(|_| self.shares.weight() > PER_APP).cloned();
        let mut changes = vec![Change::Miss(missed)];
        if let Some(victim) = of_user.or_else(of_app) {
            self.take(&victim);
            changes.push(drop_change(app, victim));
        }
        changes
    }

    /// A device has had this call after all. The change to store is returned when it was noted.
    pub(super) fn withdraw(&mut self, app: AppId, user: &UserId, call: &CallId) -> Option<Change> {
        let key = (user.clone(), call.clone());
        self.take(&key).map(|_| drop_change(app, key))
    }

    /// Whether this user is to be told of some.
    pub(super) fn has(&self, user: &UserId) -> bool {
        self.calls.contains_key(user)
    }

    /// Takes out those that a user is to be told of now, oldest first, with the age of each in milliseconds.
    pub(super) fn tell(
        &mut self,
        app: AppId,
        user: &UserId,
        unix_ms: u64,
        is_over: impl Fn(&CallId) -> bool,
    ) -> (Vec<(MissedCall, u64)>, Vec<Change>) {
        let calls: Vec<_> = self.calls.get(user).into_iter().flatten().map(|missed| missed.call.clone()).collect();
        let (mut told, mut changes) = (Vec::new(), Vec::new());
        for call in calls.into_iter().filter(is_over) {
            let key = (user.clone(), call);
            let Some(missed) = self.take(&key) else { continue };
            changes.push(drop_change(app, key));
            let age = unix_ms.saturating_sub(missed.sent_unix_ms);
            if u128::from(age) < KEPT.as_millis() {
                told.push((missed, age));
            }
        }
        (told, changes)
    }

    /// Forgets those that are too old; the changes to store are returned.
    pub(super) fn expire(&mut self, app: AppId, now: Now) -> Vec<Change> {
        let due = self.due.take_due(now.steady);
        due.into_iter().filter_map(|key| self.take(&key).map(|_| drop_change(app, key))).collect()
    }

    /// When the next one is too old.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due.next()
    }

    fn find(&self, (user, call): &Key) -> Option<&MissedCall> {
        self.calls.get(user)?.iter().find(|missed| missed.call == *call)
    }

    fn take(&mut self, key: &Key) -> Option<MissedCall> {
        let of_user = self.calls.get_mut(&key.0)?;
        let at = of_user.iter().position(|missed| missed.call == key.1)?;
        let missed = of_user.remove(at);
        if of_user.is_empty() {
            self.calls.remove(&key.0);
        }
        self.shares.remove(key);
        self.due.remove(key);
        missed
    }
}

/// The oldest call of the caller who has most of these.
fn greediest(calls: &VecDeque<MissedCall>) -> Option<Key> {
    let mut counts = BTreeMap::<&UserId, usize>::new();
    for missed in calls {
        *counts.entry(&missed.caller.user).or_default() += 1;
    }
    let (caller, _) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    let oldest = calls.iter().find(|missed| missed.caller.user == *caller)?;
    Some((oldest.user.clone(), oldest.call.clone()))
}

fn drop_change(app: AppId, (user, call): Key) -> Change {
    Change::DropMissed { app, user, call }
}
