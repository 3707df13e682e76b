//! Which envelopes were seen already. Bounded: the oldest are forgotten.

use std::collections::{HashSet, VecDeque};

use crate::ids::{Address, EnvelopeId};

/// A transport repeats what was under way when it broke: a few envelopes, not hundreds.
const REMEMBERED: usize = 512;

/// The last envelopes by sender and id.
#[derive(Debug, Default)]
pub struct Seen {
    known: HashSet<(Address, EnvelopeId)>,
    order: VecDeque<(Address, EnvelopeId)>,
}

impl Seen {
    /// Whether this one is new; remembers it.
    pub fn is_new(&mut self, from: &Address, id: &EnvelopeId) -> bool {
        let name = (from.clone(), id.clone());
        if !self.known.insert(name.clone()) {
            return false;
        }
        self.order.push_back(name);
        if self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
        true
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
    fn memory_is_bounded() {
        let mut seen = Seen::default();
        for n in 0..REMEMBERED * 3 {
            assert!(seen.is_new(&anna(), &n.to_string().parse().unwrap()));
        }
        assert_eq!((seen.known.len(), seen.order.len()), (REMEMBERED, REMEMBERED));
    }
}
