//! Whatever is sent, nobody else suffers.

use std::time::Duration;

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::house::{APP, Hub, ticket};

#[tokio::test]
async fn the_first_message_must_be_a_login() {
    let hub = Hub::start().await;
    for first in ["", "{}", "[1,2", "\u{0}", r#"{"v":1,"id":"a","type":"ping"}"#, r#"{"v":2,"type":"login"}"#] {
        let mut client = hub.socket().await;
        client.raw(Message::text(first)).await;
        assert_eq!(client.hear_bye().await["reason"], "not_logged_in", "{first}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn who_never_logs_in_is_sent_away_after_five_seconds() {
    let hub = Hub::start().await;
    let mut client = hub.socket().await;
    let begin = std::time::Instant::now();
    assert!(client.hear_bye().await["text"].as_str().unwrap().contains("within 5 s"));
    assert!(begin.elapsed() < Duration::from_secs(6));
    hub.stop().await;
}

#[tokio::test]
async fn garbage_is_answered_in_words_and_the_session_goes_on() {
    let hub = Hub::start().await;
    let mut bystander = hub.device("bert", "phone").await;
    let mut anna = hub.device("anna", "phone").await;
    let cases = [
        ("nonsense", "bad_message"),
        (r#"{"v":1}"#, "bad_message"),
        (r#"{"v":1,"id":"a","type":"invite","to":{"user":"bert"}}"#, "bad_message"),
        (r#"{"v":1,"id":"a","type":"hangup","call":"c","reason":"hangup"}"#, "bad_message"),
        (r#"{"v":1,"id":"a","type":"hangup","call":"c d","reason":"hangup","to":{"user":"bert"}}"#, "bad_message"),
        (r#"{"v":1,"id":"a b","type":"ping"}"#, "bad_message"),
        (r#"{"v":9,"id":"a","type":"ping"}"#, "unsupported_version"),
        (r#"{"v":1,"id":"a","type":"watch","users":["a b"]}"#, "bad_message"),
        (
            r#"{"v":1,"id":"a","type":"login","app":1,"user":"x","device":"y","ticket":"","agent":"panel"}"#,
            "bad_message",
        ),
    ];
    for (text, code) in cases {
        anna.raw(Message::text(text)).await;
        let answer = anna.hear().await;
        assert_eq!((&answer["type"], &answer["code"]), (&json!("result"), &json!(code)), "{text} {answer}");
        assert!(!answer["text"].as_str().unwrap().is_empty(), "{answer}");
    }
    let deep = "[".repeat(60_000);
    anna.raw(Message::text(deep)).await;
    assert_eq!(anna.hear().await["code"], "bad_message");
    anna.raw(Message::binary(vec![0xff, 0, 0x80])).await;
    assert_eq!(anna.hear().await["code"], "bad_message");
    anna.hears_nothing().await;
    bystander.hears_nothing().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_call_of_a_future_version_is_rejected_in_the_callees_stead() {
    let hub = Hub::start().await;
    let mut anna = hub.device("anna", "phone").await;
    anna.raw(Message::text(r#"{"v":2,"id":"a","type":"invite","to":{"user":"door"},"call":"c9","new":1}"#)).await;
    let result = anna.hear().await;
    assert_eq!((&result["code"], &result["re"]), (&json!("unsupported_version"), &json!("a")));
    let reject = anna.hear().await;
    assert_eq!((&reject["type"], &reject["reason"]), (&json!("reject"), &json!("unsupported_version")));
    assert_eq!((&reject["call"], &reject["from"]), (&json!("c9"), &json!({ "user": "door", "device": "hub" })));
    hub.stop().await;
}

#[tokio::test]
async fn the_oversized_is_refused_in_words_and_the_huge_ends_the_socket() {
    let hub = Hub::start().await;
    let mut anna = hub.device("anna", "phone").await;
    let fits = json!({ "to": { "user": "anna" }, "type": "offer", "call": "c", "link": 1, "sdp": "x".repeat(60_000) });
    // Nobody else is there, and it is sent to no device in particular.
    anna.say(fits).await;
    assert_eq!(anna.hear().await["code"], "offline");
    anna.raw(Message::text("x".repeat(70_000))).await;
    let answer = anna.hear().await;
    assert!(answer["text"].as_str().unwrap().contains("70000 bytes"), "{answer}");
    anna.try_raw(Message::text("x".repeat(3_000_000))).await;
    assert_eq!(anna.hear_or_end().await, None);
    let mut again = hub.device("anna", "phone").await;
    again.hears_nothing().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_chatterer_is_read_more_slowly_and_loses_nothing() {
    let hub = Hub::start().await;
    let mut anna = hub.device("anna", "phone").await;
    let begin = std::time::Instant::now();
    for _ in 0..400 {
        anna.raw(Message::text(r#"{"v":1,"id":"a","type":"ping"}"#)).await;
    }
    for _ in 0..400 {
        assert_eq!(anna.hear().await["type"], "pong");
    }
    // What one read brought is handed on at once, and paid for before the next read.
    assert!(begin.elapsed() > Duration::from_secs(2), "200 at once, then 50 a second: {:?}", begin.elapsed());
    hub.stop().await;
}

#[tokio::test]
async fn a_panel_that_is_rung_without_end_is_not_cut_and_hears_others() {
    let hub = Hub::start().await;
    let mut panel = hub.device("door", "panel").await;
    let (mut mallory, mut anna) = (hub.device("mallory", "x").await, hub.device("anna", "phone").await);
    let invite = |call: String| {
        json!({ "to": { "user": "door" }, "type": "invite", "call": call, "kind": "single", "media": "audio",
            "callees": ["door"], "remaining_ms": 30_000, "agent": "browser", "early": "off" })
    };
    for n in 0..60 {
        mallory.say(invite(format!("m{n}"))).await;
    }
    let mut codes = Vec::new();
    for _ in 0..60 {
        codes.push(mallory.hear().await["code"].as_str().unwrap().to_owned());
    }
    assert_eq!(codes.iter().filter(|code| *code == "ok").count(), 10, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| *code == "too_many").count(), 50, "{codes:?}");
    for n in 0..10 {
        let rung = panel.hear().await;
        assert_eq!(rung["call"], format!("m{n}"));
        panel.say(json!({ "to": rung["from"], "type": "reject", "call": rung["call"], "reason": "busy" })).await;
    }
    anna.say(invite("c1".to_owned())).await;
    assert_eq!(panel.hear().await["call"], "c1");
    hub.stop().await;
}

/// Nobody reads at `slow`, and each of these says as much as it may.
async fn flood(hub: &Hub, users: usize) -> (crate::client::Client, Vec<crate::client::Client>) {
    let slow = hub.device("slow", "phone").await;
    let flood = json!({ "to": { "user": "slow" }, "type": "offer", "call": "c", "link": 1, "sdp": "x".repeat(60_000) });
    let mut senders = Vec::new();
    for n in 0..users {
        let mut sender = hub.device(&format!("m{n}"), "x").await;
        for _ in 0..20 {
            sender.say(flood.clone()).await;
        }
        senders.push(sender);
    }
    (slow, senders)
}

#[tokio::test]
async fn one_sender_does_not_get_a_slow_reader_cut() {
    let hub = Hub::start().await;
    let (mut slow, mut senders) = flood(&hub, 1).await;
    assert_eq!(senders[0].hear().await["code"], "too_many");
    for _ in 0..4 {
        assert_eq!(slow.hear().await["type"], "offer");
    }
    slow.hears_nothing().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_slow_reader_is_cut_and_holds_up_nobody() {
    let hub = Hub::start().await;
    let (mut anna, mut bert) = (hub.device("anna", "phone").await, hub.device("bert", "phone").await);
    anna.say(json!({ "type": "watch", "users": ["slow"] })).await;
    let (mut slow, _senders) = flood(&hub, 60).await;
    anna.say(json!({ "to": { "user": "bert" }, "type": "confirm", "call": "c1" })).await;
    assert_eq!(bert.hear().await["call"], "c1", "others are served meanwhile");
    let mut was_there = false;
    loop {
        let heard = anna.hear().await;
        let online = heard["type"] == "presence" && heard["online"] == json!(true);
        was_there |= online;
        if was_there && heard["type"] == "presence" && !online {
            break;
        }
    }
    // The goodbye comes behind what had left already, if the socket takes it at all.
    let mut last = None;
    while let Some(heard) = slow.hear_or_end().await {
        last = Some(heard);
    }
    assert!(last.is_some());
    hub.stop().await;
}

#[tokio::test]
async fn bad_tickets_are_throttled_and_a_good_one_is_always_let_in() {
    let hub = Hub::start().await;
    for _ in 0..20 {
        let mut client = hub.socket().await;
        client.login(APP, "anna", "phone", "guess").await;
        assert_eq!(client.hear_bye().await["code"], 70003);
    }
    let mut client = hub.socket().await;
    client.login(APP, "anna", "phone", "guess").await;
    let bye = client.hear_bye().await;
    assert!(bye["text"].as_str().unwrap().contains("too many refused logins"), "{bye}");
    assert_eq!(bye["code"], json!(null), "what was wrong is not said any more");
    assert!((1_000..=4_000).contains(&bye["retry_ms"].as_u64().unwrap()), "{bye}");
    let _anna = hub.device("anna", "phone").await;
    hub.stop().await;
}

#[tokio::test]
async fn nobody_logs_in_as_the_hub() {
    let hub = Hub::start().await;
    let mut client = hub.socket().await;
    client.login(APP, "anna", "hub", &ticket(APP, "anna", 60)).await;
    assert_eq!(client.hear_bye().await["reason"], "not_logged_in");
    hub.stop().await;
}
