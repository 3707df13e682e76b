//! Two things at once, and things that come late: each has one outcome, and everybody is told it.

use callbox_core::protocol::{EndReason, Message};
use callbox_core::station::{Phase, Tone};

use super::{the_door_rings_anna, the_door_talks_with_anna};
use crate::street::{Street, Weather, address, ms, secs};

#[test]
fn the_visitor_leaves_while_anna_picks_up() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    street.accepts("anna/phone");
    street.hangs_up("door/panel");
    street.pass(secs(1));
    street.assert_ended("anna/phone", EndReason::Cancelled);
    street.assert_ended("door/panel", EndReason::Cancelled);
}

#[test]
fn anna_picks_up_on_two_devices_at_once() {
    let mut street = the_door_rings_anna(&["anna/phone", "anna/desk"]);
    street.accepts("anna/phone");
    street.accepts("anna/desk");
    street.pass(secs(1));
    street.assert_talk("door/panel", "anna/phone");
    street.assert_ended("anna/desk", EndReason::AnsweredElsewhere);
}

#[test]
fn anna_declines_on_one_device_while_she_picks_up_on_the_other() {
    for (first, second) in [("anna/phone", "anna/desk"), ("anna/desk", "anna/phone")] {
        let mut street = the_door_rings_anna(&["anna/phone", "anna/desk"]);
        street.rejects(first);
        street.accepts(second);
        street.pass(secs(1));
        street.assert_ended("door/panel", EndReason::Rejected);
        street.assert_ended(second, EndReason::RejectedElsewhere);
    }
}

#[test]
fn anna_picks_up_in_the_last_moment() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    street.pass(secs(29) + ms(19));
    street.accepts("anna/phone");
    street.pass(secs(1));
    street.assert_talk("door/panel", "anna/phone");
}

#[test]
fn anna_picks_up_a_moment_too_late() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    street.pass(secs(29) + ms(21));
    street.accepts("anna/phone");
    street.pass(secs(1));
    street.assert_ended("anna/phone", EndReason::NoAnswer);
    street.assert_ended("door/panel", EndReason::NoAnswer);
}

#[test]
fn the_word_of_the_inviter_is_lost() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    // The cancel to the other devices names the winner and counts as a confirm, too.
    street.lose("confirm", "door/panel", "anna/phone");
    street.lose("cancel", "door/panel", "anna/phone");
    street.accepts("anna/phone");
    street.pass(ms(500));
    assert_eq!((street.phase("door/panel"), street.phase("anna/phone")), (Phase::Talking, Phase::Accepting));
    assert!(!street.flow_to("anna/phone", "door/panel").send_audio, "not before the confirm");
    street.lose_nothing();
    street.pass(secs(2));
    street.assert_talk("door/panel", "anna/phone");
}

#[test]
fn the_inviter_never_says_a_word() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    // The cancel to the other devices names the winner and counts as a confirm, too.
    street.lose("confirm", "door/panel", "anna/phone");
    street.lose("cancel", "door/panel", "anna/phone");
    street.accepts("anna/phone");
    street.pass(secs(15));
    street.assert_ended("anna/phone", EndReason::NetworkLost);
    street.assert_ended("door/panel", EndReason::NetworkLost);
}

#[test]
fn the_cancel_is_lost_and_anna_picks_up_later() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    street.lose("cancel", "door/panel", "anna/phone");
    street.hangs_up("door/panel");
    street.pass(secs(3));
    assert_eq!(street.phase("anna/phone"), Phase::Ringing);
    street.lose_nothing();
    street.accepts("anna/phone");
    street.pass(secs(1));
    street.assert_ended("anna/phone", EndReason::Cancelled);
}

#[test]
fn the_hang_up_is_lost() {
    let mut street = the_door_talks_with_anna();
    street.lose("hangup", "anna/phone", "door/panel");
    street.hangs_up("anna/phone");
    street.pass(secs(85));
    street.assert_ended("door/panel", EndReason::NetworkLost);
}

#[test]
fn both_ring_each_other_at_once() {
    let mut street = Street::calm();
    street.panel("door/panel");
    street.panel("gate/panel");
    street.calls("door/panel", &["gate"]);
    street.calls("gate/panel", &["door"]);
    street.pass(secs(1));
    street.assert_talk("door/panel", "gate/panel");
    street.hangs_up("gate/panel");
    street.pass(secs(1));
    for name in ["door/panel", "gate/panel"] {
        street.assert_ended(name, EndReason::Hangup);
        assert_eq!(street.records(name).len(), 1, "one call, one record at {name}");
    }
}

