//! Writes behind: the routing loop hands changes over and goes on; a thread of its own commits what has come together.
//!
//! A disk that takes its time (an SD card, another process that holds the file) holds up no ring. What was handed over and not written yet
//! is lost with the process; an invite lives ten minutes at most, and its inviter says it again.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use tracing::{debug, error, info, warn};

use super::{Health, Store};
use crate::switchboard::Change;

/// The most changes that wait. Beyond it the newest are lost; the hub itself goes on with what it has in memory.
const WAITING: usize = 8192;
/// The most changes of one commit.
const BATCH: usize = 512;
/// How often a commit is tried while another process holds the file; each try waits 2 s.
const TRIES: u32 = 15;
/// How long the last commits may take when the hub stops.
const LAST: Duration = Duration::from_secs(2);

/// The loop's end of the store.
#[derive(Debug)]
pub struct Writer {
    changes: SyncSender<Change>,
    finished: Receiver<()>,
    lost: u64,
}

impl Writer {
    /// Starts the thread that writes.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(store: Store, health: Health) -> io::Result<Self> {
        let (changes, inbox) = sync_channel(WAITING);
        let (done, finished) = sync_channel(1);
        thread::Builder::new().name("store".to_owned()).spawn(move || {
            write_all(&store, &health, &inbox);
            // Nobody waits any more when this fails.
            let _ = done.send(());
        })?;
        Ok(Self { changes, finished, lost: 0 })
    }

    /// Hands a change over. Never waits.
    pub fn write(&mut self, change: Change) {
        match self.changes.try_send(change) {
            Ok(()) if self.lost == 0 => {}
            Ok(()) => {
                warn!(lost = self.lost, "store: takes changes again; those lost in between do not outlive a restart");
                self.lost = 0;
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                if self.lost == 0 {
                    error!(
                        waiting = WAITING,
                        "store: the disk is too slow, changes are lost: the hub goes on in memory"
                    );
                }
                self.lost += 1;
            }
        }
    }

    /// Waits until all that was handed over is written, but not for long.
    pub fn finish(self) {
        let Self { changes, finished, .. } = self;
        drop(changes);
        match finished.recv_timeout(LAST) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {}
            Err(RecvTimeoutError::Timeout) => {
                error!(seconds = LAST.as_secs(), "store: the disk is too slow, the last changes are lost");
            }
        }
    }
}

fn write_all(store: &Store, health: &Health, inbox: &Receiver<Change>) {
    while let Ok(first) = inbox.recv() {
        let mut batch = vec![first];
        batch.extend(inbox.try_iter().take(BATCH - 1));
        commit(store, health, &batch);
    }
    info!("store: closed");
}

/// Commits a batch; where it cannot be committed as a whole, change by change.
fn commit(store: &Store, health: &Health, batch: &[Change]) {
    for tried in 1..=TRIES {
        match store.apply_all(batch) {
            Ok(()) => return health.note(Ok(())),
            Err(error) if error.is_busy() && tried < TRIES => warn!(%error, tried, "store: held by another process"),
            Err(error) => {
                debug!(%error, changes = batch.len(), "store: cannot commit, tried one by one");
                break;
            }
        }
    }
    for change in batch {
        health.note(store.apply(change));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use rusqlite::Connection;

    use super::*;
    use crate::store::Place;
    use callbox_core::ids::AppId;

    fn seen(n: usize) -> Change {
        Change::Seen { app: AppId(1), user: format!("u{n}").parse().unwrap() }
    }

    #[test]
    fn whoever_hands_changes_over_does_not_wait_for_the_disk_and_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        let mut writer = Writer::start(Store::open(&Place::File(path.clone())).unwrap(), Health::default()).unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let begin = Instant::now();
        (0..2000).for_each(|n| writer.write(seen(n)));
        assert!(begin.elapsed() < Duration::from_secs(2), "a locked file is waited for 2 s: {:?}", begin.elapsed());
        other.execute_batch("COMMIT").unwrap();
        writer.finish();
        let (remembered, _) = Store::open(&Place::File(path)).unwrap().remembered().unwrap();
        assert_eq!(remembered.seen.len(), 2000);
    }

    #[test]
    fn a_disk_that_never_answers_costs_changes_and_not_the_hub() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        let mut writer = Writer::start(Store::open(&Place::File(path.clone())).unwrap(), Health::default()).unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        (0..WAITING + 2 * BATCH).for_each(|n| writer.write(seen(n)));
        assert!(writer.lost > 0);
        // The file is never given back: the end does not hang.
        writer.finish();
    }
}
