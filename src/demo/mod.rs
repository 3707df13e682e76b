//! Demonstrations.

/// `callbox demo`
#[derive(Debug, clap::Args)]
pub struct DemoArgs {}

/// Runs it.
pub fn demo(_args: DemoArgs) -> u8 {
    1
}
