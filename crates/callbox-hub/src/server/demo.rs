//! Tickets for whoever asks, on this machine, while a demo runs.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use callbox_core::ids::{AppId, UserId};
use callbox_core::ticket;
use serde::{Deserialize, Serialize};
use tracing::info;

use super::ServerState;
use super::origin::{header_of, is_for_loopback, judge};
use super::page::plain;
use super::state::unix_now;

/// How long a demo ticket is good.
const TICKET_SECS: u64 = 24 * 3600;

#[derive(Serialize)]
struct Open {
    app: AppId,
}

/// Whom the page wants to be.
#[derive(Deserialize)]
pub(super) struct Wish {
    user: UserId,
}

#[derive(Serialize)]
struct Login {
    app: AppId,
    user: UserId,
    ticket: String,
}

/// `GET /api/demo`: whether a demo runs.
pub(super) async fn is_open(
    State(state): State<Arc<ServerState>>,
    Extension(socket): Extension<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    match allowed(&state, socket, &headers) {
        Ok(app) => Json(Open { app }).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// `POST /api/demo`: a ticket for a name.
pub(super) async fn make(
    State(state): State<Arc<ServerState>>,
    Extension(socket): Extension<SocketAddr>,
    headers: HeaderMap,
    Json(wish): Json<Wish>,
) -> Response {
    let app = match allowed(&state, socket, &headers) {
        Ok(app) => app,
        Err(refusal) => return refusal.into_response(),
    };
    let settings = state.settings();
    let Some(rules) = settings.apps.get(&app) else {
        return plain(StatusCode::NOT_FOUND, "the demo's app is not there");
    };
    let ticket = ticket::make(app, rules.key(), &wish.user, unix_now(), TICKET_SECS);
    info!(%app, user = %wish.user, "demo ticket made");
    Json(Login { app, user: wish.user, ticket }).into_response()
}

/// Why there is no ticket.
enum Refusal {
    NoDemo,
    NotThisMachine,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::NoDemo => plain(StatusCode::NOT_FOUND, "no demo runs here"),
            Self::NotThisMachine => plain(StatusCode::FORBIDDEN, "demo tickets are for pages of this machine only"),
        }
    }
}

fn allowed(state: &ServerState, socket: SocketAddr, headers: &HeaderMap) -> Result<AppId, Refusal> {
    let settings = state.settings();
    let app = settings.demo.ok_or(Refusal::NoDemo)?;
    let asked = settings.proxies.asked(socket.ip(), headers);
    if is_for_loopback(headers) && judge(header_of(headers).as_deref(), &asked, &[]).welcome {
        return Ok(app);
    }
    Err(Refusal::NotThisMachine)
}
