//! What all senders share has a share for each: whoever sends most loses it, and nobody pays for another.

use std::time::Duration;

use callbox_core::protocol::{Agent, EndReason, Message};

use super::desk::*;
use crate::switchboard::{Change, SessionId, TenantSettings};

const S: Duration = Duration::from_secs(1);

/// Invites of one caller over time, so that its budget of invites is no matter.
fn ring_often(desk: &mut Desk, caller: SessionId, callee: &str, prefix: &str, count: usize, remaining_ms: u32) {
    for n in 0..count {
        desk.say(caller, callee, invite(&format!("{prefix}{n}"), &[callee], remaining_ms));
        desk.pass(4 * S);
    }
}

fn count(words: &[String], word: &str) -> usize {
    words.iter().filter(|other| *other == word).count()
}

#[test]
fn one_caller_does_not_shut_others_out_of_a_users_waiting_invites() {
    let mut desk = Desk::new();
    desk.was_there("anna/phone");
    let mallory = desk.log_in("mallory/x");
    desk.heard(mallory);
    ring_often(&mut desk, mallory, "anna", "m", 70, 600_000);
    let words = desk.words(mallory);
    assert_eq!((count(&words, "result:queued"), count(&words, "result:offline")), (16, 54));
    let door = desk.log_in("door/panel");
    desk.heard(door);
    desk.say(door, "anna", invite("c1", &["anna"], 30_000));
    assert_eq!(desk.words(door), ["result:queued"]);
}

#[test]
fn several_greedy_callers_make_room_for_one_that_is_not() {
    let mut desk = Desk::new();
    for caller in ["m1", "m2", "m3", "m4"] {
        let session = desk.log_in(&format!("{caller}/x"));
        ring_often(&mut desk, session, "anna", caller, 16, 600_000);
    }
    let door = desk.log_in("door/panel");
    desk.heard(door);
    desk.say(door, "anna", invite("c1", &["anna"], 30_000));
    assert_eq!(desk.words(door), ["result:queued"]);
    let anna = desk.log_in("anna/phone");
    let words = desk.words(anna);
    assert_eq!((words.len(), words.contains(&"invite:c1".to_owned())), (1 + 64, true), "{words:?}");
    assert!(desk.stored.iter().any(|change| matches!(change, Change::Forget { .. })));
}

#[test]
fn a_caller_who_rings_without_end_is_told_to_wait_and_the_panel_is_spared() {
    let mut desk = Desk::new();
    let (panel, mallory, anna) = (desk.log_in("door/panel"), desk.log_in("mallory/x"), desk.log_in("anna/phone"));
    desk.heard(mallory);
    for n in 0..120 {
        desk.say(mallory, "door", invite(&format!("m{n}"), &["door"], 30_000));
        desk.pass(S / 3);
    }
    let reached = count(&desk.words(mallory), "result:ok");
    assert!((20..=26).contains(&reached), "10 at once, then one in 3 s, over 40 s: {reached}");
    desk.heard(panel);
    desk.say(anna, "door", invite("c1", &["door"], 30_000));
    assert_eq!(desk.words(panel), ["invite:c1"], "others are not held back");
}

#[test]
fn an_invite_that_is_accepted_costs_nothing() {
    let mut desk = Desk::new();
    let (panel, anna) = (desk.log_in("door/panel"), desk.log_in("anna/phone"));
    desk.heard(anna);
    for n in 0..60 {
        let call = format!("c{n}");
        desk.say(anna, "door", invite(&call, &["door"], 30_000));
        desk.say(panel, "anna/phone", Message::Accept { call: call.parse().unwrap(), agent: Agent::Panel });
        desk.say(anna, "door/panel", confirm(&call));
    }
    let words = desk.words(anna);
    assert_eq!((count(&words, "accept"), count(&words, "result:too_many")), (60, 0));
}

