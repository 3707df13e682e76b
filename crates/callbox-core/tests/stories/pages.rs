//! A page rings, and a page is rung in unusual ways: what the other stories leave to panels. The page's own station replays these.

use callbox_core::protocol::{Agent, EarlyMedia, EndReason, Kind, Media, Message, ResultCode};
use callbox_core::station::{Action, Input, LinkEvent, LinkFailure, Phase, Policy};

use super::{the_door_rings_anna, the_door_talks_with_anna};
use crate::street::{Street, address, ms, secs};

const CALLER: &str = "otto/phone";

/// Otto rings Anna on two devices, and Ida on one, from his page, with a preview.
fn otto_rings() -> Street {
    let mut street = Street::calm();
    let preview = Policy { early: EarlyMedia::Preview, ..Policy::default() };
    for name in [CALLER, "anna/phone", "anna/desk", "ida/phone"] {
        street.device(name, Agent::Browser, preview.clone());
    }
    street.calls(CALLER, &["anna", "ida"]);
    street.pass(secs(1));
    street
}

fn says(street: &mut Street, from: &str, message: impl Fn(callbox_core::ids::CallId) -> Message) {
    let call = street.call_of(CALLER);
    street.post(from, CALLER, message(call));
    street.pass(ms(100));
}

#[test]
fn a_camera_that_is_switched_off_while_it_rings_shows_nothing() {
    let mut street = otto_rings();
    assert!(street.flow_to(CALLER, "anna/desk").send_video);
    street.press(CALLER, Action::SetCamera(false));
    assert!(!street.flow_to(CALLER, "anna/desk").send_video);
    street.press(CALLER, Action::SetCamera(true));
    assert!(street.flow_to(CALLER, "anna/desk").send_video);
}

#[test]
fn one_device_of_several_that_is_busy_or_gives_up_changes_nothing() {
    for reason in [EndReason::Busy, EndReason::NoAnswer, EndReason::MediaFailed] {
        let mut street = otto_rings();
        says(&mut street, "anna/desk", |call| Message::Reject { call, reason });
        street.pass(secs(3));
        assert_eq!((street.phase(CALLER), street.phase("anna/phone")), (Phase::Inviting, Phase::Ringing));
        street.accepts("anna/phone");
        street.pass(secs(1));
        street.assert_talk(CALLER, "anna/phone");
    }
}

#[test]
fn the_kindest_reason_of_several_callees_counts() {
    let kindest = |anna, ida| {
        let mut street = otto_rings();
        for (device, reason) in [("anna/desk", anna), ("anna/phone", anna), ("ida/phone", ida)] {
            if street.phase(CALLER) == Phase::Inviting {
                says(&mut street, device, |call| Message::Reject { call, reason });
            }
        }
        street.pass(secs(2));
        street.last_reason(CALLER)
    };
    assert_eq!(kindest(EndReason::Busy, EndReason::Rejected), EndReason::Rejected);
    assert_eq!(kindest(EndReason::Rejected, EndReason::Busy), EndReason::Rejected);
    assert_eq!(kindest(EndReason::NoAnswer, EndReason::Busy), EndReason::Busy);
    assert_eq!(kindest(EndReason::MediaFailed, EndReason::NoAnswer), EndReason::NoAnswer);
}

#[test]
fn who_has_refused_cannot_accept_any_more() {
    let mut street = otto_rings();
    for leave in [true, false] {
        says(&mut street, "anna/desk", |call| match leave {
            true => Message::Hangup { call, reason: EndReason::Hangup },
            false => Message::Accept { call, agent: Agent::Browser },
        });
    }
    assert_eq!(street.phase(CALLER), Phase::Inviting);
    street.rejects("anna/phone");
    street.pass(secs(1));
    says(&mut street, "anna/desk", |call| Message::Ringing {
        call,
        agent: Agent::Browser,
        early: EarlyMedia::Off,
        link: 0,
    });
    assert_eq!(street.phase(CALLER), Phase::Inviting, "Ida may still answer");
}

