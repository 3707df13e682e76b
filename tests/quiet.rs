//! A daemon that is not to be disturbed: by the clock, and by hand.

use std::time::Duration;

use callbox_core::protocol::{EndReason, Message};

use crate::fake_hub::{FakeHub, Session};
use crate::shell::{Daemon, HOUSE, callbox, daemon, text};

/// Quiet all day long.
const HOLIDAY: &str = r#"
[do_not_disturb]
time_zone = "Europe/Berlin"
[[do_not_disturb.times]]
from = "00:00"
to = "00:00"
reason = "holiday"
"#;

/// What an invite is answered by.
async fn invited(session: &mut Session, call: &str) -> Message {
    session
        .say(&format!(
            r#""from":{{"user":"anna","device":"x"}},"to":{{"user":"door"}},"type":"invite","call":"{call}","kind":"single","media":"audio","callees":["door"],"remaining_ms":30000,"agent":"browser","early":"off""#
        ))
        .await;
    loop {
        let message = session.hear().await.message;
        if matches!(message, Message::Ringing { .. } | Message::Reject { .. }) {
            return message;
        }
    }
}

#[tokio::test]
async fn nobody_rings_on_holidays_unless_somebody_here_wants_it() {
    let dir = tempfile::tempdir().unwrap();
    let hub = FakeHub::new().await;
    let _daemon = Daemon(daemon(dir.path(), &format!("{HOUSE}{HOLIDAY}"), &hub.url()).spawn().unwrap());
    let mut session = hub.connection_within(Duration::from_secs(30)).await;
    session.hear().await;
    session.say(r#""type":"welcome","you":{"user":"door","device":"panel"},"heartbeat_ms":60000"#).await;

    let socket = dir.path().join("s");
    let dnd = move |state: &'static str| {
        let socket = socket.clone();
        let ask = move || callbox(&["ctl", "--socket", socket.to_str().unwrap(), "dnd", state]);
        async move { text(&tokio::task::spawn_blocking(ask).await.unwrap().stdout) }
    };
    assert_eq!(dnd("status").await.trim(), "on (holiday)");
    let answer = invited(&mut session, "c1").await;
    assert!(matches!(answer, Message::Reject { reason: EndReason::Busy, .. }), "{answer:?}");
    assert_eq!(dnd("off").await.trim(), "off");
    let answer = invited(&mut session, "c2").await;
    assert!(matches!(answer, Message::Ringing { .. }), "{answer:?}");
    assert_eq!(dnd("on").await.trim(), "on (holiday)");
}
