//! Undecided invites of one app: who is still to be rung, and until when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use callbox_core::ids::{Address, CallId, UserId};
use callbox_core::protocol::{Envelope, Message};

use super::Now;
use super::deadlines::Deadlines;
use super::shares::Shares;

/// The most invites of one caller that wait for one user, decided ones included until their deadline.
const PER_CALLER_AND_USER: usize = 16;
/// The most invites that wait for one user. Beyond it the caller with most of them loses its oldest.
const PER_USER: usize = 64;
/// The most invites of one caller that wait in one app.
const PER_CALLER: usize = 512;
/// The most invites that wait in one app: 666 a second that ring for 30 s. An ordinary one takes 2 KiB, one with as many
/// and as long names as may be 4 KiB. Beyond it the caller with most of them loses its oldest.
const PER_APP: usize = 20_000;

/// One invite to one user.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// With its stamped sender.
    pub(super) envelope: Envelope,
    pub(super) inviter: Address,
    pub(super) deadline: Instant,
    pub(super) sent_unix_ms: u64,
    /// A device of the user has answered: it rings, was picked up, or refused.
    pub(super) reached: bool,
    /// Nobody is rung any more; remembered until the deadline, so that a repeated invite does not ring again.
    pub(super) decided: Option<Decision>,
}

/// How an invite was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Its inviter cancelled it, or confirmed somebody.
    ByInviter,
    /// This device of the callee declined.
    RejectedBy(Address),
}

impl Kept {
    /// An invite as it comes in.
    pub(super) fn undecided(now: Now, envelope: &Envelope) -> Option<Self> {
        let (Message::Invite { remaining_ms, .. }, Some(inviter)) = (&envelope.message, &envelope.from) else {
            return None;
        };
        Some(Self {
            envelope: envelope.clone(),
            inviter: inviter.clone(),
            deadline: now.steady + Duration::from_millis(u64::from(*remaining_ms)),
            sent_unix_ms: now.unix_ms,
            reached: false,
            decided: None,
        })
    }

    /// The invite as it is delivered now: the wait subtracted. None once the deadline has passed.
    pub(super) fn delivery(&self, now: Now) -> Option<Envelope> {
        let left = remaining(self.deadline, now)?;
        let mut envelope = self.envelope.clone();
        if let Message::Invite { remaining_ms, .. } = &mut envelope.message {
            *remaining_ms = left.min(*remaining_ms);
        }
        Some(envelope)
    }
}

fn remaining(deadline: Instant, now: Now) -> Option<u32> {
    let left = deadline.saturating_duration_since(now.steady).as_millis();
    u32::try_from(left).ok().filter(|left| *left > 0)
}

/// Every invite of one app, by callee and call.
#[derive(Debug, Default)]
pub(super) struct KeptInvites {
    invites: BTreeMap<UserId, BTreeMap<CallId, Kept>>,
    callees: BTreeMap<CallId, BTreeSet<UserId>>,
    due: Deadlines<(UserId, CallId)>,
    shares: Shares<(UserId, CallId)>,
}

impl KeptInvites {
    pub(super) fn find(&self, user: &UserId, call: &CallId) -> Option<&Kept> {
        self.invites.get(user)?.get(call)
    }

    /// Whether one more of this caller fits. Whoever makes room for it is taken out and returned.
    pub(super) fn make_room(&mut self, user: &UserId, caller: &UserId) -> Option<Vec<(UserId, CallId)>> {
        let mut counts = BTreeMap::<&UserId, usize>::new();
        let of_user = self.invites.get(user);
        for kept in of_user.into_iter().flat_map(BTreeMap::values) {
            *counts.entry(&kept.inviter.user).or_default() += 1;
        }
        let own = counts.get(caller).copied().unwrap_or_default();
        if own >= PER_CALLER_AND_USER || self.shares.weight_of(caller) >= PER_CALLER {
            return None;
        }
        let mut victims = Vec::new();
        if of_user.is_some_and(|calls| calls.len() >= PER_USER) {
            let (name, _) = counts.into_iter().max_by_key(|(_, count)| *count).filter(|(_, count)| *count > own + 1)?;
            let theirs = of_user.into_iter().flatten().filter(|(_, kept)| kept.inviter.user == *name);
            let (call, _) = theirs.min_by_key(|(_, kept)| kept.sent_unix_ms)?;
            victims.push((user.clone(), call.clone()));
        } else if self.shares.weight() >= PER_APP {
            victims.push(self.shares.victim(caller, 1)?.clone());
        }
        for (user, call) in &victims {
            drop(self.take(user, call));
        }
        Some(victims)
    }

