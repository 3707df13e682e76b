//! A hub's WebSocket. Plain `ws://` only: what is measured is the hub, not a TLS proxy before it.

use std::sync::Arc;
use std::time::Duration;

use callbox_core::ids::{Address, EnvelopeId, IdSource, Target, UserId};
use callbox_core::protocol::{Envelope, MAX_BYTES, Message, ResultCode};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message as Frame};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::{Heard, Login, Lost, Transport, Wire};
use crate::tally::Tally;

/// Connecting takes at most this long, logging in likewise.
const SETUP: Duration = Duration::from_secs(7);
/// A write takes at most this long.
const WRITE: Duration = Duration::from_secs(5);
/// A goodbye takes at most this long.
const GOODBYE: Duration = Duration::from_secs(2);
/// Enough for most messages; grows with larger ones. The default of 128 KiB would be most of this program's memory.
const READ_BUFFER: usize = 4 * 1024;

/// Why an address is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// No URL.
    #[error("`{url}` is no URL: use ws://host:port/ws ({text})")]
    NotAUrl {
        /// What was found.
        url: String,
        /// What is wrong with it.
        text: String,
    },
    /// Another scheme.
    #[error("`{url}`: only ws:// is spoken here, so that a hub is measured and not a TLS proxy before it")]
    OtherScheme {
        /// What was found.
        url: String,
    },
}

/// One hub.
#[derive(Clone, Debug)]
pub struct WebSocket {
    url: String,
    host: String,
    port: u16,
    tally: Arc<Tally>,
}

impl WebSocket {
    /// The hub at this address.
    ///
    /// # Errors
    /// [`BadUrl`].
    pub fn new(url: &str, tally: Arc<Tally>) -> Result<Self, BadUrl> {
        let not_a_url = |text: String| BadUrl::NotAUrl { url: url.to_owned(), text };
        let request = url.into_client_request().map_err(|error| not_a_url(error.to_string()))?;
        let uri = request.uri();
        if uri.scheme_str() != Some("ws") {
            return Err(BadUrl::OtherScheme { url: url.to_owned() });
        }
        let host = uri.host().ok_or_else(|| not_a_url("no host".to_owned()))?;
        Ok(Self { url: url.to_owned(), host: host.to_owned(), port: uri.port_u16().unwrap_or(80), tally })
    }
}

impl Transport for WebSocket {
    type Wire = Socket;

    async fn connect(&self, login: &Login) -> Result<Socket, Lost> {
        let opening = async {
            let dialled = callbox_net::dial(&self.host, self.port, SETUP).await.map_err(|error| error.to_string())?;
            let limit = Some(4 * MAX_BYTES);
            let config =
                WebSocketConfig::default().read_buffer_size(READ_BUFFER).max_message_size(limit).max_frame_size(limit);
            let upgrade = client_async_with_config(self.url.as_str(), dialled.stream, Some(config));
            upgrade.await.map_err(|error| error.to_string())
        };
        let (stream, _) = timeout(SETUP, opening)
            .await
            .map_err(|_| Lost::Connect(format!("no answer within {SETUP:?}")))?
            .map_err(Lost::Connect)?;
        let seed = std::array::from_fn(|_| fastrand::u8(..));
        let (ids, heard_at) = (IdSource::new(seed), Instant::now());
        let mut socket = Socket { stream, ids, tally: self.tally.clone(), heard_at, silence: SETUP };
        socket.log_in(login.clone()).await?;
        Ok(socket)
    }
}

/// One connection to the hub.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    ids: IdSource,
    tally: Arc<Tally>,
    heard_at: Instant,
    silence: Duration,
}

impl Socket {
    async fn log_in(&mut self, login: Login) -> Result<(), Lost> {
        let Login { app, user, device, ticket, agent } = login;
        self.feed(None, Message::Login { app, user, device, ticket, agent }).await?;
        self.flush().await?;
        let welcome = self.next().await?;
        let Message::Welcome { heartbeat_ms, .. } = welcome.message else {
            return Err(Lost::Garbled(format!("`{}` instead of `welcome`", welcome.message.type_name())));
        };
        self.silence = 2 * Duration::from_millis(u64::from(heartbeat_ms.clamp(1000, 120_000)));
        Ok(())
    }

