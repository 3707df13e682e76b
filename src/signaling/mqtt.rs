//! The MQTT 5 transport: what `callbox_mqtt` carries, put together with what every transport shares.

use std::sync::Arc;
use std::time::{Duration, Instant};

use callbox_core::client::Backoff;
use callbox_core::ids::Address;
use callbox_mqtt::{Brokers, Connection, Event, Instance, Login, Opened, Renewal, Tls};
use tokio::time::sleep_until;

use super::exchange::Exchange;
use super::reconnect::{End, Transport};
use super::status::State;
use super::{Rang, Settings, aside, orders};

/// Two minutes of attempts at most 4 s apart, then up to 15 s.
const HOPEFUL: u32 = 40;
/// How long a stop waits for what is under way to be acknowledged.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A connection to one of several brokers.
pub(super) struct Mqtt {
    settings: Settings,
    brokers: Arc<Brokers>,
    /// The session holds something that cannot be read and would come again for ever: begin a new one.
    clean_start: bool,
    /// The login of the last connection that was up.
    instance: Option<Instance>,
}

impl Transport for Mqtt {
    fn backoff(&self) -> Backoff {
        Backoff::hopeful(HOPEFUL)
    }

    async fn session(&mut self, exchange: &mut Exchange, orders: &mut orders::Receiver) -> End {
        let ticket = match self.settings.fresh_ticket().await {
            Ok(ticket) => ticket,
            Err(reason) => return End::NoTicket(reason),
        };
        // Read anew for each session, so that renewed certificates are taken.
        let brokers = Arc::clone(&self.brokers);
        let tls = match aside(move || Tls::load(&brokers).map_err(|error| format!("TLS: {error}"))).await {
            Ok(tls) => tls,
            Err(reason) => return End::Lost(reason),
        };
        let renewal = Renewal::new(Instant::now(), &ticket);
        let login = Login { app: self.settings.app, address: self.address(), speaker: None };
        let connection = match Connection::open(login, self.brokers.clone(), tls, ticket, self.clean_start) {
            Ok(connection) => connection,
            Err(end) => return end.into(),
        };
        let connection = match self.instance.clone() {
            Some(instance) => connection.resume(instance),
            None => connection,
        };
        let mut session = Session { mqtt: self, connection, renewal, up: false };
        let end = session.carry(exchange, orders).await;
        let Session { connection, up, .. } = session;
        if up {
            self.instance = Some(connection.instance());
        }
        self.clean_start = connection.is_poisoned();
        if matches!(end, End::Stopped) {
            connection.close().await;
        }
        end
    }
}

impl Mqtt {
    pub(super) fn new(settings: Settings, brokers: Brokers) -> Self {
        Self { settings, brokers: Arc::new(brokers), clean_start: false, instance: None }
    }

    fn address(&self) -> Address {
        Address { user: self.settings.user.clone(), device: self.settings.device.clone() }
    }
}

impl From<callbox_mqtt::End> for End {
    fn from(end: callbox_mqtt::End) -> Self {
        match end {
            callbox_mqtt::End::Lost(reason) => Self::Lost(reason),
            callbox_mqtt::End::Refused(reason) => Self::Refused(reason),
            callbox_mqtt::End::TakenOver => Self::TakenOver(end.to_string()),
        }
    }
}

/// One connection, from connecting to its end.
struct Session<'a> {
    mqtt: &'a Mqtt,
    connection: Connection,
    renewal: Renewal,
    up: bool,
}

impl Session<'_> {
    /// Carries messages both ways until the connection ends.
    async fn carry(&mut self, exchange: &mut Exchange, orders: &mut orders::Receiver) -> End {
        let (mut stop_at, began) = (None, Instant::now());
        loop {
            let beat = self.beat_due(exchange);
            tokio::select! {
                event = self.connection.next() => match event {
                    Ok(event) => self.on(event, exchange).await,
                    Err(end) => return end.into(),
                },
                order = orders.recv() => match order {
                    Some(order) => exchange.take(Instant::now(), order),
                    None => return End::Stopped,
                },
                () = sleep_until(stop_at.unwrap_or_else(Instant::now).into()), if stop_at.is_some() => {
                    return End::Stopped;
                }
                () = sleep_until(beat.into()) => if let Err(end) = self.beat(exchange).await {
                    return end;
                },
            }
            let own = self.connection.local_address();
            let moved = if self.up { exchange.changes.leave(own) } else { exchange.changes.restart(began.elapsed()) };
            if let Some(end) = moved {
                return end;
            }
            if self.up {
                if exchange.changes.clock_was_set() {
                    self.renewal.clock_was_set(Instant::now());
                }
                self.flush(exchange);
            }
            if exchange.stopping.is_some() {
                if !self.up || exchange.outbox.is_settled() {
                    return End::Stopped;
                }
                stop_at.get_or_insert_with(|| Instant::now() + LAST_WORDS);
            }
        }
    }

    async fn on(&mut self, event: Event, exchange: &mut Exchange) {
        match event {
            Event::Trying(broker) => exchange.board.at(broker.as_str()),
            Event::Up => {
                self.up = true;
                exchange.board.enter(State::Up);
                exchange.logged_in(Instant::now(), self.mqtt.address(), Vec::new()).await;
                if let Some(rang) = exchange.rang.take() {
                    self.ring_on(*rang);
                }
            }
            Event::Heard(opened) => exchange.hear(Instant::now(), opened.from, &opened.id, opened.message).await,
            Event::NotUnderstood { error, .. } => exchange.not_understood(Instant::now(), error),
            Event::Presence { user, device, online } => exchange.present(Instant::now(), user, device, online).await,
            Event::Watching => {}
            Event::Acknowledged { id, call, outcome } => {
                let result = outcome.result();
                let is_settled = exchange.acknowledged(Instant::now(), &id, result.is_none());
                if let Some((code, text)) = result.filter(|_| !is_settled) {
                    exchange.fared(Some(id), code, call, text).await;
                }
            }
        }
    }

    fn ring_on(&mut self, Rang { from, message, since }: Rang) {
        let id = "rang".parse().expect("four letters are an envelope id");
        self.connection.give_again(since, Opened { from, to: self.mqtt.address().into(), id, message });
    }

    /// A ticket is renewed when nothing is under way.
    fn beat_due(&self, exchange: &Exchange) -> Instant {
        let renewal = self.renewal.due().filter(|_| self.up && exchange.outbox.is_settled());
        renewal.map_or(exchange.beat_due(), |at| at.min(exchange.beat_due()))
    }

    async fn beat(&mut self, exchange: &mut Exchange) -> Result<(), End> {
        let now = Instant::now();
        exchange.beat(now).await;
        if self.up && self.renewal.is_due(now) && exchange.outbox.is_settled() {
            match self.mqtt.settings.fresh_ticket().await {
                Ok(ticket) if self.renewal.is_newer(now, &ticket) => return Err(End::Renew),
                Ok(_) => tracing::warn!("the ticket runs out soon, and there is no newer one"),
                Err(error) => {
                    self.renewal.is_newer(now, "");
                    tracing::warn!(error, "the ticket runs out soon");
                }
            }
        }
        Ok(())
    }

    /// Hands out what waits, as far as there is room.
    fn flush(&mut self, exchange: &mut Exchange) {
        while let Some(users) = exchange.next_watch() {
            self.connection.watch(users);
        }
        while self.connection.has_room() {
            let Some(envelope) = exchange.next_envelope(Instant::now()) else { return };
            if self.connection.publish(envelope).is_some() {
                // Only messages for peers come here, and there is room.
                tracing::error!("a message without a receiver is not sent");
            }
        }
    }
}
