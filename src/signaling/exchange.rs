//! What every transport shares above its frames: codec, outbox, duplicates, presence, missed calls, and what a hub's answer means.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use callbox_core::client::{MissedBudget, Outbox, Presence, Seen};
use callbox_core::ids::{Address, CallId, DeviceId, EnvelopeId, IdSource, Target, UserId};
use callbox_core::protocol::{Agent, Bye, DecodeError, Envelope, IceServer, Message, ResultCode};
use tokio::sync::{mpsc, oneshot};

use super::missed::Missed;
use super::network_change::{Change, NetworkChange};
use super::status::Board;
use super::{Event, Order, Rang, Server, Settings};

/// How many sent messages are remembered, so that a `result` can be told by what it speaks of.
const SENT: usize = 64;

/// How often a connection proves that it moves, while it is there and while it is sought. A board that idles sleeps in between.
const BEAT: Duration = Duration::from_secs(20);
const SEEKING_BEAT: Duration = Duration::from_secs(2);

/// What a frame means for the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Go on.
    Fine,
    /// Logged in; this is the heartbeat.
    Welcome { heartbeat_ms: u32 },
    /// The hub ends the session.
    Bye { reason: Bye, code: Option<u32>, text: String, retry_ms: Option<u32> },
}

/// The part of the edge that no transport has for itself.
pub(super) struct Exchange {
    pub(super) outbox: Outbox,
    pub(super) board: Board,
    pub(super) changes: NetworkChange,
    /// Somebody asked to stop, and wants to hear when it is done.
    pub(super) stopping: Option<oneshot::Sender<()>>,
    /// To be heard once more.
    pub(super) rang: Option<Box<Rang>>,
    settings: Settings,
    ids: IdSource,
    seen: Arc<Mutex<Seen>>,
    presence: Presence,
    watched: Option<Vec<UserId>>,
    watch_due: bool,
    /// The calls of ours that reached nobody; none where a hub keeps them.
    missed: Option<Missed>,
    missed_budget: MissedBudget,
    sent: VecDeque<(EnvelopeId, &'static str, Option<Target>)>,
    events: mpsc::Sender<Event>,
    beat_at: Instant,
    up: bool,
}

impl Exchange {
    pub(super) fn new(settings: &Settings, events: mpsc::Sender<Event>, board: Board) -> Self {
        let mut seed = [0; 32];
        if let Err(error) = getrandom::fill(&mut seed) {
            tracing::error!(%error, "no randomness: envelope ids may repeat");
        }
        Self {
            outbox: Outbox::default(),
            board,
            changes: NetworkChange::default(),
            stopping: None,
            rang: None,
            settings: settings.clone(),
            ids: IdSource::new(seed),
            seen: Arc::default(),
            presence: Presence::default(),
            watched: None,
            watch_due: false,
            missed: None,
            missed_budget: MissedBudget::default(),
            sent: VecDeque::new(),
            events,
            beat_at: Instant::now(),
            up: false,
        }
    }

    /// Shares the memory of what was heard with another way.
    pub(super) fn sharing(self, seen: Arc<Mutex<Seen>>) -> Self {
        Self { seen, ..self }
    }

    /// Takes an order in.
    pub(super) fn take(&mut self, now: Instant, order: Order) {
        match order {
            Order::Send { to, message } => {
                let envelope = Envelope { id: self.ids.envelope(), from: None, to: Some(to), message };
                self.put(now, envelope);
            }
            Order::Put(envelope) => self.put(now, envelope),
            Order::Watch(users) => {
                self.presence.watch(&users);
                self.watched = Some(users);
                self.watch_due = true;
            }
            Order::Rang(rang) => self.rang = Some(rang),
            Order::Changed(change) => {
                if let (Change::Clock, Some(missed)) = (&change, &self.missed) {
                    missed.save(now);
                }
                self.changes.note(change);
            }
            Order::TellMissed(missed) => {
                let is_alone = matches!(self.settings.server, Server::Brokers(_)) && self.settings.standby.is_none();
                self.missed = is_alone.then_some(*missed);
                self.watch_due |= is_alone;
            }
            Order::Stop(done) => self.stopping = Some(done),
        }
    }

    fn put(&mut self, now: Instant, envelope: Envelope) {
        if let (Some(missed), Some(to)) = (&mut self.missed, &envelope.to) {
            missed.notes.said(now, to, &envelope.message);
            self.watch_due |= missed.settle(now);
        }
        if let Some(lost) = self.outbox.push(now, envelope) {
            tracing::warn!(message = lost.message.type_name(), "outbox is full: message dropped");
        }
        self.board.moved(self.outbox.waiting());
    }

