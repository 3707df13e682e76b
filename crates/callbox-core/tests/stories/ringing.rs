//! From a press to an answer, or to none.

use callbox_core::protocol::{EndReason, Media};
use callbox_core::station::{Action, Direction, Phase, Tone};

use super::{the_door_rings_anna, the_door_talks_with_anna};
use crate::street::{Street, address, secs};

#[test]
fn a_visitor_rings_and_nobody_answers() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    street.pass(secs(28));
    assert_eq!((street.phase("door/panel"), street.tone("door/panel")), (Phase::Inviting, Tone::RingBack));
    assert_eq!((street.phase("anna/phone"), street.tone("anna/phone")), (Phase::Ringing, Tone::Ring));
    street.pass(secs(2));
    street.assert_ended("anna/phone", EndReason::NoAnswer);
    street.assert_ended("door/panel", EndReason::NoAnswer);
    assert_eq!((street.tone("door/panel"), street.tone("anna/phone")), (Tone::Busy, Tone::Silence));
}

#[test]
fn a_visitor_rings_and_anna_answers() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    street.pass(secs(2));
    street.accepts("anna/phone");
    street.pass(secs(1));
    street.assert_talk("door/panel", "anna/phone");
    street.pass(secs(60));
    street.hangs_up("anna/phone");
    street.pass(secs(1));
    for name in ["door/panel", "anna/phone"] {
        street.assert_ended(name, EndReason::Hangup);
        assert_eq!(street.records(name).len(), 1);
    }
    let record = &street.records("door/panel")[0];
    assert_eq!((record.talked.as_secs(), record.lasted.as_secs()), (61, 64));
    assert_eq!((record.direction, record.peer.clone()), (Direction::Outgoing, Some(address("anna/phone"))));
    assert_eq!((record.timing.ringing_ms, record.timing.accept_ms), (Some(40), Some(3020)));
}

#[test]
fn the_visitor_hangs_up() {
    let mut street = the_door_talks_with_anna();
    street.hangs_up("door/panel");
    street.pass(secs(1));
    street.assert_ended("anna/phone", EndReason::Hangup);
    street.assert_ended("door/panel", EndReason::Hangup);
}

#[test]
fn the_second_phone_falls_silent_when_the_first_answers() {
    let mut street = the_door_rings_anna(&["anna/phone", "anna/desk"]);
    assert_eq!((street.tone("anna/phone"), street.tone("anna/desk")), (Tone::Ring, Tone::Ring));
    street.accepts("anna/phone");
    street.pass(secs(1));
    street.assert_talk("door/panel", "anna/phone");
    street.assert_ended("anna/desk", EndReason::AnsweredElsewhere);
    assert_eq!(street.tone("anna/desk"), Tone::Silence);
    assert_eq!(street.records("anna/desk")[0].answered_by, Some(address("anna/phone")));
}

#[test]
fn the_second_phone_falls_silent_when_the_first_declines() {
    let mut street = the_door_rings_anna(&["anna/phone", "anna/desk"]);
    street.rejects("anna/phone");
    street.pass(secs(1));
    street.assert_ended("door/panel", EndReason::Rejected);
    street.assert_ended("anna/phone", EndReason::Rejected);
    street.assert_ended("anna/desk", EndReason::RejectedElsewhere);
}

#[test]
fn the_visitor_leaves_before_anybody_answers() {
    let mut street = the_door_rings_anna(&["anna/phone", "anna/desk"]);
    street.hangs_up("door/panel");
    street.pass(secs(1));
    for name in ["door/panel", "anna/phone", "anna/desk"] {
        street.assert_ended(name, EndReason::Cancelled);
    }
}

#[test]
fn who_talks_is_busy() {
    let mut street = the_door_talks_with_anna();
    street.panel("gate/panel");
    street.calls("gate/panel", &["anna"]);
    street.pass(secs(2));
    street.assert_ended("gate/panel", EndReason::Busy);
    assert_eq!(street.tone("gate/panel"), Tone::Busy);
    street.assert_talk("door/panel", "anna/phone");
    let tried = &street.records("anna/phone")[0];
    assert_eq!((tried.reason, tried.caller.clone()), (EndReason::Busy, address("gate/panel")));
}

