use proptest::prelude::*;

use super::*;
use crate::protocol::{Agent, EarlyMedia};

const RING: Duration = Duration::from_secs(30);
/// Some time in 2023.
const UNIX_MS: u64 = 1_700_000_000_000;

#[expect(clippy::disallowed_methods, reason = "an Instant can be had in no other way")]
fn now() -> Instant {
    Instant::now()
}

fn user(name: &str) -> UserId {
    name.parse().unwrap()
}

fn call(name: &str) -> CallId {
    name.parse().unwrap()
}

fn device(user_name: &str, device: &str) -> Address {
    Address { user: user(user_name), device: device.parse().unwrap() }
}

fn invite(notes: &mut MissedNotes, now: Instant, name: &str, callee: &str) {
    let message = Message::Invite {
        call: call(name),
        kind: Kind::Single,
        media: Media::Audio,
        callees: vec![user(callee)],
        remaining_ms: 30_000,
        agent: Agent::Panel,
        early: EarlyMedia::Off,
    };
    notes.said(now, &user(callee).into(), &message);
}

fn cancel(notes: &mut MissedNotes, now: Instant, name: &str, callee: &str, reason: EndReason) {
    notes.said(now, &user(callee).into(), &Message::Cancel { call: call(name), reason, by: None });
}

fn ringing(name: &str) -> Message {
    Message::Ringing { call: call(name), agent: Agent::Panel, early: EarlyMedia::Off, link: 0 }
}

/// All that is sent when this device comes: the ids in order, and what they say.
fn come(notes: &mut MissedNotes, now: Instant, peer: &Address) -> Vec<(EnvelopeId, CallId, u64)> {
    notes.came(now, peer);
    let mut sent = Vec::new();
    while notes.has_next() {
        let id: EnvelopeId = format!("e{}", sent.len()).parse().unwrap();
        let envelope = notes.next(now, &device("door", "panel"), id).unwrap();
        assert_eq!(envelope.to, Some(peer.clone().into()));
        let Message::Missed { call, caller, ago_ms, .. } = envelope.message else { panic!("no missed") };
        assert_eq!(caller, device("door", "panel"));
        sent.push((envelope.id, call, ago_ms));
    }
    sent
}

fn calls(sent: &[(EnvelopeId, CallId, u64)]) -> Vec<&str> {
    sent.iter().map(|(_, call, _)| call.as_str()).collect()
}

#[test]
fn a_call_that_reached_nobody_is_told_after_its_deadline_and_forgotten_when_it_was_taken() {
    let (mut notes, start, anna) = (MissedNotes::default(), now(), device("anna", "phone"));
    invite(&mut notes, start, "c", "anna");
    assert_eq!(come(&mut notes, start + RING / 2, &anna), [], "it may still ring");
    let sent = come(&mut notes, start + RING, &anna);
    assert_eq!((calls(&sent), sent[0].2), (vec!["c"], 30_000));
    assert_eq!(come(&mut notes, start + RING, &device("anna", "desk")), [], "one device is told");
    assert!(notes.acknowledged(&sent[0].0, false));
    let again = come(&mut notes, start + RING * 2, &anna);
    assert_eq!(calls(&again), ["c"], "nobody took it");
    notes.went_down();
    let again = come(&mut notes, start + RING * 3, &anna);
    assert_eq!((calls(&again), again[0].2), (vec!["c"], 90_000), "whether it arrived is not known");
    assert!(notes.acknowledged(&again[0].0, true) && !notes.acknowledged(&again[0].0, true));
    assert_eq!(come(&mut notes, start + RING * 4, &anna), []);
    assert!(notes.callees().is_empty());
}

#[test]
fn a_device_that_goes_before_its_turn_is_not_sent_anything() {
    let (mut notes, start, anna) = (MissedNotes::default(), now(), device("anna", "phone"));
    invite(&mut notes, start, "c", "anna");
    notes.came(start + RING, &anna);
    notes.went(&anna);
    assert!(!notes.has_next());
    assert_eq!(calls(&come(&mut notes, start + RING, &anna)), ["c"]);
}

#[test]
fn a_cancel_ends_the_wait_unless_somebody_else_has_decided_the_call() {
    for (reason, told) in [
        (EndReason::Cancelled, true),
        (EndReason::NoAnswer, true),
        (EndReason::Busy, true),
        (EndReason::AnsweredElsewhere, false),
        (EndReason::RejectedElsewhere, false),
    ] {
        let (mut notes, start, anna) = (MissedNotes::default(), now(), device("anna", "phone"));
        invite(&mut notes, start, "c", "anna");
        cancel(&mut notes, start + RING / 3, "c", "bert", EndReason::AnsweredElsewhere);
        cancel(&mut notes, start + RING / 3, "c", "anna", reason);
        assert_eq!(!come(&mut notes, start + RING / 3, &anna).is_empty(), told, "{reason:?}");
    }
}

