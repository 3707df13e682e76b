//! What waits to be sent: bounded, and only what still matters when its turn comes.
//!
//! Messages that decide a call are kept until the hub has proven (WebSocket pong) that it read them, or a broker has
//! acknowledged them (PUBACK), and are sent again after a reconnect: every one of them is idempotent, and told from its
//! duplicate by the envelope's id.
//!
//! Decisions about this device's own calls have a queue of their own: it is sent first, and neither candidates nor answers
//! to strangers take its places. Everything else shares a fixed number of places, fairly among the receivers.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use super::OwnCalls;
use super::candidates::Candidates;
use crate::coalesce::{Coalesce, CoalescingQueue, Meeting};
use crate::ids::{EnvelopeId, Target};
use crate::protocol::{Envelope, Message};

/// Places for what is not a decision about an own call.
const WAITING: usize = 128;
/// Decisions about calls of others that are kept until they are proven to have arrived.
const UNPROVEN: usize = 32;
/// A decision is worth telling for as long as an invite usually rings.
const DECISION: Duration = Duration::from_secs(30);
/// A cancel must not be gone before the invite it ends: nobody shall be rung by a call that is over.
const LONGEST_RING: Duration = Duration::from_secs(600);
/// A description belongs to a link that gives up soon after.
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

impl Coalesce for Waiting {
    /// Whether it decides a call, and a hash of the receiver's name.
    type Share = (bool, u64);

    fn meets(&self, older: &Self) -> Meeting {
        if overtakes(addressed(&self.envelope), addressed(&older.envelope)) { Meeting::Replace } else { Meeting::Stay }
    }

    fn share(&self) -> Option<Self::Share> {
        Some((decides(&self.envelope.message), receiver(self.envelope.to.as_ref())))
    }
}

/// Returns a hash of the user a message is for: who competes with others for places.
pub fn receiver(to: Option<&Target>) -> u64 {
    let mut hasher = DefaultHasher::new();
    to.map(|to| &to.user).hash(&mut hasher);
    hasher.finish()
}

/// A message and its receiver.
pub type Addressed<'a> = (Option<&'a Target>, &'a Message);

fn addressed(envelope: &Envelope) -> Addressed<'_> {
    (envelope.to.as_ref(), &envelope.message)
}

/// Returns whether a newer message makes an older one to the same receiver pointless. The end of a call overtakes all that
/// was to be said in it; a newer invite or mute state replaces the older.
pub fn overtakes((to, newer): Addressed<'_>, (older_to, older): Addressed<'_>) -> bool {
    let Some(call) = newer.call() else { return false };
    if older.call() != Some(call) || older_to != to {
        return false;
    }
    match (newer, older) {
        (Message::Hangup { .. } | Message::Reject { .. } | Message::Cancel { .. }, older) => {
            // A result answers a request of its own, such as the one that ended the call by opening the door.
            !matches!(older, Message::Invite { .. } | Message::Result { .. })
        }
        // The station invites anew when it is told that signalling is up.
        (Message::Invite { .. }, Message::Invite { .. }) => true,
        (Message::Media { .. }, Message::Media { .. }) => true,
        (Message::Accept { .. }, Message::Accept { .. }) => true,
        (Message::Join { .. }, Message::Join { .. }) => true,
        // The newer one says all that the older one said.
        (Message::Roster { .. }, Message::Roster { .. }) => true,
        (Message::Confirm { .. }, Message::Confirm { .. }) => true,
        _ => false,
    }
}

/// The queue of one device.
#[derive(Debug)]
pub struct Outbox {
    own_calls: OwnCalls,
    /// Decisions about own calls: at most a few for each call and receiver.
    own: VecDeque<Waiting>,
    others: CoalescingQueue<Waiting>,
    candidates: Candidates,
    unproven: VecDeque<(u64, Waiting)>,
    ping: u64,
    proof_wanted: bool,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            own_calls: OwnCalls::default(),
            own: VecDeque::new(),
            others: CoalescingQueue::new(WAITING),
            candidates: Candidates::default(),
            unproven: VecDeque::new(),
            ping: 0,
            proof_wanted: false,
        }
    }
}

