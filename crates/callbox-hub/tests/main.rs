//! The hub as its clients see it: a real socket on loopback.

mod calls;
mod client;
mod document;
mod house;
mod misuse;
mod sessions;
