//! Stories of the switchboard: no socket, no clock, no file.

mod calls;
pub(crate) mod chance;
mod desk;
mod fairness;
mod order;
mod presence;
mod waiting;
