//! The Callbox daemon: edges around the pure station of `callbox-core`. See `docs/architecture.md` for the ladder.

pub mod album;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod daemon;
pub mod demo;
pub mod doctor;
pub mod fault;
pub mod journald;
pub mod media;
pub mod missed;
pub mod network;
pub mod panel;
pub mod record;
pub mod rung;
pub mod signaling;
pub mod text_file;
pub mod ticket_cli;
