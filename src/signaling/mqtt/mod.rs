//! The MQTT 5 transport: find a broker that answers, keep a session there, carry envelopes both ways, come back.
//!
//! A broker knows nothing of calls. What a hub does for a device is done here with MQTT's own means: the topic proves the sender,
//! message expiry is an invite's remaining time, the persistent session keeps invites for who is away, retained messages
//! and the last will are presence.

mod broker;
mod burst;
mod delivery;
mod events;
mod options;
mod renewal;
mod topic;
mod wire;

use callbox_core::ids::Address;
use callbox_core::protocol::{Envelope, Message};
use rumqttc::v5::AsyncClient;
use tokio::sync::mpsc;

use super::backoff::Backoff;
use super::exchange::Exchange;
use super::keep::{End, Transport};
use super::{Order, Settings};

pub use broker::{BadBroker, BrokerUrl, Brokers, Identity};

use topic::Party;
use wire::Wire;

/// Two minutes of attempts at most 4 s apart, then up to 15 s.
const HOPEFUL: u32 = 40;

/// A connection to one of several brokers.
pub(super) struct Mqtt {
    settings: Settings,
    brokers: Brokers,
    me: Party,
    /// The session holds something that cannot be read and would come again for ever: begin a new one.
    clean_start: bool,
}

impl Transport for Mqtt {
    fn backoff(&self) -> Backoff {
        Backoff::hopeful(HOPEFUL)
    }

    async fn session(&mut self, exchange: &mut Exchange, orders: &mut mpsc::Receiver<Order>) -> End {
        let ticket = match self.settings.ticket.ticket(self.settings.app, &self.settings.user) {
            Ok(ticket) => ticket,
            Err(error) => return End::NoTicket(error.to_string()),
        };
        let mut reasons = Vec::new();
        for broker in self.brokers.urls.clone() {
            exchange.board.at(broker.as_str());
            let gone = self.presence(exchange, false);
            let options = match self.options(&broker, &ticket, gone, self.clean_start) {
                Ok(options) => options,
                Err(error) => return End::Lost(format!("TLS: {error}")),
            };
            let (client, eventloop) = AsyncClient::new(options, wire::REQUESTS);
            let mut wire = Wire::new(self, &ticket, client, eventloop);
            let end = wire.carry(exchange, orders).await;
            let (was_connected, is_poisoned) = (wire.was_connected(), wire.is_poisoned());
            drop(wire);
            self.clean_start = is_poisoned;
            match end {
                End::Lost(reason) if !was_connected && self.brokers.urls.len() == 1 => reasons.push(reason),
                End::Lost(reason) if !was_connected => reasons.push(format!("{}: {reason}", broker.as_str())),
                end => return end,
            }
        }
        End::Lost(reasons.join("; "))
    }
}

impl Mqtt {
    pub(super) fn new(settings: Settings, brokers: Brokers) -> Self {
        let me = Party { user: settings.user.clone(), app: settings.app };
        Self { settings, brokers, me, clean_start: false }
    }

    fn address(&self) -> Address {
        Address { user: self.settings.user.clone(), device: self.settings.device.clone() }
    }

    fn presence_topic(&self) -> String {
        topic::presence(&self.me, &self.settings.device)
    }

    /// What the presence topic says of us.
    fn presence(&self, exchange: &mut Exchange, online: bool) -> String {
        let Address { user, device } = self.address();
        let said = exchange.envelope(Message::Presence { user, device: Some(device), online });
        Envelope { from: Some(self.address()), ..said }.encode()
    }
}
