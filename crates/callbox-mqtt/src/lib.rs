//! A device's session at an MQTT 5 broker: find a broker that answers, log in, carry envelopes both ways.
//!
//! A broker knows nothing of calls. What a hub does for a device is done here with MQTT's own means: the topic proves the sender,
//! message expiry is an invite's remaining time, the persistent session keeps invites for who is away, retained messages
//! and the last will are presence. `docs/protocol.md`, section 12, is the reference.
//!
//! The panel's daemon, a hub that is a gateway and the load generator all speak MQTT with this package and nothing else:
//!
//! ```text
//! Connection::open(login, brokers, tls, password, clean_start)
//!     .resume(..)   for every connection after one that was up: who logged in later stays
//!     .next()       -> Event: up, a peer's message, presence, how a message of ours fared; or why it ended
//!     .publish(..)  an envelope, while there is room; answered by Event::Acknowledged with its id
//!     .watch(..)    whose presence to hear of
//!     .close()      says good-bye, so that the last will stays untold
//! ```
//!
//! It does not connect again by itself: whoever holds it decides when (`callbox_core::client::Backoff`), and what was not
//! acknowledged is sent again (`callbox_core::client::Outbox`).

mod broker;
mod burst;
mod connection;
mod delivery;
mod end;
mod event;
mod instance;
mod knock;
mod link;
mod opened;
mod options;
mod renewal;
mod tls;
pub mod topic;
mod wire;

pub use broker::{Account, BadBroker, BrokerUrl, Brokers, Identity};
pub use connection::Connection;
pub use end::End;
pub use event::{Event, Outcome};
pub use instance::Instance;
pub use knock::{Knocked, knock};
pub use opened::Opened;
pub use options::Login;
pub use renewal::Renewal;
pub use tls::{Tls, TlsError};
pub use topic::Party;
