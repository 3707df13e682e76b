//! A client of few words: JSON in, JSON out, every wait bounded.

use std::net::SocketAddr;
use std::time::Duration;

use callbox_core::ids::AppId;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

const PATIENCE: Duration = Duration::from_secs(8);

pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
    said: u32,
}

impl From<WebSocketStream<TcpStream>> for Client {
    fn from(socket: WebSocketStream<TcpStream>) -> Self {
        Self { socket, said: 0 }
    }
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (socket, _) = client_async(format!("ws://{address}/ws"), stream).await.unwrap();
        Self { socket, said: 0 }
    }

    pub(crate) async fn login(&mut self, app: AppId, user: &str, device: &str, ticket: &str) {
        self.say(json!({ "type": "login", "app": app, "user": user, "device": device, "ticket": ticket,
            "agent": "browser" }))
            .await;
    }

    /// Sends a message; `v` and `id` are filled in where they are missing. Gives the id.
    pub(crate) async fn say(&mut self, mut message: Value) -> String {
        self.said += 1;
        let id = format!("e{}", self.said);
        let fields = message.as_object_mut().unwrap();
        fields.entry("v").or_insert(json!(1));
        fields.entry("id").or_insert(json!(id));
        self.raw(Message::text(message.to_string())).await;
        id
    }

    pub(crate) async fn raw(&mut self, message: Message) {
        timeout(PATIENCE, self.socket.send(message)).await.unwrap().unwrap();
    }

    /// Writes bytes below the WebSocket.
    pub(crate) async fn bytes(&mut self, bytes: &[u8]) {
        timeout(PATIENCE, self.socket.get_mut().write_all(bytes)).await.unwrap().unwrap();
    }

    /// Sends if the socket still takes it.
    pub(crate) async fn try_raw(&mut self, message: Message) -> bool {
        matches!(timeout(PATIENCE, self.socket.send(message)).await, Ok(Ok(())))
    }

    /// The next message.
    pub(crate) async fn hear(&mut self) -> Value {
        self.hear_or_end().await.expect("the socket is open")
    }

    /// The next message, or None when the socket is closed.
    pub(crate) async fn hear_or_end(&mut self) -> Option<Value> {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("something is heard in time")? {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next message of this type, others skipped.
    pub(crate) async fn hear_type(&mut self, kind: &str) -> Value {
        loop {
            let heard = self.hear().await;
            if heard["type"] == kind {
                return heard;
            }
        }
    }

    /// Nothing is said: what comes next is the answer to a ping.
    pub(crate) async fn hears_nothing(&mut self) {
        self.say(json!({ "type": "ping" })).await;
        let heard = self.hear().await;
        assert_eq!(heard["type"], "pong", "{heard}");
    }

    /// The goodbye, and after it nothing.
    pub(crate) async fn hear_bye(&mut self) -> Value {
        let bye = self.hear_type("bye").await;
        assert_eq!(self.hear_or_end().await, None);
        bye
    }

    /// An invite to these users, one envelope each.
    pub(crate) async fn invite(&mut self, call: &str, callees: &[&str], remaining_ms: u32) {
        for callee in callees {
            self.say(json!({ "to": { "user": callee }, "type": "invite", "call": call, "kind": "single",
                "media": "video", "callees": callees, "remaining_ms": remaining_ms, "agent": "browser",
                "early": "connect" }))
                .await;
        }
    }
}

/// One HTTP request as text; the whole answer as text.
pub(crate) async fn http(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
