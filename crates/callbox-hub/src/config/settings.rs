//! From what is written to what is valid.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use callbox_core::ids::{AppId, UserId};
use callbox_core::ticket::SecretKey;
use toml::Spanned;

use super::error::{ConfigError, Source};
use super::{Settings, broker, raw};
use crate::server::{self, Rate};
use crate::store::Place;
use crate::switchboard::TenantSettings;
use crate::turn::{self, Turn};

/// What `limits.sessions` may be.
pub(super) const SESSIONS: RangeInclusive<u32> = 1..=100_000;

type Checked<T> = Result<T, ConfigError>;

pub(super) fn check(source: &Source<'_>, raw: raw::File) -> Checked<Settings> {
    let raw::File { server, store, broker, broker_auth, limits, ice, app } = raw;
    if app.is_empty() {
        return Err(source.whole("app", "there is none: add an [[app]] section with `id` and `key_file`"));
    }
    let listen = match &server.listen {
        None => std::net::SocketAddr::from(([127, 0, 0, 1], 8080)),
        Some(listen) => {
            text(source, "server.listen", listen, "an address and a port, as 127.0.0.1:8080 or [::]:8080", |t| {
                t.parse().ok()
            })?
        }
    };
    let heartbeat =
        Duration::from_secs(number(source, "server.heartbeat_s", server.heartbeat_s.as_ref(), 15, 1..=120)?.into());
    let max_devices = number(source, "limits.devices_per_user", limits.devices_per_user.as_ref(), 16, 1..=64)?;
    let turn = check_ice(source, &ice)?;
    let (mut apps, mut tenants) = (BTreeMap::new(), Vec::new());
    for app in &app {
        let (id, key) = check_app(source, app)?;
        if apps.insert(id, key).is_some() {
            return Err(source.error(app.id.span(), "app.id", format!("{id} is there twice: every app once")));
        }
        let user = |name| text(source, "app.users", name, "1 to 32 of A-Z a-z 0-9 _ -", |t| t.parse::<UserId>().ok());
        let settings = TenantSettings {
            users: app.users.iter().map(user).collect::<Checked<_>>()?,
            queue_group_invites: app.queue_group_invites,
            max_devices: max_devices as usize,
            renew_welcome: turn.renew_every(),
        };
        tenants.push((id, settings));
    }
    let server = server::Settings {
        apps,
        origins: server.origins.iter().map(|origin| check_origin(source, origin)).collect::<Checked<_>>()?,
        behind_proxy: server.behind_proxy,
        heartbeat,
        max_sessions: check_sessions(source, limits.sessions.as_ref())?,
        rate: check_rate(source, &limits)?,
        broker_auth: broker_auth.as_ref().map(|auth| broker::check_auth(source, auth)).transpose()?,
        demo: None,
    };
    let gateway = broker.as_ref().map(|broker| broker::check(source, broker)).transpose()?;
    if let (Some(_), Some(path)) = (&gateway, &store.path) {
        return Err(source.error(
            path.span(),
            "store.path",
            "a gateway keeps nothing, its broker does: take out this or [broker]",
        ));
    }
    if let (Some(_), Some(app)) = (&gateway, app.iter().find(|app| app.queue_group_invites)) {
        let text = "a broker never keeps invites of kind `group`: take out this or [broker]";
        return Err(source.error(app.id.span(), "app.queue_group_invites", text));
    }
    let store = match store.path.as_ref().map(|path| path.get_ref().as_str()) {
        Some(":memory:") => Place::Memory,
        path => Place::File(source.path(path.unwrap_or("hub.db"))),
    };
    Ok(Settings { listen, heartbeat, tenants, server, store, gateway, turn })
}

fn check_sessions(source: &Source<'_>, found: Option<&Spanned<i64>>) -> Checked<Option<u32>> {
    let most = |found| number(source, "limits.sessions", Some(found), 0, SESSIONS);
    found.map(most).transpose()
}

fn check_rate(source: &Source<'_>, limits: &raw::Limits) -> Checked<Rate> {
    let per_second = limits.messages_per_second.as_ref();
    let burst = limits.messages_at_once.as_ref();
    Ok(Rate {
        per_second: number(source, "limits.messages_per_second", per_second, 50, 1..=10_000)?,
        burst: number(source, "limits.messages_at_once", burst, 200, 20..=100_000)?,
    })
}

