//! What waits to be sent: bounded, and only what still matters when its turn comes.
//!
//! Messages that decide a call are kept until the hub has proven (WebSocket pong) that it read them, or a broker has
//! acknowledged them (PUBACK), and are sent again after a reconnect: every one of them is idempotent, and told from its
//! duplicate by the envelope's id.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::ids::EnvelopeId;
use crate::protocol::{Envelope, Message};

const WAITING: usize = 128;
const UNPROVEN: usize = 32;
/// A decision is worth telling for as long as an invite usually rings.
const DECISION: Duration = Duration::from_secs(30);
/// A cancel must not be gone before the invite it ends: nobody shall be rung by a call that is over.
const LONGEST_RING: Duration = Duration::from_secs(600);
/// A description or candidate belongs to a link that gives up soon after.
const SETUP: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
struct Waiting {
    envelope: Envelope,
    since: Instant,
}

impl Waiting {
    fn expires(&self) -> Instant {
        let matters = match &self.envelope.message {
            Message::Cancel { .. } => LONGEST_RING,
            message if decides(message) => DECISION,
            _ => SETUP,
        };
        self.since + matters
    }
}

/// The queue of one device.
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: VecDeque<Waiting>,
    unproven: VecDeque<(u64, Waiting)>,
    ping: u64,
    proof_wanted: bool,
}

impl Outbox {
    /// Takes a message in. When it is full the one that matters least makes room and comes back.
    pub fn push(&mut self, now: Instant, envelope: Envelope) -> Option<Envelope> {
        self.forget_what_it_overtakes(&envelope);
        let mut lost = None;
        if self.waiting.len() >= WAITING {
            let least = self.waiting.iter().position(|waiting| !decides(&waiting.envelope.message)).unwrap_or(0);
            lost = self.waiting.remove(least);
        }
        self.waiting.push_back(Waiting { envelope, since: now });
        lost.map(|lost| lost.envelope)
    }

    /// The next message worth sending.
    pub fn next(&mut self, now: Instant) -> Option<Envelope> {
        while let Some(mut waiting) = self.waiting.pop_front() {
            let waited = now.saturating_duration_since(waiting.since);
            if now >= waiting.expires() || !reduce(&mut waiting.envelope.message, waited) {
                continue;
            }
            if decides(&waiting.envelope.message) {
                waiting.since =
                    if matches!(waiting.envelope.message, Message::Invite { .. }) { now } else { waiting.since };
                self.unproven.push_back((self.ping + 1, waiting.clone()));
                self.proof_wanted = true;
                if self.unproven.len() > UNPROVEN {
                    self.unproven.pop_front();
                }
            }
            return Some(waiting.envelope);
        }
        None
    }

    /// The number of a ping to send now, when something was sent that has to arrive.
    pub fn ping(&mut self) -> Option<u64> {
        if !std::mem::take(&mut self.proof_wanted) {
            return None;
        }
        self.ping += 1;
        Some(self.ping)
    }

    /// The hub has answered this ping: what was sent before has arrived.
    pub fn proven(&mut self, ping: u64) {
        self.unproven.retain(|(number, _)| *number > ping);
    }

    /// This one has arrived: a broker acknowledges each message by itself.
    pub fn arrived(&mut self, id: &EnvelopeId) {
        self.unproven.retain(|(_, waiting)| waiting.envelope.id != *id);
    }

    /// The connection is gone: what is not proven has its turn again.
    pub fn went_down(&mut self) {
        self.proof_wanted = false;
        for (_, waiting) in self.unproven.drain(..).rev() {
            self.waiting.push_front(waiting);
        }
    }

    /// How many messages wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Nothing waits, and all that matters has arrived.
    pub fn is_settled(&self) -> bool {
        self.waiting.is_empty() && self.unproven.is_empty()
    }

    /// The end of a call overtakes all that was to be said in it; a newer invite or mute state replaces the older.
    fn forget_what_it_overtakes(&mut self, newer: &Envelope) {
        let Some(call) = newer.message.call() else { return };
        match &newer.message {
            Message::Hangup { .. } | Message::Reject { .. } | Message::Cancel { .. } => {
                self.waiting.retain(|waiting| {
                    waiting.envelope.message.call() != Some(call)
                        || waiting.envelope.to != newer.to
                        || matches!(waiting.envelope.message, Message::Invite { .. })
                })
            }
            // The station invites anew when it is told that signalling is up.
            Message::Invite { .. } => self.waiting.retain(|waiting| {
                !(matches!(&waiting.envelope.message, Message::Invite { call: older, .. } if older == call)
                    && waiting.envelope.to == newer.to)
            }),
            Message::Media { .. } => self.waiting.retain(|waiting| {
                !(matches!(&waiting.envelope.message, Message::Media { call: older, .. } if older == call)
                    && waiting.envelope.to == newer.to)
            }),
            _ => {}
        }
    }
}

/// Whether this message decides what becomes of a call.
fn decides(message: &Message) -> bool {
    matches!(
        message,
        Message::Invite { .. }
            | Message::Accept { .. }
            | Message::Confirm { .. }
            | Message::Reject { .. }
            | Message::Cancel { .. }
            | Message::Hangup { .. }
    )
}

/// Takes the wait off an invite's remaining time; false when none is left.
fn reduce(message: &mut Message, waited: Duration) -> bool {
    let Message::Invite { remaining_ms, .. } = message else { return true };
    let waited = u32::try_from(waited.as_millis()).unwrap_or(u32::MAX);
    *remaining_ms = remaining_ms.saturating_sub(waited);
    *remaining_ms > 0
}

#[cfg(test)]
mod tests {
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
        assert_eq!((lost.len(), lost[0].message.type_name()), (200 + 1 - WAITING, "candidate"));
        assert_eq!(outbox.waiting(), WAITING);
        assert_eq!(outbox.next(now).unwrap().message.type_name(), "accept");
    }
}
