//! The control edge: a Unix socket that speaks JSON lines, one request and one answer each; `monitor` goes on.
//!
//! ```text
//! {"do":"call","users":["flat-3"],"media":"video"}   →  {"ok":true,"view":{…}}
//! {"do":"accept"}                                     →  {"ok":false,"error":"…","view":{…}}
//! {"do":"monitor"}                                    →  {"ok":true}  and then one line for each event
//! ```

mod client;
mod server;
mod wire;

use std::path::PathBuf;

pub use client::{Client, ClientError};
pub use server::{Asked, Control, ControlError};
pub use wire::{Answer, Picture, Request, Volume};

/// Where the socket is when nobody says otherwise.
pub const DEFAULT_SOCKET: &str = "/run/callbox/control.sock";

/// Where the socket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Its path.
    pub socket: PathBuf,
}
