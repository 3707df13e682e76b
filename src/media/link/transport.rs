//! The transport of a link: ICE servers in, and the one check webrtcbin leaves out: whose certificate is it?

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callbox_core::ice::{IceKind, IceTransport, IceUrl};
use callbox_core::protocol::IceServer;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_webrtc::{WebRTCDTLSTransport, WebRTCDTLSTransportState, WebRTCICETransportPolicy};
use sha2::{Digest, Sha256};

use crate::media::pipeline::PipelineError;
use crate::media::settings::{IceTransportPolicy, Settings};

/// Most addresses of our own that media goes out by: a board with many bridges names its interfaces.
const MAX_ADDRESSES: usize = 16;

/// What a look at the peer's certificate found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// DTLS is not there yet.
    Waiting,
    /// It is the certificate that the description promised.
    Right,
    /// It is another one.
    Wrong,
}

/// Examines every transport of a link: one false certificate spoils it, and all have to be there.
pub(crate) fn examine_all(transports: &[WebRTCDTLSTransport], promised: &[[u8; 32]]) -> Trust {
    let found: Vec<Trust> = transports.iter().map(|transport| examine(transport, promised)).collect();
    if found.contains(&Trust::Wrong) {
        Trust::Wrong
    } else if found.is_empty() || found.contains(&Trust::Waiting) {
        Trust::Waiting
    } else {
        Trust::Right
    }
}

/// Compares the certificate DTLS was done with to the fingerprints of the accepted description.
/// Read only while the link lives: the property was freed too early before 1.22.3.
fn examine(transport: &WebRTCDTLSTransport, promised: &[[u8; 32]]) -> Trust {
    if transport.state() != WebRTCDTLSTransportState::Connected {
        return Trust::Waiting;
    }
    match transport.remote_certificate().as_deref().and_then(fingerprint) {
        Some(found) if promised.contains(&found) => Trust::Right,
        Some(_) => Trust::Wrong,
        None => Trust::Waiting,
    }
}

/// SHA-256 of the certificate inside a PEM text.
fn fingerprint(pem: &str) -> Option<[u8; 32]> {
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let base64: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    let der = STANDARD.decode(base64).ok()?;
    Some(Sha256::digest(der).into())
}

/// Tells webrtcbin of servers, policy and ports.
pub(crate) fn configure(
    webrtc: &gst::Element,
    settings: &Settings,
    servers: &[IceServer],
) -> Result<(), PipelineError> {
    let policy = match settings.ice_transport_policy {
        IceTransportPolicy::All => WebRTCICETransportPolicy::All,
        IceTransportPolicy::Relay => WebRTCICETransportPolicy::Relay,
    };
    webrtc.set_property("ice-transport-policy", policy);
    let ice = webrtc.property::<gst::glib::Object>("ice-agent");
    if let Some((first, last)) = settings.ports {
        ice.set_property("min-rtp-port", u32::from(first));
        ice.set_property("max-rtp-port", u32::from(last));
    }
    leave_router_alone(&ice);
    speak_udp_only(&ice);
    for address in own_addresses(&settings.interfaces)? {
        if !ice.emit_by_name::<bool>("add-local-ip-address", &[&address.to_string()]) {
            tracing::warn!(%address, "address not taken for media");
        }
    }
    for server in servers {
        for url in &server.urls {
            match uri(url, server.username.as_deref(), server.credential.as_deref()) {
                Ok(Uri::Stun(uri)) => webrtc.set_property("stun-server", uri),
                Ok(Uri::Turn(uri)) => {
                    if !webrtc.emit_by_name::<bool>("add-turn-server", &[&uri]) {
                        tracing::warn!(url, "TURN server not taken");
                    }
                }
                Err(why) => tracing::warn!(url, why, "ICE server left out"),
            }
        }
    }
    Ok(())
}

/// ICE-TCP would triple the candidates and reaches nobody whom a TURN server does not.
fn speak_udp_only(ice: &gst::glib::Object) {
    if ice.has_property("ice-tcp") {
        ice.set_property("ice-tcp", false);
    }
}

/// The addresses that media goes out by.
fn own_addresses(interfaces: &[String]) -> Result<Vec<IpAddr>, PipelineError> {
    let all = if_addrs::get_if_addrs().map_err(|error| PipelineError::new("link", error))?;
    let all: Vec<(String, IpAddr)> = all.into_iter().map(|one| (one.name.clone(), one.ip())).collect();
    let chosen = choose(&all, interfaces);
    if chosen.is_empty() && !interfaces.is_empty() {
        let text =
            format!("none of [network] interfaces {interfaces:?} has an address: check their names with `ip address`");
        return Err(PipelineError::new("link", text));
    }
    Ok(chosen)
}

