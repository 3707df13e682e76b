//! The edge that faces the network: HTTP, the page, WebSockets.

mod broker_auth;
mod demo;
mod door;
mod limits;
mod origin;
mod outbox;
mod page;
mod seats;
mod session;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{DefaultBodyLimit, Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use callbox_core::ids::{Address, AppId, EnvelopeId, IdSource};
use callbox_core::protocol::MAX_BYTES;
use callbox_core::ticket::SecretKey;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};
use tracing::{debug, error, warn};

pub use broker_auth::{Kind, Network, Settings as BrokerAuth};
pub use outbox::{Farewell, Full, Outbox};
pub use seats::{TooFewDescriptors, seats};

use crate::switchboard::{Frame, SessionId};
use limits::{Bucket, RefusedLogins};

/// What the server needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The apps and their keys.
    pub apps: BTreeMap<AppId, SecretKey>,
    /// Web pages beside the hub's own that may use it: `https://host[:port]`.
    pub origins: Vec<String>,
    /// A reverse proxy stands in front: the last entry of `X-Forwarded-For` is the peer.
    pub behind_proxy: bool,
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
}

/// A ticket as a device showed it; its `Debug` form does not.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown(pub String);

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shown(…)")
    }
}

/// What every connection shares.
#[derive(Debug)]
pub struct House {
    settings: Settings,
    events: mpsc::Sender<Event>,
    seats: u32,
    sessions: Arc<Semaphore>,
    /// Sockets that have not logged in: they never take a session's place.
    door: Arc<Semaphore>,
    next_session: AtomicU64,
    ids: Mutex<IdSource>,
    refused: Mutex<RefusedLogins>,
    /// How many questions of brokers are answered.
    broker_questions: Mutex<Bucket>,
}

/// A request's header takes at most this long to arrive.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection without a WebSocket ends then.
const HTTP_LIFETIME: Duration = Duration::from_secs(120);
/// The loop takes an event within this time, or something is badly wrong.
const LOOP_TIMEOUT: Duration = Duration::from_secs(10);
/// Sockets that have not logged in yet.
const MAX_AT_DOOR: usize = 256;
/// Connections that fetch the page.
const MAX_FETCHING: usize = 256;
/// Every socket has it from its first read on (tungstenite's own 128 KiB would be nine tenths of a session); a longer message
/// makes it grow.
const READ_BUFFER: usize = 4096;
/// Questions of brokers a second; twice as many at once. Each costs some 10 µs.
const QUESTIONS: u32 = 5000;
/// A question holds a ticket, and names.
const MAX_QUESTION: usize = 16 * 1024;

impl House {
    /// A house with so many [`seats`], whose visitors are announced on `events`.
    pub fn new(settings: Settings, seats: u32, events: mpsc::Sender<Event>, ids: IdSource) -> Self {
        Self {
            seats,
            sessions: Arc::new(Semaphore::new(seats as usize)),
            door: Arc::new(Semaphore::new(MAX_AT_DOOR)),
            settings,
            events,
            next_session: AtomicU64::new(1),
            ids: Mutex::new(ids),
            refused: Mutex::default(),
            broker_questions: Mutex::new(Bucket::full(Instant::now(), 2 * QUESTIONS, f64::from(QUESTIONS))),
        }
    }

    /// Waits until every session is over, but no longer than this. False: some are not.
    pub async fn empty(&self, at_most: Duration) -> bool {
        timeout(at_most, self.sessions.acquire_many(self.seats)).await.is_ok()
    }

