//! Who has how much of a store that all senders share, so that the greediest makes room and not everybody else.

use std::collections::{BTreeMap, BTreeSet};

use callbox_core::ids::UserId;

/// Entries by key, with the sender and the weight of each.
#[derive(Debug)]
pub(super) struct Shares<K> {
    entries: BTreeMap<K, Entry>,
    senders: BTreeMap<UserId, Share<K>>,
    /// Every sender by what it has; the greediest is the last.
    ranking: BTreeSet<(usize, UserId)>,
    weight: usize,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    sender: UserId,
    weight: usize,
    number: u64,
}

#[derive(Debug)]
struct Share<K> {
    weight: usize,
    /// The oldest first.
    in_order: BTreeMap<u64, K>,
}

impl<K> Default for Shares<K> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), senders: BTreeMap::new(), ranking: BTreeSet::new(), weight: 0, next: 0 }
    }
}

impl<K: Clone + Ord> Shares<K> {
    /// The weight of all entries.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// The weight of the entries of this sender.
    pub(super) fn weight_of(&self, sender: &UserId) -> usize {
        self.senders.get(sender).map_or(0, |share| share.weight)
    }

    /// The oldest entry of the sender that has most.
    pub(super) fn oldest_of_greediest(&self) -> Option<&K> {
        let (_, sender) = self.ranking.last()?;
        self.senders.get(sender)?.in_order.first_key_value().map(|(_, key)| key)
    }

    /// The oldest entry of the sender that has most, if that is more than `newcomer` would have with this one: whoever has less
    /// than another loses nothing to it.
    pub(super) fn victim(&self, newcomer: &UserId, weight: usize) -> Option<&K> {
        let (most, _) = self.ranking.last()?;
        self.oldest_of_greediest().filter(|_| *most > self.weight_of(newcomer) + weight)
    }

    /// Adds an entry; one with the same key makes way.
    pub(super) fn put(&mut self, key: K, sender: &UserId, weight: usize) {
        self.remove(&key);
        let number = self.next;
        self.next += 1;
        self.change(sender, |share| {
            share.weight += weight;
            share.in_order.insert(number, key.clone());
        });
        self.weight += weight;
        self.entries.insert(key, Entry { sender: sender.clone(), weight, number });
    }

    /// Removes an entry.
    pub(super) fn remove(&mut self, key: &K) {
        let Some(Entry { sender, weight, number }) = self.entries.remove(key) else { return };
        self.weight -= weight;
        self.change(&sender, |share| {
            share.weight -= weight;
            share.in_order.remove(&number);
        });
    }

    fn change(&mut self, sender: &UserId, change: impl FnOnce(&mut Share<K>)) {
        let mut share = self.senders.remove(sender).unwrap_or_else(|| Share { weight: 0, in_order: BTreeMap::new() });
        self.ranking.remove(&(share.weight, sender.clone()));
        change(&mut share);
        if !share.in_order.is_empty() {
            self.ranking.insert((share.weight, sender.clone()));
            self.senders.insert(sender.clone(), share);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switchboard::tests::chance::Chance;

    #[test]
    fn after_any_changes_the_sums_are_right_and_the_greediest_is_named() {
        for seed in 1..=50 {
            let mut chance = Chance::new(seed);
            let (mut shares, mut naive) = (Shares::default(), BTreeMap::new());
            for _ in 0..200 {
                let (key, sender) = (chance.below(30), chance.of(&["anna", "bert", "carl"]));
                if chance.below(3) > 0 {
                    let weight = 1 + chance.below(9);
                    shares.put(key, &sender.parse().unwrap(), weight);
                    naive.insert(key, (sender, weight));
                } else {
                    shares.remove(&key);
                    naive.remove(&key);
                }
                let of = |name: &str| naive.values().filter(|(s, _)| *s == name).map(|(_, w)| w).sum::<usize>();
                for name in ["anna", "bert", "carl"] {
                    assert_eq!(shares.weight_of(&name.parse().unwrap()), of(name), "seed {seed}");
                }
                let most = ["anna", "bert", "carl"].map(of).into_iter().max().unwrap();
                let named = shares.oldest_of_greediest().map_or(0, |key| of(naive[key].0));
                assert_eq!((named, shares.weight()), (most, naive.values().map(|(_, w)| w).sum()), "seed {seed}");
            }
        }
    }

    #[test]
    fn whoever_has_less_loses_nothing() {
        let (anna, bert): (UserId, UserId) = ("anna".parse().unwrap(), "bert".parse().unwrap());
        let mut shares = Shares::default();
        shares.put("a1", &anna, 1);
        shares.put("a2", &anna, 1);
        shares.put("b1", &bert, 1);
        assert_eq!(shares.victim(&bert, 1), None, "bert would have as many");
        shares.put("a3", &anna, 1);
        assert_eq!(shares.victim(&bert, 1), Some(&"a1"), "the oldest of the greediest");
        assert_eq!(shares.victim(&anna, 1), None);
    }
}
