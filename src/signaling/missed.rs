//! Tells callees of the calls of ours that they missed, over a broker without a hub: with a hub this is the hub's business.

use std::collections::BTreeSet;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use callbox_core::client::MissedNotes;
use callbox_core::ids::UserId;
use tokio::sync::watch;

/// The notes, and where their text goes whenever they change.
#[derive(Debug)]
pub(super) struct Missed {
    pub(super) notes: MissedNotes,
    saved: watch::Sender<String>,
    /// Those whose devices are waited for.
    callees: BTreeSet<UserId>,
    /// Those of them that the broker tells of only because of that.
    extra: BTreeSet<UserId>,
}

impl Missed {
    pub(super) fn new(notes: MissedNotes, saved: watch::Sender<String>) -> Self {
        let callees = notes.callees();
        Self { notes, saved, callees, extra: BTreeSet::new() }
    }

    /// Saves what has changed. Returns whether others are to be watched now.
    pub(super) fn settle(&mut self, now: Instant) -> bool {
        if !self.notes.take_changed() {
            return false;
        }
        self.save(now);
        let callees = self.notes.callees();
        let differ = callees != self.callees;
        self.callees = callees;
        differ
    }

    /// Saves all, by the clock as it is now.
    pub(super) fn save(&self, now: Instant) {
        self.saved.send_replace(self.notes.encode(now, unix_ms()));
    }

    /// Whom to watch for these users of the station and for the notes, and whether to ask once more at once. A broker tells who is there when it
    /// is asked for a user anew: one that the station wants, and that was watched for a note only, is left out once.
    pub(super) fn watch(&mut self, station: &[UserId]) -> (Vec<UserId>, bool) {
        let again: BTreeSet<_> = station.iter().filter(|user| self.extra.contains(*user)).cloned().collect();
        self.extra = self.callees.iter().filter(|user| !station.contains(user)).cloned().collect();
        let users = station.iter().filter(|user| !again.contains(*user)).chain(&self.extra).cloned().collect();
        (users, !again.is_empty())
    }

    /// Whether anybody is waited for.
    pub(super) fn waits(&self) -> bool {
        !self.callees.is_empty()
    }

    /// The connection is gone, and with it what the broker was asked for.
    pub(super) fn went_down(&mut self) {
        self.notes.went_down();
        self.extra.clear();
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
