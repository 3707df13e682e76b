//! Which web pages may use the hub: its own, and those the operator names.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use axum::http::{HeaderMap, header};
use serde::Serialize;

use super::forwarded::Asked;

/// Where a web page comes from: scheme, host and port (RFC 6454). Two spellings of one origin are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    is_secure: bool,
    host: String,
    port: u16,
}

/// A text that is no origin of a web page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected https://HOST[:PORT] without a path, an international name in its xn-- form")]
pub struct BadOrigin;

impl FromStr for Origin {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        let (scheme, rest) = text.split_once("://").ok_or(BadOrigin)?;
        let is_secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(BadOrigin),
        };
        let (host, port) = authority(rest.strip_suffix('/').unwrap_or(rest)).ok_or(BadOrigin)?;
        Ok(Self { is_secure, host, port: port.unwrap_or(default_port(is_secure)) })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http{}://{}", if self.is_secure { "s" } else { "" }, self.host)?;
        if self.port != default_port(self.is_secure) {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

impl Origin {
    /// Returns whether a request for one of these names comes from a page of the same origin.
    fn is_own(&self, asked: &Asked) -> bool {
        let scheme_fits = asked.schemes.is_empty()
            || asked.schemes.iter().any(|scheme| matches!(scheme.as_str(), "https" | "wss") == self.is_secure);
        // A `Host` without a port means the default port of its scheme, and the scheme is the page's.
        let port_fits = |port: Option<u16>| match port {
            Some(port) => port == self.port,
            None => self.port == default_port(self.is_secure) || asked.ports.contains(&self.port),
        };
        scheme_fits
            && asked
                .hosts
                .iter()
                .any(|host| authority(host).is_some_and(|(host, port)| host == self.host && port_fits(port)))
    }
}

fn default_port(is_secure: bool) -> u16 {
    if is_secure { 443 } else { 80 }
}

/// Splits `HOST[:PORT]`; the host in the one spelling that is compared.
fn authority(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            let address: Ipv6Addr = address.parse().ok()?;
            (format!("[{address}]"), port.strip_prefix(':').or(port.is_empty().then_some(""))?)
        }
        None => {
            let (host, port) = text.split_once(':').unwrap_or((text, ""));
            let is_name = |host: &str| host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
            (!host.is_empty() && is_name(host)).then(|| (host.to_ascii_lowercase(), port))?
        }
    };
    let port = if port.is_empty() { None } else { Some(port.parse().ok()?) };
    Some((host, port))
}

/// Whether the page that asks may ask.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Verdict {
    pub(super) welcome: bool,
    page: String,
    host: String,
    /// For the operator: what to change.
    pub(super) text: String,
}

/// Judges the `Origin` of a request. Programs that are not browsers send none and are always welcome.
pub(super) fn judge(page: Option<&str>, asked: &Asked, allowed: &[Origin]) -> Verdict {
    let origin = page.map(str::parse::<Origin>);
    let welcome = match &origin {
        None => true,
        Some(Ok(origin)) => allowed.contains(origin) || origin.is_own(asked),
        Some(Err(_)) => false,
    };
    let page: String = page.unwrap_or_default().chars().take(200).collect();
    let host: String = asked.hosts.first().map(|host| host.chars().take(200).collect()).unwrap_or_default();
    let text = match (&origin, welcome) {
        (_, true) => {
            "the hub accepts this page; if its WebSocket fails all the same, the reverse proxy does not pass on the \
                      headers Upgrade and Connection"
                .to_owned()
        }
        (Some(Ok(origin)), false) => format!(
            "the hub does not accept pages of {origin}, because it was asked for {}: let the reverse proxy pass on Host (nginx: \
             `proxy_set_header Host $http_host`), or add \"{origin}\" to `server.origins` in hub.toml",
            seen(asked, &host)
        ),
        _ => "the hub accepts only pages from http:// or https:// addresses: open the page from the hub itself"
            .to_owned(),
    };
    Verdict { welcome, page, host, text }
}

