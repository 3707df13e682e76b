//! Members of a group call who do not hear the same: two let somebody in at once, one leaves and only some hear it.

use callbox_core::protocol::{EndReason, Media, Message};
use callbox_core::station::{Action, Phase};

use super::group::{ANNA, BERT, CARL, DOOR, call_group, users};
use crate::street::{Street, ms, secs};

const DORA: &str = "dora/phone";
const EMIL: &str = "emil/phone";

/// The first of these rang the others, and everybody is in.
fn all_talk(street: &mut Street, names: &[&str]) {
    let callees: Vec<&str> = names[1..].iter().map(|name| name.split_once('/').unwrap().0).collect();
    call_group(street, names[0], &callees);
    for name in &names[1..] {
        street.accepts(name);
        street.pass(ms(500));
    }
    street.pass(secs(2));
    street.assert_group(names);
}

fn with(devices: &[&str]) -> Street {
    let mut street = Street::calm();
    street.panel(DOOR);
    for name in devices {
        if name.ends_with("panel") { street.panel(name) } else { street.phone(name) }
    }
    street
}

/// What this device says of this type reaches nobody of these.
fn is_heard_by_none_of(street: &mut Street, type_name: &'static str, name: &str, others: &[&str]) {
    others.iter().for_each(|other| street.lose(type_name, name, other));
}

#[test]
fn of_two_who_are_let_in_at_once_to_the_last_seat_one_leaves() {
    let mut street = with(&[ANNA, BERT, "carl/panel", "fred/panel", DORA, EMIL]);
    all_talk(&mut street, &[DOOR, ANNA, BERT, "carl/panel", "fred/panel"]);
    street.press(ANNA, Action::Add { users: users(&["dora"]) });
    street.press(BERT, Action::Add { users: users(&["emil"]) });
    street.pass(secs(1));
    is_heard_by_none_of(&mut street, "accept", DORA, &[DOOR, BERT, "carl/panel", "fred/panel"]);
    is_heard_by_none_of(&mut street, "accept", EMIL, &[DOOR, ANNA, "carl/panel", "fred/panel"]);
    street.accepts(DORA);
    street.accepts(EMIL);
    street.pass(secs(5));
    street.assert_group(&[DOOR, ANNA, BERT, "carl/panel", DORA, "fred/panel"]);
    street.assert_ended(EMIL, EndReason::TooMany);
    street.press(EMIL, Action::Join { call: None });
    street.pass(secs(1));
    street.assert_ended(EMIL, EndReason::TooMany);
    street.assert_group(&[DOOR, ANNA, BERT, "carl/panel", DORA, "fred/panel"]);
}

#[test]
fn of_two_devices_of_a_user_who_are_let_in_at_once_one_leaves() {
    let mut street = with(&[ANNA, BERT, CARL, "carl/phone"]);
    all_talk(&mut street, &[DOOR, ANNA, BERT]);
    street.press(ANNA, Action::Add { users: users(&["carl"]) });
    street.pass(secs(1));
    is_heard_by_none_of(&mut street, "accept", CARL, &[DOOR, BERT]);
    is_heard_by_none_of(&mut street, "accept", "carl/phone", &[DOOR, ANNA]);
    // … nor has the phone heard yet that the other one was let in.
    street.lose("cancel", ANNA, "carl/phone");
    street.accepts(CARL);
    street.accepts("carl/phone");
    street.pass(secs(5));
    street.assert_group(&[DOOR, ANNA, BERT, CARL]);
    street.assert_ended("carl/phone", EndReason::AnsweredElsewhere);
}

#[test]
fn that_somebody_left_is_believed_when_nothing_more_is_heard_of_them() {
    let mut street = with(&[ANNA, BERT, CARL]);
    all_talk(&mut street, &[ANNA, BERT, CARL]);
    street.lose("roster", BERT, ANNA);
    street.lose("hangup", BERT, ANNA);
    street.hangs_up(BERT);
    street.pass(ms(100));
    street.is_killed(BERT);
    street.pass(secs(10));
    street.assert_group(&[ANNA, CARL]);
}

#[test]
fn who_comes_back_before_their_leaving_was_heard_gets_new_links() {
    let mut street = with(&[ANNA, BERT, CARL]);
    all_talk(&mut street, &[ANNA, BERT, CARL]);
    street.lose("roster", BERT, ANNA);
    street.lose("roster", CARL, ANNA);
    street.hangs_up(BERT);
    street.pass(ms(100));
    street.lose_nothing();
    street.press(BERT, Action::Join { call: None });
    street.pass(secs(5));
    street.assert_group(&[ANNA, BERT, CARL]);
    assert_eq!(street.links_held(ANNA), 2);
}

#[test]
fn whoever_rings_for_one_who_leaves_is_told_whom_to_ask() {
    let mut street = with(&[ANNA, BERT, CARL]);
    street.press(ANNA, Action::CallGroup { users: users(&["bert", "carl"]), media: Media::Video });
    street.pass(secs(1));
    street.accepts(BERT);
    street.pass(secs(2));
    let call = street.call_of(ANNA);
    street.hangs_up(ANNA);
    street.pass(secs(1));
    // What its device answers to anything that is still said to it.
    street.post(ANNA, CARL, Message::Hangup { call, reason: EndReason::Hangup });
    street.pass(secs(1));
    assert_eq!((street.phase(BERT), street.phase(CARL)), (Phase::Talking, Phase::Ringing));
    street.accepts(CARL);
    street.pass(secs(2));
    street.assert_group(&[BERT, CARL]);
}

#[test]
fn whoever_rings_for_one_who_left_rings_on_when_signaling_comes_back() {
    let mut street = with(&[ANNA, BERT, CARL]);
    street.press(ANNA, Action::CallGroup { users: users(&["bert", "carl"]), media: Media::Video });
    street.pass(secs(1));
    street.accepts(BERT);
    street.pass(secs(2));
    street.hangs_up(ANNA);
    street.pass(secs(1));
    street.goes_offline(CARL);
    street.pass(secs(1));
    street.comes_online(CARL);
    street.pass(secs(1));
    assert_eq!((street.phase(BERT), street.phase(CARL)), (Phase::Talking, Phase::Ringing));
}

#[test]
fn who_is_confirmed_before_the_roster_comes_is_in_a_second_later() {
    let mut street = with(&[ANNA, BERT]);
    street.press(ANNA, Action::CallGroup { users: users(&["bert"]), media: Media::Video });
    street.pass(secs(1));
    street.lose("roster", ANNA, BERT);
    street.accepts(BERT);
    street.pass(ms(500));
    assert_eq!(street.phase(BERT), Phase::Accepting);
    street.lose_nothing();
    street.pass(secs(2));
    street.assert_group(&[ANNA, BERT]);
}

#[test]
fn an_invite_that_nobody_answers_is_called_off_and_the_others_go_on() {
    let mut street = with(&[ANNA, BERT, CARL]);
    street.press(ANNA, Action::CallGroup { users: users(&["bert", "carl"]), media: Media::Video });
    street.pass(secs(1));
    street.accepts(BERT);
    street.lose("reject", CARL, ANNA);
    street.pass(secs(40));
    street.assert_ended(CARL, EndReason::NoAnswer);
    street.assert_group(&[ANNA, BERT]);
    assert!(
        street.sent(ANNA).iter().any(|message| matches!(message, Message::Cancel { reason: EndReason::NoAnswer, .. }))
    );
}
