//! How often each user may ring us without being answered: a ring costs the panel links, messages and a place.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::bucket::Bucket;
use crate::ids::UserId;

/// One user may ring this often at once, and once more in each …
const RINGS: u32 = 10;
const RING_EVERY: Duration = Duration::from_secs(3);
/// So many users are told apart; the one who rang longest ago is forgotten first.
const USERS: usize = 64;

/// The budget of each user who rang lately.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct RingBudgets(VecDeque<(UserId, Bucket)>);

impl RingBudgets {
    /// Takes one ring of this user, if there is one.
    pub(super) fn take(&mut self, now: Instant, user: &UserId) -> bool {
        let known = self.0.iter().position(|(known, _)| known == user).and_then(|at| self.0.remove(at));
        let (user, mut bucket) = known.unwrap_or_else(|| (user.clone(), Bucket::new(RINGS, RING_EVERY)));
        let taken = bucket.take(now);
        if self.0.len() == USERS {
            self.0.pop_front();
        }
        self.0.push_back((user, bucket));
        taken
    }

    /// A ring that was answered costs nothing.
    pub(super) fn give_back(&mut self, user: &UserId) {
        self.0.iter_mut().filter(|(known, _)| known == user).for_each(|(_, bucket)| bucket.give_back());
    }
}
