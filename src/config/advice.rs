//! What is allowed and yet unwise, or what the machine lacks: `callbox check` and `callbox doctor` say it, and no daemon stays down for it.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use callbox_core::station::MayOpen;
use callbox_core::ticket;

use super::{Settings, named};
use crate::signaling::{Server, Settings as Signaling, TicketSource};

/// A ticket that lives longer is hard to take back when its board is lost.
const LONGEST_TICKET: u64 = 366 * 24 * 60 * 60;
/// A shorter key can be found by trying.
const SHORTEST_KEY: usize = 16;
/// A file that somebody else than its owner may read, write or run.
const OTHERS: u32 = 0o077;

/// The key of advice about the time zone.
pub const TIME_ZONE: &str = "do_not_disturb.time_zone";

/// One piece of advice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The key it is about.
    pub key: &'static str,
    /// What was found, and why it matters.
    pub found: String,
    /// What to do.
    pub fix: String,
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.key, self.found, self.fix)
    }
}

/// Looks at settings, and at the files they name.
pub fn advice(settings: &Settings) -> Vec<Advice> {
    let mut advice: Vec<Advice> = Vec::new();
    let signaling = &settings.signaling;
    advice.extend(open_ways(signaling));
    advice.extend(ticket(signaling));
    advice.extend(readable(settings));
    if settings.policy.door.as_ref().is_some_and(|door| door.allow == MayOpen::Everybody) {
        let found = "[\"*\"]: whoever rings, or answers, this panel can open the door".to_owned();
        advice.push(Advice { key: "door.allow", found, fix: "name the users who may".to_owned() });
    }
    advice.extend(ports(settings));
    if let Some(fault) = &settings.time_zone.fault {
        advice.push(Advice { key: TIME_ZONE, found: fault.clone(), fix: settings.time_zone.remedy() });
    }
    advice
}

/// Passwords, tickets and who calls whom, readable for everybody on the way.
fn open_ways(signaling: &Signaling) -> Vec<Advice> {
    let mut advice = Vec::new();
    for server in [Some(&signaling.server), signaling.standby.as_ref()].into_iter().flatten() {
        match server {
            Server::Hub(url) if !url.is_secure() && !url.is_loopback() => advice.push(Advice {
                key: "signaling.websocket.url",
                found: format!("{}: the ticket goes to another machine unencrypted", url.as_str()),
                fix: "use wss://".to_owned(),
            }),
            Server::Brokers(brokers) => {
                let open = brokers.urls.iter().filter(|url| !url.is_secure() && !url.is_loopback());
                advice.extend(open.map(|url| Advice {
                    key: "signaling.mqtt.brokers",
                    found: format!("{}: the ticket goes to another machine unencrypted", url.as_str()),
                    fix: "use mqtts://".to_owned(),
                }));
            }
            Server::Hub(_) => {}
        }
    }
    advice
}

fn ticket(signaling: &Signaling) -> Option<Advice> {
    let (key, path) = source(signaling);
    if let (TicketSource::KeyFile(_), Some(path)) = (&signaling.ticket, path) {
        // A key that cannot be read is another matter: it is told as such.
        let secret = std::fs::read_to_string(path).ok()?;
        let length = secret.trim().len();
        return (length < SHORTEST_KEY).then(|| Advice {
            key,
            found: format!("a key of {length} characters can be found by trying"),
            fix: format!("take one of at least {SHORTEST_KEY}, here and at the server"),
        });
    }
    let text = signaling.ticket.ticket(signaling.app, &signaling.user).ok()?;
    let claims = ticket::read(&text).ok()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let days = claims.expires_at().saturating_sub(now) / (24 * 60 * 60);
    (claims.expire > LONGEST_TICKET && days > 0).then(|| Advice {
        key,
        found: format!("a ticket that is good for {days} days: whoever gets hold of it can be this panel for so long"),
        fix: "make one with --expire 15552000 (half a year), and a new one in time".to_owned(),
    })
}

/// Secrets that others than their owner may read.
fn readable(settings: &Settings) -> Vec<Advice> {
    let (key, path) = source(&settings.signaling);
    let brokers = [Some(&settings.signaling.server), settings.signaling.standby.as_ref()];
    let identities = brokers.into_iter().flatten().filter_map(|server| match server {
        Server::Brokers(brokers) => brokers.identity.as_ref(),
        Server::Hub(_) => None,
    });
    let files = path.map(|path| (key, path)).into_iter();
    let files = files.chain(identities.map(|identity| ("signaling.mqtt.client_key", identity.key.as_path())));
    let records = settings.records.path.as_deref().map(|path| ("records.path", path));
    let album = settings.album.path.as_deref().map(|path| ("snapshots.path", path));
    let config = settings.file.as_deref().filter(|_| settings.holds_secrets()).map(|path| ("user.ticket", path));
    let all = files.chain(records).chain(album).chain(config);
    all.filter_map(|(key, path)| {
        let mode = std::fs::metadata(path).ok()?.mode();
        (mode & OTHERS != 0).then(|| Advice {
            key,
            found: format!("{}: other users of this machine may read it (mode {:03o})", path.display(), mode & 0o777),
            fix: format!("sudo chmod go= {}", path.display()),
        })
    })
    .collect()
}

/// Each device that rings needs a port of its own.
fn ports(settings: &Settings) -> Option<Advice> {
    let (first, last) = settings.media.ports?;
    let (there, users) = (usize::from(last - first) + 1, named::largest_group(&settings.panel));
    // A phone and a browser each, and one more for a link that replaces another.
    let needed = 2 * users + 1;
    (there < needed).then(|| Advice {
        key: "network.ports",
        found: format!(
            "{there} ports, and {users} users are rung at once: each device that rings needs one, so at least {needed} \
             where each user has two devices; those without a port stay without sound and picture"
        ),
        fix: format!("ports = [{first}, {}] or more", usize::from(first) + needed - 1),
    })
}

fn source(signaling: &Signaling) -> (&'static str, Option<&Path>) {
    match &signaling.ticket {
        TicketSource::Ticket(_) => ("user.ticket", None),
        TicketSource::File(path) => ("user.ticket_file", Some(path)),
        TicketSource::KeyFile(path) => ("user.key_file", Some(path)),
    }
}
