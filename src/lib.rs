//! The Callbox daemon: edges around the pure station of `callbox-core`. See `docs/architecture.md` for the ladder.

pub mod media;
