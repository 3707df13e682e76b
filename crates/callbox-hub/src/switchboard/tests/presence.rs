//! Who is there.

use std::collections::BTreeSet;

use callbox_core::protocol::{Envelope, Message};

use super::desk::*;
use crate::switchboard::TenantSettings;

fn watch(users: &[&str]) -> Message {
    Message::Watch { users: users.iter().map(|user| (*user).to_owned()).collect() }
}

#[test]
fn a_watcher_hears_the_state_and_then_every_change() {
    let mut desk = Desk::new();
    let (anna, phone) = (desk.log_in("anna/desk"), desk.log_in("bert/phone"));
    desk.heard(anna);
    desk.say(anna, "", watch(&["bert", "door"]));
    assert_eq!(desk.words(anna), ["presence:bert/phone:true", "presence:door:false", "result:ok"]);
    let tablet = desk.log_in("bert/tablet");
    desk.log_out(phone);
    desk.log_out(tablet);
    assert_eq!(
        desk.words(anna),
        ["presence:bert/tablet:true", "presence:bert/phone:false", "presence:bert/tablet:false", "presence:bert:false"]
    );
}

#[test]
fn a_new_list_replaces_the_old_one_and_an_empty_one_ends_it() {
    let mut desk = Desk::new();
    let anna = desk.log_in("anna/desk");
    desk.heard(anna);
    desk.say(anna, "", watch(&["bert"]));
    desk.say(anna, "", watch(&["carl"]));
    assert_eq!(desk.words(anna), ["presence:bert:false", "result:ok", "presence:carl:false", "result:ok"]);
    desk.log_in("bert/phone");
    assert!(desk.heard(anna).is_empty());
    desk.log_in("carl/phone");
    assert_eq!(desk.words(anna), ["presence:carl/phone:true"]);
    desk.say(anna, "", watch(&[]));
    assert_eq!(desk.words(anna), ["result:ok"]);
    desk.log_in("carl/tablet");
    assert!(desk.heard(anna).is_empty());
}

#[test]
fn everybody_is_whoever_is_listed_was_seen_or_is_there() {
    let users = BTreeSet::from(["listed".parse().unwrap()]);
    let mut desk = Desk::with(TenantSettings { users, ..TenantSettings::default() });
    let seen = desk.log_in("seen/phone");
    desk.log_out(seen);
    let anna = desk.log_in("anna/desk");
    desk.heard(anna);
    desk.say(anna, "", watch(&["*"]));
    let expected = ["presence:anna/desk:true", "presence:listed:false", "presence:seen:false", "result:ok"];
    assert_eq!(desk.words(anna), expected);
    desk.log_in("newcomer/phone");
    assert_eq!(desk.words(anna), ["presence:newcomer/phone:true"]);
}

#[test]
fn lists_that_are_too_long_or_name_nobody_are_refused_in_words() {
    let mut desk = Desk::new();
    let anna = desk.log_in("anna/desk");
    desk.heard(anna);
    let many: Vec<String> = (0..257).map(|n| format!("u{n}")).collect();
    desk.say(anna, "", Message::Watch { users: many });
    desk.say(anna, "", watch(&["*", "bert"]));
    assert_eq!(desk.words(anna), ["result:bad_message", "result:bad_message"]);
    let users = (0..1001).map(|n| format!("u{n}").parse().unwrap()).collect();
    let mut desk = Desk::with(TenantSettings { users, ..TenantSettings::default() });
    let anna = desk.log_in("anna/desk");
    desk.heard(anna);
    desk.say(anna, "", watch(&["*"]));
    assert_eq!(desk.words(anna), ["result:forbidden"]);
}

#[test]
fn who_has_left_is_told_nothing() {
    let mut desk = Desk::new();
    let anna = desk.log_in("anna/desk");
    desk.say(anna, "", watch(&["*"]));
    desk.log_out(anna);
    desk.heard(anna);
    desk.log_in("bert/phone");
    assert!(desk.heard(anna).is_empty());
}

#[test]
fn a_long_list_comes_in_pages_and_can_be_searched() {
    let users = (0..1001).map(|n| format!("u{n:04}").parse().unwrap()).collect();
    let mut desk = Desk::with(TenantSettings { users, ..TenantSettings::default() });
    let anna = desk.log_in("anna/desk");
    desk.heard(anna);
    let (mut after, mut names) = (None, Vec::new());
    loop {
        desk.say(anna, "", Message::List { find: None, after, limit: Some(200) });
        let heard = desk.heard(anna);
        let [Envelope { message: Message::Listed { users, after: next, .. }, .. }] = &heard[..] else {
            panic!("{heard:?}")
        };
        names.extend(users.iter().map(|listed| (listed.user.to_string(), listed.online)));
        after = next.clone();
        if after.is_none() {
            break;
        }
    }
    assert_eq!((names.len(), names[0].clone()), (1002, ("anna".to_owned(), Some(true))));
    assert_eq!(names[1], ("u0000".to_owned(), Some(false)));
    desk.say(anna, "", Message::List { find: Some("U100".parse().unwrap()), after: None, limit: None });
    let heard = desk.heard(anna);
    assert!(matches!(&heard[0].message, Message::Listed { users, after: None, .. } if users.len() == 1), "{heard:?}");
    desk.say(anna, "", Message::List { find: None, after: None, limit: Some(1000) });
    assert_eq!(desk.words(anna), ["result:bad_message"]);
}
