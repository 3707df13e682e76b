//! Why a connection ended, from what the MQTT client says of it.

use rumqttc::v5::mqttbytes::Error as PacketError;
use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, DisconnectReasonCode};
use rumqttc::v5::{ConnectionError, StateError};

use crate::topic::Party;

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum End {
    /// It broke, or none of the brokers answered.
    #[error("{0}")]
    Lost(String),
    /// A broker does not let us in, or not read what is ours: asking again soon does not help.
    #[error("{0}")]
    Refused(String),
    /// The same device logged in elsewhere: do not fight for the session.
    #[error("session taken over")]
    TakenOver,
}

/// What the client's error means. The flag: the session holds a packet that cannot be read.
pub(crate) fn of(error: &ConnectionError, me: &Party, connected: bool) -> (End, bool) {
    let end = match error {
        ConnectionError::ConnectionRefused(
            code @ (ConnectReturnCode::BadUserNamePassword
            | ConnectReturnCode::NotAuthorized
            | ConnectReturnCode::Banned
            | ConnectReturnCode::ClientIdentifierNotValid),
        ) => End::Refused(format!("the broker does not let {me} in: {code:?}")),
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => match reason_code {
            DisconnectReasonCode::SessionTakenOver => End::TakenOver,
            reason => End::Lost(format!("the broker hung up: {reason:?}")),
        },
        ConnectionError::MqttState(StateError::Deserialization(error)) if connected && is_unreadable(error) => {
            tracing::error!(%error, "the broker's packet cannot be read: beginning a new session");
            return (End::Lost(format!("unreadable packet: {error}")), true);
        }
        ConnectionError::MqttState(StateError::Deserialization(error)) => End::Lost(error.to_string()),
        error if connected => End::Lost(error.to_string()),
        error => End::Lost(format!("cannot connect: {error}")),
    };
    (end, false)
}

/// Whether it is the packet that is wrong; the client reports a broken connection in the same way.
fn is_unreadable(error: &PacketError) -> bool {
    !matches!(error, PacketError::Io(_) | PacketError::OutgoingPacketTooLarge { .. })
}
