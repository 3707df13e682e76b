//! What travels between two parties: one JSON envelope, the same bytes on WebSocket and MQTT. The text is `docs/protocol.md`.

mod door;
mod envelope;
mod message;
mod numbers;
mod reason;
mod result;
mod roster;
mod types;
mod values;

pub use door::{DoorState, UNLOCK};
pub use envelope::{DecodeError, Envelope, MAX_BYTES, MAX_CALLEES, VERSION};
pub use message::Message;
pub use reason::EndReason;
pub use result::ResultCode;
pub use roster::{Invited, MAX_ENTRY_NUMBER, MAX_MEMBERS, MAX_ROSTER, RosterEntry};
pub use values::{Agent, Bye, EarlyMedia, IceServer, Kind, ListedUser, Media, PictureSize};

/// The most characters of a [`Message::Picture`].
pub const MAX_PICTURE: usize = 32 * 1024;
