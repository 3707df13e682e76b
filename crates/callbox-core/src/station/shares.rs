//! A bounded memory that strangers fill: when it is full, the user who has most in it loses the oldest.

use std::collections::VecDeque;

use crate::ids::UserId;

/// What users made us remember, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Shares<T> {
    most: usize,
    kept: VecDeque<(UserId, T)>,
}

impl<T: PartialEq> Shares<T> {
    /// An empty memory for this many items.
    pub(super) fn new(most: usize) -> Self {
        Self { most, kept: VecDeque::new() }
    }

    /// Remembers one item of this user.
    pub(super) fn push(&mut self, user: UserId, item: T) {
        self.kept.push_back((user, item));
        if self.kept.len() > self.most {
            let count = |user: &UserId| self.kept.iter().filter(|(other, _)| other == user).count();
            // The first of those who have most: the oldest item of the greediest user.
            let greediest = self.kept.iter().map(|(user, _)| count(user)).max();
            let oldest = self.kept.iter().position(|(user, _)| Some(count(user)) == greediest);
            oldest.map(|at| self.kept.remove(at));
        }
    }

    /// The items, newest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.kept.iter().rev().map(|(_, item)| item)
    }

    /// Whether this item is remembered.
    pub(super) fn contains(&self, item: &T) -> bool {
        self.iter().any(|kept| kept == item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loud_user_pushes_out_only_their_own() {
        let user = |name: &str| name.parse::<UserId>().unwrap();
        let mut shares = Shares::new(4);
        shares.push(user("anna"), 0);
        for item in 1..100 {
            shares.push(user("eve"), item);
        }
        assert!(shares.contains(&0));
        assert_eq!(shares.iter().copied().collect::<Vec<_>>(), [99, 98, 97, 0]);
    }
}
