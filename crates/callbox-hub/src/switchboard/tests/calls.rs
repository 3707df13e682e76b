//! Messages find their receivers, with their true sender.

use std::collections::BTreeSet;
use std::time::Duration;

use callbox_core::protocol::{Agent, Bye, EndReason, Message};

use super::desk::*;
use crate::switchboard::TenantSettings;

#[test]
fn an_invite_rings_every_device_of_the_callee_and_not_its_sender() {
    let mut desk = Desk::new();
    let (phone, desk_phone) = (desk.log_in("anna/phone"), desk.log_in("anna/desk"));
    let door = desk.log_in("door/panel");
    for session in [phone, desk_phone, door] {
        assert_eq!(desk.words(session), ["welcome"]);
    }
    desk.say(door, "anna", invite("c1", &["anna"], 30_000));
    assert_eq!(desk.words(door), ["result:ok"]);
    for session in [phone, desk_phone] {
        let heard = desk.heard(session);
        assert_eq!(heard.len(), 1);
        assert_eq!(heard[0].from, Some(address("door/panel")));
    }
    // One's own other devices can be called.
    desk.say(phone, "anna", invite("c2", &["anna"], 30_000));
    assert_eq!(desk.words(desk_phone), ["invite:c2"]);
    assert_eq!(desk.words(phone), ["result:ok"]);
}

#[test]
fn a_message_to_a_device_reaches_that_device_alone() {
    let mut desk = Desk::new();
    let (phone, other, door) = (desk.log_in("anna/phone"), desk.log_in("anna/desk"), desk.log_in("door/panel"));
    for session in [phone, other, door] {
        desk.heard(session);
    }
    desk.say(door, "anna/phone", confirm("c1"));
    assert_eq!(desk.words(phone), ["confirm"]);
    assert!(desk.words(other).is_empty() && desk.words(door).is_empty());
}

#[test]
fn whoever_is_not_there_is_named_to_the_sender() {
    let mut desk = Desk::new();
    let door = desk.log_in("door/panel");
    desk.heard(door);
    desk.say(door, "anna/phone", confirm("c1"));
    let heard = desk.heard(door);
    let Message::Result { re: Some(re), call: Some(call), text, .. } = &heard[0].message else { panic!("{heard:?}") };
    assert_eq!((re.as_str(), call.as_str()), ("m1", "c1"));
    assert!(text.contains("anna/phone"), "{text}");
    // A result is never answered by a result, or two parties would never stop.
    let code = callbox_core::protocol::ResultCode::BadMessage;
    desk.say(door, "anna", Message::Result { re: None, code, call: None, text: String::new() });
    assert!(desk.heard(door).is_empty());
}

#[test]
fn a_command_reaches_a_device_now_or_never() {
    let mut desk = Desk::new();
    let (door, phone) = (desk.log_in("door/panel"), desk.log_in("anna/phone"));
    desk.heard(door);
    desk.heard(phone);
    let (call, nonce, name) = ("c1".parse().unwrap(), "n".parse().unwrap(), "unlock".parse().unwrap());
    let unlock = Message::Command { call, name, nonce, challenge: None };
    desk.say(phone, "door/panel", unlock.clone());
    assert_eq!(desk.words(door), ["command"]);
    desk.log_out(door);
    desk.say(phone, "door/panel", unlock);
    assert_eq!(desk.words(phone), ["result:offline"]);
    let door = desk.log_in("door/panel");
    assert_eq!(desk.words(door), ["welcome"], "a late command is none");
}

#[test]
fn users_of_two_apps_never_meet() {
    let mut desk = Desk::new();
    desk.was_there("anna/phone");
    let door = desk.log_in("door/panel");
    let anna = desk.log_in_to(OTHER, "anna/phone", Duration::from_secs(60));
    desk.heard(door);
    desk.heard(anna);
    desk.say(door, "anna", invite("c1", &["anna"], 30_000));
    desk.say(door, "anna/phone", confirm("c1"));
    desk.say(door, "", Message::Watch { users: vec!["*".to_owned()] });
    assert!(desk.heard(anna).is_empty());
    desk.say(door, "anna", confirm("c2"));
    let told = [
        "result:queued",
        "result:queued",
        "presence:anna:false",
        "presence:door/panel:true",
        "result:ok",
        "result:offline",
    ];
    assert_eq!(desk.words(door), told);
    let again = desk.log_in_to(OTHER, "anna/phone", Duration::from_secs(60));
    assert_eq!(desk.words(again), ["welcome"]);
}

#[test]
fn a_call_message_without_a_receiver_and_the_hubs_own_words_are_refused() {
    let mut desk = Desk::new();
    let (door, anna) = (desk.log_in("door/panel"), desk.log_in("anna/phone"));
    desk.heard(door);
    desk.heard(anna);
    desk.say(door, "", confirm("c1"));
    let bye = Message::Bye { reason: Bye::Shutdown, code: None, text: String::new(), retry_ms: None };
    desk.say(door, "anna", bye);
    desk.say(door, "anna", Message::Presence { user: "x".parse().unwrap(), device: None, online: true });
    assert_eq!(desk.words(door), ["result:bad_message", "result:forbidden", "result:forbidden"]);
    assert!(desk.heard(anna).is_empty());
}

#[test]
fn a_ping_is_answered_and_a_second_login_is_not() {
    let mut desk = Desk::new();
    let door = desk.log_in("door/panel");
    desk.heard(door);
    desk.say(door, "", Message::Ping {});
    let login = Message::Login {
        app: APP,
        user: "anna".parse().unwrap(),
        device: "x".parse().unwrap(),
        ticket: String::new(),
        agent: Agent::Panel,
    };
    desk.say(door, "", login);
    assert_eq!(desk.words(door), ["pong", "result:bad_message"]);
}

