//! Stories of one device session: no socket, no broker; time is what the story says.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callbox_core::ids::{Address, IdSource, UserId};
use callbox_core::protocol::{Agent, Envelope, Message};
use callbox_mqtt::{Event, Opened, Outcome};
use serde_json::{Value, json};

use super::device_session::{DeviceSession, Effect};
use super::watching::Focus;
use crate::switchboard::{Chance, Frame, MAX_EVERYBODY};

/// A device session, its broker's view of it, and a clock.
struct Story {
    session: DeviceSession,
    now: Instant,
    said: Vec<Value>,
    focus: Option<Focus>,
}

impl Story {
    fn new(users: &[&str]) -> Self {
        let me = Address { user: "anna".parse().unwrap(), device: "phone".parse().unwrap() };
        let users: BTreeSet<UserId> = users.iter().map(|user| user.parse().unwrap()).collect();
        let session = DeviceSession::new(me, Arc::new(users), IdSource::new([7; 32]));
        Self { session, now: Instant::now(), said: Vec::new(), focus: None }
    }

    fn up() -> Self {
        let mut story = Self::new(&[]);
        story.event(Event::Up);
        story
    }

    fn event(&mut self, event: Event) {
        self.session.event(self.now, event);
        self.drain();
    }

    fn hears(&mut self, message: Value) {
        self.session.heard(self.now, Frame::read(message.to_string().as_bytes()));
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(effect) = self.session.poll_effect() {
            match effect {
                Effect::Say(text) => self.said.push(serde_json::from_str(&text).unwrap()),
                Effect::Watch(focus) => self.focus = Some(focus),
                Effect::Pass(foreign) => self.said.push(json!({ "passed": foreign.kind })),
            }
        }
    }

    /// After a tick nothing that is due may stay due: the session would wake without end.
    fn tick(&mut self) {
        self.session.tick(self.now);
        self.drain();
        let due = self.session.deadline();
        assert!(due.is_none_or(|at| at > self.now), "still due after its tick: {due:?} at {:?}", self.now);
    }

    /// Lets time pass, tick by tick.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.session.deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.tick();
        }
        self.now = until;
    }

    fn is_there(&mut self, user: &str, device: &str, online: bool) {
        let (user, device) = (user.parse().unwrap(), device.parse().unwrap());
        self.event(Event::Presence { user, device, online });
    }

    fn acknowledged(&mut self, id: &str, outcome: Outcome) {
        self.event(Event::Acknowledged { id: id.parse().unwrap(), call: None, outcome });
    }

    /// What was said since the last time.
    fn said(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.said)
    }

    fn results(&mut self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.said().iter().filter(|m| m["type"] == "result").map(|m| (text(&m["re"]), text(&m["code"]))).collect()
    }
}

fn invite(id: &str, kind: &str, remaining_ms: u32) -> Value {
    json!({ "v": 1, "id": id, "to": { "user": "door" }, "type": "invite", "call": "c1", "kind": kind, "media": "audio",
        "callees": ["door"], "remaining_ms": remaining_ms, "agent": "browser", "early": "off" })
}

fn pair(id: &str, code: &str) -> Vec<(String, String)> {
    vec![(id.to_owned(), code.to_owned())]
}

#[test]
fn an_invite_to_somebody_who_is_there_is_ok_as_soon_as_the_broker_has_it() {
    let mut anna = Story::up();
    anna.hears(invite("i", "single", 30_000));
    assert_eq!(anna.focus, Some(Focus::Users(BTreeSet::from(["door".parse().unwrap()]))), "who is rung is watched");
    assert_eq!(anna.session.next_envelope(anna.now).unwrap().from.unwrap().to_string(), "anna/phone", "stamped");
    anna.acknowledged("i", Outcome::Taken);
    assert_eq!(anna.results(), [], "not known yet whether somebody is there");
    anna.is_there("door", "panel", true);
    assert_eq!(anna.results(), pair("i", "ok"));
    assert_eq!(anna.focus, Some(Focus::Users(BTreeSet::new())), "nobody is watched for nothing");
}

#[test]
fn an_invite_to_somebody_who_is_away_is_queued_or_of_a_group_offline() {
    for (kind, code) in [("single", "queued"), ("group", "offline")] {
        let mut anna = Story::up();
        anna.hears(invite("i", kind, 30_000));
        anna.event(Event::Watching);
        anna.acknowledged("i", Outcome::Taken);
        assert_eq!(anna.results(), []);
        anna.pass(Duration::from_millis(400));
        assert_eq!(anna.results(), pair("i", code));
    }
}

