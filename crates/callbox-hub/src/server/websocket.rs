//! From an HTTP request to a WebSocket (RFC 6455), with every frame counted as it comes in.
//!
//! tungstenite hands out whole messages only: an endless message of empty continuation frames would never be one, and so would never
//! meet a limit that counts messages. Frames are therefore counted below it, in the bytes.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use callbox_core::protocol::MAX_BYTES;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::limits::Bucket;
use super::page::plain;

/// Every socket has it from its first read on (tungstenite's own 128 KiB would be nine tenths of a session); a longer message
/// makes it grow.
const READ_BUFFER: usize = 4096;

/// A WebSocket whose frames are counted.
pub(super) type WebSocket = WebSocketStream<Metered<TokioIo<Upgraded>>>;

/// What a device may still send: frames, and what messages cost beyond their frames. Who has sent more is read more slowly.
#[derive(Clone, Debug)]
pub(super) struct Allowance(Arc<Mutex<Bucket>>);

impl Allowance {
    pub(super) fn new(bucket: Bucket) -> Self {
        Self(Arc::new(Mutex::new(bucket)))
    }

    /// Takes so many tokens, also where fewer are there.
    pub(super) fn spend(&self, now: Instant, tokens: u32) {
        self.bucket().spend(now, tokens);
    }

    /// Returns how long reading has to wait.
    fn wait(&self, now: Instant) -> Duration {
        self.bucket().wait(now)
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers the request and gives what becomes the socket once the answer has left.
///
/// # Errors
/// The answer to a request that asks for no WebSocket.
pub(super) fn handshake(request: &mut Request) -> Result<(Response, OnUpgrade), Box<Response>> {
    let refuse = |status, text: &str| Box::new(plain(status, text));
    if request.method() != Method::GET {
        return Err(refuse(StatusCode::METHOD_NOT_ALLOWED, "only GET"));
    }
    let headers = request.headers();
    if !has_word(headers, &header::CONNECTION, "upgrade") || !has_word(headers, &header::UPGRADE, "websocket") {
        let text = "this address is for WebSockets: the reverse proxy must pass on the headers Upgrade and Connection";
        return Err(refuse(StatusCode::UPGRADE_REQUIRED, text));
    }
    if !has_word(headers, &header::SEC_WEBSOCKET_VERSION, "13") {
        let mut response = refuse(StatusCode::UPGRADE_REQUIRED, "WebSocket version 13 is spoken here");
        response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, header::HeaderValue::from_static("13"));
        return Err(response);
    }
    let accept = headers.get(header::SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
    let (Some(accept), Some(upgrade)) = (accept, request.extensions_mut().remove::<OnUpgrade>()) else {
        return Err(refuse(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is missing"));
    };
    let mut response = Response::new(axum::body::Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let (connection, protocol) = ("upgrade".parse(), "websocket".parse());
    let fields =
        [(header::CONNECTION, connection), (header::UPGRADE, protocol), (header::SEC_WEBSOCKET_ACCEPT, accept.parse())];
    for (name, value) in fields {
        response.headers_mut().insert(name, value.expect("these are letters, digits and base64"));
    }
    Ok((response, upgrade))
}

fn has_word(headers: &HeaderMap, name: &header::HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case(word))
}

/// Makes the socket of a connection that has been upgraded.
pub(super) async fn open(upgraded: Upgraded, allowance: Allowance) -> WebSocket {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(2 * MAX_BYTES)
        // Somewhat more than allowed is read, so that it can be refused in words; far more ends the socket.
        .max_message_size(Some(4 * MAX_BYTES))
        .max_frame_size(Some(4 * MAX_BYTES));
    let metered = Metered { io: TokioIo::new(upgraded), frames: Frames::default(), allowance, pause: None };
    WebSocketStream::from_raw_socket(metered, Role::Server, Some(config)).await
}

/// A connection whose incoming WebSocket frames are counted, and which is read no faster than they may come.
#[derive(Debug)]
pub(super) struct Metered<T> {
    io: T,
    frames: Frames,
    allowance: Allowance,
    pause: Option<Pin<Box<Sleep>>>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Metered<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(pause) = &mut self.pause {
            std::task::ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let wait = self.allowance.wait(Instant::now());
        if !wait.is_zero() {
            let mut pause = Box::pin(sleep(wait));
            if pause.as_mut().poll(cx).is_pending() {
                self.pause = Some(pause);
                return Poll::Pending;
            }
        }
        let before = buf.filled().len();
        std::task::ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        let begun = self.frames.count(buf.filled().get(before..).unwrap_or_default());
        self.allowance.spend(Instant::now(), begun);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Metered<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Finds where frames begin in a stream of bytes (RFC 6455, section 5.2).
#[derive(Debug, Default)]
struct Frames {
    /// The header so far, at most 14 bytes.
    header: [u8; 14],
    header_bytes: usize,
    /// Bytes of payload that are still to come.
    payload: u64,
}

impl Frames {
    /// Returns how many headers of frames end in these bytes.
    fn count(&mut self, mut bytes: &[u8]) -> u32 {
        let mut begun = 0;
        loop {
            let skipped = usize::try_from(self.payload).unwrap_or(usize::MAX).min(bytes.len());
            self.payload -= skipped as u64;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let Some((first, rest)) = bytes.split_first() else { return begun };
            if let Some(slot) = self.header.get_mut(self.header_bytes) {
                *slot = *first;
            }
            self.header_bytes += 1;
            bytes = rest;
            if self.header_bytes == self.header_length() {
                self.payload = self.payload_length();
                self.header_bytes = 0;
                begun += 1;
            }
        }
    }

    fn header_length(&self) -> usize {
        if self.header_bytes < 2 {
            return 2;
        }
        let [_, second, ..] = self.header;
        let extended = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + extended + if second & 0x80 != 0 { 4 } else { 0 }
    }

    fn payload_length(&self) -> u64 {
        let [_, second, a, b, c, d, e, f, g, h, ..] = self.header;
        match second & 0x7f {
            126 => u16::from_be_bytes([a, b]).into(),
            127 => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            length => length.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A masked frame with so many bytes of payload.
    fn frame(payload: usize) -> Vec<u8> {
        let mut bytes = vec![0x00];
        match payload {
            0..126 => bytes.push(0x80 | payload as u8),
            126..65_536 => {
                bytes.push(0x80 | 126);
                bytes.extend((payload as u16).to_be_bytes());
            }
            _ => {
                bytes.push(0x80 | 127);
                bytes.extend((payload as u64).to_be_bytes());
            }
        }
        bytes.extend([7; 4]);
        bytes.extend(vec![0xff; payload]);
        bytes
    }

    #[test]
    fn frames_are_counted_however_the_bytes_are_cut() {
        let sizes = [0, 1, 125, 126, 127, 65_535, 65_536, 0, 0, 3];
        let stream: Vec<u8> = sizes.iter().flat_map(|size| frame(*size)).collect();
        for cut in [1, 2, 3, 7, 4096, stream.len()] {
            let mut frames = Frames::default();
            let counted: u32 = stream.chunks(cut).map(|chunk| frames.count(chunk)).sum();
            assert_eq!(counted, 10, "in pieces of {cut}");
            assert_eq!((frames.header_bytes, frames.payload), (0, 0));
        }
    }

    #[test]
    fn frames_without_a_mask_are_counted_too() {
        let mut frames = Frames::default();
        assert_eq!(frames.count(&[0x81, 2, b'h', b'i', 0x89, 0]), 2);
    }
}