#[test]
fn an_answer_of_the_user_takes_the_note_back_whenever_it_comes() {
    let answers = || {
        [
            ringing("c"),
            Message::Accept { call: call("c"), agent: Agent::Panel },
            Message::Reject { call: call("c"), reason: EndReason::Busy },
            Message::Hangup { call: call("c"), reason: EndReason::NetworkLost },
        ]
    };
    for (answer, after) in answers().into_iter().flat_map(|answer| [(answer.clone(), RING / 2), (answer, RING * 2)]) {
        let (mut notes, start, anna) = (MissedNotes::default(), now(), device("anna", "phone"));
        invite(&mut notes, start, "c", "anna");
        invite(&mut notes, start, "c", "bert");
        notes.heard(start + after, &user("anna"), &answer);
        // The inviter repeats its invite when signalling comes back.
        invite(&mut notes, start + after.min(RING / 2), "c", "bert");
        if after < RING {
            invite(&mut notes, start + after, "c", "anna");
        }
        assert_eq!(come(&mut notes, start + RING * 3, &anna), [], "{answer:?}");
        assert_eq!(calls(&come(&mut notes, start + RING * 3, &device("bert", "phone"))), ["c"], "only of that user");
    }
}

#[test]
fn an_answered_call_takes_no_place_once_it_is_over() {
    let (mut notes, start) = (MissedNotes::default(), now());
    invite(&mut notes, start, "c", "anna");
    notes.heard(start, &user("anna"), &ringing("c"));
    assert_eq!(notes.deadline(), Some(start + RING));
    notes.expire(start + RING);
    assert_eq!((notes.deadline(), notes.encode(start + RING, UNIX_MS)), (None, String::new()));
}

#[test]
fn a_restart_loses_nothing_and_the_age_goes_on() {
    let (mut notes, start, anna) = (MissedNotes::default(), now(), device("anna", "phone"));
    invite(&mut notes, start, "over", "anna");
    invite(&mut notes, start + RING, "rings", "anna");
    invite(&mut notes, start + RING, "answered", "anna");
    notes.heard(start + RING, &user("anna"), &ringing("answered"));
    assert!(notes.take_changed() && !notes.take_changed());
    let text = notes.encode(start + RING, UNIX_MS);
    let damaged = format!("{text}{{\"call\":\"half\n\u{0}\n");
    let (mut back, lost) = MissedNotes::decode(start, UNIX_MS + 10_000, &damaged);
    assert_eq!((lost, back.take_changed()), (2, false));
    let sent = come(&mut back, start, &anna);
    assert_eq!((calls(&sent), sent[0].2), (vec!["over"], 40_000));
    back.went_down();
    assert_eq!(calls(&come(&mut back, start + RING, &anna)), ["over", "rings"]);
    let late = UNIX_MS + in_ms(KEPT);
    let (young, _) = MissedNotes::decode(start, late - 1, &text);
    assert_eq!(young.notes.iter().map(|note| note.call.as_str()).collect::<Vec<_>>(), ["rings"]);
    assert!(MissedNotes::decode(start, late, &text).0.callees().is_empty(), "both are too old");
}

#[test]
fn old_calls_are_forgotten() {
    let (mut notes, start) = (MissedNotes::default(), now());
    invite(&mut notes, start, "c", "anna");
    let end = notes.deadline().unwrap();
    notes.expire(end - Duration::from_millis(1));
    assert_eq!(notes.callees().len(), 1);
    notes.take_changed();
    notes.expire(end);
    assert!(notes.callees().is_empty() && notes.take_changed());
    assert_eq!(end, start + KEPT);
}

#[test]
fn one_callee_does_not_wash_away_the_calls_of_others() {
    let (mut notes, start) = (MissedNotes::default(), now());
    invite(&mut notes, start, "first", "anna");
    for n in 0..100 {
        invite(&mut notes, start, &format!("b{n}"), "bert");
    }
    let of_bert = come(&mut notes, start + RING, &device("bert", "phone"));
    assert_eq!((of_bert.len(), of_bert.last().unwrap().1.as_str()), (PER_CALLEE, "b99"));
    for n in 0..IN_ALL {
        invite(&mut notes, start, &format!("u{n}"), &format!("u{n}"));
    }
    assert_eq!(notes.notes.len(), IN_ALL);
    assert_eq!(calls(&come(&mut notes, start + RING, &device("bert", "desk"))).len(), 0);
    let left = notes.notes.iter().filter(|note| note.callee == user("bert")).count();
    assert!(left < PER_CALLEE, "bert, who has most, makes room: {left}");
}

