//! How often each user may make this station do something: ring, answer, or write a record.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::bucket::Bucket;
use crate::ids::UserId;

/// So many users are told apart; the one who was active longest ago is forgotten first.
const USERS: usize = 64;

/// One budget for each user who was active lately.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Budgets {
    size: u32,
    every: Duration,
    users: VecDeque<(UserId, Bucket)>,
}

impl Budgets {
    /// Each user has `size` at once, and one more in each `every`.
    pub(super) fn new(size: u32, every: Duration) -> Self {
        Self { size, every, users: VecDeque::new() }
    }

    /// Takes one from the budget of this user, if there is one.
    pub(super) fn take(&mut self, now: Instant, user: &UserId) -> bool {
        let known = self.users.iter().position(|(known, _)| known == user).and_then(|at| self.users.remove(at));
        let (user, mut bucket) = known.unwrap_or_else(|| (user.clone(), Bucket::new(self.size, self.every)));
        let taken = bucket.take(now);
        if self.users.len() == USERS {
            self.users.pop_front();
        }
        self.users.push_back((user, bucket));
        taken
    }

    /// Puts one back.
    pub(super) fn give_back(&mut self, user: &UserId) {
        self.users.iter_mut().filter(|(known, _)| known == user).for_each(|(_, bucket)| bucket.give_back());
    }
}
