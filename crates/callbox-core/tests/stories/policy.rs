//! What the operator decides: who may ring and when, who is picked up, who is asked next, and for how long one talks.

use callbox_core::protocol::{Agent, EndReason, Media, Message};
use callbox_core::station::{
    Action, AutoAnswer, Callers, Input, LocalTime, Phase, Policy, QuietPolicy, QuietTime, Tone, Weekday,
};

use super::the_door_talks_with_anna;
use crate::street::{Street, address, ms, secs};

const ANNA: &str = "anna/phone";
const DOOR: &str = "door/panel";

/// The door rings Anna, whose phone is treated so, and has rung for a second.
fn the_door_rings(policy: Policy) -> Street {
    let mut street = anna(policy);
    street.calls(DOOR, &["anna"]);
    street.pass(secs(1));
    street
}

fn anna(policy: Policy) -> Street {
    let mut street = Street::calm();
    street.panel(DOOR);
    street.device(ANNA, Agent::Browser, policy);
    street
}

fn users(names: &[&str]) -> Vec<callbox_core::ids::UserId> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn callers(allow: Option<&[&str]>, deny: &[&str], silently: bool) -> Policy {
    let callers =
        Callers { allow: allow.map(|allow| users(allow).into()), deny: users(deny), silently, longest_ring: None };
    Policy { callers, ..Policy::default() }
}

// ---- allow and deny ----

#[test]
fn only_who_is_allowed_rings() {
    for (policy, rings) in [
        (callers(Some(&["door"]), &[], false), true),
        (callers(Some(&["gate"]), &[], false), false),
        (callers(Some(&[]), &[], false), false),
        (callers(None, &["gate"], false), true),
        (callers(None, &["door"], false), false),
        (callers(Some(&["door"]), &["door"], false), false),
    ] {
        let street = the_door_rings(policy.clone());
        assert_eq!(street.phase(ANNA) == Phase::Ringing, rings, "{:?}", policy.callers);
        if !rings {
            street.assert_ended(DOOR, EndReason::Rejected);
            assert_eq!(street.sent(ANNA).len(), 1, "and is told so once");
            let tried = &street.records(ANNA)[0];
            assert_eq!(
                (tried.reason, tried.caller.clone()),
                (EndReason::Rejected, address(DOOR)),
                "it is written down"
            );
        }
    }
}

#[test]
fn who_is_turned_away_silently_hears_nothing_at_all() {
    let mut street = the_door_rings(callers(None, &["door"], true));
    street.goes_offline(DOOR);
    street.comes_online(DOOR);
    street.pass(secs(1));
    let call = street.call_of(DOOR);
    street.post(DOOR, ANNA, Message::Offer { call: call.clone(), link: 1, sdp: "x".to_owned() });
    street.post(DOOR, ANNA, Message::Confirm { call });
    street.pass(secs(40));
    assert_eq!(street.sent(ANNA), [], "not even that nobody is there");
    assert_eq!(street.records(ANNA).len(), 1, "but it is written down, once");
    assert_eq!((street.phase(ANNA), street.tone(ANNA)), (Phase::Idle, Tone::Silence));
    street.assert_ended(DOOR, EndReason::Offline);
}

#[test]
fn who_is_turned_away_does_not_learn_that_we_talk() {
    let mut street = anna(callers(None, &["gate"], true));
    street.panel("gate/panel");
    street.calls(DOOR, &["anna"]);
    street.pass(secs(1));
    street.accepts(ANNA);
    street.pass(secs(1));
    street.calls("gate/panel", &["anna"]);
    street.pass(secs(3));
    assert_eq!(street.phase("gate/panel"), Phase::Inviting);
    street.assert_talk(DOOR, ANNA);
}

// ---- do not disturb ----

const EVERY_DAY: [Weekday; 7] = Weekday::ALL;

fn quiet(days: &[Weekday], from: u16, to: u16) -> Policy {
    let time = QuietTime { days: days.to_vec(), from, to, reason: "night".to_owned() };
    Policy { quiet: QuietPolicy { times: vec![time], except: users(&["nurse"]) }, ..Policy::default() }
}

fn at(street: &mut Street, day: Weekday, hour: u16, minute: u16) {
    street.give(&address(ANNA), Input::LocalTime(LocalTime { day, minute: hour * 60 + minute }));
}

/// Whether Anna can be rung, tried with a call that is taken back.
fn rings(street: &mut Street) -> bool {
    street.calls(DOOR, &["anna"]);
    street.pass(secs(2));
    let rings = street.phase(ANNA) == Phase::Ringing;
    assert_ne!(rings, street.station(ANNA).view(street.now()).quiet.is_some());
    street.hangs_up(DOOR);
    street.pass(secs(1));
    rings
}

#[test]
fn nobody_rings_at_night() {
    let mut street = anna(quiet(&EVERY_DAY, 22 * 60, 6 * 60 + 30));
    for (hour, minute, expected) in [(21, 59, true), (22, 0, false), (0, 0, false), (6, 29, false), (6, 30, true)] {
        at(&mut street, Weekday::Monday, hour, minute);
        assert_eq!(rings(&mut street), expected, "{hour}:{minute:02}");
    }
    assert_eq!(street.records(ANNA)[1].reason, EndReason::Busy);
}

