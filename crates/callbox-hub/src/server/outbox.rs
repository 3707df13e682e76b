//! The bounded queue between the loop and one socket, and the task that empties it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use callbox_core::ids::EnvelopeId;
use callbox_core::protocol::{Bye, Envelope, Message};
use futures_util::SinkExt;
use futures_util::stream::SplitSink;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite::Message as WsMessage;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::websocket::WebSocket;

/// The most messages that wait for one socket …
const MAX_MESSAGES: usize = 2048;
/// … and the most bytes.
const MAX_QUEUED_BYTES: usize = 2 * 1024 * 1024;
/// One message takes at most this long to leave.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// What is left, and the goodbye, take at most this long.
const FAREWELL_TIMEOUT: Duration = Duration::from_millis(800);

/// The hub is there again, or the queue empty, after this long.
const RETRY_SOON: Duration = Duration::from_secs(1);
/// Places of others (devices of a user, sessions of the hub) may be free again after this long.
const RETRY_LATER: Duration = Duration::from_secs(15);

/// The queue is full: its reader is too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue of this session is full")]
pub struct Full;

/// The last words to a session.
#[derive(Clone, Debug)]
pub struct Farewell {
    /// Why it is closed.
    pub reason: Bye,
    /// The `bye` as JSON.
    pub text: String,
}

impl Farewell {
    /// Returns the last words in an envelope, with the usual `retry_ms` for this reason and code.
    pub fn new(id: EnvelopeId, reason: Bye, code: Option<u32>, text: impl Into<String>) -> Self {
        Self::with_retry(id, reason, code, text, usual_retry(reason, code))
    }

    /// Returns the last words in an envelope. `retry`: when logging in again unchanged makes sense, if it ever does.
    pub fn with_retry(
        id: EnvelopeId,
        reason: Bye,
        code: Option<u32>,
        text: impl Into<String>,
        retry: Option<Duration>,
    ) -> Self {
        let retry_ms = retry.map(|retry| u32::try_from(retry.as_millis()).unwrap_or(u32::MAX));
        let message = Message::Bye { reason, code, text: text.into(), retry_ms };
        Self { reason, text: Envelope { id, from: None, to: None, message }.encode() }
    }
}

/// When logging in again unchanged makes sense. Never after `replaced` (two devices would throw each other out in turn) nor with a
/// ticket that was refused.
fn usual_retry(reason: Bye, code: Option<u32>) -> Option<Duration> {
    match (reason, code) {
        (Bye::Shutdown | Bye::TooSlow | Bye::TooFast, _) => Some(RETRY_SOON),
        (Bye::NotLoggedIn, None) => Some(RETRY_LATER),
        (Bye::NotLoggedIn, Some(_)) | (Bye::Replaced | Bye::TicketExpired, _) => None,
    }
}

/// The loop's end of a session's queue.
#[derive(Clone, Debug)]
pub struct Outbox {
    lines: mpsc::Sender<String>,
    queued_bytes: Arc<AtomicUsize>,
    closer: Closer,
}

impl Outbox {
    /// Queues one message.
    ///
    /// # Errors
    /// [`Full`]; the session is to be cut then.
    pub fn push(&self, line: String) -> Result<(), Full> {
        let size = line.len();
        if self.queued_bytes.fetch_add(size, Ordering::Relaxed) + size > MAX_QUEUED_BYTES {
            return Err(Full);
        }
        match self.lines.try_send(line) {
            // A closed queue belongs to a socket that has just gone: `Closed` is on its way.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Full),
        }
    }

    /// Says goodbye and cuts the socket. The first reason stays.
    pub fn close(&self, farewell: Farewell) {
        self.closer.close(farewell);
    }

    /// Returns what can cut the socket and does not keep the queue open.
    pub(super) fn closer(&self) -> Closer {
        self.closer.clone()
    }
}

/// Cuts a session's socket.
#[derive(Clone, Debug)]
pub(super) struct Closer(watch::Sender<Option<Farewell>>);

impl Closer {
    /// Says goodbye and cuts the socket. The first reason stays.
    pub(super) fn close(&self, farewell: Farewell) {
        self.0.send_if_modified(|slot| {
            let first = slot.is_none();
            if first {
                *slot = Some(farewell);
            }
            first
        });
    }
}

/// The socket's end of the queue.
pub(super) struct Drain {
    lines: mpsc::Receiver<String>,
    queued_bytes: Arc<AtomicUsize>,
    farewell: watch::Receiver<Option<Farewell>>,
}

pub(super) fn queue() -> (Outbox, Drain) {
    let (lines, lines_out) = mpsc::channel(MAX_MESSAGES);
    let (farewell, farewell_out) = watch::channel(None);
    let queued_bytes = Arc::new(AtomicUsize::new(0));
    let drain = Drain { lines: lines_out, queued_bytes: queued_bytes.clone(), farewell: farewell_out };
    (Outbox { lines, queued_bytes, closer: Closer(farewell) }, drain)
}

type Sink = SplitSink<WebSocket, WsMessage>;

impl Drain {
    /// Writes until told to stop, until everybody who could write is gone, or until the socket fails.
    pub(super) async fn run(mut self, mut sink: Sink, heartbeat: Duration) {
        let mut farewell = self.farewell.clone();
        let bye = tokio::select! {
            biased;
            bye = farewell.wait_for(Option::is_some) => bye.ok().and_then(|bye| bye.clone()),
            () = self.write(&mut sink, heartbeat) => None,
        };
        let words = async {
            if let Some(bye) = &bye {
                if bye.reason != Bye::TooSlow {
                    while let Ok(line) = self.lines.try_recv() {
                        sink.send(WsMessage::Text(line.into())).await?;
                    }
                }
                sink.send(WsMessage::Text(bye.text.clone().into())).await?;
            }
            sink.send(WsMessage::Close(Some(close_frame(bye.as_ref())))).await
        };
        // Neither a closed socket nor one that takes nothing any more is news here.
        drop(timeout(FAREWELL_TIMEOUT, words).await);
    }

    async fn write(&mut self, sink: &mut Sink, heartbeat: Duration) {
        let mut beat = interval(heartbeat);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.tick().await;
        loop {
            let message = tokio::select! {
                line = self.lines.recv() => {
                    let Some(line) = line else { return };
                    self.queued_bytes.fetch_sub(line.len(), Ordering::Relaxed);
                    WsMessage::Text(line.into())
                }
                _ = beat.tick() => WsMessage::Ping(Vec::new().into()),
            };
            if !matches!(timeout(SEND_TIMEOUT, sink.send(message)).await, Ok(Ok(()))) {
                return;
            }
        }
    }
}

/// RFC 6455 section 7.4.1; 1012 is registered as "service restart".
fn close_frame(bye: Option<&Farewell>) -> CloseFrame {
    let code = match bye.map(|bye| bye.reason) {
        None | Some(Bye::Replaced) => CloseCode::Normal,
        Some(Bye::Shutdown) => CloseCode::Restart,
        Some(Bye::TooSlow | Bye::TooFast | Bye::NotLoggedIn | Bye::TicketExpired) => CloseCode::Policy,
    };
    CloseFrame { code, reason: "".into() }
}
