//! An invite that rings and that nobody has decided, on disk: a panel that starts again within its time rings on. A hub gives such an
//! invite once more by itself, a broker only what was not acknowledged.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use callbox_core::ids::{Address, CallId, EnvelopeId};
use callbox_core::protocol::{Envelope, Message};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::fault::Teller;
use crate::record::now_ms;

/// For its owner only: it says who calls whom.
const MODE: u32 = 0o600;

/// More than an invite and its time take.
const MOST: u64 = 2 * callbox_core::protocol::MAX_BYTES as u64;

/// The memory of one invite, and the task that owns its file.
#[derive(Debug)]
pub struct Rung {
    /// What rings now and is on disk, or soon will be.
    rings: Option<CallId>,
    text: watch::Sender<Option<String>>,
    task: Option<JoinHandle<()>>,
}

/// What stands in the file.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// When it rings no longer, in milliseconds since 1970 (UTC).
    until_ms: u64,
    /// The invite as it came.
    envelope: String,
}

impl Rung {
    /// Starts, and gives what rang when the daemon before this one ended, with the time that is left; its inviter tells when it is
    /// over. Without a file nothing is remembered.
    pub async fn start(path: Option<PathBuf>, disk: Teller) -> (Self, Option<(Address, Message)>) {
        let (text, mut changes) = watch::channel(None);
        let Some(path) = path else { return (Self { rings: None, text, task: None }, None) };
        let at = path.clone();
        let read = tokio::task::spawn_blocking(move || read(&at)).await;
        let before = match read.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(bytes) => Kept::read(&bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "what rang before cannot be read");
                None
            }
        };
        let task = tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                let (text, path) = (changes.borrow_and_update().clone(), path.clone());
                let name = path.display().to_string();
                let written = tokio::task::spawn_blocking(move || write(&path, text.as_deref()));
                let lost = |error: &dyn std::fmt::Display| {
                    format!("{name}: {error}: a ringing invite would be lost if the daemon crashed now")
                };
                match written.await {
                    Ok(written) => disk.tell(written.err().map(|error| lost(&error))),
                    Err(error) => disk.tell(Some(lost(&error))),
                }
            }
        });
        if before.is_some() {
            // Once.
            text.send_replace(None);
        }
        (Self { rings: None, text, task: Some(task) }, before.and_then(|kept| kept.left(now_ms())))
    }

    /// The station has handled an input: `invite` when that was one, `rings` is the call that rings here now.
    pub fn settle(&mut self, invite: Option<(Address, Message)>, rings: Option<&CallId>) {
        if let Some((from, message)) = invite.filter(|(_, message)| rings.is_some() && message.call() == rings) {
            let kept = Kept::of(from, message, now_ms()).and_then(|kept| serde_json::to_string(&kept).ok());
            self.rings = rings.cloned();
            self.text.send_replace(kept);
        } else if self.rings.is_some() && self.rings.as_ref() != rings {
            self.rings = None;
            self.text.send_replace(None);
        }
    }

    /// Writes what is left to write and ends.
    pub async fn stop(self) {
        drop(self.text);
        if let Some(task) = self.task {
            if let Err(error) = task.await {
                tracing::error!(%error, "the writer of what rings failed");
            }
        }
    }
}

impl Kept {
    /// An invite that begins to ring; nothing else.
    fn of(from: Address, message: Message, now_ms: u64) -> Option<Self> {
        let Message::Invite { remaining_ms, .. } = &message else { return None };
        let until_ms = now_ms.saturating_add(u64::from(*remaining_ms));
        let id: EnvelopeId = "kept".parse().ok()?;
        Some(Self { until_ms, envelope: Envelope { id, from: Some(from), to: None, message }.encode() })
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        // Half a file after a power cut is as good as none.
        serde_json::from_slice(bytes)
            .inspect_err(|error| tracing::debug!(%error, "what rang before is no longer known"))
            .ok()
    }

    /// The invite with the time that is left; never more than it had, whatever became of the clock.
    fn left(self, now_ms: u64) -> Option<(Address, Message)> {
        let Envelope { from, mut message, .. } = Envelope::decode(self.envelope.as_bytes()).ok()?;
        let Message::Invite { remaining_ms, .. } = &mut message else { return None };
        let left = self.until_ms.saturating_sub(now_ms).min(u64::from(*remaining_ms));
        *remaining_ms = u32::try_from(left).ok().filter(|left| *left > 0)?;
        Some((from?, message))
    }
}

