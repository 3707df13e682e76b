//! From what is written to what is valid.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use callbox_core::ice::{IceKind, IceUrl};
use callbox_core::ids::UserId;
use toml::Spanned;

use super::error::{ConfigError, Source};
use super::files::Files;
use super::{Settings, apps, broker, raw};
use crate::server::{self, Network, Origin, Proxies, Rate};
use crate::store::Place;
use crate::switchboard::TenantSettings;
use crate::turn::{self, Turn};

/// What `limits.sessions` may be.
pub(super) const SESSIONS: RangeInclusive<u32> = 1..=100_000;

type Checked<T> = Result<T, ConfigError>;

pub(super) fn check(source: &Source<'_>, raw: raw::File, files: &mut Files) -> Checked<Settings> {
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
    let turn = check_ice(source, &ice, files)?;
    let (mut accepted, mut tenants) = (BTreeMap::new(), Vec::new());
    for app in &app {
        let (id, rules) = apps::check(source, app, files)?;
        if accepted.insert(id, rules).is_some() {
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
        apps: accepted,
        origins: server.origins.iter().map(|origin| check_origin(source, origin)).collect::<Checked<_>>()?,
        proxies: check_proxies(source, &server)?,
        heartbeat,
        max_sessions: check_sessions(source, limits.sessions.as_ref())?,
        rate: check_rate(source, &limits)?,
        broker_auth: broker_auth.as_ref().map(|auth| broker::check_auth(source, auth, files)).transpose()?,
        demo: None,
    };
    let gateway = broker.as_ref().map(|broker| broker::check(source, broker, files)).transpose()?;
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
    Ok(Settings {
        listen,
        heartbeat,
        tenants,
        server,
        store,
        gateway,
        turn,
        warnings: std::mem::take(&mut files.warnings),
    })
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

fn check_ice(source: &Source<'_>, ice: &raw::Ice, files: &mut Files) -> Checked<turn::Settings> {
    let stun = ice.stun.iter().map(|url| ice_url(source, "ice.stun", IceKind::Stun, url)).collect::<Checked<_>>()?;
    let lifetime = number(source, "ice.turn_lifetime_s", ice.turn_lifetime_s.as_ref(), 86_400, 600..=604_800)?;
    let turn = match (&ice.turn, &ice.turn_secret_file) {
        (None, None) => None,
        (Some(urls), None) => return Err(source.error(urls.span(), "ice.turn", "needs `turn_secret_file` beside it")),
        (None, Some(file)) => return Err(source.error(file.span(), "ice.turn_secret_file", "needs `turn` beside it")),
        (Some(urls), Some(file)) => {
            let urls = urls.get_ref().iter().map(|url| ice_url(source, "ice.turn", IceKind::Turn, url));
            let urls = urls.collect::<Checked<Vec<_>>>()?;
            let secret = files.secret(&source.path(file.get_ref())).map_err(|text| {
                let text = format!("{text}: one line with coturn's `static-auth-secret` is needed");
                source.error(file.span(), "ice.turn_secret_file", text)
            })?;
            Some(Turn { urls, secret, lifetime: Duration::from_secs(lifetime.into()) })
        }
    };
    Ok(turn::Settings { stun, turn })
}

/// Browsers refuse a whole list for one address in it that they cannot read, so what they refuse is refused here.
fn ice_url(source: &Source<'_>, key: &str, kind: IceKind, url: &Spanned<String>) -> Checked<String> {
    let allowed = match kind {
        IceKind::Stun => "stun:HOST[:PORT]",
        IceKind::Turn => "turn:HOST[:PORT][?transport=udp|tcp] or turns:…",
    };
    let bad = |why: &str| {
        let text = format!("found `{}`, allowed is {allowed}: {why}", url.get_ref());
        source.error(url.span(), key, text)
    };
    let parsed = url.get_ref().parse::<IceUrl>().map_err(|error| bad(&error.to_string()))?;
    if parsed.kind == kind { Ok(url.get_ref().clone()) } else { Err(bad("it belongs into the other list")) }
}

fn check_proxies(source: &Source<'_>, server: &raw::Server) -> Checked<Proxies> {
    match (&server.trusted_proxies, &server.behind_proxy) {
        (Some(list), None) => {
            let network = |one: &Spanned<String>| {
                text(source, "server.trusted_proxies", one, "an address or ADDRESS/BITS", Network::parse)
            };
            Ok(Proxies::In(list.get_ref().iter().map(network).collect::<Checked<_>>()?))
        }
        (None, Some(behind)) if *behind.get_ref() => Ok(Proxies::One),
        (None, _) => Ok(Proxies::In(Vec::new())),
        (Some(_), Some(behind)) => {
            let text = "is the old form of `trusted_proxies`: take it out";
            Err(source.error(behind.span(), "server.behind_proxy", text))
        }
    }
}

fn check_origin(source: &Source<'_>, origin: &Spanned<String>) -> Checked<Origin> {
    let allowed = "https://HOST[:PORT] without a path, an international name in its xn-- form";
    text(source, "server.origins", origin, allowed, |t| t.parse().ok())
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
