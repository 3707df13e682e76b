//! Which of many is due next, without looking at each of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// At most one deadline a key.
#[derive(Debug)]
pub(super) struct Deadlines<K> {
    by_key: BTreeMap<K, Instant>,
    in_order: BTreeSet<(Instant, K)>,
}

impl<K> Default for Deadlines<K> {
    fn default() -> Self {
        Self { by_key: BTreeMap::new(), in_order: BTreeSet::new() }
    }
}

impl<K: Clone + Ord> Deadlines<K> {
    /// Sets the deadline of a key; an earlier one is forgotten.
    pub(super) fn set(&mut self, key: K, at: Instant) {
        if let Some(before) = self.by_key.insert(key.clone(), at) {
            self.in_order.remove(&(before, key.clone()));
        }
        self.in_order.insert((at, key));
    }

    /// The key is due no more.
    pub(super) fn remove(&mut self, key: &K) {
        if let Some((key, at)) = self.by_key.remove_entry(key) {
            self.in_order.remove(&(at, key));
        }
    }

    /// When the first is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.in_order.first().map(|(at, _)| *at)
    }

    /// Takes out whatever is due, the earliest first.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<K> {
        let mut due = Vec::new();
        while self.next().is_some_and(|at| at <= now) {
            let Some((_, key)) = self.in_order.pop_first() else { break };
            self.by_key.remove(&key);
            due.push(key);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::switchboard::tests::chance::Chance;

    #[test]
    fn after_any_changes_the_next_is_the_smallest_of_all() {
        let start = Instant::now();
        let at = |ms: usize| start + Duration::from_millis(ms as u64);
        for seed in 1..=100 {
            let mut chance = Chance::new(seed);
            let (mut deadlines, mut naive) = (Deadlines::default(), BTreeMap::new());
            for _ in 0..200 {
                let key = chance.below(12);
                match chance.below(4) {
                    0 | 1 => {
                        let at = at(chance.below(50));
                        deadlines.set(key, at);
                        naive.insert(key, at);
                    }
                    2 => {
                        deadlines.remove(&key);
                        naive.remove(&key);
                    }
                    _ => {
                        let now = at(chance.below(50));
                        let due: BTreeSet<_> =
                            naive.iter().filter(|(_, at)| **at <= now).map(|(k, at)| (*at, *k)).collect();
                        naive.retain(|_, at| *at > now);
                        assert!(deadlines.take_due(now).into_iter().eq(due.into_iter().map(|(_, k)| k)), "seed {seed}");
                    }
                }
                assert_eq!(deadlines.next(), naive.values().min().copied(), "seed {seed}");
                assert_eq!(
                    (deadlines.by_key.len(), deadlines.in_order.len()),
                    (naive.len(), naive.len()),
                    "seed {seed}"
                );
            }
        }
    }
}
