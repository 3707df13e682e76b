//! Stories of the switchboard: no socket, no clock, no file.

mod calls;
mod desk;
mod order;
mod presence;
mod waiting;
