//! Knocking at a broker: would it let us in? A client id of its own, no session and no last will, so nobody notices.

use std::time::Duration;

use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, Packet};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop};
use tokio::time::timeout;

use crate::broker::BrokerUrl;
use crate::options::{self, SETUP};
use crate::tls::Tls;
use crate::topic::Party;

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
    let mut options = options::basics(client_id, broker, tls);
    options.set_credentials(party.to_string(), password).set_clean_start(true);
    let (client, mut events) = AsyncClient::new(options, 4);
    let knocked = match timeout(SETUP, first_answer(&mut events)).await {
        Ok(Ok(())) => Knocked::Open,
        Ok(Err(ConnectionError::ConnectionRefused(code))) => Knocked::Refused(text_of(code)),
        Ok(Err(error)) => Knocked::Unreached(error.to_string()),
        Err(_) => Knocked::Unreached(format!("no answer in {} s", SETUP.as_secs())),
    };
    if knocked == Knocked::Open && client.try_disconnect().is_ok() {
        // It ends with the connection; a broker that holds it open is left alone.
        let _left = timeout(GOODBYE, async { while events.poll().await.is_ok() {} }).await;
    }
    knocked
}

async fn first_answer(events: &mut EventLoop) -> Result<(), ConnectionError> {
    loop {
        if let Event::Incoming(Packet::ConnAck(_)) = events.poll().await? {
            return Ok(());
        }
    }
}

fn text_of(code: ConnectReturnCode) -> String {
    match code {
        ConnectReturnCode::BadUserNamePassword => "wrong user name or password".to_owned(),
        ConnectReturnCode::NotAuthorized => "not authorized".to_owned(),
        code => format!("{code:?}"),
    }
}
