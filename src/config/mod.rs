//! The configuration, in two steps: the file word for word ([`raw`]), then settings that are valid by construction.
//!
//! Nothing is guessed: an unknown key, a wrong type or a value out of range refuses the whole file, with file, line, key, what was
//! found and what is allowed. All mistakes of a file are told at once.

mod advice;
mod buttons;
mod call;
mod callers;
mod check;
mod devices;
mod door;
mod error;
mod named;
mod network;
mod raw;
mod server;
mod user;
mod zone;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use callbox_core::protocol::IceServer;
use callbox_core::station::Policy;

use crate::{album, control, media, panel, record, signaling, text_file};

use check::Check;

pub use advice::{Advice, TIME_ZONE, advice};
pub use error::{ConfigError, Problem};
pub use zone::Zone;

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
    pub time_zone: Zone,
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
    /// Where they were read, if that is a file.
    pub file: Option<PathBuf>,
}

impl Settings {
    /// Reads a file for a daemon that is to run by it. The files that it names may be absent, or not right, now: whoever needs them
    /// reads them again, and says so meanwhile.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = read(path)?;
        let mut check = Check::new(&text, base(path));
        let settings = build(&mut check).map(|settings| Self { file: Some(path.to_owned()), ..settings });
        check.finish(path, settings)
    }

    /// Reads a file and checks it, and the ticket or key it names, for a person who asks whether all is well.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong.
    pub fn examine(path: &Path) -> Result<Self, ConfigError> {
        let text = read(path)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut check = Check::new(&text, base(path));
        let settings = build(&mut check).map(|settings| Self { file: Some(path.to_owned()), ..settings });
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

impl Settings {
    /// Whether the file itself holds what nobody else may know.
    fn holds_secrets(&self) -> bool {
        let is_inline = matches!(self.signaling.ticket, signaling::TicketSource::Ticket(_));
        is_inline || self.ice_servers.iter().any(|server| server.credential.is_some())
    }
}

/// A file in another encoding stays wrong until somebody edits it; one that cannot be read may be there at the next start.
fn read(path: &Path) -> Result<String, ConfigError> {
    text_file::read(path).map_err(|source| {
        let path = path.to_owned();
        if source.kind() == std::io::ErrorKind::InvalidData {
            let problem = Problem { line: None, key: String::new(), found: source.to_string(), allowed: String::new() };
            return ConfigError::Wrong { path, problems: vec![problem] };
        }
        ConfigError::Unreadable { path, source }
    })
}

fn base(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
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
    let named = named::by(&panel, &policy);
    policy.callers.allow = match &raw.callers.allow {
        Some(list) => named::listed(check, "callers.allow", list),
        None => named::callers(&named, &policy),
    };
    policy.trusted = match &raw.call.trusted {
        Some(list) => named::listed(check, "call.trusted", list),
        None => Some(named),
    };
    buttons::lines_once(check, &raw);
    let mut media = media::Settings::default();
    devices::devices(check, &raw, &mut media);
    devices::video(check, &raw, &mut media);
    let ice_servers = network::network(check, &raw.network, &mut media);
    let control = network::control(check, &raw.control);
    let records = network::records(check, &raw.records);
    let album = network::snapshots(check, &raw.snapshots, &mut media);
    let log = network::log(check, &raw.log);
    let file = None;
    let signaling = signaling?;
    Some(Settings { signaling, media, ice_servers, policy, time_zone, panel, control, records, album, log, file })
}
