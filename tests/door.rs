//! A daemon with a door: opened by the control socket and from afar, refused to strangers, all of it in the record.

use std::time::Duration;

use callbox_core::protocol::{Message, ResultCode};

use crate::fake_hub::{FakeHub, Session};
use crate::shell::{Daemon, HOUSE, callbox, daemon, text};

const DOOR: &str = r#"
[records]
path = "calls"
[door]
relay = "test"
pulse_ms = 100
allow = ["anna"]
"#;

/// Says that a device wants the door opened, and gives the answer.
async fn wants(session: &mut Session, from: &str, challenge: &str) -> Message {
    let (user, device) = from.split_once('/').unwrap();
    let from = format!(r#""from":{{"user":"{user}","device":"{device}"}},"to":{{"user":"door","device":"panel"}}"#);
    session.say(&format!(r#"{from},"type":"command","call":"c1","name":"unlock","nonce":"n"{challenge}"#)).await;
    loop {
        let message = session.hear().await.message;
        if matches!(message, Message::Challenge { .. } | Message::Result { .. }) {
            return message;
        }
    }
}

#[tokio::test]
async fn a_door_is_opened_by_who_may_and_by_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let hub = FakeHub::new().await;
    let _daemon = Daemon(daemon(dir.path(), &format!("{HOUSE}{DOOR}"), &hub.url()).spawn().unwrap());
    let mut session = hub.connection_within(Duration::from_secs(30)).await;
    session.hear().await;
    session.say(r#""type":"welcome","you":{"user":"door","device":"panel"},"heartbeat_ms":60000"#).await;

    let socket = dir.path().join("s");
    let ctl = move |args: &'static [&'static str]| {
        let socket = socket.clone();
        tokio::task::spawn_blocking(move || callbox(&[&["ctl", "--socket", socket.to_str().unwrap()], args].concat()))
    };
    let opened = ctl(&["unlock", "--json"]).await.unwrap();
    assert_eq!((opened.status.code(), text(&opened.stdout).trim()), (Some(0), r#"{"ok":true,"outcome":"ok"}"#));

    session
        .say(r#""from":{"user":"anna","device":"x"},"to":{"user":"door"},"type":"invite","call":"c1","kind":"single","media":"audio","callees":["door"],"remaining_ms":30000,"agent":"browser","early":"off""#)
        .await;
    while !matches!(session.hear().await.message, Message::Door { state: None, tamper: false, .. }) {}

    let refused = wants(&mut session, "eve/x", "").await;
    assert!(matches!(refused, Message::Result { code: ResultCode::Forbidden, .. }), "{refused:?}");
    let asked = wants(&mut session, "anna/x", "").await;
    let Message::Challenge { challenge, remaining_ms: 5000, .. } = asked else { panic!("{asked:?}") };
    let proof = format!(r#","challenge":"{challenge}""#);
    let opened = wants(&mut session, "anna/x", &proof).await;
    assert!(matches!(opened, Message::Result { code: ResultCode::Ok, .. }), "{opened:?}");
    // The opening ends the ringing, and with it the call: the same words again open nothing.
    let late = wants(&mut session, "anna/x", &proof).await;
    assert!(matches!(late, Message::Result { code: ResultCode::Expired, .. }), "{late:?}");

    let status: serde_json::Value = serde_json::from_slice(&ctl(&["status", "--json"]).await.unwrap().stdout).unwrap();
    let door = &status["record"]["door"];
    assert_eq!((&door[0]["by"], &door[0]["outcome"]), (&"eve/x".into(), &"forbidden".into()), "{status}");
    assert_eq!((&door[1]["by"], &door[1]["outcome"]), (&"anna/x".into(), &"ok".into()), "{status}");
    assert!(door[1]["at_ms"].is_u64() && door[1]["event"] == "unlock", "{status}");
    assert_eq!((&status["view"]["phase"], &status["view"]["door"]["tamper"]), (&"idle".into(), &false.into()));
}