#[test]
fn an_unknown_type_passes_with_its_sender_stamped() {
    let mut desk = Desk::new();
    let (door, anna) = (desk.log_in("door/panel"), desk.log_in("anna/phone"));
    desk.heard(door);
    desk.heard(anna);
    let text = r#"{"v":1,"id":"a","type":"wave","from":{"user":"x","device":"y"},"to":{"user":"door"},"do":[1,2]}"#;
    desk.frame(anna, text);
    let (to, passed) = desk.forwarded.pop().unwrap();
    assert_eq!(to, door);
    assert!(
        passed.contains(r#""from":{"device":"phone","user":"anna"}"#) && passed.contains(r#""do":[1,2]"#),
        "{passed}"
    );
    desk.frame(anna, r#"{"v":1,"id":"a","type":"wave","to":{"user":"nobody"}}"#);
    assert_eq!(desk.words(anna), ["result:offline"]);
    desk.frame(anna, r#"{"v":1,"id":"a","type":"wave"}"#);
    assert!(desk.heard(anna).is_empty());
}

#[test]
fn a_call_of_another_version_is_rejected_but_its_end_is_not() {
    let mut desk = Desk::new();
    let anna = desk.log_in("anna/phone");
    desk.heard(anna);
    desk.frame(anna, r#"{"v":2,"id":"a","type":"invite","to":{"user":"door"},"call":"c1"}"#);
    assert_eq!(desk.words(anna), ["result:unsupported_version", "reject"]);
    desk.frame(anna, r#"{"v":2,"id":"a","type":"hangup","to":{"user":"door"},"call":"c1"}"#);
    assert_eq!(desk.words(anna), ["result:unsupported_version"]);
}

#[test]
fn the_newer_login_of_a_device_wins() {
    let mut desk = Desk::new();
    let (older, door) = (desk.log_in("anna/phone"), desk.log_in("door/panel"));
    desk.say(door, "", Message::Watch { users: vec!["anna".to_owned()] });
    desk.heard(door);
    let newer = desk.log_in("anna/phone");
    assert_eq!(desk.closed, [(older, Bye::Replaced)]);
    // What the old socket still says, and its end, change nothing.
    desk.say(older, "door", confirm("c1"));
    desk.log_out(older);
    assert!(desk.heard(door).is_empty());
    desk.say(door, "anna", confirm("c1"));
    assert_eq!(desk.words(newer), ["welcome", "confirm"]);
}

#[test]
fn a_user_has_only_so_many_devices() {
    let mut desk = Desk::with(TenantSettings { max_devices: 2, ..TenantSettings::default() });
    let first = desk.log_in("anna/a");
    desk.log_in("anna/b");
    let third = desk.log_in("anna/c");
    assert_eq!(desk.closed, [(third, Bye::NotLoggedIn)]);
    desk.log_out(first);
    let fourth = desk.log_in("anna/c");
    assert_eq!(desk.words(fourth), ["welcome"]);
}

#[test]
fn a_ticket_that_runs_out_ends_the_session() {
    let mut desk = Desk::new();
    let anna = desk.log_in_to(APP, "anna/phone", Duration::from_secs(60));
    desk.pass(Duration::from_millis(59_999));
    assert!(desk.closed.is_empty());
    desk.pass(Duration::from_millis(1));
    assert_eq!(desk.closed, [(anna, Bye::TicketExpired)]);
    assert_eq!(desk.switchboard.sessions(), 0);
}

#[test]
fn welcomes_are_renewed_so_that_turn_credentials_stay_good() {
    let renew_welcome = Some(Duration::from_secs(300));
    let mut desk = Desk::with(TenantSettings { renew_welcome, ..TenantSettings::default() });
    let anna = desk.log_in("anna/phone");
    desk.pass(Duration::from_secs(601));
    assert_eq!(desk.words(anna), ["welcome", "welcome", "welcome"]);
}

#[test]
fn where_users_are_listed_a_name_nobody_has_is_unknown() {
    let users = BTreeSet::from(["anna".parse().unwrap()]);
    let mut desk = Desk::with(TenantSettings { users, ..TenantSettings::default() });
    let door = desk.log_in("door/panel");
    let guest = desk.log_in("guest/phone");
    desk.log_out(guest);
    desk.heard(door);
    for user in ["anna", "guest", "anne"] {
        desk.say(door, user, invite(&format!("c-{user}"), &[user], 30_000));
    }
    assert_eq!(desk.words(door), ["result:queued", "result:queued", "result:unknown_user"]);
}

#[test]
fn a_shutdown_says_goodbye_to_everybody() {
    let mut desk = Desk::new();
    let (anna, door) = (desk.log_in("anna/phone"), desk.log_in("door/panel"));
    desk.input(crate::switchboard::Input::Shutdown);
    assert_eq!(desk.closed, [(anna, Bye::Shutdown), (door, Bye::Shutdown)]);
}

#[test]
fn only_rejections_by_the_callee_silence_its_other_devices_later() {
    let mut desk = Desk::new();
    let (door, phone) = (desk.log_in("door/panel"), desk.log_in("anna/phone"));
    desk.say(door, "anna", invite("c1", &["anna"], 30_000));
    desk.say(phone, "door/panel", reject("c1", EndReason::Busy));
    let tablet = desk.log_in("anna/tablet");
    assert_eq!(desk.words(tablet), ["welcome", "invite:c1"]);
    desk.say(tablet, "door/panel", reject("c1", EndReason::Rejected));
    let third = desk.log_in("anna/desk");
    assert_eq!(desk.words(third), ["welcome"]);
}
