//! Who opens the door, and who does not.

use callbox_core::protocol::{DoorState, EndReason, Message, ResultCode};
use callbox_core::station::{Action, DoorEvent, DoorNews, DoorPolicy, MayOpen, Opener, Phase, Policy};

use crate::street::{Relay, Street, address, ms, secs};

const ANNA: &str = "anna/phone";
const DOOR: &str = "door/panel";

/// The door rings Anna on these devices; she may open it, Otto may not.
fn the_door_rings(devices: &[&str]) -> Street {
    let mut street = Street::calm();
    street.panel_with_door(DOOR, &["anna"]);
    for device in devices {
        street.phone(device);
    }
    street.calls(DOOR, &["anna", "otto"]);
    street.pass(secs(1));
    street
}

fn the_door_talks_with_anna() -> Street {
    let mut street = the_door_rings(&[ANNA]);
    street.accepts(ANNA);
    street.pass(secs(1));
    street.assert_talk(DOOR, ANNA);
    street
}

fn unlock(by: &str, outcome: ResultCode) -> DoorNews {
    let by = match by {
        "button" => Opener::Button,
        far => Opener::Far(address(far)),
    };
    DoorNews::Unlock { by, outcome, at: None }
}

/// The door stays shut, and that somebody tried is written down.
#[track_caller]
fn assert_refused(street: &Street, by: &str, outcome: ResultCode) {
    assert_eq!(street.pulses(DOOR), 0);
    assert_eq!(street.door_news(DOOR), [unlock(by, outcome)]);
    assert_eq!(street.results_of(DOOR), [outcome]);
}

#[test]
fn anna_opens_while_she_talks() {
    let mut street = the_door_talks_with_anna();
    assert!(street.station(ANNA).view(street.now()).call.is_some_and(|call| call.door), "she is offered to");
    street.unlocks(ANNA);
    street.pass(secs(1));
    assert_eq!(street.pulses(DOOR), 1);
    street.assert_talk(DOOR, ANNA);
    let here = DoorNews::Unlock { by: Opener::Button, outcome: ResultCode::Ok, at: Some(address(DOOR)) };
    assert_eq!(street.door_news(ANNA), [here], "she is told");
    street.hangs_up(ANNA);
    street.pass(secs(1));
    let entry = &street.records(DOOR)[0].door[0];
    assert_eq!((&entry.news, entry.at), (&unlock(ANNA, ResultCode::Ok), ms(2060)), "who, when, and what became of it");
}

#[test]
fn anna_opens_while_it_rings_and_everybody_falls_silent() {
    let mut street = the_door_rings(&[ANNA, "anna/desk", "otto/phone"]);
    street.unlocks(ANNA);
    street.pass(secs(1));
    assert_eq!(street.pulses(DOOR), 1);
    for name in [DOOR, ANNA, "anna/desk", "otto/phone"] {
        street.assert_ended(name, EndReason::AnsweredElsewhere);
    }
    assert_eq!(street.records(DOOR)[0].door[0].news, unlock(ANNA, ResultCode::Ok));
}

#[test]
fn who_accepts_while_the_door_opens_does_not_take_the_end_for_a_confirm() {
    let mut street = the_door_rings(&[ANNA]);
    street.unlocks(ANNA);
    street.pass(ms(50));
    street.accepts(ANNA);
    street.pass(secs(1));
    assert_eq!(street.pulses(DOOR), 1);
    street.assert_ended(DOOR, EndReason::AnsweredElsewhere);
    street.assert_ended(ANNA, EndReason::AnsweredElsewhere);
}

#[test]
fn a_button_opens_and_stops_the_ringing() {
    let mut street = the_door_rings(&[ANNA]);
    street.unlocks(DOOR);
    street.pass(secs(1));
    assert_eq!((street.pulses(DOOR), street.phase(ANNA)), (1, Phase::Idle));
    assert_eq!(street.records(DOOR)[0].door[0].news, unlock("button", ResultCode::Ok));
    street.unlocks(DOOR);
    assert_eq!(street.pulses(DOOR), 2, "without a call, too");
}

#[test]
fn a_caller_opens_the_door_that_it_rings() {
    let mut street = Street::calm();
    street.panel_with_door(DOOR, &["anna"]);
    street.phone(ANNA);
    street.calls(ANNA, &["door"]);
    street.pass(secs(1));
    street.unlocks(ANNA);
    street.pass(secs(1));
    assert_eq!(street.pulses(DOOR), 1);
    assert_eq!((street.phase(DOOR), street.phase(ANNA)), (Phase::Idle, Phase::Idle), "nobody has to be rung any more");
}

