//! Nobody silences the bell: a press wins over what merely rings, and nobody rings for long, or again and again.

use std::time::Duration;

use callbox_core::protocol::{Agent, EarlyMedia, EndReason, Kind, Media, Message, ResultCode};
use callbox_core::station::{Action, Callers, DoorEvent, DoorNews, Input, Opener, Phase, Policy};

use super::the_door_talks_with_anna;
use crate::street::{Relay, Street, address, ms, secs};

const DOOR: &str = "door/panel";

/// Eve rings the door with an invite that lasts ten minutes.
fn eve_rings_the_door(longest_ring: Option<Duration>) -> Street {
    let mut street = Street::calm();
    let callers = Callers { longest_ring, ..Callers::default() };
    street.device(DOOR, Agent::Panel, Policy { callers, ..Policy::default() });
    // Eve says what she likes: no station answers for her.
    street.phone("anna/phone");
    street.post("eve/phone", DOOR, invite("c1"));
    street.pass(ms(100));
    assert_eq!(street.phase(DOOR), Phase::Ringing);
    street
}

fn invite(call: &str) -> Message {
    Message::Invite {
        call: call.parse().unwrap(),
        kind: Kind::Single,
        media: Media::Video,
        callees: vec!["door".parse().unwrap(), "anna".parse().unwrap()],
        remaining_ms: 600_000,
        agent: Agent::Browser,
        early: EarlyMedia::Connect,
    }
}

fn refusals(street: &Street, name: &str) -> Vec<EndReason> {
    let reason = |message: &Message| match message {
        Message::Reject { reason, .. } => Some(*reason),
        _ => None,
    };
    street.sent(name).iter().filter_map(reason).collect()
}

#[test]
fn a_press_on_the_bell_wins_over_what_merely_rings() {
    let in_turn = Action::CallInTurn { plan: "anna then eve".parse().unwrap(), media: Media::Video };
    for press in [Action::Call { users: vec!["anna".parse().unwrap()], media: Media::Video }, in_turn] {
        let mut street = eve_rings_the_door(None);
        street.press(DOOR, press);
        street.pass(secs(1));
        assert_eq!((street.phase(DOOR), street.phase("anna/phone")), (Phase::Inviting, Phase::Ringing));
        assert_eq!(refusals(&street, DOOR), [EndReason::Busy]);
        street.accepts("anna/phone");
        street.pass(secs(1));
        street.assert_talk(DOOR, "anna/phone");
        assert_eq!(street.records(DOOR).iter().map(|record| record.reason).collect::<Vec<_>>(), [EndReason::Busy]);
    }
}

#[test]
fn who_rings_those_who_ring_us_picks_up() {
    let mut street = Street::calm();
    street.panel(DOOR);
    street.phone("anna/phone");
    street.calls("anna/phone", &["door"]);
    street.pass(secs(1));
    street.calls(DOOR, &["anna"]);
    street.pass(secs(1));
    street.assert_talk(DOOR, "anna/phone");
}

#[test]
fn a_press_that_calls_nobody_silences_nothing() {
    let mut street = eve_rings_the_door(None);
    street.calls(DOOR, &["door"]);
    assert_eq!(street.phase(DOOR), Phase::Ringing);
}

#[test]
fn a_panel_rings_for_no_longer_than_its_operator_allows() {
    let mut street = eve_rings_the_door(Some(secs(60)));
    street.pass(secs(59));
    assert_eq!(street.phase(DOOR), Phase::Ringing);
    street.pass(secs(1));
    street.assert_ended(DOOR, EndReason::NoAnswer);
}

