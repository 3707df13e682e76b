//! Addresses of STUN and TURN servers: RFC 7064 and RFC 7065, as strict as a browser reads them.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The address of a STUN or TURN server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IceUrl {
    /// What the server is for.
    pub kind: IceKind,
    /// By TLS (`stuns`, `turns`).
    pub is_secure: bool,
    /// A name, or an address; an IPv6 address without its brackets.
    pub host: String,
    /// As written, else 3478, by TLS 5349.
    pub port: u16,
    /// How TURN is reached; `None` where it is not written, which means UDP, and TCP for `turns`.
    pub transport: Option<IceTransport>,
}

/// What a server is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IceKind {
    /// It tells a client its own public address.
    Stun,
    /// It relays media.
    Turn,
}

/// How a TURN server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IceTransport {
    /// `?transport=udp`.
    Udp,
    /// `?transport=tcp`.
    Tcp,
}

/// Why a text is no address of a STUN or TURN server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadIceUrl {
    /// Another scheme, or none.
    #[error("it must begin with stun:, stuns:, turn: or turns:")]
    Scheme,
    /// `stun://host`, as in addresses of web pages.
    #[error("no // follows the scheme: write stun:HOST, turn:HOST")]
    Slashes,
    /// No name and no address.
    #[error("the host must be a name, an IPv4 address, or an IPv6 address in [ ]")]
    Host,
    /// Not 1 to 65535.
    #[error("the port must be 1 to 65535")]
    Port,
    /// Something behind the port of a STUN address.
    #[error("a STUN address takes no ?transport=: leave it out (STUN is asked by UDP)")]
    StunQuery,
    /// Something else than the one parameter there is.
    #[error("only ?transport=udp or ?transport=tcp may follow")]
    Query,
    /// A user name: it stands beside the address.
    #[error("user name and password do not belong into the address")]
    User,
}

impl FromStr for IceUrl {
    type Err = BadIceUrl;

    fn from_str(text: &str) -> Result<Self, BadIceUrl> {
        let (scheme, rest) = text.split_once(':').ok_or(BadIceUrl::Scheme)?;
        let (kind, is_secure) = match scheme.to_ascii_lowercase().as_str() {
            "stun" => (IceKind::Stun, false),
            "stuns" => (IceKind::Stun, true),
            "turn" => (IceKind::Turn, false),
            "turns" => (IceKind::Turn, true),
            _ => return Err(BadIceUrl::Scheme),
        };
        if rest.starts_with("//") {
            return Err(BadIceUrl::Slashes);
        }
        let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
        if place.contains('@') {
            return Err(BadIceUrl::User);
        }
        let transport = match (kind, query) {
            (_, None) => None,
            (IceKind::Stun, Some(_)) => return Err(BadIceUrl::StunQuery),
            (IceKind::Turn, Some(query)) => Some(transport(query)?),
        };
        let (host, port) = host_and_port(place)?;
        let port = port.unwrap_or(if is_secure { 5349 } else { 3478 });
        Ok(Self { kind, is_secure, host, port, transport })
    }
}

impl fmt::Display for IceUrl {
    /// Writes it in the shortest form that every client reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            IceKind::Stun => "stun",
            IceKind::Turn => "turn",
        };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{kind}{}:{open}{}{close}:{}", if self.is_secure { "s" } else { "" }, self.host, self.port)?;
        match self.transport {
            None => Ok(()),
            Some(IceTransport::Udp) => f.write_str("?transport=udp"),
            Some(IceTransport::Tcp) => f.write_str("?transport=tcp"),
        }
    }
}

fn transport(query: &str) -> Result<IceTransport, BadIceUrl> {
    match query {
        "transport=udp" => Ok(IceTransport::Udp),
        "transport=tcp" => Ok(IceTransport::Tcp),
        _ => Err(BadIceUrl::Query),
    }
}

fn host_and_port(place: &str) -> Result<(String, Option<u16>), BadIceUrl> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']').ok_or(BadIceUrl::Host)?;
            let address: Ipv6Addr = address.parse().map_err(|_| BadIceUrl::Host)?;
            let port = match after {
                "" => None,
                after => Some(after.strip_prefix(':').ok_or(BadIceUrl::Host)?),
            };
            (address.to_string(), port)
        }
        None => {
            let (host, port) = place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port)));
            (is_host(host).then(|| host.to_owned()).ok_or(BadIceUrl::Host)?, port)
        }
    };
    let digits = |port: &str| (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit());
    let number = |port: &str| port.parse::<u16>().ok().filter(|number| digits(port) && *number > 0);
    let port = port.map(|port| number(port).ok_or(BadIceUrl::Port)).transpose()?;
    Ok((host, port))
}

/// A name of DNS, or an IPv4 address; four numbers are an address or nothing.
fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let name = host.strip_suffix('.').unwrap_or(host);
    let last_is_number = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    if last_is_number {
        return host.parse::<Ipv4Addr>().is_ok();
    }
    (1..=253).contains(&name.len()) && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// The table that the page's own check is tested against as well.
    #[derive(Deserialize)]
    struct Vectors {
        accepted: Vec<Accepted>,
        refused: Vec<String>,
    }

    #[derive(Deserialize)]
    struct Accepted {
        url: String,
        kind: String,
        secure: bool,
        host: String,
        port: u16,
        transport: Option<String>,
    }

    #[test]
    fn the_table_of_addresses_is_read_as_it_says() {
        let vectors: Vectors = serde_json::from_str(include_str!("../tests/vectors/ice_urls.json")).unwrap();
        for expected in vectors.accepted {
            let url: IceUrl = expected.url.parse().unwrap_or_else(|error| panic!("{}: {error}", expected.url));
            let (kind, transport) = (format!("{:?}", url.kind), url.transport.map(|one| format!("{one:?}")));
            let found = (kind.to_lowercase(), url.is_secure, url.host.as_str(), url.port, transport);
            let transport = expected.transport.map(|one| if one == "udp" { "Udp" } else { "Tcp" }.to_owned());
            assert_eq!(found, (expected.kind, expected.secure, expected.host.as_str(), expected.port, transport));
            assert_eq!(url.to_string().parse(), Ok(url), "{}", expected.url);
        }
        for refused in vectors.refused {
            assert!(refused.parse::<IceUrl>().is_err(), "{refused:?}");
        }
    }
}
