//! Call records on disk: JSON lines, bounded in number, never the reason that a call fails.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use callbox_core::station::CallRecord;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How many records may wait for a slow disk.
const WAITING: usize = 64;

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The file; none: records are logged only.
    pub path: Option<PathBuf>,
    /// How many are kept at most.
    pub max_entries: usize,
}

impl Settings {
    /// Where an invite is kept that rings and is not decided: beside the records.
    pub fn ringing(&self) -> Option<PathBuf> {
        self.path.as_ref().map(|path| path.with_extension("ringing"))
    }
}

/// A call, with the time of day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When it began, in milliseconds since 1970 (UTC).
    pub started_at_ms: u64,
    /// When it ended.
    pub ended_at_ms: u64,
    /// Pictures of who was at the door, in the order in which they were taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<PathBuf>,
    /// All else.
    #[serde(flatten)]
    pub record: CallRecord,
}

impl Entry {
    /// An entry for a call that ends now.
    pub fn now(record: CallRecord, pictures: Vec<PathBuf>) -> Self {
        let now = since_1970();
        Self { started_at_ms: ms(now.saturating_sub(record.lasted)), ended_at_ms: ms(now), pictures, record }
    }
}

/// The time of day as it is written down: milliseconds since 1970 (UTC).
pub fn now_ms() -> u64 {
    ms(since_1970())
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The writer of records: a task that owns the file.
#[derive(Debug)]
pub struct Records {
    entries: Option<mpsc::Sender<String>>,
    task: Option<JoinHandle<()>>,
}

impl Records {
    /// Starts the writer, if there is a file to write.
    pub fn start(settings: Settings) -> Self {
        let Some(path) = settings.path else { return Self { entries: None, task: None } };
        let (entries, inbox) = mpsc::channel(WAITING);
        let task = tokio::task::spawn_blocking(move || write_all(&path, settings.max_entries, inbox));
        Self { entries: Some(entries), task: Some(task) }
    }

    /// Writes an entry down, soon.
    pub fn append(&self, entry: &Entry) {
        let Some(entries) = &self.entries else { return };
        let line = match serde_json::to_string(entry) {
            Ok(line) => line,
            Err(error) => return tracing::error!(%error, "a record cannot be written as JSON"),
        };
        if entries.try_send(line).is_err() {
            tracing::warn!(call = %entry.record.call, waiting = WAITING, "the disk is too slow: call record lost");
        }
    }

    /// Writes what waits and ends.
    pub async fn stop(mut self) {
        self.entries = None;
        if let Some(task) = self.task.take() {
            if let Err(error) = task.await {
                tracing::error!(%error, "the writer of call records failed");
            }
        }
    }
}

fn write_all(path: &Path, max: usize, mut inbox: mpsc::Receiver<String>) {
    let mut count = match count(path) {
        Ok(count) => count,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "call records cannot be read");
            0
        }
    };
    while let Some(line) = inbox.blocking_recv() {
        let written = append(path, &line).and_then(|()| {
            count += 1;
            if count > max { rotate(path, max).map(|kept| count = kept) } else { Ok(()) }
        });
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "call record not written");
        }
    }
}

fn count(path: &Path) -> io::Result<usize> {
    match fs::File::open(path) {
        Ok(file) if file.metadata()?.is_file() => Ok(BufReader::new(file).split(b'\n').count()),
        Ok(_) => Ok(0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// One write for one line: a full disk leaves at most one broken line, and the next one starts on its own.
fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(path)?;
    let length = file.metadata()?.len();
    let whole = format!("{line}\n");
    file.write_all(whole.as_bytes()).inspect_err(|_| {
        if let Err(error) = file.set_len(length) {
            tracing::warn!(path = %path.display(), %error, "half a call record stays in the file");
        }
    })
}

/// Keeps the newest three quarters, so that this is rare. The old file stays until the new one is whole.
fn rotate(path: &Path, max: usize) -> io::Result<usize> {
    let lines: Vec<Vec<u8>> = BufReader::new(fs::File::open(path)?).split(b'\n').collect::<Result<_, _>>()?;
    let keep = max * 3 / 4;
    let newest = &lines[lines.len().saturating_sub(keep)..];
    let fresh = path.with_extension("new");
    let written = fs::File::create(&fresh).and_then(|mut file| {
        for line in newest {
            file.write_all(line)?;
            file.write_all(b"\n")?;
        }
        file.sync_all()
    });
    match written.and_then(|()| fs::rename(&fresh, path)) {
        Ok(()) => Ok(newest.len()),
        Err(error) => {
            // Leave nothing behind on a full disk; that it may not be there is no matter.
            let _absent = fs::remove_file(&fresh);
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_keeps_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("calls.jsonl");
        let (sender, inbox) = mpsc::channel(WAITING);
        for n in 0..25 {
            sender.try_send(format!("{{\"n\":{n}}}")).unwrap();
        }
        drop(sender);
        write_all(&path, 10, inbox);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.lines().count() <= 10 && text.ends_with("{\"n\":24}\n"), "{text}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_full_disk_loses_the_record_and_nothing_else() {
        let (sender, inbox) = mpsc::channel(WAITING);
        sender.try_send("{}".to_owned()).unwrap();
        drop(sender);
        write_all(Path::new("/dev/full"), 10, inbox);
    }
}
