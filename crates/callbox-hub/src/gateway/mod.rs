//! The hub as a gateway: every login is a session at an MQTT 5 broker, which keeps invites and presence. Nothing is kept here, so
//! there may be any number of gateways, and any of them may die.

mod asked;
mod certificates;
mod device_session;
mod results;
mod session;
#[cfg(test)]
mod tests;
mod unanswered;
mod watching;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use callbox_core::ids::{Address, AppId, DeviceId, EnvelopeId, IdSource, UserId};
use callbox_core::protocol::{Bye, Message};
use callbox_mqtt::{Brokers, Login, Tls, TlsError};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{error, info, warn};

use crate::server::{Event, Farewell, Outbox, Shown};
use crate::switchboard::{SessionId, TenantSettings};
use crate::turn;
use certificates::{Certificates, Renewal};
use device_session::DeviceSession;
use session::{Order, Session};
use unanswered::AllUnanswered;

/// Frames of one device that wait for its session; it takes them at once, whatever the broker does.
const FRAMES: usize = 256;
/// How many sessions may connect to the broker at the same time.
const CONNECTING: usize = 128;
/// How long the sessions may take to end.
const GOODBYE: Duration = Duration::from_millis(700);

/// Where the brokers are, and how a user is logged in there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The brokers.
    pub brokers: Brokers,
    /// How.
    pub login: LoginBy,
}

/// How a gateway logs a user in at the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginBy {
    /// With the user's own ticket as password: the broker checks tickets.
    Ticket,
    /// As the gateway, whom the broker lets speak for everybody.
    Gateway(Credentials),
}

/// What a gateway shows the broker of itself, beside a certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Its MQTT user name. A broker may take the name in the certificate instead.
    pub user: String,
    /// Its password; empty where the certificate is enough.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.user)
    }
}

/// What every session shares.
struct Shared {
    brokers: Arc<Brokers>,
    certificates: Certificates,
    connecting: Arc<Semaphore>,
    turn: RwLock<turn::Settings>,
    heartbeat: Duration,
    ids: Mutex<IdSource>,
    unanswered: Mutex<AllUnanswered>,
}

/// Everybody who is logged in here.
pub(crate) struct Gateway {
    shared: Arc<Shared>,
    /// Taken when it runs.
    renewal: Option<Renewal>,
    login: LoginBy,
    tenants: BTreeMap<AppId, Tenant>,
    seats: BTreeMap<SessionId, Seat>,
    devices: BTreeMap<(AppId, UserId), BTreeMap<DeviceId, SessionId>>,
    tasks: JoinSet<()>,
}

struct Tenant {
    users: Arc<BTreeSet<UserId>>,
    settings: TenantSettings,
}

impl Tenant {
    fn new(settings: TenantSettings) -> Self {
        Self { users: Arc::new(settings.users.clone()), settings }
    }
}

struct Seat {
    app: AppId,
    address: Address,
    orders: mpsc::Sender<Order>,
    outbox: Outbox,
}

impl Gateway {
    /// A gateway for these apps.
    ///
    /// # Errors
    /// [`TlsError`], when the certificates cannot be used.
    pub(crate) fn new(
        settings: Settings,
        tenants: Vec<(AppId, TenantSettings)>,
        turn: turn::Settings,
        heartbeat: Duration,
        ids: IdSource,
    ) -> Result<Self, TlsError> {
        let brokers = Arc::new(settings.brokers);
        let (certificates, renewal) = Certificates::load(brokers.clone())?;
        let shared = Shared {
            certificates,
            brokers,
            connecting: Arc::new(Semaphore::new(CONNECTING)),
            turn: RwLock::new(turn),
            heartbeat,
            ids: Mutex::new(ids),
            unanswered: Mutex::default(),
        };
        Ok(Self {
            shared: Arc::new(shared),
            renewal: Some(renewal),
            login: settings.login,
            tenants: tenants.into_iter().map(|(app, settings)| (app, Tenant::new(settings))).collect(),
            seats: BTreeMap::new(),
            devices: BTreeMap::new(),
            tasks: JoinSet::new(),
        })
    }

    /// Serves until told to stop, or until nobody can come in any more.
    pub(crate) async fn run(mut self, mut inbox: mpsc::Receiver<Event>, mut shutting: oneshot::Receiver<()>) {
        let mut shut = false;
        let (shared, renewal) = (self.shared.clone(), self.renewal.take());
        let follow = async {
            if let Some(renewal) = renewal {
                shared.certificates.follow(renewal).await;
            }
            // Only when the files are not looked at any more, which is logged: everything else goes on.
            std::future::pending::<()>().await;
        };
        tokio::pin!(follow);
        loop {
            tokio::select! {
                () = &mut follow => {}
                event = inbox.recv() => match event {
                    Some(event) => self.on(event),
                    None => break,
                },
                _ = &mut shutting, if !shut => {
                    shut = true;
                    self.shut();
                }
                Some(ended) = self.tasks.join_next() => if let Err(error) = ended {
                    error!(%error, "a session ended badly");
                },
            }
        }
        let ended = timeout(GOODBYE, async { while self.tasks.join_next().await.is_some() {} }).await;
        if ended.is_err() {
            warn!(sessions = self.tasks.len(), "some sessions did not leave the broker in time");
        }
    }