#[test]
fn an_invite_to_somebody_without_a_session_is_offline() {
    let mut anna = Story::up();
    anna.hears(invite("i", "single", 30_000));
    anna.acknowledged("i", Outcome::NobodyThere);
    assert_eq!(anna.results(), pair("i", "offline"));
}

#[test]
fn an_invite_waits_for_the_broker_and_loses_time_or_is_over() {
    let mut anna = Story::up();
    anna.session.down();
    anna.hears(invite("i", "single", 30_000));
    anna.pass(Duration::from_secs(8));
    assert_eq!(anna.results(), []);
    anna.event(Event::Up);
    let sent = anna.session.next_envelope(anna.now).unwrap().encode();
    assert!(sent.contains("\"remaining_ms\":22000"), "{sent}");

    let mut bert = Story::new(&[]);
    bert.hears(invite("i", "single", 5_000));
    bert.pass(Duration::from_secs(6));
    assert_eq!(bert.results(), pair("i", "offline"));
}

#[test]
fn what_the_broker_did_not_acknowledge_is_sent_again_and_the_rest_is_not() {
    let mut anna = Story::up();
    let hangup = |id: &str| json!({ "v": 1, "id": id, "to": { "user": "door" }, "type": "hangup", "call": id, "reason": "hangup" });
    anna.hears(hangup("a"));
    anna.hears(hangup("b"));
    let ids = |anna: &mut Story| -> Vec<String> {
        std::iter::from_fn(|| anna.session.next_envelope(anna.now)).map(|envelope| envelope.id.to_string()).collect()
    };
    assert_eq!(ids(&mut anna), ["a", "b"]);
    anna.acknowledged("a", Outcome::Taken);
    anna.session.down();
    anna.event(Event::Up);
    assert_eq!(ids(&mut anna), ["b"]);
}

#[test]
fn a_watch_is_answered_by_the_state_then_ok_then_every_change() {
    let mut anna = Story::up();
    anna.hears(json!({ "v": 1, "id": "w", "type": "watch", "users": ["door", "flat"] }));
    anna.event(Event::Watching);
    anna.is_there("door", "panel", true);
    assert_eq!(anna.said(), [] as [Value; 0]);
    anna.pass(Duration::from_millis(700));
    let said = anna.said();
    let presence: Vec<_> =
        said.iter().map(|m| (m["user"].as_str(), m["device"].as_str(), m["online"].as_bool())).collect();
    assert_eq!(presence[0], (Some("door"), Some("panel"), Some(true)));
    assert_eq!(presence[1], (Some("flat"), None, Some(false)));
    assert_eq!((&said[2]["code"], &said[2]["re"], said.len()), (&json!("ok"), &json!("w"), 3));
    anna.is_there("door", "panel", false);
    let said = anna.said();
    assert_eq!((&said[0]["device"], &said[0]["online"]), (&json!("panel"), &json!(false)));
    assert_eq!((&said[1]["device"], &said[1]["online"], said.len()), (&json!(null), &json!(false), 2));
    anna.is_there("mallory", "x", true);
    assert_eq!(anna.said(), [] as [Value; 0], "she was not asked for");
}

#[test]
fn who_went_while_the_broker_was_away_is_told_when_it_is_back() {
    let mut anna = Story::up();
    anna.hears(json!({ "v": 1, "id": "w", "type": "watch", "users": ["door"] }));
    anna.event(Event::Watching);
    anna.is_there("door", "panel", true);
    anna.pass(Duration::from_secs(5));
    anna.said();
    anna.session.down();
    anna.pass(Duration::from_secs(60));
    assert_eq!(anna.said(), [] as [Value; 0], "nobody is called gone because the broker is");
    anna.event(Event::Up);
    assert_eq!(anna.focus, Some(Focus::Users(BTreeSet::from(["door".parse().unwrap()]))), "watched again");
    anna.event(Event::Watching);
    anna.pass(Duration::from_secs(4));
    assert_eq!(anna.said().iter().filter(|m| m["online"] == false).count(), 2);
}

#[test]
fn everybody_is_watched_only_where_they_are_not_too_many() {
    let mut anna = Story::up();
    anna.hears(json!({ "v": 1, "id": "w", "type": "watch", "users": ["*"] }));
    assert_eq!(anna.focus, Some(Focus::Everybody));
    anna.event(Event::Watching);
    for n in 0..=MAX_EVERYBODY {
        anna.is_there(&format!("u{n}"), "panel", true);
    }
    assert_eq!(anna.results(), pair("w", "forbidden"));
    assert_eq!(anna.focus, Some(Focus::Users(BTreeSet::new())));
}

