//! Results on their way to a peer. Their sender is not told how they fared, or two parties would answer each other without end.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use callbox_core::ids::EnvelopeId;

/// A message waits at most this long for the broker (30 s), and as long again for its acknowledgement.
const KEPT: Duration = Duration::from_secs(60);
/// The most that are remembered; the oldest is forgotten.
const MOST: usize = 128;

/// Those of one device, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Results(VecDeque<(Instant, EnvelopeId)>);

impl Results {
    pub(super) fn insert(&mut self, now: Instant, id: EnvelopeId) {
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back((now + KEPT, id));
    }

    /// Forgets this one. Returns whether it was known.
    pub(super) fn remove(&mut self, id: &EnvelopeId) -> bool {
        let found = self.0.iter().position(|(_, known)| known == id);
        found.and_then(|at| self.0.remove(at)).is_some()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn expire(&mut self, now: Instant) {
        while self.0.front().is_some_and(|(until, _)| *until <= now) {
            self.0.pop_front();
        }
    }

    /// When the oldest is forgotten.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.front().map(|(until, _)| *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_that_nobody_acknowledges_are_forgotten() {
        let (mut results, start) = (Results::default(), Instant::now());
        for n in 0..2 * MOST {
            results.insert(start, format!("r{n}").parse().unwrap());
        }
        assert_eq!(results.0.len(), MOST);
        assert!(results.remove(&"r255".parse().unwrap()) && !results.remove(&"r0".parse().unwrap()));
        assert_eq!(results.deadline(), Some(start + KEPT));
        results.expire(start + KEPT);
        assert_eq!((results.0.len(), results.deadline()), (0, None));
    }
}
