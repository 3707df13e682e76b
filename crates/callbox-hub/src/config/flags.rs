//! Settings from the command line, alone or over a file.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use callbox_core::ids::AppId;
use callbox_core::ticket::SecretKey;

use super::Settings;
use super::error::{ConfigError, Place};
use super::files::Files;
use super::settings::SESSIONS;
use crate::server::{self, Proxies, Rate};
use crate::switchboard::TenantSettings;
use crate::{store, turn};

/// The app of a demo that names none.
const DEMO_APP: AppId = AppId(1_400_000_000);

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--listen`.
    pub listen: Option<SocketAddr>,
    /// `--app`.
    pub app: Option<u32>,
    /// `--key-file`.
    pub key_file: Option<PathBuf>,
    /// `--store`.
    pub store: Option<String>,
    /// `--sessions`.
    pub sessions: Option<u32>,
    /// `--demo`.
    pub demo: bool,
}

impl Flags {
    /// The settings they make.
    ///
    /// # Errors
    /// [`ConfigError`] says which flag is wrong and what to do.
    pub fn settings(&self) -> Result<Settings, ConfigError> {
        let mut settings = match &self.config {
            Some(file) => Settings::load(file)?,
            None => self.without_file()?,
        };
        if let Some(listen) = self.listen {
            settings.listen = listen;
        }
        match self.store.as_deref() {
            Some(":memory:") => settings.store = store::Place::Memory,
            Some(path) => settings.store = store::Place::File(path.into()),
            None => {}
        }
        if let Some(sessions) = self.sessions {
            if !SESSIONS.contains(&sessions) {
                let text = format!("found {sessions}, allowed is {} to {}", SESSIONS.start(), SESSIONS.end());
                return Err(wrong("--sessions", text));
            }
            settings.server.max_sessions = Some(sessions);
        }
        if self.demo {
            if !settings.listen.ip().is_loopback() {
                let text = format!(
                    "a demo hands out tickets to whoever asks, so it listens on a loopback address only, not on {}",
                    settings.listen
                );
                return Err(wrong("--demo", text));
            }
            settings.server.demo = settings.server.apps.keys().next().copied();
        }
        Ok(settings)
    }

    fn without_file(&self) -> Result<Settings, ConfigError> {
        let app = match (self.app, self.demo) {
            (Some(0), _) => return Err(wrong("--app", "found 0, allowed is 1 to 4294967295")),
            (Some(app), _) => AppId(app),
            (None, true) => DEMO_APP,
            (None, false) => {
                return Err(wrong("run", "give --config FILE, or --app NUMBER --key-file FILE, or --demo"));
            }
        };
        let mut files = Files::default();
        let key = match (&self.key_file, self.demo) {
            (Some(file), _) => files
                .key(file)
                .map_err(|text| ConfigError { may_heal: files.lacks_one, ..wrong("--key-file", text) })?,
            (None, true) => {
                let key = random_key().map_err(|error| wrong("--demo", error.to_string()))?;
                SecretKey::new(&key).map_err(|error| wrong("--demo", error.to_string()))?
            }
            (None, false) => {
                return Err(wrong("--key-file", "is missing: a file with the app's secret key in one line"));
            }
        };
        let heartbeat = Duration::from_secs(15);
        Ok(Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            heartbeat,
            tenants: vec![(app, TenantSettings::default())],
            server: server::Settings {
                apps: BTreeMap::from([(app, key.into())]),
                origins: Vec::new(),
                proxies: Proxies::In(Vec::new()),
                heartbeat,
                max_sessions: None,
                rate: Rate { per_second: 50, burst: 200 },
                broker_auth: None,
                demo: None,
            },
            store: store::Place::Memory,
            gateway: None,
            turn: turn::Settings::default(),
            warnings: files.warnings,
        })
    }
}

/// A new secret key: 64 hexadecimal digits of the system's randomness.
///
/// # Errors
/// When the system has none.
pub fn random_key() -> io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn wrong(flag: &str, text: impl Into<String>) -> ConfigError {
    ConfigError { place: Place::Flags, key: flag.to_owned(), text: text.into(), may_heal: false }
}
