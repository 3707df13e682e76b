//! Configuration in two steps: the file word for word, then settings that are valid by construction.

mod apps;
mod broker;
mod error;
mod files;
mod flags;
mod raw;
mod settings;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use callbox_core::ids::AppId;

pub use error::ConfigError;
pub use files::read_key;
pub use flags::{Flags, random_key};

use crate::switchboard::TenantSettings;
use crate::{gateway, server, store, turn};
use error::{Place, Source};
use files::Files;

/// The annotated default, as installed and as printed by `callbox-hub defaults`.
pub const DEFAULTS: &str = include_str!("../../../../config/hub.toml");

/// Everything the hub needs to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How often a session is pinged.
    pub heartbeat: Duration,
    /// How each app is run.
    pub tenants: Vec<(AppId, TenantSettings)>,
    /// For the server.
    pub server: server::Settings,
    /// For the store; unused by a gateway.
    pub store: store::Place,
    /// The hub is a gateway to a broker.
    pub gateway: Option<gateway::Settings>,
    /// For STUN and TURN.
    pub turn: turn::Settings,
    /// What is allowed, and unwise.
    pub warnings: Vec<String>,
}

impl Settings {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`] names file, line, key, what was found and what is allowed.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = files::read_config(file).map_err(|(text, may_heal)| ConfigError {
            place: Place::File(file.to_owned()),
            key: String::new(),
            text,
            may_heal,
        })?;
        Self::parse(file, &text)
    }

    fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let source = Source { file, text };
        let raw: raw::File = toml::from_str(text).map_err(|error| {
            let message = error.message().to_owned();
            match error.span() {
                Some(span) => source.error(span, "", message),
                None => source.whole("", message),
            }
        })?;
        let mut files = Files::default();
        // The first mistake is the one that is told.
        let checked = settings::check(&source, raw, &mut files);
        checked.map_err(|error| ConfigError { may_heal: files.lacks_one, ..error })
    }
}

#[cfg(test)]
mod tests;
