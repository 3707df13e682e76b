//! One network connection to one broker: packets out, packets in, what was acknowledged, and whether the broker still lives.

use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::{Duration, Instant};

use callbox_core::ids::{CallId, EnvelopeId};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, Disconnect, DisconnectReasonCode, Filter, Packet, PingReq, PubAck, Publish, PublishProperties, Subscribe,
    Unsubscribe,
};
use tokio::time::{sleep_until, timeout};

use crate::broker::BrokerUrl;
use crate::options::{SETUP, WINDOW};
use crate::tls::Tls;
use crate::wire::{Failure, Wire};

/// How long a good-bye waits for the broker to hang up.
const GOODBYE: Duration = Duration::from_millis(300);
/// The shortest keep-alive that silence is measured by.
const SHORTEST: Duration = Duration::from_secs(2);

/// What a message of ours is known by until it is acknowledged.
pub(crate) type Name = (EnvelopeId, Option<CallId>);

type Opening = Pin<Box<dyn Future<Output = Result<(Wire, ConnAck), Failure>> + Send>>;

/// How far the connection is.
enum Stage {
    Opening(Opening),
    Open(Wire),
}

/// One network connection.
pub(crate) struct Link {
    stage: Stage,
    /// Messages that the broker has not acknowledged yet, by packet id. None: no message of a call.
    unacknowledged: HashMap<u16, Option<Name>>,
    last_id: u16,
    /// How many of them the broker takes at once.
    window: usize,
    heard_at: Instant,
    keep_alive: Duration,
    ping_at: Option<Instant>,
    /// The last ping left then.
    asked_at: Option<Instant>,
}

impl Link {
    /// Begins to connect; `connect` is the first packet.
    pub(crate) fn open(broker: BrokerUrl, tls: Option<Tls>, connect: Packet) -> Self {
        Self {
            stage: Stage::Opening(Box::pin(async move { Wire::open(&broker, tls.as_ref(), connect).await })),
            unacknowledged: HashMap::new(),
            last_id: 0,
            window: WINDOW,
            heard_at: Instant::now(),
            keep_alive: SETUP,
            ping_at: None,
            asked_at: None,
        }
    }

    /// The next packet. Loses nothing when dropped unfinished.
    pub(crate) async fn next(&mut self) -> Result<Packet, Failure> {
        loop {
            let ping_at = self.ping_at.unwrap_or(self.heard_at);
            let packet = match &mut self.stage {
                Stage::Opening(opening) => {
                    let (wire, answer) = opening.await?;
                    self.stage = Stage::Open(wire);
                    Packet::ConnAck(answer)
                }
                Stage::Open(wire) => tokio::select! {
                    packet = wire.next() => packet?,
                    () = sleep_until(ping_at.into()), if self.ping_at.is_some() => {
                        self.ping(Instant::now())?;
                        continue;
                    }
                },
            };
            self.heard_at = Instant::now();
            match &packet {
                // Subscriptions are of quality 0 and 1: nothing else comes in that wants an answer.
                Packet::Publish(message) if message.qos == QoS::AtLeastOnce => {
                    self.put(Packet::PubAck(PubAck::new(message.pkid, None)))?;
                }
                Packet::Disconnect(goodbye) => return Err(Failure::HungUp(goodbye.reason_code)),
                _ => {}
            }
            return Ok(packet);
        }
    }

    /// Asks for a sign of life. A broker that has sent nothing since it was asked the last time is gone.
    fn ping(&mut self, now: Instant) -> Result<(), Failure> {
        if self.asked_at.is_some_and(|asked_at| self.heard_at < asked_at) {
            return Err(Failure::Silent(now.saturating_duration_since(self.heard_at)));
        }
        self.asked_at = Some(now);
        self.ping_at = Some(now + self.keep_alive);
        self.put(Packet::PingReq(PingReq))
    }

    /// The broker's terms: how often a sign of life is asked for, and how many messages it takes at once.
    pub(crate) fn agree(&mut self, keep_alive: Duration, receive_maximum: Option<u16>) {
        self.keep_alive = keep_alive.max(SHORTEST);
        self.ping_at = Some(Instant::now() + self.keep_alive);
        self.window = receive_maximum.map_or(WINDOW, |most| WINDOW.min(most.into()));
    }

