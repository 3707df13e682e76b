//! `[broker]`: the hub as a gateway; `[broker_auth]`: brokers that ask the hub.

use std::time::Duration;

use callbox_mqtt::{Account, BrokerUrl, Brokers, Identity};
use toml::Spanned;

use super::error::{ConfigError, Source};
use super::files::Files;
use super::raw;
use super::settings::{number, text};
use crate::gateway::{Credentials, LoginBy, Settings};
use crate::server::{BrokerAuth, Kind, Network};

type Checked<T> = Result<T, ConfigError>;

const URL: &str = "mqtt://HOST[:PORT], or mqtts://HOST[:PORT] with a name or an IPv4 address";
const LOGIN: &str =
    "`ticket` (the broker checks tickets) or `gateway` (the broker lets this gateway speak for everybody)";

/// Reads the table.
pub(super) fn check(source: &Source<'_>, raw: &Spanned<raw::Broker>, files: &mut Files) -> Checked<Settings> {
    let table = raw.get_ref();
    let Some(list) = &table.urls else {
        return Err(source.error(
            raw.span(),
            "broker.urls",
            "is missing: 1 to 8 addresses, such as [\"mqtts://broker.example\"]",
        ));
    };
    if !(1..=8).contains(&list.get_ref().len()) {
        let text = format!("found {} addresses, allowed is 1 to 8", list.get_ref().len());
        return Err(source.error(list.span(), "broker.urls", text));
    }
    let url = |url| text(source, "broker.urls", url, URL, |t| t.parse::<BrokerUrl>().ok());
    let urls = list.get_ref().iter().map(url).collect::<Checked<Vec<_>>>()?;
    let is_secure = urls.iter().all(BrokerUrl::is_secure);
    let path = |key: &str, file: &Option<Spanned<String>>| match file {
        Some(file) if !is_secure => {
            Err(source.error(file.span(), key, "is for TLS alone: every address in `urls` has to be mqtts://"))
        }
        file => Ok(file.as_ref().map(|file| source.path(file.get_ref()))),
    };
    let ca_file = path("broker.ca_file", &table.ca_file)?;
    let identity =
        match (path("broker.client_cert", &table.client_cert)?, path("broker.client_key", &table.client_key)?) {
            (Some(certificate), Some(key)) => Some(Identity { certificate, key }),
            (None, None) => None,
            _ => {
                return Err(source.error(
                    raw.span(),
                    "broker.client_cert",
                    "needs `client_key` beside it, and the other way round",
                ));
            }
        };
    let is_gateway = |login| {
        text(source, "broker.login", login, LOGIN, |t| match t {
            "ticket" => Some(false),
            "gateway" => Some(true),
            _ => None,
        })
    };
    let login = match &table.login {
        Some(login) if is_gateway(login)? => {
            LoginBy::Gateway(credentials(source, table, login, (identity.is_some(), &urls), files)?)
        }
        _ => LoginBy::Ticket,
    };
    let keep_alive = number(source, "broker.keep_alive_s", table.keep_alive_s.as_ref(), 15, 5..=300)?;
    let keep_alive = Duration::from_secs(keep_alive.into());
    let brokers = Brokers { urls, ca_file, identity, keep_alive, account: Account::User };
    Ok(Settings { brokers, login })
}

/// What the broker knows a gateway by. A password crosses no network readable.
fn credentials(
    source: &Source<'_>,
    table: &raw::Broker,
    login: &Spanned<String>,
    (has_certificate, urls): (bool, &[BrokerUrl]),
    files: &mut Files,
) -> Checked<Credentials> {
    let user = table.user.as_ref().map_or("gateway", |user| user.get_ref()).to_owned();
    let Some(file) = &table.password_file else {
        if has_certificate {
            return Ok(Credentials { user, password: String::new() });
        }
        let text = "a broker that takes a gateway's word for who speaks must know the gateway: add `client_cert` and \
                    `client_key`, or `password_file`";
        return Err(source.error(login.span(), "broker.login", text));
    };
    let bad = |text: &str| source.error(file.span(), "broker.password_file", text);
    if !urls.iter().all(|url| url.is_secure() || url.is_loopback()) {
        return Err(bad("would cross the network readable: use mqtts://, or a broker on this machine"));
    }
    let password = files.secret(&source.path(file.get_ref())).map_err(|error| bad(&error))?;
    Ok(Credentials { user, password })
}

const KIND: &str = "`emqx` or `mosquitto-go-auth`";

/// Reads the table.
pub(super) fn check_auth(
    source: &Source<'_>,
    raw: &Spanned<raw::BrokerAuth>,
    files: &mut Files,
) -> Checked<BrokerAuth> {
    let table = raw.get_ref();
    let Some(kind) = &table.kind else {
        return Err(source.error(raw.span(), "broker_auth.kind", format!("is missing: {KIND}")));
    };
    let kind = text(source, "broker_auth.kind", kind, KIND, |t| match t {
        "emqx" => Some(Kind::Emqx),
        "mosquitto-go-auth" => Some(Kind::GoAuth),
        _ => None,
    })?;
    let network = |one| text(source, "broker_auth.allow_from", one, "an address or ADDRESS/BITS", Network::parse);
    let from = table.allow_from.iter().map(network).collect::<Checked<Vec<_>>>()?;
    let secret = match &table.secret_file {
        None => None,
        Some(file) => {
            let bad = |text: String| source.error(file.span(), "broker_auth.secret_file", text);
            let secret = files.secret(&source.path(file.get_ref())).map_err(bad)?;
            let is_one =
                secret.len() >= 16 && secret.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
            if !is_one {
                let text = "at least 16 of A-Z a-z 0-9 - . _ ~ are needed: `callbox-hub key` makes one";
                return Err(bad(format!("{}: {text}", file.get_ref())));
            }
            Some(secret)
        }
    };
    if secret.is_none() && from.is_empty() {
        let text = "needs `secret_file` or `allow_from`, or both: else everybody could try tickets here";
        return Err(source.error(raw.span(), "broker_auth", text));
    }
    Ok(BrokerAuth { kind, secret, from })
}
