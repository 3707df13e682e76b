//! Connects to a host by its name, over TCP and TLS, for every program of Callbox.
//!
//! ```text
//! dial(host, port, limit)   -> a connected TCP stream: RFC 8305 over all addresses of the name
//! race(addresses, connect)  the same for any other way to connect, such as a datagram that is answered; look_up(..) gives addresses
//! tls::client(trust)        -> a rustls configuration; reads files, so call it where blocking is allowed
//! ```
//!
//! A program that connects by itself (`TcpStream::connect`) waits for the first address of a name for minutes when that address
//! swallows packets. `.clippy.toml` therefore bans those functions outside this crate.

mod address;
mod dial;
mod race;
pub mod tls;

pub use dial::{DialError, Dialled, Resolve, System, dial, dial_with, look_up};
pub use race::{Attempt, Lost, Won, race};
