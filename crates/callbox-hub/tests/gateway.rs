//! Hubs as gateways before a real Mosquitto: clients on WebSocket, everything else at the broker.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use callbox_core::ticket::{LoginRules, ValidFrom};
use callbox_hub::config::Settings;
use callbox_hub::gateway::{self, Credentials, LoginBy};
use callbox_mqtt::{Account, Brokers, Identity};
use serde_json::{Value, json};

use crate::client::Client;
use crate::house::{APP, Hub, key, settings, ticket};
use crate::mosquitto::{Mosquitto, is_missing};
use crate::process::Process;

fn brokers(url: &str) -> Brokers {
    Brokers {
        urls: vec![url.parse().unwrap()],
        ca_file: None,
        identity: None,
        keep_alive: Duration::from_secs(5),
        account: Account::User,
    }
}

fn behind(brokers: Brokers, login: LoginBy) -> Settings {
    Settings { gateway: Some(gateway::Settings { brokers, login }), ..settings() }
}

/// A gateway that is known by its password, or by its certificate where there is none.
fn gateway(password: &str) -> LoginBy {
    LoginBy::Gateway(Credentials { user: "gateway".into(), password: password.into() })
}

/// A gateway on the broker's own machine.
async fn local(broker: &Mosquitto) -> Hub {
    Hub::with(behind(brokers(&broker.url()), gateway("token-of-gateway"))).await
}

async fn street() -> Option<(Mosquitto, Hub, Hub)> {
    if is_missing("gateway") {
        return None;
    }
    let broker = Mosquitto::for_gateways(&["mallory@1400000000"]);
    let (north, south) = (local(&broker).await, local(&broker).await);
    Some((broker, north, south))
}

/// The next message of a call, presence and results skipped.
async fn hear(client: &mut Client) -> Value {
    loop {
        let heard = client.hear().await;
        if !matches!(heard["type"].as_str(), Some("presence" | "result")) {
            return heard;
        }
    }
}

async fn code_of(client: &mut Client, id: &str) -> Value {
    loop {
        let heard = client.hear_type("result").await;
        if heard["re"] == id {
            return heard["code"].clone();
        }
    }
}

fn invite(call: &str, to: &str, remaining_ms: u32) -> Value {
    json!({ "to": { "user": to }, "type": "invite", "call": call, "kind": "single", "media": "audio", "callees": [to],
        "remaining_ms": remaining_ms, "agent": "browser", "early": "off" })
}

/// A whole call: both hear of each other what they have to.
async fn call(name: &str, caller: &mut Client, callee: &mut Client, to: &str) {
    let id = caller.say(invite(name, to, 30_000)).await;
    let heard = hear(callee).await;
    assert_eq!((&heard["type"], &heard["call"]), (&json!("invite"), &json!(name)), "{heard}");
    assert_eq!(code_of(caller, &id).await, "ok");
    for (from_callee, message) in [
        (true, json!({ "type": "ringing", "call": name, "agent": "browser", "early": "off", "link": 0 })),
        (true, json!({ "type": "accept", "call": name, "agent": "browser" })),
        (false, json!({ "type": "confirm", "call": name })),
        (true, json!({ "type": "hangup", "call": name, "reason": "hangup" })),
    ] {
        let (speaker, listener) = if from_callee { (&mut *callee, &mut *caller) } else { (&mut *caller, &mut *callee) };
        let mut message = message;
        let kind = message["type"].clone();
        message["to"] = if from_callee { heard["from"].clone() } else { json!({ "user": to }) };
        speaker.say(message).await;
        let got = hear(listener).await;
        assert_eq!((&got["type"], &got["call"]), (&kind, &json!(name)), "{got}");
    }
}

