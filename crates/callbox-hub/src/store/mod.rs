//! What outlives a restart, in SQLite: undecided invites, missed calls, users seen.
//!
//! WAL with `synchronous=NORMAL`: whatever was written survives the end of the process at any point. A power cut may lose the last
//! moments, never the file's order; an invite lives ten minutes at most and its inviter gives up by its own clock, so an `fsync` for
//! each of them (tens of milliseconds on an SD card, with every other message behind it) would buy nothing.

mod mend;
mod schema;
mod writer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use callbox_core::ids::{Address, AppId};
use callbox_core::protocol::{Envelope, Media};
use rusqlite::{Connection, ErrorCode, Row, params};

pub use writer::Writer;

pub use mend::{Health, Opened, open};

use crate::switchboard::{Change, KeptInvite, MissedCall, Remembered};

/// Where the store lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In memory: nothing outlives the process.
    Memory,
    /// In this file; `-wal` and `-shm` lie beside it.
    File(PathBuf),
}

/// Why the store cannot be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite says no.
    #[error("{place}: {source}")]
    Sqlite {
        /// The file.
        place: String,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// It was made by a newer program.
    #[error(
        "{place} has schema {found}, this program knows {known}: use the program that made it, or move the file away"
    )]
    Newer {
        /// The file.
        place: String,
        /// The file's schema.
        found: i64,
        /// Ours.
        known: i64,
    },
}

impl StoreError {
    /// Whether another process holds the file: it may be given back.
    fn is_busy(&self) -> bool {
        matches!(self, Self::Sqlite { source, .. } if source.sqlite_error_code() == Some(ErrorCode::DatabaseBusy))
    }
}

/// The open store.
#[derive(Debug)]
pub struct Store {
    db: Connection,
    place: String,
}

impl Store {
    /// Opens it, and makes it when it is not there.
    ///
    /// # Errors
    /// [`StoreError`] names the file.
    pub fn open(place: &Place) -> Result<Self, StoreError> {
        let (name, opened) = match place {
            Place::Memory => (":memory:".to_owned(), Connection::open_in_memory()),
            Place::File(path) => (path.display().to_string(), open_file(path)),
        };
        let wrap = |source| StoreError::Sqlite { place: name.clone(), source };
        let db = opened.map_err(wrap)?;
        let found = schema::prepare(&db).map_err(wrap)?;
        if found > schema::VERSION {
            return Err(StoreError::Newer { place: name, found, known: schema::VERSION });
        }
        Ok(Self { db, place: name })
    }

    /// Reads the whole file once, and writes to it once.
    ///
    /// # Errors
    /// [`StoreError`] when it is damaged or cannot be written.
    fn examine(&self) -> Result<(), StoreError> {
        let examined =
            self.db.pragma_query_value(None, "quick_check", |row| row.get::<_, String>(0)).and_then(|found| {
                let damaged = rusqlite::ffi::Error { code: rusqlite::ErrorCode::DatabaseCorrupt, extended_code: 11 };
                if found == "ok" { Ok(()) } else { Err(rusqlite::Error::SqliteFailure(damaged, Some(found))) }
            });
        let write =
            || self.db.execute_batch(&format!("BEGIN IMMEDIATE; PRAGMA user_version = {}; COMMIT;", schema::VERSION));
        examined.and_then(|()| write()).map_err(|source| self.wrap(source))
    }

    /// Everything that outlived the last run. Rows that cannot be read any more are left out and counted.
    ///
    /// # Errors
    /// [`StoreError`] when SQLite cannot read.
    pub fn remembered(&self) -> Result<(Remembered, usize), StoreError> {
        self.read_all().map_err(|source| self.wrap(source))
    }

    /// Carries out one change.
    ///
    /// # Errors
    /// [`StoreError`] when SQLite cannot write.
    pub fn apply(&self, change: &Change) -> Result<(), StoreError> {
        self.write(change).map_err(|source| self.wrap(source))
    }

    /// Carries out several changes in one commit: all of them or none.
    ///
    /// # Errors
    /// [`StoreError`] when SQLite cannot write.
    pub fn apply_all(&self, changes: &[Change]) -> Result<(), StoreError> {
        let commit = || {
            let transaction = self.db.unchecked_transaction()?;
            changes.iter().try_for_each(|change| self.write(change))?;
            transaction.commit()
        };
        commit().map_err(|source| self.wrap(source))
    }

    fn wrap(&self, source: rusqlite::Error) -> StoreError {
        StoreError::Sqlite { place: self.place.clone(), source }
    }

