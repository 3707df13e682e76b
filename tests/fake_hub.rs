//! A hub that a test plays by hand: one WebSocket server, frames in and out.

use std::time::Duration;

use callbox_core::protocol::{Envelope, Message};
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::{WebSocketStream, accept_async};

const WAIT: Duration = Duration::from_secs(10);

/// The server.
pub(crate) struct FakeHub {
    listener: TcpListener,
}

impl FakeHub {
    pub(crate) async fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/ws", self.listener.local_addr().unwrap())
    }

    /// The next connection, before its login.
    pub(crate) async fn connection(&self) -> Session {
        self.connection_within(WAIT).await
    }

    /// The next connection of somebody who takes long to start.
    pub(crate) async fn connection_within(&self, wait: Duration) -> Session {
        let (stream, _) = timeout(wait, self.listener.accept()).await.expect("somebody connects").unwrap();
        Session { socket: timeout(WAIT, accept_async(stream)).await.expect("a handshake").unwrap(), sent: 0 }
    }

    /// The next connection, welcomed.
    pub(crate) async fn login(&self, heartbeat_ms: u32) -> Session {
        let mut session = self.connection().await;
        let login = session.hear().await;
        assert!(matches!(login.message, Message::Login { .. }), "the first frame is the login");
        session.say(&format!(
            r#""type":"welcome","you":{{"user":"door","device":"panel"}},"heartbeat_ms":{heartbeat_ms},"ice_servers":[]"#
        ))
        .await;
        session
    }
}

/// One connection.
pub(crate) struct Session {
    socket: WebSocketStream<TcpStream>,
    sent: u32,
}

impl Session {
    /// Sends an envelope with these fields.
    pub(crate) async fn say(&mut self, fields: &str) {
        self.sent += 1;
        let text = format!(r#"{{"v":1,"id":"hub-{}",{fields}}}"#, self.sent);
        self.socket.send(Frame::text(text)).await.unwrap();
    }

    /// The next envelope.
    pub(crate) async fn hear(&mut self) -> Envelope {
        loop {
            match timeout(WAIT, self.socket.next()).await.expect("a frame in time") {
                Some(Ok(Frame::Text(text))) => return Envelope::decode(text.as_bytes()).unwrap(),
                Some(Ok(Frame::Close(_)) | Err(_)) | None => panic!("the connection ended"),
                Some(Ok(_)) => {}
            }
        }
    }

    /// The types of all envelopes until the connection ends.
    pub(crate) async fn hear_out(mut self) -> Vec<&'static str> {
        let mut types = Vec::new();
        while let Ok(Some(Ok(frame))) = timeout(WAIT, self.socket.next()).await {
            match frame {
                Frame::Text(text) => types.push(Envelope::decode(text.as_bytes()).unwrap().message.type_name()),
                Frame::Close(_) => break,
                _ => {}
            }
        }
        types
    }
}
