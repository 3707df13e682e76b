//! One socket from its first frame to its last.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::extract::ws::{Message as WsMessage, WebSocket};
use callbox_core::protocol::Message;
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};
use tracing::{debug, info};

use super::door::{Guest, Refusal, admit};
use super::limits::Bucket;
use super::outbox::{Outbox, queue};
use super::{Event, House};
use crate::switchboard::{Frame, SessionId};

/// Serves a socket until either side closes it.
pub(super) async fn serve(mut socket: WebSocket, peer: IpAddr, house: &House, waiting: OwnedSemaphorePermit) {
    let admitted = admit(&mut socket, peer, house).await.and_then(|guest| match house.sessions.try_acquire() {
        Ok(seat) => Ok((guest, seat)),
        Err(_) => Err(Some(Refusal::full())),
    });
    drop(waiting);
    let (guest, _seat) = match admitted {
        Ok(guest) => guest,
        Err(None) => return debug!(%peer, "left before login"),
        Err(Some(refusal)) => {
            // One line for each guess would let a guesser fill the log: those beyond the limit come here unguessed.
            if refusal.guessed {
                info!(%peer, code = refusal.code, reason = refusal.text, "login refused");
            } else {
                debug!(%peer, reason = refusal.text, "not let in");
            }
            let (outbox, drain) = queue();
            outbox.close(refusal.farewell(house.envelope_id()));
            let (sink, mut stream) = socket.split();
            drain.run(sink, house.settings.heartbeat).await;
            return linger(&mut stream).await;
        }
    };
    let session = house.next_session();
    let (outbox, drain) = queue();
    info!(session = session.0, app = %guest.app, user = %guest.address.user, device = %guest.address.device, %peer, "logged in");
    let (sink, mut stream) = socket.split();
    let reason = converse(session, guest, outbox, drain.run(sink, house.settings.heartbeat), &mut stream, house).await;
    info!(session = session.0, reason, "session over");
    linger(&mut stream).await;
}

/// Reads and writes until the socket is over. Says why.
async fn converse(
    session: SessionId,
    guest: Guest,
    outbox: Outbox,
    writer: impl Future<Output = ()>,
    stream: &mut SplitStream<WebSocket>,
    house: &House,
) -> &'static str {
    let reader = async {
        let reason = read(session, guest, outbox, stream, house).await;
        house.tell(Event::Closed { session }).await;
        reason
    };
    tokio::pin!(reader, writer);
    tokio::select! {
        reason = &mut reader => {
            // The writer ends when the loop lets go of the queue, which it does once it has heard of `Closed`.
            writer.await;
            reason
        }
        () = &mut writer => {
            house.tell(Event::Closed { session }).await;
            "cut by the hub"
        }
    }
}

/// Reads until the socket ends. Says why.
async fn read(
    session: SessionId,
    guest: Guest,
    outbox: Outbox,
    stream: &mut SplitStream<WebSocket>,
    house: &House,
) -> &'static str {
    let Guest { app, address, ticket, ticket_left } = guest;
    house.tell(Event::LoggedIn { session, app, address, ticket, ticket_left, outbox }).await;
    let (limit, silence) = (&house.settings.rate, house.settings.heartbeat * 5 / 2);
    let mut bucket = Bucket::full(Instant::now(), limit.burst, f64::from(limit.per_second));
    loop {
        let message = match timeout(silence, stream.next()).await {
            Err(_) => return "silent",
            Ok(None) => return "closed",
            Ok(Some(Err(error))) => {
                debug!(session = session.0, %error, "socket failed");
                return "failed";
            }
            Ok(Some(Ok(message))) => message,
        };
        let frame = match &message {
            WsMessage::Text(text) => Some(Frame::read(text.as_bytes())),
            WsMessage::Binary(bytes) => Some(Frame::read(bytes)),
            WsMessage::Ping(_) | WsMessage::Pong(_) => None,
            WsMessage::Close(_) => return "closed",
        };
        // Back-pressure: who says more is read more slowly, and loses nothing.
        while !bucket.take(Instant::now(), frame.as_ref().map_or(1, cost)) {
            sleep(Duration::from_secs(1) / limit.per_second.max(1)).await;
        }
        let Some(frame) = frame else { continue };
        if !house.tell(Event::Heard { session, frame }).await {
            return "hub stopped";
        }
    }
}

/// A `watch` may be answered by a thousand messages, a `list` looks at thousands of names.
fn cost(frame: &Frame) -> u32 {
    match frame {
        Frame::Known(envelope) if matches!(envelope.message, Message::Watch { .. } | Message::List { .. }) => 10,
        Frame::Known(_) | Frame::Foreign(_) | Frame::Unreadable(_) => 1,
    }
}

/// Reads on for a moment after the goodbye: closing a socket with unread bytes would reset it and take the goodbye along.
async fn linger(stream: &mut SplitStream<WebSocket>) {
    let rest = async { while let Some(Ok(_)) = stream.next().await {} };
    drop(timeout(Duration::from_millis(500), rest).await);
}
