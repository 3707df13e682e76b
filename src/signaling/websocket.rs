//! The WebSocket transport: connect, log in, carry frames both ways, notice silence, come back.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use callbox_core::client::Backoff;
use callbox_core::protocol::MAX_BYTES;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::time::{sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Message as Frame};

use super::exchange::{Exchange, Verdict};
use super::handshake::{self, Opened, Socket};
use super::reconnect::{End, Transport};
use super::status::State;
use super::{HubUrl, Settings, orders};

/// How long connecting, and then logging in, may take.
const SETUP: Duration = Duration::from_secs(5);
/// Two minutes of attempts at most 4 s apart, then up to 15 s.
const HOPEFUL: u32 = 40;
/// How long one frame may take to be written.
const WRITE: Duration = Duration::from_secs(5);
/// How long a stop waits for the proof that the last message arrived.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A connection to a hub.
pub(super) struct WebSocket {
    pub(super) settings: Settings,
    pub(super) url: HubUrl,
}

impl Transport for WebSocket {
    fn backoff(&self) -> Backoff {
        Backoff::hopeful(HOPEFUL)
    }

    async fn session(&mut self, exchange: &mut Exchange, orders: &mut orders::Receiver) -> End {
        session(&self.settings, &self.url, exchange, orders).await
    }
}

async fn session(settings: &Settings, url: &HubUrl, exchange: &mut Exchange, orders: &mut orders::Receiver) -> End {
    let ticket = match settings.fresh_ticket().await {
        Ok(ticket) => ticket,
        Err(reason) => return End::NoTicket(reason),
    };
    let config = WebSocketConfig::default().max_message_size(Some(4 * MAX_BYTES)).max_frame_size(Some(4 * MAX_BYTES));
    let began = Instant::now();
    let connecting = handshake::open(url, config, SETUP);
    tokio::pin!(connecting);
    let connected = loop {
        tokio::select! {
            done = &mut connecting => break done,
            order = orders.recv() => match order {
                Some(order) => exchange.take(Instant::now(), order),
                None => return End::Stopped,
            },
        }
        if exchange.stopping.is_some() {
            return End::Stopped;
        }
        if let Some(end) = exchange.changes.restart(began.elapsed()) {
            return end;
        }
    };
    let socket = match connected {
        Ok(Opened { socket, passed_over, .. }) => {
            for address in passed_over {
                tracing::info!(url = url.as_str(), %address, "an address of the hub was passed over");
            }
            socket
        }
        Err(reason) => return End::Lost(format!("cannot connect: {reason}")),
    };
    let own = handshake::local_address(&socket);
    let (sink, stream) = socket.split();
    let mut wire = Wire { sink, stream, own };
    if let Err(end) = wire.write(Frame::text(exchange.login(ticket))).await {
        return end;
    }
    wire.carry(exchange, orders).await
}

/// One connection.
struct Wire {
    sink: SplitSink<Socket, Frame>,
    stream: SplitStream<Socket>,
    /// Our address on this connection.
    own: Option<IpAddr>,
}

impl Wire {
    /// Carries frames both ways until the connection ends.
    async fn carry(&mut self, exchange: &mut Exchange, orders: &mut orders::Receiver) -> End {
        let (mut up, mut allowed_silence) = (false, SETUP);
        let mut heard_at = tokio::time::Instant::now();
        let mut stop_at = None;
        loop {
            tokio::select! {
                            frame = self.stream.next() => {
                                heard_at = tokio::time::Instant::now();
                                match self.read(frame, exchange).await {
                                    Ok(Verdict::Fine) => {}
                                    Ok(Verdict::Welcome { heartbeat_ms }) => {
                                        up = true;
                                        allowed_silence = 2 * Duration::from_millis(u64::from(heartbeat_ms.clamp(1000, 120_000)));
                                        exchange.board.enter(State::Up);
                                    }
                                    Ok(Verdict::Bye { reason, code, text, retry_ms }) => {
             return End::Bye { reason, code, text, retry_ms };
            }
                                    Err(end) => return end,
                                }
                            }
                            order = orders.recv() => match order {
                                Some(order) => exchange.take(Instant::now(), order),
                                None => return End::Stopped,
                            },
                            () = sleep_until(heard_at + allowed_silence) => {
                                return End::Lost(format!("no sign of the hub for {} ms", allowed_silence.as_millis()));
                            }
                            () = sleep_until(stop_at.unwrap_or(heard_at)), if stop_at.is_some() => return self.close().await,
                            () = sleep_until(exchange.beat_due().into()) => exchange.beat(Instant::now()).await,
                        }
            if let Some(end) = exchange.changes.leave(self.own) {
                return end;
            }
            if up {
                if let Err(end) = self.flush(exchange).await {
                    return end;
                }
            }
            if exchange.stopping.is_some() {
                if !up || exchange.outbox.is_settled() {
                    return self.close().await;
                }
                stop_at.get_or_insert_with(|| tokio::time::Instant::now() + LAST_WORDS);
            }
        }
    }

    async fn read(
        &mut self,
        frame: Option<Result<Frame, tokio_tungstenite::tungstenite::Error>>,
        exchange: &mut Exchange,
    ) -> Result<Verdict, End> {
        match frame {
            Some(Ok(Frame::Text(text))) => Ok(exchange.read(Instant::now(), text.as_bytes()).await),
            Some(Ok(Frame::Binary(bytes))) => Ok(exchange.read(Instant::now(), &bytes).await),
            Some(Ok(Frame::Pong(payload))) => {
                if let Ok(number) = <[u8; 8]>::try_from(payload.as_ref()) {
                    exchange.outbox.proven(u64::from_be_bytes(number));
                }
                Ok(Verdict::Fine)
            }
            Some(Ok(Frame::Ping(_) | Frame::Frame(_))) => Ok(Verdict::Fine),
            Some(Ok(Frame::Close(why))) => {
                let why = why.map(|why| format!(": {} {}", why.code, why.reason)).unwrap_or_default();
                Err(End::Lost(format!("the hub closed the connection{why}")))
            }
            Some(Err(error)) => Err(End::Lost(error.to_string())),
            None => Err(End::Lost("the connection ended".to_owned())),
        }
    }

    async fn flush(&mut self, exchange: &mut Exchange) -> Result<(), End> {
        while let Some(text) = exchange.next_frame(Instant::now()) {
            self.write(Frame::text(text)).await?;
        }
        match exchange.outbox.ping() {
            Some(number) => self.write(Frame::Ping(Bytes::copy_from_slice(&number.to_be_bytes()))).await,
            None => Ok(()),
        }
    }

    async fn write(&mut self, frame: Frame) -> Result<(), End> {
        match timeout(WRITE, self.sink.send(frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(End::Lost(error.to_string())),
            Err(_) => Err(End::Lost("the hub does not read".to_owned())),
        }
    }

    async fn close(&mut self) -> End {
        if let Err(end) = self.write(Frame::Close(None)).await {
            tracing::debug!(reason = end.text(), "closing");
        }
        End::Stopped
    }
}
