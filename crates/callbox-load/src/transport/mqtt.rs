//! An MQTT 5 broker, spoken to with the package that panels use. Plain `mqtt://` only: what is measured is the broker, not TLS.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use callbox_core::ids::{Address, IdSource, Target, UserId};
use callbox_core::protocol::{Envelope, Message};
use callbox_mqtt::{Account, BadBroker, BrokerUrl, Brokers, Connection, End, Event, Opened};
use tokio::time::timeout;

use super::{Heard, Login, Lost, Transport, Wire};
use crate::tally::Tally;

/// Connecting, logging in and subscribing take at most this long.
const SETUP: Duration = Duration::from_secs(14);
/// As panels have it.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A station that has more to say than this while the broker acknowledges nothing is not heard any more.
const WAITING: usize = 128;

/// Why an address is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// No address of a broker.
    #[error(transparent)]
    NotABroker(#[from] BadBroker),
    /// With TLS.
    #[error("`{url}`: only mqtt:// is spoken here, so that a broker is measured and not its TLS")]
    Secure {
        /// What was found.
        url: String,
    },
}

/// One broker.
#[derive(Clone, Debug)]
pub struct Mqtt {
    brokers: Arc<Brokers>,
    tally: Arc<Tally>,
}

impl Mqtt {
    /// The broker at this address.
    ///
    /// # Errors
    /// [`BadUrl`].
    pub fn new(url: &str, tally: Arc<Tally>) -> Result<Self, BadUrl> {
        let broker: BrokerUrl = url.parse()?;
        if broker.is_secure() {
            return Err(BadUrl::Secure { url: url.to_owned() });
        }
        let brokers = Brokers {
            urls: vec![broker],
            ca_file: None,
            identity: None,
            keep_alive: KEEP_ALIVE,
            account: Account::User,
        };
        Ok(Self { brokers: Arc::new(brokers), tally })
    }
}

impl Transport for Mqtt {
    type Wire = Session;

    async fn connect(&self, login: &Login) -> Result<Session, Lost> {
        let me = Address { user: login.user.clone(), device: login.device.clone() };
        let who = callbox_mqtt::Login { app: login.app, address: me.clone(), speaker: None };
        let connection = Connection::open(who, self.brokers.clone(), None, login.ticket.as_str(), false)
            .map_err(|end| Lost::Connect(end.to_string()))?;
        let ids = IdSource::new(std::array::from_fn(|_| fastrand::u8(..)));
        let mut session = Session { connection, me, ids, waiting: VecDeque::new(), tally: self.tally.clone() };
        timeout(SETUP, session.comes_up())
            .await
            .map_err(|_| Lost::Connect(format!("not logged in within {SETUP:?}")))?
            .map_err(|end| Lost::Connect(end.to_string()))?;
        Ok(session)
    }
}

/// One device's session.
pub struct Session {
    connection: Connection,
    me: Address,
    ids: IdSource,
    /// What the connection has no room for yet.
    waiting: VecDeque<Envelope>,
    tally: Arc<Tally>,
}

impl Session {
    async fn comes_up(&mut self) -> Result<(), End> {
        while self.connection.next().await? != Event::Up {}
        Ok(())
    }

    /// Hands out what waits, as far as there is room.
    fn hand_out(&mut self) {
        while let Some(envelope) = self.waiting.pop_front() {
            if let Some(back) = self.connection.publish(envelope) {
                return self.waiting.push_front(back);
            }
        }
    }

    /// As it was on the wire: there is one way to write an envelope.
    fn count(&self, Opened { from, to, id, message }: Opened) -> Heard {
        let envelope = Envelope { id, from: Some(from.clone()), to: Some(to), message };
        self.tally.heard(envelope.encode().len());
        Heard::Message { id: envelope.id, from, message: envelope.message }
    }
}

impl Wire for Session {
    async fn hear(&mut self) -> Result<Heard, Lost> {
        loop {
            self.hand_out();
            match self.connection.next().await.map_err(|end| Lost::Broken(end.to_string()))? {
                Event::Heard(opened) => return Ok(self.count(opened)),
                Event::NotUnderstood { error, .. } => return Err(Lost::Garbled(error.to_string())),
                Event::Presence { user, device, online } => {
                    return Ok(Heard::Presence { peer: Address { user, device }, online });
                }
                Event::Acknowledged { outcome, .. } => {
                    if let Some((code, text)) = outcome.result() {
                        return Ok(Heard::Refused { code, text });
                    }
                }
                Event::Trying(_) | Event::Up | Event::Watching => {}
            }
        }
    }

    async fn say(&mut self, to: Target, message: Message) -> Result<(), Lost> {
        if self.waiting.len() >= WAITING {
            return Err(Lost::Broken(format!("{WAITING} messages wait to be acknowledged")));
        }
        let envelope = Envelope { id: self.ids.envelope(), from: Some(self.me.clone()), to: Some(to), message };
        self.tally.sent(envelope.encode().len());
        self.waiting.push_back(envelope);
        Ok(())
    }

    async fn watch(&mut self, users: Vec<UserId>) -> Result<(), Lost> {
        self.connection.watch(users);
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Lost> {
        self.hand_out();
        Ok(())
    }

    async fn close(self) {
        self.connection.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_addresses_of_brokers_are_taken() {
        let of = |url: &str| Mqtt::new(url, Arc::default()).map(|mqtt| mqtt.brokers.urls[0].as_str().to_owned());
        assert_eq!(of("mqtt://127.0.0.1:1883").unwrap(), "mqtt://127.0.0.1:1883");
        assert!(matches!(of("mqtts://broker.example"), Err(BadUrl::Secure { .. })));
        assert!(matches!(of("mqtt://"), Err(BadUrl::NotABroker(_))));
    }
}