/// Of the named interfaces, or else of all, what a peer can reach: no link-local address, and loopback only where there is nothing else.
fn choose(all: &[(String, IpAddr)], interfaces: &[String]) -> Vec<IpAddr> {
    let is_wanted = |name: &String| interfaces.is_empty() || interfaces.contains(name);
    let reaches = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_unicast_link_local(),
    };
    let found = all.iter().filter(|(name, ip)| is_wanted(name) && reaches(ip)).map(|(_, ip)| *ip);
    let (loopback, others): (Vec<IpAddr>, Vec<IpAddr>) = found.partition(IpAddr::is_loopback);
    let chosen = if others.is_empty() || !interfaces.is_empty() { [others, loopback].concat() } else { others };
    chosen.into_iter().take(MAX_ADDRESSES).collect()
}

/// libnice would look for a router and ask it for ports by UPnP: slow, chatty, and not ours to open.
fn leave_router_alone(ice: &gst::glib::Object) {
    if !ice.has_property("agent") {
        return;
    }
    if let Some(agent) = ice.property::<Option<gst::glib::Object>>("agent") {
        if agent.has_property("upnp") {
            agent.set_property("upnp", false);
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Uri {
    Stun(String),
    Turn(String),
}

/// Turns `turn:host:port?transport=tcp` (RFC 7065) into what webrtcbin reads: `turn://user:password@host:port?transport=tcp`.
fn uri(url: &str, user: Option<&str>, password: Option<&str>) -> Result<Uri, &'static str> {
    let url: IceUrl = url.parse().map_err(|_| "it is not an address by RFC 7064 or RFC 7065")?;
    let host = if url.host.contains(':') { format!("[{}]", url.host) } else { url.host };
    let place = format!("{host}:{}", url.port);
    match (url.kind, user, password) {
        (IceKind::Stun, ..) if url.is_secure => Err("STUN by TLS is not spoken here"),
        (IceKind::Stun, ..) => Ok(Uri::Stun(format!("stun://{place}"))),
        (IceKind::Turn, Some(user), Some(password)) => {
            let scheme = if url.is_secure { "turns" } else { "turn" };
            let query = match url.transport {
                None => "",
                Some(IceTransport::Udp) => "?transport=udp",
                Some(IceTransport::Tcp) => "?transport=tcp",
            };
            Ok(Uri::Turn(format!("{scheme}://{}:{}@{place}{query}", escape(user), escape(password))))
        }
        (IceKind::Turn, ..) => Err("a TURN server needs a user name and a password"),
    }
}

/// Time-limited user names hold a colon, and passwords a slash: both must be escaped in a URI's user part.
fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_addresses_become_uris() {
        let turn = uri("turn:127.0.0.1:3478?transport=tcp", Some("1700:ann"), Some("a/b="));
        assert_eq!(turn, Ok(Uri::Turn("turn://1700%3Aann:a%2Fb%3D@127.0.0.1:3478?transport=tcp".into())));
        assert_eq!(uri("stun:stun.example.org", None, None), Ok(Uri::Stun("stun://stun.example.org:3478".into())));
        assert_eq!(
            uri("turns:t.example.org", Some("u"), Some("p")),
            Ok(Uri::Turn("turns://u:p@t.example.org:5349".into()))
        );
        assert!(uri("turn:t.example.org", None, None).is_err());
        assert!(uri("http://x", None, None).is_err());
        assert!(uri("stun:s.example.org?transport=udp", None, None).is_err(), "a browser refuses it too");
        let turn = uri("turn:[2001:db8::1]", Some("u"), Some("p"));
        assert_eq!(turn, Ok(Uri::Turn("turn://u:p@[2001:db8::1]:3478".into())));
        assert!(uri("nonsense", None, None).is_err());
    }

    #[test]
    fn media_goes_out_by_addresses_that_a_peer_can_reach() {
        let all: Vec<(String, IpAddr)> = [
            ("lo", "127.0.0.1"),
            ("eth0", "192.0.2.7"),
            ("eth0", "fe80::1"),
            ("eth0", "2001:db8::7"),
            ("docker0", "172.17.0.1"),
            ("wlan0", "169.254.3.4"),
        ]
        .map(|(name, ip)| (name.to_owned(), ip.parse().unwrap()))
        .to_vec();
        let of = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            choose(&all, &names).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(of(&[]), ["192.0.2.7", "2001:db8::7", "172.17.0.1"]);
        assert_eq!(of(&["eth0"]), ["192.0.2.7", "2001:db8::7"]);
        assert_eq!(of(&["lo"]), ["127.0.0.1"]);
        assert!(of(&["wlan0"]).is_empty() && of(&["absent"]).is_empty());
        assert_eq!(choose(&all[..1], &[]), [all[0].1]);
        let many: Vec<_> = (0..40).map(|n| (format!("br{n}"), IpAddr::from([10, 0, n, 1]))).collect();
        assert_eq!(choose(&many, &[]).len(), MAX_ADDRESSES);
    }

    #[test]
    fn a_certificate_is_hashed_as_der() {
        let pem = "-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n";
        let expected: [u8; 32] = Sha256::digest([0u8, 1, 2]).into();
        assert_eq!(fingerprint(pem), Some(expected));
        assert_eq!(fingerprint("nothing"), None);
    }
}
