//! Who may come in: the first message of a socket is a `login` with a good ticket.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use callbox_core::ids::{Address, AppId, EnvelopeId};
use callbox_core::protocol::{Bye, DecodeError, Envelope, Message};
use callbox_core::ticket::{Claims, TicketError};
use futures_util::StreamExt;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message as WsMessage;

use super::places::Place;
use super::state::unix_now;
use super::websocket::WebSocket;
use super::{Farewell, ServerState, Settings, Shown};
use crate::switchboard::HUB_DEVICE;

/// A socket that has not logged in by then is closed.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(5);
/// A clock that is set is noticed within this time.
const CLOCK_RETRY: Duration = Duration::from_secs(60);
/// A session ends then though its ticket be good for longer.
const MAX_SESSION: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// A device that has shown a good ticket.
#[derive(Debug)]
pub(super) struct Authenticated {
    pub(super) app: AppId,
    pub(super) address: Address,
    pub(super) ticket: Shown,
    pub(super) ticket_left: Duration,
}

/// Why somebody may not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: Option<u32>,
    pub(super) text: String,
    /// Counts against the address: it guessed.
    pub(super) guessed: bool,
    /// When logging in again unchanged makes sense, where that is not the usual time for the code.
    pub(super) retry: Option<Duration>,
}

impl Refusal {
    /// Every seat is taken.
    pub(super) fn full() -> Self {
        Self::new("the hub has as many devices as it may: try again later, or raise `limits.sessions`")
    }

    /// The ticket was good a moment ago.
    pub(super) fn withdrawn(error: &TicketError) -> Self {
        Self { code: Some(error.code()), ..Self::new(error.to_string()) }
    }

    fn new(text: impl Into<String>) -> Self {
        Self { code: None, text: text.into(), guessed: false, retry: None }
    }

    /// The last words for it.
    pub(super) fn farewell(self, id: EnvelopeId) -> Farewell {
        match self.retry {
            Some(retry) => Farewell::with_retry(id, Bye::NotLoggedIn, self.code, self.text, Some(retry)),
            None => Farewell::new(id, Bye::NotLoggedIn, self.code, self.text),
        }
    }
}

/// Waits for the login.
///
/// The ticket is always looked at: a good one is never refused for the bad ones that came from the same address. Those are answered
/// without saying what was wrong once there are too many of them.
///
/// # Errors
/// A [`Refusal`], or None when the socket is gone.
pub(super) async fn admit(
    socket: &mut WebSocket,
    peer: IpAddr,
    state: &ServerState,
    place: &Place,
) -> Result<Authenticated, Option<Refusal>> {
    let late = || Refusal::new(format!("no `login` within {} s", LOGIN_TIMEOUT.as_secs()));
    let first = tokio::select! {
        first = timeout(LOGIN_TIMEOUT, first_frame(socket)) => first.map_err(|_| Some(late()))?,
        () = place.lost() => return Err(Some(Refusal::new("too many connections from this address wait for a login"))),
    };
    let bytes = first.ok_or(None)?;
    check(&bytes, &state.settings()).map_err(|refusal| Some(throttled(refusal, peer, state)))
}

/// Notes a guess; one guess too many is told only to wait.
fn throttled(refusal: Refusal, peer: IpAddr, state: &ServerState) -> Refusal {
    if !refusal.guessed {
        return refusal;
    }
    let (now, mut refused) = (Instant::now(), state.refused());
    if let Some(wait) = refused.wait(now, peer) {
        let seconds = wait.as_secs() + 1;
        let text = format!("too many refused logins from {peer}: try again in {seconds} s");
        return Refusal { retry: Some(Duration::from_secs(seconds)), ..Refusal::new(text) };
    }
    refused.note(now, peer);
    refusal
}

async fn first_frame(socket: &mut WebSocket) -> Option<Vec<u8>> {
    loop {
        match socket.next().await?.ok()? {
            WsMessage::Text(text) => return Some(text.as_bytes().to_vec()),
            WsMessage::Binary(bytes) => return Some(bytes.to_vec()),
            WsMessage::Ping(_) | WsMessage::Pong(_) | WsMessage::Frame(_) => {}
            WsMessage::Close(_) => return None,
        }
    }
}

fn check(bytes: &[u8], settings: &Settings) -> Result<Authenticated, Refusal> {
    let message = Envelope::decode(bytes).map_err(|error| match error {
        DecodeError::UnsupportedVersion { .. } => Refusal::new(error.to_string()),
        _ => Refusal::new(format!("the first message must be a `login`: {error}")),
    })?;
    let Message::Login { app, user, device, ticket, .. } = message.message else {
        let found = message.message.type_name();
        return Err(Refusal::new(format!("the first message must be a `login`, not `{found}`")));
    };
    let address = Address { user, device };
    let ticket_left = ticket_left(settings, app, &address, &ticket)?;
    if address.device.as_str() == HUB_DEVICE {
        return Err(Refusal::new(format!("the device name `{HUB_DEVICE}` is the hub's own: choose another")));
    }
    Ok(Authenticated { app, address, ticket: Shown(ticket), ticket_left })
}

fn ticket_left(settings: &Settings, app: AppId, address: &Address, ticket: &str) -> Result<Duration, Refusal> {
    let now = unix_now();
    let claims = settings.accepts(app, address, ticket, now).map_err(|error| Refusal {
        code: Some(error.code()),
        text: error.to_string(),
        guessed: true,
        retry: error.valid_in().map(|wait| wait.min(CLOCK_RETRY)),
    })?;
    // The last second counts, so one is added.
    let left = claims.expires_at().saturating_sub(now).saturating_add(1);
    Ok(Duration::from_secs(left).min(MAX_SESSION))
}

impl Settings {
    /// Checks that a device may log in with this ticket at `now_unix`.
    pub(super) fn accepts(&self, app: AppId, address: &Address, ticket: &str, now: u64) -> Result<Claims, TicketError> {
        let Some(rules) = self.apps.get(&app) else { return Err(TicketError::UnknownApp { app }) };
        rules.check(app, &address.user, Some(&address.device), ticket, now)
    }
}