#[test]
fn both_ring_each_other_and_the_other_devices_fall_silent() {
    for seed in 0..8 {
        let mut street = Street::with_weather(Weather::CALM, seed);
        for name in ["anna/phone", "anna/desk", "otto/phone", "otto/desk"] {
            street.phone(name);
        }
        street.calls("anna/phone", &["otto"]);
        street.calls("otto/phone", &["anna"]);
        street.pass(secs(1));
        street.assert_talk("anna/phone", "otto/phone");
        for name in ["anna/desk", "otto/desk"] {
            street.assert_ended(name, EndReason::AnsweredElsewhere);
        }
    }
}

#[test]
fn one_rings_a_moment_after_the_other() {
    for between in 0..40 {
        let mut street = Street::calm();
        street.panel("door/panel");
        street.panel("gate/panel");
        street.calls("door/panel", &["gate"]);
        street.pass(ms(between));
        street.calls("gate/panel", &["door"]);
        street.pass(secs(1));
        if street.phase("gate/panel") == Phase::Ringing {
            street.accepts("gate/panel");
            street.pass(secs(1));
        }
        street.assert_talk("door/panel", "gate/panel");
    }
}

#[test]
fn a_stale_timeout_does_not_end_the_live_call() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    street.hangs_up("door/panel");
    let old = street.sent("door/panel")[0].call().unwrap().clone();
    street.pass(secs(1));
    street.calls("door/panel", &["anna"]);
    street.pass(secs(1));
    street.accepts("anna/phone");
    street.pass(secs(1));
    for stale in street.every_ending(&old) {
        street.post("anna/phone", "door/panel", stale.clone());
        street.post("door/panel", "anna/phone", stale);
        street.pass(secs(1));
        street.assert_talk("door/panel", "anna/phone");
    }
    street.pass(secs(60));
    street.assert_talk("door/panel", "anna/phone");
}

#[test]
fn a_stale_ending_does_not_silence_the_next_ring() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    let old = street.call_of("door/panel");
    street.hangs_up("door/panel");
    street.pass(secs(1));
    street.calls("door/panel", &["anna"]);
    street.pass(secs(1));
    for stale in street.every_ending(&old) {
        street.post("anna/phone", "door/panel", stale.clone());
        street.post("door/panel", "anna/phone", stale);
        street.pass(ms(100));
        assert_eq!((street.phase("door/panel"), street.phase("anna/phone")), (Phase::Inviting, Phase::Ringing));
    }
}

#[test]
fn an_invite_that_comes_again_is_not_busy() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    let invite = street.sent("door/panel")[0].clone();
    for _ in 0..3 {
        street.post("door/panel", "anna/phone", invite.clone());
        street.pass(secs(1));
        assert_eq!((street.phase("door/panel"), street.phase("anna/phone")), (Phase::Inviting, Phase::Ringing));
    }
    street.accepts("anna/phone");
    street.post("door/panel", "anna/phone", invite.clone());
    street.pass(secs(1));
    street.post("door/panel", "anna/phone", invite.clone());
    street.pass(secs(1));
    street.assert_talk("door/panel", "anna/phone");
    street.hangs_up("anna/phone");
    street.post("door/panel", "anna/phone", invite);
    street.pass(secs(1));
    assert_eq!((street.phase("anna/phone"), street.tone("anna/phone")), (Phase::Idle, Tone::Silence));
}

#[test]
fn an_invite_that_comes_after_its_cancel_does_not_ring() {
    let mut street = Street::calm();
    street.panel("door/panel");
    street.phone("anna/phone");
    street.calls("door/panel", &["anna"]);
    street.hangs_up("door/panel");
    let (invite, cancel) = (street.sent("door/panel")[0].clone(), street.sent("door/panel")[1].clone());
    street.goes_offline("door/panel");
    street.restarts("anna/phone");
    street.forget_waiting();
    street.post("door/panel", "anna/phone", cancel);
    street.pass(ms(100));
    street.post("door/panel", "anna/phone", invite);
    street.pass(ms(100));
    assert_eq!(street.phase("anna/phone"), Phase::Idle);
}

