use crate::ids::{CallId, UserId};
use crate::protocol::{Agent, EarlyMedia, EndReason, Kind, Media};

use super::*;

#[expect(clippy::disallowed_methods, reason = "an Instant can be had in no other way")]
fn now() -> Instant {
    Instant::now()
}

fn call(name: &str) -> CallId {
    name.parse().unwrap()
}

fn envelope(id: u32, message: Message) -> Envelope {
    let to = "anna".parse::<UserId>().unwrap().into();
    Envelope { id: id.to_string().parse().unwrap(), from: None, to: Some(to), message }
}

fn candidate(id: u32) -> Envelope {
    envelope(id, Message::Candidate { call: call("c"), link: 1, candidate: String::new(), mline: 0 })
}

fn ringing(id: u32) -> Envelope {
    let message = Message::Ringing { call: call("c"), agent: Agent::Panel, early: EarlyMedia::Off, link: 0 };
    envelope(id, message)
}

fn hangup(id: u32) -> Envelope {
    envelope(id, Message::Hangup { call: call("c"), reason: EndReason::Hangup })
}

fn ids(outbox: &mut Outbox, now: Instant) -> Vec<String> {
    std::iter::from_fn(|| outbox.next(now)).map(|envelope| envelope.id.to_string()).collect()
}

#[test]
fn after_a_long_silence_the_hang_up_is_told_and_the_candidate_is_not() {
    let (mut outbox, now) = (Outbox::default(), now());
    outbox.push(now, envelope(1, Message::Accept { call: call("other"), agent: Agent::Panel }));
    outbox.push(now, candidate(2));
    assert_eq!(ids(&mut outbox, now + SETUP), ["1"]);
    outbox.push(now, hangup(3));
    assert_eq!(ids(&mut outbox, now + DECISION), [""; 0], "after 30 s nobody waits for it");
}

#[test]
fn a_cancel_is_told_however_long_the_silence_for_its_invite_may_still_ring() {
    let (mut outbox, now) = (Outbox::default(), now());
    outbox.push(now, envelope(1, Message::Cancel { call: call("c"), reason: EndReason::Cancelled, by: None }));
    assert_eq!(ids(&mut outbox, now + DECISION * 4), ["1"]);
    outbox.went_down();
    assert_eq!(ids(&mut outbox, now + LONGEST_RING), [""; 0]);
}

#[test]
fn a_hang_up_overtakes_what_was_to_be_said_in_its_call() {
    let (mut outbox, now) = (Outbox::default(), now());
    outbox.push(now, candidate(1));
    outbox.push(now, hangup(2));
    assert_eq!(ids(&mut outbox, now), ["2"]);
}

#[test]
fn candidates_wait_behind_all_else_and_leave_a_hub_time_for_it() {
    let (mut outbox, now) = (Outbox::default(), now());
    let of_link =
        |id, link| envelope(id, Message::Candidate { call: call("c"), link, candidate: "x".into(), mline: 0 });
    (0..320).for_each(|id| drop(outbox.push(now, of_link(id, id / 32))));
    outbox.push(now, ringing(1000));
    let sent = ids(&mut outbox, now);
    assert_eq!((sent[0].as_str(), sent[1].as_str(), sent.len()), ("1000", "0", 65));
    let due = outbox.due().unwrap();
    assert!(due > now && outbox.is_settled(), "candidates do not hold up a stop");
    assert_eq!(ids(&mut outbox, due), ["64"]);
    outbox.push(now, hangup(2000));
    assert_eq!((ids(&mut outbox, due), outbox.due()), (vec!["2000".to_owned()], None));
}

#[test]
fn an_invite_that_waited_asks_for_less_time() {
    let (mut outbox, now) = (Outbox::default(), now());
    let invite = |name, remaining_ms| Message::Invite {
        call: call(name),
        kind: Kind::Single,
        media: Media::Video,
        callees: vec!["anna".parse().unwrap()],
        remaining_ms,
        agent: Agent::Panel,
        early: EarlyMedia::Off,
    };
    outbox.push(now, envelope(1, invite("a", 3000)));
    outbox.push(now, envelope(2, invite("b", 900)));
    let sent = outbox.next(now + Duration::from_secs(1)).unwrap();
    assert_eq!(sent.message, invite("a", 2000));
    assert_eq!(outbox.next(now + Duration::from_secs(1)), None, "its deadline has passed");
}

