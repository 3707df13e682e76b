//! What brokers ask, in the very words in which they ask it.

use callbox_hub::server::{BrokerAuth, Kind, Network};
use serde_json::{Value, json};

use crate::client::http;
use crate::house::{APP, Hub, OTHER_APP, settings, ticket};

const SECRET: &str = "a-secret-of-brokers";

async fn hub(kind: Kind, secret: Option<&str>, from: &[&str]) -> Hub {
    let from = from.iter().map(|network| Network::parse(network).unwrap()).collect();
    let mut settings = settings();
    settings.server.broker_auth = Some(BrokerAuth { kind, secret: secret.map(str::to_owned), from });
    Hub::with(settings).await
}

async fn post(hub: &Hub, path: &str, kind: &str, more: &str, body: &str) -> (u16, String) {
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: hub:8080\r\nContent-Type: {kind}\r\n{more}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let answer = http(hub.address, &request).await;
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned())
}

/// As EMQX 5 does with the body template of docs/protocol.md: JSON, its own `content-type`, and headers as configured.
async fn emqx(hub: &Hub, path: &str, body: Value) -> Value {
    let bearer = format!("authorization: Bearer {SECRET}\r\naccept: application/json\r\n");
    let (status, answer) = post(hub, path, "application/json", &bearer, &body.to_string()).await;
    assert_eq!(status, 200, "EMQX takes anything else for `ignore`: {answer}");
    serde_json::from_str(&answer).unwrap()
}

/// As mosquitto-go-auth does with `http_params_mode form`, values in `url.Values` order; the answer is the status.
async fn go_auth(hub: &Hub, path: &str, body: &str) -> u16 {
    let agent = "User-Agent: mosquitto-2.0.18\r\nAccept-Encoding: gzip\r\n";
    post(hub, &format!("{path}?secret={SECRET}"), "application/x-www-form-urlencoded", agent, body).await.0
}

