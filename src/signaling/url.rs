//! The hub's address.

use std::str::FromStr;

use tokio_tungstenite::tungstenite::http::Uri;

/// A WebSocket address: `ws://host[:port]/path` or `wss://…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubUrl(String);

/// Why a text is no such address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no WebSocket address: ws://HOST[:PORT]/PATH or wss://HOST[:PORT]/PATH is needed")]
pub struct BadUrl {
    found: String,
}

impl HubUrl {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HubUrl {
    type Err = BadUrl;
    fn from_str(text: &str) -> Result<Self, BadUrl> {
        let is_one = text.parse::<Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("ws" | "wss"))
                && uri.host().is_some_and(|host| !host.is_empty())
                && uri.authority().is_some_and(|authority| is_host_and_port(authority.as_str()))
        });
        if is_one { Ok(Self(text.to_owned())) } else { Err(BadUrl { found: text.chars().take(80).collect() }) }
    }
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
        for good in ["ws://127.0.0.1:8080/ws", "wss://hub.example/ws", "ws://[::1]:8080/ws"] {
            assert!(good.parse::<HubUrl>().is_ok(), "{good}");
        }
        for bad in
            ["", "hub", "http://hub/ws", "ws://", "ws:///ws", "ws://a b/", "ws://user:pw@hub/", "ws://hub:99999/"]
        {
            assert!(bad.parse::<HubUrl>().is_err(), "{bad}");
        }
    }
}
