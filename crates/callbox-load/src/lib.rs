//! Many simulated stations that call each other through a running server: how fast, how much memory, and is any call lost?
//!
//! ```text
//! plan      what will happen: arrivals by a Poisson process, who rings whom, how each call goes
//! device    one station: the real core, a simulated media edge, a simulated finger on the buttons
//! transport how a station reaches the server: one file a protocol, all behind one trait
//! ledger    what was planned against what each station saw
//! ```
//!
//! The ladder: [`plan`] ◀ [`ledger`] ◀ [`device`] ◀ [`population`] ◀ [`run`]; [`transport`] and [`tally`] stand below the device,
//! [`report`] and [`compare`] above the run.

pub mod args;
pub mod cast;
pub mod compare;
pub mod device;
pub mod ledger;
pub mod media;
pub mod network;
pub mod plan;
pub mod population;
pub mod process;
pub mod report;
pub mod run;
pub mod sdp;
pub mod tally;
pub mod transport;
