//! What one user may send to another: neither has to pay for the other.
//!
//! A receiver answers what it hears, and reads it from a queue of its own. Without these bounds one sender would make it talk too much,
//! or fill its queue, and the hub would cut the receiver for it.

use callbox_core::ids::{Address, UserId};
use callbox_core::protocol::Envelope;

use super::budget::{Allowance, Budgets};
use super::{Now, SessionId};

/// Invites of one user to another: somebody who presses a bell button ten times in a row, and then once in three seconds.
pub(crate) const INVITES: Allowance = Allowance { burst: 10, per_second: 1.0 / 3.0 };
/// Messages of one user to one device: several links with all their candidates at once. A device may say twice as many a second.
pub(crate) const MESSAGES: Allowance = Allowance { burst: 300, per_second: 25.0 };
/// What is left of [`MESSAGES`] for messages that end or confirm a call.
pub(crate) const RESERVE: u32 = 60;
/// Bytes of one user to one device: an eighth of the queue of a device that does not read.
const BYTES: Allowance = Allowance { burst: 256 * 1024, per_second: 32_768.0 };

/// The budgets of one app.
#[derive(Debug)]
pub(super) struct Pairs {
    invites: Budgets<(UserId, UserId)>,
    messages: Budgets<(UserId, SessionId)>,
    bytes: Budgets<(UserId, SessionId)>,
}

impl Default for Pairs {
    fn default() -> Self {
        Self { invites: Budgets::new(INVITES), messages: Budgets::new(MESSAGES), bytes: Budgets::new(BYTES) }
    }
}

impl Pairs {
    /// Whether this invite may ring this user.
    pub(super) fn may_ring(&mut self, now: Now, invite: &Envelope, user: &UserId) -> bool {
        let Some(from) = &invite.from else { return false };
        self.invites.take(now.steady, (from.user.clone(), user.clone()), 1, 0)
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
        let key = || (from.user.clone(), to);
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let reserve = if ends { 0 } else { RESERVE };
        self.messages.take(now.steady, key(), 1, reserve) && self.bytes.take(now.steady, key(), size, 16 * reserve)
    }
}