#[test]
fn the_call_ends_with_the_opening_where_the_operator_wants_it() {
    let mut street = Street::calm();
    let door = DoorPolicy { allow: MayOpen::Everybody, hang_up: true, open_limit: None };
    street.device(DOOR, callbox_core::protocol::Agent::Panel, Policy { door: Some(door), ..Policy::default() });
    street.phone(ANNA);
    street.calls(DOOR, &["anna"]);
    street.pass(secs(1));
    street.accepts(ANNA);
    street.pass(secs(1));
    street.unlocks(ANNA);
    street.pass(secs(1));
    assert_eq!(street.pulses(DOOR), 1);
    street.assert_ended(ANNA, EndReason::Hangup);
    street.assert_ended(DOOR, EndReason::Hangup);
    assert_eq!(street.door_news(ANNA).len(), 1, "the result comes before the end");
}

#[test]
fn a_replayed_command_opens_nothing() {
    let mut street = the_door_talks_with_anna();
    street.unlocks(ANNA);
    street.pass(secs(1));
    let said: Vec<Message> = street.sent(ANNA).iter().filter(|said| said.type_name() == "command").cloned().collect();
    assert_eq!(said.len(), 2, "asked, and proved");
    for wait in [ms(0), secs(4), secs(20)] {
        street.pass(wait);
        said.iter().for_each(|command| street.post(ANNA, DOOR, command.clone()));
        street.pass(secs(1));
    }
    assert_eq!(street.pulses(DOOR), 1);
    assert!(street.results_of(DOOR).iter().all(|code| *code == ResultCode::Ok), "it is told what it was told before");
    street.hangs_up(ANNA);
    street.pass(secs(1));
    assert_eq!(street.records(DOOR)[0].door.len(), 1);
    // In the next call, too.
    street.calls(DOOR, &["anna"]);
    street.pass(secs(1));
    said.iter().for_each(|command| street.post(ANNA, DOOR, command.clone()));
    street.pass(secs(1));
    assert_eq!((street.pulses(DOOR), street.results_of(DOOR).last()), (1, Some(&ResultCode::Expired)));
}

#[test]
fn a_command_that_was_late_opens_nothing() {
    let mut street = the_door_talks_with_anna();
    street.posts_command(ANNA, DOOR, "n", None);
    street.pass(secs(1));
    let challenge = street.challenge_of(DOOR);
    street.pass(secs(4));
    street.posts_command(ANNA, DOOR, "n", challenge);
    street.pass(secs(1));
    assert_refused(&street, ANNA, ResultCode::Expired);
}

#[test]
fn a_wish_that_the_network_held_back_is_not_carried_out_later() {
    let mut street = the_door_talks_with_anna();
    street.lose("challenge", DOOR, ANNA);
    street.unlocks(ANNA);
    street.pass(secs(6));
    let expired = DoorNews::Unlock { by: Opener::Button, outcome: ResultCode::Expired, at: Some(address(DOOR)) };
    assert_eq!(street.door_news(ANNA), [expired], "she sees that it did not work");
    let held = street.sent(DOOR).iter().find(|said| said.type_name() == "challenge").unwrap().clone();
    street.lose_nothing();
    street.post(DOOR, ANNA, held);
    street.pass(secs(1));
    assert_eq!(street.pulses(DOOR), 0);
}

#[test]
fn after_the_call_nothing_opens() {
    let mut street = the_door_talks_with_anna();
    let call = street.call_of(DOOR);
    street.posts_command(ANNA, DOOR, "n", None);
    street.pass(secs(1));
    let challenge = street.challenge_of(DOOR);
    street.hangs_up(DOOR);
    street.pass(ms(100));
    let name = "unlock".parse().unwrap();
    street.post(ANNA, DOOR, Message::Command { call, name, nonce: "n".parse().unwrap(), challenge });
    street.pass(secs(1));
    assert_refused(&street, ANNA, ResultCode::Expired);
}