fn check_app(source: &Source<'_>, app: &raw::App) -> Checked<(AppId, SecretKey)> {
    let id = number(source, "app.id", Some(&app.id), 0, 1..=u32::MAX)?;
    let key = match (&app.key_file, &app.key) {
        (Some(file), None) => {
            let bad = |text: String| source.error(file.span(), "app.key_file", text);
            SecretKey::new(&read(&source.path(file.get_ref())).map_err(bad)?).map_err(|error| bad(error.to_string()))?
        }
        (None, Some(key)) => {
            SecretKey::new(key.get_ref()).map_err(|error| source.error(key.span(), "app.key", error.to_string()))?
        }
        (None, None) => return Err(source.error(app.id.span(), "app", "needs `key_file` (or `key`)")),
        (Some(_), Some(key)) => {
            return Err(source.error(key.span(), "app.key", "either `key_file` or `key`, not both"));
        }
    };
    Ok((AppId(id), key))
}

fn check_ice(source: &Source<'_>, ice: &raw::Ice) -> Checked<turn::Settings> {
    let url = |key: &'static str, schemes: &'static [&'static str], allowed: &'static str| {
        move |url: &Spanned<String>| {
            let fits =
                |t: &str| schemes.iter().any(|scheme| t.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
            text(source, key, url, allowed, |t| fits(t).then(|| t.to_owned()))
        }
    };
    let stun =
        ice.stun.iter().map(url("ice.stun", &["stun:", "stuns:"], "stun:HOST[:PORT]")).collect::<Checked<_>>()?;
    let lifetime = number(source, "ice.turn_lifetime_s", ice.turn_lifetime_s.as_ref(), 86_400, 600..=604_800)?;
    let turn = match (&ice.turn, &ice.turn_secret_file) {
        (None, None) => None,
        (Some(urls), None) => return Err(source.error(urls.span(), "ice.turn", "needs `turn_secret_file` beside it")),
        (None, Some(file)) => return Err(source.error(file.span(), "ice.turn_secret_file", "needs `turn` beside it")),
        (Some(urls), Some(file)) => {
            let allowed = "turn:HOST[:PORT][?transport=udp|tcp] or turns:…";
            let urls = urls
                .get_ref()
                .iter()
                .map(url("ice.turn", &["turn:", "turns:"], allowed))
                .collect::<Checked<Vec<_>>>()?;
            let bad = |text: String| source.error(file.span(), "ice.turn_secret_file", text);
            let secret = read(&source.path(file.get_ref())).map_err(bad)?.trim().to_owned();
            if secret.is_empty() {
                return Err(bad("the file is empty: put coturn's `static-auth-secret` into it".to_owned()));
            }
            Some(Turn { urls, secret, lifetime: Duration::from_secs(lifetime.into()) })
        }
    };
    Ok(turn::Settings { stun, turn })
}

fn check_origin(source: &Source<'_>, origin: &Spanned<String>) -> Checked<String> {
    let host = |t: &str| t.strip_prefix("https://").or(t.strip_prefix("http://")).map(str::to_owned);
    text(source, "server.origins", origin, "https://HOST[:PORT] without a path", |t| {
        host(t).filter(|host| !host.is_empty() && !host.contains('/')).map(|_| t.to_owned())
    })
}

pub(super) fn read(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))
}

pub(super) fn text<T>(
    source: &Source<'_>,
    key: &str,
    found: &Spanned<String>,
    allowed: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Checked<T> {
    let bad = || source.error(found.span(), key, format!("found `{}`, allowed is {allowed}", found.get_ref()));
    parse(found.get_ref()).ok_or_else(bad)
}

pub(super) fn number(
    source: &Source<'_>,
    key: &str,
    found: Option<&Spanned<i64>>,
    default: u32,
    allowed: RangeInclusive<u32>,
) -> Checked<u32> {
    let Some(found) = found else { return Ok(default) };
    let fits = u32::try_from(*found.get_ref()).ok().filter(|value| allowed.contains(value));
    fits.ok_or_else(|| {
        let text = format!("found {}, allowed is {} to {}", found.get_ref(), allowed.start(), allowed.end());
        source.error(found.span(), key, text)
    })
}
