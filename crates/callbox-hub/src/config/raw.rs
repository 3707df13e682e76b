//! The file word for word.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) server: Server,
    pub(super) store: Store,
    pub(super) broker: Option<Spanned<Broker>>,
    pub(super) broker_auth: Option<Spanned<BrokerAuth>>,
    pub(super) limits: Limits,
    pub(super) ice: Ice,
    pub(super) app: Vec<App>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Server {
    pub(super) listen: Option<Spanned<String>>,
    pub(super) origins: Vec<Spanned<String>>,
    pub(super) trusted_proxies: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) behind_proxy: Option<Spanned<bool>>,
    pub(super) heartbeat_s: Option<Spanned<i64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Store {
    pub(super) path: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Broker {
    pub(super) urls: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) login: Option<Spanned<String>>,
    pub(super) user: Option<Spanned<String>>,
    pub(super) password_file: Option<Spanned<String>>,
    pub(super) ca_file: Option<Spanned<String>>,
    pub(super) client_cert: Option<Spanned<String>>,
    pub(super) client_key: Option<Spanned<String>>,
    pub(super) keep_alive_s: Option<Spanned<i64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct BrokerAuth {
    pub(super) kind: Option<Spanned<String>>,
    pub(super) secret_file: Option<Spanned<String>>,
    pub(super) allow_from: Vec<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    pub(super) sessions: Option<Spanned<i64>>,
    pub(super) devices_per_user: Option<Spanned<i64>>,
    pub(super) messages_per_second: Option<Spanned<i64>>,
    pub(super) messages_at_once: Option<Spanned<i64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Ice {
    pub(super) stun: Vec<Spanned<String>>,
    pub(super) turn: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) turn_secret_file: Option<Spanned<String>>,
    pub(super) turn_lifetime_s: Option<Spanned<i64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct App {
    pub(super) id: Spanned<i64>,
    pub(super) key_file: Option<Spanned<String>>,
    pub(super) key: Option<Spanned<String>>,
    pub(super) second_key_file: Option<Spanned<String>>,
    pub(super) second_key: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) valid_from: BTreeMap<Spanned<String>, Spanned<toml::Value>>,
    #[serde(default)]
    pub(super) users: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) queue_group_invites: bool,
}
