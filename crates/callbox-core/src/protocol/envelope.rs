//! The envelope around every message, and its one codec.

use serde::{Deserialize, Serialize};

use super::roster::fault;
use super::{EndReason, MAX_PICTURE, Message, ResultCode, numbers};
use crate::ids::{Address, CallId, EnvelopeId, Target};

/// The major version spoken here. Another one is answered with `unsupported_version`, never with silence.
pub const VERSION: u32 = 1;
/// The largest envelope, in bytes; checked before parsing. An SDP of two m-lines takes 3 to 8 KiB.
pub const MAX_BYTES: usize = 64 * 1024;
/// The most users one invite rings at once.
pub const MAX_CALLEES: usize = 16;

/// One message with its sender and receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Unique for its sender; a repeated one is a duplicate.
    pub id: EnvelopeId,
    /// Vouched for by the transport, never believed from the body. Absent on the way to the hub.
    pub from: Option<Address>,
    /// Absent between a device and the hub itself.
    pub to: Option<Target>,
    /// What it says.
    pub message: Message,
}

/// Why some bytes are no envelope. Whatever could be read of it comes along, so that the sender can be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not parsed at all.
    #[error("message of {size} bytes: at most {MAX_BYTES} are allowed")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// Not JSON, or no envelope.
    #[error("not an envelope: {text}")]
    NotAnEnvelope {
        /// What the parser says, with the column.
        text: String,
    },
    /// A future party. To be answered with `reject` (a call) or `result`.
    #[error("version {found} is not spoken here, only {VERSION}")]
    UnsupportedVersion {
        /// The version found.
        found: u32,
        /// The envelope's id.
        id: Option<EnvelopeId>,
        /// The call it speaks of, so that a reject can name it.
        call: Option<CallId>,
        /// Its type.
        kind: String,
        /// The receiver it names.
        to: Option<Target>,
        /// The sender, where the transport has stamped it.
        from: Option<Address>,
    },
    /// A type from a newer minor version: to be ignored with a log line.
    #[error("unknown type `{kind}`")]
    UnknownType {
        /// The type found.
        kind: String,
        /// The sender, where the transport has stamped it.
        from: Option<Address>,
        /// The receiver it names.
        to: Option<Target>,
    },
    /// A known type whose fields are wrong.
    #[error("`{kind}`: {text}")]
    BadFields {
        /// The envelope's id.
        id: EnvelopeId,
        /// Its type.
        kind: String,
        /// What the parser says.
        text: String,
    },
}

impl DecodeError {
    /// What its sender is told. Never silence where a future party speaks: its call is rejected, anything else answered by a `result`.
    pub fn answer(self) -> Option<(Target, Message)> {
        let Self::UnsupportedVersion { found, id, call, kind, from: Some(from), .. } = self else { return None };
        let message = match (kind.as_str(), call) {
            ("result", _) => return None,
            ("invite", Some(call)) => Message::Reject { call, reason: EndReason::UnsupportedVersion },
            (_, call) => {
                let text = format!("version {found} is not spoken here, only {VERSION}");
                Message::Result { re: id, code: ResultCode::UnsupportedVersion, call, text }
            }
        };
        Some((from.into(), message))
    }
}

#[derive(Deserialize)]
struct Head {
    v: u32,
    #[serde(default)]
    id: Option<EnvelopeId>,
    #[serde(default)]
    from: Option<Address>,
    #[serde(default)]
    to: Option<Target>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    call: Option<CallId>,
}

#[derive(Serialize)]
struct Outgoing<'a> {
    v: u32,
    id: &'a EnvelopeId,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a Target>,
    #[serde(flatten)]
    message: &'a Message,
}

impl Envelope {
    /// Reads one envelope.
    ///
    /// # Errors
    /// See [`DecodeError`]: each case asks for another answer.
    #[expect(clippy::result_large_err, reason = "the envelope in `Ok` is larger still")]
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MAX_BYTES {
            return Err(DecodeError::TooLarge { size: bytes.len() });
        }
        let value = numbers::parse(bytes).map_err(|error| not_an_envelope(&error))?;
        let head = Head::deserialize(&value).map_err(|error| not_an_envelope(&error))?;
        if head.v != VERSION {
            return Err(DecodeError::UnsupportedVersion {
                found: head.v,
                id: head.id,
                call: head.call,
                kind: head.kind,
                to: head.to,
                from: head.from,
            });
        }
        let Some(id) = head.id else {
            return Err(DecodeError::NotAnEnvelope { text: "`id` is missing".to_owned() });
        };
        match Message::deserialize(value) {
            Ok(message) => Ok(Self { id, from: head.from, to: head.to, message }.checked(head.kind)?),
            Err(_) if !Message::TYPES.contains(&head.kind.as_str()) => {
                Err(DecodeError::UnknownType { kind: clip(&head.kind), from: head.from, to: head.to })
            }
            Err(error) => Err(DecodeError::BadFields { id, kind: head.kind, text: clip(&error.to_string()) }),
        }
    }

    /// Writes the envelope as one line of JSON.
    pub fn encode(&self) -> String {
        let outgoing = Outgoing {
            v: VERSION,
            id: &self.id,
            from: self.from.as_ref(),
            to: self.to.as_ref(),
            message: &self.message,
        };
        serde_json::to_string(&outgoing).expect("an envelope holds only text, numbers and lists")
    }

    /// Limits that the types alone do not hold.
    #[expect(clippy::result_large_err, reason = "the envelope in `Ok` is larger still")]
    fn checked(self, kind: String) -> Result<Self, DecodeError> {
        let text = match &self.message {
            Message::Invite { callees, .. } if callees.is_empty() || callees.len() > MAX_CALLEES => {
                format!("`callees` has {} entries: 1 to {MAX_CALLEES} are allowed", callees.len())
            }
            Message::Invite { remaining_ms, .. } if *remaining_ms > 600_000 => {
                format!("`remaining_ms` is {remaining_ms}: at most 600000 (10 minutes) is allowed")
            }
            Message::Picture { jpeg, .. } if jpeg.len() > MAX_PICTURE => {
                format!("`jpeg` has {} characters: at most {MAX_PICTURE} are allowed", jpeg.len())
            }
            Message::Roster { entries, .. } => match fault(entries) {
                Some(text) => text,
                None => return Ok(self),
            },
            _ => return Ok(self),
        };
        Err(DecodeError::BadFields { id: self.id, kind, text })
    }
}

fn not_an_envelope(error: &serde_json::Error) -> DecodeError {
    DecodeError::NotAnEnvelope { text: clip(&error.to_string()) }
}

fn clip(text: &str) -> String {
    text.chars().take(200).collect()
}
