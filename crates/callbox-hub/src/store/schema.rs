//! The tables and their version.

use rusqlite::Connection;

/// The schema this program writes.
pub(super) const VERSION: i64 = 1;

const TABLES: &str = "
    CREATE TABLE invite (
        app INTEGER NOT NULL, user TEXT NOT NULL, call TEXT NOT NULL,
        envelope TEXT NOT NULL, sent_ms INTEGER NOT NULL, reached INTEGER NOT NULL,
        PRIMARY KEY (app, user, call)) WITHOUT ROWID;
    CREATE TABLE missed (
        app INTEGER NOT NULL, user TEXT NOT NULL, call TEXT NOT NULL,
        caller TEXT NOT NULL, device TEXT NOT NULL, media TEXT NOT NULL, sent_ms INTEGER NOT NULL,
        PRIMARY KEY (app, user, call)) WITHOUT ROWID;
    CREATE TABLE seen (
        app INTEGER NOT NULL, user TEXT NOT NULL, PRIMARY KEY (app, user)) WITHOUT ROWID;
    PRAGMA user_version = 1;
";

/// Makes the tables of a new file. Gives the schema's version.
pub(super) fn prepare(db: &Connection) -> rusqlite::Result<i64> {
    // Answers with the mode it got: `memory` for a store in memory.
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > 0 {
        return Ok(found);
    }
    db.execute_batch(&format!("BEGIN IMMEDIATE; {TABLES} COMMIT;"))?;
    Ok(VERSION)
}
