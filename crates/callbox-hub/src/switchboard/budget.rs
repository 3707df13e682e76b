//! How much one party may send to another: whoever is written to does not pay for it.

use std::collections::BTreeMap;
use std::time::Instant;

/// So many are remembered before the first look for those that are full again.
const PRUNE_AT: usize = 1024;

/// What one key may spend.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    /// At once.
    pub burst: u32,
    /// In the long run.
    pub per_second: f64,
}

/// A token bucket for each key. A key is forgotten when its bucket is full again, so the memory is bounded by what may be spent.
#[derive(Debug)]
pub struct Budgets<K> {
    allowance: Allowance,
    spent: BTreeMap<K, Bucket>,
    prune_at: usize,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled_at: Instant,
}

impl<K: Ord> Budgets<K> {
    /// Every key may spend this.
    pub fn new(allowance: Allowance) -> Self {
        Self { allowance, spent: BTreeMap::new(), prune_at: PRUNE_AT }
    }

    /// Takes so many tokens of a key if that leaves at least `reserve`.
    pub fn take(&mut self, now: Instant, key: K, tokens: u32, reserve: u32) -> bool {
        if self.spent.len() >= self.prune_at {
            let allowance = self.allowance;
            self.spent.retain(|_, bucket| bucket.fill(now, allowance) < f64::from(allowance.burst));
            self.prune_at = PRUNE_AT.max(2 * self.spent.len());
        }
        let full = || Bucket { tokens: f64::from(self.allowance.burst), filled_at: now };
        let bucket = self.spent.entry(key).or_insert_with(full);
        let left = bucket.fill(now, self.allowance) - f64::from(tokens);
        let may = left >= f64::from(reserve);
        if may {
            bucket.tokens = left;
        }
        may
    }

    /// Gives tokens of a key back that turned out to be no burden.
    pub fn give_back(&mut self, key: &K, tokens: u32) {
        let burst = f64::from(self.allowance.burst);
        if let Some(bucket) = self.spent.get_mut(key) {
            bucket.tokens = (bucket.tokens + f64::from(tokens)).min(burst);
        }
    }
}

impl Bucket {
    fn fill(&mut self, now: Instant, allowance: Allowance) -> f64 {
        let passed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + passed * allowance.per_second).min(f64::from(allowance.burst));
        self.filled_at = now;
        self.tokens
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn one_key_does_not_spend_what_is_anothers() {
        let (mut budgets, start) = (Budgets::new(Allowance { burst: 3, per_second: 0.5 }), Instant::now());
        assert_eq!((0..5).filter(|_| budgets.take(start, "a", 1, 0)).count(), 3);
        assert!(budgets.take(start, "b", 3, 0));
        let later = start + Duration::from_secs(2);
        assert!(!budgets.take(later, "a", 1, 1), "the reserve stays");
        assert!(budgets.take(later, "a", 1, 0) && !budgets.take(later, "a", 1, 0));
    }

    #[test]
    fn what_is_given_back_can_be_spent_again_and_no_more_than_the_burst() {
        let (mut budgets, now) = (Budgets::new(Allowance { burst: 2, per_second: 1.0 }), Instant::now());
        budgets.give_back(&"a", 5);
        assert!(budgets.take(now, "a", 2, 0) && !budgets.take(now, "a", 1, 0));
        budgets.give_back(&"a", 5);
        assert!(budgets.take(now, "a", 2, 0) && !budgets.take(now, "a", 1, 0));
    }

    #[test]
    fn keys_that_are_full_again_are_forgotten() {
        let (mut budgets, mut now) = (Budgets::new(Allowance { burst: 2, per_second: 1.0 }), Instant::now());
        for n in 0..50_000 {
            now += Duration::from_millis(1);
            budgets.take(now, n, 1, 0);
        }
        assert!(budgets.spent.len() <= 2 * PRUNE_AT, "{}", budgets.spent.len());
    }
}
