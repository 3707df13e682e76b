//! How a connection is asked for: client id, session, last will, TLS.

use std::time::Duration;

use callbox_core::ids::{Address, AppId};
use callbox_core::protocol::MAX_BYTES;
use rumqttc::v5::MqttOptions;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectProperties, LastWill, LastWillProperties};
use rumqttc::{NetworkOptions, TlsConfiguration, Transport};

use crate::broker::BrokerUrl;
use crate::tls::Tls;
use crate::topic::{self, Party};

/// How long the broker keeps our session, and what waits in it, while we are away.
const SESSION: u32 = 24 * 60 * 60;
/// How long the broker waits before it tells that we are gone: a reconnect in time is noticed by nobody.
const WILL_DELAY: u32 = 5;
/// How many messages the broker may have under way to us.
const RECEIVE_MAXIMUM: u16 = 32;
/// How many of ours may be under way to the broker.
pub(crate) const WINDOW: usize = 16;
/// How long connecting to one broker, and logging in there, may take.
pub(crate) const SETUP: Duration = Duration::from_secs(5);
const MAX_PACKET: u32 = 2 * MAX_BYTES as u32;

/// Who logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The tenant.
    pub app: AppId,
    /// The user and its device; stable over restarts.
    pub address: Address,
    /// The MQTT user name where it is not the user's own: that of a gateway, which the broker lets speak for everybody.
    pub speaker: Option<String>,
}

impl Login {
    /// The user as MQTT names it.
    pub fn party(&self) -> Party {
        Party { user: self.address.user.clone(), app: self.app }
    }

    fn name(&self) -> String {
        self.speaker.clone().unwrap_or_else(|| self.party().to_string())
    }

    pub(crate) fn presence_topic(&self) -> String {
        topic::presence(&self.party(), &self.address.device)
    }
}

/// The options of one connection; `gone` is what the broker tells of us when we vanish.
pub(crate) fn of(
    login: &Login,
    (broker, keep_alive): (&BrokerUrl, Duration),
    tls: Option<&Tls>,
    (password, clean_start): (&str, bool),
    gone: String,
) -> MqttOptions {
    let client_id = format!("{}/{}", login.party(), login.address.device);
    let mut options = basics(client_id, broker, tls);
    let will = LastWillProperties {
        delay_interval: Some(WILL_DELAY),
        payload_format_indicator: Some(1),
        message_expiry_interval: None,
        content_type: None,
        response_topic: None,
        correlation_data: None,
        user_properties: Vec::new(),
    };
    options
        .set_keep_alive(keep_alive)
        .set_credentials(login.name(), password)
        .set_clean_start(clean_start)
        .set_outgoing_inflight_upper_limit(WINDOW as u16 + 4)
        .set_last_will(LastWill::new(login.presence_topic(), gone, QoS::AtLeastOnce, true, Some(will)))
        .set_connect_properties(ConnectProperties {
            session_expiry_interval: Some(SESSION),
            receive_maximum: Some(RECEIVE_MAXIMUM),
            max_packet_size: Some(MAX_PACKET),
            ..ConnectProperties::new()
        });
    options
}

/// What every connection has.
pub(crate) fn basics(client_id: String, broker: &BrokerUrl, tls: Option<&Tls>) -> MqttOptions {
    let mut options = MqttOptions::new(client_id, broker.host(), broker.port());
    if let Some(Tls(config)) = tls.filter(|_| broker.is_secure()) {
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(config.clone())));
    }
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options.set_network_options(network).set_connection_timeout(SETUP.as_secs());
    options
}
