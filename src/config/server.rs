//! `[signaling.websocket]` and `[signaling.mqtt]`: who passes our messages on.

use std::time::Duration;

use toml::Spanned;

use super::check::Check;
use super::raw;
use crate::signaling::{Account, BrokerUrl, Brokers, Identity, Server};

const URL: &str = "the hub's address, such as \"ws://192.168.1.10:8080/ws\" or \"wss://hub.example/ws\"; or brokers in [signaling.mqtt]";
const BROKER: &str = "mqtt://HOST[:PORT], or mqtts://HOST[:PORT] with a name or an IPv4 address";
const BROKERS: &str = "1 to 8 addresses, such as [\"mqtts://broker.example\"]";
const BOTH: &str = "both client_cert and client_key, or none of them";

/// Reads both tables, of which one is filled, or both: who is used, and who stands by.
pub(super) fn servers(check: &mut Check<'_>, raw: &raw::Signaling) -> (Option<Server>, Option<Server>) {
    let hub = raw.websocket.url.as_ref().map(|url| check.parse("signaling.websocket.url", url, URL).map(Server::Hub));
    let brokers = raw.mqtt.as_ref().map(|mqtt| brokers(check, mqtt).map(Server::Brokers));
    match (hub, brokers) {
        (Some(hub), brokers) => (hub, brokers.flatten()),
        (None, Some(brokers)) => (brokers, None),
        (None, None) => {
            check.missing("signaling.websocket.url", URL);
            (None, None)
        }
    }
}

fn brokers(check: &mut Check<'_>, mqtt: &Spanned<raw::Mqtt>) -> Option<Brokers> {
    let raw = mqtt.get_ref();
    let Some(list) = &raw.brokers else {
        check.missing("signaling.mqtt.brokers", BROKERS);
        return None;
    };
    if !(1..=8).contains(&list.get_ref().len()) {
        check.wrong("signaling.mqtt.brokers", list.span(), format!("{} addresses", list.get_ref().len()), BROKERS);
    }
    let urls: Vec<_> = list
        .get_ref()
        .iter()
        .filter_map(|url| check.parse::<BrokerUrl>("signaling.mqtt.brokers", url, BROKER))
        .collect();
    let is_secure = urls.iter().any(BrokerUrl::is_secure);
    let files = [("ca_file", &raw.ca_file), ("client_cert", &raw.client_cert), ("client_key", &raw.client_key)];
    let [ca_file, certificate, key] = files.map(|(name, text)| {
        let (key, text) = (format!("signaling.mqtt.{name}"), text.as_ref()?);
        if !is_secure {
            check.wrong(&key, text.span(), "it without TLS", "only with a broker at mqtts://");
        }
        check.path(&key, text)
    });
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some(Identity { certificate, key }),
        (None, None) => None,
        _ => {
            let one = raw.client_cert.as_ref().or(raw.client_key.as_ref()).map(Spanned::span).unwrap_or_default();
            check.wrong("signaling.mqtt.client_cert", one, "one without the other", BOTH);
            None
        }
    };
    let keep_alive = check.number("signaling.mqtt.keep_alive_s", raw.keep_alive_s.as_ref(), 5..=300, 15);
    let words = [("user", Account::User), ("device", Account::Device)];
    let account = check.word("signaling.mqtt.account", raw.account.as_ref(), &words, Account::User);
    Some(Brokers { urls, ca_file, identity, keep_alive: Duration::from_secs(keep_alive), account })
}