#[test]
fn a_user_is_not_busy_while_another_device_is_free() {
    let mut street = the_door_talks_with_anna();
    street.panel("gate/panel");
    street.phone("anna/desk");
    street.calls("gate/panel", &["anna"]);
    street.pass(secs(5));
    assert_eq!(street.phase("anna/desk"), Phase::Ringing);
    street.accepts("anna/desk");
    street.pass(secs(1));
    street.assert_talk("gate/panel", "anna/desk");
    street.assert_talk("door/panel", "anna/phone");
}

#[test]
fn a_ring_group_goes_to_the_first_who_answers() {
    let mut street = Street::calm();
    street.panel("door/panel");
    for name in ["anna/phone", "otto/phone", "ida/phone"] {
        street.phone(name);
    }
    street.calls("door/panel", &["anna", "otto", "ida"]);
    street.pass(secs(1));
    street.rejects("ida/phone");
    street.pass(secs(1));
    assert_eq!(street.phase("door/panel"), Phase::Inviting, "the others may still answer");
    street.accepts("otto/phone");
    street.pass(secs(1));
    street.assert_talk("door/panel", "otto/phone");
    street.assert_ended("anna/phone", EndReason::AnsweredElsewhere);
    street.assert_ended("ida/phone", EndReason::Rejected);
}

#[test]
fn a_call_ends_when_all_of_a_group_declined() {
    let mut street = Street::calm();
    street.panel("door/panel");
    street.phone("anna/phone");
    street.phone("otto/phone");
    street.calls("door/panel", &["anna", "otto"]);
    street.pass(secs(1));
    street.rejects("anna/phone");
    street.rejects("otto/phone");
    street.pass(secs(1));
    street.assert_ended("door/panel", EndReason::Rejected);
}

#[test]
fn a_call_ends_when_all_of_a_group_are_busy() {
    let mut street = Street::calm();
    street.panel("gate/panel");
    street.panel("door/panel");
    street.phone("anna/phone");
    street.calls("door/panel", &["anna"]);
    street.pass(secs(1));
    street.accepts("anna/phone");
    street.pass(secs(1));
    street.calls("gate/panel", &["anna", "door"]);
    street.pass(secs(2));
    street.assert_ended("gate/panel", EndReason::Busy);
}

#[test]
fn nobody_is_there() {
    let mut street = the_door_rings_anna(&[]);
    street.pass(secs(33));
    assert_eq!(street.phase("door/panel"), Phase::Inviting, "somebody may still come online");
    street.pass(secs(2));
    street.assert_ended("door/panel", EndReason::Offline);
}

#[test]
fn a_user_named_twice_is_rung_once() {
    let mut street = Street::calm();
    street.panel("door/panel");
    street.phone("anna/phone");
    street.calls("door/panel", &["anna", "anna", "door"]);
    street.pass(secs(1));
    let invites = street.sent("door/panel").iter().filter(|message| message.type_name() == "invite");
    assert_eq!(invites.count(), 1);
}

#[test]
fn who_calls_nobody_or_himself_stays_idle() {
    let mut street = Street::calm();
    street.panel("door/panel");
    street.calls("door/panel", &[]);
    street.calls("door/panel", &["door"]);
    assert_eq!(street.phase("door/panel"), Phase::Idle);
    assert_eq!(street.sent("door/panel"), []);
}

#[test]
fn one_button_accepts_and_hangs_up() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    street.press("anna/phone", Action::Toggle);
    // A nervous finger.
    street.press("anna/phone", Action::Toggle);
    street.pass(secs(2));
    street.assert_talk("door/panel", "anna/phone");
    street.press("anna/phone", Action::Toggle);
    street.pass(secs(1));
    street.assert_ended("door/panel", EndReason::Hangup);
}

#[test]
fn a_voice_call_has_no_picture() {
    let mut street = Street::calm();
    street.panel("door/panel");
    street.phone("anna/phone");
    street.press("door/panel", Action::Call { users: vec!["anna".parse().unwrap()], media: Media::Audio });
    street.pass(secs(1));
    street.accepts("anna/phone");
    street.pass(secs(1));
    street.assert_talk("door/panel", "anna/phone");
    assert!(!street.flow_to("anna/phone", "door/panel").send_video);
    street.press("anna/phone", Action::SetCamera(true));
    assert!(!street.flow_to("anna/phone", "door/panel").send_video, "a voice call stays one");
}
