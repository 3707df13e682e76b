//! The hub as its clients see it: a real socket on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod calls;
mod client;
mod command;
mod document;
mod house;
mod misuse;
mod sessions;
