//! Users who have logged in before.

use std::collections::BTreeMap;
use std::ops::Bound;

use callbox_core::ids::UserId;

/// The most that are remembered. Beyond it the one who logged in longest ago is forgotten.
const MOST: usize = 100_000;

/// The users of one app.
#[derive(Debug, Default)]
pub(super) struct Seen {
    users: BTreeMap<UserId, u64>,
    by_age: BTreeMap<u64, UserId>,
    next: u64,
}

impl Seen {
    /// A user is there. Returns whether that is news, and who is forgotten for it.
    pub(super) fn note(&mut self, user: &UserId) -> (bool, Option<UserId>) {
        let number = self.next;
        self.next += 1;
        let before = self.users.insert(user.clone(), number);
        if let Some(before) = before {
            self.by_age.remove(&before);
        }
        self.by_age.insert(number, user.clone());
        let oldest = if self.users.len() > MOST { self.by_age.pop_first().map(|(_, user)| user) } else { None };
        if let Some(oldest) = &oldest {
            self.users.remove(oldest);
        }
        (before.is_none(), oldest)
    }

    pub(super) fn contains(&self, user: &UserId) -> bool {
        self.users.contains_key(user)
    }

    /// Those behind this name, in order.
    pub(super) fn after(&self, name: Bound<&UserId>) -> impl Iterator<Item = &UserId> {
        self.users.range::<UserId, _>((name, Bound::Unbounded)).map(|(user, _)| user)
    }

    pub(super) fn len(&self) -> usize {
        self.users.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_logged_in_longest_ago_is_forgotten() {
        let name = |n: usize| -> UserId { format!("u{n}").parse().unwrap() };
        let mut seen = Seen::default();
        for n in 0..MOST {
            assert_eq!(seen.note(&name(n)), (true, None));
        }
        assert_eq!(seen.note(&name(0)), (false, None));
        assert_eq!(seen.note(&name(MOST)), (true, Some(name(1))));
        assert_eq!((seen.len(), seen.by_age.len(), seen.contains(&name(0))), (MOST, MOST, true));
    }
}
