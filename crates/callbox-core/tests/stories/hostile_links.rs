//! Links that do not live, and peers that cause as many of them as they can.

use callbox_core::protocol::{Agent, EarlyMedia, EndReason, Message, ResultCode};
use callbox_core::station::{Action, Input, LinkEvent, LinkFailure, MediaOrder, Phase};

use super::{the_door_rings_anna, the_door_talks_with_anna};
use crate::street::{Street, address, ms, secs};

const BOTH: [&str; 2] = ["door/panel", "anna/phone"];

fn links_opened(street: &Street, name: &str) -> usize {
    street.orders(name).iter().filter(|order| matches!(order, MediaOrder::Open { .. })).count()
}

/// Each new link of this device fails as soon as it is secured.
fn links_fail_when_secured(street: &mut Street, name: &str, for_ms: u64) {
    for _ in 0..for_ms / 50 {
        street.pass(ms(50));
        if street.phase(name) == Phase::Talking && street.newest_secured(name).is_some() {
            street.link_event(name, LinkEvent::Failed(LinkFailure::Pipeline));
        }
    }
}

#[test]
fn links_that_do_not_live_are_made_more_and_more_slowly() {
    for name in BOTH {
        let mut street = the_door_talks_with_anna();
        links_fail_when_secured(&mut street, name, 60_000);
        let opened = links_opened(&street, "door/panel");
        assert!((6..=16).contains(&opened), "{opened} links in a minute, broken at {name}");
    }
}

#[test]
fn a_link_that_lived_is_replaced_at_once_however_many_failed_before_it() {
    let mut street = the_door_talks_with_anna();
    links_fail_when_secured(&mut street, "door/panel", 30_000);
    street.pass(secs(30));
    street.assert_talk("door/panel", "anna/phone");
    street.link_event("door/panel", LinkEvent::Failed(LinkFailure::Transport));
    street.pass(ms(500));
    street.assert_talk("door/panel", "anna/phone");
}

#[test]
fn a_call_ends_with_its_reason_when_link_numbers_run_out() {
    for name in BOTH {
        // Some hours of a phone are too long a story to keep.
        let mut street = the_door_talks_with_anna().unrecorded();
        let call = street.call_of("door/panel");
        if name == "anna/phone" {
            street.post("door/panel", name, Message::Offer { call, link: 256, sdp: String::new() });
            street.pass(ms(500));
            street.link_event(name, LinkEvent::Failed(LinkFailure::Negotiation));
            street.link_event(name, LinkEvent::Failed(LinkFailure::Transport));
        }
        links_fail_when_secured(&mut street, name, 4_000_000);
        street.assert_ended(name, EndReason::MediaFailed);
    }
}

#[test]
fn a_peer_that_offers_or_asks_without_end_gets_few_links() {
    let mut street = the_door_talks_with_anna();
    let call = street.call_of("door/panel");
    for link in 2..102 {
        street.post("door/panel", "anna/phone", Message::Offer { call: call.clone(), link, sdp: String::new() });
        street.post("anna/phone", "door/panel", Message::Relink { call: call.clone(), link: 255 });
        street.post(
            "anna/phone",
            "door/panel",
            Message::Relink { call: call.clone(), link: links_opened(&street, "door/panel") as u32 },
        );
        street.pass(ms(50));
    }
    let opened = BOTH.map(|name| links_opened(&street, name));
    assert!(opened.iter().all(|opened| *opened <= 14), "{opened:?} links in 5 s");
}

#[test]
fn a_device_that_says_it_was_restarted_without_end_gets_few_links() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    let call = street.call_of("door/panel");
    for _ in 0..100 {
        let again = Message::Ringing { call: call.clone(), agent: Agent::Browser, early: EarlyMedia::Connect, link: 0 };
        street.post("anna/phone", "door/panel", again);
        street.pass(ms(20));
    }
    assert!(links_opened(&street, "door/panel") <= 12);
    street.accepts("anna/phone");
    street.pass(secs(6));
    assert_eq!(street.phase("door/panel"), Phase::Talking);
}

