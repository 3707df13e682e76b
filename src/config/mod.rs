//! The configuration, in two steps: the file word for word ([`raw`]), then settings that are valid by construction.
//!
//! Nothing is guessed: an unknown key, a wrong type or a value out of range refuses the whole file, with file, line, key, what was
//! found and what is allowed. All mistakes of a file are told at once.

mod buttons;
mod call;
mod callers;
mod check;
mod devices;
mod door;
mod error;
mod network;
mod raw;
mod server;
mod user;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use callbox_core::protocol::IceServer;
use callbox_core::station::Policy;
use jiff::tz::TimeZone;

use crate::{album, control, media, panel, record, signaling};

use check::Check;

pub use error::{ConfigError, Problem};

/// The annotated default: installed, embedded and printed from one file.
pub const DEFAULTS: &str = include_str!("../../config/callbox.toml");

/// Where the daemon looks when it is not told.
pub const DEFAULT_PATH: &str = "/etc/callbox/callbox.toml";

/// Everything the daemon needs, valid.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who we are and where the hub, or a broker, is.
    pub signaling: signaling::Settings,
    /// Devices, sizes, codecs.
    pub media: media::Settings,
    /// Our own STUN and TURN servers, beside those of the hub.
    pub ice_servers: Vec<IceServer>,
    /// How calls are treated.
    pub policy: Policy,
    /// Where the clock hangs that the policy goes by.
    pub time_zone: TimeZone,
    /// Buttons.
    pub panel: panel::Settings,
    /// The control socket.
    pub control: control::Settings,
    /// Call records.
    pub records: record::Settings,
    /// Pictures of visitors.
    pub album: album::Settings,
    /// What is logged: a level, or directives of `tracing`'s `EnvFilter`.
    pub log: String,
}

impl Settings {
    /// Reads a file and checks it, and the ticket or key it names.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let base = path.parent().map(Path::to_owned).unwrap_or_default();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut check = Check::new(&text, base);
        let settings = build(&mut check);
        if let Some(settings) = &settings {
            user::check_ticket(&mut check, &settings.signaling, now);
        }
        check.finish(path, settings)
    }

    /// Checks a text alone: no file is opened. Relative paths in it are taken from `base`.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong; `name` stands for the file.
    pub fn parse(name: &Path, text: &str, base: PathBuf) -> Result<Self, ConfigError> {
        let mut check = Check::new(text, base);
        let settings = build(&mut check);
        check.finish(name, settings)
    }
}

fn build(check: &mut Check<'_>) -> Option<Settings> {
    let raw: raw::File = match toml::from_str(check.text()) {
        Ok(raw) => raw,
        Err(error) => {
            check.syntax(&error);
            return None;
        }
    };
    let signaling = user::signaling(check, &raw.user, &raw.signaling);
    let mut policy = call::policy(check, &raw.call);
    let mut panel = buttons::panel(check, &raw);
    policy.callers = callers::callers(check, &raw.callers);
    policy.auto_answer = callers::auto_answer(check, &raw);
    let (quiet, time_zone) = callers::quiet(check, &raw.do_not_disturb);
    policy.quiet = quiet;
    (policy.door, panel.door) = door::door(check, raw.door.as_ref()).unzip();
    buttons::lines_once(check, &raw);
    let mut media = media::Settings::default();
    devices::devices(check, &raw, &mut media);
    devices::video(check, &raw, &mut media);
    let ice_servers = network::network(check, &raw.network, &mut media);
    let control = network::control(check, &raw.control);
    let records = network::records(check, &raw.records);
    let album = network::snapshots(check, &raw.snapshots, &mut media);
    let log = network::log(check, &raw.log);
    Some(Settings { signaling: signaling?, media, ice_servers, policy, time_zone, panel, control, records, album, log })
}