#[test]
fn a_repeated_invite_that_is_not_passed_on_does_not_end_what_rings() {
    let mut street = otto_rings();
    let call = street.call_of(CALLER);
    for (user, code) in [("anna", ResultCode::Offline), ("ida", ResultCode::Queued), ("nobody", ResultCode::Forbidden)]
    {
        let result = Input::InviteResult { call: call.clone(), user: user.parse().unwrap(), code };
        street.give(&address(CALLER), result);
    }
    street.pass(secs(1));
    assert_eq!((street.phase(CALLER), street.phase("anna/desk")), (Phase::Inviting, Phase::Ringing));
    street.accepts("anna/desk");
    street.pass(secs(1));
    street.assert_talk(CALLER, "anna/desk");
}

#[test]
fn a_page_that_was_restarted_while_it_rang_offers_anew() {
    let mut street = otto_rings();
    street.restarts("anna/desk");
    street.pass(secs(1));
    street.accepts("anna/desk");
    street.pass(secs(1));
    street.assert_talk(CALLER, "anna/desk");
}

#[test]
fn the_callee_of_a_talk_cannot_cancel_it() {
    let mut street = otto_rings();
    street.accepts("anna/desk");
    street.pass(secs(1));
    says(&mut street, "anna/desk", |call| Message::Cancel { call, reason: EndReason::Cancelled, by: None });
    street.assert_talk(CALLER, "anna/desk");
    // Only who was rung is told who was faster.
    street.phone("eve/phone");
    let before = street.sent(CALLER).len();
    says(&mut street, "eve/phone", |call| Message::Accept { call, agent: Agent::Browser });
    assert_eq!(street.sent(CALLER).len(), before);
    says(&mut street, "ida/phone", |call| Message::Accept { call, agent: Agent::Browser });
    assert_eq!(street.sent(CALLER).len(), before + 1);
}

#[test]
fn a_link_that_lived_for_four_seconds_has_failed_and_one_of_six_has_not() {
    for (lives, opened) in [(4, 5), (6, 8)] {
        let mut street = otto_rings();
        street.accepts("anna/desk");
        street.pass(secs(1));
        for _ in 0..7 {
            street.pass(secs(lives));
            street.link_event("anna/desk", LinkEvent::Failed(LinkFailure::Transport));
            street.pass(ms(400));
        }
        let newest = street.newest_secured("anna/desk").unwrap_or(opened);
        assert!(newest >= opened, "{newest}");
        street.hangs_up(CALLER);
        street.pass(secs(1));
    }
}

#[test]
fn a_confirm_that_was_lost_is_replaced_by_the_cancel_for_the_others() {
    let mut street = the_door_rings_anna(&["anna/phone", "anna/desk"]);
    street.lose("confirm", "door/panel", "anna/phone");
    street.accepts("anna/phone");
    street.pass(secs(1));
    street.assert_talk("door/panel", "anna/phone");
}

#[test]
fn a_cancel_for_another_reason_that_names_us_is_no_confirm() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    street.lose("accept", "anna/phone", "door/panel");
    street.accepts("anna/phone");
    let call = street.call_of("anna/phone");
    let (reason, by) = (EndReason::Cancelled, Some(address("anna/phone")));
    street.post("door/panel", "anna/phone", Message::Cancel { call, reason, by });
    street.pass(ms(100));
    street.assert_ended("anna/phone", EndReason::Cancelled);
}

#[test]
fn an_inviter_that_hangs_up_ends_what_was_picked_up() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    street.lose("accept", "anna/phone", "door/panel");
    street.accepts("anna/phone");
    let call = street.call_of("anna/phone");
    street.post("door/panel", "anna/phone", Message::Hangup { call, reason: EndReason::Hangup });
    street.pass(ms(100));
    street.assert_ended("anna/phone", EndReason::Hangup);
}

#[test]
fn an_invite_of_a_call_that_is_over_does_not_wait_behind_the_one_that_rings() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    let old = street.sent("door/panel")[0].clone();
    street.rejects("anna/phone");
    street.pass(secs(1));
    street.calls("door/panel", &["anna"]);
    street.pass(secs(1));
    let ringing = |street: &Street| street.sent("anna/phone").iter().filter(|m| m.type_name() == "ringing").count();
    let before = ringing(&street);
    street.post("door/panel", "anna/phone", old);
    street.pass(secs(1));
    assert_eq!(ringing(&street), before);
    assert!(matches!(street.sent("anna/phone").last(), Some(Message::Reject { reason: EndReason::Rejected, .. })));
}

