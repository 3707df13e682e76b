//! What strangers and proxies do at the hub's edge, and that others do not suffer from it.

use std::net::SocketAddr;
use std::time::Duration;

use callbox_core::ticket::{self, LoginRules, Rights, ValidFrom};
use callbox_hub::server::{Network, Proxies};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Client, http};
use crate::house::{APP, Hub, OTHER_APP, key, settings, ticket};

/// A hub that believes the proxies on this machine.
async fn behind_proxy() -> Hub {
    let mut settings = settings();
    settings.server.proxies = Proxies::In(vec![Network::parse("127.0.0.1").unwrap()]);
    Hub::with(settings).await
}

/// Opens a connection and writes so much of a request.
async fn half(address: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The hub may have closed it for a later one already.
    let _ = stream.write_all(text.as_bytes()).await;
    stream
}

fn dial(client: &str) -> String {
    format!(
        "GET /ws HTTP/1.1\r\nHost: hub\r\nX-Forwarded-For: {client}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// Logs in as somebody whom the proxy names, over a connection of its own.
async fn good_client(hub: &Hub, client: &str) {
    let mut request = tokio_tungstenite::tungstenite::client::IntoClientRequest::into_client_request(format!(
        "ws://{}/ws",
        hub.address
    ))
    .unwrap();
    request.headers_mut().insert("x-forwarded-for", client.parse().unwrap());
    let stream = TcpStream::connect(hub.address).await.unwrap();
    let (socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    let mut good = Client::from(socket);
    // Slower than a flood, as a phone on a bad network is.
    tokio::time::sleep(Duration::from_millis(200)).await;
    good.login(APP, "anna", "phone", &ticket(APP, "anna", 60)).await;
    assert_eq!(good.hear().await["type"], "welcome");
}

#[tokio::test]
async fn idle_sockets_of_one_client_close_the_hub_for_nobody_else() {
    let hub = behind_proxy().await;
    let mut flood = Vec::new();
    for _ in 0..700 {
        flood.push(half(hub.address, &dial("192.0.2.66")).await);
    }
    good_client(&hub, "192.0.2.1").await;
    for _ in 0..50 {
        flood.push(half(hub.address, &dial("192.0.2.66")).await);
    }
    good_client(&hub, "2001:db8::1").await;
    hub.stop().await;
}

#[tokio::test]
async fn a_whole_ipv6_network_is_one_client() {
    let hub = behind_proxy().await;
    let mut flood = Vec::new();
    for host in 0..700 {
        flood.push(half(hub.address, &dial(&format!("[2001:db8::{host:x}]:4711"))).await);
    }
    good_client(&hub, "2001:db8:0:1::1").await;
    hub.stop().await;
}

#[tokio::test]
async fn bodies_that_never_come_end_after_five_seconds_and_close_the_hub_for_nobody() {
    let hub = behind_proxy().await;
    let ask = "POST /mqtt/auth HTTP/1.1\r\nHost: hub\r\nX-Forwarded-For: 192.0.2.66\r\nContent-Length: 100\r\n\r\n{";
    let mut flood = Vec::new();
    for _ in 0..600 {
        flood.push(half(hub.address, ask).await);
    }
    good_client(&hub, "192.0.2.1").await;
    let mut answer = String::new();
    let read = flood.last_mut().unwrap().read_to_string(&mut answer);
    tokio::time::timeout(Duration::from_secs(8), read).await.expect("it ends by itself").unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    hub.stop().await;
}

#[tokio::test]
async fn a_client_that_cannot_be_read_is_refused_and_never_the_proxy() {
    let hub = behind_proxy().await;
    let ask = |header: &str| format!("GET /healthz HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n{header}\r\n\r\n");
    for bad in [
        "X-Forwarded-For: unknown",
        "X-Forwarded-For: 192.0.2.1, x",
        "Forwarded: for=_hidden",
        "Forwarded: proto=https",
    ] {
        let answer = http(hub.address, &ask(bad)).await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("127.0.0.1"), "{bad}: {answer}");
    }
    for good in ["X-Forwarded-For: x, \"[2001:db8::1]:1\"", "Forwarded: for=\"192.0.2.1:80\"", "X-Real-IP: 192.0.2.1"] {
        assert!(http(hub.address, &ask(good)).await.starts_with("HTTP/1.1 200"), "{good}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn every_answer_has_its_headers_and_every_request_a_host() {
    let hub = Hub::start().await;
    for request in [
        "GET / HTTP/1.1",
        "GET /none HTTP/1.1",
        "GET /healthz HTTP/1.1",
        "POST /mqtt/auth HTTP/1.1",
        "GET /ws HTTP/1.1",
    ] {
        let answer =
            http(hub.address, &format!("{request}\r\nHost: hub\r\nConnection: close\r\n\r\n")).await.to_lowercase();
        for header in ["x-content-type-options: nosniff", "permissions-policy: camera=(self), microphone=(self)"] {
            assert!(answer.contains(header), "{request}: {answer}");
        }
    }
    for hosts in ["", "Host: a\r\nHost: b\r\n", "Host:\r\n"] {
        let answer = http(hub.address, &format!("GET / HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("nosniff"), "{hosts}: {answer}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_page_learns_whether_its_origin_is_welcome() {
    let hub = behind_proxy().await;
    let ask = async |page: &str, more: &str| {
        let request =
            format!("GET /origin?page={page} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n{more}Connection: close\r\n\r\n");
        let answer = http(hub.address, &request).await;
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.to_lowercase().contains("access-control-allow-origin: *"),
            "{answer}"
        );
        serde_json::from_str::<serde_json::Value>(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap()
    };
    let refused = ask("https%3A%2F%2Fintercom.example", "").await;
    assert_eq!((&refused["welcome"], &refused["host"]), (&json!(false), &json!("127.0.0.1:8080")));
    assert!(refused["text"].as_str().unwrap().contains("$http_host"), "{refused}");
    assert_eq!(ask("http%3A%2F%2F127.0.0.1%3A8080", "").await["welcome"], true);
    let named = "X-Forwarded-Host: intercom.example\r\nX-Forwarded-Proto: https\r\n";
    assert_eq!(ask("https%3A%2F%2Fintercom.example", named).await["welcome"], true);
    hub.stop().await;
}

#[tokio::test]
async fn empty_continuation_frames_are_read_no_faster_than_messages() {
    let hub = Hub::start().await;
    let (mut anna, mut bert) = (hub.device("anna", "phone").await, hub.device("bert", "phone").await);
    // More than the buffers of both sockets hold: a hub that reads them all takes them at once.
    let mut bytes = vec![0x01, 0x80, 0, 0, 0, 0];
    for _ in 0..6_000_000 {
        bytes.extend([0x00, 0x80, 0, 0, 0, 0]);
    }
    assert!(tokio::time::timeout(Duration::from_secs(2), anna.bytes(&bytes)).await.is_err());
    bert.hears_nothing().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_fragmented_message_is_still_a_message() {
    let hub = Hub::start().await;
    let mut anna = hub.device("anna", "phone").await;
    let text = br#"{"v":1,"id":"p1","type":"ping"}"#;
    let mut bytes = Vec::new();
    for (n, byte) in text.iter().enumerate() {
        let (first, last) = (n == 0, n + 1 == text.len());
        bytes.extend([u8::from(first) | if last { 0x80 } else { 0 }, 0x81, 0, 0, 0, 0, *byte]);
    }
    anna.bytes(&bytes).await;
    assert_eq!(anna.hear().await["type"], "pong");
    hub.stop().await;
}

#[tokio::test]
async fn a_ticket_for_one_room_logs_nobody_in() {
    let hub = Hub::start().await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let (user, room) = ("anna".parse().unwrap(), "12".parse().unwrap());
    let restricted = ticket::make_with_rights(APP, &key(APP), &user, now, 3600, &room, Rights::ALL);
    let mut client = hub.socket().await;
    client.login(APP, "anna", "phone", &restricted).await;
    let bye = client.hear_bye().await;
    assert!(bye["code"] == 70003 && bye["text"].as_str().unwrap().contains("for one room only"), "{bye}");
    hub.stop().await;
}

#[tokio::test]
async fn what_a_reload_withdraws_is_cut_and_all_else_goes_on() {
    let hub = Hub::start().await;
    let (mut anna, mut bert) = (hub.device("anna", "phone").await, hub.device("bert", "phone").await);
    let mut other = hub.device_of(OTHER_APP, "cleo", "phone").await;
    let mut new = settings();
    let future = 1 + std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let valid_from = ValidFrom { users: [("anna".parse().unwrap(), future)].into(), ..ValidFrom::default() };
    let new_key = ticket::SecretKey::new("another-key-of-this-app").unwrap();
    new.server.apps.insert(APP, LoginRules::new(new_key, Some(key(APP)), valid_from));
    new.server.apps.remove(&OTHER_APP);
    hub.reload.send(new).await.unwrap();
    let bye = anna.hear_bye().await;
    assert_eq!(
        (&bye["reason"], &bye["code"], &bye["retry_ms"]),
        (&json!("ticket_expired"), &json!(70001), &json!(null))
    );
    assert_eq!(other.hear_bye().await["code"], 70014);
    bert.hears_nothing().await;
    let mut again = hub.socket().await;
    again.login(APP, "anna", "phone", &ticket(APP, "anna", 60)).await;
    assert_eq!(again.hear_bye().await["code"], 70001);
    hub.stop().await;
}

#[tokio::test]
async fn an_app_that_a_reload_brings_can_be_used() {
    let mut first = settings();
    first.server.apps.remove(&OTHER_APP);
    first.tenants.retain(|(app, _)| *app == APP);
    let hub = Hub::with(first).await;
    hub.reload.send(settings()).await.unwrap();
    let mut tries = 0;
    loop {
        let mut client = hub.socket().await;
        client.login(OTHER_APP, "cleo", "phone", &ticket(OTHER_APP, "cleo", 60)).await;
        if client.hear().await["type"] == "welcome" {
            break;
        }
        tries += 1;
        assert!(tries < 15, "the reload never came");
    }
    hub.stop().await;
}
