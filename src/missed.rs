//! The file of the calls that reached nobody, so that a restart of the panel keeps them until their callees are told.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use callbox_core::client::MissedNotes;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::fault::Teller;
use crate::record::now_ms;

/// For its owner only: it says who called whom.
const MODE: u32 = 0o600;

/// More than all notes take.
const MOST: u64 = 256 * 1024;

/// The task that owns the file.
#[derive(Debug)]
pub struct MissedFile {
    task: Option<JoinHandle<()>>,
}

impl MissedFile {
    /// Starts the writer. Returns the notes of before, and where to put the text of each later state; without a file nothing is kept. A file
    /// that cannot be read or written is a fault and stops nothing.
    pub async fn start(path: Option<PathBuf>, disk: Teller) -> (Self, MissedNotes, watch::Sender<String>) {
        let (text, mut changes) = watch::channel(String::new());
        let Some(path) = path else { return (Self { task: None }, MissedNotes::default(), text) };
        let at = path.clone();
        let read = tokio::task::spawn_blocking(move || read(&at)).await;
        let (notes, fault) = match read.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                let (notes, damaged) = MissedNotes::decode(Instant::now(), now_ms(), &text);
                (notes, (damaged > 0).then(|| format!("{damaged} damaged lines are left out")))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => (MissedNotes::default(), None),
            Err(error) => (MissedNotes::default(), Some(error.to_string())),
        };
        if let Some(fault) = fault {
            disk.tell(Some(format!(
                "{}: {fault}: some users are not told of the calls that they missed",
                path.display()
            )));
        }
        let task = tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                let (text, to) = (changes.borrow_and_update().clone(), path.clone());
                let written = tokio::task::spawn_blocking(move || write(&to, &text)).await;
                let fault = written.unwrap_or_else(|error| Err(io::Error::other(error))).err();
                disk.tell(fault.map(|error| {
                    format!("{}: {error}: after a restart nobody would be told of missed calls", path.display())
                }));
            }
        });
        (Self { task: Some(task) }, notes, text)
    }

    /// Writes the last state and ends, once the sender of the states is gone.
    pub async fn stop(self) {
        if let Some(task) = self.task {
            if let Err(error) = task.await {
                tracing::error!(%error, "the writer of missed calls failed");
            }
        }
    }
}

/// Reads no more than all notes take, and nothing that is no file.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Replaces the file as a whole: a power cut leaves the state before or this one.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if text.is_empty() {
        return match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    let fresh = path.with_extension("missed-new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(MODE).open(&fresh)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.and_then(|()| fs::rename(&fresh, path)).inspect_err(|_| {
        // Leave nothing behind on a full disk; that it may not be there is no matter.
        let _absent = fs::remove_file(&fresh);
    })
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::fault::Report;

    async fn start(path: &Path) -> (MissedFile, MissedNotes, watch::Sender<String>, mpsc::Receiver<Report>) {
        let (reports, told) = mpsc::channel(4);
        let (file, notes, text) = MissedFile::start(Some(path.to_owned()), Teller::of("missed calls", reports)).await;
        (file, notes, text, told)
    }

    /// Writes a state with one call, and ends.
    async fn note((file, text): (MissedFile, watch::Sender<String>)) {
        let (now, now_ms) = (Instant::now(), now_ms());
        let line = format!(r#"{{"call":"c","callee":"anna","media":"video","sent_ms":{now_ms},"until_ms":{now_ms}}}"#);
        text.send_replace(MissedNotes::decode(now, now_ms, &line).0.encode(now, now_ms));
        drop(text);
        file.stop().await;
    }

    #[tokio::test]
    async fn a_restart_keeps_the_calls_and_an_empty_state_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls.missed");
        let (file, notes, text, mut told) = start(&path).await;
        assert!(notes.callees().is_empty());
        note((file, text)).await;
        let (file, notes, text, _) = start(&path).await;
        assert_eq!(notes.callees().len(), 1);
        text.send_replace(String::new());
        drop(text);
        file.stop().await;
        assert!(!path.exists() && told.try_recv().is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_damaged_file_is_a_fault_until_it_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls.missed");
        let (file, _, text, _) = start(&path).await;
        note((file, text)).await;
        let good = fs::read(&path).unwrap();
        fs::write(&path, [&good[..good.len() / 2], b"\n\xff\xfe\n", &good].concat()).unwrap();
        let (file, notes, text, mut told) = start(&path).await;
        assert_eq!(notes.callees().len(), 1, "what can be read is kept");
        assert!(told.try_recv().unwrap().fault.unwrap().contains("2 damaged lines"));
        note((file, text)).await;
        assert_eq!(told.try_recv().unwrap().fault, None);
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_used_is_a_fault_and_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        // Nobody, not even root, writes a file over a folder.
        let path = folder.path().join("calls.missed");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), "").unwrap();
        let (file, _, text, mut told) = start(&path).await;
        assert!(told.try_recv().unwrap().fault.unwrap().contains("not a file"));
        note((file, text)).await;
        assert!(told.try_recv().unwrap().fault.unwrap().contains("after a restart"));
        let absent = folder.path().join("absent/calls.missed");
        let (file, _, text, mut told) = start(&absent).await;
        note((file, text)).await;
        assert!(told.try_recv().unwrap().fault.is_some());
    }
}
