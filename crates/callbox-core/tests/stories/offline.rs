//! Devices that are not there, that come, and that go.

use callbox_core::protocol::{EndReason, Message, PictureSize};
use callbox_core::station::Phase;

use super::{the_door_rings_anna, the_door_talks_with_anna};
use crate::street::{ms, secs};

#[test]
fn a_phone_that_comes_online_rings_for_the_time_that_is_left() {
    let mut street = the_door_rings_anna(&["anna/desk"]);
    street.phone("anna/phone");
    street.goes_offline("anna/phone");
    street.pass(secs(19));
    street.comes_online("anna/phone");
    street.pass(ms(100));
    assert_eq!(street.phase("anna/phone"), Phase::Ringing);
    street.pass(secs(10));
    street.assert_ended("anna/phone", EndReason::NoAnswer);
    street.assert_ended("door/panel", EndReason::NoAnswer);
}

#[test]
fn a_phone_that_comes_online_may_answer() {
    let mut street = the_door_rings_anna(&[]);
    street.phone("anna/phone");
    street.goes_offline("anna/phone");
    street.pass(secs(10));
    street.comes_online("anna/phone");
    street.pass(ms(100));
    street.accepts("anna/phone");
    street.pass(secs(1));
    street.assert_talk("door/panel", "anna/phone");
}

#[test]
fn a_phone_that_comes_online_too_late_does_not_ring() {
    let mut street = the_door_rings_anna(&[]);
    street.phone("anna/phone");
    street.goes_offline("anna/phone");
    street.pass(secs(31));
    street.comes_online("anna/phone");
    street.pass(ms(100));
    assert_eq!(street.phase("anna/phone"), Phase::Idle);
    street.pass(secs(5));
    street.assert_ended("door/panel", EndReason::Offline);
}

#[test]
fn a_decided_call_does_not_ring_a_phone_that_comes_online() {
    for rejects in [false, true] {
        let mut street = the_door_rings_anna(&["anna/desk"]);
        street.phone("anna/phone");
        street.goes_offline("anna/phone");
        if rejects {
            street.rejects("anna/desk")
        } else {
            street.accepts("anna/desk")
        }
        street.pass(secs(1));
        street.comes_online("anna/phone");
        street.pass(secs(1));
        assert_eq!(street.phase("anna/phone"), Phase::Idle);
    }
}

#[test]
fn a_call_that_was_cancelled_and_made_again_rings_a_phone_that_comes_online() {
    let mut street = the_door_rings_anna(&[]);
    street.phone("anna/phone");
    street.goes_offline("anna/phone");
    street.hangs_up("door/panel");
    street.pass(secs(1));
    street.calls("door/panel", &["anna"]);
    street.pass(secs(1));
    street.comes_online("anna/phone");
    street.pass(secs(1));
    assert_eq!(street.phase("anna/phone"), Phase::Ringing);
    assert_eq!(street.call_of("anna/phone"), street.call_of("door/panel"));
}

#[test]
fn a_phone_that_loses_the_hub_for_a_moment_still_rings() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    street.goes_offline("anna/phone");
    street.pass(secs(5));
    street.comes_online("anna/phone");
    street.pass(secs(1));
    assert_eq!(street.phase("anna/phone"), Phase::Ringing);
    street.accepts("anna/phone");
    street.pass(secs(1));
    street.assert_talk("door/panel", "anna/phone");
}

#[test]
fn a_phone_that_picks_up_while_the_hub_is_away_is_heard_when_it_is_back() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    street.goes_offline("anna/phone");
    street.accepts("anna/phone");
    street.pass(secs(3));
    street.comes_online("anna/phone");
    street.pass(secs(1));
    street.assert_talk("door/panel", "anna/phone");
}

#[test]
fn a_door_that_rings_while_the_hub_is_away_is_heard_when_it_is_back() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    street.hangs_up("door/panel");
    street.pass(secs(1));
    street.goes_offline("door/panel");
    street.calls("door/panel", &["anna"]);
    street.pass(secs(5));
    street.comes_online("door/panel");
    street.pass(secs(1));
    assert_eq!(street.phase("anna/phone"), Phase::Ringing);
    street.pass(secs(25));
    street.assert_ended("anna/phone", EndReason::NoAnswer);
}

#[test]
fn the_talk_goes_on_while_the_hub_is_away() {
    let mut street = the_door_talks_with_anna();
    street.goes_offline("door/panel");
    street.goes_offline("anna/phone");
    street.pass(secs(120));
    street.comes_online("door/panel");
    street.comes_online("anna/phone");
    street.pass(secs(60));
    street.assert_talk("door/panel", "anna/phone");
    street.hangs_up("anna/phone");
    street.pass(secs(1));
    street.assert_ended("door/panel", EndReason::Hangup);
}

#[test]
fn a_page_that_is_reloaded_while_it_rings_rings_again() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    street.restarts("anna/phone");
    street.pass(secs(1));
    assert_eq!(street.phase("anna/phone"), Phase::Ringing);
    street.accepts("anna/phone");
    street.pass(secs(1));
    assert_eq!((street.phase("door/panel"), street.phase("anna/phone")), (Phase::Talking, Phase::Talking));
    street.pass(secs(30));
    street.check_agreement();
}

#[test]
fn a_page_that_is_reloaded_while_it_rings_is_heard_after_accept() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    street.restarts("anna/phone");
    street.pass(secs(1));
    street.accepts("anna/phone");
    street.pass(secs(1));
    street.assert_talk("door/panel", "anna/phone");
}

#[test]
fn a_page_that_is_reloaded_in_a_talk_ends_it() {
    let mut street = the_door_talks_with_anna();
    street.restarts("anna/phone");
    street.pass(secs(40));
    assert_eq!(street.phase("door/panel"), Phase::Idle);
    assert_eq!(street.last_reason("door/panel"), EndReason::NetworkLost);
}

#[test]
fn a_door_that_is_restarted_while_it_rings_leaves_nobody_ringing_for_ever() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    street.restarts("door/panel");
    street.pass(secs(5));
    street.accepts("anna/phone");
    street.pass(secs(1));
    street.assert_ended("anna/phone", EndReason::NetworkLost);
}

#[test]
fn a_word_about_an_unknown_talk_is_answered() {
    let mut street = the_door_talks_with_anna();
    let call = street.call_of("door/panel");
    street.restarts("door/panel");
    street.post(
        "anna/phone",
        "door/panel",
        Message::Media { call, audio: true, video: true, group: true, want: PictureSize::Full },
    );
    street.pass(secs(1));
    street.assert_ended("anna/phone", EndReason::NetworkLost);
}

#[test]
fn a_phone_that_comes_online_rings_also_where_nobody_kept_the_invite() {
    for caller in ["door/panel", "otto/phone"] {
        let mut street = crate::street::Street::calm();
        street.panel("door/panel");
        street.phone("otto/phone");
        street.phone("anna/phone");
        street.goes_offline("anna/phone");
        street.calls(caller, &["anna"]);
        street.pass(secs(8));
        street.forget_waiting();
        street.comes_online("anna/phone");
        street.pass(secs(1));
        assert_eq!(street.phase("anna/phone"), Phase::Ringing, "rung by {caller}");
        street.pass(secs(20));
        assert_eq!(street.phase("anna/phone"), Phase::Ringing);
        street.pass(secs(2));
        street.assert_ended("anna/phone", EndReason::NoAnswer);
    }
}