#[derive(Clone, Debug)]
enum Step {
    Invite(u8, u8),
    Cancel(u8, u8, bool),
    Ringing(u8, u8),
    Came(u8),
    Went(u8),
    Next,
    Acknowledged(u8, bool),
    Down,
    Pass(u16),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let (who, which) = (0..4u8, 0..6u8);
    prop_oneof![
        4 => (which.clone(), who.clone()).prop_map(|(call, user)| Step::Invite(call, user)),
        2 => (which.clone(), who.clone(), any::<bool>()).prop_map(|(call, user, told)| Step::Cancel(call, user, told)),
        2 => (which.clone(), who.clone()).prop_map(|(call, user)| Step::Ringing(call, user)),
        3 => who.clone().prop_map(Step::Came),
        1 => who.prop_map(Step::Went),
        4 => Just(Step::Next),
        3 => (which, any::<bool>()).prop_map(|(id, taken)| Step::Acknowledged(id, taken)),
        1 => Just(Step::Down),
        3 => (1..20_000u16).prop_map(Step::Pass),
        1 => Just(Step::Restart),
    ]
}

/// A call and its callee.
type Key = (u8, u8);

/// The notes, and what must be so of them.
struct Model {
    notes: MissedNotes,
    begin: Instant,
    now: Instant,
    /// Calls that must not be told any more.
    settled: BTreeSet<Key>,
    /// When each call is over.
    over: BTreeMap<Key, Instant>,
    sent: Vec<(EnvelopeId, Key)>,
}

impl Model {
    fn new() -> Self {
        let (begin, notes) = (now(), MissedNotes::default());
        Self { notes, begin, now: begin, settled: BTreeSet::new(), over: BTreeMap::new(), sent: Vec::new() }
    }

    fn apply(&mut self, step: Step) {
        let (name, callee) = (|call: u8| format!("c{call}"), |callee: u8| format!("u{callee}"));
        match step {
            // A call that is decided is not repeated.
            Step::Invite(call, user) if self.settled.contains(&(call, user)) => {}
            Step::Invite(call, user) => {
                self.over.entry((call, user)).or_insert(self.now + RING);
                invite(&mut self.notes, self.now, &name(call), &callee(user));
            }
            Step::Cancel(call, user, told) => {
                if let Some(end) = self.over.get_mut(&(call, user)) {
                    *end = self.now.min(*end);
                    if !told {
                        self.settled.insert((call, user));
                    }
                }
                let reason = if told { EndReason::Cancelled } else { EndReason::AnsweredElsewhere };
                cancel(&mut self.notes, self.now, &name(call), &callee(user), reason);
            }
            Step::Ringing(call, callee_number) => {
                if self.over.contains_key(&(call, callee_number)) {
                    self.settled.insert((call, callee_number));
                }
                self.notes.heard(self.now, &user(&callee(callee_number)), &ringing(&name(call)));
            }
            Step::Came(user) => self.notes.came(self.now, &device(&callee(user), "d")),
            Step::Went(user) => self.notes.went(&device(&callee(user), "d")),
            Step::Next => self.send(),
            Step::Acknowledged(at, taken) => {
                let Some((id, key)) = self.sent.get(usize::from(at)).cloned() else { return };
                if self.notes.acknowledged(&id, taken) && taken {
                    self.settled.insert(key);
                }
            }
            Step::Down => self.notes.went_down(),
            Step::Pass(ms) => {
                self.now += Duration::from_millis(ms.into());
                self.notes.expire(self.now);
            }
            Step::Restart => self.restart(),
        }
    }

    fn send(&mut self) {
        let id: EnvelopeId = format!("e{}", self.sent.len()).parse().unwrap();
        let Some(envelope) = self.notes.next(self.now, &device("door", "panel"), id.clone()) else { return };
        let Message::Missed { call, .. } = &envelope.message else { panic!("no missed") };
        let digit = |text: &str| text[1..].parse::<u8>().unwrap();
        let key = (digit(call.as_str()), digit(envelope.to.as_ref().unwrap().user.as_str()));
        assert!(!self.settled.contains(&key), "{key:?} is settled");
        assert!(self.now >= self.over[&key], "{key:?} is not over");
        self.sent.push((id, key));
    }

    fn restart(&mut self) {
        let unix_ms = UNIX_MS + in_ms(self.now - self.begin);
        let text = self.notes.encode(self.now, unix_ms);
        let (back, damaged) = MissedNotes::decode(self.now, unix_ms, &text);
        assert_eq!((damaged, back.encode(self.now, unix_ms)), (0, text));
        self.notes = back;
    }

    fn check(&self) {
        for key in self.over.keys().filter(|key| !self.settled.contains(key)) {
            let (call, callee) = (call(&format!("c{}", key.0)), user(&format!("u{}", key.1)));
            assert!(self.notes.find(&callee, &call).is_some(), "{key:?} is lost");
        }
    }
}

proptest! {
    /// In any order: no call is told that a device answered or that was decided elsewhere, none before it is over, none after it was
    /// taken, and a restart forgets none that is to be told.
    #[test]
    fn in_any_order_only_missed_calls_are_told(steps in prop::collection::vec(step(), 0..120)) {
        let mut model = Model::new();
        for step in steps {
            model.apply(step);
            model.check();
        }
    }
}
