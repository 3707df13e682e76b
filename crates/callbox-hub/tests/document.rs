//! `docs/protocol.md` cannot lie: what it shows is read by the codec, what the codec knows is shown.

use std::collections::BTreeSet;

use callbox_core::protocol::{DecodeError, EndReason, Envelope, MAX_BYTES, MAX_CALLEES, MAX_PICTURE, Message};

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
    let types: BTreeSet<_> = Message::TYPES.iter().copied().collect();
    assert_eq!(shown, types);
}

#[test]
fn every_integer_of_every_message_may_be_written_as_a_whole_valued_float() {
    let mut changed = 0;
    for line in examples() {
        let floats = with_floats(line);
        changed += usize::from(floats != line);
        assert_eq!(Envelope::decode(floats.as_bytes()), Envelope::decode(line.as_bytes()), "{floats}");
    }
    assert!(changed > 30, "each envelope has at least its version: {changed}");
}

/// Every number outside of strings gets a `.0`.
fn with_floats(line: &str) -> String {
    let (mut text, mut in_string, mut in_number) = (String::new(), false, false);
    for character in line.chars() {
        let is_digit = character.is_ascii_digit() && !in_string;
        if in_number && !is_digit {
            text.push_str(".0");
        }
        in_string ^= character == '"';
        in_number = is_digit;
        text.push(character);
    }
    text
}

#[test]
fn a_known_type_with_wrong_fields_is_no_unknown_type() {
    for kind in Message::TYPES {
        let text = format!(
            r#"{{"v":1,"id":"a","type":"{kind}","users":7,"reason":7,"you":7,"app":"x","user":7,"code":7,"find":7}}"#
        );
        match Envelope::decode(text.as_bytes()) {
            Err(DecodeError::BadFields { kind: found, .. }) => assert_eq!(found, *kind),
            Ok(envelope) => assert!(matches!(envelope.message.type_name(), "ping" | "pong"), "{kind}"),
            other => panic!("{kind}: {other:?}"),
        }
    }
}

#[test]
fn a_picture_that_is_too_large_is_refused_when_it_is_read() {
    let picture =
        |size: usize| format!(r#"{{"v":1,"id":"a","type":"picture","call":"c","jpeg":"{}"}}"#, "A".repeat(size));
    assert!(Envelope::decode(picture(MAX_PICTURE).as_bytes()).is_ok());
    let error = Envelope::decode(picture(MAX_PICTURE + 1).as_bytes()).unwrap_err().to_string();
    assert!(error.contains("at most 32768"), "{error}");
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
