//! Group calls: who may come in, and who comes in later.

use callbox_core::protocol::{Agent, EndReason, Message};
use callbox_core::station::{Action, PartState, Phase};

use super::group::{ANNA, BERT, CARL, DOOR, GATE, add, call_group, houses, three_talk};
use crate::street::{Street, address, ms, secs};

/// The door rang Anna and Bert; she came in, and he declined.
fn anna_is_in_and_bert_declined() -> Street {
    let mut street = houses(&[DOOR, ANNA, BERT]);
    call_group(&mut street, DOOR, &["anna", "bert"]);
    street.accepts(ANNA);
    street.rejects(BERT);
    street.pass(secs(5));
    street
}

#[test]
fn who_left_joins_again() {
    let mut street = three_talk();
    street.hangs_up(BERT);
    street.pass(secs(5));
    assert_eq!(street.view(BERT).joinable.unwrap().users.len(), 2);
    street.press(BERT, Action::Join { call: None });
    street.pass(secs(2));
    street.assert_group(&[DOOR, ANNA, BERT]);
    assert_eq!(street.links_held(DOOR), 2);
}

#[test]
fn who_declined_joins_later() {
    let mut street = anna_is_in_and_bert_declined();
    street.press(BERT, Action::Join { call: None });
    street.pass(secs(2));
    street.assert_group(&[DOOR, ANNA, BERT]);
}

#[test]
fn who_declined_is_rung_again_when_somebody_adds_them() {
    let mut street = anna_is_in_and_bert_declined();
    add(&mut street, ANNA, &["bert"]);
    assert_eq!((street.phase(BERT), street.part(DOOR, "bert").0), (Phase::Ringing, PartState::Invited));
    street.accepts(BERT);
    street.pass(secs(2));
    street.assert_group(&[DOOR, ANNA, BERT]);
}

#[test]
fn who_declined_is_not_rung_again_by_an_invite_that_is_said_again() {
    let mut street = houses(&[DOOR, ANNA, BERT]);
    call_group(&mut street, DOOR, &["anna", "bert"]);
    street.accepts(ANNA);
    street.lose("reject", BERT, DOOR);
    street.rejects(BERT);
    street.pass(secs(5));
    street.lose_nothing();
    street.goes_offline(DOOR);
    street.comes_online(DOOR);
    street.pass(secs(2));
    assert_eq!(street.phase(BERT), Phase::Idle);
    assert_eq!(street.part(ANNA, "bert"), (PartState::Ended, Some(EndReason::Rejected)));
}

#[test]
fn a_call_that_is_over_cannot_be_joined() {
    let mut street = three_talk();
    street.hangs_up(BERT);
    street.pass(secs(1));
    assert!(street.view(BERT).joinable.is_some());
    street.hangs_up(ANNA);
    street.pass(secs(1));
    assert_eq!(street.view(BERT).joinable, None, "the last one out says so");
    street.press(BERT, Action::Join { call: None });
    assert_eq!(street.phase(BERT), Phase::Idle);
}

#[test]
fn the_seventh_hears_that_there_are_too_many() {
    let names = [DOOR, ANNA, BERT, CARL, GATE, "dora/phone", "emil/phone"];
    let mut street = houses(&names);
    call_group(&mut street, DOOR, &["anna", "bert", "carl", "gate", "dora", "emil"]);
    for name in &names[1..] {
        street.accepts(name);
        street.pass(ms(500));
    }
    street.pass(secs(2));
    street.assert_group(&names[..6]);
    street.assert_ended("emil/phone", EndReason::TooMany);
    assert!(street.view("emil/phone").joinable.is_some(), "there may be a seat later");
    street.hangs_up(ANNA);
    street.pass(secs(2));
    street.press("emil/phone", Action::Join { call: None });
    street.pass(secs(2));
    street.assert_group(&[DOOR, BERT, CARL, GATE, "dora/phone", "emil/phone"]);
}

#[test]
fn seven_who_accept_at_the_same_moment_are_six() {
    let names = [DOOR, ANNA, BERT, CARL, GATE, "dora/phone", "emil/phone"];
    let mut street = houses(&names);
    call_group(&mut street, DOOR, &["anna", "bert", "carl", "gate", "dora", "emil"]);
    names[1..].iter().for_each(|name| street.accepts(name));
    street.pass(secs(5));
    let inside: Vec<&str> = names.into_iter().filter(|name| street.phase(name) == Phase::Talking).collect();
    assert_eq!(inside.len(), 6);
    street.assert_group(&inside);
}

#[test]
fn a_stranger_with_the_call_id_is_not_let_in() {
    let mut street = three_talk();
    let call = street.call_of(DOOR);
    let agent = Agent::Browser;
    for to in [DOOR, ANNA, BERT] {
        street.post(CARL, to, Message::Join { call: call.clone(), agent });
        street.post(CARL, to, Message::Accept { call: call.clone(), agent });
        street.post(CARL, to, Message::Offer { call: call.clone(), link: 1, sdp: "offer".to_owned() });
    }
    street.pass(secs(5));
    street.assert_group(&[DOOR, ANNA, BERT]);
    assert!(!street.sent(DOOR).iter().any(|message| matches!(message, Message::Roster { entries, .. }
        if entries.iter().any(|entry| entry.device == address(CARL)))));
}