impl Outbox {
    /// Takes a message in. Returns the message that was lost when all places were taken.
    pub fn push(&mut self, now: Instant, envelope: Envelope) -> Option<Envelope> {
        let is_own = self.own_calls.decides(&envelope.message);
        self.own.retain(|older| now < older.expires() && !overtakes(addressed(&envelope), addressed(&older.envelope)));
        self.others.retain(|older| !overtakes(addressed(&envelope), addressed(&older.envelope)));
        self.candidates.retain(|older| !overtakes(addressed(&envelope), addressed(older)));
        if matches!(envelope.message, Message::Candidate { .. }) {
            return self.candidates.push(now, envelope);
        }
        let waiting = Waiting { envelope, since: now };
        let lost = if is_own { self.keep_own(waiting) } else { self.others.push(waiting) };
        lost.map(|lost| lost.envelope)
    }

    /// A call that is no longer remembered as our own waits with the others.
    fn keep_own(&mut self, waiting: Waiting) -> Option<Waiting> {
        self.own.push_back(waiting);
        let own_calls = &self.own_calls;
        let is_old = |waiting: &Waiting| waiting.envelope.message.call().is_none_or(|call| !own_calls.has(call));
        let at = self.own.iter().position(is_old)?;
        let old = self.own.remove(at)?;
        self.others.push(old)
    }

    /// The next message worth sending now. Candidates come last, and not faster than a hub takes them.
    pub fn next(&mut self, now: Instant) -> Option<Envelope> {
        loop {
            let own = self.own.pop_front();
            let is_own = own.is_some();
            let Some(mut waiting) = own.or_else(|| self.others.pop()) else { return self.candidates.next(now) };
            let waited = now.saturating_duration_since(waiting.since);
            if now >= waiting.expires() || !reduce(&mut waiting.envelope.message, waited) {
                continue;
            }
            if decides(&waiting.envelope.message) {
                if matches!(waiting.envelope.message, Message::Invite { .. }) {
                    waiting.since = now;
                }
                self.expect_proof(waiting.clone(), is_own);
            }
            return Some(waiting.envelope);
        }
    }

    fn expect_proof(&mut self, waiting: Waiting, is_own: bool) {
        // Of each kind the newest counts. An end does not make up for an accept that never arrived.
        let kind = waiting.envelope.message.type_name();
        self.unproven.retain(|(_, older)| {
            let is_same = older.envelope.message.type_name() == kind;
            !(is_own && is_same && overtakes(addressed(&waiting.envelope), addressed(&older.envelope)))
        });
        self.unproven.push_back((self.ping + 1, waiting));
        self.proof_wanted = true;
        let own_calls = &self.own_calls;
        let is_other =
            |(_, waiting): &(u64, Waiting)| !waiting.envelope.message.call().is_some_and(|call| own_calls.has(call));
        if self.unproven.iter().filter(|unproven| is_other(unproven)).count() > UNPROVEN {
            if let Some(at) = self.unproven.iter().position(is_other) {
                self.unproven.remove(at);
            }
        }
    }

    /// When [`next`](Self::next) has a candidate that it holds back; none: no candidate waits.
    pub fn due(&self) -> Option<Instant> {
        self.candidates.due()
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
            if waiting.envelope.message.call().is_some_and(|call| self.own_calls.has(call)) {
                self.own.push_front(waiting);
            } else {
                self.others.put_back(waiting);
            }
        }
    }

    /// How many messages wait.
    pub fn waiting(&self) -> usize {
        self.own.len() + self.others.len() + self.candidates.len()
    }

    /// Nothing waits but candidates, and all that matters has arrived.
    pub fn is_settled(&self) -> bool {
        self.own.is_empty() && self.others.is_empty() && self.unproven.is_empty()
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
#[path = "outbox_tests.rs"]
mod tests;
