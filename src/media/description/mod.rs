//! Session descriptions (RFC 8866, RFC 9429) at the border to webrtcbin: the one parser, the rules and the one writer.
//!
//! No text of a peer reaches webrtcbin, and no text of webrtcbin reaches a peer. Each description is parsed into a typed model,
//! judged, and written again in our own form:
//!
//! ```text
//!  peer's offer   ─▶ parse ─▶ RemoteOffer (accept or refuse each m-line) ─▶ write ─▶ webrtcbin
//!  webrtcbin      ─▶ parse ─▶ RemoteOffer::answer (is it what we agreed to?) ─▶ write ─▶ peer
//!  webrtcbin      ─▶ parse ─▶ LocalOffer (is it what we wanted?) ─▶ write ─▶ peer
//!  peer's answer  ─▶ parse ─▶ RemoteAnswer (does it fit our offer?) ─▶ write ─▶ webrtcbin
//! ```
//!
//! What passes is one audio line and, in a video call, one video line, both `sendrecv`, in one BUNDLE group with one certificate.
//! Other lines get port 0. Everything here is pure: text in, text out.

mod answer;
mod candidate;
mod codec;
mod fingerprint;
mod offer;
mod parse;
mod section;

#[cfg(test)]
mod generator;
#[cfg(test)]
mod tests;

pub(crate) use self::answer::{LocalOffer, RemoteAnswer};
pub(crate) use self::candidate::{Candidate, Type};
pub(crate) use self::codec::TRANSPORT_CC;
pub(crate) use self::offer::RemoteOffer;

/// The medium of an m-line that we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Audio,
    Video,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Audio => "audio",
            Self::Video => "video",
        })
    }
}

/// Why a description is refused. Another description of the same peer would be refused as well.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the description is not SDP: expected lines `x=…` that begin with `v=0` (RFC 8866)")]
    NotSdp,
    #[error("the description is too long: at most {} lines and {} m-lines", parse::MAX_LINES, parse::MAX_SECTIONS)]
    TooLong,
    #[error("{0} is missing or refused (port 0): both sides have to send and receive it")]
    Missing(Kind),
    #[error("{0} goes one way only: both sides have to offer and answer `a=sendrecv`")]
    OneWay(Kind),
    #[error(
        "no codec in common for {0}: Opus for audio, VP8 or H.264 (constrained) baseline with packetization-mode 1 for video"
    )]
    NoCodec(Kind),
    #[error("audio and video are not in one BUNDLE group (RFC 8843)")]
    NotOneBundle,
    #[error("RTP and RTCP are not multiplexed: `a=rtcp-mux` is missing (RFC 5761)")]
    NoMux,
    #[error("no ICE credentials: `a=ice-ufrag` and `a=ice-pwd` are missing or malformed (RFC 8839)")]
    NoIce,
    #[error(
        "no usable `a=setup`: expected actpass, active or passive in an offer, active or passive in an answer (RFC 8842)"
    )]
    NoSetup,
    #[error("no SHA-256 fingerprint for the transport (RFC 8122)")]
    NoFingerprint,
    #[error("audio and video promise different certificates, but share one transport")]
    SeveralCertificates,
    #[error("one payload type is used for two formats of the bundle")]
    AmbiguousPayload,
    #[error("the answer has other m-lines than the offer")]
    OtherLines,
    #[error("webrtcbin made another description than it was asked for: {0}")]
    Unexpected(&'static str),
}

/// What both sides agreed to for one m-line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    /// The payload type that the peer wants to receive.
    pub(crate) payload: u8,
    /// The payload types that the peer may send: ours, or the one that it named itself.
    pub(crate) receives: [u8; 2],
    /// The payload type of retransmissions, both ways.
    pub(crate) rtx: Option<u8>,
    /// The number of the transport-wide congestion control header extension.
    pub(crate) transport_cc: Option<u8>,
}

/// What every accepted description of a peer says, whichever side offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// The description for webrtcbin, in our own form and without candidates.
    pub(crate) text: String,
    /// SHA-256 of the certificates that the peer may present.
    pub(crate) fingerprints: Vec<[u8; 32]>,
    /// Candidates that came inside.
    pub(crate) candidates: Vec<Candidate>,
    /// The m-line that the transport belongs to (RFC 8843, the tagged one), counted as the peer counts.
    pub(crate) tagged: u16,
    pub(crate) audio: Agreed,
    pub(crate) video: Option<Agreed>,
}
