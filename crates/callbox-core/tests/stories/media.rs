//! Links: who is heard and seen, when, and what happens when one breaks.

use callbox_core::protocol::{Agent, EarlyMedia, EndReason, Message};
use callbox_core::station::{Action, Flow, Input, LinkEvent, LinkFailure, MediaOrder, Phase, Policy};

use super::{the_door_rings_anna, the_door_talks_with_anna};
use crate::street::{Street, address, ms, secs};

const CLOSED: Flow = Flow { send_audio: false, send_video: false, play_audio: false, play_video: false };
const OPEN: Flow = Flow { send_audio: true, send_video: true, play_audio: true, play_video: true };

fn with_early(door: EarlyMedia, anna: EarlyMedia) -> Street {
    let mut street = Street::calm();
    street.device("door/panel", Agent::Panel, Policy { early: door, ..Policy::default() });
    street.device("anna/phone", Agent::Browser, Policy { early: anna, ..Policy::default() });
    street.calls("door/panel", &["anna"]);
    street.pass(secs(1));
    street
}

fn links_opened(street: &Street, name: &str) -> usize {
    street.orders(name).iter().filter(|order| matches!(order, MediaOrder::Open { .. })).count()
}

#[test]
fn with_early_connect_the_link_is_up_before_the_answer_and_the_gates_are_closed() {
    let mut street = with_early(EarlyMedia::Connect, EarlyMedia::Connect);
    assert_eq!(street.flow_to("door/panel", "anna/phone"), CLOSED);
    assert_eq!(street.flow_to("anna/phone", "door/panel"), CLOSED);
    street.accepts("anna/phone");
    street.pass(ms(200));
    street.assert_talk("door/panel", "anna/phone");
    assert_eq!((links_opened(&street, "door/panel"), links_opened(&street, "anna/phone")), (1, 1));
    assert_eq!(street.flow_to("door/panel", "anna/phone"), OPEN);
    assert_eq!(street.flow_to("anna/phone", "door/panel"), OPEN);
}

#[test]
fn without_early_connect_no_link_is_opened_before_the_answer() {
    for (door, anna) in [
        (EarlyMedia::Off, EarlyMedia::Preview),
        (EarlyMedia::Preview, EarlyMedia::Off),
        (EarlyMedia::Off, EarlyMedia::Off),
    ] {
        let mut street = with_early(door, anna);
        assert_eq!((links_opened(&street, "door/panel"), links_opened(&street, "anna/phone")), (0, 0));
        street.accepts("anna/phone");
        street.pass(secs(1));
        street.assert_talk("door/panel", "anna/phone");
    }
}

#[test]
fn with_preview_only_the_visitor_is_seen_before_the_answer() {
    let street = with_early(EarlyMedia::Preview, EarlyMedia::Preview);
    assert_eq!(street.flow_to("door/panel", "anna/phone"), Flow { send_video: true, ..CLOSED });
    assert_eq!(street.flow_to("anna/phone", "door/panel"), Flow { play_video: true, ..CLOSED });
}

#[test]
fn an_untrusted_caller_is_connected_only_after_the_answer() {
    let mut street = Street::calm();
    street.panel("door/panel");
    let trusted = Some(vec!["gate".parse().unwrap()].into());
    street.device("anna/phone", Agent::Browser, Policy { trusted, ..Policy::default() });
    street.calls("door/panel", &["anna"]);
    street.pass(secs(1));
    assert_eq!((links_opened(&street, "door/panel"), links_opened(&street, "anna/phone")), (0, 0));
}

#[test]
fn the_panel_offers_to_a_browser_and_otherwise_who_joins() {
    for (caller, callee, caller_offers) in [
        (Agent::Panel, Agent::Browser, true),
        (Agent::Panel, Agent::Panel, false),
        (Agent::Browser, Agent::Panel, false),
        (Agent::Browser, Agent::Browser, false),
    ] {
        let mut street = Street::calm();
        street.device("otto/one", caller, Policy::default());
        street.device("anna/two", callee, Policy::default());
        street.calls("otto/one", &["anna"]);
        street.pass(secs(1));
        street.accepts("anna/two");
        street.pass(secs(1));
        street.assert_talk("otto/one", "anna/two");
        let offers = |name| street.sent(name).iter().filter(|message| message.type_name() == "offer").count();
        let expected = if caller_offers { (1, 0) } else { (0, 1) };
        assert_eq!((offers("otto/one"), offers("anna/two")), expected);
    }
}

