//! Messages of those who have no part in a call, or who speak another language.

use callbox_core::protocol::{Agent, EarlyMedia, EndReason, Kind, Media, Message};
use callbox_core::station::Phase;

use super::{the_door_rings_anna, the_door_talks_with_anna};
use crate::street::{Street, ms, secs};

fn invite(call: &str, kind: Kind, callees: &[&str]) -> Message {
    Message::Invite {
        call: call.parse().unwrap(),
        kind,
        media: Media::Video,
        callees: callees.iter().map(|user| user.parse().unwrap()).collect(),
        remaining_ms: 30_000,
        agent: Agent::Browser,
        early: EarlyMedia::Off,
    }
}

fn anna() -> Street {
    let mut street = Street::calm();
    street.phone("anna/phone");
    street.phone("anna/desk");
    street.phone("eve/phone");
    street
}

#[test]
fn an_invite_that_does_not_name_us_rings_nobody() {
    let mut street = anna();
    street.post("eve/phone", "anna/phone", invite("c1", Kind::Single, &["otto"]));
    street.pass(secs(1));
    assert_eq!(street.phase("anna/phone"), Phase::Idle);
    assert_eq!(street.sent("anna/phone"), []);
}

#[test]
fn my_own_other_device_does_not_ring_me() {
    let mut street = anna();
    street.post("anna/desk", "anna/phone", invite("c1", Kind::Single, &["anna"]));
    street.pass(secs(1));
    assert_eq!(street.phase("anna/phone"), Phase::Idle);
}

#[test]
fn an_invite_without_time_does_not_ring() {
    let mut street = anna();
    let mut late = invite("c1", Kind::Single, &["anna"]);
    if let Message::Invite { remaining_ms, .. } = &mut late {
        *remaining_ms = 0;
    }
    street.post("eve/phone", "anna/phone", late);
    street.pass(secs(1));
    assert_eq!(street.phase("anna/phone"), Phase::Idle);
}

#[test]
fn a_group_call_of_a_stranger_that_nobody_holds_is_let_go() {
    let mut street = anna();
    street.post("eve/phone", "anna/phone", invite("c1", Kind::Group, &["anna"]));
    street.pass(secs(1));
    street.assert_ended("anna/phone", EndReason::NetworkLost);
}

#[test]
fn a_callee_that_speaks_another_version_ends_the_call_with_that_reason() {
    let mut street = the_door_rings_anna(&[]);
    street.phone("anna/phone");
    let call = street.call_of("door/panel");
    street.post("anna/phone", "door/panel", Message::Reject { call, reason: EndReason::UnsupportedVersion });
    street.pass(secs(3));
    street.assert_ended("door/panel", EndReason::UnsupportedVersion);
}

#[test]
fn a_stranger_cannot_end_silence_or_take_a_call() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    street.phone("eve/phone");
    let call = street.call_of("door/panel");
    let mut words = street.every_ending(&call);
    words.push(Message::Accept { call: call.clone(), agent: Agent::Browser });
    words.push(Message::Confirm { call: call.clone() });
    words.push(Message::Ringing { call: call.clone(), agent: Agent::Browser, early: EarlyMedia::Preview, link: 0 });
    words.push(Message::Offer { call: call.clone(), link: 1, sdp: "evil".to_owned() });
    words.push(Message::Offer { call: call.clone(), link: 60, sdp: "evil".to_owned() });
    for word in &words {
        street.post("eve/phone", "door/panel", word.clone());
        street.post("eve/phone", "anna/phone", word.clone());
        street.pass(ms(100));
        assert_eq!(
            (street.phase("door/panel"), street.phase("anna/phone")),
            (Phase::Inviting, Phase::Ringing),
            "{word:?}"
        );
    }
    street.accepts("anna/phone");
    street.pass(secs(1));
    for word in &words {
        street.post("eve/phone", "door/panel", word.clone());
        street.post("eve/phone", "anna/phone", word.clone());
        street.pass(secs(1));
        street.assert_talk("door/panel", "anna/phone");
    }
    assert!(street.orders("door/panel").iter().all(|order| !format!("{order:?}").contains("eve")));
}

#[test]
fn who_rings_a_busy_station_again_and_again_gets_few_answers_and_records() {
    let mut street = the_door_talks_with_anna();
    street.phone("eve/phone");
    street.phone("otto/phone");
    let refused = |street: &Street| {
        let is_reject = |message: &&Message| matches!(message, Message::Reject { reason: EndReason::Busy, .. });
        (street.sent("anna/phone").iter().filter(is_reject).count(), street.records("anna/phone").len())
    };
    for n in 0..50 {
        // The same one again counts too.
        let call = format!("c{}", n - n % 2);
        street.post("eve/phone", "anna/phone", invite(&call, Kind::Single, &["anna"]));
        street.pass(ms(5));
    }
    street.pass(ms(200));
    assert_eq!(refused(&street), (40, 5));
    street.post("otto/phone", "anna/phone", invite("otto", Kind::Single, &["anna"]));
    street.pass(ms(200));
    assert_eq!(refused(&street), (41, 6), "nobody else pays for it");
    street.pass(secs(10));
    street.post("eve/phone", "anna/phone", invite("later", Kind::Single, &["anna"]));
    street.pass(ms(200));
    assert_eq!(refused(&street), (42, 6), "after a while there is an answer again");
    street.assert_talk("door/panel", "anna/phone");
}

#[test]
fn who_asks_after_calls_that_nobody_knows_gets_few_answers() {
    let mut street = anna();
    for n in 0..50 {
        let call = format!("c{n}").parse().unwrap();
        street.post("eve/phone", "anna/phone", Message::Accept { call, agent: Agent::Browser });
        street.pass(ms(5));
    }
    street.pass(ms(200));
    assert_eq!(street.sent("anna/phone").len(), 40);
}

#[test]
fn another_callee_cannot_end_the_talk() {
    let mut street = the_door_talks_with_anna();
    street.phone("anna/desk");
    let call = street.call_of("door/panel");
    for word in street.every_ending(&call) {
        street.post("anna/desk", "door/panel", word.clone());
        street.post("anna/desk", "anna/phone", word);
        street.pass(secs(1));
        street.assert_talk("door/panel", "anna/phone");
    }
}

#[test]
fn a_cancel_is_known_by_its_call_alone() {
    for reason in EndReason::ALL {
        let mut street = the_door_rings_anna(&["anna/phone"]);
        let call = street.call_of("door/panel");
        street.post("door/panel", "anna/phone", Message::Cancel { call, reason, by: None });
        street.pass(secs(1));
        street.assert_ended("anna/phone", reason);
    }
}

#[test]
fn only_the_inviter_confirms_or_ends_what_was_picked_up() {
    let mut street = the_door_rings_anna(&["anna/phone", "anna/desk"]);
    street.phone("eve/phone");
    let call = street.call_of("door/panel");
    street.lose("confirm", "door/panel", "anna/phone");
    street.lose("cancel", "door/panel", "anna/phone");
    street.accepts("anna/phone");
    street.pass(ms(100));
    let mut words = street.every_ending(&call);
    words.push(Message::Confirm { call });
    for word in words {
        street.post("eve/phone", "anna/phone", word.clone());
        street.post("anna/desk", "anna/phone", word.clone());
        street.pass(ms(50));
        assert_eq!(street.phase("anna/phone"), Phase::Accepting, "{word:?}");
    }
}