#[tokio::test]
async fn emqx_asks_and_is_answered() {
    let hub = hub(Kind::Emqx, Some(SECRET), &["127.0.0.0/8"]).await;
    let (user, good) = (format!("anna@{APP}"), ticket(APP, "anna", 60));
    let login = |password: &str, clientid: &str| json!({ "username": user, "password": password, "clientid": clientid, "peerhost": "192.0.2.1" });
    let device = format!("{user}/phone");
    let allowed = emqx(&hub, "/mqtt/auth", login(&good, &device)).await;
    assert_eq!((&allowed["result"], &allowed["is_superuser"]), (&json!("allow"), &json!(false)));
    assert!(allowed["expire_at"].as_u64().unwrap() > 1_700_000_000, "{allowed}");
    let stolen = format!("door@{APP}/panel");
    for (password, clientid) in
        [("", &device), ("guess", &device), (&ticket(APP, "bert", 60), &device), (&good, &stolen)]
    {
        assert_eq!(emqx(&hub, "/mqtt/auth", login(password, clientid)).await, json!({ "result": "deny" }));
    }
    let stranger = json!({ "username": "sensor-7", "password": "x", "clientid": "s" });
    assert_eq!(emqx(&hub, "/mqtt/auth", stranger).await, json!({ "result": "ignore" }), "none of ours");

    let access = |action: &str, topic: String| json!({ "username": user, "topic": topic, "action": action, "clientid": device, "qos": 1 });
    for (action, topic, result) in [
        ("publish", format!("callbox/1/{APP}/to/door@{APP}/from/anna@{APP}"), "allow"),
        ("publish", format!("callbox/1/{APP}/to/door@{APP}/from/door@{APP}"), "deny"),
        ("subscribe", format!("callbox/1/{APP}/to/anna@{APP}/from/+"), "allow"),
        ("subscribe", format!("callbox/1/{APP}/to/door@{APP}/from/+"), "deny"),
        ("subscribe", "callbox/#".to_owned(), "deny"),
        ("subscribe", format!("callbox/1/{APP}/presence/door@{APP}/+"), "allow"),
        ("subscribe", format!("callbox/1/{OTHER_APP}/presence/+/+"), "deny"),
        ("subscribe", format!("callbox/1/{APP}/presence/+/+"), "allow"),
        // A user of Callbox gets nothing else at the broker, whatever its other rules allow.
        ("publish", "garden/sprinkler".to_owned(), "deny"),
        ("subscribe", "garden/#".to_owned(), "deny"),
    ] {
        assert_eq!(emqx(&hub, "/mqtt/acl", access(action, topic.clone())).await["result"], result, "{action} {topic}");
    }
    let gardener = json!({ "username": "gardener", "topic": "garden/sprinkler", "action": "publish" });
    assert_eq!(emqx(&hub, "/mqtt/acl", gardener).await["result"], "ignore", "no user of Callbox");
    // An account that is bound to one device is a user of Callbox, too.
    let bound = |to: &str| json!({ "username": device, "topic": format!("callbox/1/{APP}/to/door@{APP}/from/{to}"), "action": "publish" });
    for (from, result) in [(user.as_str(), "allow"), ("ben@1400000000", "deny")] {
        assert_eq!(emqx(&hub, "/mqtt/acl", bound(from)).await["result"], result, "{from}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn mosquitto_go_auth_asks_in_both_its_forms_and_is_answered() {
    let hub = hub(Kind::GoAuth, Some(SECRET), &[]).await;
    let good = ticket(APP, "anna", 60).replace('*', "%2A").replace('=', "%3D").replace('+', "%2B");
    let device = format!("anna%40{APP}%2Fphone");
    assert_eq!(
        go_auth(&hub, "/mqtt/auth", &format!("clientid={device}&password={good}&username=anna%40{APP}")).await,
        200
    );
    assert_eq!(go_auth(&hub, "/mqtt/auth", &format!("clientid={device}&password=x&username=anna%40{APP}")).await, 403);
    assert_eq!(
        go_auth(&hub, "/mqtt/auth", &format!("clientid={device}&password={good}&username=bert%40{APP}")).await,
        403
    );
    assert_eq!(go_auth(&hub, "/mqtt/superuser", &format!("username=anna%40{APP}")).await, 403);
    let acl = |acc: u8, topic: &str| {
        format!(
            "acc={acc}&clientid={device}&topic={}&username=anna%40{APP}",
            topic.replace('/', "%2F").replace('@', "%40").replace('+', "%2B")
        )
    };
    let (to_door, to_anna) = (
        format!("callbox/1/{APP}/to/door@{APP}/from/anna@{APP}"),
        format!("callbox/1/{APP}/to/anna@{APP}/from/door@{APP}"),
    );
    for (acc, topic, status) in [
        (2, to_door.as_str(), 200),
        (1, &to_door, 403),
        (1, &to_anna, 200),
        (2, &to_anna, 403),
        (3, &to_anna, 403),
        (4, &format!("callbox/1/{APP}/to/anna@{APP}/from/+"), 200),
        (4, "#", 403),
    ] {
        assert_eq!(go_auth(&hub, "/mqtt/acl", &acl(acc, topic)).await, status, "{acc} {topic}");
    }
    // `http_params_mode json`, `http_response_mode json`.
    let path = format!("/mqtt/acl?secret={SECRET}");
    let ask = |topic: &str| {
        json!({ "username": format!("anna@{APP}"), "clientid": format!("anna@{APP}/phone"), "topic": topic, "acc": 2 })
            .to_string()
    };
    let (status, answer) = post(&hub, &path, "application/json", "", &ask(&to_door)).await;
    assert_eq!((status, serde_json::from_str::<Value>(&answer).unwrap()), (200, json!({ "ok": true, "error": "" })));
    let (status, answer) = post(&hub, &path, "application/json", "", &ask(&to_anna)).await;
    assert_eq!((status, serde_json::from_str::<Value>(&answer).unwrap()["ok"].clone()), (403, json!(false)));
    hub.stop().await;
}

#[tokio::test]
async fn only_the_broker_may_ask_and_guessing_its_secret_is_slow() {
    let body = json!({ "username": format!("anna@{APP}"), "password": ticket(APP, "anna", 60) }).to_string();
    let ask = async |hub: &Hub, more: &str| post(hub, "/mqtt/auth", "application/json", more, &body).await.0;
    let off = Hub::start().await;
    assert_eq!(ask(&off, "").await, 404);
    off.stop().await;
    let elsewhere = hub(Kind::Emqx, None, &["192.0.2.0/24"]).await;
    assert_eq!(ask(&elsewhere, "").await, 401);
    elsewhere.stop().await;
    let here = hub(Kind::Emqx, None, &["127.0.0.1"]).await;
    assert_eq!(ask(&here, "").await, 200);
    let (status, _) = post(&here, "/mqtt/auth", "application/json", "", "no json").await;
    assert_eq!(status, 400);
    here.stop().await;
    let hub = hub(Kind::Emqx, Some(SECRET), &[]).await;
    let right = format!("Authorization: Bearer {SECRET}\r\n");
    assert_eq!(ask(&hub, &right).await, 200);
    for _ in 0..20 {
        assert_eq!(ask(&hub, "Authorization: Bearer guess\r\n").await, 401);
    }
    assert_eq!(ask(&hub, "Authorization: Bearer guess\r\n").await, 429);
    hub.stop().await;
}
