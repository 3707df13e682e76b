//! The address of a network camera, examined before anybody rings.

use std::str::FromStr;

/// An `rtsp://` or `rtsps://` address that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraUrl(String);

/// Why an address cannot be used, and what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadCameraUrl(String);

impl CameraUrl {
    /// Returns the address as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CameraUrl {
    type Err = BadCameraUrl;

    fn from_str(text: &str) -> Result<Self, BadCameraUrl> {
        let bad = |what: &str| Err(BadCameraUrl(what.to_owned()));
        let scheme = ["rtsp://", "rtsps://"].into_iter().find(|scheme| text.starts_with(scheme));
        let Some(rest) = scheme.and_then(|scheme| text.strip_prefix(scheme)) else {
            return bad("rtsp://… or rtsps://…");
        };
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return bad("an address without spaces: write a space as %20");
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.matches('@').count() > 1 {
            return bad("one @ before the host: write @ in a user or password as %40");
        }
        let (login, host) = authority.rsplit_once('@').map_or((None, authority), |(login, host)| (Some(login), host));
        if !is_host(host) {
            if login.is_none() && path.contains('@') {
                return bad("a host after the @: write / in a password as %2F, ? as %3F and # as %23");
            }
            return bad("a host name or address, and a port from 1 to 65535: rtsp://camera.lan:554/path");
        }
        if login.is_some_and(|login| !is_escaped(login)) {
            return bad("% in a user or password followed by two hexadecimal digits: write % itself as %25");
        }
        if login.is_some_and(|login| login.starts_with(':')) {
            return bad("a user before the password: rtsp://user:password@host/path");
        }
        Ok(Self(text.to_owned()))
    }
}

/// Whether this is `host`, `host:port`, `[address]` or `[address]:port`.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((address, after)) = rest.split_once(']') else { return false };
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            match after.strip_prefix(':') {
                None if after.is_empty() => return true,
                None => return false,
                Some(port) => ("address", Some(port)),
            }
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_port =
        |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    !host.is_empty() && host.chars().all(is_name) && port.is_none_or(is_port)
}

/// Whether each percent sign begins an escape.
fn is_escaped(text: &str) -> bool {
    text.split('%').skip(1).all(|after| after.len() >= 2 && after.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_cameras_are_taken() {
        for text in [
            "rtsp://192.168.1.20/stream1",
            "rtsp://camera.lan",
            "rtsps://admin:p%40ss%2Fw@camera.lan:322/cam/realmonitor?channel=1&subtype=0",
            "rtsp://admin@[fe80::1]:554/live",
            "rtsp://host/live@main",
            "rtsp://admin:@10.0.0.1/",
        ] {
            assert_eq!(text.parse::<CameraUrl>().map(|url| url.as_str().to_owned()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn each_mistake_says_what_to_write() {
        for (text, advice) in [
            ("http://camera/", "rtsp://"),
            ("rtsp://", "a host name"),
            ("rtsp:///path", "a host name"),
            ("rtsp://admin:p@ss@camera/", "write @ in a user or password as %40"),
            ("rtsp://admin:pa/ss@camera/", "write / in a password as %2F"),
            ("rtsp://admin:pa#ss@camera/", "# as %23"),
            ("rtsp://admin:50%@camera/", "write % itself as %25"),
            ("rtsp://:secret@camera/", "a user before the password"),
            ("rtsp://camera:0/", "a port from 1"),
            ("rtsp://camera:70000/", "a port from 1"),
            ("rtsp://camera:+5/", "a port from 1"),
            ("rtsp://[fe80::1/", "a host name"),
            ("rtsp://cam era/", "%20"),
        ] {
            let error = text.parse::<CameraUrl>().unwrap_err().to_string();
            assert!(error.contains(advice), "{text}: {error}");
        }
    }
}
