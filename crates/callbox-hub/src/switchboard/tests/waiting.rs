//! Invites wait for who is away, and for nobody once they are decided.

use std::time::Duration;

use callbox_core::protocol::{Agent, EndReason, Kind, Message};

use super::desk::*;
use crate::switchboard::{Change, TenantSettings};

const S: Duration = Duration::from_secs(1);

fn remaining(message: &Message) -> u32 {
    match message {
        Message::Invite { remaining_ms, .. } => *remaining_ms,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_callee_who_comes_before_the_deadline_is_rung_with_the_time_left() {
    let mut desk = Desk::new();
    let door = desk.log_in("door/panel");
    desk.heard(door);
    desk.say(door, "anna", invite("c1", &["anna"], 30_000));
    assert_eq!(desk.words(door), ["result:queued"]);
    desk.pass(12 * S);
    let anna = desk.log_in("anna/phone");
    let heard = desk.heard(anna);
    assert_eq!(heard[1].from, Some(address("door/panel")));
    assert_eq!(remaining(&heard[1].message), 18_000);
    // Every device that comes, and one that comes back, is rung.
    desk.log_out(anna);
    desk.pass(8 * S);
    for device in ["anna/phone", "anna/desk"] {
        let session = desk.log_in(device);
        assert_eq!(remaining(&desk.heard(session)[1].message), 10_000);
    }
}

#[test]
fn a_callee_who_comes_after_the_deadline_is_told_of_the_missed_call_once() {
    let mut desk = Desk::new();
    desk.was_there("anna/phone");
    let door = desk.log_in("door/panel");
    desk.say(door, "anna", invite("c1", &["anna"], 30_000));
    desk.pass(45 * S);
    let anna = desk.log_in("anna/phone");
    let heard = desk.heard(anna);
    let Message::Missed { caller, ago_ms, .. } = &heard[1].message else { panic!("{heard:?}") };
    assert_eq!((caller, *ago_ms), (&address("door/panel"), 45_000));
    let again = desk.log_in("anna/desk");
    assert_eq!(desk.words(again), ["welcome"]);
    assert!(desk.stored.iter().any(|change| matches!(change, Change::DropMissed { .. })), "told once");
}

#[test]
fn a_cancelled_invite_rings_nobody_and_is_shown_as_missed() {
    let mut desk = Desk::new();
    desk.was_there("anna/phone");
    let door = desk.log_in("door/panel");
    desk.heard(door);
    desk.say(door, "anna", invite("c1", &["anna"], 30_000));
    desk.say(door, "anna", cancel("c1", EndReason::Cancelled));
    assert_eq!(desk.words(door), ["result:queued"]);
    let anna = desk.log_in("anna/phone");
    assert_eq!(desk.words(anna), ["welcome", "missed:c1"]);
}

#[test]
fn a_call_that_a_device_answered_is_not_missed() {
    let answers = [
        ringing("c1"),
        Message::Accept { call: "c1".parse().unwrap(), agent: Agent::Browser },
        reject("c1", EndReason::Busy),
        Message::Hangup { call: "c1".parse().unwrap(), reason: EndReason::Hangup },
    ];
    for answer in answers {
        let mut desk = Desk::new();
        let (door, anna) = (desk.log_in("door/panel"), desk.log_in("anna/phone"));
        desk.say(door, "anna", invite("c1", &["anna"], 30_000));
        desk.say(anna, "door/panel", answer.clone());
        desk.log_out(anna);
        desk.pass(31 * S);
        let anna = desk.log_in("anna/phone");
        assert_eq!(desk.words(anna), ["welcome"], "{answer:?}");
    }
}

#[test]
fn a_socket_without_a_device_behind_it_swallows_no_invite() {
    let mut desk = Desk::new();
    let (door, asleep) = (desk.log_in("door/panel"), desk.log_in("anna/phone"));
    desk.heard(door);
    desk.say(door, "anna", invite("c1", &["anna"], 30_000));
    assert_eq!(desk.words(asleep), ["welcome", "invite:c1"], "into a socket that nobody reads");
    desk.pass(12 * S);
    // The device wakes up and logs in anew: it rings for the time that is left.
    let awake = desk.log_in("anna/phone");
    let heard = desk.heard(awake);
    assert_eq!(remaining(&heard[1].message), 18_000);

    // It sleeps through all of the next one: the call was missed.
    desk.say(door, "anna", cancel("c1", EndReason::AnsweredElsewhere));
    desk.say(door, "anna", invite("c2", &["anna"], 30_000));
    desk.pass(31 * S);
    let awake = desk.log_in("anna/phone");
    assert_eq!(desk.words(awake), ["welcome", "missed:c2"]);
}

#[test]
fn a_device_that_wakes_up_on_its_old_socket_hears_what_it_slept_through() {
    let mut desk = Desk::new();
    let (door, anna) = (desk.log_in("door/panel"), desk.log_in("anna/phone"));
    desk.say(door, "anna", invite("c1", &["anna"], 30_000));
    desk.heard(anna);
    desk.pass(20 * S);
    desk.say(anna, "", Message::Ping {});
    assert_eq!(desk.words(anna), ["pong"], "it may still answer");
    desk.pass(11 * S);
    desk.say(anna, "", Message::Ping {});
    assert_eq!(desk.words(anna), ["pong", "missed:c1"]);
    desk.say(anna, "", Message::Ping {});
    assert_eq!(desk.words(anna), ["pong"], "told once");
}

#[test]
fn an_answer_that_crosses_the_cancel_takes_the_missed_call_back() {
    let mut desk = Desk::new();
    let (door, anna) = (desk.log_in("door/panel"), desk.log_in("anna/phone"));
    desk.say(door, "anna", invite("c1", &["anna"], 30_000));
    desk.say(door, "anna", cancel("c1", EndReason::Cancelled));
    desk.say(anna, "door/panel", ringing("c1"));
    let mut desk = desk.restart(S, 0);
    let anna = desk.log_in("anna/tablet");
    assert_eq!(desk.words(anna), ["welcome"]);
}

#[test]
fn only_a_device_of_the_callee_answers_for_it() {
    let mut desk = Desk::new();
    let (door, _asleep) = (desk.log_in("door/panel"), desk.log_in("anna/phone"));
    let (mallory, bert) = (desk.log_in("mallory/x"), desk.log_in("bert/phone"));
    desk.say(door, "anna", invite("c1", &["anna"], 30_000));
    for other in [mallory, bert, door] {
        desk.say(other, "door/panel", ringing("c1"));
        desk.say(other, "anna", ringing("c1"));
    }
    desk.pass(31 * S);
    let anna = desk.log_in("anna/tablet");
    assert_eq!(desk.words(anna), ["welcome", "missed:c1"]);
}

#[test]
fn a_confirm_silences_everybody_the_call_rang() {
    let mut desk = Desk::new();
    let (door, anna) = (desk.log_in("door/panel"), desk.log_in("anna/phone"));
    for user in ["anna", "bert", "carl"] {
        desk.say(door, user, invite("c1", &["anna", "bert", "carl"], 30_000));
    }
    desk.say(door, "bert", invite("c2", &["bert"], 30_000));
    desk.say(door, "anna/phone", confirm("c1"));
    desk.say(door, "bert", cancel("c1", EndReason::AnsweredElsewhere));
    desk.heard(anna);
    // Somebody answered, so nobody missed it.
    let (carl, bert) = (desk.log_in("carl/phone"), desk.log_in("bert/phone"));
    assert_eq!(desk.words(carl), ["welcome"]);
    assert_eq!(desk.words(bert), ["welcome", "invite:c2"]);
}

#[test]
fn nobody_else_decides_an_inviters_call() {
    let mut desk = Desk::new();
    let (door, second) = (desk.log_in("door/panel"), desk.log_in("door/second"));
    let mallory = desk.log_in("mallory/x");
    desk.say(door, "anna", invite("c1", &["anna"], 30_000));
    for other in [second, mallory] {
        desk.say(other, "anna", cancel("c1", EndReason::Cancelled));
        desk.say(other, "anna/phone", confirm("c1"));
        desk.say(other, "door/panel", reject("c1", EndReason::Rejected));
    }
    // Nor does a cancel for one late device.
    desk.say(door, "anna/late", cancel("c1", EndReason::AnsweredElsewhere));
    // Nor can anybody take the call id over.
    desk.heard(mallory);
    desk.say(mallory, "anna", invite("c1", &["anna"], 30_000));
    assert_eq!(desk.words(mallory), ["result:forbidden"]);
    let anna = desk.log_in("anna/tablet");
    assert_eq!(desk.words(anna), ["welcome", "invite:c1"]);
}

#[test]
fn a_repeated_invite_keeps_its_first_deadline() {
    let mut desk = Desk::new();
    let door = desk.log_in("door/panel");
    desk.say(door, "anna", invite("c1", &["anna"], 30_000));
    desk.pass(10 * S);
    desk.say(door, "anna", invite("c1", &["anna"], 30_000));
    let anna = desk.log_in("anna/phone");
    assert_eq!(remaining(&desk.heard(anna)[1].message), 20_000);
    let keeps = desk.stored.iter().filter(|change| matches!(change, Change::Keep(_))).count();
    assert_eq!(keeps, 1);
}

#[test]
fn a_repeated_invite_of_a_decided_call_does_not_ring_again() {
    let mut desk = Desk::new();
    let (door, phone) = (desk.log_in("door/panel"), desk.log_in("anna/phone"));
    desk.say(door, "anna", invite("c1", &["anna"], 30_000));
    // The inviter is away while anna declines, and asks again when it is back.
    desk.log_out(door);
    desk.say(phone, "door/panel", reject("c1", EndReason::Rejected));
    let door = desk.log_in("door/panel");
    let tablet = desk.log_in("anna/tablet");
    desk.heard(door);
    desk.heard(phone);
    desk.say(door, "anna", invite("c1", &["anna"], 20_000));
    assert_eq!(desk.words(tablet), ["welcome"]);
    assert!(desk.heard(phone).is_empty());
    let heard = desk.heard(door);
    assert_eq!(heard[0].from, Some(address("anna/phone")));
    assert_eq!(heard[0].message, reject("c1", EndReason::Rejected));
    // Its own decision it knows.
    desk.say(door, "anna", invite("c2", &["anna"], 30_000));
    desk.say(door, "anna", cancel("c2", EndReason::Cancelled));
    desk.say(door, "anna", invite("c2", &["anna"], 30_000));
    assert_eq!(desk.words(door), ["result:ok", "result:forbidden"]);
}

#[test]
fn a_group_invite_waits_only_where_the_operator_wants_it() {
    let group = |call| match invite(call, &["anna", "bert"], 30_000) {
        Message::Invite { call, media, callees, remaining_ms, agent, early, .. } => {
            Message::Invite { call, kind: Kind::Group, media, callees, remaining_ms, agent, early }
        }
        other => other,
    };
    let mut desk = Desk::new();
    let door = desk.log_in("door/panel");
    desk.heard(door);
    desk.say(door, "anna", group("c1"));
    assert_eq!(desk.words(door), ["result:offline"]);
    let anna = desk.log_in("anna/phone");
    assert_eq!(desk.words(anna), ["welcome"]);

    let mut desk = Desk::with(TenantSettings { queue_group_invites: true, ..TenantSettings::default() });
    desk.was_there("bert/phone");
    let door = desk.log_in("door/panel");
    desk.heard(door);
    desk.say(door, "anna", group("c1"));
    desk.say(door, "bert", group("c1"));
    assert_eq!(desk.words(door), ["result:queued", "result:queued"]);
    // In a group a confirm concerns the one it names.
    desk.say(door, "bert/phone", confirm("c1"));
    let (anna, bert) = (desk.log_in("anna/phone"), desk.log_in("bert/phone"));
    assert_eq!(desk.words(anna), ["welcome", "invite:c1"]);
    assert_eq!(desk.words(bert), ["welcome", "confirm"]);
}

#[test]
fn a_group_invite_that_reaches_nobody_is_missed_and_any_member_may_say_it() {
    let mut desk = Desk::new();
    desk.was_there("anna/phone");
    let (door, gate) = (desk.log_in("door/panel"), desk.log_in("gate/panel"));
    desk.heard(door);
    desk.heard(gate);
    desk.say(door, "anna", invite("c1", &["anna"], 30_000));
    desk.say(door, "anna", cancel("c1", EndReason::Cancelled));
    for member in [door, gate] {
        let Message::Invite { call, media, callees, remaining_ms, agent, early, .. } = invite("c1", &["anna"], 30_000)
        else {
            unreachable!("it is an invite")
        };
        let kind = Kind::Group;
        desk.say(member, "anna", Message::Invite { call, kind, media, callees, remaining_ms, agent, early });
    }
    assert_eq!(desk.words(gate), ["result:offline"]);
    let anna = desk.log_in("anna/phone");
    assert_eq!(desk.words(anna), ["welcome", "missed:c1"]);
}

#[test]
fn an_invite_to_one_device_does_not_wait() {
    let mut desk = Desk::new();
    let door = desk.log_in("door/panel");
    desk.heard(door);
    desk.say(door, "anna/phone", invite("c1", &["anna"], 30_000));
    assert_eq!(desk.words(door), ["result:offline"]);
    assert!(!desk.stored.iter().any(|change| matches!(change, Change::Keep(_))));
}

#[test]
fn an_invite_with_no_time_left_is_refused() {
    let mut desk = Desk::new();
    let door = desk.log_in("door/panel");
    desk.heard(door);
    desk.say(door, "anna", invite("c1", &["anna"], 0));
    assert_eq!(desk.words(door), ["result:bad_message"]);
}

#[test]
fn missed_calls_are_told_for_seven_days() {
    let mut desk = Desk::new();
    desk.was_there("anna/phone");
    let door = desk.log_in_to(APP, "door/panel", 30 * 86_400 * S);
    desk.say(door, "anna", invite("c1", &["anna"], 1_000));
    desk.pass(4 * 86_400 * S);
    desk.say(door, "anna", invite("c2", &["anna"], 1_000));
    desk.pass(4 * 86_400 * S);
    let anna = desk.log_in("anna/phone");
    assert_eq!(desk.words(anna), ["welcome", "missed:c2"]);
}

#[test]
fn what_waits_outlives_a_restart() {
    let mut desk = Desk::new();
    desk.was_there("anna/phone");
    let door = desk.log_in("door/panel");
    for (call, time) in [("c1", 30_000), ("c2", 30_000), ("c3", 2_000)] {
        desk.say(door, "anna", invite(call, &["anna"], time));
    }
    desk.say(door, "anna", cancel("c2", EndReason::Cancelled));
    let mut desk = desk.restart(5 * S, 0);
    let anna = desk.log_in("anna/phone");
    let heard = desk.heard(anna);
    assert_eq!(remaining(&heard[1].message), 25_000);
    let words: Vec<_> = heard.iter().map(|envelope| envelope.message.type_name()).collect();
    assert_eq!(words, ["welcome", "invite", "missed", "missed"]);
    // Told once, also across restarts.
    let mut desk = desk.restart(5 * S, 0);
    let anna = desk.log_in("anna/phone");
    assert_eq!(desk.words(anna), ["welcome", "invite:c1"]);
}

#[test]
fn a_wall_clock_that_jumps_never_makes_an_invite_ring_longer_than_it_was_meant_to() {
    for (jump_ms, expected) in [(-3_600_000, Some(30_000)), (3_600_000, None), (-5_000, Some(30_000))] {
        let mut desk = Desk::new();
        desk.was_there("anna/phone");
        let door = desk.log_in("door/panel");
        desk.say(door, "anna", invite("c1", &["anna"], 30_000));
        let mut desk = desk.restart(5 * S, jump_ms);
        let anna = desk.log_in("anna/phone");
        let heard = desk.heard(anna);
        match expected {
            Some(most) => assert!(remaining(&heard[1].message) <= most, "{jump_ms}"),
            None => assert_eq!(heard[1].message.type_name(), "missed", "{jump_ms}"),
        }
    }
}

#[test]
fn a_device_that_is_back_in_a_moment_has_lost_nothing() {
    let mut desk = Desk::new();
    let (door, anna) = (desk.log_in("door/panel"), desk.log_in("anna/phone"));
    desk.log_out(anna);
    desk.heard(door);
    desk.say(door, "anna/phone", confirm("c1"));
    desk.say(door, "anna/phone", Message::Hangup { call: "c1".parse().unwrap(), reason: EndReason::Hangup });
    assert_eq!(desk.words(door), ["result:queued", "result:queued"]);
    desk.pass(9 * S);
    let anna = desk.log_in("anna/phone");
    assert_eq!(desk.words(anna), ["welcome", "confirm", "hangup"]);
    // Once, and not for long.
    let anna = desk.log_in("anna/phone");
    assert_eq!(desk.words(anna), ["welcome"]);
    desk.log_out(anna);
    desk.say(door, "anna/phone", confirm("c2"));
    desk.pass(10 * S);
    let anna = desk.log_in("anna/phone");
    assert_eq!(desk.words(anna), ["welcome"]);
}
