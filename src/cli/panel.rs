//! `callbox panel`: what can be done to the panel without a daemon.

use std::path::Path;

use clap::Subcommand;

use super::print::complain;
use super::{ConfigArgs, REFUSED, USAGE};
use crate::config::Settings;
use crate::{panel, text_file};

#[derive(Debug, Subcommand)]
pub(super) enum PanelCommand {
    /// Switch the door relay off: what a service does when its daemon ended, however it ended
    RelayOff(ConfigArgs),
}

pub(super) fn run(command: &PanelCommand) -> u8 {
    match command {
        PanelCommand::RelayOff(args) => relay_off(&args.config),
    }
}

/// Needs nothing of the configuration but the relay: a ticket that has expired does not keep a door open.
fn relay_off(config: &Path) -> u8 {
    let text = match text_file::read(config) {
        Ok(text) => text,
        Err(error) => return complain(&format!("{}: {error}", config.display()), USAGE),
    };
    let base = config.parent().map(Path::to_owned).unwrap_or_default();
    let door = match Settings::parse(config, &text, base) {
        Ok(settings) => settings.panel.door,
        Err(error) => return complain(&error, USAGE),
    };
    match door.map(|door| panel::relay_off(&door.relay.relay)) {
        None | Some(Ok(())) => 0,
        Some(Err(error)) => complain(&format!("door relay: {error}"), REFUSED),
    }
}