    pub(crate) fn heard_at(&self) -> Instant {
        self.heard_at
    }

    /// Our own address, once connected.
    pub(crate) fn local(&self) -> Option<IpAddr> {
        match &self.stage {
            Stage::Open(wire) => wire.local(),
            Stage::Opening(_) => None,
        }
    }

    /// Whether one more message may be handed out.
    pub(crate) fn has_room(&self) -> bool {
        self.unacknowledged.len() < self.window
    }

    /// Hands a message out. With quality of service 0 nobody acknowledges it.
    pub(crate) fn publish(
        &mut self,
        topic: String,
        (quality, expiry): (QoS, u32),
        payload: String,
        name: Name,
    ) -> Result<(), Failure> {
        let mut publish = Publish::new(topic, quality, payload, Some(expires(expiry)));
        let id = self.next_id();
        if quality == QoS::AtMostOnce {
            return self.put(Packet::Publish(publish));
        }
        publish.pkid = id;
        self.put(Packet::Publish(publish))?;
        self.unacknowledged.insert(id, Some(name));
        Ok(())
    }

    /// Leaves a text at a topic, for everybody who subscribes to it until it expires.
    pub(crate) fn retain(&mut self, topic: String, expiry: u32, payload: String) {
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload, Some(expires(expiry)));
        let id = self.next_id();
        (publish.retain, publish.pkid) = (true, id);
        self.request(Packet::Publish(publish));
        self.unacknowledged.insert(id, None);
    }

    /// Which message of a call this acknowledges.
    pub(crate) fn acknowledged(&mut self, answer: &PubAck) -> Option<Name> {
        self.unacknowledged.remove(&answer.pkid).flatten()
    }

    pub(crate) fn subscribe(&mut self, filters: Vec<Filter>) {
        let pkid = self.next_id();
        self.request(Packet::Subscribe(Subscribe { pkid, filters, properties: None }));
    }

    pub(crate) fn unsubscribe(&mut self, filters: Vec<String>) {
        let pkid = self.next_id();
        self.request(Packet::Unsubscribe(Unsubscribe { pkid, filters, properties: None }));
    }

    /// Empties a retained topic and says good-bye, so that the broker does not tell our last will.
    pub(crate) async fn close(mut self, retained: String) {
        let mut empty = Publish::new(retained, QoS::AtLeastOnce, "", None);
        (empty.retain, empty.pkid) = (true, self.next_id());
        let goodbye = Disconnect::new(DisconnectReasonCode::NormalDisconnection);
        let said = self.put(Packet::Publish(empty)).and_then(|()| self.put(Packet::Disconnect(goodbye)));
        let Stage::Open(mut wire) = self.stage else { return };
        if let Err(error) = said {
            return tracing::debug!(%error, "no good-bye");
        }
        // The broker hangs up when it has read all of it; were we the first, some of it might be lost.
        let hung_up = async { while wire.next().await.is_ok() {} };
        if timeout(GOODBYE, hung_up).await.is_err() {
            tracing::debug!("the broker did not hang up in time");
        }
    }

    /// Hands out what nobody waits for. Only a broker that takes almost nothing makes it fail.
    fn request(&mut self, packet: Packet) {
        if let Err(error) = self.put(packet) {
            tracing::error!(%error, "a request to the broker is not sent");
        }
    }

    fn put(&mut self, packet: Packet) -> Result<(), Failure> {
        match &mut self.stage {
            Stage::Open(wire) => wire.put(packet),
            // `Connection` hands nothing out before the broker has greeted it.
            Stage::Opening(_) => Err(Failure::Ended),
        }
    }

    /// An id that no message on its way has.
    fn next_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if !self.unacknowledged.contains_key(&self.last_id) {
                return self.last_id;
            }
        }
    }
}

fn expires(seconds: u32) -> PublishProperties {
    PublishProperties {
        payload_format_indicator: Some(1),
        message_expiry_interval: Some(seconds),
        ..PublishProperties::default()
    }
}
