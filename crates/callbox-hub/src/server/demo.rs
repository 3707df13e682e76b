//! Tickets for whoever asks, on this machine, while a demo runs.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use callbox_core::ids::{AppId, UserId};
use callbox_core::ticket;
use serde::{Deserialize, Serialize};
use tracing::info;

use super::House;
use super::origin::{is_for_loopback, is_welcome};
use super::page::plain;

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
pub(super) async fn is_open(State(house): State<Arc<House>>, headers: HeaderMap) -> Response {
    match allowed(&house, &headers) {
        Ok(app) => Json(Open { app }).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// `POST /api/demo`: a ticket for a name.
pub(super) async fn make(State(house): State<Arc<House>>, headers: HeaderMap, Json(wish): Json<Wish>) -> Response {
    let app = match allowed(&house, &headers) {
        Ok(app) => app,
        Err(refusal) => return refusal.into_response(),
    };
    let Some(key) = house.settings.apps.get(&app) else {
        return plain(StatusCode::NOT_FOUND, "the demo's app is not there");
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let ticket = ticket::make(app, key, &wish.user, now, TICKET_SECS);
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

fn allowed(house: &House, headers: &HeaderMap) -> Result<AppId, Refusal> {
    let app = house.settings.demo.ok_or(Refusal::NoDemo)?;
    if is_for_loopback(headers) && is_welcome(headers, &[]) {
        return Ok(app);
    }
    Err(Refusal::NotThisMachine)
}