    /// The next envelope, whatever it says but goodbye.
    async fn next(&mut self) -> Result<Envelope, Lost> {
        loop {
            let frame = timeout_at(self.heard_at + self.silence, self.stream.next()).await;
            let frame = frame.map_err(|_| Lost::Silent(self.silence))?;
            self.heard_at = Instant::now();
            let text = match frame {
                Some(Ok(Frame::Text(text))) => text,
                // Pongs are tungstenite's: they leave with the next read.
                Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_))) => continue,
                Some(Ok(Frame::Binary(_))) => return Err(Lost::Garbled("a binary frame".to_owned())),
                Some(Ok(Frame::Close(_))) | None => return Err(Lost::Broken("closed by the hub".to_owned())),
                Some(Err(error)) => return Err(Lost::Broken(error.to_string())),
            };
            self.tally.heard(text.len());
            let envelope = Envelope::decode(text.as_bytes()).map_err(|error| Lost::Garbled(error.to_string()))?;
            match envelope.message {
                Message::Bye { reason, text, .. } => return Err(Lost::Bye { reason, text }),
                _ => return Ok(envelope),
            }
        }
    }

    async fn feed(&mut self, to: Option<Target>, message: Message) -> Result<EnvelopeId, Lost> {
        let id = self.ids.envelope();
        let line = Envelope { id: id.clone(), from: None, to, message }.encode();
        self.tally.sent(line.len());
        written(timeout(WRITE, self.stream.feed(Frame::text(line))).await)?;
        Ok(id)
    }
}

impl Wire for Socket {
    async fn hear(&mut self) -> Result<Heard, Lost> {
        loop {
            let Envelope { id, from, message, .. } = self.next().await?;
            match (from, message) {
                (None, Message::Presence { user, device: Some(device), online }) => {
                    return Ok(Heard::Presence { peer: Address { user, device }, online });
                }
                (_, Message::Result { code, text, .. }) if code != ResultCode::Ok => {
                    return Ok(Heard::Refused { code, text });
                }
                (Some(from), message) => return Ok(Heard::Message { id, from, message }),
                // Of the rest nothing concerns a station: `ok`, new TURN credentials, missed calls, a user with no device.
                (None, _) => {}
            }
        }
    }

    async fn say(&mut self, to: Target, message: Message) -> Result<(), Lost> {
        self.feed(Some(to), message).await.map(drop)
    }

    async fn watch(&mut self, users: Vec<UserId>) -> Result<(), Lost> {
        let users = users.into_iter().map(String::from).collect();
        self.feed(None, Message::Watch { users }).await.map(drop)
    }

    async fn flush(&mut self) -> Result<(), Lost> {
        written(timeout(WRITE, self.stream.flush()).await)
    }

    async fn close(mut self) {
        let goodbye = async {
            if self.stream.close(None).await.is_ok() {
                while let Some(Ok(_)) = self.stream.next().await {}
            }
        };
        // A hub that does not answer a goodbye has been left all the same.
        drop(timeout(GOODBYE, goodbye).await);
    }
}

fn written(done: Result<Result<(), Error>, tokio::time::error::Elapsed>) -> Result<(), Lost> {
    match done {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Lost::Broken(error.to_string())),
        Err(_) => Err(Lost::Broken(format!("not read for {WRITE:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(url: &str) -> Result<String, BadUrl> {
        WebSocket::new(url, Arc::default()).map(|hub| format!("{}:{}", hub.host, hub.port))
    }

    #[test]
    fn only_plain_websocket_addresses_are_taken() {
        assert_eq!(authority("ws://127.0.0.1:8080/ws").unwrap(), "127.0.0.1:8080");
        assert_eq!(authority("ws://[::1]/ws").unwrap(), "[::1]:80");
        assert!(matches!(authority("wss://hub.example/ws"), Err(BadUrl::OtherScheme { .. })));
        assert!(matches!(authority("http://hub.example/ws"), Err(BadUrl::OtherScheme { .. })));
        assert!(matches!(authority("not a url"), Err(BadUrl::NotAUrl { .. })));
    }
}
