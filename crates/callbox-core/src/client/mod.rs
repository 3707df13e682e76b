//! What every client of a hub or a broker keeps, whatever carries its messages: what waits to be sent, who is there, which
//! envelopes were seen, which calls reached nobody, how long to stay away. Time and chance come in as arguments.

mod backoff;
mod candidates;
mod missed_budget;
mod missed_notes;
mod outbox;
mod own_calls;
mod presence;
mod seen;

pub use backoff::Backoff;
pub use missed_budget::MissedBudget;
pub use missed_notes::MissedNotes;
pub use outbox::{Addressed, Outbox, overtakes, receiver};
pub use own_calls::OwnCalls;
pub use presence::Presence;
pub use seen::Seen;
