//! Why a connection ended, for whoever holds it.

use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, DisconnectReasonCode};

use crate::topic::Party;
use crate::wire::Failure;

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

/// What a failure means. The flag: the session holds a packet that cannot be read.
pub(crate) fn of(failure: &Failure, me: &Party, connected: bool) -> (End, bool) {
    let end = match failure {
        Failure::Refused(
            code @ (ConnectReturnCode::BadUserNamePassword
            | ConnectReturnCode::NotAuthorized
            | ConnectReturnCode::Banned
            | ConnectReturnCode::ClientIdentifierNotValid),
        ) => End::Refused(format!("the broker does not let {me} in: {code:?}")),
        Failure::HungUp(DisconnectReasonCode::SessionTakenOver) => End::TakenOver,
        Failure::Packet(error) if connected => {
            tracing::error!(%error, "the broker's packet cannot be read: beginning a new session");
            return (End::Lost(format!("unreadable packet: {error}")), true);
        }
        failure if connected => End::Lost(failure.to_string()),
        failure => End::Lost(format!("cannot connect: {failure}")),
    };
    (end, false)
}
