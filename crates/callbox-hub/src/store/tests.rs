//! What goes in comes out, also after the end of the process.

use super::*;
use callbox_core::protocol::{Agent, EarlyMedia, Kind, Message};

const APP: AppId = AppId(1_400_000_000);

fn invite(user: &str, call: &str) -> KeptInvite {
    let message = Message::Invite {
        call: call.parse().unwrap(),
        kind: Kind::Single,
        media: Media::Video,
        callees: vec![user.parse().unwrap()],
        remaining_ms: 30_000,
        agent: Agent::Panel,
        early: EarlyMedia::Connect,
    };
    let from = Some(Address { user: "door".parse().unwrap(), device: "panel".parse().unwrap() });
    let to = Some(user.parse::<callbox_core::ids::UserId>().unwrap().into());
    let envelope = Envelope { id: "e1".parse().unwrap(), from, to, message };
    KeptInvite { app: APP, user: user.parse().unwrap(), envelope, sent_unix_ms: 1_600_000_000_000, reached: false }
}

fn missed(user: &str, call: &str) -> MissedCall {
    MissedCall {
        app: APP,
        user: user.parse().unwrap(),
        call: call.parse().unwrap(),
        caller: Address { user: "door".parse().unwrap(), device: "panel".parse().unwrap() },
        media: Media::Audio,
        sent_unix_ms: 1_600_000_000_000,
    }
}

#[test]
fn what_was_written_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::File(folder.path().join("hub.db"));
    let store = Store::open(&place).unwrap();
    let (anna, call) = ("anna".parse().unwrap(), "c1".parse().unwrap());
    for change in [
        Change::Keep(invite("anna", "c1")),
        Change::Keep(invite("anna", "c2")),
        Change::Reached { app: APP, user: "anna".parse().unwrap(), call: "c2".parse().unwrap() },
        Change::Forget { app: APP, user: anna, call },
        Change::Miss(missed("anna", "c0")),
        Change::Seen { app: APP, user: "anna".parse().unwrap() },
        Change::Seen { app: APP, user: "anna".parse().unwrap() },
    ] {
        store.apply(&change).unwrap();
    }
    // No goodbye: as after `kill -9`.
    std::mem::forget(store);
    let (remembered, unreadable) = Store::open(&place).unwrap().remembered().unwrap();
    let reached = KeptInvite { reached: true, ..invite("anna", "c2") };
    assert_eq!(unreadable, 0);
    assert_eq!(
        remembered,
        Remembered {
            invites: vec![reached],
            missed: vec![missed("anna", "c0")],
            seen: vec![(APP, "anna".parse().unwrap())],
        }
    );
}

#[test]
fn missed_calls_told_are_gone() {
    let store = Store::open(&Place::Memory).unwrap();
    store.apply(&Change::Miss(missed("anna", "c0"))).unwrap();
    store.apply(&Change::Miss(missed("bert", "c0"))).unwrap();
    store.apply(&Change::DropMissed { app: APP, user: "anna".parse().unwrap(), call: "c0".parse().unwrap() }).unwrap();
    assert_eq!(store.remembered().unwrap().0.missed, vec![missed("bert", "c0")]);
}

#[test]
fn a_file_of_the_future_and_a_file_that_is_none_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.db");
    drop(Store::open(&Place::File(path.clone())).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let error = Store::open(&Place::File(path)).unwrap_err().to_string();
    assert!(error.contains("hub.db has schema 7"), "{error}");

    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "no database at all, but long enough to be looked at as one").unwrap();
    let error = Store::open(&Place::File(text)).unwrap_err().to_string();
    assert!(error.contains("notes.txt"), "{error}");
}

#[test]
fn a_row_that_cannot_be_read_is_counted_and_left_out() {
    let store = Store::open(&Place::Memory).unwrap();
    store.apply(&Change::Keep(invite("anna", "c1"))).unwrap();
    store.db.execute("UPDATE invite SET envelope = '{}'", []).unwrap();
    let (remembered, unreadable) = store.remembered().unwrap();
    assert_eq!((remembered.invites.len(), unreadable), (0, 1));
}
