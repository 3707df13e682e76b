//! What every client of a hub or a broker keeps, whatever carries its messages: what waits to be sent, who is there, which
//! envelopes were seen, how long to stay away. Time and chance come in as arguments.

mod backoff;
mod candidates;
mod outbox;
mod own_calls;
mod presence;
mod seen;

pub use backoff::Backoff;
pub use outbox::{Addressed, Outbox, overtakes, receiver};
pub use own_calls::OwnCalls;
pub use presence::Presence;
pub use seen::Seen;
