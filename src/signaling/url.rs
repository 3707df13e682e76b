//! The hub's address.

use std::str::FromStr;

use tokio_tungstenite::tungstenite::http::Uri;

/// A WebSocket address: `ws://host[:port]/path` or `wss://…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubUrl {
    text: String,
    host: String,
    port: u16,
    is_secure: bool,
}

/// Why a text is no such address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no WebSocket address: ws://HOST[:PORT]/PATH or wss://HOST[:PORT]/PATH is needed")]
pub struct BadUrl {
    found: String,
}

impl HubUrl {
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

impl FromStr for HubUrl {
    type Err = BadUrl;
    fn from_str(text: &str) -> Result<Self, BadUrl> {
        read(text).ok_or_else(|| BadUrl { found: text.chars().take(80).collect() })
    }
}

fn read(text: &str) -> Option<HubUrl> {
    let uri = text.parse::<Uri>().ok()?;
    let is_secure = match uri.scheme_str()? {
        "ws" => false,
        "wss" => true,
        _ => return None,
    };
    let host = uri.host().filter(|host| !host.is_empty())?.to_owned();
    let has_port = uri.authority().is_some_and(|authority| is_host_and_port(authority.as_str()));
    let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    has_port.then(|| HubUrl { text: text.to_owned(), host, port, is_secure })
}

/// No password in an address, and a port that is one.
fn is_host_and_port(authority: &str) -> bool {
    let port = authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']'));
    !authority.contains('@') && port.is_none_or(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_a_host() {
        for (good, host, port) in [
            ("ws://127.0.0.1:8080/ws", "127.0.0.1", 8080),
            ("wss://hub.example/ws", "hub.example", 443),
            ("ws://[::1]:8080/ws", "[::1]", 8080),
            ("ws://hub", "hub", 80),
        ] {
            let url: HubUrl = good.parse().unwrap();
            assert_eq!((url.host(), url.port(), url.is_secure()), (host, port, good.starts_with("wss")));
        }
        for bad in
            ["", "hub", "http://hub/ws", "ws://", "ws:///ws", "ws://a b/", "ws://user:pw@hub/", "ws://hub:99999/"]
        {
            assert!(bad.parse::<HubUrl>().is_err(), "{bad}");
        }
    }
}
