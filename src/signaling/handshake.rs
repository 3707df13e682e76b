//! From an address to an open WebSocket: dialling, TLS, upgrade.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use callbox_net::tls::{self, Trust};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::{HubUrl, aside};

/// A WebSocket, encrypted or not.
pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A WebSocket whose upgrade the server has accepted.
pub(super) struct Opened {
    pub(super) socket: Socket,
    /// The server's answer to the upgrade.
    pub(super) response: Response,
    /// Addresses of the name that were tried and did not answer, or refused.
    pub(super) passed_over: Vec<SocketAddr>,
}

/// Opens a WebSocket within this time. The error says how far it came.
pub(super) async fn open(url: &HubUrl, config: WebSocketConfig, limit: Duration) -> Result<Opened, String> {
    let until = Instant::now() + limit;
    let connector = if url.is_secure() {
        let config = aside(|| tls::client(Trust::default()).map_err(|error| format!("TLS: {error}"))).await?;
        Connector::Rustls(config)
    } else {
        Connector::Plain
    };
    let left = until.saturating_duration_since(Instant::now());
    let dialled = callbox_net::dial(url.host(), url.port(), left).await.map_err(|error| error.to_string())?;
    let upgrade = client_async_tls_with_config(url.as_str(), dialled.stream, Some(config), Some(connector));
    let passed_over = dialled.passed_over.iter().map(|attempt| attempt.address).collect();
    match timeout_at(until, upgrade).await {
        Ok(Ok((socket, response))) => Ok(Opened { socket, response, passed_over }),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("{} took the connection and then said nothing within {limit:?}", dialled.address)),
    }
}

/// Our own address on this connection.
pub(super) fn local_address(socket: &Socket) -> Option<IpAddr> {
    let own = match socket.get_ref() {
        MaybeTlsStream::Plain(tcp) => tcp.local_addr(),
        MaybeTlsStream::Rustls(tls) => tls.get_ref().0.local_addr(),
        other => Err(io::Error::other(format!("not a socket that is known here: {other:?}"))),
    };
    own.inspect_err(|error| tracing::debug!(%error, "our own address is not known")).ok().map(|own| own.ip())
}
