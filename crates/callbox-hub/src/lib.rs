//! Callbox's signalling hub: it knows who is there, passes messages on, and keeps an invite until its callee is back.
//!
//! The ladder: [`switchboard`] decides and touches nothing; [`store`], [`turn`] and [`server`] are its edges and do not know
//! each other; [`gateway`] stands in the switchboard's place where a broker keeps what is kept; [`config`] knows what each of them
//! needs; [`hub`] is where they meet.

pub mod cli;
pub mod config;
pub mod gateway;
pub mod hub;
pub mod server;
pub mod store;
pub mod switchboard;
pub mod turn;