    /// Tells the loop. False when the loop is gone, or stuck.
    async fn tell(&self, event: Event) -> bool {
        match self.events.send_timeout(event, LOOP_TIMEOUT).await {
            Ok(()) => true,
            Err(mpsc::error::SendTimeoutError::Closed(_)) => false,
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
                error!(seconds = LOOP_TIMEOUT.as_secs(), "the loop takes no events");
                false
            }
        }
    }

    fn next_session(&self) -> SessionId {
        SessionId(self.next_session.fetch_add(1, Ordering::Relaxed))
    }

    fn envelope_id(&self) -> EnvelopeId {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).envelope()
    }

    fn refused(&self) -> MutexGuard<'_, RefusedLogins> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn broker_questions(&self) -> MutexGuard<'_, Bucket> {
        self.broker_questions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn peer(&self, socket: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let forwarded = || headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok();
        let last = |list: &str| list.rsplit(',').next().and_then(|entry| entry.trim().parse().ok());
        let named = if self.settings.behind_proxy { forwarded().and_then(last) } else { None };
        named.unwrap_or(socket.ip())
    }
}

/// Accepts connections until told to stop.
pub async fn serve(listener: TcpListener, house: Arc<House>, mut stop: watch::Receiver<bool>) {
    // A connection that becomes a WebSocket leaves these and stands at the door.
    let connections = Arc::new(Semaphore::new(MAX_AT_DOOR + MAX_FETCHING));
    let router = router(house);
    loop {
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, peer)) => {
                let Ok(permit) = connections.clone().try_acquire_owned() else {
                    warn!(%peer, "too many connections");
                    continue;
                };
                let (router, stop) = (router.clone(), stop.clone());
                tokio::spawn(async move {
                    connection(socket, peer, router, stop).await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Out of descriptors, mostly: they come back when connections end.
                warn!(%error, "cannot accept");
                sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

async fn connection(socket: TcpStream, peer: SocketAddr, router: Router, mut stop: watch::Receiver<bool>) {
    if let Err(error) = socket.set_nodelay(true) {
        debug!(%peer, %error, "TCP_NODELAY");
    }
    let service = TowerToHyperService::new(router.layer(Extension(peer)));
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
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

fn router(house: Arc<House>) -> Router {
    let broker = Router::new()
        .route("/mqtt/auth", post(broker_auth::auth))
        .route("/mqtt/acl", post(broker_auth::acl))
        .route("/mqtt/superuser", post(broker_auth::superuser))
        .layer(DefaultBodyLimit::max(MAX_QUESTION));
    Router::new()
        .route("/ws", get(upgrade))
        .route("/healthz", get(health))
        .route("/api/demo", get(demo::is_open).post(demo::make))
        .fallback(page::page)
        .layer(DefaultBodyLimit::max(1024))
        .merge(broker)
        .with_state(house)
}

async fn upgrade(
    State(house): State<Arc<House>>,
    Extension(socket): Extension<SocketAddr>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !origin::is_welcome(&headers, &house.settings.origins) {
        warn!(peer = %socket, origin = ?headers.get("origin"), "a web page of another origin was refused");
        return page::plain(StatusCode::FORBIDDEN, "this page may not use the hub: add its origin to `server.origins`");
    }
    let Ok(waiting) = house.door.clone().try_acquire_owned() else {
        warn!(peer = %socket, "too many sockets that have not logged in");
        return page::plain(StatusCode::SERVICE_UNAVAILABLE, "too many are logging in, try again later");
    };
    let peer = house.peer(socket, &headers);
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(2 * MAX_BYTES)
        // Somewhat more than allowed is read, so that it can be refused in words; far more ends the socket.
        .max_message_size(4 * MAX_BYTES)
        .max_frame_size(4 * MAX_BYTES);
    upgrade.on_upgrade(move |socket| async move {
        session::serve(socket, peer, &house, waiting).await;
    })
}

async fn health(State(house): State<Arc<House>>) -> Response {
    let (answer, answered) = oneshot::channel();
    if house.events.send_timeout(Event::Probe(answer), Duration::from_secs(1)).await.is_ok() {
        if let Ok(Ok(sessions)) = timeout(Duration::from_secs(1), answered).await {
            return axum::Json(serde_json::json!({ "status": "ok", "sessions": sessions })).into_response();
        }
    }
    page::plain(StatusCode::SERVICE_UNAVAILABLE, "the hub's loop does not answer")
}
