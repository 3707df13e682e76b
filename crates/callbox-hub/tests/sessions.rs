//! Logging in, staying, being told to go.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use callbox_core::ticket;
use callbox_hub::turn::Turn;
use serde_json::json;

use crate::client::http;
use crate::house::{APP, Hub, OTHER_APP, key, settings, ticket};

#[tokio::test]
async fn a_newer_login_of_the_same_device_wins() {
    let hub = Hub::start().await;
    let mut door = hub.device("door", "panel").await;
    let mut older = hub.device("anna", "phone").await;
    let mut newer = hub.device("anna", "phone").await;
    assert_eq!(older.hear_bye().await["reason"], "replaced");
    door.invite("c1", &["anna"], 30_000).await;
    assert_eq!(newer.hear().await["type"], "invite");
    assert_eq!(door.hear().await["code"], "ok");
    hub.stop().await;
}

#[tokio::test]
async fn tickets_of_others_are_refused_with_the_published_code() {
    let hub = Hub::start().await;
    let wrong_user = ticket(APP, "bert", 60);
    let wrong_app = ticket(OTHER_APP, "anna", 60);
    for (ticket, code) in [(wrong_user.as_str(), 70013), (wrong_app.as_str(), 70014), ("", 70002), ("eJx", 70003)] {
        let mut client = hub.socket().await;
        client.login(APP, "anna", "phone", ticket).await;
        let bye = client.hear_bye().await;
        assert_eq!((&bye["reason"], &bye["code"]), (&json!("not_logged_in"), &json!(code)), "{bye}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_refusal_that_passes_by_itself_says_when_to_come_back() {
    let mut settings = settings();
    settings.server.max_sessions = Some(1);
    let hub = Hub::with(settings).await;
    let refused = async |ticket: &str| {
        let mut client = hub.socket().await;
        client.login(APP, "anna", "phone", ticket).await;
        client.hear_bye().await
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let of_tomorrow = ticket::make(APP, &key(APP), &"anna".parse().unwrap(), now + 86_400, 60);
    let early = refused(&of_tomorrow).await;
    assert_eq!((&early["code"], &early["retry_ms"]), (&json!(70003), &json!(60_000)), "the clock may be set: {early}");
    for unusable in ["", "eJx", &ticket(OTHER_APP, "anna", 60), &ticket(APP, "bert", 60)] {
        let bye = refused(unusable).await;
        assert_eq!(bye["retry_ms"], json!(null), "{bye}");
    }
    let _door = hub.device("door", "panel").await;
    let full = refused(&ticket(APP, "anna", 60)).await;
    assert_eq!((&full["code"], &full["retry_ms"]), (&json!(null), &json!(15_000)), "{full}");
    hub.stop().await;
}

#[tokio::test]
async fn a_ticket_that_runs_out_ends_the_session() {
    let hub = Hub::start().await;
    let mut client = hub.socket().await;
    client.login(APP, "anna", "phone", &ticket(APP, "anna", 1)).await;
    assert_eq!(client.hear().await["type"], "welcome");
    let bye = client.hear_bye().await;
    assert_eq!((&bye["reason"], &bye["code"]), (&json!("ticket_expired"), &json!(70001)));
    hub.stop().await;
}

#[tokio::test]
async fn presence_follows_devices() {
    let hub = Hub::start().await;
    let mut anna = hub.device("anna", "phone").await;
    anna.say(json!({ "type": "watch", "users": ["door"] })).await;
    let nobody = anna.hear().await;
    assert_eq!((&nobody["user"], &nobody["device"], &nobody["online"]), (&json!("door"), &json!(null), &json!(false)));
    assert_eq!(anna.hear().await["code"], "ok");
    let door = hub.device("door", "panel").await;
    let there = anna.hear().await;
    assert_eq!((&there["device"], &there["online"]), (&json!("panel"), &json!(true)));
    drop(door);
    let gone = anna.hear().await;
    assert_eq!((&gone["device"], &gone["online"]), (&json!("panel"), &json!(false)));
    let all_gone = anna.hear().await;
    assert_eq!((&all_gone["device"], &all_gone["online"]), (&json!(null), &json!(false)));
    hub.stop().await;
}

#[tokio::test]
async fn a_hub_that_stops_says_goodbye_soon() {
    let hub = Hub::start().await;
    let mut devices = Vec::new();
    for n in 0..16 {
        let mut device = hub.device("anna", &format!("phone-{n}")).await;
        devices.push(tokio::spawn(async move { device.hear_bye().await }));
    }
    let took = hub.stop().await;
    for device in devices {
        assert_eq!(device.await.unwrap()["reason"], "shutdown");
    }
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
async fn turn_credentials_come_with_the_welcome() {
    let mut settings = settings();
    settings.turn.stun = vec!["stun:127.0.0.1:3478".to_owned()];
    settings.turn.turn = Some(Turn {
        urls: vec!["turn:127.0.0.1:3478".to_owned()],
        secret: "s".to_owned(),
        lifetime: Duration::from_secs(600),
    });
    let hub = Hub::with(settings).await;
    let mut client = hub.socket().await;
    client.login(APP, "anna", "phone", &ticket(APP, "anna", 60)).await;
    let welcome = client.hear().await;
    assert_eq!(welcome["heartbeat_ms"], 15_000);
    assert_eq!(welcome["ice_servers"][0], json!({ "urls": ["stun:127.0.0.1:3478"] }));
    let turn = &welcome["ice_servers"][1];
    assert!(turn["username"].as_str().unwrap().ends_with(":anna") && turn["credential"].is_string(), "{turn}");
    hub.stop().await;
}

#[tokio::test]
async fn a_silent_device_is_cut() {
    let mut settings = settings();
    settings.server.heartbeat = Duration::from_millis(200);
    let hub = Hub::with(settings).await;
    let mut anna = hub.device("anna", "phone").await;
    anna.say(json!({ "type": "watch", "users": ["door"] })).await;
    anna.hear_type("result").await;
    // It is there but does not read, so it answers no ping.
    let _door = hub.device("door", "panel").await;
    assert_eq!(anna.hear_type("presence").await["online"], true);
    assert_eq!(anna.hear_type("presence").await["online"], false);
    hub.stop().await;
}

#[tokio::test]
async fn health_and_page_answer_over_http() {
    let hub = Hub::start().await;
    let _anna = hub.device("anna", "phone").await;
    let answer = http(hub.address, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#""sessions":1"#), "{answer}");
    let page = http(hub.address, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    let head = page.to_ascii_lowercase();
    assert!(page.starts_with("HTTP/1.1 200") && head.contains("text/html"), "{page}");
    assert!(head.contains("content-security-policy: default-src 'none'") && head.contains("cache-control: no-cache"));
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    let again = format!("GET / HTTP/1.1\r\nHost: x\r\nIf-None-Match: {tag}\r\nConnection: close\r\n\r\n");
    assert!(http(hub.address, &again).await.starts_with("HTTP/1.1 304"));
    let none = http(hub.address, "GET /../Cargo.toml HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(none.starts_with("HTTP/1.1 404"), "{none}");
    hub.stop().await;
}

#[tokio::test]
async fn demo_tickets_are_for_this_machine_alone() {
    let post = |host: &str, origin: &str| {
        format!(
            "POST /api/demo HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nContent-Type: application/json\r\n\
             Content-Length: 15\r\nConnection: close\r\n\r\n{{\"user\":\"anna\"}}"
        )
    };
    let mut settings = settings();
    let closed = Hub::with(settings.clone()).await;
    let local = post("localhost:1", "http://localhost:1");
    assert!(http(closed.address, &local).await.starts_with("HTTP/1.1 404"));
    settings.server.demo = Some(APP);
    let hub = Hub::with(settings).await;
    assert!(http(hub.address, &post("evil.example", "http://evil.example")).await.starts_with("HTTP/1.1 403"));
    assert!(http(hub.address, &post("localhost:1", "http://evil.example")).await.starts_with("HTTP/1.1 403"));
    let answer = http(hub.address, &local).await;
    let login: serde_json::Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let mut client = hub.socket().await;
    client.login(APP, "anna", "page", login["ticket"].as_str().unwrap()).await;
    assert_eq!(client.hear().await["type"], "welcome");
    hub.stop().await;
    closed.stop().await;
}

#[tokio::test]
async fn pages_of_other_origins_get_no_socket() {
    let hub = Hub::start().await;
    let ask = |origin: &str| {
        format!(
            "GET /ws HTTP/1.1\r\nHost: hub:1\r\nOrigin: {origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
    };
    let refused = http(hub.address, &ask("https://evil.example").replace("Upgrade\r\nU", "Upgrade, close\r\nU")).await;
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    let welcome = http(hub.address, &ask("http://hub:1")).await;
    assert!(welcome.starts_with("HTTP/1.1 101") && welcome.contains("not_logged_in"), "{welcome}");
    hub.stop().await;
}
