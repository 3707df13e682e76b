//! One socket from its first frame to its last.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callbox_core::protocol::Message;
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message as WsMessage;
use tracing::{debug, info};

use super::admission::{Authenticated, Refusal, admit};
use super::outbox::{Outbox, queue};
use super::places::Place;
use super::state::LiveSession;
use super::websocket::{Allowance, WebSocket};
use super::{Event, ServerState};
use crate::switchboard::{Frame, SessionId};

/// Serves a socket until either side closes it.
pub(super) async fn serve(
    mut socket: WebSocket,
    allowance: Allowance,
    peer: IpAddr,
    state: &ServerState,
    place: Arc<Place>,
) {
    let admitted = admit(&mut socket, peer, state, &place).await.and_then(|login| match state.sessions.try_acquire() {
        Ok(seat) => Ok((login, seat)),
        Err(_) => Err(Some(Refusal::full())),
    });
    let (login, _seat) = match admitted {
        Ok(admitted) => admitted,
        Err(None) => return debug!(%peer, "left before login"),
        Err(Some(refusal)) => return refuse(socket, refusal, peer, state).await,
    };
    let (outbox, drain) = queue();
    let Authenticated { app, address, ticket, .. } = &login;
    let live = LiveSession { app: *app, address: address.clone(), ticket: ticket.0.clone(), closer: outbox.closer() };
    let (session, _listed) = match state.list(live) {
        Ok(listed) => listed,
        Err(error) => return refuse(socket, Refusal::withdrawn(&error), peer, state).await,
    };
    drop(place);
    info!(session = session.0, %app, user = %address.user, device = %address.device, %peer, "logged in");
    let (sink, mut stream) = socket.split();
    let writer = drain.run(sink, state.settings().heartbeat);
    let reason = converse(session, login, outbox, writer, (&mut stream, &allowance), state).await;
    info!(session = session.0, reason, "session over");
    linger(&mut stream).await;
}

/// Says why, and closes. The place is kept until then: whoever is refused still has a socket.
async fn refuse(socket: WebSocket, refusal: Refusal, peer: IpAddr, state: &ServerState) {
    // One line for each guess would let a guesser fill the log: those beyond the limit come here unguessed.
    if refusal.guessed {
        info!(%peer, code = refusal.code, reason = refusal.text, "login refused");
    } else {
        debug!(%peer, reason = refusal.text, "not let in");
    }
    let (outbox, drain) = queue();
    outbox.close(refusal.farewell(state.envelope_id()));
    let (sink, mut stream) = socket.split();
    drain.run(sink, state.settings().heartbeat).await;
    linger(&mut stream).await;
}

/// Reads and writes until the socket is over. Says why.
async fn converse(
    session: SessionId,
    login: Authenticated,
    outbox: Outbox,
    writer: impl Future<Output = ()>,
    incoming: (&mut SplitStream<WebSocket>, &Allowance),
    state: &ServerState,
) -> &'static str {
    let reader = async {
        let reason = read(session, login, outbox, incoming, state).await;
        state.tell(Event::Closed { session }).await;
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
            state.tell(Event::Closed { session }).await;
            "cut by the hub"
        }
    }
}

/// Reads until the socket ends. Says why.
async fn read(
    session: SessionId,
    login: Authenticated,
    outbox: Outbox,
    (stream, allowance): (&mut SplitStream<WebSocket>, &Allowance),
    state: &ServerState,
) -> &'static str {
    let Authenticated { app, address, ticket, ticket_left } = login;
    state.tell(Event::LoggedIn { session, app, address, ticket, ticket_left, outbox }).await;
    let silence = state.settings().heartbeat * 5 / 2;
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
            WsMessage::Ping(_) | WsMessage::Pong(_) | WsMessage::Frame(_) => None,
            WsMessage::Close(_) => return "closed",
        };
        // Back-pressure: who says more is read more slowly, and loses nothing.
        allowance.spend(Instant::now(), frame.as_ref().map_or(0, extra_cost));
        let Some(frame) = frame else { continue };
        if !state.tell(Event::Heard { session, frame }).await {
            return "hub stopped";
        }
    }
}

/// What a message costs beyond its frames: a `watch` may be answered by a thousand messages, a `list` looks at thousands of names.
fn extra_cost(frame: &Frame) -> u32 {
    match frame {
        Frame::Known(envelope) if matches!(envelope.message, Message::Watch { .. } | Message::List { .. }) => 9,
        Frame::Known(_) | Frame::Foreign(_) | Frame::Unreadable(_) => 0,
    }
}

/// Reads on for a moment after the goodbye: closing a socket with unread bytes would reset it and take the goodbye along.
async fn linger(stream: &mut SplitStream<WebSocket>) {
    let rest = async { while let Some(Ok(_)) = stream.next().await {} };
    drop(timeout(Duration::from_millis(500), rest).await);
}
