//! One device's call logic: inputs in, effects out.
mod effect;
mod input;
pub use effect::{CallRecord, Direction, Effect, Flow, MediaOrder, Timing, Tone};
pub use input::{Action, Input, LinkEvent, LinkFailure};
