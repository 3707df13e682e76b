//! Everything that is tested from outside, in one binary, so that the linker runs once.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails; its figures are printed; hosts are addresses of this machine"
)]

mod config;
mod control;
mod doctor;
mod documents;
mod door;
mod fake_hub;
mod layers;
mod media_border;
mod media_cost;
mod media_cycles;
mod media_degraded;
mod media_loopback;
mod media_mesh;
mod media_relay;
mod media_rtsp;
mod media_screen;
mod media_street;
mod media_timing;
mod media_wire;
#[allow(dead_code, reason = "the hub's tests use more of it")]
mod mosquitto;
mod mqtt;
mod mqtt_daemons;
mod mqtt_panel;
mod quiet;
mod shell;
mod signaling;
mod skip;
mod standby;
mod units;
