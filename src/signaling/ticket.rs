//! Where the ticket comes from: the config, a file that something else keeps fresh, or made here from the app's key.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use callbox_core::ids::{AppId, UserId};
use callbox_core::text;
use callbox_core::ticket::{self, SecretKey};

use crate::text_file;

/// How long a ticket made here is valid.
const EXPIRE_SECS: u64 = 24 * 60 * 60;
/// More than any ticket, less than a file that is none.
const MAX_FILE: u64 = 64 * 1024;

/// What `SetCredential=` in `systemd/callbox.service` puts in place of a file that is not there.
const STAND_IN: &str = "none";

/// Where the ticket comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum TicketSource {
    /// The ticket itself.
    Ticket(String),
    /// A file with the ticket, read at each login.
    File(PathBuf),
    /// A file with the app's key: tickets are made here. For demonstrations and for boards that are trusted with the key.
    KeyFile(PathBuf),
}

/// Shows where, never what.
impl fmt::Debug for TicketSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ticket(_) => f.write_str("Ticket(…)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::KeyFile(path) => f.debug_tuple("KeyFile").field(path).finish(),
        }
    }
}

/// Why there is no ticket.
#[derive(Debug, thiserror::Error)]
pub enum TicketError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The unit's stand-in for a credential that was not there when the service started.
    #[error("{}: there was nothing to load when the service started: put it into /etc/callbox (root's, mode 600), then `systemctl restart callbox`", path.display())]
    StandIn {
        /// The file.
        path: PathBuf,
    },
    /// The file is far too large to be what it should be.
    #[error("{}: {size} bytes: a ticket or key is one short line", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: u64,
    },
    /// The ticket file holds no ticket.
    #[error("{}: {source}", path.display())]
    NoTicket {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ticket::TicketError,
    },
    /// The key file holds no key.
    #[error("{}: {source}", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ticket::BadKey,
    },
}

impl TicketSource {
    /// A ticket for this user, read or made now.
    ///
    /// # Errors
    /// [`TicketError`], when the file is not there or is not what it should be.
    pub fn ticket(&self, app: AppId, user: &UserId) -> Result<String, TicketError> {
        match self {
            Self::Ticket(text) => Ok(text.clone()),
            Self::File(path) => {
                let text = read(path)?;
                ticket::read(&text).map_err(|source| TicketError::NoTicket { path: path.clone(), source })?;
                Ok(text)
            }
            Self::KeyFile(path) => {
                let key =
                    SecretKey::new(&read(path)?).map_err(|source| TicketError::NoKey { path: path.clone(), source })?;
                // A clock before 1970 makes a ticket that is refused as not yet valid: the hub's answer says so.
                let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
                Ok(ticket::make(app, &key, user, now, EXPIRE_SECS))
            }
        }
    }
}

fn read(path: &Path) -> Result<String, TicketError> {
    let failed = |source| TicketError::Read { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > MAX_FILE {
        return Err(TicketError::TooLarge { path: path.to_owned(), size });
    }
    let text = text_file::read(path).map_err(failed)?;
    let text = text::trimmed(text.as_bytes()).unwrap_or(&text);
    if text == STAND_IN { Err(TicketError::StandIn { path: path.to_owned() }) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door() -> UserId {
        "door".parse().unwrap()
    }

    #[test]
    fn a_key_makes_a_ticket_that_the_key_verifies() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, "secret\n").unwrap();
        let text = TicketSource::KeyFile(path).ticket(AppId(7), &door()).unwrap();
        let claims = ticket::read(&text).unwrap();
        assert_eq!((claims.app, claims.user, claims.expire), (AppId(7), door(), EXPIRE_SECS));
    }

    #[test]
    fn the_stand_in_of_the_unit_is_told_from_a_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, "none").unwrap();
        let error = TicketSource::KeyFile(path).ticket(AppId(7), &door()).unwrap_err().to_string();
        assert!(error.contains("nothing to load") && error.contains("systemctl restart callbox"), "{error}");
    }

    #[test]
    fn a_file_that_holds_no_ticket_is_named_and_not_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ticket");
        std::fs::write(&path, "hush").unwrap();
        let error = TicketSource::File(path.clone()).ticket(AppId(7), &door()).unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()) && !error.contains("hush"), "{error}");
        assert_eq!(format!("{:?}", TicketSource::Ticket("hush".to_owned())), "Ticket(…)");
    }
}
