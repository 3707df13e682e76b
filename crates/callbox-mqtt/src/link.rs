//! One network connection to one broker: packets out, packets in, what was acknowledged, and whether the broker still lives.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use callbox_core::ids::{CallId, EnvelopeId};
use futures_util::stream::StreamExt;
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, Packet, PubAck, PublishProperties};
use rumqttc::v5::{AsyncClient, ClientError, ConnectionError, Event, MqttOptions};
use tokio::time::{sleep_until, timeout};

use crate::events::{self, Events};
use crate::options::SETUP;

/// How many requests fit between us and the client: a window of messages, presence, and no longer watching as many as may be watched.
const REQUESTS: usize = 320;
/// How long a good-bye waits for the broker to hang up.
const GOODBYE: Duration = Duration::from_millis(300);
/// The client gives up connecting a little earlier by itself.
const SLACK: Duration = Duration::from_secs(2);

/// What a message of ours is known by until it is acknowledged.
pub(crate) type Name = (EnvelopeId, Option<CallId>);

/// What ends a connection.
#[derive(Debug)]
pub(crate) enum Failure {
    Client(Box<ConnectionError>),
    Ended,
    Silent(Duration),
}

/// One network connection.
pub(crate) struct Link {
    client: AsyncClient,
    events: Events,
    /// Messages handed to the client that have no packet id yet; none: no message of a call.
    handed: VecDeque<Option<Name>>,
    /// Messages that the broker has not acknowledged yet.
    unacknowledged: HashMap<u16, Option<Name>>,
    heard_at: Instant,
    allowed_silence: Duration,
}

impl Link {
    pub(crate) fn open(options: MqttOptions) -> Self {
        let (client, eventloop) = AsyncClient::new(options, REQUESTS);
        Self {
            client,
            events: events::of(eventloop),
            handed: VecDeque::new(),
            unacknowledged: HashMap::new(),
            heard_at: Instant::now(),
            allowed_silence: SETUP + SLACK,
        }
    }

    /// The next packet. Loses nothing when dropped unfinished.
    pub(crate) async fn next(&mut self) -> Result<Packet, Failure> {
        loop {
            let event = tokio::select! {
                event = self.events.next() => event,
                () = sleep_until((self.heard_at + self.allowed_silence).into()) => {
                    return Err(Failure::Silent(self.allowed_silence));
                }
            };
            match event {
                Some(Ok(Event::Outgoing(Outgoing::Publish(packet)))) if packet != 0 => {
                    if let Some(message) = self.handed.pop_front() {
                        self.unacknowledged.insert(packet, message);
                    }
                }
                Some(Ok(Event::Outgoing(_))) => {}
                Some(Ok(Event::Incoming(packet))) => {
                    self.heard_at = Instant::now();
                    return Ok(packet);
                }
                Some(Err(error)) => return Err(Failure::Client(Box::new(error))),
                None => return Err(Failure::Ended),
            }
        }
    }

    /// From now on silence is measured by this keep-alive.
    pub(crate) fn beats(&mut self, keep_alive: Duration) {
        self.allowed_silence = keep_alive.max(SLACK) * 5 / 2;
    }

    pub(crate) fn heard_at(&self) -> Instant {
        self.heard_at
    }

    /// How many messages are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.handed.len() + self.unacknowledged.len()
    }

    /// Hands a message out. With quality of service 0 nobody acknowledges it.
    pub(crate) fn publish(
        &mut self,
        topic: String,
        (quality, expiry): (QoS, u32),
        retain: bool,
        payload: String,
        name: Option<Name>,
    ) {
        let properties = PublishProperties {
            payload_format_indicator: Some(1),
            message_expiry_interval: Some(expiry),
            ..PublishProperties::default()
        };
        requested(self.client.try_publish_with_properties(topic, quality, retain, payload, properties));
        if quality != QoS::AtMostOnce {
            self.handed.push_back(name);
        }
    }

    /// Which message of a call this acknowledges.
    pub(crate) fn acknowledged(&mut self, answer: &PubAck) -> Option<Name> {
        self.unacknowledged.remove(&answer.pkid).flatten()
    }

    pub(crate) fn subscribe(&self, filters: Vec<Filter>) {
        requested(self.client.try_subscribe_many(filters));
    }

    pub(crate) fn unsubscribe(&self, filter: String) {
        requested(self.client.try_unsubscribe(filter));
    }

    /// Empties a retained topic and says good-bye, so that the broker does not tell our last will.
    pub(crate) async fn close(mut self, retained: String) {
        requested(self.client.try_publish(retained, QoS::AtLeastOnce, true, ""));
        requested(self.client.try_disconnect());
        // The broker hangs up when it has read all of it; were we the first, some of it might be lost.
        let hung_up = async { while let Some(Ok(_)) = self.events.next().await {} };
        if timeout(GOODBYE, hung_up).await.is_err() {
            tracing::debug!("the broker did not hang up in time");
        }
    }
}

fn requested(outcome: Result<(), ClientError>) {
    if outcome.is_err() {
        tracing::error!(waiting = REQUESTS, "the MQTT client takes no requests: dropped");
    }
}