#[test]
fn a_stranger_opens_nothing() {
    let mut street = the_door_talks_with_anna();
    street.phone("eve/phone");
    street.phone("anna/desk");
    for stranger in ["eve/phone", "anna/desk"] {
        street.posts_command(stranger, DOOR, "n", None);
    }
    street.pass(secs(1));
    assert_eq!(street.challenge_of(DOOR), None, "not even a challenge");
    assert_eq!(street.results_of(DOOR), [ResultCode::Forbidden; 2]);
    assert_eq!(street.pulses(DOOR), 0);
    street.hangs_up(DOOR);
    let tries: Vec<_> = street.records(DOOR)[0].door.iter().map(|entry| entry.news.clone()).collect();
    assert_eq!(tries, ["eve/phone", "anna/desk"].map(|by| unlock(by, ResultCode::Forbidden)));
}

#[test]
fn who_is_rung_but_not_listed_opens_nothing() {
    let mut street = the_door_rings(&[ANNA, "otto/phone"]);
    street.posts_command("otto/phone", DOOR, "n", None);
    street.pass(secs(1));
    assert_refused(&street, "otto/phone", ResultCode::Forbidden);
    let offered = |name: &str| street.station(name).view(street.now()).call.unwrap().door;
    assert_eq!((offered(ANNA), offered("otto/phone")), (true, false), "and is not offered to");
    street.unlocks("otto/phone");
    assert!(street.sent("otto/phone").iter().all(|said| said.type_name() != "command"));
}

#[test]
fn a_challenge_is_of_use_to_its_device_alone() {
    let mut street = the_door_rings(&[ANNA, "anna/desk"]);
    street.posts_command(ANNA, DOOR, "n", None);
    street.pass(secs(1));
    let stolen = street.challenge_of(DOOR);
    street.posts_command("anna/desk", DOOR, "n", stolen.clone());
    street.pass(ms(100));
    street.posts_command(ANNA, DOOR, "other", stolen);
    street.posts_command(ANNA, DOOR, "guessed", Some("0".repeat(32).parse().unwrap()));
    street.pass(secs(1));
    assert_eq!(street.pulses(DOOR), 0);
    assert_eq!(street.results_of(DOOR), [ResultCode::Expired; 3]);
}

#[test]
fn two_at_once_open_it_once() {
    let mut street = the_door_rings(&[ANNA, "anna/desk"]);
    street.relay(DOOR, Relay::Hangs);
    street.unlocks(ANNA);
    street.unlocks("anna/desk");
    street.pass(ms(200));
    street.door(DOOR, DoorEvent::Unlocked { opening: street.opening(DOOR) });
    street.pass(secs(1));
    assert_eq!(street.pulses(DOOR), 1);
    assert_eq!(street.results_of(DOOR), [ResultCode::Ok; 2], "both are told");
}

#[test]
fn who_opens_again_and_again_has_to_wait() {
    let mut street = the_door_talks_with_anna();
    for _ in 0..8 {
        street.unlocks(ANNA);
        street.pass(ms(500));
    }
    assert_eq!(street.pulses(DOOR), 5);
    assert_eq!(street.results_of(DOOR).last(), Some(&ResultCode::TooMany));
    street.pass(secs(10));
    street.unlocks(ANNA);
    street.pass(secs(1));
    assert_eq!(street.pulses(DOOR), 6);
}

#[test]
fn a_stranger_who_goes_on_and_on_is_not_answered_for_ever() {
    let mut street = the_door_talks_with_anna();
    street.phone("eve/phone");
    for n in 0..100 {
        street.posts_command("eve/phone", DOOR, &format!("n{n}"), None);
        street.pass(ms(20));
    }
    assert_eq!((street.results_of(DOOR).len(), street.door_news(DOOR).len()), (10, 10));
    street.unlocks(ANNA);
    street.pass(secs(1));
    assert_eq!(street.pulses(DOOR), 1, "and keeps nobody else out");
    street.hangs_up(DOOR);
    assert!(street.records(DOOR)[0].door.iter().any(|entry| entry.news == unlock(ANNA, ResultCode::Ok)));
}

#[test]
fn a_relay_that_fails_or_hangs_is_told() {
    let mut street = the_door_rings(&[ANNA]);
    street.relay(DOOR, Relay::Fails);
    street.unlocks(ANNA);
    street.pass(secs(1));
    street.relay(DOOR, Relay::Hangs);
    street.unlocks(ANNA);
    street.pass(secs(4));
    assert_eq!(street.results_of(DOOR), [ResultCode::Failed; 2]);
    assert_eq!(street.phase(ANNA), Phase::Ringing, "it rings on: the door is shut");
}

