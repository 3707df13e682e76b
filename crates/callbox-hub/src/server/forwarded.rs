//! What reverse proxies say about a request: its client and the name it was sent to. `X-Forwarded-*`, and `Forwarded` (RFC 7239).

use std::net::IpAddr;

use axum::http::{HeaderMap, header};

use super::network::Network;

/// Whose word about clients is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proxies {
    /// Proxies in these networks. None: nobody's.
    In(Vec<Network>),
    /// There is one proxy, whatever its address; nothing else can connect.
    One,
}

/// A trusted proxy names a client that cannot be read. The request must not pass for one of the proxy itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadForwarded {
    /// `unknown`, an obfuscated name, or not an address at all.
    #[error(
        "the proxy at {proxy} names no readable client in {header}, found `{found}`: let it write the client's IP address there"
    )]
    Unreadable { proxy: IpAddr, header: &'static str, found: String },
    /// Both headers are there and name two clients: one of them is the client's own invention.
    #[error(
        "X-Forwarded-For says {x_forwarded_for}, Forwarded says {forwarded}: let the proxy at {proxy} remove the one it does not write"
    )]
    TwoClients { proxy: IpAddr, x_forwarded_for: IpAddr, forwarded: IpAddr },
}

const X_FORWARDED_FOR: &str = "X-Forwarded-For";
const FORWARDED: &str = "Forwarded";

impl Proxies {
    /// Returns whether a request from this address comes from a proxy.
    pub(super) fn trust(&self, address: IpAddr) -> bool {
        match self {
            Self::In(networks) => networks.iter().any(|network| network.holds(address)),
            Self::One => true,
        }
    }

    /// Returns the client that sent the request: the connection's other end, or whom the trusted proxies there name.
    ///
    /// # Errors
    /// [`BadForwarded`] when a trusted proxy names a client in a form that cannot be read.
    pub(super) fn client(&self, connected: IpAddr, headers: &HeaderMap) -> Result<IpAddr, BadForwarded> {
        if !self.trust(connected) {
            return Ok(connected);
        }
        let x_forwarded_for = values(headers, "x-forwarded-for");
        let forwarded = values(headers, "forwarded");
        let x_forwarded_for =
            x_forwarded_for.map(|text| self.last_client(connected, X_FORWARDED_FOR, list(&text, ',')));
        let forwarded = forwarded.map(|text| {
            let named = list(&text, ',').into_iter().map(|element| parameter(element, "for").unwrap_or_default());
            self.last_client(connected, FORWARDED, named.collect())
        });
        match (x_forwarded_for.transpose()?, forwarded.transpose()?) {
            (Some(x_forwarded_for), Some(forwarded)) if x_forwarded_for != forwarded => {
                Err(BadForwarded::TwoClients { proxy: connected, x_forwarded_for, forwarded })
            }
            (Some(client), _) | (None, Some(client)) => Ok(client),
            (None, None) => Ok(connected),
        }
    }

    /// Reads the list from its end, where each proxy appended its peer, up to the first address that is not a proxy's.
    fn last_client<T: AsRef<str>>(
        &self,
        proxy: IpAddr,
        header: &'static str,
        entries: Vec<T>,
    ) -> Result<IpAddr, BadForwarded> {
        let mut last = Err(BadForwarded::Unreadable { proxy, header, found: String::new() });
        for entry in entries.iter().rev().map(|entry| entry.as_ref().trim()).filter(|entry| !entry.is_empty()) {
            let unreadable = || BadForwarded::Unreadable { proxy, header, found: entry.chars().take(60).collect() };
            let address = node(entry).ok_or_else(unreadable)?;
            last = Ok(address);
            if *self == Self::One || !self.trust(address) {
                break;
            }
        }
        last
    }

    /// Returns the names that the client may have used for this hub (`HOST[:PORT]`), and the schemes the proxies name.
    pub(super) fn asked(&self, connected: IpAddr, headers: &HeaderMap) -> Asked {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().trim().to_owned();
        let mut asked = Asked { hosts: vec![host], ..Asked::default() };
        if !self.trust(connected) {
            return asked;
        }
        let all = |name: &str| values(headers, name).unwrap_or_default();
        let (hosts, schemes, ports) = (all("x-forwarded-host"), all("x-forwarded-proto"), all("x-forwarded-port"));
        asked.hosts.extend(list(&hosts, ',').into_iter().map(str::to_owned));
        asked.schemes.extend(list(&schemes, ',').into_iter().map(str::to_ascii_lowercase));
        for element in list(&all("forwarded"), ',') {
            asked.hosts.extend(parameter(element, "host"));
            asked.schemes.extend(parameter(element, "proto").map(|scheme| scheme.to_ascii_lowercase()));
        }
        asked.ports.extend(list(&ports, ',').into_iter().filter_map(|port| port.parse::<u16>().ok()));
        asked
    }
}

/// What the hub was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// `HOST[:PORT]`: the `Host` header, then what proxies say it was.
    pub(super) hosts: Vec<String>,
    /// `http`, `https`, also `ws`, `wss`; empty where no proxy says.
    pub(super) schemes: Vec<String>,
    /// Ports that belong to the hosts that name none.
    pub(super) ports: Vec<u16>,
}

/// All values of a header as one list (RFC 9110, section 5.3); None where the header is not there.
fn values(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Vec<_> = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// Splits at a separator outside of quoted strings.
fn list(text: &str, separator: char) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = text.split(move |c| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => return c == separator && !quoted,
        }
        false
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// The value of one parameter of an element of `Forwarded`.
fn parameter(element: &str, name: &str) -> Option<String> {
    let pairs = list(element, ';').into_iter().filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| unquoted(value)).next()
}

/// A quoted-string without its quotes and escapes, or a token as it is.
fn unquoted(text: &str) -> String {
    let text = text.trim();
    let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else { return text.to_owned() };
    let mut escaped = false;
    inner
        .chars()
        .filter(|c| {
            let is_escape = *c == '\\' && !escaped;
            escaped = is_escape;
            !is_escape
        })
        .collect()
}

/// An address as proxies write it: with or without port, brackets, quotes, zone.
fn node(text: &str) -> Option<IpAddr> {
    let text = unquoted(text);
    let text = text.trim();
    let address = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            let has_no_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
            has_no_port.then(|| address.split('%').next())??.parse().map(IpAddr::V6).ok()?
        }
        None => match text.split_once(':') {
            // One colon: an IPv4 address and a port. More: an IPv6 address.
            Some((address, port)) if !port.contains(':') => {
                is_port(port).then(|| address.parse().map(IpAddr::V4).ok())??
            }
            _ => text.split('%').next()?.parse().ok()?,
        },
    };
    Some(address.to_canonical())
}

/// A port, or an obfuscated one (RFC 7239, section 6.3).
fn is_port(text: &str) -> bool {
    let is_obfuscated = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    text.parse::<u16>().is_ok() || text.strip_prefix('_').is_some_and(is_obfuscated)
}

/// Returns whether the request says for whom it is passed on.
pub(super) fn is_there(headers: &HeaderMap) -> bool {
    headers.contains_key("x-forwarded-for") || headers.contains_key("forwarded")
}

#[cfg(test)]
#[path = "forwarded_tests.rs"]
mod tests;
