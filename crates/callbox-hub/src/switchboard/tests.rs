//! Stories of the switchboard: no socket, no clock, no file.

mod calls;
pub(crate) mod chance;
mod desk;
mod order;
mod presence;
mod waiting;
