//! What every connection shares.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use callbox_core::ids::{Address, AppId, EnvelopeId, IdSource};
use callbox_core::protocol::Bye;
use callbox_core::ticket::TicketError;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;
use tracing::{error, info};

use super::limits::{Bucket, Notice, RefusedLogins};
use super::outbox::{Closer, Farewell};
use super::{Event, Settings};
use crate::store::Health;
use crate::switchboard::SessionId;

/// The loop takes an event within this time, or something is badly wrong.
const LOOP_TIMEOUT: Duration = Duration::from_secs(10);
/// The loop answers a probe within this time.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// Questions of brokers a second; twice as many at once. Each costs some 10 µs.
const QUESTIONS: u32 = 5000;

/// What every connection shares.
#[derive(Debug)]
pub struct ServerState {
    settings: RwLock<Arc<Settings>>,
    events: mpsc::Sender<Event>,
    seats: u32,
    pub(super) sessions: Arc<Semaphore>,
    live: Mutex<BTreeMap<SessionId, LiveSession>>,
    next_session: AtomicU64,
    ids: Mutex<IdSource>,
    refused: Mutex<RefusedLogins>,
    /// How many questions of brokers are answered.
    broker_questions: Mutex<Bucket>,
    /// How the store fares: shown in `/healthz`.
    store: Health,
    pub(super) notices: Notices,
}

/// Lines of the log that strangers can cause.
#[derive(Debug, Default)]
pub(super) struct Notices {
    pub(super) crowd: Notice,
    pub(super) forwarded: Notice,
    pub(super) untrusted: Notice,
    pub(super) origin: Notice,
    pub(super) broker: Notice,
}

/// Somebody who is logged in, and what with.
#[derive(Debug)]
pub(super) struct LiveSession {
    pub(super) app: AppId,
    pub(super) address: Address,
    pub(super) ticket: String,
    pub(super) closer: Closer,
}

/// Takes a session off the list when it is over.
pub(super) struct Listed<'a> {
    state: &'a ServerState,
    session: SessionId,
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.state.live().remove(&self.session);
    }
}

impl ServerState {
    /// Returns a state with so many [`seats`](super::seats) whose sessions are announced on `events`. `store`: how that fares.
    pub fn new(settings: Settings, seats: u32, events: mpsc::Sender<Event>, ids: IdSource, store: Health) -> Self {
        Self {
            seats,
            sessions: Arc::new(Semaphore::new(seats as usize)),
            settings: RwLock::new(Arc::new(settings)),
            events,
            live: Mutex::default(),
            next_session: AtomicU64::new(1),
            ids: Mutex::new(ids),
            refused: Mutex::default(),
            broker_questions: Mutex::new(Bucket::full(Instant::now(), 2 * QUESTIONS, f64::from(QUESTIONS))),
            store,
            notices: Notices::default(),
        }
    }

    /// Waits until every session is over, but no longer than this. False: some are not.
    pub async fn empty(&self, at_most: Duration) -> bool {
        timeout(at_most, self.sessions.acquire_many(self.seats)).await.is_ok()
    }

    /// Takes new settings, and ends the sessions whose ticket is not accepted by them. Returns how many.
    pub fn reload(&self, settings: Settings) -> usize {
        let settings = Arc::new(settings);
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings.clone();
        let now = unix_now();
        let mut cut = 0;
        for (session, live) in self.live().iter() {
            let LiveSession { app, address, ticket, closer } = live;
            if let Err(error) = settings.accepts(*app, address, ticket, now) {
                info!(session = session.0, %app, user = %address.user, device = %address.device, reason = %error, "login withdrawn");
                let reason = if error.code() == EXPIRED { Bye::TicketExpired } else { Bye::NotLoggedIn };
                closer.close(Farewell::new(self.envelope_id(), reason, Some(error.code()), error.to_string()));
                cut += 1;
            }
        }
        cut
    }

    /// Tells the loop. False when the loop is gone, or stuck.
    pub async fn tell(&self, event: Event) -> bool {
        match self.events.send_timeout(event, LOOP_TIMEOUT).await {
            Ok(()) => true,
            Err(mpsc::error::SendTimeoutError::Closed(_)) => false,
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
                error!(seconds = LOOP_TIMEOUT.as_secs(), "the loop takes no events");
                false
            }
        }
    }

    /// What `/healthz` says; None when the loop does not answer.
    pub(super) async fn probe(&self) -> Option<Value> {
        let (answer, answered) = oneshot::channel();
        self.events.send_timeout(Event::Probe(answer), PROBE_TIMEOUT).await.ok()?;
        let sessions = timeout(PROBE_TIMEOUT, answered).await.ok()?.ok()?;
        Some(
            json!({ "status": "ok", "sessions": sessions, "faults": self.store.fault().into_iter().collect::<Vec<_>>() }),
        )
    }

    pub(super) fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts a session on the list of those that a reload examines, and gives its number. A reload that came between the login's
    /// check and this is caught up with here.
    pub(super) fn list(&self, live: LiveSession) -> Result<(SessionId, Listed<'_>), TicketError> {
        let session = SessionId(self.next_session.fetch_add(1, Ordering::Relaxed));
        let mut all = self.live();
        self.settings().accepts(live.app, &live.address, &live.ticket, unix_now())?;
        all.insert(session, live);
        Ok((session, Listed { state: self, session }))
    }

    pub(super) fn envelope_id(&self) -> EnvelopeId {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).envelope()
    }

    pub(super) fn refused(&self) -> MutexGuard<'_, RefusedLogins> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn broker_questions(&self) -> MutexGuard<'_, Bucket> {
        self.broker_questions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<SessionId, LiveSession>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The published code of a ticket that has run out, or was withdrawn.
const EXPIRED: u32 = 70001;

pub(super) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
