//! One connection to one broker, from connecting to its end.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use callbox_core::ids::{CallId, EnvelopeId, UserId};
use callbox_core::protocol::{Envelope, Message, ResultCode};
use futures_util::stream::StreamExt;
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnectReturnCode, DisconnectReasonCode, Filter, Packet, PubAck, PubAckReason, Publish, PublishProperties,
    RetainForwardRule, SubAck, SubscribeReasonCode,
};
use rumqttc::v5::mqttbytes::{Error as PacketError, QoS};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, StateError};
use tokio::sync::mpsc;
use tokio::time::{interval, sleep_until, timeout};

use super::super::Order;
use super::super::exchange::Exchange;
use super::super::keep::{BEAT, End};
use super::super::status::State;
use super::burst::Burst;
use super::events::{self, Events};
use super::options::{SETUP, WINDOW};
use super::renewal::Renewal;
use super::topic::{self, Party, Topic};
use super::{Mqtt, delivery};

/// How many requests fit between us and the client: a window of messages, presence and subscriptions.
pub(super) const REQUESTS: usize = 64;
/// How long a stop waits for what is under way to be acknowledged, and then for the broker to hang up.
const LAST_WORDS: Duration = Duration::from_secs(1);
const GOODBYE: Duration = Duration::from_millis(300);
/// A presence that nobody renews is forgotten by the broker: a panel may vanish together with the broker that held its will.
const PRESENCE: Duration = Duration::from_secs(2 * 60 * 60);

/// One connection.
pub(super) struct Wire<'a> {
    mqtt: &'a Mqtt,
    client: AsyncClient,
    events: Events,
    /// Messages handed to the client that have no packet id yet; none: no message of a call.
    handed: VecDeque<Option<(EnvelopeId, Option<CallId>)>>,
    /// Messages that the broker has not acknowledged yet.
    unacknowledged: HashMap<u16, Option<(EnvelopeId, Option<CallId>)>>,
    watched: BTreeSet<UserId>,
    burst: Burst,
    renewal: Renewal,
    presence_due: Option<Instant>,
    heard_at: Instant,
    allowed_silence: Duration,
    connected: bool,
    up: bool,
    poisoned: bool,
}

impl<'a> Wire<'a> {
    pub(super) fn new(mqtt: &'a Mqtt, ticket: &str, client: AsyncClient, eventloop: EventLoop) -> Self {
        let now = Instant::now();
        Self {
            mqtt,
            client,
            events: events::of(eventloop),
            handed: VecDeque::new(),
            unacknowledged: HashMap::new(),
            watched: BTreeSet::new(),
            burst: Burst::default(),
            renewal: Renewal::new(now, ticket),
            presence_due: None,
            heard_at: now,
            // The client gives up a little earlier by itself.
            allowed_silence: SETUP + BEAT,
            connected: false,
            up: false,
            poisoned: false,
        }
    }

    /// Whether the broker has let us in.
    pub(super) fn was_connected(&self) -> bool {
        self.connected
    }

    /// Whether the session holds a packet that cannot be read.
    pub(super) fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    /// Carries messages both ways until the connection ends.
    pub(super) async fn carry(&mut self, exchange: &mut Exchange, orders: &mut mpsc::Receiver<Order>) -> End {
        let mut stop_at = None;
        let mut beat = interval(BEAT);
        loop {
            let silent_at = self.heard_at + self.allowed_silence;
            let settled_at = self.burst.deadline();
            tokio::select! {
                event = self.events.next() => if let Err(end) = self.on(event, exchange).await {
                    return end;
                },
                order = orders.recv() => match order {
                    Some(order) => exchange.take(Instant::now(), order),
                    None => return End::Stopped,
                },
                () = sleep_until(silent_at.into()) => {
                    return End::Lost(format!("no sign of the broker for {} ms", self.allowed_silence.as_millis()));
                }
                () = sleep_until(settled_at.unwrap_or(silent_at).into()), if settled_at.is_some() => {
                    for opened in self.burst.end(Instant::now()) {
                        exchange.hear(opened).await;
                    }
                }
                () = sleep_until(stop_at.unwrap_or(silent_at).into()), if stop_at.is_some() => return self.close().await,
                _ = beat.tick() => if let Err(end) = self.beat(exchange).await {
                    return end;
                },
            }
            if self.up {
                self.flush(exchange);
            }
            if exchange.stopping.is_some() {
                if !self.up {
                    return End::Stopped;
                }
                if exchange.outbox.is_settled() {
                    return self.close().await;
                }
                stop_at.get_or_insert_with(|| Instant::now() + LAST_WORDS);
            }
        }
    }