/// No more than an invite has, whatever the path leads to.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn write(path: &Path, text: Option<&str>) -> io::Result<()> {
    match text {
        Some(text) => {
            let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(MODE).open(path)?;
            file.write_all(text.as_bytes())
        }
        None => match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        },
    }
}

#[cfg(test)]
mod tests {
    use callbox_core::protocol::{Agent, EarlyMedia, Kind, Media};

    use tokio::sync::mpsc;

    use super::*;

    async fn start(path: PathBuf) -> (Rung, Option<(Address, Message)>) {
        Rung::start(Some(path), Teller::of("ringing", mpsc::channel(4).0)).await
    }

    fn invite(call: &str, remaining_ms: u32) -> (Address, Message) {
        let message = Message::Invite {
            call: call.parse().unwrap(),
            kind: Kind::Single,
            media: Media::Video,
            callees: vec!["door".parse().unwrap()],
            remaining_ms,
            agent: Agent::Browser,
            early: EarlyMedia::Connect,
        };
        (Address { user: "anna".parse().unwrap(), device: "phone".parse().unwrap() }, message)
    }

    fn left(back: Option<(Address, Message)>) -> Option<u32> {
        match back?.1 {
            Message::Invite { remaining_ms, .. } => Some(remaining_ms),
            _ => None,
        }
    }

    #[tokio::test]
    async fn what_nobody_decided_rings_on_once_with_the_time_that_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls.ringing");
        let call: CallId = "c".parse().unwrap();
        let (mut rung, before) = start(path.clone()).await;
        assert!(before.is_none());
        rung.settle(Some(invite("other", 30_000)), Some(&call));
        rung.settle(Some(invite("c", 30_000)), Some(&call));
        rung.settle(None, Some(&call));
        rung.stop().await;

        let (rung, before) = start(path.clone()).await;
        let back = left(before).unwrap();
        assert!(back <= 30_000 && back > 1_000, "{back}");
        rung.stop().await;
        assert!(!path.exists());
        assert!(start(path).await.1.is_none(), "once");
    }

    #[tokio::test]
    async fn what_is_decided_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls.ringing");
        let (mut rung, _) = start(path.clone()).await;
        let call = "c".parse().unwrap();
        rung.settle(Some(invite("c", 30_000)), Some(&call));
        rung.settle(None, None);
        rung.stop().await;
        assert!(!path.exists());
    }

    #[test]
    fn what_is_over_or_unreadable_does_not_ring() {
        let (from, message) = invite("c", 30_000);
        let kept = || {
            let kept = Kept::of(from.clone(), message.clone(), 1_000).unwrap();
            Kept::read(&serde_json::to_vec(&kept).unwrap()).unwrap()
        };
        assert_eq!(left(kept().left(21_000)), Some(10_000));
        assert_eq!(left(kept().left(0)), Some(30_000), "the clock was set back");
        assert_eq!(left(kept().left(31_000)), None);
        assert!(Kept::read(b"{\"until_ms\":5,\"enve").is_none());
        let (until_ms, envelope) = (u64::MAX, "{}".to_owned());
        assert!(Kept { until_ms, envelope }.left(0).is_none());
    }

    #[tokio::test]
    async fn a_full_disk_is_told_and_over_when_there_is_room_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls.ringing");
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let (reports, mut told) = mpsc::channel(4);
        let (mut rung, _) = Rung::start(Some(path.clone()), Teller::of("ringing", reports)).await;
        let call = "c".parse().unwrap();
        rung.settle(Some(invite("c", 30_000)), Some(&call));
        let fault = told.recv().await.unwrap().fault.unwrap();
        assert!(fault.contains("No space left on device"), "{fault}");
        // What is decided is forgotten: the link to the full disk goes, and the next invite is written down.
        rung.settle(None, None);
        assert_eq!(told.recv().await.unwrap().fault, None);
        rung.settle(Some(invite("c", 30_000)), Some(&call));
        rung.stop().await;
        assert!(fs::read_to_string(&path).unwrap().contains("until_ms"));
    }
}
