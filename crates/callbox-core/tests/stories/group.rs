//! Several talk: everybody who accepts is in.

use callbox_core::ids::UserId;
use callbox_core::protocol::{EndReason, Kind, Media, Message, PictureSize};
use callbox_core::station::{Action, MediaOrder, PartState, Phase, Tone};

use crate::street::{Street, address, secs};

pub(super) const DOOR: &str = "door/panel";
pub(super) const ANNA: &str = "anna/phone";
pub(super) const BERT: &str = "bert/phone";
pub(super) const CARL: &str = "carl/desk";
pub(super) const GATE: &str = "gate/panel";

pub(super) fn houses(names: &[&str]) -> Street {
    let mut street = Street::calm();
    for name in names {
        if name.ends_with("panel") { street.panel(name) } else { street.phone(name) }
    }
    street
}

pub(super) fn users(names: &[&str]) -> Vec<UserId> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

pub(super) fn call_group(street: &mut Street, name: &str, callees: &[&str]) {
    street.press(name, Action::CallGroup { users: users(callees), media: Media::Video });
    street.pass(secs(1));
}

pub(super) fn add(street: &mut Street, name: &str, added: &[&str]) {
    street.press(name, Action::Add { users: users(added) });
    street.pass(secs(1));
}

/// The door rang Anna and Bert, and both are in.
pub(super) fn three_talk() -> Street {
    let mut street = houses(&[DOOR, ANNA, BERT, CARL, GATE]);
    call_group(&mut street, DOOR, &["anna", "bert"]);
    for name in [ANNA, BERT] {
        street.accepts(name);
        street.pass(secs(1));
    }
    street.assert_group(&[DOOR, ANNA, BERT]);
    street
}

/// The door rang Anna and Bert; she came in, the door left, and he rings.
fn anna_is_alone_and_bert_rings() -> Street {
    let mut street = houses(&[DOOR, ANNA, BERT]);
    call_group(&mut street, DOOR, &["anna", "bert"]);
    street.accepts(ANNA);
    street.pass(secs(1));
    street.hangs_up(DOOR);
    street.pass(secs(1));
    street
}

/// A call between two.
fn the_door_talks_with_anna(street: &mut Street) {
    street.calls(DOOR, &["anna"]);
    street.pass(secs(1));
    street.accepts(ANNA);
    street.pass(secs(1));
}

#[test]
fn everybody_who_accepts_is_in() {
    let mut street = houses(&[DOOR, ANNA, BERT, CARL]);
    call_group(&mut street, DOOR, &["anna", "bert", "carl"]);
    for name in [ANNA, BERT, CARL] {
        assert_eq!((street.phase(name), street.tone(name)), (Phase::Ringing, Tone::Ring), "{name}");
    }
    assert_eq!(street.tone(DOOR), Tone::RingBack);
    street.accepts(ANNA);
    street.pass(secs(1));
    street.assert_group(&[DOOR, ANNA]);
    assert_eq!((street.phase(BERT), street.part(ANNA, "bert").0), (Phase::Ringing, PartState::Invited));
    assert_eq!(street.part(DOOR, "bert").0, PartState::Ringing);
    street.accepts(BERT);
    street.pass(secs(1));
    street.accepts(CARL);
    street.pass(secs(1));
    street.assert_group(&[DOOR, ANNA, BERT, CARL]);
    for name in [DOOR, ANNA, BERT, CARL] {
        assert_eq!(street.view(name).call.unwrap().kind, Kind::Group);
        assert_eq!(street.links_held(name), 3, "one link to each for {name}");
    }
}

#[test]
fn two_who_accept_at_once_find_each_other() {
    let mut street = houses(&[DOOR, ANNA, BERT]);
    call_group(&mut street, DOOR, &["anna", "bert"]);
    street.accepts(ANNA);
    street.accepts(BERT);
    street.pass(secs(2));
    street.assert_group(&[DOOR, ANNA, BERT]);
    assert_eq!(street.links_held(ANNA), 2, "crossing joins never make two links");
}