#[test]
fn the_first_outcome_of_a_glare_stands() {
    for seed in 0..4 {
        let mut street = Street::with_weather(crate::street::Weather::CALM, seed);
        for name in [CALLER, "anna/phone"] {
            street.device(name, Agent::Browser, Policy::default());
        }
        street.calls(CALLER, &["anna"]);
        street.calls("anna/phone", &["otto"]);
        let calls = [street.call_of(CALLER), street.call_of("anna/phone")];
        street.pass(secs(1));
        for call in calls {
            for (from, to) in [(CALLER, "anna/phone"), ("anna/phone", CALLER)] {
                street.post(
                    from,
                    to,
                    Message::Ringing { call: call.clone(), agent: Agent::Browser, early: EarlyMedia::Off, link: 1 },
                );
                street.post(
                    from,
                    to,
                    Message::Cancel { call: call.clone(), reason: EndReason::Busy, by: Some(address(to)) },
                );
                street.post(from, to, Message::Accept { call: call.clone(), agent: Agent::Browser });
                street.pass(ms(100));
            }
        }
        street.assert_talk(CALLER, "anna/phone");
    }
}

#[test]
fn a_flood_of_cancels_of_unknown_calls_pushes_no_outcome_out() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    street.phone("eve/phone");
    let (invite, call) = (street.sent("door/panel")[0].clone(), street.call_of("door/panel"));
    street.rejects("anna/phone");
    // One more that the door takes back before it is heard of.
    street.post(
        "door/panel",
        "anna/phone",
        Message::Cancel { call: "early".parse().unwrap(), reason: EndReason::Cancelled, by: None },
    );
    street.pass(ms(100));
    for number in 0..300 {
        let call = format!("unknown-{number}").parse().unwrap();
        street.post("eve/phone", "anna/phone", Message::Cancel { call, reason: EndReason::Cancelled, by: None });
        street.pass(ms(1));
    }
    street.pass(secs(1));
    street.post("door/panel", "anna/phone", invite);
    street.post(
        "door/panel",
        "anna/phone",
        Message::Invite {
            call: "early".parse().unwrap(),
            kind: Kind::Single,
            media: Media::Video,
            callees: vec!["anna".parse().unwrap()],
            remaining_ms: 30_000,
            agent: Agent::Panel,
            early: EarlyMedia::Off,
        },
    );
    street.pass(ms(100));
    assert_eq!(street.phase("anna/phone"), Phase::Idle);
    assert_eq!(street.sent("anna/phone").last(), Some(&Message::Reject { call, reason: EndReason::Rejected }));
}

#[test]
fn a_flood_of_commands_to_a_page_is_answered_ten_times() {
    let mut street = the_door_talks_with_anna();
    street.phone("eve/phone");
    for number in 0..40 {
        street.posts_command("eve/phone", "anna/phone", &format!("n{number}"), None);
        street.pass(ms(10));
    }
    assert_eq!(street.results_of("anna/phone"), vec![ResultCode::Forbidden; 10]);
}

#[test]
fn a_second_press_has_the_same_wish_and_a_stranger_cannot_answer_it() {
    let mut street = Street::calm();
    street.panel_with_door("door/panel", &["anna"]);
    street.phone("anna/phone");
    street.phone("eve/phone");
    street.calls("door/panel", &["anna"]);
    street.pass(secs(1));
    street.lose("command", "anna/phone", "door/panel");
    street.unlocks("anna/phone");
    street.pass(secs(1));
    street.unlocks("anna/phone");
    let nonces = street.sent("anna/phone").iter().filter(|message| message.type_name() == "command").count();
    assert_eq!(nonces, 1);
    let Some(Message::Command { call, nonce, .. }) = street.sent("anna/phone").last().cloned() else {
        panic!("a command")
    };
    let challenge = "forged".parse().unwrap();
    street.post("eve/phone", "anna/phone", Message::Challenge { call, nonce, challenge, remaining_ms: 5000 });
    street.pass(ms(100));
    assert_eq!(street.sent("anna/phone").iter().filter(|message| message.type_name() == "command").count(), 1);
    street.pass(secs(5));
    let outcomes = street.door_news("anna/phone").len();
    assert_eq!(outcomes, 2, "each press has its outcome");
}
