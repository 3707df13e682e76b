//! The hub as its clients see it: a real socket on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails; hosts are addresses of this machine"
)]

mod broker_auth;
mod calls;
mod client;
mod command;
mod document;
mod edge;
mod gateway;
mod house;
mod misuse;
#[allow(dead_code, reason = "the daemon's tests use more of it")]
#[path = "../../../tests/mosquitto.rs"]
mod mosquitto;
mod process;
mod sessions;
#[path = "../../../tests/skip.rs"]
mod skip;
