//! The edge that faces the network: HTTP, the page, WebSockets.

mod admission;
mod broker_auth;
mod demo;
mod forwarded;
mod front;
mod limits;
mod network;
mod origin;
mod outbox;
mod page;
mod places;
mod seats;
mod session;
mod state;
mod websocket;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Extension, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use callbox_core::ids::{Address, AppId};
use callbox_core::ticket::LoginRules;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

pub use broker_auth::{Kind, Settings as BrokerAuth};
pub use forwarded::Proxies;
pub use network::Network;
pub use origin::{BadOrigin, Origin};
pub use outbox::{Farewell, Full, Outbox};
pub use seats::{TooFewDescriptors, seats};
pub use state::ServerState;

use crate::switchboard::{Frame, SessionId, TenantSettings};
use crate::turn;
use front::Client;
use limits::Bucket;
use places::{Place, Places};
use websocket::Allowance;

/// What the server needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The apps, and which tickets they accept.
    pub apps: BTreeMap<AppId, LoginRules>,
    /// Web pages beside the hub's own that may use it.
    pub origins: Vec<Origin>,
    /// Reverse proxies whose word about clients is believed.
    pub proxies: Proxies,
    /// How often a session is pinged.
    pub heartbeat: Duration,
    /// The most sessions at once. None: as many as fit, see [`seats`].
    pub max_sessions: Option<u32>,
    /// How fast one session may talk.
    pub rate: Rate,
    /// A broker may ask whether a ticket is good, and who may say what.
    pub broker_auth: Option<BrokerAuth>,
    /// Hand out tickets of this app to whoever asks on this machine.
    pub demo: Option<AppId>,
}

/// How fast one session may talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In the long run.
    pub per_second: u32,
    /// At once.
    pub burst: u32,
}

/// What the server tells the loop.
#[derive(Debug)]
pub enum Event {
    /// A device showed a good ticket.
    LoggedIn {
        /// Its session.
        session: SessionId,
        /// Its app.
        app: AppId,
        /// Who it is.
        address: Address,
        /// The ticket.
        ticket: Shown,
        /// How long its ticket is still good.
        ticket_left: Duration,
        /// Where its messages go.
        outbox: Outbox,
    },
    /// A frame came in.
    Heard {
        /// From this session.
        session: SessionId,
        /// What it holds.
        frame: Frame,
    },
    /// The socket is gone.
    Closed {
        /// The session.
        session: SessionId,
    },
    /// Is anybody there? Answered with the number of sessions.
    Probe(oneshot::Sender<usize>),
    /// The configuration was read again.
    Reconfigured {
        /// How each app is run now.
        tenants: Vec<(AppId, TenantSettings)>,
        /// STUN and TURN servers now.
        turn: turn::Settings,
    },
}

/// A ticket as a device showed it; its `Debug` form does not.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown(pub String);

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shown(…)")
    }
}

/// A request's header takes at most this long to arrive.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection without a WebSocket ends then.
const HTTP_LIFETIME: Duration = Duration::from_secs(120);
/// Connections that have not logged in: they fetch the page, ask, or are about to log in. They never take a session's place.
const MAX_GUESTS: usize = 512;

/// Accepts connections until told to stop.
pub async fn serve(listener: TcpListener, state: Arc<ServerState>, mut stop: watch::Receiver<bool>) {
    let places = Places::new(MAX_GUESTS);
    let router = router(state.clone());
    loop {
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, peer)) => {
                let (place, loser) = places.take(peer.ip());
                if let Some(loser) = loser.filter(|_| state.notices.crowd.may_speak()) {
                    warn!(limit = MAX_GUESTS, client = %loser, "too many connections without login: the client with most loses its oldest");
                }
                tokio::spawn(connection(socket, peer, place, router.clone(), stop.clone()));
            }
            Err(error) => {
                // Out of descriptors, mostly: they come back when connections end.
                warn!(%error, "cannot accept");
                sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

async fn connection(
    socket: TcpStream,
    peer: SocketAddr,
    place: Place,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    if let Err(error) = socket.set_nodelay(true) {
        debug!(%peer, %error, "TCP_NODELAY");
    }
    let place = Arc::new(place);
    let service = TowerToHyperService::new(router.layer(Extension(peer)).layer(Extension(place.clone())));
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades();
    tokio::select! {
        served = timeout(HTTP_LIFETIME, served) => match served {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(%peer, %error, "connection failed"),
            Err(_) => debug!(%peer, "connection ended by its age"),
        },
        () = place.lost() => debug!(%peer, "connection gave up its place"),
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

fn router(state: Arc<ServerState>) -> Router {
    Router::new()
        .route("/ws", get(upgrade))
        .route("/origin", get(origin_verdict))
        .route("/healthz", get(health))
        .route("/api/demo", get(demo::is_open).post(demo::make))
        .route("/mqtt/auth", post(broker_auth::auth))
        .route("/mqtt/acl", post(broker_auth::acl))
        .route("/mqtt/superuser", post(broker_auth::superuser))
        .fallback(page::page)
        .layer(middleware::from_fn_with_state(state.clone(), front::pass))
        .with_state(state)
}

async fn upgrade(
    State(state): State<Arc<ServerState>>,
    Extension(socket): Extension<SocketAddr>,
    Extension(client): Extension<Client>,
    Extension(place): Extension<Arc<Place>>,
    mut request: Request,
) -> Response {
    let settings = state.settings();
    let asked = settings.proxies.asked(socket.ip(), request.headers());
    let verdict = origin::judge(origin::header_of(request.headers()).as_deref(), &asked, &settings.origins);
    if !verdict.welcome {
        if state.notices.origin.may_speak() {
            warn!(peer = %client.0, reason = verdict.text, "a web page of another origin was refused");
        }
        return page::plain(StatusCode::FORBIDDEN, &verdict.text);
    }
    let (response, upgrading) = match websocket::handshake(&mut request) {
        Ok(agreed) => agreed,
        Err(refused) => return *refused,
    };
    tokio::spawn(async move {
        let upgraded = tokio::select! {
            upgraded = timeout(HEADER_TIMEOUT, upgrading) => upgraded,
            () = place.lost() => return,
        };
        let Ok(Ok(upgraded)) = upgraded else {
            return debug!(peer = %client.0, "the connection went before its upgrade");
        };
        let rate = &settings.rate;
        let allowance = Allowance::new(Bucket::full(Instant::now(), rate.burst, f64::from(rate.per_second)));
        let socket = websocket::open(upgraded, allowance.clone()).await;
        session::serve(socket, allowance, client.0, &state, place).await;
    });
    response
}

#[derive(Deserialize)]
struct Page {
    page: Option<String>,
}

/// `GET /origin?page=ORIGIN`: whether pages of this origin are welcome, and what the operator has to change if not.
async fn origin_verdict(
    State(state): State<Arc<ServerState>>,
    Extension(socket): Extension<SocketAddr>,
    Query(asking): Query<Page>,
    headers: HeaderMap,
) -> Response {
    let settings = state.settings();
    let asked = settings.proxies.asked(socket.ip(), &headers);
    let page = asking.page.or_else(|| origin::header_of(&headers));
    let mut response = axum::Json(origin::judge(page.as_deref(), &asked, &settings.origins)).into_response();
    // Any page may ask: what it learns is what its own dial shows.
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn health(State(state): State<Arc<ServerState>>) -> Response {
    match state.probe().await {
        Some(answer) => axum::Json(answer).into_response(),
        None => page::plain(StatusCode::SERVICE_UNAVAILABLE, "the hub's loop does not answer"),
    }
}
