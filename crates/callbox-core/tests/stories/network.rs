//! The network, or a whole party, goes in a talk: who waits for whom, for how long, and how it goes on.

use callbox_core::protocol::{EndReason, Message, PictureSize};
use callbox_core::station::{Action, Input, LinkEvent, MediaOrder, Phase};

use super::{the_door_rings_anna, the_door_talks_with_anna};
use crate::street::{Street, address, ms, secs};

/// The door offers in a call with a phone, the phone answers.
const BOTH: [&str; 2] = ["door/panel", "anna/phone"];

fn links_opened(street: &Street, name: &str) -> usize {
    street.orders(name).iter().filter(|order| matches!(order, MediaOrder::Open { .. })).count()
}

fn is_lost(street: &Street, name: &str) -> bool {
    street.view(name).call.is_some_and(|call| call.lost_ms.is_some())
}

fn last_sent<'a>(street: &'a Street, name: &str) -> &'a str {
    street.sent(name).last().map(Message::type_name).unwrap_or_default()
}

#[test]
fn a_minute_without_network_and_the_talk_goes_on() {
    for cut in BOTH {
        let mut street = the_door_talks_with_anna();
        street.loses_network(cut);
        street.pass(secs(7));
        assert!(BOTH.iter().all(|name| is_lost(&street, name)), "both are shown that the connection is lost");
        street.pass(secs(30));
        street.is_missed_by_the_hub(cut);
        street.pass(secs(23));
        street.has_network_again(cut);
        street.pass(ms(500));
        street.assert_talk("door/panel", "anna/phone");
        assert!(BOTH.iter().all(|name| !is_lost(&street, name) && street.links_held(name) == 1));
        street.pass(secs(300));
        street.assert_talk("door/panel", "anna/phone");
    }
}

#[test]
fn a_network_that_does_not_come_back_ends_the_talk_on_both_sides() {
    let mut street = the_door_talks_with_anna();
    street.loses_network("anna/phone");
    street.pass(secs(30));
    street.is_missed_by_the_hub("anna/phone");
    street.pass(secs(50));
    assert!(BOTH.iter().all(|name| street.phase(name) == Phase::Talking));
    street.pass(secs(2));
    BOTH.iter().for_each(|name| street.assert_ended(name, EndReason::NetworkLost));
}

#[test]
fn while_nobody_can_be_reached_no_links_are_wasted() {
    let mut street = the_door_talks_with_anna();
    street.loses_network("anna/phone");
    street.pass(ms(6100));
    street.is_missed_by_the_hub("anna/phone");
    let (door, anna) = (links_opened(&street, "door/panel"), street.sent("anna/phone").len());
    street.pass(secs(60));
    assert_eq!((links_opened(&street, "door/panel"), street.sent("anna/phone").len()), (door, anna));
}

#[test]
fn who_loses_patience_can_hang_up_while_the_connection_is_lost() {
    let mut street = the_door_talks_with_anna();
    street.loses_network("anna/phone");
    street.pass(secs(20));
    street.hangs_up("door/panel");
    street.assert_ended("door/panel", EndReason::Hangup);
    street.has_network_again("anna/phone");
    street.pass(secs(1));
    street.assert_ended("anna/phone", EndReason::Hangup);
}

#[test]
fn a_killed_peer_is_missed_soon_whenever_presence_says_so() {
    // A hub hears at once that the socket is closed, a broker tells the last will 5 s later.
    // A browser waits for less, because it may notice the silence later than it does here.
    for (killed, left, missed_after) in [(BOTH[0], BOTH[1], 9_000), (BOTH[1], BOTH[0], 11_000)] {
        for told_after in [0, 5500] {
            let mut street = the_door_talks_with_anna();
            street.is_killed(killed);
            street.pass(ms(told_after));
            street.is_missed_by_the_hub(killed);
            street.pass(ms(missed_after - 100 - told_after));
            assert_eq!(street.phase(left), Phase::Talking, "told after {told_after} ms");
            street.pass(ms(200));
            street.assert_ended(left, EndReason::NetworkLost);
        }
    }
}

#[test]
fn a_killed_peer_that_comes_up_again_ends_the_talk_at_once() {
    for name in BOTH {
        let mut street = the_door_talks_with_anna();
        street.is_killed(name);
        street.is_missed_by_the_hub(name);
        street.pass(secs(3));
        street.comes_online(name);
        street.pass(ms(100));
        let other = BOTH[usize::from(name == BOTH[0])];
        street.assert_ended(other, EndReason::NetworkLost);
        street.calls(other, &[name.split('/').next().unwrap()]);
        street.pass(secs(1));
        street.accepts(name);
        street.pass(secs(1));
        street.assert_talk(name, other);
    }
}

#[test]
fn a_killed_peer_of_which_presence_says_nothing_answers_the_next_link_when_it_is_up_again() {
    let mut street = the_door_talks_with_anna();
    street.is_killed("anna/phone");
    street.pass(secs(2));
    street.comes_back_unnoticed("anna/phone");
    street.pass(secs(4) + ms(100));
    street.assert_ended("door/panel", EndReason::NetworkLost);
}

#[test]
fn a_peer_that_went_offline_long_before_its_media_ended_is_waited_for() {
    let mut street = the_door_talks_with_anna();
    street.goes_offline("anna/phone");
    street.pass(secs(60));
    street.assert_talk("door/panel", "anna/phone");
    street.cuts_cable("door/panel", "anna/phone");
    street.pass(secs(60));
    assert_eq!(street.phase("door/panel"), Phase::Talking);
    street.mends_cable("door/panel", "anna/phone");
    street.comes_online("anna/phone");
    street.pass(secs(1));
    street.assert_talk("door/panel", "anna/phone");
}

