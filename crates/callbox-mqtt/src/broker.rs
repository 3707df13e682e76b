//! Where the brokers are, and what secures the way to them.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// A broker's address: `mqtt://HOST[:PORT]` or, with TLS, `mqtts://HOST[:PORT]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerUrl {
    text: String,
    host: String,
    port: u16,
    is_secure: bool,
}

/// Why a text is no such address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no broker's address: mqtt://HOST[:PORT] or mqtts://HOST[:PORT] is needed")]
pub struct BadBroker {
    found: String,
}

/// The brokers, of which one is used: the first that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brokers {
    /// In order of preference; never empty. They are nodes of one cluster, or joined by a bridge.
    pub urls: Vec<BrokerUrl>,
    /// Certificates that a broker's own is checked against; none: those of the system.
    pub ca_file: Option<PathBuf>,
    /// Our own certificate.
    pub identity: Option<Identity>,
    /// How often a sign of life is asked for; at least 5 s.
    pub keep_alive: Duration,
    /// Under which name a device logs in.
    pub account: Account,
}

/// Under which name a device logs in at a broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Account {
    /// `USER@APP`: the user's devices share one.
    #[default]
    User,
    /// `USER@APP/DEVICE`, as the client id: each device has its own.
    Device,
}

/// A certificate that says who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate and its chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

impl BrokerUrl {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the way to it is TLS.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Whether the way to it stays on this machine.
    pub fn is_loopback(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The host: a name or an address, one of IPv6 in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for BrokerUrl {
    type Err = BadBroker;
    fn from_str(text: &str) -> Result<Self, BadBroker> {
        read(text).ok_or_else(|| BadBroker { found: text.chars().take(80).collect() })
    }
}

fn read(text: &str) -> Option<BrokerUrl> {
    let (is_secure, rest) = match (text.strip_prefix("mqtt://"), text.strip_prefix("mqtts://")) {
        (Some(rest), _) => (false, rest),
        (_, Some(rest)) => (true, rest),
        _ => return None,
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok().filter(|port| *port > 0)?),
        _ => (authority, if is_secure { 8883 } else { 1883 }),
    };
    let is_v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match is_v6 {
        // A certificate is checked against a name or an IPv4 address.
        Some(address) => !is_secure && address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)),
    };
    is_host.then(|| BrokerUrl { text: text.to_owned(), host: host.to_owned(), port, is_secure })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_a_host() {
        for (good, host, port) in [
            ("mqtt://broker.example", "broker.example", 1883),
            ("mqtts://broker.example", "broker.example", 8883),
            ("mqtt://127.0.0.1:2000/", "127.0.0.1", 2000),
            ("mqtt://[::1]", "[::1]", 1883),
        ] {
            let url: BrokerUrl = good.parse().unwrap();
            assert_eq!((url.host(), url.port(), url.as_str()), (host, port, good));
        }
        for bad in [
            "",
            "broker",
            "tcp://broker",
            "mqtt://",
            "mqtt:///x",
            "mqtt://a b",
            "mqtt://u:p@broker",
            "mqtt://broker:0",
            "mqtt://broker:99999",
            "mqtt://broker/path",
            "mqtts://[::1]",
            "mqtt://[broker]",
        ] {
            assert!(bad.parse::<BrokerUrl>().is_err(), "{bad}");
        }
    }
}
