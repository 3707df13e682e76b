//! How long to wait before the next attempt: doubling, bounded, with jitter, so that a street of panels does not return in step.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LAST: Duration = Duration::from_secs(15);
/// The longest step while hope is fresh: who waits for a broker to restart calls again within 5 s of its return.
const HOPEFUL: Duration = Duration::from_secs(4);

/// Delays of 0.5 s to 15 s, each drawn from the upper half of its step.
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    failures: u32,
    hopeful: u32,
}

impl Backoff {
    /// Delays of at most 4 s for the first failures, as many as are named: two minutes are about 40 of them.
    pub fn hopeful(failures: u32) -> Self {
        Self { failures: 0, hopeful: failures }
    }

    /// The next delay. `chance` is any number, evenly spread.
    pub fn next(&mut self, chance: u32) -> Duration {
        let longest = if self.failures < self.hopeful { HOPEFUL } else { LAST };
        let step = FIRST.saturating_mul(1 << self.failures.min(8)).min(longest);
        self.failures = self.failures.saturating_add(1);
        step.mul_f64(0.5 + f64::from(chance) / f64::from(u32::MAX) / 2.0)
    }

    /// It worked: begin again with short delays.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_fifteen_seconds() {
        let mut backoff = Backoff::default();
        let longest: Vec<_> = (0..8).map(|_| backoff.next(u32::MAX).as_millis()).collect();
        assert_eq!(longest, [500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
    }

    #[test]
    fn hope_keeps_the_delays_short_for_a_while() {
        let mut backoff = Backoff::hopeful(5);
        let longest: Vec<_> = (0..6).map(|_| backoff.next(u32::MAX).as_millis()).collect();
        assert_eq!(longest, [500, 1000, 2000, 4000, 4000, 15000]);
    }

    #[test]
    fn jitter_takes_away_at_most_half() {
        assert_eq!(Backoff::default().next(0), FIRST / 2);
    }

    #[test]
    fn after_a_success_it_begins_again() {
        let mut backoff = Backoff::default();
        for _ in 0..40 {
            backoff.next(0);
        }
        backoff.reset();
        assert_eq!(backoff.next(u32::MAX), FIRST);
    }
}
