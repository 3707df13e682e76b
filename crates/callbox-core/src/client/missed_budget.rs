//! How many missed calls one user may tell this device of, where no hub stands between them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::bucket::Bucket;
use crate::ids::UserId;

/// So many at once: what two panels of one user keep for one callee.
const BURST: u32 = 40;
/// One more after so long.
const REFILL: Duration = Duration::from_secs(60);
/// The most users remembered. Beyond it the one that has spent least is forgotten.
const USERS: usize = 256;

/// A token bucket for each sender.
#[derive(Debug, Default)]
pub struct MissedBudget {
    senders: BTreeMap<UserId, Bucket>,
}

impl MissedBudget {
    /// Takes one from the budget of this sender. Returns whether there was one left.
    pub fn take(&mut self, now: Instant, from: &UserId) -> bool {
        let taken = self.senders.entry(from.clone()).or_insert_with(|| Bucket::new(BURST, REFILL)).take(now);
        if self.senders.len() > USERS {
            let others = self.senders.iter().filter(|(user, _)| *user != from);
            let least = others.min_by_key(|(_, bucket)| bucket.full()).map(|(user, _)| user.clone());
            least.map(|user| self.senders.remove(&user));
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an Instant can be had in no other way")]
    fn now() -> Instant {
        Instant::now()
    }

    #[test]
    fn one_sender_spends_its_own_budget_and_gets_it_back() {
        let (mut budget, start) = (MissedBudget::default(), now());
        let (mallory, anna): (UserId, UserId) = ("mallory".parse().unwrap(), "anna".parse().unwrap());
        let taken = (0..1000).filter(|_| budget.take(start, &mallory)).count();
        assert_eq!(taken, BURST as usize);
        assert!(budget.take(start, &anna));
        assert!(budget.take(start + REFILL, &mallory) && !budget.take(start + REFILL, &mallory));
    }

    #[test]
    fn many_senders_take_a_bounded_memory_and_the_greediest_is_remembered() {
        let (mut budget, start) = (MissedBudget::default(), now());
        let mallory: UserId = "mallory".parse().unwrap();
        while budget.take(start, &mallory) {}
        for n in 0..USERS * 3 {
            assert!(budget.take(start, &format!("u{n}").parse().unwrap()));
        }
        assert_eq!(budget.senders.len(), USERS);
        assert!(!budget.take(start, &mallory));
    }
}