    /// Keeps an invite; another one to the same user with the same call makes way.
    pub(super) fn put(&mut self, user: UserId, call: CallId, kept: Kept) {
        drop(self.take(&user, &call));
        self.due.set((user.clone(), call.clone()), kept.deadline);
        self.shares.put((user.clone(), call.clone()), &kept.inviter.user, 1);
        self.callees.entry(call.clone()).or_default().insert(user.clone());
        self.invites.entry(user).or_default().insert(call, kept);
    }

    /// Notes that a device has answered. Returns whether that is news.
    pub(super) fn reached(&mut self, user: &UserId, call: &CallId) -> bool {
        self.find_mut(user, call).is_some_and(|kept| !std::mem::replace(&mut kept.reached, true))
    }

    /// Decides one invite. The invite comes back when it was undecided.
    pub(super) fn decide(&mut self, user: &UserId, call: &CallId, decision: Decision) -> Option<Kept> {
        let kept = self.find_mut(user, call)?;
        if kept.decided.is_some() {
            return None;
        }
        kept.decided = Some(decision);
        Some(kept.clone())
    }

    /// The undecided ones of a user.
    pub(super) fn undecided(&self, user: &UserId) -> Vec<Kept> {
        let of_user = self.invites.get(user).into_iter().flat_map(BTreeMap::values);
        of_user.filter(|kept| kept.decided.is_none()).cloned().collect()
    }

    /// The calls of a user whose deadline has not passed.
    pub(super) fn of_user(&self, user: &UserId) -> BTreeSet<CallId> {
        self.invites.get(user).into_iter().flat_map(BTreeMap::keys).cloned().collect()
    }

    /// Everybody an inviter still rings with this call.
    pub(super) fn rung_by(&self, inviter: &Address, call: &CallId) -> Vec<UserId> {
        let callees = self.callees.get(call).into_iter().flatten();
        callees.filter(|user| self.find(user, call).is_some_and(|kept| kept.inviter == *inviter)).cloned().collect()
    }

    /// Takes out whatever has expired.
    pub(super) fn expire(&mut self, now: Now) -> Vec<(UserId, CallId, Kept)> {
        let due = self.due.take_due(now.steady);
        due.into_iter().filter_map(|(user, call)| self.take(&user, &call).map(|kept| (user, call, kept))).collect()
    }

    /// When the next one expires.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due.next()
    }

    fn find_mut(&mut self, user: &UserId, call: &CallId) -> Option<&mut Kept> {
        self.invites.get_mut(user)?.get_mut(call)
    }

    fn take(&mut self, user: &UserId, call: &CallId) -> Option<Kept> {
        let of_user = self.invites.get_mut(user)?;
        let kept = of_user.remove(call)?;
        if of_user.is_empty() {
            self.invites.remove(user);
        }
        if let Some(callees) = self.callees.get_mut(call) {
            callees.remove(user);
            if callees.is_empty() {
                self.callees.remove(call);
            }
        }
        self.due.remove(&(user.clone(), call.clone()));
        self.shares.remove(&(user.clone(), call.clone()));
        Some(kept)
    }
}

/// When an invite that was sent at `sent_unix_ms` with `sent_with` left ends on the steady clock, after a restart.
///
/// The wall clock may have jumped meanwhile: never later than it was meant to last from now.
pub(super) fn deadline_after_restart(sent_unix_ms: u64, sent_with: u32, now: Now) -> Instant {
    let waited = now.unix_ms.saturating_sub(sent_unix_ms);
    now.steady + Duration::from_millis(u64::from(sent_with).saturating_sub(waited))
}

#[cfg(test)]
impl KeptInvites {
    /// Every deadline, one by one.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = Instant> {
        self.invites.values().flat_map(BTreeMap::values).map(|kept| kept.deadline)
    }
}