#[test]
fn a_night_belongs_to_the_day_on_which_it_begins() {
    let mut street = anna(quiet(&[Weekday::Friday, Weekday::Sunday], 23 * 60, 8 * 60));
    for (day, hour, expected) in [
        (Weekday::Friday, 7, true),
        (Weekday::Friday, 23, false),
        (Weekday::Saturday, 7, false),
        (Weekday::Saturday, 23, true),
        (Weekday::Monday, 7, false),
        (Weekday::Monday, 8, true),
    ] {
        at(&mut street, day, hour, 0);
        assert_eq!(rings(&mut street), expected, "{day:?} {hour}:00");
    }
}

#[test]
fn at_noon_it_is_quiet_on_working_days() {
    let mut street = anna(quiet(&EVERY_DAY[..5], 12 * 60, 13 * 60));
    for (day, hour, expected) in
        [(Weekday::Friday, 12, false), (Weekday::Friday, 13, true), (Weekday::Saturday, 12, true)]
    {
        at(&mut street, day, hour, 0);
        assert_eq!(rings(&mut street), expected, "{day:?} {hour}:00");
    }
}

#[test]
fn who_is_excepted_rings_at_night() {
    let mut street = anna(quiet(&EVERY_DAY, 22 * 60, 6 * 60));
    at(&mut street, Weekday::Monday, 23, 0);
    street.phone("nurse/phone");
    street.calls("nurse/phone", &["anna"]);
    street.pass(secs(1));
    assert_eq!(street.phase(ANNA), Phase::Ringing);
}

#[test]
fn by_hand_it_is_quiet_until_by_hand_it_is_not() {
    let mut street = anna(Policy::default());
    let reason = |street: &Street| street.station(ANNA).view(street.now()).quiet;
    street.press(ANNA, Action::DoNotDisturb { on: Some(true) });
    assert_eq!(reason(&street).as_deref(), Some("do not disturb"));
    assert!(!rings(&mut street));
    street.press(ANNA, Action::DoNotDisturb { on: Some(false) });
    assert!(rings(&mut street));
    street.press(ANNA, Action::DoNotDisturb { on: None });
    assert!(!rings(&mut street), "one button for both");
    street.press(ANNA, Action::DoNotDisturb { on: None });
    assert!(rings(&mut street));
}

#[test]
fn who_wants_to_be_rung_tonight_is_not_rung_tomorrow_night() {
    let mut street = anna(quiet(&EVERY_DAY, 22 * 60, 6 * 60));
    at(&mut street, Weekday::Monday, 23, 0);
    street.press(ANNA, Action::DoNotDisturb { on: Some(false) });
    assert!(rings(&mut street));
    at(&mut street, Weekday::Tuesday, 3, 0);
    assert!(rings(&mut street));
    at(&mut street, Weekday::Tuesday, 12, 0);
    assert!(rings(&mut street));
    at(&mut street, Weekday::Tuesday, 22, 0);
    assert!(!rings(&mut street));
}

#[test]
fn who_is_not_to_be_disturbed_may_call() {
    let mut street = anna(Policy::default());
    street.press(ANNA, Action::DoNotDisturb { on: Some(true) });
    street.calls(ANNA, &["door"]);
    street.pass(secs(1));
    street.accepts(DOOR);
    street.pass(secs(1));
    street.assert_talk(DOOR, ANNA);
}

#[test]
fn who_calls_hears_the_one_called_who_calls_back_at_that_moment() {
    let mut street = anna(Policy::default());
    street.press(ANNA, Action::DoNotDisturb { on: Some(true) });
    street.calls(ANNA, &["door"]);
    street.calls(DOOR, &["anna"]);
    street.pass(secs(2));
    street.assert_talk(DOOR, ANNA);
}

#[test]
fn another_device_of_the_user_rings_all_the_same() {
    let mut street = anna(Policy::default());
    street.phone("anna/desk");
    street.press(ANNA, Action::DoNotDisturb { on: Some(true) });
    street.calls(DOOR, &["anna"]);
    street.pass(secs(3));
    assert_eq!((street.phase(ANNA), street.phase("anna/desk")), (Phase::Idle, Phase::Ringing));
}

// ---- picked up without anybody's doing ----

fn answers(names: &[&str], delay: u64) -> Policy {
    Policy { auto_answer: Some(AutoAnswer { users: users(names), delay: secs(delay) }), ..Policy::default() }
}

#[test]
fn a_listed_caller_is_picked_up_after_a_warning() {
    let mut street = the_door_rings(answers(&["door"], 5));
    assert_eq!((street.phase(ANNA), street.tone(ANNA)), (Phase::Ringing, Tone::Warning));
    street.pass(secs(3));
    assert_eq!(street.phase(ANNA), Phase::Ringing, "the warning sounds to its end");
    assert!(!street.flow_to(ANNA, DOOR).send_audio);
    street.pass(secs(2));
    street.assert_talk(DOOR, ANNA);
}

