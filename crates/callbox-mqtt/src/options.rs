//! How a connection is asked for: client id, session, last will.

use std::time::Duration;

use callbox_core::ids::{Address, AppId};
use callbox_core::protocol::MAX_BYTES;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    Connect, ConnectProperties, LastWill, LastWillProperties, Login as Credentials, Packet,
};

use crate::broker::Account;
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
/// The largest packet that is taken.
pub(crate) const MAX_PACKET: u32 = 2 * MAX_BYTES as u32;

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

    /// Names the session at the broker.
    fn client_id(&self) -> String {
        format!("{}/{}", self.party(), self.address.device)
    }

    fn name(&self, account: Account) -> String {
        match (&self.speaker, account) {
            (Some(speaker), _) => speaker.clone(),
            (None, Account::User) => self.party().to_string(),
            (None, Account::Device) => self.client_id(),
        }
    }

    pub(crate) fn presence_topic(&self) -> String {
        topic::presence(&self.party(), &self.address.device)
    }
}

/// The CONNECT of a device's session; `gone` is what the broker tells of us when we vanish.
pub(crate) fn connect(
    login: &Login,
    (keep_alive, account): (Duration, Account),
    (password, clean_start): (&str, bool),
    gone: String,
) -> Packet {
    let will = LastWillProperties {
        delay_interval: Some(WILL_DELAY),
        payload_format_indicator: Some(1),
        message_expiry_interval: None,
        content_type: None,
        response_topic: None,
        correlation_data: None,
        user_properties: Vec::new(),
    };
    let connect = Connect {
        keep_alive: u16::try_from(keep_alive.as_secs()).unwrap_or(u16::MAX),
        client_id: login.client_id(),
        clean_start,
        properties: Some(ConnectProperties {
            session_expiry_interval: Some(SESSION),
            receive_maximum: Some(RECEIVE_MAXIMUM),
            max_packet_size: Some(MAX_PACKET),
            ..ConnectProperties::new()
        }),
    };
    let will = LastWill::new(login.presence_topic(), gone, QoS::AtLeastOnce, true, Some(will));
    Packet::Connect(connect, Some(will), Some(Credentials::new(login.name(account), password)))
}

/// The CONNECT that only asks whether this device would be let in: no last will, and its session stays as it is with all that waits.
pub(crate) fn probe(login: &Login, account: Account, password: &str) -> Packet {
    let properties = ConnectProperties {
        session_expiry_interval: Some(SESSION),
        receive_maximum: Some(1),
        max_packet_size: Some(MAX_PACKET),
        ..ConnectProperties::new()
    };
    let connect =
        Connect { keep_alive: 0, client_id: login.client_id(), clean_start: false, properties: Some(properties) };
    Packet::Connect(connect, None, Some(Credentials::new(login.name(account), password)))
}
