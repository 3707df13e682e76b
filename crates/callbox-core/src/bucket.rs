//! How often something may happen: a few at once, and then one in a while.

use std::time::{Duration, Instant};

/// A bucket that holds `size` tokens and gets one back in each `every`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bucket {
    size: u32,
    every: Duration,
    /// When it is full again; absent: it is.
    full: Option<Instant>,
}

impl Bucket {
    pub(crate) fn new(size: u32, every: Duration) -> Self {
        Self { size, every, full: None }
    }

    /// Takes one, if there is one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let full = self.full.map_or(now, |full| full.max(now)) + self.every;
        let fits = full.saturating_duration_since(now) <= self.every * self.size;
        if fits {
            self.full = Some(full);
        }
        fits
    }

    /// Returns when there is a token to take. None: no token was ever taken.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.full?.checked_sub(self.every * (self.size - 1))
    }

    /// Returns when the bucket is full again. None: no token was ever taken.
    pub(crate) fn full(&self) -> Option<Instant> {
        self.full
    }

    /// Puts one back.
    pub(crate) fn give_back(&mut self) {
        self.full = self.full.and_then(|full| full.checked_sub(self.every));
    }
}