    /// The first frame of a connection.
    pub(super) fn login(&mut self, ticket: String) -> String {
        let Settings { app, user, device, .. } = self.settings.clone();
        let message = Message::Login { app, user, device, ticket, agent: Agent::Panel };
        Envelope { id: self.ids.envelope(), from: None, to: None, message }.encode()
    }

    /// The next frame to send, once logged in.
    pub(super) fn next_frame(&mut self, now: Instant) -> Option<String> {
        if let Some(users) = self.next_watch() {
            let users = users.iter().map(ToString::to_string).collect();
            return Some(self.envelope(Message::Watch { users }).encode());
        }
        self.next_envelope(now).map(|envelope| envelope.encode())
    }

    /// Whom to watch from now on, when that has to be said (again).
    pub(super) fn next_watch(&mut self) -> Option<Vec<UserId>> {
        if !std::mem::take(&mut self.watch_due) {
            return None;
        }
        let Some(missed) = &mut self.missed else { return self.watched.clone() };
        let (users, again) = missed.watch(self.watched.as_deref().unwrap_or_default());
        self.watch_due = again;
        Some(users)
    }

    /// The next message for a peer.
    pub(super) fn next_envelope(&mut self, now: Instant) -> Option<Envelope> {
        let envelope = self.outbox.next(now).or_else(|| self.next_missed(now))?;
        self.sent.push_back((envelope.id.clone(), envelope.message.type_name(), envelope.to.clone()));
        if self.sent.len() > SENT {
            self.sent.pop_front();
        }
        Some(envelope)
    }

    /// Tells a device of a call that its user missed, when nothing of a call that goes on waits.
    fn next_missed(&mut self, now: Instant) -> Option<Envelope> {
        let notes = &mut self.missed.as_mut()?.notes;
        if !notes.has_next() {
            return None;
        }
        let me = Address { user: self.settings.user.clone(), device: self.settings.device.clone() };
        notes.next(now, &me, self.ids.envelope())
    }

    /// The broker has answered for an envelope. Returns whether that is all there is to say.
    pub(super) fn acknowledged(&mut self, now: Instant, id: &EnvelopeId, taken: bool) -> bool {
        self.outbox.arrived(id);
        let Some(missed) = &mut self.missed else { return taken };
        let is_missed = missed.notes.acknowledged(id, taken);
        self.watch_due |= missed.settle(now);
        is_missed || taken
    }

    /// An envelope of our own making, for nobody in particular.
    pub(super) fn envelope(&mut self, message: Message) -> Envelope {
        Envelope { id: self.ids.envelope(), from: None, to: None, message }
    }

    /// Reads one frame.
    pub(super) async fn read(&mut self, now: Instant, bytes: &[u8]) -> Verdict {
        let envelope = match Envelope::decode(bytes) {
            Ok(envelope) => envelope,
            Err(error) => {
                self.not_understood(now, error);
                return Verdict::Fine;
            }
        };
        match (envelope.from, envelope.message) {
            (Some(from), message) => self.heard(now, from, &envelope.id, message).await,
            (None, Message::Welcome { you, heartbeat_ms, ice_servers }) => {
                self.logged_in(now, you, ice_servers).await;
                Verdict::Welcome { heartbeat_ms }
            }
            (None, Message::Bye { reason, code, text, retry_ms }) => Verdict::Bye { reason, code, text, retry_ms },
            (None, message) => self.heard_from_hub(now, message).await,
        }
    }

    /// Passes a peer's message on, unless it was heard before.
    pub(super) async fn hear(&mut self, now: Instant, from: Address, id: &EnvelopeId, message: Message) {
        self.heard(now, from, id, message).await;
    }

    /// Logged in, for the first time or again.
    pub(super) async fn logged_in(&mut self, now: Instant, you: Address, ice_servers: Vec<IceServer>) {
        self.up = true;
        self.watch_due = self.watched.is_some() || self.missed.as_ref().is_some_and(Missed::waits);
        self.presence.login(now);
        self.tell(Event::Up { you, ice_servers }).await;
    }

    /// A device came or went, as far as it is watched.
    pub(super) async fn present(&mut self, now: Instant, user: UserId, device: DeviceId, online: bool) {
        if let Some(missed) = &mut self.missed {
            let peer = Address { user: user.clone(), device: device.clone() };
            if online {
                missed.notes.came(now, &peer);
            } else {
                missed.notes.went(&peer);
            }
        }
        if self.watched.as_ref().is_some_and(|users| users.contains(&user)) {
            self.told(user, Some(device), online).await;
        }
    }

    /// How one of our messages fared.
    pub(super) async fn fared(&mut self, re: Option<EnvelopeId>, code: ResultCode, call: Option<CallId>, text: String) {
        let sent = re.as_ref().and_then(|id| self.sent.iter().find(|(known, ..)| known == id));
        let (about, to) = sent.map_or((None, None), |(_, about, to)| (Some(*about), to.clone()));
        self.tell(Event::Fared { re, code, call, about, to, text }).await;
    }

