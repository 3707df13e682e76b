//! What all stations count together while a run goes on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// The most different texts remembered of things that went wrong.
const MAX_TEXTS: usize = 32;

/// Counters shared by every station.
#[derive(Debug, Default)]
pub struct Tally {
    sent: AtomicU64,
    sent_bytes: AtomicU64,
    heard: AtomicU64,
    heard_bytes: AtomicU64,
    repeated: AtomicU64,
    incidents: Mutex<BTreeMap<String, u64>>,
}

/// The traffic so far, as the stations see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Messages sent.
    pub sent: u64,
    /// Their bytes, without the transport's framing.
    pub sent_bytes: u64,
    /// Messages received.
    pub heard: u64,
    /// Their bytes.
    pub heard_bytes: u64,
    /// Received messages that had been received before.
    pub repeated: u64,
}

impl Tally {
    /// A message of so many bytes was sent.
    pub fn sent(&self, bytes: usize) {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A message of so many bytes came in.
    pub fn heard(&self, bytes: usize) {
        self.heard.fetch_add(1, Ordering::Relaxed);
        self.heard_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A message came in that had come in before.
    pub fn repeated(&self) {
        self.repeated.fetch_add(1, Ordering::Relaxed);
    }

    /// Something that should not happen: a lost connection, a refused message.
    pub fn incident(&self, text: String) {
        let mut incidents = self.locked();
        if incidents.len() < MAX_TEXTS || incidents.contains_key(&text) {
            *incidents.entry(text).or_default() += 1;
        } else {
            *incidents.entry("others".to_owned()).or_default() += 1;
        }
    }

    /// The incidents since the last time, by text.
    pub fn take_incidents(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut *self.locked())
    }

    /// The traffic so far.
    pub fn traffic(&self) -> Traffic {
        Traffic {
            sent: self.sent.load(Ordering::Relaxed),
            sent_bytes: self.sent_bytes.load(Ordering::Relaxed),
            heard: self.heard.load(Ordering::Relaxed),
            heard_bytes: self.heard_bytes.load(Ordering::Relaxed),
            repeated: self.repeated.load(Ordering::Relaxed),
        }
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.incidents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Traffic {
    /// What came since then.
    pub fn since(self, before: Self) -> Self {
        Self {
            sent: self.sent - before.sent,
            sent_bytes: self.sent_bytes - before.sent_bytes,
            heard: self.heard - before.heard,
            heard_bytes: self.heard_bytes - before.heard_bytes,
            repeated: self.repeated - before.repeated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incidents_are_counted_by_text_and_bounded() {
        let tally = Tally::default();
        tally.incident("closed".to_owned());
        tally.incident("closed".to_owned());
        (0..1000).for_each(|n| tally.incident(format!("text {n}")));
        let incidents = tally.take_incidents();
        assert_eq!((incidents["closed"], incidents.values().sum::<u64>()), (2, 1002));
        assert!(incidents.len() <= MAX_TEXTS + 1);
        assert!(tally.take_incidents().is_empty());
    }
}
