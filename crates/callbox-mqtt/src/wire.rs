//! MQTT 5 packets over one socket to one broker: dialling, TLS, framing.

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use callbox_net::DialError;
use futures_util::{SinkExt, StreamExt};
use rumqttc::v5::mqttbytes::Error as PacketError;
use rumqttc::v5::mqttbytes::v5::{Codec, ConnAck, ConnectReturnCode, DisconnectReasonCode, Packet};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;
use tokio_util::codec::Framed;

use crate::broker::BrokerUrl;
use crate::options::{MAX_PACKET, SETUP};
use crate::tls::Tls;

/// What a socket is, encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What ends a connection, or keeps one from being made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error("TLS: {0}")]
    Tls(io::Error),
    /// The broker is there and does not let us in.
    #[error("{0:?}")]
    Refused(ConnectReturnCode),
    #[error("the server does not speak MQTT 5: it answers a CONNECT with something else")]
    NotMqtt,
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// The connection broke.
    #[error("{0}")]
    Io(io::Error),
    /// A packet that cannot be read, or written.
    #[error("{0}")]
    Packet(PacketError),
    /// The broker has ended the session.
    #[error("the broker hung up: {0:?}")]
    HungUp(DisconnectReasonCode),
    #[error("the connection ended")]
    Ended,
    #[error("no sign of the broker for {} ms", .0.as_millis())]
    Silent(Duration),
}

impl From<PacketError> for Failure {
    fn from(error: PacketError) -> Self {
        match error {
            PacketError::Io(error) => Self::Io(error),
            error => Self::Packet(error),
        }
    }
}

/// One socket.
pub(crate) struct Wire {
    framed: Framed<Box<dyn Stream>, Codec>,
    /// Our own address on this connection.
    local: Option<IpAddr>,
    /// Something was put in that has not left yet.
    is_full: bool,
}

impl Wire {
    /// Connects and logs in: within the time that all of it may take.
    pub(crate) async fn open(
        broker: &BrokerUrl,
        tls: Option<&Tls>,
        connect: Packet,
    ) -> Result<(Self, ConnAck), Failure> {
        let until = Instant::now() + SETUP;
        let dialled = callbox_net::dial(broker.host(), broker.port(), SETUP).await?;
        for attempt in &dialled.passed_over {
            let error = attempt.error.as_ref().map_or("no answer".to_owned(), ToString::to_string);
            tracing::info!(broker = broker.as_str(), address = %attempt.address, error, "an address was passed over");
        }
        let local = dialled.stream.local_addr().ok().map(|address| address.ip());
        let shake_hands = async {
            let stream = encrypt(dialled.stream, broker, tls).await?;
            let codec = Codec { max_incoming_size: Some(MAX_PACKET), max_outgoing_size: None };
            let mut wire = Self { framed: Framed::new(stream, codec), local, is_full: false };
            let answer = wire.log_in(connect).await?;
            Ok((wire, answer))
        };
        timeout_at(until.into(), shake_hands).await.unwrap_or(Err(Failure::Timeout(SETUP)))
    }

    async fn log_in(&mut self, connect: Packet) -> Result<ConnAck, Failure> {
        self.framed.send(connect).await?;
        match self.next().await? {
            Packet::ConnAck(answer) if answer.code == ConnectReturnCode::Success => {
                let largest = answer.properties.as_ref().and_then(|properties| properties.max_packet_size);
                self.framed.codec_mut().max_outgoing_size = largest;
                Ok(answer)
            }
            Packet::ConnAck(answer) => Err(Failure::Refused(answer.code)),
            _ => Err(Failure::NotMqtt),
        }
    }

    pub(crate) fn local(&self) -> Option<IpAddr> {
        self.local
    }

    /// Puts a packet in; it leaves while [`Wire::next`] is waited for.
    pub(crate) fn put(&mut self, packet: Packet) -> Result<(), Failure> {
        self.framed.start_send_unpin(packet)?;
        self.is_full = true;
        Ok(())
    }

    /// The next packet; sends what was put in meanwhile. Loses nothing when dropped unfinished.
    pub(crate) async fn next(&mut self) -> Result<Packet, Failure> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Packet, Failure>> {
        if self.is_full {
            if let Poll::Ready(flushed) = self.framed.poll_flush_unpin(context) {
                flushed?;
                self.is_full = false;
            }
        }
        Poll::Ready(match ready!(self.framed.poll_next_unpin(context)) {
            Some(packet) => packet.map_err(Failure::from),
            None => Err(Failure::Ended),
        })
    }
}

async fn encrypt(stream: TcpStream, broker: &BrokerUrl, tls: Option<&Tls>) -> Result<Box<dyn Stream>, Failure> {
    let Some(Tls(config)) = tls.filter(|_| broker.is_secure()) else { return Ok(Box::new(stream)) };
    let name = ServerName::try_from(broker.host().to_owned()).map_err(|error| Failure::Tls(io::Error::other(error)))?;
    let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await.map_err(Failure::Tls)?;
    Ok(Box::new(stream))
}
