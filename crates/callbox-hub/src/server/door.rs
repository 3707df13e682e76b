//! Who may come in: the first message of a socket is a `login` with a good ticket.

use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::extract::ws::{Message as WsMessage, WebSocket};
use callbox_core::ids::{Address, AppId, EnvelopeId, UserId};
use callbox_core::protocol::{Bye, DecodeError, Envelope, Message};
use callbox_core::ticket;
use tokio::time::timeout;

use super::{Farewell, House, Shown};
use crate::switchboard::HUB_DEVICE;

/// A socket that has not logged in by then is closed.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(5);
/// A clock that is set is noticed within this time.
const CLOCK_RETRY: Duration = Duration::from_secs(60);
/// A session ends then though its ticket be good for longer.
const MAX_SESSION: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Somebody who may come in.
#[derive(Debug)]
pub(super) struct Guest {
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
/// # Errors
/// A [`Refusal`], or None when the socket is gone.
pub(super) async fn admit(socket: &mut WebSocket, peer: IpAddr, house: &House) -> Result<Guest, Option<Refusal>> {
    let late = || Refusal::new(format!("no `login` within {} s", LOGIN_TIMEOUT.as_secs()));
    let bytes = timeout(LOGIN_TIMEOUT, first_frame(socket)).await.map_err(|_| Some(late()))?.ok_or(None)?;
    if let Some(wait) = house.refused().wait(Instant::now(), peer) {
        let seconds = wait.as_secs() + 1;
        let text = format!("too many refused logins from {peer}: try again in {seconds} s");
        return Err(Some(Refusal { retry: Some(Duration::from_secs(seconds)), ..Refusal::new(text) }));
    }
    check(&bytes, house).map_err(|refusal| {
        if refusal.guessed {
            house.refused().note(Instant::now(), peer);
        }
        Some(refusal)
    })
}

async fn first_frame(socket: &mut WebSocket) -> Option<Vec<u8>> {
    loop {
        match socket.recv().await?.ok()? {
            WsMessage::Text(text) => return Some(text.as_bytes().to_vec()),
            WsMessage::Binary(bytes) => return Some(bytes.to_vec()),
            WsMessage::Ping(_) | WsMessage::Pong(_) => {}
            WsMessage::Close(_) => return None,
        }
    }
}

fn check(bytes: &[u8], house: &House) -> Result<Guest, Refusal> {
    let message = Envelope::decode(bytes).map_err(|error| match error {
        DecodeError::UnsupportedVersion { .. } => Refusal::new(error.to_string()),
        _ => Refusal::new(format!("the first message must be a `login`: {error}")),
    })?;
    let Message::Login { app, user, device, ticket, .. } = message.message else {
        let found = message.message.type_name();
        return Err(Refusal::new(format!("the first message must be a `login`, not `{found}`")));
    };
    let left = ticket_left(house, app, &user, &ticket)?;
    if device.as_str() == HUB_DEVICE {
        return Err(Refusal::new(format!("the device name `{HUB_DEVICE}` is the hub's own: choose another")));
    }
    Ok(Guest { app, address: Address { user, device }, ticket: Shown(ticket), ticket_left: left })
}

fn ticket_left(house: &House, app: AppId, user: &UserId, ticket: &str) -> Result<Duration, Refusal> {
    let Some(key) = house.settings.apps.get(&app) else {
        let text = format!("there is no app {app} at this hub: use the app's number from the hub's configuration");
        return Err(Refusal { code: Some(70014), text, guessed: true, retry: None });
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let claims = ticket::verify(app, key, user, ticket, now).map_err(|error| Refusal {
        code: Some(error.code()),
        text: error.to_string(),
        guessed: true,
        retry: error.valid_in().map(|wait| wait.min(CLOCK_RETRY)),
    })?;
    // The last second counts, so one is added.
    let left = claims.expires_at().saturating_sub(now).saturating_add(1);
    Ok(Duration::from_secs(left).min(MAX_SESSION))
}