    /// The connection is gone.
    pub(super) async fn went_down(&mut self, reason: &str) {
        self.outbox.went_down();
        if let Some(missed) = &mut self.missed {
            missed.went_down();
        }
        self.board.failed(reason);
        if std::mem::take(&mut self.up) {
            self.tell(Event::Down { reason: reason.to_owned() }).await;
        }
    }

    /// When [`beat`](Self::beat) is to be called, and what waits may be sent.
    pub(super) fn beat_due(&self) -> Instant {
        // What could go already waits for room at the transport, which says by itself when there is some.
        let candidate = self.outbox.due().filter(|due| *due > Instant::now());
        let while_up = self.presence.deadline().into_iter().chain(candidate).filter(|_| self.up);
        let missed = self.missed.as_ref().and_then(|missed| missed.notes.deadline());
        while_up.chain(missed).fold(self.beat_at, Instant::min)
    }

    /// Notices who is gone, and proves that this task moves.
    pub(super) async fn beat(&mut self, now: Instant) {
        self.beat_at = now + if self.up { BEAT } else { SEEKING_BEAT };
        self.board.moved(self.outbox.waiting());
        if let Some(missed) = &mut self.missed {
            missed.notes.expire(now);
            self.watch_due |= missed.settle(now);
        }
        if self.up {
            for (peer, online) in self.presence.settle(now) {
                self.tell(Event::Presence { peer, online }).await;
            }
        }
    }

    async fn told(&mut self, user: UserId, device: Option<DeviceId>, online: bool) {
        for (peer, online) in self.presence.told(user, device, online) {
            self.tell(Event::Presence { peer, online }).await;
        }
    }

    async fn heard(&mut self, now: Instant, from: Address, id: &EnvelopeId, message: Message) -> Verdict {
        if !self.seen.lock().unwrap_or_else(PoisonError::into_inner).is_new(&from, id) {
            tracing::debug!(%from, %id, message = message.type_name(), "duplicate");
            return Verdict::Fine;
        }
        if let Message::Result { code, call, text, .. } = &message {
            // How a command fared is the station's business.
            if call.is_none() || *code == ResultCode::UnsupportedVersion {
                tracing::warn!(%from, ?code, ?call, text, "a peer did not understand us");
                return Verdict::Fine;
            }
        }
        if let Message::Missed { call, caller, media, ago_ms } = message {
            if caller.user != from.user || !self.missed_budget.take(now, &from.user) {
                tracing::warn!(%from, %caller, "a missed call of somebody else, or too many at once: ignored");
                return Verdict::Fine;
            }
            self.tell(Event::Missed { call, caller, media, ago_ms }).await;
            return Verdict::Fine;
        }
        if let Some(missed) = &mut self.missed {
            missed.notes.heard(now, &from.user, &message);
            self.watch_due |= missed.settle(now);
        }
        self.tell(Event::Heard { from, message }).await;
        Verdict::Fine
    }

    async fn heard_from_hub(&mut self, now: Instant, message: Message) -> Verdict {
        match message {
            Message::Presence { user, device, online } => {
                self.told(user, device, online).await;
            }
            Message::Missed { call, caller, media, ago_ms } => {
                self.tell(Event::Missed { call, caller, media, ago_ms }).await;
            }
            Message::Result { code: ResultCode::Ok, .. } | Message::Pong {} => {}
            Message::Result { re, code, call, text } => self.fared(re, code, call, text).await,
            Message::Ping {} => {
                // Text pings are for clients that do not see WebSocket's own; a hub that sends one gets its answer.
                let envelope = self.envelope(Message::Pong {});
                self.put(now, envelope);
            }
            message => tracing::warn!(message = message.type_name(), "without a sender: ignored"),
        }
        Verdict::Fine
    }

    /// Never silence: a future party is told that its version is not spoken here.
    pub(super) fn not_understood(&mut self, now: Instant, error: DecodeError) {
        match &error {
            DecodeError::UnknownType { kind, .. } => tracing::debug!(kind, "message of an unknown type: ignored"),
            DecodeError::UnsupportedVersion { found, kind, from, .. } => {
                tracing::warn!(from = ?from, kind, version = found, "message of a version not spoken here");
            }
            error => tracing::warn!(%error, "message not understood: ignored"),
        }
        if let Some((to, message)) = error.answer() {
            self.take(now, Order::Send { to, message });
        }
    }

    async fn tell(&self, event: Event) {
        if self.events.send(event).await.is_err() {
            // The daemon is on its way out and hears nothing any more.
            tracing::debug!("signalling event after the end");
        }
    }
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