#[test]
fn only_listed_users_can_be_called_where_there_is_a_list() {
    let mut anna = Story::new(&["flat"]);
    anna.event(Event::Up);
    anna.hears(invite("i", "single", 30_000));
    assert_eq!(anna.results(), pair("i", "unknown_user"));
    assert_eq!(anna.session.next_envelope(anna.now), None);
}

#[test]
fn what_only_the_hub_says_is_refused_and_a_result_is_never_answered() {
    let mut anna = Story::up();
    anna.hears(json!({ "v": 1, "id": "x", "to": { "user": "door" }, "type": "bye", "reason": "shutdown" }));
    assert_eq!(anna.results(), pair("x", "forbidden"));
    anna.hears(json!({ "v": 1, "id": "r", "to": { "user": "door" }, "type": "result", "code": "ok" }));
    assert!(anna.session.next_envelope(anna.now).is_some());
    anna.acknowledged("r", Outcome::NobodyThere);
    assert_eq!(anna.results(), []);
}

#[test]
fn a_peers_message_is_told_with_its_sender_and_an_unknown_one_word_for_word() {
    let mut anna = Story::up();
    let text = r#"{"v":1,"id":"1","from":{"user":"door","device":"panel"},"to":{"user":"anna"},"type":"hangup","call":"c","reason":"hangup"}"#;
    let Envelope { id, from, to, message } = Envelope::decode(text.as_bytes()).unwrap();
    anna.event(Event::Heard(Opened { from: from.unwrap(), to: to.unwrap(), id, message }));
    assert_eq!(anna.said(), [serde_json::from_str::<Value>(text).unwrap()]);
    // A caller tells of its own missed calls: `callbox_mqtt` lets no others through.
    let missed = r#"{"v":1,"id":"2","from":{"user":"door","device":"panel"},"to":{"user":"anna"},"type":"missed","call":"c","caller":{"user":"door","device":"panel"},"media":"audio","ago_ms":5}"#;
    let Envelope { id, from, to, message } = Envelope::decode(missed.as_bytes()).unwrap();
    anna.event(Event::Heard(Opened { from: from.unwrap(), to: to.unwrap(), id, message }));
    assert_eq!(anna.said(), [serde_json::from_str::<Value>(missed).unwrap()]);
    let dance = text.replace("\"hangup\",\"call\"", "\"dance\",\"call\"");
    let error = Envelope::decode(dance.as_bytes()).unwrap_err();
    anna.event(Event::NotUnderstood { error, payload: dance.clone().into_bytes().into() });
    assert_eq!(anna.said(), [serde_json::from_str::<Value>(&dance).unwrap()]);
    let future = text.replace("\"v\":1", "\"v\":2").replace("\"hangup\",\"call\"", "\"invite\",\"call\"");
    let error = Envelope::decode(future.as_bytes()).unwrap_err();
    anna.event(Event::NotUnderstood { error, payload: future.into_bytes().into() });
    assert_eq!(anna.said(), [] as [Value; 0]);
    assert_eq!(anna.session.next_envelope(anna.now).unwrap().message.type_name(), "reject", "never silence");
}

#[test]
fn a_flood_without_a_broker_is_bounded_and_said() {
    let mut anna = Story::new(&[]);
    for n in 0..400 {
        anna.hears(json!({ "v": 1, "id": format!("m{n}"), "to": { "user": "door" }, "type": "candidate", "call": "c",
            "link": 1, "candidate": "", "mline": 0 }));
    }
    let told = anna.results();
    assert_eq!(told.len(), 400 - 32, "as many candidates as a link needs wait for the broker");
    let too_many = told.iter().filter(|(_, code)| code == "too_many").count();
    assert_eq!(too_many, 400 - 240, "what one user may say to another at once");
    assert!(told.iter().all(|(_, code)| code == "offline" || code == "too_many"), "{told:?}");
}

#[test]
fn nothing_is_due_between_an_invite_and_its_acknowledgement() {
    let mut anna = Story::up();
    anna.hears(invite("i", "single", 30_000));
    anna.event(Event::Watching);
    anna.pass(Duration::from_secs(20));
    assert_eq!(anna.results(), [], "the broker has not said that it has the invite");
    anna.acknowledged("i", Outcome::Taken);
    assert_eq!(anna.results(), pair("i", "queued"));
}

