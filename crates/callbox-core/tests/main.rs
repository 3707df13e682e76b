//! Stations among each other: stories on a street that exists only in memory, any order of any inputs, and every order of a few.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod any_order;
mod model;
mod roster;
mod stories;
mod street;