#[tokio::test]
async fn what_a_reload_withdraws_leaves_the_gateway_and_the_broker_within_a_second() {
    let Some((broker, north, south)) = street().await else { return };
    let (mut anna, mut bert) = (north.device("anna", "phone").await, north.device("bert", "phone").await);
    let mut door = south.device("door", "panel").await;
    door.say(json!({ "type": "watch", "users": ["anna"] })).await;
    while door.hear_type("presence").await["online"] != true {}
    let mut new = behind(brokers(&broker.url()), gateway("token-of-gateway"));
    let future = 1 + SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let valid_from = ValidFrom { users: [("anna".parse().unwrap(), future)].into(), ..ValidFrom::default() };
    new.server.apps.insert(APP, LoginRules::new(key(APP), None, valid_from));
    let since = Instant::now();
    north.reload.send(new).await.unwrap();
    assert_eq!(anna.hear_bye().await["code"], 70001);
    while door.hear_type("presence").await["online"] != false {}
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    call("c1", &mut bert, &mut door, "door").await;
}

#[tokio::test]
async fn a_call_goes_between_users_of_two_gateways() {
    let Some((_broker, north, south)) = street().await else { return };
    let (mut anna, mut door) = (north.device("anna", "phone").await, south.device("door", "panel").await);
    call("c1", &mut anna, &mut door, "door").await;
    call("c2", &mut door, &mut anna, "anna").await;
    // Two devices of a user at different gateways ring both.
    let mut desk = north.device("door", "desk").await;
    anna.say(invite("c3", "door", 30_000)).await;
    assert_eq!(hear(&mut door).await["call"], "c3");
    assert_eq!(hear(&mut desk).await["call"], "c3");
    desk.say(json!({ "to": { "user": "anna", "device": "phone" }, "type": "reject", "call": "c3", "reason": "busy" }))
        .await;
    let reject = hear(&mut anna).await;
    assert_eq!(reject["from"], json!({ "user": "door", "device": "desk" }));
    north.stop().await;
    south.stop().await;
}

#[tokio::test]
async fn presence_and_results_are_those_of_a_hub() {
    let Some((_broker, north, south)) = street().await else { return };
    let mut anna = north.device("anna", "phone").await;
    let watch = anna.say(json!({ "type": "watch", "users": ["door"] })).await;
    let nobody = anna.hear().await;
    assert_eq!((&nobody["user"], &nobody["device"], &nobody["online"]), (&json!("door"), &json!(null), &json!(false)));
    assert_eq!(code_of(&mut anna, &watch).await, "ok");
    let id = anna.say(invite("c0", "door", 30_000)).await;
    assert_eq!(code_of(&mut anna, &id).await, "offline", "nobody of that name ever had a session");

    let door = south.device("door", "panel").await;
    let there = anna.hear_type("presence").await;
    assert_eq!((&there["device"], &there["online"]), (&json!("panel"), &json!(true)));
    let id = anna.say(invite("c1", "door", 30_000)).await;
    assert_eq!(code_of(&mut anna, &id).await, "ok");
    let everybody = anna.say(json!({ "type": "watch", "users": ["*"] })).await;
    let mut there = Vec::new();
    loop {
        let heard = anna.hear().await;
        if heard["re"] == json!(everybody) {
            assert_eq!(heard["code"], "ok");
            break;
        }
        there.push((heard["user"].clone(), heard["device"].clone()));
    }
    there.sort_by_key(|(user, _)| user.to_string());
    assert_eq!(there, [(json!("anna"), json!("phone")), (json!("door"), json!("panel"))]);

    drop(door);
    let gone = anna.hear_type("presence").await;
    assert_eq!((&gone["device"], &gone["online"]), (&json!("panel"), &json!(false)));
    assert_eq!(anna.hear_type("presence").await["device"], json!(null));
    let id = anna.say(invite("c2", "door", 30_000)).await;
    assert_eq!(code_of(&mut anna, &id).await, "queued");
    let id = anna.say(json!({ "type": "hangup", "call": "c9", "reason": "hangup", "to": { "user": "nobody" } })).await;
    assert_eq!(code_of(&mut anna, &id).await, "offline");
    north.stop().await;
    south.stop().await;
}

