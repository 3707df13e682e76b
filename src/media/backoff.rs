//! When a lost device is tried again: 0.5 s, 1 s, 2 s … 10 s, each with some chance in it.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(500);
const LAST: Duration = Duration::from_secs(10);

/// The tries of one device.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    next: Option<Instant>,
}

impl Backoff {
    /// It failed: says when to try again. `chance` is any byte.
    pub(crate) fn failed(&mut self, now: Instant, chance: u8) {
        let wait = FIRST.saturating_mul(1 << self.failures.min(8)).min(LAST);
        // Three quarters to five quarters of the wait.
        let wait = wait * 3 / 4 + wait / 2 * u32::from(chance) / 255;
        self.failures += 1;
        self.next = Some(now + wait);
    }

    /// Whether the time to try again has come; asking settles it.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let due = self.next.is_some_and(|next| now >= next);
        if due {
            self.next = None;
        }
        due
    }

    /// How often it failed since it worked.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }
}

/// A byte of chance; the same one each time where the system has none is no harm.
pub(crate) fn chance() -> u8 {
    let mut byte = [0];
    match getrandom::fill(&mut byte) {
        Ok(()) => byte[0],
        Err(_) => 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound() {
        let now = Instant::now();
        let mut backoff = Backoff::default();
        assert!(!backoff.is_due(now));
        backoff.failed(now, 0);
        assert!(!backoff.is_due(now + Duration::from_millis(300)));
        assert!(backoff.is_due(now + Duration::from_millis(400)));
        assert!(!backoff.is_due(now + Duration::from_secs(60)));
        for _ in 0..20 {
            backoff.failed(now, 255);
        }
        assert!(backoff.is_due(now + Duration::from_millis(12_600)));
        assert_eq!(backoff.failures(), 21);
    }
}
