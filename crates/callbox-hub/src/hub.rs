//! The loop where the edges meet the switchboard. It decides nothing.

mod reload;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use callbox_core::ids::IdSource;
use callbox_core::protocol::{Bye, Envelope, Message};
use callbox_mqtt::BrokerUrl;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep_until, timeout};
use tracing::{debug, info, warn};

use crate::config::Settings;
use crate::gateway::Gateway;
use crate::server::{self, Event, Farewell, Outbox, ServerState, TooFewDescriptors};
use crate::store::{self, Health, Opened, StoreError, Writer};
use crate::switchboard::{Change, Effect, Frame, Input, Now, SessionId, Switchboard};
use crate::turn;

/// Events that wait for the loop; whoever has more waits too.
const MAX_EVENTS: usize = 1024;
/// The loop ends within this time: the store's last commits take at most 2 s.
const LAST_WRITES: Duration = Duration::from_secs(3);
/// Goodbyes take at most this long.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why the hub does not start, or stopped unasked.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The store.
    #[error("store: {0}")]
    Store(#[from] StoreError),
    /// The address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// The certificates for the brokers.
    #[error("broker: {0}")]
    Broker(#[from] callbox_mqtt::TlsError),
    /// The limit of file descriptors.
    #[error(transparent)]
    Descriptors(#[from] TooFewDescriptors),
    /// Randomness or threads.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
    /// A fault of ours; the log says more.
    #[error("the hub's loop ended unasked")]
    LoopEnded,
}

/// Runs until `stop` resolves. `ready` hears the address once connections are accepted; what comes by `reloads` replaces the
/// settings, as far as they can be replaced.
///
/// # Errors
/// [`HubError`]; nothing runs any more then.
pub async fn run(
    settings: Settings,
    ready: impl FnOnce(std::net::SocketAddr),
    stop: impl Future<Output = ()>,
    reloads: mpsc::Receiver<Settings>,
) -> Result<(), HubError> {
    for warning in &settings.warnings {
        warn!(warning, "configuration");
    }
    // A gateway has a connection to the broker for each.
    let descriptors = if settings.gateway.is_some() { 2 } else { 1 };
    let seats = server::seats(settings.server.max_sessions, descriptors)?;
    let (backend, health) = Backend::new(&settings)?;
    let listen = |source| HubError::Listen { address: settings.listen.to_string(), source };
    let listener = TcpListener::bind(settings.listen).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;

    let (events, inbox) = mpsc::channel(MAX_EVENTS);
    let (shut, shutting) = oneshot::channel();
    let (stop_server, server_stops) = watch::channel(false);
    let ids = IdSource::new(seed()?);
    let state = Arc::new(ServerState::new(settings.server.clone(), seats, events, ids, health));
    // A thread of its own: a busy runtime does not hold up the routing.
    let runtime = tokio::runtime::Handle::current();
    let (done, looped) = oneshot::channel();
    let thread = std::thread::Builder::new().name("switchboard".to_owned()).spawn(move || {
        runtime.block_on(backend.run(inbox, shutting));
        // Nobody waits any more when this fails.
        let _ = done.send(());
    })?;
    let serving = tokio::spawn(server::serve(listener, state.clone(), server_stops));
    info!(sessions = seats, %address, "listening");
    ready(address);

    let mut looped = looped;
    let asked = tokio::select! {
        () = stop => true,
        _ = &mut looped => false,
        never = reload::follow(settings, reloads, &state) => match never {},
    };
    info!(asked, "stopping");
    stop_server.send_replace(true);
    // Fails only when the loop is gone already.
    let _ = shut.send(());
    if !state.empty(FAREWELL).await {
        warn!("some sessions did not end in time");
    }
    serving.abort();
    drop(state);
    if !asked {
        return Err(HubError::LoopEnded);
    }
    if timeout(LAST_WRITES, looped).await.is_ok() && thread.join().is_err() {
        return Err(HubError::LoopEnded);
    }
    info!("stopped");
    Ok(())
}

/// What connects the sockets: all of it here, or a broker.
enum Backend {
    Switchboard(Box<Hub>),
    Gateway(Box<Gateway>),
}

impl Backend {
    fn new(settings: &Settings) -> Result<(Self, Health), HubError> {
        let (tenants, turn, heartbeat) = (settings.tenants.clone(), settings.turn.clone(), settings.heartbeat);
        let ids = IdSource::new(seed()?);
        if let Some(gateway) = settings.gateway.clone() {
            let brokers = gateway.brokers.urls.iter().map(BrokerUrl::as_str).collect::<Vec<_>>().join(" ");
            info!(brokers, login = ?gateway.login, "gateway: nothing is kept here");
            let gateway = Gateway::new(gateway, tenants, turn, heartbeat, ids)?;
            return Ok((Self::Gateway(Box::new(gateway)), Health::default()));
        }
        let Opened { store, remembered, unreadable, health } = store::open(&settings.store)?;
        if unreadable > 0 {
            warn!(rows = unreadable, "store: rows that cannot be read are left out");
        }
        info!(invites = remembered.invites.len(), missed = remembered.missed.len(), "remembered");
        let switchboard = Switchboard::new(now(), tenants, remembered, IdSource::new(seed()?));
        let store = Writer::start(store, health.clone())?;
        let hub = Hub { switchboard, store, turn, heartbeat, ids, outboxes: BTreeMap::new() };
        Ok((Self::Switchboard(Box::new(hub)), health))
    }

    async fn run(self, inbox: mpsc::Receiver<Event>, shutting: oneshot::Receiver<()>) {
        match self {
            Self::Switchboard(mut hub) => {
                hub.run(inbox, shutting).await;
                hub.store.finish();
            }
            Self::Gateway(gateway) => gateway.run(inbox, shutting).await,
        }
    }
}

struct Hub {
    switchboard: Switchboard,
    store: Writer,
    turn: turn::Settings,
    heartbeat: Duration,
    ids: IdSource,
    outboxes: BTreeMap<SessionId, Outbox>,
}

impl Hub {
    /// Takes an event or the deadline, asks the switchboard, carries out what it wants.
    async fn run(&mut self, mut inbox: mpsc::Receiver<Event>, mut shutting: oneshot::Receiver<()>) {
        self.carry_out();
        let mut shut = false;
        loop {
            let deadline = self.switchboard.deadline();
            let input = tokio::select! {
                event = inbox.recv() => match event {
                    Some(event) => self.input(event),
                    None => return,
                },
                () = until(deadline) => Some(Input::Tick),
                _ = &mut shutting, if !shut => {
                    shut = true;
                    Some(Input::Shutdown)
                }
            };
            if let Some(input) = input {
                log_input(&input);
                self.switchboard.handle(now(), input);
                self.carry_out();
            }
        }
    }

    fn input(&mut self, event: Event) -> Option<Input> {
        match event {
            Event::LoggedIn { session, app, address, ticket_left, outbox, .. } => {
                self.outboxes.insert(session, outbox);
                Some(Input::LoggedIn { session, app, address, ticket_left })
            }
            Event::Heard { session, frame } => Some(Input::Heard { session, frame }),
            Event::Closed { session } => {
                self.outboxes.remove(&session);
                Some(Input::Closed { session })
            }
            Event::Reconfigured { tenants, turn } => {
                self.turn = turn;
                self.switchboard.reconfigure(now(), tenants);
                None
            }
            Event::Probe(answer) => {
                // Whoever asked may have gone.
                let _ = answer.send(self.switchboard.sessions());
                None
            }
        }
    }

    fn carry_out(&mut self) {
        while let Some(effect) = self.switchboard.poll_effect() {
            match effect {
                Effect::Welcome { session, you } => {
                    let ice_servers = self.turn.ice_servers(&you.user, now().unix_ms / 1000);
                    let heartbeat_ms = u32::try_from(self.heartbeat.as_millis()).unwrap_or(u32::MAX);
                    let message = Message::Welcome { you, heartbeat_ms, ice_servers };
                    let envelope = Envelope { id: self.ids.envelope(), from: None, to: None, message };
                    self.deliver(session, &envelope);
                }
                Effect::Deliver { session, envelope } => self.deliver(session, &envelope),
                Effect::Forward { session, text } => self.push(session, text),
                Effect::Close { session, reason, code, text } => self.close(session, reason, code, &text),
                Effect::Store(change) => {
                    log_change(&change);
                    self.store.write(change);
                }
            }
        }
    }

    fn deliver(&mut self, session: SessionId, envelope: &Envelope) {
        debug!(session = session.0, r#type = envelope.message.type_name(), call = call_of(envelope), "out");
        self.push(session, envelope.encode());
    }

    fn push(&mut self, session: SessionId, line: String) {
        let Some(outbox) = self.outboxes.get(&session) else { return };
        if outbox.push(line).is_err() {
            self.close(session, Bye::TooSlow, None, "messages came faster than they were read");
            self.switchboard.handle(now(), Input::Closed { session });
        }
    }

    fn close(&mut self, session: SessionId, reason: Bye, code: Option<u32>, text: &str) {
        info!(session = session.0, ?reason, text, "cut");
        if let Some(outbox) = self.outboxes.remove(&session) {
            outbox.close(Farewell::new(self.ids.envelope(), reason, code, text));
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

fn now() -> Now {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now { steady: Instant::now(), unix_ms: u64::try_from(unix.as_millis()).unwrap_or(u64::MAX) }
}

fn seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    Ok(seed)
}

fn call_of(envelope: &Envelope) -> &str {
    envelope.message.call().map_or("", |call| call.as_str())
}

fn log_input(input: &Input) {
    let Input::Heard { session, frame } = input else { return };
    match frame {
        Frame::Known(envelope) => {
            let to = envelope.to.as_ref().map(|to| to.user.as_str()).unwrap_or_default();
            debug!(session = session.0, r#type = envelope.message.type_name(), call = call_of(envelope), to, "in");
        }
        Frame::Foreign(foreign) => debug!(session = session.0, r#type = foreign.kind, "in, of a newer version"),
        Frame::Unreadable(error) => debug!(session = session.0, %error, "in, not understood"),
    }
}

fn log_change(change: &Change) {
    match change {
        Change::Keep(invite) => {
            info!(app = %invite.app, user = %invite.user, call = call_of(&invite.envelope), "invite kept");
        }
        Change::Forget { app, user, call } => info!(%app, %user, %call, "invite decided"),
        Change::Miss(missed) => info!(app = %missed.app, user = %missed.user, call = %missed.call, "call missed"),
        Change::Reached { app, user, call } => debug!(%app, %user, %call, "invite answered by a device"),
        Change::DropMissed { app, user, call } => debug!(%app, %user, %call, "missed call dropped"),
        Change::Unseen { app, user } => info!(%app, %user, "user forgotten: many others have logged in since"),
        Change::Seen { app, user } => info!(%app, %user, "new user"),
    }
}