    fn write(&self, change: &Change) -> rusqlite::Result<()> {
        let run = |sql: &str, with: &[&dyn rusqlite::ToSql]| self.db.prepare_cached(sql)?.execute(with).map(drop);
        match change {
            Change::Keep(KeptInvite { app, user, envelope, sent_unix_ms, reached }) => {
                let call = envelope.message.call().map_or("", |call| call.as_str());
                let values = params![app.0, user.as_str(), call, envelope.encode(), as_i64(*sent_unix_ms), reached];
                run(
                    "INSERT OR REPLACE INTO invite (app, user, call, envelope, sent_ms, reached) VALUES (?,?,?,?,?,?)",
                    values,
                )
            }
            Change::Reached { app, user, call } => run(
                "UPDATE invite SET reached = 1 WHERE app = ? AND user = ? AND call = ?",
                params![app.0, user.as_str(), call.as_str()],
            ),
            Change::Forget { app, user, call } => run(
                "DELETE FROM invite WHERE app = ? AND user = ? AND call = ?",
                params![app.0, user.as_str(), call.as_str()],
            ),
            Change::Miss(MissedCall { app, user, call, caller, media, sent_unix_ms }) => run(
                "INSERT OR REPLACE INTO missed (app, user, call, caller, device, media, sent_ms) VALUES (?,?,?,?,?,?,?)",
                params![
                    app.0,
                    user.as_str(),
                    call.as_str(),
                    caller.user.as_str(),
                    caller.device.as_str(),
                    media_word(*media),
                    as_i64(*sent_unix_ms)
                ],
            ),
            Change::DropMissed { app, user, call } => run(
                "DELETE FROM missed WHERE app = ? AND user = ? AND call = ?",
                params![app.0, user.as_str(), call.as_str()],
            ),
            Change::Unseen { app, user } => {
                run("DELETE FROM seen WHERE app = ? AND user = ?", params![app.0, user.as_str()])
            }
            Change::Seen { app, user } => {
                run("INSERT OR IGNORE INTO seen (app, user) VALUES (?,?)", params![app.0, user.as_str()])
            }
        }
    }

    fn read_all(&self) -> rusqlite::Result<(Remembered, usize)> {
        let mut unreadable = 0;
        let invites =
            self.rows("SELECT app, user, envelope, sent_ms, reached FROM invite", read_invite, &mut unreadable)?;
        let missed = "SELECT app, user, call, caller, device, media, sent_ms FROM missed ORDER BY sent_ms";
        let missed = self.rows(missed, read_missed, &mut unreadable)?;
        let seen = self.rows("SELECT app, user FROM seen", read_seen, &mut unreadable)?;
        Ok((Remembered { invites, missed, seen }, unreadable))
    }

    fn rows<T>(
        &self,
        sql: &str,
        read: fn(&Row<'_>) -> rusqlite::Result<Option<T>>,
        unreadable: &mut usize,
    ) -> rusqlite::Result<Vec<T>> {
        let mut statement = self.db.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            match read(row)? {
                Some(item) => all.push(item),
                None => *unreadable += 1,
            }
        }
        Ok(all)
    }
}

fn open_file(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open(path)?;
    db.busy_timeout(Duration::from_secs(2))?;
    Ok(db)
}

fn read_invite(row: &Row<'_>) -> rusqlite::Result<Option<KeptInvite>> {
    let (app, user, envelope): (u32, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let (sent, reached): (i64, bool) = (row.get(3)?, row.get(4)?);
    let (Ok(user), Ok(envelope)) = (user.parse(), Envelope::decode(envelope.as_bytes())) else { return Ok(None) };
    Ok(Some(KeptInvite { app: AppId(app), user, envelope, sent_unix_ms: as_u64(sent), reached }))
}

fn read_missed(row: &Row<'_>) -> rusqlite::Result<Option<MissedCall>> {
    let (app, user, call): (u32, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let (caller, device, media): (String, String, String) = (row.get(3)?, row.get(4)?, row.get(5)?);
    let sent: i64 = row.get(6)?;
    let media = if media == media_word(Media::Audio) { Media::Audio } else { Media::Video };
    let (Ok(user), Ok(call), Ok(caller), Ok(device)) = (user.parse(), call.parse(), caller.parse(), device.parse())
    else {
        return Ok(None);
    };
    let caller = Address { user: caller, device };
    Ok(Some(MissedCall { app: AppId(app), user, call, caller, media, sent_unix_ms: as_u64(sent) }))
}

fn read_seen(row: &Row<'_>) -> rusqlite::Result<Option<(AppId, callbox_core::ids::UserId)>> {
    let (app, user): (u32, String) = (row.get(0)?, row.get(1)?);
    Ok(user.parse().ok().map(|user| (AppId(app), user)))
}

fn media_word(media: Media) -> &'static str {
    match media {
        Media::Audio => "audio",
        Media::Video => "video",
    }
}

/// SQLite's integers are signed; milliseconds since 1970 fit for 292 million years.
fn as_i64(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

fn as_u64(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0)
}

#[cfg(test)]
mod tests;
