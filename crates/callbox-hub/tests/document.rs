//! `docs/protocol.md` cannot lie: what it shows is read by the codec, what the codec knows is shown.

use std::collections::BTreeSet;

use callbox_core::protocol::{EndReason, Envelope, MAX_BYTES, MAX_CALLEES};

const DOCUMENT: &str = include_str!("../../../docs/protocol.md");

fn examples() -> Vec<&'static str> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in DOCUMENT.lines() {
        match line {
            "```json" => inside = true,
            "```" => inside = false,
            line if inside => lines.push(line),
            _ => {}
        }
    }
    lines
}

#[test]
fn every_example_is_an_envelope_and_every_type_has_one() {
    let mut shown = BTreeSet::new();
    for line in examples() {
        let envelope = Envelope::decode(line.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{line}"));
        shown.insert(envelope.message.type_name());
    }
    let types = [
        "accept",
        "answer",
        "bye",
        "cancel",
        "candidate",
        "challenge",
        "command",
        "confirm",
        "door",
        "hangup",
        "invite",
        "login",
        "media",
        "missed",
        "offer",
        "picture",
        "ping",
        "pong",
        "presence",
        "reject",
        "relink",
        "result",
        "ringing",
        "watch",
        "welcome",
    ];
    assert_eq!(shown.into_iter().collect::<Vec<_>>(), types);
}

#[test]
fn every_word_of_the_wire_is_explained() {
    let reasons = EndReason::ALL.map(EndReason::as_str);
    let others = [
        "ok",
        "queued",
        "offline",
        "unknown_user",
        "bad_message",
        "forbidden",
        "unsupported_version",
        "expired",
        "too_many",
        "failed",
        "closed",
        "open",
        "open_too_long",
        "unlock",
        "replaced",
        "shutdown",
        "too_slow",
        "too_fast",
        "not_logged_in",
        "ticket_expired",
        "connect",
        "preview",
        "panel",
        "browser",
    ];
    for word in reasons.iter().chain(&others) {
        assert!(DOCUMENT.contains(&format!("`{word}`")), "{word}");
    }
    assert!(
        DOCUMENT.contains(&format!("{MAX_BYTES} bytes")) && DOCUMENT.contains(&format!("1 to {MAX_CALLEES} users"))
    );
}

#[test]
fn what_is_shown_of_the_hubs_configuration_is_valid() {
    let shown = include_str!("../../../config/mosquitto/README.md");
    let blocks: Vec<_> = shown.split("```toml hub\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.key"), "k\n").unwrap();
    for block in &blocks {
        let file = folder.path().join("hub.toml");
        std::fs::write(&file, block).unwrap();
        callbox_hub::config::Settings::load(&file).unwrap();
    }
    assert_eq!(blocks.len(), 1);
}