#[test]
fn who_rings_three_times_a_second_rings_rarely() {
    for name in [DOOR, "anna/phone"] {
        let mut street = eve_rings_the_door(None);
        let rings = |street: &Street| street.sent(name).iter().filter(|said| said.type_name() == "ringing").count();
        for number in 0..90 {
            street.post("eve/phone", name, invite(&format!("flood-{number}")));
            street.pass(ms(170));
            let call = format!("flood-{number}").parse().unwrap();
            street.post("eve/phone", name, Message::Cancel { call, reason: EndReason::Cancelled, by: None });
            street.post(
                "eve/phone",
                name,
                Message::Cancel { call: "c1".parse().unwrap(), reason: EndReason::Cancelled, by: None },
            );
            street.pass(ms(163));
        }
        let rang = rings(&street);
        assert!((10..=22).contains(&rang), "{name} rang {rang} times in half a minute");
        assert!(street.records(name).len() <= 22);
        // Nobody else pays for it.
        street.phone("otto/phone");
        street.calls("otto/phone", &[name.split('/').next().unwrap()]);
        street.pass(secs(1));
        assert_eq!(street.phase(name), Phase::Ringing);
    }
}

#[test]
fn a_ring_that_was_answered_costs_nothing() {
    let mut street = Street::calm().unrecorded();
    street.panel(DOOR);
    street.phone("anna/phone");
    for _ in 0..30 {
        street.calls(DOOR, &["anna"]);
        street.pass(ms(200));
        street.accepts("anna/phone");
        street.pass(ms(200));
        street.assert_talk_begun(DOOR, "anna/phone");
        street.hangs_up(DOOR);
        street.pass(ms(100));
    }
}

#[test]
fn a_press_that_comes_to_nothing_says_why() {
    let mut street = the_door_talks_with_anna();
    street.hangs_up(DOOR);
    street.pass(secs(1));
    for (press, why) in [
        (Action::Accept, "nobody rings"),
        (Action::Toggle, "there is no call"),
        (Action::Unlock { by: Opener::Button }, "there is no door to open"),
        (Action::Call { users: Vec::new(), media: Media::Audio }, "nobody to call"),
    ] {
        street.press(DOOR, press);
        assert!(
            street.ignored(DOOR).last().is_some_and(|said| said.contains(why)),
            "{why}: {:?}",
            street.ignored(DOOR)
        );
    }
    street.calls(DOOR, &["anna"]);
    street.pass(ms(100));
    street.accepts("anna/phone");
    street.pass(ms(100));
    street.press("anna/phone", Action::Toggle);
    assert!(street.ignored("anna/phone").last().is_some_and(|said| said.contains("a second later")));
}

#[test]
fn each_request_for_the_door_has_its_own_outcome() {
    let outcomes = |news: &[DoorNews]| {
        let of = |news: &DoorNews| match news {
            DoorNews::Unlock { by: Opener::Control { request }, outcome, .. } => Some((*request, *outcome)),
            _ => None,
        };
        news.iter().filter_map(of).collect::<Vec<_>>()
    };
    let asks = |request| Action::Unlock { by: Opener::Control { request } };
    // The door at the other end: both requests are one wish.
    let mut street = Street::calm();
    street.panel_with_door(DOOR, &["anna"]);
    street.phone("anna/phone");
    street.calls(DOOR, &["anna"]);
    street.pass(secs(1));
    street.press("anna/phone", asks(1));
    street.press("anna/phone", asks(2));
    street.pass(secs(1));
    assert_eq!(outcomes(street.door_news("anna/phone")), [(1, ResultCode::Ok), (2, ResultCode::Ok)]);
    assert_eq!(street.pulses(DOOR), 1);
    // Our own: as many as one likes, and each is told.
    street.relay(DOOR, Relay::Hangs);
    (10..60).for_each(|request| street.press(DOOR, asks(request)));
    street.give(&address(DOOR), Input::Door(DoorEvent::Unlocked { opening: street.opening(DOOR) }));
    let mut told: Vec<u64> = outcomes(street.door_news(DOOR)).into_iter().map(|(request, _)| request).collect();
    told.sort_unstable();
    assert_eq!(told, (10..60).collect::<Vec<_>>());
}
