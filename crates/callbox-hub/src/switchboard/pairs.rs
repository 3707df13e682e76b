//! What one user may send to another: neither has to pay for the other.
//!
//! A receiver answers what it hears, and reads it from a queue of its own. Without these bounds one sender would make it talk too much,
//! or fill its queue, and the hub would cut the receiver for it.

use std::time::Instant;

use callbox_core::ids::{Address, UserId};
use callbox_core::protocol::{Envelope, Message};

use super::budget::{Allowance, Budgets};
use super::{Now, SessionId};

/// Invites of one user to another that are not accepted: somebody who presses a bell button ten times in a row, and then once in three
/// seconds.
pub(crate) const INVITES: Allowance = Allowance { burst: 10, per_second: 1.0 / 3.0 };
/// Messages of one user to one device: several links with all their candidates at once. A device may say twice as many a second.
const MESSAGES: Allowance = Allowance { burst: 300, per_second: 25.0 };
/// Bytes of one user to one device: an eighth of the queue of a device that does not read.
const BYTES: Allowance = Allowance { burst: 256 * 1024, per_second: 32_768.0 };
/// What is left of both for messages that end or confirm a call.
const RESERVE: (u32, u32) = (60, 1024);

/// Messages and their bytes, for each pair.
#[derive(Debug)]
pub(crate) struct Spending<K> {
    messages: Budgets<K>,
    bytes: Budgets<K>,
}

impl<K> Default for Spending<K>
where
    K: Clone + Ord,
{
    fn default() -> Self {
        Self { messages: Budgets::new(MESSAGES), bytes: Budgets::new(BYTES) }
    }
}

impl<K: Clone + Ord> Spending<K> {
    /// Whether so many bytes may pass; `ends`: the message ends or confirms a call.
    pub(crate) fn may_send(&mut self, now: Instant, pair: &K, size: usize, ends: bool) -> bool {
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let (messages, bytes) = if ends { (0, 0) } else { RESERVE };
        self.messages.take(now, pair.clone(), 1, messages) && self.bytes.take(now, pair.clone(), size, bytes)
    }
}

/// Whether a message ends or confirms a call: somebody waits for it.
pub(crate) fn ends(message: &Message) -> bool {
    matches!(
        message,
        Message::Reject { .. } | Message::Cancel { .. } | Message::Hangup { .. } | Message::Confirm { .. }
    )
}

/// The budgets of one app.
#[derive(Debug)]
pub(super) struct Pairs {
    invites: Budgets<(UserId, UserId)>,
    spending: Spending<(UserId, SessionId)>,
}

impl Default for Pairs {
    fn default() -> Self {
        Self { invites: Budgets::new(INVITES), spending: Spending::default() }
    }
}

impl Pairs {
    /// Whether this invite may ring this user.
    pub(super) fn may_ring(&mut self, now: Now, invite: &Envelope, user: &UserId) -> bool {
        let Some(from) = &invite.from else { return false };
        self.invites.take(now.steady, (from.user.clone(), user.clone()), 1, 0)
    }

    /// A device of `user` accepted an invite of `inviter`: that ring costs nothing.
    pub(super) fn accepted(&mut self, inviter: &UserId, user: &UserId) {
        self.invites.give_back(&(inviter.clone(), user.clone()), 1);
    }

    /// Whether so many bytes of this sender may go to this device; `ends`: the message ends or confirms a call.
    pub(super) fn may_send(
        &mut self,
        now: Now,
        from: &Option<Address>,
        to: SessionId,
        size: usize,
        ends: bool,
    ) -> bool {
        let Some(from) = from else { return false };
        self.spending.may_send(now.steady, &(from.user.clone(), to), size, ends)
    }
}