#[test]
fn a_warning_cannot_be_made_too_short_to_be_heard() {
    let mut street = the_door_rings(answers(&["door"], 0));
    assert_eq!(street.tone(ANNA), Tone::Warning);
    street.pass(ms(900));
    assert_eq!(street.phase(ANNA), Phase::Ringing);
    street.pass(secs(1));
    street.assert_talk(DOOR, ANNA);
}

#[test]
fn whoever_hears_the_warning_may_decline() {
    let mut street = the_door_rings(answers(&["door"], 5));
    street.rejects(ANNA);
    street.pass(secs(10));
    street.assert_ended(DOOR, EndReason::Rejected);
}

#[test]
fn everybody_else_waits_for_a_person() {
    let mut street = the_door_rings(answers(&["gate"], 5));
    assert_eq!(street.tone(ANNA), Tone::Ring);
    street.pass(secs(20));
    assert_eq!(street.phase(ANNA), Phase::Ringing);
}

#[test]
fn nobody_is_picked_up_who_may_not_ring() {
    let policy = Policy { auto_answer: answers(&["door"], 5).auto_answer, ..callers(None, &["door"], false) };
    let street = the_door_rings(policy);
    assert_eq!(street.phase(ANNA), Phase::Idle);
}

// ---- who is asked next ----

fn plan(text: &str) -> Action {
    Action::CallInTurn { plan: text.parse().unwrap(), media: Media::Video }
}

#[test]
fn when_the_flat_does_not_answer_the_janitor_is_asked() {
    let mut street = anna(Policy::default());
    street.phone("janitor/phone");
    street.press(DOOR, plan("anna then janitor"));
    street.pass(secs(10));
    assert_eq!((street.phase(ANNA), street.phase("janitor/phone")), (Phase::Ringing, Phase::Idle));
    street.pass(secs(21));
    assert_eq!((street.phase(ANNA), street.phase("janitor/phone")), (Phase::Idle, Phase::Ringing));
    assert_eq!(street.tone(DOOR), Tone::RingBack);
    street.accepts("janitor/phone");
    street.pass(secs(1));
    street.assert_talk(DOOR, "janitor/phone");
    street.hangs_up(DOOR);
    let reasons: Vec<_> = street.records(DOOR).iter().map(|record| record.reason).collect();
    assert_eq!(reasons, [EndReason::NoAnswer, EndReason::Hangup], "each of them is a call of its own");
}

#[test]
fn who_is_away_or_busy_is_passed_over() {
    let mut street = the_door_talks_with_anna();
    street.panel("gate/panel");
    street.phone("janitor/phone");
    street.press("gate/panel", plan("anna then janitor"));
    street.pass(secs(2));
    assert_eq!(street.phase("janitor/phone"), Phase::Ringing);
    street.rejects("janitor/phone");
    street.pass(secs(1));
    street.press("gate/panel", plan("nobody then gate then janitor"));
    street.pass(secs(36));
    assert_eq!(street.phase("janitor/phone"), Phase::Ringing, "to ring oneself is no step");
}

#[test]
fn whoever_declines_has_answered() {
    let mut street = anna(Policy::default());
    street.phone("janitor/phone");
    street.press(DOOR, plan("anna then janitor"));
    street.pass(secs(1));
    street.rejects(ANNA);
    street.pass(secs(1));
    street.assert_ended(DOOR, EndReason::Rejected);
    assert_eq!(street.records("janitor/phone").len(), 0);
}

#[test]
fn a_visitor_who_leaves_asks_nobody_else() {
    let mut street = anna(Policy::default());
    street.phone("janitor/phone");
    street.press(DOOR, plan("anna then janitor"));
    street.pass(secs(1));
    street.hangs_up(DOOR);
    street.pass(secs(40));
    assert_eq!((street.phase("janitor/phone"), street.records("janitor/phone").len()), (Phase::Idle, 0));
}

#[test]
fn after_the_last_the_visitor_hears_that_nobody_is_there() {
    let mut street = anna(Policy::default());
    street.press(DOOR, plan("anna then janitor"));
    street.pass(secs(70));
    street.assert_ended(DOOR, EndReason::Offline);
    assert_eq!((street.tone(DOOR), street.records(DOOR).len()), (Tone::Busy, 2));
}

// ---- for how long ----

#[test]
fn a_talk_ends_when_its_time_is_over() {
    let mut street = Street::calm();
    street.device(DOOR, Agent::Panel, Policy { longest: Some(secs(180)), ..Policy::default() });
    street.phone(ANNA);
    street.calls(DOOR, &["anna"]);
    street.pass(secs(20));
    street.accepts(ANNA);
    street.pass(secs(179));
    street.assert_talk(DOOR, ANNA);
    street.pass(secs(2));
    street.assert_ended(DOOR, EndReason::Hangup);
    street.assert_ended(ANNA, EndReason::Hangup);
    assert_eq!(street.records(DOOR)[0].talked, secs(180), "ringing does not count");
}
