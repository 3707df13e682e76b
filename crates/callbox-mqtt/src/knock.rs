//! Knocking at a broker: would it let us in? A client id of its own, no session and no last will, so nobody notices.

use std::time::Duration;

use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, Disconnect, DisconnectReasonCode, Packet};
use tokio::time::timeout;

use crate::broker::BrokerUrl;
use crate::options;
use crate::tls::Tls;
use crate::topic::Party;
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

/// Knocks at a broker, in the name of a user.
pub async fn knock(party: &Party, broker: &BrokerUrl, tls: Option<&Tls>, password: &str) -> Knocked {
    let client_id = format!("{party}/knock-{}", std::process::id());
    let mut wire = match Wire::open(broker, tls, options::probe(client_id, party, password)).await {
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
            "not authorized: the account is unknown or has another ticket, or it is bound to its \
            client id, which only the daemon uses (`callbox ctl status` says whether it is logged in)"
                .to_owned()
        }
        code => format!("{code:?}"),
    }
}