#[test]
fn an_old_invite_that_is_overtaken_by_the_next_does_not_end_it() {
    let mut street = Street::calm();
    street.panel("door/panel");
    street.phone("anna/phone");
    street.lose("invite", "door/panel", "anna/phone");
    street.calls("door/panel", &["anna"]);
    street.pass(ms(100));
    let old = street.sent("door/panel")[0].clone();
    street.hangs_up("door/panel");
    street.lose_nothing();
    street.pass(ms(100));
    street.calls("door/panel", &["anna"]);
    street.pass(ms(100));
    street.post("door/panel", "anna/phone", old);
    street.pass(secs(1));
    assert_eq!((street.phase("door/panel"), street.phase("anna/phone")), (Phase::Inviting, Phase::Ringing));
    assert_eq!(street.call_of("door/panel"), street.call_of("anna/phone"));
}

#[test]
fn an_accept_that_is_overtaken_by_its_hang_up_does_not_win() {
    let mut street = the_door_rings_anna(&["anna/phone", "anna/desk"]);
    street.lose("accept", "anna/phone", "door/panel");
    street.accepts("anna/phone");
    let accept = street.sent("anna/phone").last().unwrap().clone();
    assert_eq!(accept.type_name(), "accept");
    street.hangs_up("anna/phone");
    street.pass(ms(100));
    street.lose_nothing();
    street.post("anna/phone", "door/panel", accept);
    street.pass(secs(1));
    assert_eq!((street.phase("door/panel"), street.phase("anna/desk")), (Phase::Inviting, Phase::Ringing));
}

#[test]
fn a_call_of_no_length_ends_too() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    street.accepts("anna/phone");
    street.pass(ms(20));
    street.hangs_up("door/panel");
    street.pass(secs(1));
    street.assert_ended("anna/phone", EndReason::Hangup);
    street.assert_ended("door/panel", EndReason::Hangup);
    assert_eq!(street.records("door/panel")[0].talked.as_secs(), 0);
}

#[test]
fn who_has_talked_can_be_rung_again_at_once() {
    let mut street = the_door_talks_with_anna();
    street.hangs_up("door/panel");
    street.calls("door/panel", &["anna"]);
    street.pass(secs(1));
    assert_eq!(street.phase("anna/phone"), Phase::Ringing);
    street.accepts("anna/phone");
    street.pass(secs(1));
    street.assert_talk("door/panel", "anna/phone");
    assert_eq!(street.peer(&address("door/panel")), Some(address("anna/phone")));
}

#[test]
fn on_a_slow_line_all_is_only_later() {
    for seed in 0..50 {
        let mut street = Street::with_weather(Weather::SLOW, seed);
        // A few of them tell it all.
        street = if seed < 4 { street } else { street.unrecorded() };
        street.panel("door/panel");
        street.phone("anna/phone");
        street.phone("anna/desk");
        street.calls("door/panel", &["anna"]);
        street.pass(secs(4));
        street.accepts("anna/phone");
        street.accepts("anna/desk");
        street.pass(secs(10));
        let winner = street.peer(&address("door/panel")).expect("somebody won").to_string();
        let loser = if winner == "anna/phone" { "anna/desk" } else { "anna/phone" };
        street.assert_talk("door/panel", &winner);
        street.assert_ended(loser, EndReason::AnsweredElsewhere);
    }
}

#[test]
fn a_device_that_missed_the_cancel_learns_who_won_when_it_picks_up() {
    let mut street = the_door_rings_anna(&["anna/phone", "anna/desk"]);
    street.lose("cancel", "door/panel", "anna/desk");
    street.accepts("anna/phone");
    street.pass(secs(2));
    assert_eq!(street.phase("anna/desk"), Phase::Ringing);
    street.lose_nothing();
    street.accepts("anna/desk");
    street.pass(secs(1));
    street.assert_ended("anna/desk", EndReason::AnsweredElsewhere);
    street.assert_talk("door/panel", "anna/phone");
}

#[test]
fn the_first_outcome_of_a_call_stands() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    let invite = street.sent("door/panel")[0].clone();
    let call = street.call_of("door/panel");
    street.rejects("anna/phone");
    street.pass(secs(1));
    let reason = EndReason::AnsweredElsewhere;
    street.post("door/panel", "anna/phone", Message::Cancel { call: call.clone(), reason, by: None });
    street.pass(secs(1));
    street.post("door/panel", "anna/phone", invite);
    street.pass(secs(1));
    street.assert_ended("anna/phone", EndReason::Rejected);
    let again = Message::Reject { call, reason: EndReason::Rejected };
    assert_eq!(street.sent("anna/phone").iter().filter(|message| **message == again).count(), 2);
}