#[test]
fn a_decision_the_hub_never_proved_to_have_read_is_sent_again() {
    let (mut outbox, now) = (Outbox::default(), now());
    outbox.push(now, hangup(1));
    assert_eq!(ids(&mut outbox, now), ["1"]);
    assert!(outbox.ping().is_some() && outbox.ping().is_none());
    outbox.went_down();
    assert_eq!(ids(&mut outbox, now), ["1"]);
    let ping = outbox.ping().unwrap();
    outbox.proven(ping);
    assert!(outbox.is_settled());
}

#[test]
fn a_decision_that_was_acknowledged_is_not_sent_again() {
    let (mut outbox, now) = (Outbox::default(), now());
    outbox.push(now, envelope(1, Message::Accept { call: call("other"), agent: Agent::Panel }));
    outbox.push(now, hangup(2));
    assert_eq!(ids(&mut outbox, now), ["1", "2"]);
    outbox.arrived(&"1".parse().unwrap());
    outbox.went_down();
    assert_eq!(ids(&mut outbox, now), ["2"]);
}

#[test]
fn a_full_outbox_drops_a_candidate_before_a_decision() {
    let (mut outbox, now) = (Outbox::default(), now());
    outbox.push(now, envelope(0, Message::Accept { call: call("other"), agent: Agent::Panel }));
    let lost: Vec<_> = (1..=200).filter_map(|id| outbox.push(now, candidate(id))).collect();
    assert_eq!((lost.len(), lost[0].message.type_name()), (200 - 32, "candidate"));
    assert_eq!(outbox.waiting(), 32 + 1);
    assert_eq!(outbox.next(now).unwrap().message.type_name(), "accept");
}

/// What a station answers to somebody who speaks of a call that nobody here knows.
fn to_stranger(id: u32) -> Envelope {
    let to = format!("stranger-{}", id % 300).parse::<UserId>().unwrap().into();
    let message = Message::Hangup { call: call(&format!("invented-{id}")), reason: EndReason::NetworkLost };
    Envelope { id: id.to_string().parse().unwrap(), from: None, to: Some(to), message }
}

#[test]
fn answers_to_strangers_do_not_push_out_the_end_of_an_own_call() {
    let (mut outbox, now) = (Outbox::default(), now());
    outbox.push(now, envelope(1, Message::Accept { call: call("c"), agent: Agent::Panel }));
    assert_eq!(ids(&mut outbox, now), ["1"]);
    let flood = |outbox: &mut Outbox| (1000..2000).for_each(|id| drop(outbox.push(now, to_stranger(id))));
    flood(&mut outbox);
    assert_eq!(outbox.push(now, hangup(2)), None);
    flood(&mut outbox);
    assert_eq!(outbox.next(now).unwrap().id.to_string(), "2", "it is sent first");
    while outbox.next(now).is_some() {}
    outbox.went_down();
    let again = ids(&mut outbox, now);
    assert_eq!(again[..2], ["1", "2"], "neither is forgotten before it is proven to have arrived");
    assert!(again.len() <= 2 + UNPROVEN, "{}", again.len());
}

#[test]
fn one_receivers_messages_leave_room_for_anothers() {
    let (mut outbox, now) = (Outbox::default(), now());
    (0..1000).for_each(|id| drop(outbox.push(now, ringing(id))));
    for id in 2000..2020 {
        outbox.push(now, to_stranger(id));
    }
    let sent = ids(&mut outbox, now);
    assert_eq!(sent.iter().filter(|id| id.len() == 4).count(), 20);
    assert_eq!(sent.len(), WAITING);
}

#[test]
fn presses_while_nothing_can_be_sent_do_not_fill_the_memory() {
    let (mut outbox, begin) = (Outbox::default(), now());
    for number in 0..5000u32 {
        let now = begin + Duration::from_millis(u64::from(number));
        let own = call(&format!("c-{number}"));
        let accept = Message::Accept { call: own.clone(), agent: Agent::Panel };
        outbox.push(now, envelope(2 * number, accept));
        outbox
            .push(now, envelope(2 * number + 1, Message::Cancel { call: own, reason: EndReason::Cancelled, by: None }));
    }
    assert!(outbox.waiting() <= WAITING + 2 * 33, "{}", outbox.waiting());
    let newest = std::iter::from_fn(|| outbox.next(begin)).any(|sent| sent.id.to_string() == "9999");
    assert!(newest, "the newest call is among what is sent");
}

#[test]
fn the_end_of_a_call_does_not_overtake_the_result_of_what_ended_it() {
    let (mut outbox, now) = (Outbox::default(), now());
    let code = crate::protocol::ResultCode::Ok;
    outbox.push(now, envelope(1, Message::Result { re: None, code, call: Some(call("c")), text: String::new() }));
    outbox.push(now, hangup(2));
    assert_eq!(ids(&mut outbox, now), ["1", "2"]);
}