#[tokio::test]
async fn an_invite_waits_at_the_broker_for_who_comes_back_in_time() {
    let Some((_broker, north, south)) = street().await else { return };
    let mut door = south.device("door", "panel").await;
    let anna = north.device("anna", "phone").await;
    let watch = door.say(json!({ "type": "watch", "users": ["anna"] })).await;
    assert_eq!(code_of(&mut door, &watch).await, "ok");
    drop(anna);
    while !door.hear_type("presence").await["device"].is_null() {}
    for (name, ring) in [("late", 2_000), ("cancelled", 30_000), ("waits", 30_000)] {
        let id = door.say(invite(name, "anna", ring)).await;
        assert_eq!(code_of(&mut door, &id).await, "queued");
    }
    door.say(json!({ "to": { "user": "anna" }, "type": "cancel", "call": "cancelled", "reason": "cancelled" })).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    // She comes back at the other gateway.
    let mut anna = south.device("anna", "phone").await;
    let mut heard = Vec::new();
    while heard.last().is_none_or(|last: &Value| last["type"] != "invite") {
        heard.push(hear(&mut anna).await);
    }
    let told: Vec<_> = heard.iter().map(|m| format!("{} {}", m["type"], m["call"]).replace('"', "")).collect();
    assert_eq!(told, ["cancel cancelled", "invite waits"], "decided and expired ones do not ring");
    let left = heard[1]["remaining_ms"].as_u64().unwrap();
    assert!((24_000..=27_500).contains(&left), "{left}");
    anna.hears_nothing().await;
    north.stop().await;
    south.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_killed_in_a_ringing_call_is_replaced_by_another() {
    if is_missing("a_gateway_that_is_killed_in_a_ringing_call_is_replaced_by_another") {
        return;
    }
    let broker = Mosquitto::for_gateways(&[]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("password"), "token-of-gateway\n").unwrap();
    let login = "login = \"gateway\"\npassword_file = \"password\"\n";
    let table = format!("[broker]\nurls = [\"{}\"]\n{login}", broker.url());
    let (north, south) = (Process::with(folder.path(), &table), Process::with(folder.path(), &table));
    let (mut door, mut anna) = (south.device("door", "panel").await, north.device("anna", "phone").await);
    door.say(json!({ "type": "watch", "users": ["anna"] })).await;
    door.hear_type("result").await;
    door.say(invite("c1", "anna", 30_000)).await;
    let rings = hear(&mut anna).await;
    let begin = Instant::now();
    anna.say(json!({ "to": rings["from"], "type": "ringing", "call": "c1", "agent": "browser", "early": "off" })).await;
    assert_eq!(hear(&mut door).await["type"], "ringing");

    north.signal("-KILL");
    assert_eq!(anna.hear_or_end().await, None);
    // What is said meanwhile waits for her.
    door.say(
        json!({ "to": { "user": "anna", "device": "phone" }, "type": "offer", "call": "c1", "link": 1, "sdp": "v=0" }),
    )
    .await;
    let mut anna = south.device("anna", "phone").await;
    assert_eq!(hear(&mut anna).await["type"], "offer");
    // She rings on, says so, and picks up; the inviter repeats its invite, as it does when its own line is back.
    let left = 30_000 - u32::try_from(begin.elapsed().as_millis()).unwrap();
    door.say(invite("c1", "anna", left)).await;
    let again = hear(&mut anna).await;
    assert_eq!((&again["type"], &again["call"]), (&json!("invite"), &json!("c1")));
    assert!(again["remaining_ms"].as_u64().unwrap() <= u64::from(left), "{again}");
    anna.say(json!({ "to": rings["from"], "type": "accept", "call": "c1", "agent": "browser" })).await;
    assert_eq!(hear(&mut door).await["type"], "accept");
    door.say(json!({ "to": { "user": "anna", "device": "phone" }, "type": "confirm", "call": "c1" })).await;
    assert_eq!(hear(&mut anna).await["type"], "confirm");
    // Back within the will's delay: nobody was told that she had gone.
    door.say(json!({ "type": "ping" })).await;
    loop {
        let heard = door.hear().await;
        assert_ne!(heard["online"], json!(false), "{heard}");
        if heard["type"] == "pong" {
            break;
        }
    }
}

#[tokio::test]
async fn a_socket_without_a_device_behind_it_swallows_no_invite() {
    let Some((_broker, north, south)) = street().await else { return };
    let (mut door, mut asleep) = (south.device("door", "panel").await, north.device("anna", "phone").await);
    door.say(invite("c1", "anna", 30_000)).await;
    assert_eq!(hear(&mut asleep).await["call"], "c1", "into a socket that nobody reads");
    let mut awake = north.device("anna", "phone").await;
    let again = hear(&mut awake).await;
    assert_eq!((&again["type"], &again["call"]), (&json!("invite"), &json!("c1")));
    assert!(again["remaining_ms"].as_u64().unwrap() < 30_000, "{again}");
    awake.say(json!({ "to": again["from"], "type": "reject", "call": "c1", "reason": "busy" })).await;
    assert_eq!(hear(&mut door).await["type"], "reject");
    // Answered: it does not come once more.
    let mut once_more = north.device("anna", "phone").await;
    once_more.hears_nothing().await;
    north.stop().await;
    south.stop().await;
}

#[tokio::test]
async fn nobody_speaks_as_somebody_else_through_a_gateway() {
    let Some((broker, north, south)) = street().await else { return };
    let (mut anna, mut mallory) = (north.device("anna", "phone").await, south.device("mallory", "x").await);
    let hangup = json!({ "from": { "user": "door", "device": "panel" }, "to": { "user": "anna" }, "type": "hangup",
        "call": "c1", "reason": "hangup" });
    mallory.say(hangup.clone()).await;
    assert_eq!(hear(&mut anna).await["from"], json!({ "user": "mallory", "device": "x" }));
    let mut foreign = hangup;
    foreign["type"] = json!("dance");
    mallory.say(foreign).await;
    let heard = hear(&mut anna).await;
    assert_eq!((&heard["type"], &heard["from"]), (&json!("dance"), &json!({ "user": "mallory", "device": "x" })));
    mallory.say(json!({ "to": { "user": "anna" }, "type": "bye", "reason": "shutdown" })).await;
    assert_eq!(mallory.hear().await["code"], "forbidden");
    // And nobody is a gateway who cannot show it.
    let broker_hears = |user: &str, password: &str| {
        let forged = ["-t", "callbox/1/1400000000/to/anna@1400000000/from/door@1400000000", "-m", "x", "-q", "1", "-d"];
        broker.client("mosquitto_pub", user, &[&["-P", password], &forged[..]].concat()).ended().1
    };
    assert!(broker_hears("gateway", "guessed").contains("Not authorized"));
    let said = broker_hears("mallory@1400000000", "token-of-mallory");
    assert!(said.contains("RC:135"), "{said}");
    anna.hears_nothing().await;
    north.stop().await;
    south.stop().await;
}

#[tokio::test]
async fn users_of_two_apps_never_meet_at_a_broker() {
    let Some((_broker, north, south)) = street().await else { return };
    let mut anna = north.device("anna", "phone").await;
    let mut namesake = south.device_of(crate::house::OTHER_APP, "anna", "phone").await;
    let door = south.device_of(crate::house::OTHER_APP, "door", "panel").await;
    let id = anna.say(json!({ "type": "watch", "users": ["*"] })).await;
    let first = anna.hear().await;
    assert_eq!((&first["user"], &first["online"]), (&json!("anna"), &json!(true)));
    assert_eq!(anna.hear().await["re"], json!(id), "nobody else is there");
    anna.say(invite("c1", "anna", 30_000)).await;
    namesake.hears_nothing().await;
    drop(door);
    north.stop().await;
    south.stop().await;
}

#[tokio::test]
async fn a_broker_that_is_away_ends_no_session_and_calls_work_again_soon() {
    let Some((mut broker, north, south)) = street().await else { return };
    let (mut anna, mut door) = (north.device("anna", "phone").await, south.device("door", "panel").await);
    call("c1", &mut anna, &mut door, "door").await;
    broker.stop();
    tokio::time::sleep(Duration::from_secs(3)).await;
    // Said into the outage, also by somebody who logs in only now.
    let mut late = north.device("late", "phone").await;
    anna.say(invite("c2", "door", 30_000)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    late.hears_nothing().await;
    broker.go();
    let back = Instant::now();
    let heard = hear(&mut door).await;
    assert_eq!((&heard["type"], &heard["call"]), (&json!("invite"), &json!("c2")));
    assert!(heard["remaining_ms"].as_u64().unwrap() < 29_100, "the wait counts: {heard}");
    assert!(back.elapsed() < Duration::from_secs(6), "{:?}", back.elapsed());
    call("c3", &mut late, &mut door, "door").await;
    door.hears_nothing().await;
    north.stop().await;
    south.stop().await;
}

#[tokio::test]
async fn a_newer_login_wins_at_the_same_gateway_and_at_another() {
    let Some((_broker, north, south)) = street().await else { return };
    let mut first = north.device("anna", "phone").await;
    let mut second = north.device("anna", "phone").await;
    assert_eq!(first.hear_bye().await["reason"], "replaced");
    second.hears_nothing().await;
    // Mosquitto 2.0 does not say why it hangs up: the older one finds out, and leaves.
    let mut third = south.device("anna", "phone").await;
    assert_eq!(second.hear_bye().await["reason"], "replaced");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut door = north.device("door", "panel").await;
    call("c1", &mut door, &mut third, "anna").await;
    assert!(north.stop().await < Duration::from_secs(3));
    assert_eq!(door.hear_bye().await["reason"], "shutdown");
    south.stop().await;
}

#[tokio::test]
async fn a_ticket_that_runs_out_ends_the_session_at_a_gateway() {
    let Some((_broker, north, south)) = street().await else { return };
    let mut client = north.socket().await;
    client.login(APP, "anna", "phone", &ticket(APP, "anna", 2)).await;
    assert_eq!(client.hear().await["type"], "welcome");
    assert_eq!(client.hear_bye().await["reason"], "ticket_expired");
    north.stop().await;
    south.stop().await;
}

#[tokio::test]
async fn a_gateway_shows_its_certificate_or_the_users_own_ticket() {
    if is_missing("a_gateway_shows_its_certificate_or_the_users_own_ticket") {
        return;
    }
    let shown = ticket(APP, "anna", 3600);
    let mut broker = Mosquitto::for_gateways(&[]);
    broker.account("anna@1400000000/phone", &shown);
    broker.stop();
    broker.go();
    let file = |name: &str| broker.path(&format!("certs/{name}"));
    let identity = Some(Identity { certificate: file("hub.crt"), key: file("hub.key") });
    let secure = Brokers { ca_file: Some(file("ca.crt")), identity, ..brokers(&broker.gateways_url()) };
    let by_certificate = Hub::with(behind(secure, gateway(""))).await;
    let by_ticket = Hub::with(behind(brokers(&broker.url()), LoginBy::Ticket)).await;
    let mut door = by_certificate.device("door", "panel").await;
    let mut anna = by_ticket.socket().await;
    anna.login(APP, "anna", "phone", &shown).await;
    assert_eq!(anna.hear().await["type"], "welcome");
    call("c1", &mut anna, &mut door, "door").await;
    // A ticket that the hub takes and the broker does not: told, not left waiting.
    let mut bert = by_ticket.socket().await;
    bert.login(APP, "bert", "phone", &ticket(APP, "bert", 3600)).await;
    let bye = bert.hear_bye().await;
    assert!(bye["reason"] == "shutdown" && bye["text"].as_str().unwrap().contains("operator"), "{bye}");
    by_certificate.stop().await;
    by_ticket.stop().await;
}
