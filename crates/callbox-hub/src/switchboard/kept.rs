//! Undecided invites of one app: who is still to be rung, and until when.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use callbox_core::ids::{Address, CallId, UserId};
use callbox_core::protocol::{Envelope, Message};

use super::Now;

/// The most invites that wait for one user, decided ones included until their deadline.
pub(super) const PER_USER: usize = 64;
/// The most invites that wait in one app.
pub(super) const PER_APP: usize = 4096;

/// One invite to one user.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// With its stamped sender.
    pub(super) envelope: Envelope,
    pub(super) inviter: Address,
    pub(super) deadline: Instant,
    pub(super) sent_unix_ms: u64,
    /// A device has had it.
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
    invites: BTreeMap<(UserId, CallId), Kept>,
}

impl KeptInvites {
    pub(super) fn find(&self, user: &UserId, call: &CallId) -> Option<&Kept> {
        self.invites.get(&(user.clone(), call.clone()))
    }

    /// Whether one more fits.
    pub(super) fn has_room(&self, user: &UserId) -> bool {
        self.invites.len() < PER_APP && self.of(user).count() < PER_USER
    }

    pub(super) fn put(&mut self, user: UserId, call: CallId, kept: Kept) {
        self.invites.insert((user, call), kept);
    }

    /// Notes that a device has it. True when that is news.
    pub(super) fn reached(&mut self, user: &UserId, call: &CallId) -> bool {
        match self.invites.get_mut(&(user.clone(), call.clone())) {
            Some(kept) => !std::mem::replace(&mut kept.reached, true),
            None => false,
        }
    }

    /// Decides one invite. The invite comes back when it was undecided.
    pub(super) fn decide(&mut self, user: &UserId, call: &CallId, decision: Decision) -> Option<Kept> {
        let kept = self.invites.get_mut(&(user.clone(), call.clone()))?;
        if kept.decided.is_some() {
            return None;
        }
        kept.decided = Some(decision);
        Some(kept.clone())
    }

    /// The undecided ones of a user.
    pub(super) fn undecided(&self, user: &UserId) -> Vec<(CallId, Kept)> {
        self.of(user)
            .filter(|(_, kept)| kept.decided.is_none())
            .map(|(call, kept)| (call.clone(), kept.clone()))
            .collect()
    }

    /// Everybody an inviter still rings with this call.
    pub(super) fn rung_by(&self, inviter: &Address, call: &CallId) -> Vec<UserId> {
        let same = |(key, kept): &(&(UserId, CallId), &Kept)| key.1 == *call && kept.inviter == *inviter;
        self.invites.iter().filter(same).map(|(key, _)| key.0.clone()).collect()
    }

    /// Takes out whatever has expired.
    pub(super) fn expire(&mut self, now: Now) -> Vec<(UserId, CallId, Kept)> {
        let (over, on): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.invites).into_iter().partition(|(_, kept)| kept.deadline <= now.steady);
        self.invites = on;
        over.into_iter().map(|((user, call), kept)| (user, call, kept)).collect()
    }

    /// When the next one expires.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.invites.values().map(|kept| kept.deadline).min()
    }

    fn of<'a>(&'a self, user: &'a UserId) -> impl Iterator<Item = (&'a CallId, &'a Kept)> {
        self.invites.iter().filter(move |(key, _)| key.0 == *user).map(|(key, kept)| (&key.1, kept))
    }
}

/// When an invite that was sent at `sent_unix_ms` with `sent_with` left ends on the steady clock, after a restart.
///
/// The wall clock may have jumped meanwhile: never later than it was meant to last from now.
pub(super) fn deadline_after_restart(sent_unix_ms: u64, sent_with: u32, now: Now) -> Instant {
    let waited = now.unix_ms.saturating_sub(sent_unix_ms);
    now.steady + Duration::from_millis(u64::from(sent_with).saturating_sub(waited))
}