#[test]
fn another_address_and_the_next_link_flows_long_before_silence_is_noticed() {
    for name in BOTH {
        let mut street = the_door_talks_with_anna();
        for number in 2..5 {
            street.changes_address(name);
            street.pass(ms(500));
            street.assert_talk("door/panel", "anna/phone");
            assert_eq!(street.newest_secured("door/panel"), Some(number));
            assert!(
                BOTH.iter().all(|name| !is_lost(&street, name) && street.links_held(name) == 1),
                "made before broken"
            );
        }
    }
}

#[test]
fn an_offer_that_was_lost_just_before_the_network_came_back_is_followed_by_another() {
    let mut street = the_door_talks_with_anna();
    street.loses_network("anna/phone");
    // Silence after 6 s, another link after 4 s more: its offer goes where nobody is, and the old link comes back by itself.
    street.pass(secs(10) + ms(100));
    let opened = links_opened(&street, "door/panel");
    street.has_network_again("anna/phone");
    street.pass(secs(2));
    assert_eq!(links_opened(&street, "door/panel"), opened + 1);
    assert_eq!(street.newest_secured("anna/phone"), Some(u32::try_from(opened).unwrap() + 1));
    assert!(BOTH.iter().all(|name| !is_lost(&street, name) && street.links_held(name) == 1));
    street.assert_talk("door/panel", "anna/phone");
}

#[test]
fn a_link_that_still_stands_goes_when_its_successor_is_seen() {
    for name in BOTH {
        let mut street = the_door_talks_with_anna();
        street.give(&address(name), Input::NetworkChanged);
        street.pass(ms(190));
        assert_eq!((street.links_held(BOTH[0]), street.links_held(BOTH[1])), (2, 2));
        street.pass(ms(300));
        assert_eq!((street.links_held(BOTH[0]), street.links_held(BOTH[1])), (1, 1));
        street.assert_talk(BOTH[0], BOTH[1]);
    }
}

#[test]
fn a_cry_for_a_new_link_that_comes_late_or_twice_changes_nothing() {
    let mut street = the_door_talks_with_anna();
    street.changes_address("anna/phone");
    street.pass(secs(2));
    let (call, opened) = (street.call_of("door/panel"), links_opened(&street, "door/panel"));
    for link in [0, 1, 1] {
        street.post("anna/phone", "door/panel", Message::Relink { call: call.clone(), link });
        street.pass(secs(2));
    }
    assert_eq!(links_opened(&street, "door/panel"), opened);
    // Who answers makes no offers, whatever is asked.
    street.post("door/panel", "anna/phone", Message::Relink { call, link: 9 });
    street.pass(secs(2));
    street.assert_talk("door/panel", "anna/phone");
    assert_eq!(links_opened(&street, "door/panel"), opened);
}

#[test]
fn who_answers_and_hears_nothing_gets_a_new_link_from_a_peer_that_noticed_nothing() {
    let mut street = the_door_talks_with_anna();
    street.link_event("anna/phone", LinkEvent::Silent);
    assert_eq!(last_sent(&street, "anna/phone"), "relink");
    street.pass(secs(1));
    assert_eq!(street.newest_secured("anna/phone"), Some(2));
    street.assert_talk("door/panel", "anna/phone");
}

#[test]
fn a_network_that_changed_while_it_rang_does_not_delay_the_first_sound() {
    for name in BOTH {
        let mut street = the_door_rings_anna(&["anna/phone"]);
        street.changes_address(name);
        street.pass(secs(2));
        street.accepts("anna/phone");
        street.pass(secs(1));
        street.assert_talk("door/panel", "anna/phone");
    }
}

#[test]
fn an_answer_that_was_lost_with_the_hub_while_it_rang_does_not_delay_the_first_sound() {
    // The door offers, the phone answers.
    for name in BOTH {
        let mut street = Street::calm();
        street.panel("door/panel");
        street.phone("anna/phone");
        street.lose("answer", "anna/phone", "door/panel");
        street.calls("door/panel", &["anna"]);
        street.pass(secs(1));
        street.lose_nothing();
        street.goes_offline(name);
        street.comes_online(name);
        street.pass(secs(1));
        assert_eq!(street.newest_secured("door/panel"), None);
        street.accepts("anna/phone");
        street.pass(secs(1));
        street.assert_talk("door/panel", "anna/phone");
    }
}

#[test]
fn a_call_of_which_nobody_knows_any_more_ends_by_every_question_about_it() {
    let mut street = the_door_talks_with_anna();
    let call = street.call_of("door/panel");
    street.restarts("anna/phone");
    for question in [
        Message::Relink { call: call.clone(), link: 1 },
        Message::Media { call: call.clone(), audio: true, video: true, group: true, want: PictureSize::Full },
        Message::Offer { call, link: 2, sdp: String::new() },
    ] {
        street.post("door/panel", "anna/phone", question);
        street.pass(ms(50));
        assert!(matches!(
            street.sent("anna/phone").last(),
            Some(Message::Hangup { reason: EndReason::NetworkLost, .. })
        ));
    }
    street.press("anna/phone", Action::Hangup);
    assert_eq!(street.phase("anna/phone"), Phase::Idle);
}
