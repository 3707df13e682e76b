//! ICE candidates (RFC 8839, section 5.1), typed: what does not fit is left out, and what passes is written in our own form.

use std::fmt;
use std::net::IpAddr;

/// What a candidate is reached by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Udp,
    Tcp,
}

/// How a candidate was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Host,
    ServerReflexive,
    PeerReflexive,
    Relay,
}

/// Where a candidate is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Ip(IpAddr),
    /// A `.local` name in place of an address.
    Name(String),
}

/// One ICE candidate of the RTP component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    foundation: String,
    transport: Transport,
    priority: u32,
    place: Place,
    port: u16,
    pub(crate) kind: Type,
    /// `raddr` and `rport`.
    related: Option<(IpAddr, u16)>,
    /// `tcptype`.
    tcp_type: Option<&'static str>,
}

impl Candidate {
    /// Reads `candidate:…`, with or without `a=` before it.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix("a=").unwrap_or(text);
        let mut words = text.strip_prefix("candidate:")?.split_ascii_whitespace();
        let foundation = words.next().filter(|word| is_ice_word(word, 32))?.to_owned();
        let component: u16 = words.next()?.parse().ok()?;
        let transport = match words.next()?.to_ascii_lowercase().as_str() {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            _ => return None,
        };
        let priority = words.next()?.parse().ok()?;
        let place = place(words.next()?)?;
        let port = words.next()?.parse().ok()?;
        if component != 1 || words.next()? != "typ" {
            return None;
        }
        let kind = match words.next()? {
            "host" => Type::Host,
            "srflx" => Type::ServerReflexive,
            "prflx" => Type::PeerReflexive,
            "relay" => Type::Relay,
            _ => return None,
        };
        let rest: Vec<&str> = words.collect();
        let after = |name: &str| rest.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| pair[1]);
        let related =
            after("raddr").and_then(|address| address.parse().ok()).zip(after("rport").and_then(|p| p.parse().ok()));
        let tcp_type = ["active", "passive", "so"].into_iter().find(|kind| after("tcptype") == Some(kind));
        Some(Self { foundation, transport, priority, place, port, kind, related, tcp_type })
    }

    /// Whether a check over it can lead anywhere: UDP, and no address that means one link or many hosts only.
    pub(crate) fn is_usable(&self) -> bool {
        let reaches = match &self.place {
            Place::Ip(IpAddr::V4(ip)) => {
                !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast() && !ip.is_link_local()
            }
            Place::Ip(IpAddr::V6(ip)) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_unicast_link_local(),
            Place::Name(_) => true,
        };
        self.transport == Transport::Udp && self.port != 0 && reaches
    }

    /// Its `.local` name, if that stands in place of its address.
    pub(crate) fn local_name(&self) -> Option<&str> {
        match &self.place {
            Place::Name(name) => Some(name),
            Place::Ip(_) => None,
        }
    }

    /// The candidate with this address.
    pub(crate) fn at(self, address: IpAddr) -> Self {
        Self { place: Place::Ip(address), ..self }
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self.transport {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
        };
        write!(f, "candidate:{} 1 {transport} {} ", self.foundation, self.priority)?;
        match &self.place {
            Place::Ip(ip) => write!(f, "{ip}")?,
            Place::Name(name) => f.write_str(name)?,
        }
        let kind = match self.kind {
            Type::Host => "host",
            Type::ServerReflexive => "srflx",
            Type::PeerReflexive => "prflx",
            Type::Relay => "relay",
        };
        write!(f, " {} typ {kind}", self.port)?;
        if let Some((address, port)) = self.related {
            write!(f, " raddr {address} rport {port}")?;
        }
        match self.tcp_type {
            Some(kind) => write!(f, " tcptype {kind}"),
            None => Ok(()),
        }
    }
}

fn place(text: &str) -> Option<Place> {
    if let Ok(ip) = text.parse() {
        return Some(Place::Ip(ip));
    }
    let name = text.to_ascii_lowercase();
    let label = name.strip_suffix(".local")?;
    let is_label = (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    is_label.then_some(Place::Name(name))
}

/// `ice-char` of RFC 8839, and what implementations use besides.
pub(super) fn is_ice_word(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_is_written_as_it_was_read() {
        for text in [
            "candidate:1 1 UDP 2130706431 192.0.2.7 50000 typ host",
            "candidate:a/+ 1 UDP 1 2001:db8::1 9 typ host",
            "candidate:2 1 UDP 5 198.51.100.1 4000 typ srflx raddr 10.0.0.1 rport 4001",
            "candidate:3 1 TCP 5 198.51.100.1 9 typ host tcptype active",
            "candidate:4 1 UDP 5 0b7c-4.local 50000 typ host",
        ] {
            assert_eq!(Candidate::read(text).map(|c| c.to_string()).as_deref(), Some(text));
            assert_eq!(Candidate::read(&format!("a={text} generation 0 ufrag x")).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_candidate_gives_nothing() {
        for text in [
            "",
            "candidate:",
            "candidate:1 2 udp 1 192.0.2.7 5 typ host",
            "candidate:1 1 sctp 1 192.0.2.7 5 typ host",
            "candidate:1 1 udp 4294967296 192.0.2.7 5 typ host",
            "candidate:1 1 udp 1 192.0.2.7 65536 typ host",
            "candidate:1 1 udp 1 example.org 5 typ host",
            "candidate:1 1 udp 1 .local 5 typ host",
            "candidate:1 1 udp 1 a.b.local 5 typ host",
            "candidate:1 1 udp 1 192.0.2.7 5 typ other",
            "candidate:1 1 udp 1 192.0.2.7",
        ] {
            assert_eq!(Candidate::read(text), None, "{text}");
        }
    }

    #[test]
    fn only_what_may_lead_somewhere_is_usable() {
        let usable =
            |address: &str| Candidate::read(&format!("candidate:1 1 udp 1 {address} 5 typ host")).unwrap().is_usable();
        for address in ["192.0.2.7", "127.0.0.1", "2001:db8::1", "x.local"] {
            assert!(usable(address), "{address}");
        }
        for address in ["0.0.0.0", "169.254.1.1", "224.0.0.1", "255.255.255.255", "::", "fe80::1", "ff02::1"] {
            assert!(!usable(address), "{address}");
        }
        assert!(!Candidate::read("candidate:1 1 tcp 1 192.0.2.7 9 typ host tcptype active").unwrap().is_usable());
    }

    #[test]
    fn a_name_is_replaced_by_its_address() {
        let hidden = Candidate::read("candidate:1 1 udp 7 0B7C-4.local 50000 typ host").unwrap();
        assert_eq!(hidden.local_name(), Some("0b7c-4.local"));
        let shown = hidden.at("127.0.0.1".parse().unwrap());
        assert_eq!(
            (shown.local_name(), shown.to_string().as_str()),
            (None, "candidate:1 1 UDP 7 127.0.0.1 50000 typ host")
        );
    }
}
