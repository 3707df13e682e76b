//! Which web pages may use the hub: its own, and those the operator names.

use axum::http::{HeaderMap, header};

/// Whether the page that asks may ask. Programs that are no browsers send no `Origin` and always may.
pub(super) fn is_welcome(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    if allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let asked_host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let page_host = origin.split_once("://").map(|(_, host)| host);
    matches!((page_host, asked_host), (Some(page), Some(asked)) if page.eq_ignore_ascii_case(asked))
}

/// Whether the request was addressed to this machine by a loopback name: a foreign name that resolves to it (DNS rebinding) is none.
pub(super) fn is_for_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(host: &str, origin: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        headers
    }

    #[test]
    fn its_own_page_named_pages_and_programs_are_welcome() {
        let allowed = ["https://intercom.example".to_owned()];
        assert!(is_welcome(&headers("hub:8080", None), &allowed));
        assert!(is_welcome(&headers("hub:8080", Some("http://hub:8080")), &allowed));
        assert!(is_welcome(&headers("hub:8080", Some("https://intercom.example")), &allowed));
        assert!(!is_welcome(&headers("hub:8080", Some("http://hub:9090")), &allowed));
        assert!(!is_welcome(&headers("hub:8080", Some("https://evil.example")), &allowed));
        assert!(!is_welcome(&headers("hub:8080", Some("null")), &allowed));
    }

    #[test]
    fn a_foreign_name_for_this_machine_is_no_loopback_name() {
        for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "localhost", "127.0.0.1", "[::1]"] {
            assert!(is_for_loopback(&headers(host, None)), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example:8080", "192.0.2.1", ""] {
            assert!(!is_for_loopback(&headers(host, None)), "{host}");
        }
    }
}