#[test]
fn a_late_answer_of_the_relay_is_not_that_of_the_next_opening() {
    let mut street = the_door_rings(&[ANNA]);
    street.relay(DOOR, Relay::Hangs);
    street.unlocks(ANNA);
    street.pass(secs(4));
    let first = street.opening(DOOR);
    street.unlocks(ANNA);
    street.pass(secs(1));
    street.door(DOOR, DoorEvent::Unlocked { opening: first });
    assert_eq!(street.phase(DOOR), Phase::Inviting, "the door is not known to be open");
    let second = street.opening(DOOR);
    street.door(DOOR, DoorEvent::Failed { opening: second });
    street.door(DOOR, DoorEvent::Unlocked { opening: second });
    street.pass(secs(1));
    assert_eq!(street.door_news(DOOR), [unlock(ANNA, ResultCode::Failed), unlock(ANNA, ResultCode::Failed)]);
    assert_eq!(street.ignored(DOOR), ["the relay answers an opening that is over"; 2]);
}

#[test]
fn another_command_is_refused_by_name() {
    let mut street = the_door_talks_with_anna();
    let (call, nonce) = (street.call_of(DOOR), "n".parse().unwrap());
    let dance = Message::Command { call, name: "dance".parse().unwrap(), nonce, challenge: None };
    street.post(ANNA, DOOR, dance);
    street.pass(secs(1));
    assert_refused(&street, ANNA, ResultCode::BadMessage);
}

#[test]
fn a_panel_without_a_door_opens_nothing() {
    let mut street = Street::calm();
    street.panel(DOOR);
    street.phone(ANNA);
    street.calls(DOOR, &["anna"]);
    street.pass(secs(1));
    street.posts_command(ANNA, DOOR, "n", None);
    street.unlocks(DOOR);
    street.pass(secs(1));
    assert_refused(&street, ANNA, ResultCode::Forbidden);
}

#[test]
fn a_door_that_stands_open_is_told_to_those_who_may_open_it() {
    let mut street = the_door_talks_with_anna();
    street.door(DOOR, DoorEvent::Closed);
    street.door(DOOR, DoorEvent::Opened);
    street.pass(secs(31));
    street.door(DOOR, DoorEvent::Closed);
    street.door(DOOR, DoorEvent::Tamper(true));
    street.door(DOOR, DoorEvent::Tamper(true));
    let news = [DoorNews::Opened, DoorNews::OpenTooLong, DoorNews::Closed, DoorNews::Tamper];
    assert_eq!(street.door_news(DOOR), news);
    let states: Vec<_> = street.sent(DOOR).iter().filter_map(door_state).collect();
    let (closed, open, late) = (Some(DoorState::Closed), Some(DoorState::Open), Some(DoorState::OpenTooLong));
    let told =
        [(None, false), (None, false), (closed, false), (open, false), (late, false), (closed, false), (closed, true)];
    assert_eq!(states, told);
    street.hangs_up(DOOR);
    assert_eq!(street.records(DOOR)[0].door.len(), news.len());
}

#[test]
fn a_door_that_was_left_open_is_told_without_a_call_too() {
    let mut street = Street::calm();
    street.panel_with_door(DOOR, &[]);
    street.door(DOOR, DoorEvent::Opened);
    street.pass(secs(29));
    assert_eq!(street.door_news(DOOR), [DoorNews::Opened]);
    street.pass(secs(60));
    assert_eq!(street.door_news(DOOR), [DoorNews::Opened, DoorNews::OpenTooLong], "once");
    assert_eq!(street.station(DOOR).deadline(), None);
}

fn door_state(message: &Message) -> Option<(Option<DoorState>, bool)> {
    match message {
        Message::Door { state, tamper, .. } => Some((*state, *tamper)),
        _ => None,
    }
}

#[test]
fn the_control_socket_is_named_as_the_one_who_opened() {
    let mut street = Street::calm();
    street.panel_with_door(DOOR, &[]);
    street.press(DOOR, Action::Unlock { by: Opener::Control { request: 1 } });
    let news = DoorNews::Unlock { by: Opener::Control { request: 1 }, outcome: ResultCode::Ok, at: None };
    assert_eq!((street.door_news(DOOR), street.pulses(DOOR)), ([news].as_slice(), 1));
}