#[test]
fn one_leaves_and_the_others_go_on_until_one_is_left() {
    let mut street = three_talk();
    street.hangs_up(BERT);
    street.pass(secs(1));
    street.assert_ended(BERT, EndReason::Hangup);
    street.assert_group(&[DOOR, ANNA]);
    assert_eq!(street.part(ANNA, "bert"), (PartState::Left, Some(EndReason::Hangup)));
    street.hangs_up(ANNA);
    street.pass(secs(1));
    street.assert_ended(ANNA, EndReason::Hangup);
    street.assert_ended(DOOR, EndReason::Hangup);
    let record = &street.records(DOOR)[0];
    assert_eq!((record.kind, record.parties.len()), (Kind::Group, 2));
    assert_eq!(record.parties[1].device, address(BERT));
    assert!(record.parties[1].joined < record.parties[1].left.unwrap());
}

#[test]
fn the_caller_leaves_and_the_others_go_on() {
    let mut street = three_talk();
    street.hangs_up(DOOR);
    street.pass(secs(2));
    street.assert_ended(DOOR, EndReason::Hangup);
    street.assert_group(&[ANNA, BERT]);
    street.pass(secs(300));
    street.assert_group(&[ANNA, BERT]);
}

#[test]
fn the_caller_leaves_and_the_last_one_does_not_wait_for_who_was_in() {
    let mut street = three_talk();
    street.hangs_up(DOOR);
    street.pass(secs(1));
    street.hangs_up(BERT);
    street.pass(secs(1));
    street.assert_ended(ANNA, EndReason::Hangup);
}

#[test]
fn who_rings_while_the_caller_leaves_is_let_in_by_those_who_stay() {
    let mut street = anna_is_alone_and_bert_rings();
    assert_eq!((street.phase(ANNA), street.phase(BERT)), (Phase::Talking, Phase::Ringing), "anna waits for bert");
    street.accepts(BERT);
    street.pass(secs(2));
    street.assert_group(&[ANNA, BERT]);
}

#[test]
fn who_is_alone_waits_until_nobody_rings() {
    let mut street = anna_is_alone_and_bert_rings();
    street.rejects(BERT);
    street.pass(secs(1));
    street.assert_ended(ANNA, EndReason::Hangup);
}

#[test]
fn who_says_no_is_seen_to_have_said_so() {
    let mut street = houses(&[DOOR, ANNA, BERT, CARL]);
    call_group(&mut street, DOOR, &["anna", "bert", "carl", "nobody"]);
    street.accepts(ANNA);
    street.rejects(BERT);
    street.pass(secs(2));
    for name in [DOOR, ANNA] {
        assert_eq!(street.part(name, "bert"), (PartState::Ended, Some(EndReason::Rejected)), "{name}");
    }
    street.pass(secs(40));
    assert_eq!(street.part(ANNA, "carl"), (PartState::Ended, Some(EndReason::NoAnswer)));
    street.assert_ended(CARL, EndReason::NoAnswer);
    street.assert_group(&[DOOR, ANNA]);
}

#[test]
fn nobody_accepts() {
    let mut street = houses(&[DOOR, ANNA, BERT]);
    call_group(&mut street, DOOR, &["anna", "bert"]);
    street.rejects(ANNA);
    street.pass(secs(40));
    street.assert_ended(BERT, EndReason::NoAnswer);
    assert_eq!(street.phase(DOOR), Phase::Idle);
}

#[test]
fn the_second_device_of_a_user_falls_silent() {
    let mut street = houses(&[DOOR, ANNA, "anna/desk", BERT]);
    call_group(&mut street, DOOR, &["anna", "bert"]);
    street.accepts(ANNA);
    street.pass(secs(1));
    street.assert_ended("anna/desk", EndReason::AnsweredElsewhere);
    assert_eq!(street.phase(BERT), Phase::Ringing);
}

#[test]
fn a_call_between_two_grows_and_nothing_changes_for_them() {
    let mut street = houses(&[DOOR, ANNA, BERT]);
    street.calls(DOOR, &["anna"]);
    street.pass(secs(1));
    street.accepts(ANNA);
    street.pass(secs(2));
    let orders = street.orders(DOOR).len();
    add(&mut street, ANNA, &["bert"]);
    assert_eq!((street.phase(BERT), street.part(DOOR, "bert").0), (Phase::Ringing, PartState::Invited));
    street.accepts(BERT);
    street.pass(secs(2));
    street.assert_group(&[DOOR, ANNA, BERT]);
    let with_anna = |order: &&MediaOrder| match order {
        MediaOrder::Open { link, .. } | MediaOrder::Close { link } => link.peer == address(ANNA),
        _ => false,
    };
    assert_eq!(street.orders(DOOR)[orders..].iter().filter(with_anna).count(), 0, "their link stays as it is");
    street.hangs_up(ANNA);
    street.pass(secs(2));
    street.assert_group(&[DOOR, BERT]);
}

