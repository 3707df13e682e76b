//! Everything that is tested from outside, in one binary, so that the linker runs once.

mod config;
mod documents;
mod layers;
mod media_loopback;
mod shell;