#[test]
fn a_link_that_never_comes_up_ends_the_call_on_both_sides() {
    let mut street = Street::calm();
    street.panel("door/panel");
    street.phone("anna/phone");
    street.cuts_cable("door/panel", "anna/phone");
    street.calls("door/panel", &["anna"]);
    street.pass(secs(1));
    street.accepts("anna/phone");
    street.pass(secs(20));
    for name in ["door/panel", "anna/phone"] {
        street.assert_ended(name, EndReason::MediaFailed);
    }
}

#[test]
fn a_broken_early_link_is_replaced_after_the_answer() {
    let mut street = Street::calm();
    street.panel("door/panel");
    street.phone("anna/phone");
    street.cuts_cable("door/panel", "anna/phone");
    street.calls("door/panel", &["anna"]);
    street.pass(secs(12));
    street.mends_cable("door/panel", "anna/phone");
    street.accepts("anna/phone");
    street.pass(secs(14));
    street.assert_talk("door/panel", "anna/phone");
}

#[test]
fn a_short_break_of_media_is_mended_and_the_talk_goes_on() {
    let mut street = the_door_talks_with_anna();
    street.cuts_cable("door/panel", "anna/phone");
    street.pass(secs(10));
    assert_eq!(street.phase("door/panel"), Phase::Talking);
    street.mends_cable("door/panel", "anna/phone");
    street.pass(secs(120));
    street.assert_talk("door/panel", "anna/phone");
    street.hangs_up("anna/phone");
    street.pass(secs(1));
    street.assert_ended("door/panel", EndReason::Hangup);
}

#[test]
fn a_long_break_of_media_ends_the_call_on_both_sides() {
    let mut street = the_door_talks_with_anna();
    street.cuts_cable("door/panel", "anna/phone");
    street.pass(secs(80));
    assert_eq!(street.phase("door/panel"), Phase::Talking);
    street.pass(secs(5));
    for name in ["door/panel", "anna/phone"] {
        street.assert_ended(name, EndReason::NetworkLost);
    }
}

#[test]
fn a_false_fingerprint_ends_the_call_at_once_wherever_it_is_noticed() {
    for (name, answered) in [("door/panel", false), ("door/panel", true), ("anna/phone", false), ("anna/phone", true)] {
        let mut street = the_door_rings_anna(&["anna/phone"]);
        if answered {
            street.accepts("anna/phone");
            street.pass(secs(1));
        }
        street.link_event(name, LinkEvent::Failed(LinkFailure::WrongFingerprint));
        assert_eq!(street.phase(name), Phase::Idle);
        street.pass(secs(3));
        for name in ["door/panel", "anna/phone"] {
            street.assert_ended(name, EndReason::MediaFailed);
        }
    }
}

#[test]
fn mute_closes_the_gate_and_tells_the_peer() {
    let mut street = the_door_talks_with_anna();
    street.press("anna/phone", Action::SetMicrophone(false));
    street.press("anna/phone", Action::SetCamera(false));
    let flow = street.flow_to("anna/phone", "door/panel");
    assert_eq!(flow, Flow { send_audio: false, send_video: false, ..OPEN });
    assert!(matches!(
        street.sent("anna/phone").last(),
        Some(callbox_core::protocol::Message::Media { audio: false, video: false, .. })
    ));
    street.hangs_up("anna/phone");
    street.pass(secs(1));
    street.calls("door/panel", &["anna"]);
    street.pass(secs(1));
    street.accepts("anna/phone");
    street.pass(secs(1));
    assert_eq!(street.flow_to("anna/phone", "door/panel"), OPEN, "mute does not leak into the next call");
}

#[test]
fn a_phone_that_changes_from_radio_to_radio_keeps_the_talk() {
    let mut street = the_door_talks_with_anna();
    for _ in 0..10 {
        street.changes_network("anna/phone");
        street.pass(secs(20));
        street.assert_talk("door/panel", "anna/phone");
        assert_eq!(street.links_held("door/panel"), 1);
    }
}

fn mute_all(street: &mut Street) {
    for name in ["door/panel", "anna/phone"] {
        street.press(name, Action::SetMicrophone(false));
        street.press(name, Action::SetCamera(false));
    }
}

#[test]
fn both_muted_a_replaced_link_still_carries_the_call() {
    let mut street = the_door_talks_with_anna();
    mute_all(&mut street);
    street.changes_network("anna/phone");
    street.pass(secs(120));
    assert_eq!((street.phase("door/panel"), street.phase("anna/phone")), (Phase::Talking, Phase::Talking));
    street.press("anna/phone", Action::SetMicrophone(true));
    street.press("door/panel", Action::SetMicrophone(true));
    street.pass(secs(10));
    street.assert_talk("door/panel", "anna/phone");
}