#[test]
fn a_caller_who_rings_without_end_is_told_to_wait() {
    let mut anna = Story::up();
    for n in 0..12 {
        anna.hears(invite(&format!("i{n}"), "single", 30_000));
    }
    assert_eq!(anna.results().iter().filter(|(_, code)| code == "too_many").count(), 2);
    anna.hears(json!({ "v": 1, "id": "i", "to": { "user": "flat" }, "type": "invite", "call": "c2", "kind": "single",
        "media": "audio", "callees": ["flat"], "remaining_ms": 1000, "agent": "browser", "early": "off" }));
    assert_eq!(anna.results(), [], "another callee is not held back");
    let callee = |device: &str| Address { user: "door".parse().unwrap(), device: device.parse().unwrap() };
    let message = Message::Accept { call: "c1".parse().unwrap(), agent: Agent::Panel };
    let to = "anna".parse::<UserId>().unwrap().into();
    anna.event(Event::Heard(Opened { from: callee("panel"), to, id: "accept".parse().unwrap(), message }));
    anna.hears(invite("again", "single", 30_000));
    assert!(anna.results().iter().all(|(_, code)| code != "too_many"), "an invite that was accepted costs nothing");
}

#[test]
fn one_sender_does_not_fill_the_queue_of_a_device() {
    let mut anna = Story::up();
    let offer = |from: &str, n: usize| {
        let message = Message::Offer { call: "c".parse().unwrap(), link: 1, sdp: "x".repeat(60_000) };
        let from = Address { user: from.parse().unwrap(), device: "x".parse().unwrap() };
        let to = "anna".parse::<UserId>().unwrap().into();
        Event::Heard(Opened { from, to, id: format!("{n}").parse().unwrap(), message })
    };
    for n in 0..100 {
        anna.event(offer("mallory", n));
    }
    assert_eq!(anna.said().len(), 4, "256 KiB");
    anna.event(offer("door", 1));
    assert_eq!(anna.said().len(), 1, "others are heard");
    // What she says herself is bounded in the same way.
    for n in 0..100 {
        anna.hears(json!({ "v": 1, "id": format!("m{n}"), "to": { "user": "door" }, "type": "dance", "text": "x".repeat(60_000) }));
    }
    let said = anna.said();
    assert_eq!(said.iter().filter(|m| m["passed"] == "dance").count(), 4);
    assert_eq!(said.iter().filter(|m| m["code"] == "too_many").count(), 96);
}

#[test]
fn a_gateway_lists_the_configured_names_and_who_is_there_of_those_that_are_watched() {
    let mut anna = Story::new(&["door", "flat", "garden"]);
    anna.event(Event::Up);
    anna.hears(json!({ "v": 1, "id": "w", "type": "watch", "users": ["door"] }));
    anna.event(Event::Watching);
    anna.is_there("door", "panel", true);
    anna.pass(Duration::from_secs(3));
    anna.said();
    anna.hears(json!({ "v": 1, "id": "l", "type": "list", "limit": 2 }));
    let said = anna.said();
    assert_eq!(said[0]["users"], json!([{ "user": "door", "online": true }, { "user": "flat" }]));
    assert_eq!((&said[0]["re"], &said[0]["after"]), (&json!("l"), &json!("flat")));
}

#[test]
fn whatever_happens_in_whatever_order_nothing_is_due_after_its_tick() {
    for seed in 1..=200 {
        let mut chance = Chance::new(seed);
        let mut anna = Story::new(&[]);
        for step in 0..80 {
            any_event(&mut anna, &mut chance, step);
            anna.tick();
        }
        anna.pass(Duration::from_secs(600));
        assert_eq!(anna.session.deadline(), None, "seed {seed}: everything ends");
    }
}

fn any_event(anna: &mut Story, chance: &mut Chance, step: usize) {
    let id = format!("m{}", chance.below(step + 1));
    match chance.below(12) {
        0 => anna.event(Event::Up),
        1 => anna.session.down(),
        2 | 3 => anna.hears(invite(&format!("m{step}"), "single", 1 + chance.below(30_000) as u32)),
        4 => anna.hears(
            json!({ "v": 1, "id": format!("m{step}"), "type": "watch", "users": [chance.of(&["*", "door", "flat"])] }),
        ),
        5 => anna.event(Event::Watching),
        6 => anna.is_there("door", chance.of(&["panel", "second"]), chance.below(2) == 0),
        7 => anna.acknowledged(&id, Outcome::Taken),
        8 => anna.acknowledged(&id, Outcome::NobodyThere),
        9 => anna.hears(
            json!({ "v": 1, "id": format!("m{step}"), "to": { "user": "door" }, "type": "result", "code": "ok" }),
        ),
        10 => while anna.session.next_envelope(anna.now).is_some() {},
        _ => anna.now += Duration::from_millis(chance.below(3_000) as u64),
    }
}