#[test]
fn a_muted_link_that_was_replaced_closes_though_nothing_is_heard_on_its_successor() {
    let mut street = the_door_talks_with_anna();
    for name in BOTH {
        street.press(name, Action::SetMicrophone(false));
        street.press(name, Action::SetCamera(false));
    }
    street.give(&address("door/panel"), Input::NetworkChanged);
    street.pass(secs(1));
    assert_eq!(BOTH.map(|name| street.links_held(name)), [2, 2]);
    street.pass(secs(2));
    assert_eq!(BOTH.map(|name| street.links_held(name)), [1, 1]);
}

#[test]
fn the_result_of_an_invite_concerns_one_callee() {
    let mut street = Street::calm();
    street.panel("door/panel");
    street.phone("anna/phone");
    street.phone("otto/phone");
    street.calls("door/panel", &["anna", "otto", "ida"]);
    let call = street.call_of("door/panel");
    let result = |user: &str, code| Input::InviteResult { call: call.clone(), user: user.parse().unwrap(), code };
    let door = address("door/panel");
    street.give(&door, result("ida", ResultCode::Forbidden));
    street.pass(secs(1));
    assert_eq!(street.phase("door/panel"), Phase::Inviting);
    // Otto rings already: that a repeated invite is not passed on changes nothing.
    street.give(&door, result("otto", ResultCode::Offline));
    street.rejects("anna/phone");
    street.pass(secs(1));
    assert_eq!((street.phase("door/panel"), street.phase("otto/phone")), (Phase::Inviting, Phase::Ringing));
    street.rejects("otto/phone");
    street.pass(secs(1));
    street.assert_ended("door/panel", EndReason::Rejected);
    for (code, reason) in [
        (ResultCode::Forbidden, EndReason::EndedByServer),
        (ResultCode::UnknownUser, EndReason::Offline),
        (ResultCode::UnsupportedVersion, EndReason::UnsupportedVersion),
    ] {
        street.calls("door/panel", &["ida"]);
        let call = street.call_of("door/panel");
        street.give(&door, Input::InviteResult { call, user: "ida".parse().unwrap(), code });
        street.assert_ended("door/panel", reason);
    }
}

#[test]
fn that_an_invite_was_passed_on_does_not_mean_that_anybody_was_reached() {
    let mut street = the_door_rings_anna(&[]);
    for code in [ResultCode::Queued, ResultCode::Ok] {
        let call = street.call_of("door/panel");
        street.give(&address("door/panel"), Input::InviteResult { call, user: "anna".parse().unwrap(), code });
    }
    street.pass(secs(40));
    street.assert_ended("door/panel", EndReason::Offline);
}

#[test]
fn who_mutes_while_it_rings_is_not_heard_afterwards() {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    for name in BOTH {
        street.press(name, Action::SetMicrophone(false));
    }
    street.press("anna/phone", Action::SetCamera(false));
    street.accepts("anna/phone");
    street.pass(secs(1));
    let flows = [street.flow_to("door/panel", "anna/phone"), street.flow_to("anna/phone", "door/panel")];
    assert_eq!(flows.map(|flow| (flow.send_audio, flow.send_video)), [(false, true), (false, false)]);
}

#[test]
fn a_description_that_cannot_be_taken_ends_the_call_with_its_sender_at_once() {
    for (name, answered) in [("door/panel", false), ("door/panel", true), ("anna/phone", false), ("anna/phone", true)] {
        let mut street = the_door_rings_anna(&["anna/phone"]);
        if answered {
            street.accepts("anna/phone");
            street.pass(secs(1));
        }
        street.link_event(name, LinkEvent::Failed(LinkFailure::Refused));
        // A callee that is out leaves its user a second for another device to ring.
        street.pass(ms(1500));
        for name in BOTH {
            street.assert_ended(name, EndReason::MediaFailed);
        }
    }
}

#[test]
fn a_device_whose_description_is_refused_does_not_stop_the_others_from_ringing() {
    let mut street = the_door_rings_anna(&["anna/phone", "anna/tablet"]);
    street.link_event("door/panel", LinkEvent::Failed(LinkFailure::Refused));
    street.pass(secs(3));
    assert_eq!(street.phase("door/panel"), Phase::Inviting);
    let ringing = ["anna/phone", "anna/tablet"].iter().filter(|name| street.phase(name) == Phase::Ringing).count();
    assert_eq!(ringing, 1);
}
