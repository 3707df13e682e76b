//! The seam between a station and the way its messages travel. One file a protocol; nothing above it knows which.

pub mod mqtt;
pub mod websocket;

use std::time::Duration;

use callbox_core::ids::{Address, AppId, DeviceId, EnvelopeId, Target, UserId};
use callbox_core::protocol::{Agent, Bye, Message, ResultCode};

/// Who connects, and the proof.
#[derive(Clone)]
pub struct Login {
    /// The tenant.
    pub app: AppId,
    /// The user.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
    /// The proof.
    pub ticket: String,
    /// What the device claims to run.
    pub agent: Agent,
}

/// What comes in from a connection.
#[derive(Debug)]
pub enum Heard {
    /// A message of another device; the server vouches for the sender.
    Message {
        /// Tells a repeated one.
        id: EnvelopeId,
        /// The sender.
        from: Address,
        /// What it says.
        message: Message,
    },
    /// A device that is watched came or went.
    Presence {
        /// The device.
        peer: Address,
        /// Whether it is there.
        online: bool,
    },
    /// A message of ours was not simply delivered.
    Refused {
        /// How it fared.
        code: ResultCode,
        /// Why.
        text: String,
    },
}

/// Why there is no connection (any more).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// No connection at all.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The server said goodbye.
    #[error("the server said goodbye: {reason:?} {text}")]
    Bye {
        /// Why.
        reason: Bye,
        /// In words.
        text: String,
    },
    /// The connection broke.
    #[error("connection lost: {0}")]
    Broken(String),
    /// Nothing came for too long.
    #[error("no sign of the server for {0:?}")]
    Silent(Duration),
    /// The server sent what the core cannot read.
    #[error("not understood: {0}")]
    Garbled(String),
}

/// A way to reach the server.
pub trait Transport: Clone + Send + Sync + 'static {
    /// One device's connection.
    type Wire: Wire;

    /// Connects and logs in; within 15 seconds.
    fn connect(&self, login: &Login) -> impl Future<Output = Result<Self::Wire, Lost>> + Send;
}

/// One device's connection. Each method ends by its own deadline.
pub trait Wire: Send + 'static {
    /// The next thing that comes in. Loses nothing when dropped unfinished.
    fn hear(&mut self) -> impl Future<Output = Result<Heard, Lost>> + Send;

    /// Takes a message that is to leave with the next flush.
    fn say(&mut self, to: Target, message: Message) -> impl Future<Output = Result<(), Lost>> + Send;

    /// Watches exactly these users; leaves with the next flush.
    fn watch(&mut self, users: Vec<UserId>) -> impl Future<Output = Result<(), Lost>> + Send;

    /// Sends what was taken.
    fn flush(&mut self) -> impl Future<Output = Result<(), Lost>> + Send;

    /// Says goodbye.
    fn close(self) -> impl Future<Output = ()> + Send;
}
