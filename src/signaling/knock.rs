//! Knocking at the servers: are they there, and would they let us in? No hub logs anybody in by it, so a running daemon keeps its
//! session and no missed call is told to the wrong ear. A broker is knocked at with the client id of the device: only while no daemon
//! runs.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use callbox_core::ids::{Address, DeviceId};
use callbox_core::protocol::{Agent, Envelope, Message};
use callbox_mqtt::{Brokers, Knocked, Login, Tls};
use futures_util::{SinkExt, StreamExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::handshake::{self, Opened};
use super::{HubUrl, Server, Settings};

/// How long connecting, and then an answer, may take.
const STEP: Duration = Duration::from_secs(6);
/// A device name that no hub lets in. It looks at the ticket first, and says what is wrong with it (docs/protocol.md, 2).
const NOBODY: &str = "hub";

/// How a server received us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knock {
    /// Its address.
    pub url: String,
    /// Whether it would let us in.
    pub entry: Entry,
    /// What time it is there, where it tells.
    pub clock: Option<SystemTime>,
    /// Addresses of its name that do not answer: each costs every connection a quarter of a second.
    pub silent: Vec<SocketAddr>,
}

/// Whether a server would let us in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// It would.
    Open,
    /// It is there; we had no ticket to show.
    NoTicket,
    /// It is there and will not.
    Refused {
        /// The ticket's error code.
        code: Option<u32>,
        /// For a person.
        text: String,
    },
    /// It was not reached: name, connection, TLS or handshake.
    Unreached(String),
}

/// Knocks at the hub, or at every broker.
pub async fn knock(settings: &Settings) -> Vec<Knock> {
    let ticket = settings.ticket.ticket(settings.app, &settings.user).ok();
    match &settings.server {
        Server::Hub(url) => vec![at_hub(settings, url, ticket).await],
        Server::Brokers(brokers) => at_brokers(settings, brokers, ticket.as_deref()).await,
    }
}

async fn at_brokers(settings: &Settings, brokers: &Brokers, ticket: Option<&str>) -> Vec<Knock> {
    let address = Address { user: settings.user.clone(), device: settings.device.clone() };
    let login = Login { app: settings.app, address, speaker: None };
    let asked = (&login, brokers.account);
    let tls = Tls::load(brokers);
    let mut knocks = Vec::new();
    for broker in &brokers.urls {
        let entry = match &tls {
            Err(error) => Entry::Unreached(format!("TLS: {error}")),
            Ok(tls) => match callbox_mqtt::knock(asked, broker, tls.as_ref(), ticket.unwrap_or_default()).await {
                Knocked::Open => Entry::Open,
                Knocked::Refused(_) if ticket.is_none() => Entry::NoTicket,
                Knocked::Refused(text) => Entry::Refused { code: None, text },
                Knocked::Unreached(error) => Entry::Unreached(error),
            },
        };
        knocks.push(Knock { url: broker.as_str().to_owned(), entry, clock: None, silent: Vec::new() });
    }
    knocks
}

async fn at_hub(settings: &Settings, url: &HubUrl, ticket: Option<String>) -> Knock {
    let knock = |entry, clock, silent| Knock { url: url.as_str().to_owned(), entry, clock, silent };
    let opened = handshake::open(url, WebSocketConfig::default(), STEP).await;
    let Opened { socket, response, passed_over } = match opened {
        Ok(opened) => opened,
        Err(reason) => return knock(Entry::Unreached(reason), None, Vec::new()),
    };
    let date = response.headers().get("date").and_then(|date| date.to_str().ok());
    let clock = date.and_then(|date| httpdate::parse_http_date(date).ok());
    let Some(ticket) = ticket else { return knock(Entry::NoTicket, clock, passed_over) };
    let (mut sink, mut stream) = socket.split();
    let answer = async {
        sink.send(Frame::text(login(settings, ticket))).await.map_err(|error| error.to_string())?;
        while let Some(frame) = stream.next().await {
            let envelope = match frame.map_err(|error| error.to_string())? {
                Frame::Text(text) => Envelope::decode(text.as_bytes()),
                Frame::Binary(bytes) => Envelope::decode(&bytes),
                _ => continue,
            };
            match envelope.map_err(|error| error.to_string())?.message {
                Message::Welcome { .. } => return Ok(Entry::Open),
                Message::Bye { code: None, text, retry_ms, .. } if is_about_name(&text, retry_ms) => {
                    return Ok(Entry::Open);
                }
                Message::Bye { code, text, .. } => return Ok(Entry::Refused { code, text }),
                _ => {}
            }
        }
        Err("it hangs up without a word".to_owned())
    };
    let entry = match timeout(STEP, answer).await {
        Ok(Ok(entry)) => entry,
        Ok(Err(error)) => Entry::Unreached(error),
        Err(_) => Entry::Unreached("it says nothing to a login: is it a hub?".to_owned()),
    };
    knock(entry, clock, passed_over)
}

/// Whether a refusal without a code is of the name that no hub lets in, and not one that passes by itself: a hub that is full, or
/// that has been asked too often.
fn is_about_name(text: &str, retry_ms: Option<u32>) -> bool {
    retry_ms.is_none() || text.contains(&format!("`{NOBODY}`"))
}

fn login(settings: &Settings, ticket: String) -> String {
    let (app, user) = (settings.app, settings.user.clone());
    let device: DeviceId = NOBODY.parse().expect("three letters are a device name");
    let message = Message::Login { app, user, device, ticket, agent: Agent::Panel };
    let id = "knock".parse().expect("five letters are an id");
    Envelope { id, from: None, to: None, message }.encode()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_hub_is_not_taken_for_one_that_lets_us_in() {
        assert!(is_about_name("the device name `hub` is the hub's own: choose another", Some(5000)));
        assert!(is_about_name("no", None));
        assert!(!is_about_name("the hub has as many devices as it may: try again later", Some(5000)));
    }
}
