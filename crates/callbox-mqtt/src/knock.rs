//! Knocking at a broker: would it let us in? With the device's own client id, since brokers bind accounts to it: a connection of the
//! device that stands would be closed by it. There is no last will and nothing is acknowledged, so that what waits goes on waiting.

use std::time::Duration;

use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, Disconnect, DisconnectReasonCode, Packet};
use tokio::time::timeout;

use crate::broker::{Account, BrokerUrl};
use crate::options::{self, Login};
use crate::tls::Tls;
use crate::wire::{Failure, Wire};

/// How long a broker may take to close the connection afterwards.
const GOODBYE: Duration = Duration::from_secs(1);

/// How a broker received us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Knocked {
    /// It let us in.
    Open,
    /// It is there and will not, for this reason.
    Refused(String),
    /// It was not reached: name, connection, TLS or handshake.
    Unreached(String),
}

/// Knocks at a broker as this device, which must not be connected.
pub async fn knock(
    (login, account): (&Login, Account),
    broker: &BrokerUrl,
    tls: Option<&Tls>,
    password: &str,
) -> Knocked {
    let mut wire = match Wire::open(broker, tls, options::probe(login, account, password)).await {
        Ok((wire, _)) => wire,
        Err(Failure::Refused(code)) => return Knocked::Refused(text_of(code)),
        Err(failure) => return Knocked::Unreached(failure.to_string()),
    };
    let goodbye = Packet::Disconnect(Disconnect::new(DisconnectReasonCode::NormalDisconnection));
    if wire.put(goodbye).is_ok() {
        // It ends with the connection; a broker that holds it open is left alone.
        let _left = timeout(GOODBYE, async { while wire.next().await.is_ok() {} }).await;
    }
    Knocked::Open
}

fn text_of(code: ConnectReturnCode) -> String {
    match code {
        ConnectReturnCode::BadUserNamePassword => "wrong user name or password".to_owned(),
        // The two cannot be told apart from outside.
        ConnectReturnCode::NotAuthorized => {
            "not authorized: the account is unknown, has another ticket, or is bound to another client id".to_owned()
        }
        code => format!("{code:?}"),
    }
}