#[test]
fn a_replaced_link_that_breaks_before_the_first_sound_ends_the_call() {
    let mut street = the_door_talks_with_anna();
    street.changes_network("anna/phone");
    // Silence after 6 s; the next link is secured 220 ms later, and heard after another 50 ms.
    street.pass(secs(6) + ms(200));
    let secured =
        |street: &Street| ["door/panel", "anna/phone"].iter().all(|name| street.newest_secured(name) == Some(2));
    for _ in 0..200 {
        if secured(&street) {
            break;
        }
        street.pass(ms(1));
    }
    assert!(secured(&street));
    street.cuts_cable("door/panel", "anna/phone");
    street.pass(secs(100));
    for name in ["door/panel", "anna/phone"] {
        street.assert_ended(name, EndReason::NetworkLost);
    }
}

#[test]
fn both_muted_a_peer_that_vanishes_after_a_replaced_link_is_noticed() {
    let mut street = the_door_talks_with_anna();
    mute_all(&mut street);
    street.changes_network("anna/phone");
    street.pass(secs(30));
    street.goes_offline("anna/phone");
    street.cuts_cable("door/panel", "anna/phone");
    street.pass(secs(120));
    street.assert_ended("door/panel", EndReason::NetworkLost);
    street.assert_ended("anna/phone", EndReason::NetworkLost);
}

#[test]
fn a_preview_that_fell_silent_while_it_rang_does_not_count_as_a_link() {
    let mut street = with_early(EarlyMedia::Preview, EarlyMedia::Preview);
    street.cuts_cable("door/panel", "anna/phone");
    street.pass(secs(8));
    street.accepts("anna/phone");
    street.pass(secs(60));
    for name in ["door/panel", "anna/phone"] {
        assert_eq!(street.phase(name), Phase::Idle, "{name}");
    }
}

fn shows_who_rings(street: &mut Street, name: &str) {
    let call = street.call_of(name);
    street.give(&address(name), Input::Picture { call, jpeg: "/9j/".to_owned() });
    street.pass(secs(1));
}

fn pictures_of(street: &Street, name: &str) -> usize {
    street.sent(name).iter().filter(|message| matches!(message, Message::Picture { .. })).count()
}

#[test]
fn who_rings_is_shown_to_every_device_that_rings_and_to_nobody_once_it_is_answered() {
    let mut street = Street::calm();
    street.panel("door/panel");
    street.phone("anna/phone");
    street.phone("anna/desk");
    street.goes_offline("anna/desk");
    street.calls("door/panel", &["anna"]);
    street.pass(secs(1));
    shows_who_rings(&mut street, "door/panel");
    assert_eq!(pictures_of(&street, "door/panel"), 1, "one device rings");
    street.comes_online("anna/desk");
    street.pass(secs(1));
    assert_eq!(pictures_of(&street, "door/panel"), 2, "who comes later sees it too");
    street.accepts("anna/desk");
    street.pass(secs(1));
    shows_who_rings(&mut street, "door/panel");
    shows_who_rings(&mut street, "anna/desk");
    assert_eq!((pictures_of(&street, "door/panel"), pictures_of(&street, "anna/desk")), (2, 0));
}

#[test]
fn a_picture_of_an_earlier_call_is_shown_to_nobody() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    let call = "earlier".parse().unwrap();
    street.give(&address("door/panel"), Input::Picture { call, jpeg: "/9j/".to_owned() });
    street.pass(secs(1));
    assert_eq!(pictures_of(&street, "door/panel"), 0);
}

#[test]
fn without_media_an_invite_is_answered_at_once_and_nobody_is_rung() {
    let mut street = Street::calm();
    street.panel("door/panel");
    street.phone("anna/phone");
    street.give(&address("door/panel"), Input::MediaReady(false));
    street.calls("anna/phone", &["door"]);
    // Another device of the door would have a second to ring.
    street.pass(secs(2));
    street.assert_ended("anna/phone", EndReason::MediaFailed);
    assert_eq!(street.records("door/panel")[0].reason, EndReason::MediaFailed, "it is written down");
    assert_eq!(street.orders("door/panel"), [], "nothing is opened");
    street.calls("door/panel", &["anna"]);
    street.pass(secs(1));
    assert_eq!((street.phase("door/panel"), street.phase("anna/phone")), (Phase::Idle, Phase::Idle));

    street.give(&address("door/panel"), Input::MediaReady(true));
    street.calls("door/panel", &["anna"]);
    street.pass(secs(1));
    assert_eq!(street.phase("anna/phone"), Phase::Ringing);
}