    async fn on(&mut self, event: Option<Result<Event, ConnectionError>>, exchange: &mut Exchange) -> Result<(), End> {
        match event {
            Some(Ok(Event::Outgoing(Outgoing::Publish(packet)))) if packet != 0 => {
                if let Some(message) = self.handed.pop_front() {
                    self.unacknowledged.insert(packet, message);
                }
            }
            Some(Ok(Event::Outgoing(_))) => {}
            Some(Ok(Event::Incoming(packet))) => {
                self.heard_at = Instant::now();
                match packet {
                    Packet::ConnAck(answer) => self.connected(&answer),
                    Packet::SubAck(answer) => self.subscribed(&answer, exchange).await?,
                    Packet::Publish(message) => self.received(message, exchange).await,
                    Packet::PubAck(answer) => self.acknowledged(&answer, exchange).await,
                    _ => {}
                }
            }
            Some(Err(error)) => return Err(self.failed(&error)),
            None => return Err(End::Lost("the connection ended".to_owned())),
        }
        Ok(())
    }

    fn connected(&mut self, answer: &ConnAck) {
        self.connected = true;
        let theirs = answer.properties.as_ref().and_then(|properties| properties.server_keep_alive);
        let keep_alive = theirs.map_or(self.mqtt.brokers.keep_alive, |seconds| Duration::from_secs(seconds.into()));
        self.allowed_silence = keep_alive.max(BEAT) * 5 / 2;
        if answer.session_present {
            self.burst.begin(self.heard_at);
        }
        let filter = Filter {
            nolocal: true,
            // Nothing that is said to somebody is kept for those who come later, whatever the sender asks for.
            retain_forward_rule: RetainForwardRule::Never,
            ..Filter::new(topic::inbox(&self.mqtt.me), QoS::AtLeastOnce)
        };
        self.requested(self.client.try_subscribe_many([filter]));
    }

    async fn subscribed(&mut self, answer: &SubAck, exchange: &mut Exchange) -> Result<(), End> {
        let refused = answer.return_codes.iter().find(|code| !matches!(code, SubscribeReasonCode::Success(_)));
        match refused {
            Some(reason) if self.up => tracing::warn!(?reason, "the broker does not tell who is there"),
            Some(reason) => {
                let inbox = topic::inbox(&self.mqtt.me);
                return Err(End::Refused(format!("the broker does not let us read {inbox}: {reason:?}")));
            }
            None if self.up => {}
            None => {
                self.up = true;
                exchange.board.enter(State::Up);
                self.say_present(exchange);
                exchange.logged_in(Instant::now(), self.mqtt.address(), Vec::new()).await;
            }
        }
        Ok(())
    }

