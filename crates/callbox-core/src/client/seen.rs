//! Which envelopes were seen already. Bounded: the oldest are forgotten, of the user first who has sent most.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::ids::{Address, DeviceId, EnvelopeId, UserId};

/// A transport repeats what was under way when it broke: a few envelopes, not hundreds.
const REMEMBERED: usize = 512;

/// An envelope of a user.
type Name = (DeviceId, EnvelopeId);

/// The last envelopes by sender and id.
#[derive(Debug, Default)]
pub struct Seen {
    users: HashMap<UserId, OfUser>,
    count: usize,
}

#[derive(Debug, Default)]
struct OfUser {
    known: HashSet<Name>,
    order: VecDeque<Name>,
}

impl Seen {
    /// Whether this one is new; remembers it.
    pub fn is_new(&mut self, from: &Address, id: &EnvelopeId) -> bool {
        let name = (from.device.clone(), id.clone());
        let of_user = self.users.entry(from.user.clone()).or_default();
        if !of_user.known.insert(name.clone()) {
            return false;
        }
        of_user.order.push_back(name);
        self.count += 1;
        if self.count > REMEMBERED {
            self.forget_one();
        }
        true
    }

    /// A user who sends much washes away its own envelopes and not those of others.
    fn forget_one(&mut self) {
        let greediest = self.users.iter_mut().max_by_key(|(_, of_user)| of_user.order.len());
        let Some((user, of_user)) = greediest else { return };
        if let Some(oldest) = of_user.order.pop_front() {
            of_user.known.remove(&oldest);
            self.count -= 1;
        }
        if of_user.order.is_empty() {
            let user = user.clone();
            self.users.remove(&user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anna() -> Address {
        Address { user: "anna".parse().unwrap(), device: "phone".parse().unwrap() }
    }

    #[test]
    fn a_duplicate_is_told_by_sender_and_id() {
        let mut seen = Seen::default();
        let id: EnvelopeId = "1".parse().unwrap();
        assert!(seen.is_new(&anna(), &id));
        assert!(!seen.is_new(&anna(), &id));
        let desk = Address { device: "desk".parse().unwrap(), ..anna() };
        assert!(seen.is_new(&desk, &id));
    }

    #[test]
    fn memory_is_bounded_and_one_user_does_not_wash_away_what_others_sent() {
        let mut seen = Seen::default();
        assert!(seen.is_new(&anna(), &"1".parse().unwrap()));
        for n in 0..REMEMBERED * 3 {
            let device = format!("d{}", n % 100).parse().unwrap();
            let mallory = Address { user: "mallory".parse().unwrap(), device };
            assert!(seen.is_new(&mallory, &n.to_string().parse().unwrap()));
        }
        assert!(!seen.is_new(&anna(), &"1".parse().unwrap()), "still known");
        let sum = |of: fn(&OfUser) -> usize| seen.users.values().map(of).sum::<usize>();
        assert_eq!((sum(|user| user.known.len()), sum(|user| user.order.len())), (REMEMBERED, REMEMBERED));
    }
}
