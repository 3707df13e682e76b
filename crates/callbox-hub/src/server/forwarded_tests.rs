//! Every form in which proxies name a client, and what is refused.

use super::*;

const PROXY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

fn trusted() -> Proxies {
    Proxies::In(["127.0.0.1", "::1", "10.0.0.0/8"].iter().map(|text| Network::parse(text).unwrap()).collect())
}

fn client(name: &'static str, value: &str) -> Result<String, BadForwarded> {
    trusted().client(PROXY, &headers(&[(name, value)])).map(|address| address.to_string())
}

#[test]
fn every_form_of_an_address_is_read() {
    for (text, expected) in [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1 ", "192.0.2.1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("\"192.0.2.1\"", "192.0.2.1"),
        ("\"192.0.2.1:4711\"", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("\"[2001:db8::1]:4711\"", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:80", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:9", "192.0.2.1"),
        ("192.0.2.1:_hidden", "192.0.2.1"),
        ("nonsense, unknown, 192.0.2.1", "192.0.2.1"),
        ("203.0.113.9, 192.0.2.1, 10.0.0.7, 127.0.0.1", "192.0.2.1"),
        ("203.0.113.9,,192.0.2.1,", "192.0.2.1"),
        ("10.0.0.9", "10.0.0.9"),
        ("10.0.0.9, 10.0.0.7", "10.0.0.9"),
    ] {
        assert_eq!(client("x-forwarded-for", text).unwrap(), expected, "{text}");
        if !text.contains(',') {
            let quoted = format!("For=\"{}\"; Proto=https;by=_x", text.trim_matches('"').trim());
            assert_eq!(client("forwarded", &quoted).unwrap(), expected, "{quoted}");
        }
    }
}

#[test]
fn what_cannot_be_read_is_refused_and_never_the_proxy_itself() {
    for text in [
        "",
        ",",
        "unknown",
        "_hidden",
        "192.0.2",
        "192.0.2.256",
        "192.0.2.1:",
        "192.0.2.1:x",
        "192.0.2.1:99999",
        "[192.0.2.1]",
        "[2001:db8::1",
        "2001:db8::1]",
        "[2001:db8::1]x",
        "[2001:db8::1]:x",
        "192.0.2.1 192.0.2.2",
        "192.0.2.1, unknown",
        "192.0.2.1, unknown, 10.0.0.7",
        "\"192.0.2.1",
        "example.org",
        "for=192.0.2.1",
        "ü",
    ] {
        let mut all = HeaderMap::new();
        all.insert("x-forwarded-for", axum::http::HeaderValue::from_bytes(text.as_bytes()).unwrap());
        assert!(trusted().client(PROXY, &all).is_err(), "{text}");
    }
    for text in [
        "",
        "for=unknown",
        "for=_x",
        "proto=https",
        "192.0.2.1",
        "for",
        "for=",
        "for=192.0.2.1, proto=https;by=x,for=unknown",
    ] {
        assert!(client("forwarded", text).is_err(), "{text}");
    }
    let error = client("x-forwarded-for", "unknown").unwrap_err().to_string();
    assert!(error.contains("127.0.0.1") && error.contains("`unknown`"), "{error}");
}

#[test]
fn forwarded_is_read_as_rfc_7239_writes_it() {
    for (text, expected) in [
        ("for=192.0.2.43, for=198.51.100.17", "198.51.100.17"),
        ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
        ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
        ("by=\"a,b;for=1.2.3.4\";for=192.0.2.60", "192.0.2.60"),
        ("by=\"a\\\",b\" ; for = 192.0.2.60", "192.0.2.60"),
        ("for=192.0.2.43, for=10.0.0.7", "192.0.2.43"),
    ] {
        assert_eq!(client("forwarded", text).unwrap(), expected, "{text}");
    }
}

#[test]
fn several_header_lines_are_one_list() {
    let both = headers(&[("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "192.0.2.1, 10.0.0.1")]);
    assert_eq!(trusted().client(PROXY, &both).unwrap().to_string(), "192.0.2.1");
}

#[test]
fn two_headers_must_name_the_same_client() {
    let of = |forwarded: &str| {
        trusted().client(PROXY, &headers(&[("x-forwarded-for", "192.0.2.1"), ("forwarded", forwarded)]))
    };
    assert_eq!(of("for=\"192.0.2.1:5\"").unwrap().to_string(), "192.0.2.1");
    assert!(of("for=127.0.0.1").unwrap_err().to_string().contains("remove the one"), "a client invented one of them");
}

#[test]
fn nobody_else_is_believed() {
    let forged = headers(&[("x-forwarded-for", "127.0.0.1"), ("forwarded", "for=127.0.0.1")]);
    let stranger: IpAddr = "192.0.2.66".parse().unwrap();
    assert_eq!(trusted().client(stranger, &forged), Ok(stranger));
    assert_eq!(Proxies::In(Vec::new()).client(PROXY, &forged), Ok(PROXY));
    assert_eq!(trusted().client(PROXY, &HeaderMap::new()), Ok(PROXY), "the proxy's machine speaks for itself");
}

#[test]
fn with_one_unnamed_proxy_the_last_entry_counts() {
    let of = |text| Proxies::One.client("198.51.100.1".parse().unwrap(), &headers(&[("x-forwarded-for", text)]));
    assert_eq!(of("127.0.0.1, 192.0.2.1").unwrap().to_string(), "192.0.2.1");
    assert!(of("192.0.2.1, unknown").is_err());
}

#[test]
fn proxies_say_which_name_was_asked_for() {
    let told = headers(&[
        ("host", "127.0.0.1:8080"),
        ("x-forwarded-host", "intercom.example"),
        ("x-forwarded-proto", "HTTPS"),
        ("x-forwarded-port", "8443"),
        ("forwarded", "for=192.0.2.1;host=\"other.example:1\";proto=https"),
    ]);
    let asked = trusted().asked(PROXY, &told);
    assert_eq!(asked.hosts, ["127.0.0.1:8080", "intercom.example", "other.example:1"]);
    assert_eq!((asked.schemes, asked.ports), (vec!["https".to_owned(), "https".to_owned()], vec![8443]));
    let stranger = trusted().asked("192.0.2.66".parse().unwrap(), &told);
    assert_eq!((stranger.hosts, stranger.schemes), (vec!["127.0.0.1:8080".to_owned()], vec![]));
}
