//! What every request passes first: it names a host and a readable client, its body comes in time. And what every answer carries.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::timeout;
use tracing::warn;

use super::ServerState;
use super::forwarded;
use super::page::plain;
use super::places::Place;

/// Who sends a request, proxies seen through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client(pub(super) IpAddr);

/// A request's body takes at most this long to arrive …
const BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// … and has at most so many bytes: a question of a broker holds a ticket, and names.
const MAX_BODY: usize = 16 * 1024;

/// What every answer carries. Camera, microphone and speaker are for pages of this origin; all else is for none.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(self), microphone=(self), autoplay=(self), fullscreen=(self), picture-in-picture=(self), \
         screen-wake-lock=(self), accelerometer=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), \
         magnetometer=(), midi=(), payment=(), publickey-credentials-get=(), serial=(), usb=(), xr-spatial-tracking=()",
    ),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

/// Passes a request on when it is fit.
pub(super) async fn pass(
    State(state): State<Arc<ServerState>>,
    Extension(socket): Extension<SocketAddr>,
    Extension(place): Extension<Arc<Place>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match admit(&state, socket, &place, request).await {
        Ok(request) => next.run(request).await,
        Err(refused) => *refused,
    };
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

async fn admit(
    state: &ServerState,
    socket: SocketAddr,
    place: &Place,
    mut request: Request,
) -> Result<Request, Box<Response>> {
    let hosts = request.headers().get_all(header::HOST);
    if hosts.iter().filter(|host| !host.is_empty()).count() != 1 || hosts.iter().count() != 1 {
        return Err(Box::new(plain(
            StatusCode::BAD_REQUEST,
            "exactly one Host header is needed (RFC 9112, section 3.2)",
        )));
    }
    let settings = state.settings();
    let client = settings.proxies.client(socket.ip(), request.headers()).map_err(|error| {
        if state.notices.forwarded.may_speak() {
            warn!(peer = %socket, %error, "request refused");
        }
        Box::new(plain(StatusCode::BAD_REQUEST, &error.to_string()))
    })?;
    if !settings.proxies.trust(socket.ip())
        && forwarded::is_there(request.headers())
        && state.notices.untrusted.may_speak()
    {
        let text =
            "a proxy that is not in `server.trusted_proxies` names clients: all of them count as the proxy itself";
        warn!(proxy = %socket.ip(), text);
    }
    place.belongs_to(client);
    request.extensions_mut().insert(Client(client));
    if request.method() != Method::POST {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    match timeout(BODY_TIMEOUT, to_bytes(body, MAX_BODY)).await {
        Ok(Ok(bytes)) => Ok(Request::from_parts(parts, Body::from(bytes))),
        Ok(Err(_)) => Err(Box::new(plain(StatusCode::PAYLOAD_TOO_LARGE, "at most 16384 bytes, sent to their end"))),
        Err(_) => Err(Box::new(plain(StatusCode::REQUEST_TIMEOUT, "the body did not come within 5 s"))),
    }
}