fn seen(asked: &Asked, host: &str) -> String {
    let host = if host.is_empty() { "no host at all" } else { host };
    match asked.schemes.first() {
        Some(scheme) => format!("{host} by {}", scheme.chars().take(20).collect::<String>()),
        None => host.to_owned(),
    }
}

/// Returns the `Origin` header, unreadable bytes included.
pub(super) fn header_of(headers: &HeaderMap) -> Option<String> {
    headers.get(header::ORIGIN).map(|origin| String::from_utf8_lossy(origin.as_bytes()).into_owned())
}

/// Returns whether the request was addressed to this machine by a loopback name: a foreign name that resolves to it (DNS rebinding)
/// is not one.
pub(super) fn is_for_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let Some((name, _)) = host.and_then(authority) else { return false };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(hosts: &[&str], schemes: &[&str]) -> Asked {
        let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        Asked { hosts: owned(hosts), schemes: owned(schemes), ports: Vec::new() }
    }

    fn is_welcome(host: &str, origin: Option<&str>) -> bool {
        judge(origin, &asked(&[host], &[]), &["https://intercom.example:443".parse().unwrap()]).welcome
    }

    #[test]
    fn its_own_page_named_pages_and_programs_are_welcome() {
        for (host, origin) in [
            ("hub:8080", None),
            ("hub:8080", Some("http://hub:8080")),
            ("HUB:8080", Some("http://hub:8080")),
            ("hub:8080", Some("https://intercom.example")),
            ("hub:8080", Some("https://intercom.example:443")),
            ("intercom.lan", Some("https://intercom.lan")),
            ("intercom.lan:443", Some("https://intercom.lan")),
            ("intercom.lan", Some("https://intercom.lan:443")),
            ("intercom.lan:80", Some("http://intercom.lan")),
            ("[::1]:8080", Some("http://[0:0::1]:8080")),
        ] {
            assert!(is_welcome(host, origin), "{host} {origin:?}");
        }
        for (host, origin) in [
            ("hub:8080", "http://hub:9090"),
            ("hub:8080", "https://evil.example"),
            ("hub:8080", "null"),
            ("hub:8080", ""),
            ("hub:8080", "http://intercom.example"),
            ("hub:8080", "https://intercom.example:8443"),
            ("intercom.lan:80", "https://intercom.lan"),
            ("intercom.lan", "https://intercom.lan:8443"),
            ("hub:8080", "http://hub:8080@evil.example"),
            ("hub:8080", "http://hub:8080.evil.example"),
            ("hub:8080", "file://hub:8080"),
            ("", "http://"),
            ("", "null"),
        ] {
            assert!(!is_welcome(host, Some(origin)), "{host} {origin}");
        }
    }

    #[test]
    fn a_proxy_that_names_the_host_the_scheme_or_the_port_is_believed() {
        let page = Some("https://intercom.lan:8443");
        let mut behind = asked(&["127.0.0.1:8080", "intercom.lan:8443"], &["https"]);
        assert!(judge(page, &behind, &[]).welcome);
        behind.schemes = vec!["http".to_owned()];
        assert!(!judge(page, &behind, &[]).welcome);
        behind.schemes = vec!["wss".to_owned()];
        assert!(judge(page, &behind, &[]).welcome);
        behind.hosts = vec!["intercom.lan".to_owned()];
        assert!(!judge(page, &behind, &[]).welcome);
        behind.ports = vec![8443];
        assert!(judge(page, &behind, &[]).welcome);
    }

    #[test]
    fn a_refusal_names_both_origins_and_the_remedy() {
        let verdict = judge(Some("https://intercom.lan"), &asked(&["127.0.0.1:8080"], &["https"]), &[]);
        for part in ["https://intercom.lan", "127.0.0.1:8080", "$http_host", "server.origins"] {
            assert!(verdict.text.contains(part), "{}", verdict.text);
        }
    }

    #[test]
    fn a_foreign_name_for_this_machine_is_no_loopback_name() {
        let is_loopback = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            is_for_loopback(&headers)
        };
        for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "localhost", "127.0.0.1", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example:8080", "192.0.2.1", ""] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