#[test]
fn what_one_user_says_to_a_device_is_bounded_and_the_end_of_a_call_still_passes() {
    let mut desk = Desk::new();
    let (panel, mallory, anna) = (desk.log_in("door/panel"), desk.log_in("mallory/x"), desk.log_in("anna/phone"));
    for session in [panel, mallory] {
        desk.heard(session);
    }
    for n in 0..500 {
        desk.say(mallory, "door/panel", ringing(&format!("m{n}")));
    }
    assert_eq!((desk.words(panel).len(), count(&desk.words(mallory), "result:too_many")), (240, 260));
    desk.say(mallory, "door/panel", cancel("m1", EndReason::Cancelled));
    desk.say(anna, "door/panel", ringing("c1"));
    assert_eq!(desk.words(panel), ["cancel", "ringing"]);
    desk.pass(4 * S);
    for n in 0..500 {
        desk.say(mallory, "door/panel", ringing(&format!("n{n}")));
    }
    let later = desk.words(panel).len();
    assert!((95..=101).contains(&later), "25 a second: {later}");
    // In words of a newer version too.
    desk.frame(mallory, r#"{"v":1,"id":"a","type":"wave","to":{"user":"door"}}"#);
    assert_eq!(desk.forwarded.len(), 0);
}

#[test]
fn what_one_user_may_put_into_a_queue_does_not_fill_it() {
    let mut desk = Desk::new();
    let (panel, mallory) = (desk.log_in("door/panel"), desk.log_in("mallory/x"));
    desk.heard(panel);
    for _ in 0..100 {
        let offer = Message::Offer { call: "c".parse().unwrap(), link: 1, sdp: "x".repeat(60_000) };
        desk.say(mallory, "door/panel", offer);
    }
    assert_eq!(desk.heard(panel).len(), 4, "256 KiB of a queue of 2 MiB");
}

#[test]
fn invented_names_are_not_noted_as_missed_and_push_nothing_out() {
    let mut desk = Desk::new();
    desk.was_there("anna/phone");
    let (door, mallory) = (desk.log_in("door/panel"), desk.log_in("mallory/x"));
    desk.say(door, "anna", invite("c1", &["anna"], 1_000));
    for n in 0..10_500 {
        let name = format!("invented{n}");
        desk.say(mallory, &name, invite("m", &[&name], 500));
        desk.pass(S / 20);
    }
    let noted = desk.stored.iter().filter(|change| matches!(change, Change::Miss(_))).count();
    assert_eq!(noted, 1);
    let anna = desk.log_in("anna/phone");
    assert_eq!(desk.words(anna), ["welcome", "missed:c1"]);
}

#[test]
fn one_caller_does_not_push_the_missed_calls_of_others_out() {
    let mut desk = Desk::new();
    desk.was_there("anna/phone");
    let (door, mallory) = (desk.log_in("door/panel"), desk.log_in("mallory/x"));
    desk.say(door, "anna", invite("c1", &["anna"], 1_000));
    ring_often(&mut desk, mallory, "anna", "m", 80, 1_000);
    let anna = desk.log_in("anna/phone");
    let words = desk.words(anna);
    assert_eq!((words.len(), words[1].as_str(), words[2].as_str()), (51, "missed:c1", "missed:m31"));
}

#[test]
fn what_is_held_for_a_device_has_a_share_for_each_sender() {
    let mut desk = Desk::new();
    desk.was_there("anna/phone");
    let (mallory, door) = (desk.log_in("mallory/x"), desk.log_in("door/panel"));
    for session in [mallory, door] {
        desk.heard(session);
    }
    for n in 0..40 {
        desk.say(mallory, "anna/phone", confirm(&format!("m{n}")));
    }
    let words = desk.words(mallory);
    assert_eq!((count(&words, "result:queued"), count(&words, "result:offline")), (32, 8));
    let other = desk.log_in("other/x");
    desk.heard(other);
    for n in 0..32 {
        desk.say(other, "anna/phone", confirm(&format!("o{n}")));
    }
    desk.say(door, "anna/phone", confirm("c1"));
    assert_eq!(desk.words(door), ["result:queued"], "of two greedy ones one makes room");
    let anna = desk.log_in("anna/phone");
    assert_eq!(desk.words(anna).len(), 1 + 64);
}

#[test]
fn nothing_is_held_for_invented_devices_and_one_sender_does_not_fill_what_is_held() {
    let mut desk = Desk::new();
    for n in 0..16 {
        desk.was_there(&format!("anna/d{n}"));
    }
    desk.was_there("bert/phone");
    let (mallory, door) = (desk.log_in("mallory/x"), desk.log_in("door/panel"));
    desk.heard(mallory);
    desk.heard(door);
    desk.pass(61 * S);
    let offer = |n: usize| Message::Offer { call: format!("c{n}").parse().unwrap(), link: 1, sdp: "x".repeat(60_000) };
    for n in 0..100 {
        desk.say(mallory, &format!("anna/invented{n}"), offer(n));
    }
    assert_eq!(count(&desk.words(mallory), "result:offline"), 100);
    for n in 0..100 {
        desk.say(mallory, &format!("anna/d{}", n % 16), offer(n));
    }
    assert_eq!(count(&desk.words(mallory), "result:queued"), 8, "512 KiB");
    desk.say(door, "bert/phone", confirm("c1"));
    assert_eq!(desk.words(door), ["result:queued"]);
    desk.pass(11 * 60 * S);
    desk.say(door, "bert/phone", confirm("c1"));
    assert_eq!(desk.words(door), ["result:offline"], "it has been away for long");
}

#[test]
fn a_user_cannot_fill_the_memory_of_devices_by_inventing_its_own() {
    let mut desk = Desk::with(TenantSettings { max_devices: 1, ..TenantSettings::default() });
    for n in 0..40 {
        desk.was_there(&format!("mallory/d{n}"));
    }
    desk.pass(61 * S);
    let door = desk.log_in("door/panel");
    desk.heard(door);
    for (device, word) in [("mallory/d39", "result:queued"), ("mallory/d3", "result:offline")] {
        desk.say(door, device, confirm("c1"));
        assert_eq!(desk.words(door), [word], "{device}");
    }
}
