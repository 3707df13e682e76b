//! Callbox's pure core: the protocol, the ticket and the station. No clock, socket, file, thread, runtime or logger.
//!
//! Everything flows one way: **edge → [`station::Input`] → [`station::Station`] → [`station::Effect`] → edge**.

mod bucket;
pub mod client;
pub mod coalesce;
pub mod ice;
pub mod ids;
pub mod protocol;
pub mod roster;
pub mod station;
pub mod text;
pub mod ticket;