    async fn received(&mut self, publish: Publish, exchange: &mut Exchange) {
        let (now, me) = (Instant::now(), &self.mqtt.me);
        match Topic::read(&publish.topic) {
            Some(Topic::Message { to, from }) if to == *me && from.app == me.app && !publish.retain => {
                let Some(mut opened) = exchange.open(now, &from.user, &publish.payload) else { return };
                let expiry = publish.properties.and_then(|properties| properties.message_expiry_interval);
                if !delivery::arrived(&mut opened.message, expiry) {
                    tracing::warn!(from = %opened.from, ?expiry, "invite without time left, or of unknown age: ignored");
                    return;
                }
                if let Some(opened) = self.burst.take(now, opened) {
                    exchange.hear(opened).await;
                }
            }
            Some(Topic::Presence { of, device }) if of.app == me.app => {
                if let Some(online) = presence(&of, &device, &publish.payload) {
                    exchange.present(of.user, device, online).await;
                }
            }
            _ => {
                let topic = String::from_utf8_lossy(&publish.topic);
                tracing::warn!(topic = %topic.chars().take(120).collect::<String>(), "not for us: ignored");
            }
        }
    }

    async fn acknowledged(&mut self, answer: &PubAck, exchange: &mut Exchange) {
        let Some((id, call)) = self.unacknowledged.remove(&answer.pkid).flatten() else { return };
        exchange.outbox.arrived(&id);
        let (code, text) = match answer.reason {
            PubAckReason::Success => return,
            PubAckReason::NoMatchingSubscribers => {
                (ResultCode::Offline, "nobody of that name has a session".to_owned())
            }
            PubAckReason::NotAuthorized => (ResultCode::Forbidden, "the broker's access list refuses it".to_owned()),
            reason => (ResultCode::Offline, format!("the broker did not take it: {reason:?}")),
        };
        exchange.fared(Some(id), code, call, text).await;
    }

    async fn beat(&mut self, exchange: &mut Exchange) -> Result<(), End> {
        let now = Instant::now();
        exchange.beat(now).await;
        if self.presence_due.is_some_and(|due| now >= due) {
            self.say_present(exchange);
        }
        if self.up && self.renewal.is_due(now) && exchange.outbox.is_settled() {
            let settings = &self.mqtt.settings;
            match settings.ticket.ticket(settings.app, &settings.user) {
                Ok(ticket) if self.renewal.is_newer(now, &ticket) => return Err(End::Renew),
                Ok(_) => tracing::warn!("the ticket runs out soon, and there is no newer one"),
                Err(error) => {
                    self.renewal.is_newer(now, "");
                    tracing::warn!(%error, "the ticket runs out soon");
                }
            }
        }
        Ok(())
    }

    /// Hands out what waits, as far as the window allows.
    fn flush(&mut self, exchange: &mut Exchange) {
        if let Some(users) = exchange.next_watch() {
            self.watch(users);
        }
        while self.handed.len() + self.unacknowledged.len() < WINDOW {
            let Some(envelope) = exchange.next_envelope(Instant::now()) else { return };
            self.publish(envelope, exchange);
        }
    }

    fn publish(&mut self, envelope: Envelope, exchange: &mut Exchange) {
        let Some(to) = &envelope.to else { return };
        let (quality, expiry) = delivery::of(&envelope.message);
        let to = Party { user: to.user.clone(), app: self.mqtt.me.app };
        let topic = topic::message(&to, &self.mqtt.me);
        let name = (envelope.id.clone(), envelope.message.call().cloned());
        let envelope = Envelope { from: Some(self.mqtt.address()), ..envelope };
        let properties = PublishProperties { message_expiry_interval: Some(expiry), ..text() };
        self.requested(self.client.try_publish_with_properties(topic, quality, false, envelope.encode(), properties));
        if quality == QoS::AtMostOnce {
            exchange.outbox.arrived(&name.0);
        } else {
            self.handed.push_back(Some(name));
        }
    }

    fn say_present(&mut self, exchange: &mut Exchange) {
        let seconds = u32::try_from(PRESENCE.as_secs()).unwrap_or(u32::MAX);
        let properties = PublishProperties { message_expiry_interval: Some(seconds), ..text() };
        let (topic, said) = (self.mqtt.presence_topic(), self.mqtt.presence(exchange, true));
        self.requested(self.client.try_publish_with_properties(topic, QoS::AtLeastOnce, true, said, properties));
        self.handed.push_back(None);
        self.presence_due = Some(Instant::now() + PRESENCE / 2);
    }