#[test]
fn both_ends_add_somebody_at_once() {
    let mut street = houses(&[DOOR, ANNA, BERT, CARL]);
    the_door_talks_with_anna(&mut street);
    street.press(ANNA, Action::Add { users: users(&["bert"]) });
    street.press(DOOR, Action::Add { users: users(&["carl"]) });
    street.pass(secs(1));
    street.accepts(BERT);
    street.accepts(CARL);
    street.pass(secs(2));
    street.assert_group(&[DOOR, ANNA, BERT, CARL]);
}

#[test]
fn a_member_that_is_killed_is_missed_and_comes_back() {
    let mut street = three_talk();
    street.is_killed(BERT);
    street.pass(secs(1));
    street.is_missed_by_the_hub(BERT);
    street.pass(secs(90));
    street.assert_group(&[DOOR, ANNA]);
    street.comes_online(BERT);
    add(&mut street, ANNA, &["bert"]);
    assert_eq!(street.phase(BERT), Phase::Ringing, "it is rung again: it knows nothing of the call");
    street.accepts(BERT);
    street.pass(secs(3));
    street.assert_group(&[DOOR, ANNA, BERT]);
}

#[test]
fn one_of_three_is_without_network_for_a_minute() {
    let mut street = three_talk();
    street.loses_network(BERT);
    street.pass(secs(60));
    assert_eq!(street.phase(BERT), Phase::Talking);
    street.has_network_again(BERT);
    street.pass(secs(10));
    street.assert_group(&[DOOR, ANNA, BERT]);
}

#[test]
fn what_was_said_while_the_hub_was_away_is_said_again() {
    let mut street = three_talk();
    for name in [DOOR, ANNA, BERT] {
        street.goes_offline(name);
    }
    street.hangs_up(BERT);
    street.pass(secs(2));
    for name in [DOOR, ANNA, BERT] {
        street.comes_online(name);
    }
    street.pass(secs(20));
    street.assert_group(&[DOOR, ANNA]);
}

#[test]
fn a_peer_that_does_not_take_part_in_group_calls_keeps_its_call() {
    let mut street = houses(&[DOOR, ANNA, BERT]);
    the_door_talks_with_anna(&mut street);
    let call = street.call_of(DOOR);
    street.post(ANNA, DOOR, Message::Media { call, audio: true, video: true, group: false, want: PictureSize::Full });
    street.pass(secs(1));
    add(&mut street, DOOR, &["bert"]);
    assert_eq!(street.ignored(DOOR), ["the other end does not take part in group calls"]);
    street.assert_talk(DOOR, ANNA);
    assert_eq!(street.phase(BERT), Phase::Idle);
}

#[test]
fn a_busy_user_is_seen_as_busy() {
    let mut street = houses(&[DOOR, ANNA, BERT, GATE]);
    street.calls(GATE, &["bert"]);
    street.pass(secs(1));
    street.accepts(BERT);
    street.pass(secs(1));
    call_group(&mut street, DOOR, &["anna", "bert"]);
    street.accepts(ANNA);
    street.pass(secs(3));
    assert_eq!(street.part(ANNA, "bert"), (PartState::Ended, Some(EndReason::Busy)));
    street.assert_talk(GATE, BERT);
}

#[test]
fn two_who_ring_each_other_as_groups_end_in_one_call() {
    let mut street = houses(&[DOOR, ANNA, BERT]);
    let group = |callees: &[&str]| Action::CallGroup { users: users(callees), media: Media::Video };
    street.press(DOOR, group(&["anna"]));
    street.press(ANNA, group(&["door"]));
    street.pass(secs(3));
    street.assert_group(&[DOOR, ANNA]);
}
