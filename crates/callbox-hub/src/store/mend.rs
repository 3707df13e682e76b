//! A store that cannot be used does not stop the hub: what it holds is good for ten minutes.
//!
//! A damaged file is moved aside and a new one begun. Where no file can be read or written, the hub keeps in memory what it would
//! have kept there, and says so.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::ErrorCode;
use tracing::{error, info};

use super::{Place, Store, StoreError};
use crate::switchboard::Remembered;

/// A store that is ready for use, with what outlived the last run.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Store,
    /// What outlived the last run.
    pub remembered: Remembered,
    /// Rows that could not be read.
    pub unreadable: usize,
    /// How it fares.
    pub health: Health,
}

/// How a store fares: shared with those who show it.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<Fault>>);

#[derive(Debug, Default)]
enum Fault {
    #[default]
    None,
    /// The last write failed.
    Write(String),
    /// What is written outlives nothing.
    InMemory(String),
}

impl Health {
    /// Returns what is wrong.
    pub fn fault(&self) -> Option<String> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Fault::None => None,
            Fault::Write(text) | Fault::InMemory(text) => Some(text.clone()),
        }
    }

    /// Notes how a write fared. Each failure that follows a success is one line in the log.
    pub fn note(&self, written: Result<(), StoreError>) {
        let mut fault = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (written, &*fault) {
            (Ok(()), Fault::Write(_)) => {
                info!("store: written again");
                *fault = Fault::None;
            }
            (Err(error), Fault::None) => {
                error!(%error, "store: cannot be written, what is kept here does not outlive a restart");
                *fault = Fault::Write(format!("store: {error}"));
            }
            (Ok(()), _) | (Err(_), _) => {}
        }
    }

    fn in_memory(&self, why: &StoreError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Fault::InMemory(format!("store: in memory, because {why}"));
    }
}

/// Opens the store at `place`, or the next best.
///
/// # Errors
/// [`StoreError`] when not even a store in memory can be made.
pub fn open(place: &Place) -> Result<Opened, StoreError> {
    let first = match attempt(place) {
        Ok(opened) => return Ok(opened),
        Err(error) => error,
    };
    let Place::File(path) = place else { return Err(first) };
    if first.is_about_content() {
        let again = move_aside(path).map(|aside| (aside, attempt(place)));
        if let Ok((aside, Ok(opened))) = again {
            error!(error = %first, moved_to = %aside.display(), "store: cannot be used, begun anew");
            return Ok(opened);
        }
    }
    let opened = attempt(&Place::Memory)?;
    error!(error = %first, "store: kept in memory, waiting invites do not outlive a restart");
    opened.health.in_memory(&first);
    Ok(opened)
}

fn attempt(place: &Place) -> Result<Opened, StoreError> {
    let store = Store::open(place)?;
    store.examine()?;
    let (remembered, unreadable) = store.remembered()?;
    Ok(Opened { store, remembered, unreadable, health: Health::default() })
}

/// One damaged store is kept for whoever wants to look into it; an earlier one makes room.
fn move_aside(path: &Path) -> std::io::Result<PathBuf> {
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let aside = beside(".damaged");
    std::fs::rename(path, &aside)?;
    for log in ["-wal", "-shm"] {
        match std::fs::rename(beside(log), beside(&format!(".damaged{log}"))) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(aside)
}

impl StoreError {
    /// Whether another file at the same place would do.
    fn is_about_content(&self) -> bool {
        match self {
            Self::Newer { .. } => true,
            Self::Sqlite { source, .. } => match source.sqlite_error_code() {
                Some(code) => matches!(
                    code,
                    ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::Unknown | ErrorCode::TypeMismatch
                ),
                // Not SQLite's own word: a value of a type that nothing here writes.
                None => true,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn place() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        (folder, path)
    }

    #[test]
    fn what_is_no_store_is_moved_aside() {
        let write = |path: &Path, bytes: &[u8]| std::fs::write(path, bytes).unwrap();
        let good = {
            let (_folder, path) = place();
            drop(open(&Place::File(path.clone())).unwrap());
            std::fs::read(path).unwrap()
        };
        let mut torn = good.clone();
        torn.iter_mut().skip(100).for_each(|byte| *byte = 0xa5);
        let half = &good[..good.len() / 2];
        let other = {
            let (_folder, path) = place();
            let db = rusqlite::Connection::open(&path).unwrap();
            db.execute_batch("CREATE TABLE invite (x); PRAGMA user_version = 1;").unwrap();
            drop(db);
            std::fs::read(path).unwrap()
        };
        for (name, bytes) in [
            ("text", &b"not a database at all, but long enough to be read as one"[..]),
            ("torn", &torn),
            ("half", half),
            ("other", &other),
        ] {
            let (_folder, path) = place();
            write(&path, bytes);
            let opened = open(&Place::File(path.clone())).unwrap();
            assert_eq!(opened.health.fault(), None, "{name}");
            assert_eq!(opened.remembered, Remembered::default());
            drop(opened);
            assert!(path.with_extension("db.damaged").exists(), "{name}");
            assert!(Store::open(&Place::File(path)).is_ok(), "{name}: a new file is there");
        }
    }

    #[test]
    fn where_nothing_can_be_written_the_store_is_in_memory_and_says_so() {
        let (folder, path) = place();
        for bad in [folder.path().join("none/hub.db"), folder.path().to_owned()] {
            let opened = open(&Place::File(bad)).unwrap();
            opened.health.note(Ok(()));
            assert!(opened.health.fault().unwrap().contains("in memory"), "also after a write");
        }
        // Root writes everywhere: the file system has to say no.
        drop(open(&Place::File(path.clone())).unwrap());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        if std::fs::OpenOptions::new().write(true).open(&path).is_err() {
            assert!(open(&Place::File(path)).unwrap().health.fault().is_some());
        }
    }

    #[test]
    fn each_spell_of_failures_is_said_once() {
        let health = Health::default();
        let failed = || Err(StoreError::Newer { place: "x".into(), found: 2, known: 1 });
        health.note(Ok(()));
        assert_eq!(health.fault(), None);
        health.note(failed());
        health.note(failed());
        assert!(health.fault().unwrap().contains("store: x"));
        health.note(Ok(()));
        assert_eq!(health.fault(), None);
    }
}