    fn on(&mut self, event: Event) {
        match event {
            Event::LoggedIn { session, app, address, ticket, ticket_left, outbox } => {
                self.log_in(session, app, address, (ticket, ticket_left), outbox);
            }
            Event::Heard { session, frame } => {
                let Some(seat) = self.seats.get(&session) else { return };
                match seat.orders.try_send(Order::Frame(Box::new(frame))) {
                    // A session that is over has said why.
                    Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
                    Err(mpsc::error::TrySendError::Full(_)) => {
                        self.cut(session, Bye::TooFast, "messages came faster than they could be passed on");
                    }
                }
            }
            Event::Closed { session } => drop(self.leave(session)),
            Event::Reconfigured { tenants, turn } => {
                *self.shared.turn.write().unwrap_or_else(PoisonError::into_inner) = turn;
                self.tenants.extend(tenants.into_iter().map(|(app, settings)| (app, Tenant::new(settings))));
            }
            Event::Probe(answer) => {
                // Whoever asked may have gone.
                let _ = answer.send(self.seats.len());
            }
        }
    }

    fn log_in(
        &mut self,
        session: SessionId,
        app: AppId,
        address: Address,
        (ticket, ticket_left): (Shown, Duration),
        outbox: Outbox,
    ) {
        let Some(tenant) = self.tenants.get(&app) else {
            let text = format!("there is no app {app} here");
            return outbox.close(self.shared.farewell(Bye::NotLoggedIn, text));
        };
        let (users, limit, renew_every) =
            (tenant.users.clone(), tenant.settings.max_devices, tenant.settings.renew_welcome);
        let devices = self.devices.entry((app, address.user.clone())).or_default();
        let older = devices.get(&address.device).copied();
        if older.is_none() && devices.len() >= limit {
            let text = format!("{} has {} devices connected, no more are allowed", address.user, devices.len());
            return outbox.close(self.shared.farewell(Bye::NotLoggedIn, text));
        }
        if let Some(older) = older {
            self.cut(older, Bye::Replaced, "the same device logged in again, the newer login stays");
        }
        self.devices.entry((app, address.user.clone())).or_default().insert(address.device.clone(), session);
        let (orders, inbox) = mpsc::channel(FRAMES);
        self.seats.insert(session, Seat { app, address: address.clone(), orders, outbox: outbox.clone() });
        let (speaker, password) = match &self.login {
            LoginBy::Ticket => (None, ticket.0),
            LoginBy::Gateway(own) => (Some(own.user.clone()), own.password.clone()),
        };
        let device = DeviceSession::new(address.clone(), users, IdSource::new(self.shared.seed()));
        let now = Instant::now();
        let login = Login { app, address, speaker };
        let shared = self.shared.clone();
        let ticket_until = now + ticket_left;
        let session = Session { id: session, login, password, outbox, device, ticket_until, renew_every, shared };
        self.tasks.spawn(session.run(inbox));
    }

    /// Ends a session with a reason; the broker is not told.
    fn cut(&mut self, session: SessionId, reason: Bye, text: &str) {
        let Some(seat) = self.leave(session) else { return };
        info!(session = session.0, ?reason, text, "cut");
        seat.outbox.close(self.shared.farewell(reason, text));
        if seat.orders.try_send(Order::Leave).is_err() {
            // It is over already, or ends when it has read what waits.
            tracing::debug!(session = session.0, "no room for a word of leave");
        }
    }

    fn leave(&mut self, session: SessionId) -> Option<Seat> {
        let seat = self.seats.remove(&session)?;
        let user = (seat.app, seat.address.user.clone());
        if let Some(devices) = self.devices.get_mut(&user) {
            if devices.get(&seat.address.device) == Some(&session) {
                devices.remove(&seat.address.device);
            }
            if devices.is_empty() {
                self.devices.remove(&user);
            }
        }
        Some(seat)
    }

    fn shut(&mut self) {
        let sessions: Vec<_> = self.seats.keys().copied().collect();
        for session in sessions {
            self.cut(session, Bye::Shutdown, "the hub stops: come back in a moment");
        }
    }
}

impl Shared {
    fn tls(&self) -> Option<Tls> {
        self.certificates.tls()
    }

    fn unanswered(&self) -> std::sync::MutexGuard<'_, AllUnanswered> {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn welcome(&self, you: Address) -> Message {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let ice_servers = self.turn.read().unwrap_or_else(PoisonError::into_inner).ice_servers(&you.user, unix);
        let heartbeat_ms = u32::try_from(self.heartbeat.as_millis()).unwrap_or(u32::MAX);
        Message::Welcome { you, heartbeat_ms, ice_servers }
    }

    fn farewell(&self, reason: Bye, text: impl Into<String>) -> Farewell {
        Farewell::new(self.envelope_id(), reason, None, text)
    }

    /// For the ids that one session makes: 128 bits of chance.
    fn seed(&self) -> [u8; 32] {
        let mut seed = [0; 32];
        seed.iter_mut().zip(self.envelope_id().as_str().bytes()).for_each(|(to, from)| *to = from);
        seed
    }

    fn envelope_id(&self) -> EnvelopeId {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).envelope()
    }
}