    fn watch(&mut self, users: Vec<UserId>) {
        let users: BTreeSet<_> = users.into_iter().collect();
        let app = self.mqtt.me.app;
        let filter = |user: &UserId| topic::presences(&Party { user: user.clone(), app });
        let new: Vec<_> =
            users.difference(&self.watched).map(|user| Filter::new(filter(user), QoS::AtMostOnce)).collect();
        if !new.is_empty() {
            self.requested(self.client.try_subscribe_many(new));
        }
        for user in self.watched.difference(&users) {
            self.requested(self.client.try_unsubscribe(filter(user)));
        }
        self.watched = users;
    }

    /// Takes our presence back and says good-bye, so that the broker does not tell our last will.
    async fn close(&mut self) -> End {
        self.requested(self.client.try_publish(self.mqtt.presence_topic(), QoS::AtLeastOnce, true, ""));
        self.requested(self.client.try_disconnect());
        // The broker hangs up when it has read all of it; were we the first, some of it might be lost.
        let hung_up = async { while let Some(Ok(_)) = self.events.next().await {} };
        if timeout(GOODBYE, hung_up).await.is_err() {
            tracing::debug!("the broker did not hang up in time");
        }
        End::Stopped
    }

    fn failed(&mut self, error: &ConnectionError) -> End {
        match error {
            ConnectionError::ConnectionRefused(
                code @ (ConnectReturnCode::BadUserNamePassword
                | ConnectReturnCode::NotAuthorized
                | ConnectReturnCode::Banned
                | ConnectReturnCode::ClientIdentifierNotValid),
            ) => End::Refused(format!("the broker does not let {} in: {code:?}", self.mqtt.me)),
            ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => match reason_code {
                DisconnectReasonCode::SessionTakenOver => End::TakenOver("session taken over".to_owned()),
                reason => End::Lost(format!("the broker hung up: {reason:?}")),
            },
            ConnectionError::MqttState(StateError::Deserialization(error))
                if self.connected && is_unreadable(error) =>
            {
                tracing::error!(%error, "the broker's packet cannot be read: beginning a new session");
                self.poisoned = true;
                End::Lost(format!("unreadable packet: {error}"))
            }
            ConnectionError::MqttState(StateError::Deserialization(error)) => End::Lost(error.to_string()),
            error if self.connected => End::Lost(error.to_string()),
            error => End::Lost(format!("cannot connect: {error}")),
        }
    }

    fn requested(&self, outcome: Result<(), rumqttc::v5::ClientError>) {
        if outcome.is_err() {
            tracing::error!(waiting = REQUESTS, "the MQTT client takes no requests: dropped");
        }
    }
}

/// Whether it is the packet that is wrong; the client reports a broken connection in the same way.
fn is_unreadable(error: &PacketError) -> bool {
    !matches!(error, PacketError::Io(_) | PacketError::OutgoingPacketTooLarge { .. })
}

/// Properties of a payload that is text.
fn text() -> PublishProperties {
    PublishProperties { payload_format_indicator: Some(1), ..PublishProperties::default() }
}

/// What a presence topic holds; an empty message takes it back.
fn presence(of: &Party, device: &callbox_core::ids::DeviceId, payload: &[u8]) -> Option<bool> {
    if payload.is_empty() {
        return Some(false);
    }
    match Envelope::decode(payload).map(|envelope| envelope.message) {
        Ok(Message::Presence { user, device: Some(said), online }) if user == of.user && said == *device => {
            Some(online)
        }
        said => {
            let error = said.err().map(|error| error.to_string());
            tracing::warn!(%of, %device, error, "presence that contradicts its topic: ignored");
            None
        }
    }
}
