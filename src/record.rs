//! Call records on disk: JSON lines, bounded in number, never the reason that a call fails.

mod quota;

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use callbox_core::station::CallRecord;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::fault::Teller;

/// How many records may wait for a slow disk.
const WAITING: usize = 64;
/// For its owner only: records say who calls whom.
const MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

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

    /// Where the calls are kept that reached nobody, until their callees are told: beside the records.
    pub fn missed(&self) -> Option<PathBuf> {
        self.path.as_ref().map(|path| path.with_extension("missed"))
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

/// The writer of records: one task, which owns whatever file they go to.
#[derive(Debug)]
pub struct Records {
    settings: Arc<Settings>,
    lines: mpsc::Sender<Line>,
    task: JoinHandle<()>,
}

/// A record, and the settings of when it was made.
#[derive(Debug)]
struct Line {
    text: String,
    settings: Arc<Settings>,
}

impl Records {
    /// Starts the writer.
    pub fn start(settings: Settings, disk: Teller) -> Self {
        let (lines, inbox) = mpsc::channel(WAITING);
        let task = tokio::task::spawn_blocking(move || Writer { file: None, disk }.run(inbox));
        Self { settings: Arc::new(settings), lines, task }
    }

    /// Takes other settings, for records from now on; what waits still goes where it was to go.
    pub fn configure(&mut self, settings: Settings) {
        self.settings = Arc::new(settings);
    }

    /// Writes an entry down, soon.
    pub fn append(&self, entry: &Entry) {
        if self.settings.path.is_none() {
            return;
        }
        let text = match serde_json::to_string(entry) {
            Ok(text) => text,
            Err(error) => return tracing::error!(%error, "a record cannot be written as JSON"),
        };
        if self.lines.try_send(Line { text, settings: Arc::clone(&self.settings) }).is_err() {
            tracing::warn!(call = %entry.record.call, waiting = WAITING, "the disk is too slow: call record lost");
        }
    }

    /// Writes what waits and ends.
    pub async fn stop(self) {
        drop(self.lines);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the writer of call records failed");
        }
    }
}

/// What the task does.
struct Writer {
    /// The file, and how many records it has.
    file: Option<(PathBuf, usize)>,
    disk: Teller,
}

impl Writer {
    fn run(mut self, mut inbox: mpsc::Receiver<Line>) {
        while let Some(Line { text, settings }) = inbox.blocking_recv() {
            let Some(path) = &settings.path else { continue };
            let written = self.write(path, settings.max_entries, &text);
            if let Err(error) = &written {
                tracing::warn!(path = %path.display(), %error, "call record not written");
            }
            self.disk.tell(written.err().map(|error| format!("{}: {error}: call records are lost", path.display())));
        }
    }

    fn write(&mut self, path: &Path, max: usize, line: &str) -> io::Result<()> {
        let before = match &self.file {
            Some((known, count)) if known == path => *count,
            _ => {
                prepare(path)?;
                count(path)?
            }
        };
        append(path, line)?;
        let mut now = before + 1;
        if now > max {
            now = rotate(path, max)?;
        }
        self.file = Some((path.to_owned(), now));
        Ok(())
    }
}

/// Makes the folder where it is missing, and closes a file to others that an older version left open.
fn prepare(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
    }
    match fs::metadata(path) {
        Ok(meta) if meta.is_file() && meta.permissions().mode() & 0o077 != 0 => {
            fs::set_permissions(path, fs::Permissions::from_mode(MODE))
        }
        _ => Ok(()),
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
    let mut file = fs::OpenOptions::new().create(true).append(true).mode(MODE).open(path)?;
    let length = file.metadata()?.len();
    let whole = format!("{line}\n");
    file.write_all(whole.as_bytes()).inspect_err(|_| {
        if let Err(error) = file.set_len(length) {
            tracing::warn!(path = %path.display(), %error, "half a call record stays in the file");
        }
    })
}

/// Keeps three quarters, so that this is rare; which, `quota` says. The old file stays until the new one is whole.
fn rotate(path: &Path, max: usize) -> io::Result<usize> {
    let lines: Vec<Vec<u8>> = BufReader::new(fs::File::open(path)?).split(b'\n').collect::<Result<_, _>>()?;
    let kept = quota::keep(&lines, max * 3 / 4);
    let fresh = path.with_extension("new");
    let create = || fs::OpenOptions::new().write(true).create(true).truncate(true).mode(MODE).open(&fresh);
    let written = create().and_then(|mut file| {
        for line in &kept {
            file.write_all(line)?;
            file.write_all(b"\n")?;
        }
        file.sync_all()
    });
    match written.and_then(|()| fs::rename(&fresh, path)) {
        Ok(()) => Ok(kept.len()),
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
    use crate::fault::Report;

    /// Writes lines with these settings, one after the other, by one writer; gives what was told of the disk.
    fn write(lines: &[(String, &Path, usize)]) -> Vec<Report> {
        let (reports, mut told) = mpsc::channel(16);
        let (sender, inbox) = mpsc::channel(1000);
        for (text, path, max_entries) in lines {
            let settings = Arc::new(Settings { path: Some(path.to_path_buf()), max_entries: *max_entries });
            sender.try_send(Line { text: text.clone(), settings }).unwrap();
        }
        drop(sender);
        Writer { file: None, disk: Teller::of("records", reports) }.run(inbox);
        std::iter::from_fn(|| told.try_recv().ok()).collect()
    }

    fn rung(n: usize) -> String {
        format!("{{\"n\":{n},\"direction\":\"incoming\",\"caller\":{{\"user\":\"anna\"}}}}")
    }

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn the_file_keeps_the_newest_and_is_its_owners() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("folder/calls.jsonl");
        assert!(write(&(0..25).map(|n| (rung(n), path.as_path(), 10)).collect::<Vec<_>>()).is_empty());
        let text = read(&path);
        assert!(text.lines().count() <= 10 && text.ends_with(&format!("{}\n", rung(24))), "{text}");
        let folder = path.parent().unwrap();
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1, "nothing is left beside it");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(folder)), (MODE, FOLDER_MODE));
    }

    #[test]
    fn other_settings_take_over_in_the_one_writer() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("calls.jsonl"), dir.path().join("other.jsonl"));
        let mut lines: Vec<_> = (0..40).map(|n| (rung(n), path.as_path(), 100)).collect();
        lines.extend((40..44).map(|n| (rung(n), path.as_path(), 20)));
        lines.push((rung(44), &other, 20));
        lines.push((rung(45), &path, 20));
        write(&lines);
        let kept: Vec<_> = read(&path).lines().map(str::to_owned).collect();
        assert!(kept.len() <= 20 && kept.ends_with(&[rung(43), rung(45)]), "{kept:?}");
        assert_eq!(read(&other), format!("{}\n", rung(44)));
    }

    #[test]
    fn a_full_disk_is_told_and_over_when_there_is_room_again() {
        let dir = tempfile::tempdir().unwrap();
        let (full, good) = (dir.path().join("full.jsonl"), dir.path().join("calls.jsonl"));
        std::os::unix::fs::symlink("/dev/full", &full).unwrap();
        let told = write(&[(rung(0), &full, 10), (rung(1), &full, 10), (rung(2), &good, 10)]);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].fault.as_ref().unwrap().contains("No space left on device"), "{told:?}");
        assert_eq!(told[1].fault, None);
        assert_eq!(read(&good), format!("{}\n", rung(2)));
    }

    #[test]
    fn a_file_that_an_older_version_left_open_is_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("calls.jsonl");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write(&[(rung(0), &path, 10)]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
    }
}
