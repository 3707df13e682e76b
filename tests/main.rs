//! Everything that is tested from outside, in one binary, so that the linker runs once.

mod config;
mod documents;
mod layers;
mod media_cycles;
mod media_degraded;
mod media_loopback;
mod media_timing;
mod media_wire;
mod shell;
mod control;
mod fake_hub;
mod signaling;
mod mosquitto;
mod mqtt;
mod mqtt_daemons;
mod mqtt_panel;
