//! Calls of ours that reached no device of a callee, until a device of that user comes and is told. A hub keeps them by itself; over a
//! broker alone the inviter does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::ids::{Address, CallId, DeviceId, EnvelopeId, Target, UserId};
use crate::protocol::{EndReason, Envelope, Kind, Media, Message};

/// The most kept for one callee. Beyond it the oldest of this callee goes.
const PER_CALLEE: usize = 20;
/// The most kept in all. Beyond it the callee with most of them loses the oldest.
const IN_ALL: usize = 256;
/// Older calls are not told.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// No invite rings longer, whatever a file says.
const LONGEST_RING: Duration = Duration::from_secs(600);

/// The calls that this device made and that may have reached nobody, the oldest first. Every envelope that goes out or comes in is
/// shown to them; each note is about one callee of one call.
#[derive(Debug, Default)]
pub struct MissedNotes {
    notes: VecDeque<Note>,
    /// Something changed that a restart must not lose.
    changed: bool,
}

#[derive(Debug)]
struct Note {
    call: CallId,
    callee: UserId,
    media: Media,
    /// How old the call was …
    age: Duration,
    /// … at this time.
    noted_at: Instant,
    /// Until then a device of the callee may still answer.
    until: Instant,
    /// A device of the callee has answered. Remembered until the deadline, because the inviter repeats its invite.
    reached: bool,
    delivery: Delivery,
}

/// How far a note is on its way.
#[derive(Debug, PartialEq, Eq)]
enum Delivery {
    /// Waits for a device.
    Waits,
    /// This device has come and is to be told.
    Due(DeviceId),
    /// Sent, and not acknowledged yet.
    Sent(EnvelopeId),
}

/// A note as a line of a file. Times are in milliseconds since 1970 (UTC).
#[derive(Serialize, Deserialize)]
struct Line {
    call: CallId,
    callee: UserId,
    media: Media,
    sent_ms: u64,
    until_ms: u64,
}

impl MissedNotes {
    /// Reads what [`MissedNotes::encode`] wrote, and returns how many lines cannot be read.
    pub fn decode(now: Instant, unix_ms: u64, text: &str) -> (Self, usize) {
        let (mut notes, mut damaged) = (Self::default(), 0);
        for line in text.lines().filter(|line| !line.is_empty()) {
            let Ok(Line { call, callee, media, sent_ms, until_ms }) = serde_json::from_str(line) else {
                damaged += 1;
                continue;
            };
            let age = Duration::from_millis(unix_ms.saturating_sub(sent_ms));
            let left = Duration::from_millis(until_ms.saturating_sub(unix_ms)).min(LONGEST_RING);
            if age < KEPT {
                notes.add(call, callee, media, (now, age), now + left);
            }
        }
        notes.changed = false;
        (notes, damaged)
    }

    /// Writes all that a restart must not lose, a line for each note.
    pub fn encode(&self, now: Instant, unix_ms: u64) -> String {
        let mut text = String::new();
        for note in self.notes.iter().filter(|note| !note.reached) {
            let line = Line {
                call: note.call.clone(),
                callee: note.callee.clone(),
                media: note.media,
                sent_ms: unix_ms.saturating_sub(in_ms(note.age(now))),
                until_ms: unix_ms.saturating_add(in_ms(note.until.saturating_duration_since(now))),
            };
            text += &serde_json::to_string(&line).expect("names and numbers can be written");
            text.push('\n');
        }
        text
    }

    /// Returns whether a restart would lose something that was not written since the last question.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// This device sends something: an invite opens a note, a cancel makes it ready to be told or takes it back.
    pub fn said(&mut self, now: Instant, to: &Target, message: &Message) {
        match message {
            Message::Invite { call, kind: Kind::Single, media, remaining_ms, .. } if to.device.is_none() => {
                let left = Duration::from_millis(u64::from(*remaining_ms)).min(LONGEST_RING);
                self.add(call.clone(), to.user.clone(), *media, (now, Duration::ZERO), now + left);
            }
            Message::Cancel { call, reason, .. } if to.device.is_none() => {
                let Some(at) = self.find(&to.user, call) else { return };
                let is_told = matches!(reason, EndReason::AnsweredElsewhere | EndReason::RejectedElsewhere);
                if is_told || self.notes[at].reached {
                    self.remove(at);
                } else if now < self.notes[at].until {
                    self.notes[at].until = now;
                    self.changed = true;
                }
            }
            _ => {}
        }
    }

    /// A device of this user said something: when it answers an invite, the call has reached the user.
    pub fn heard(&mut self, now: Instant, from: &UserId, message: &Message) {
        let (Message::Ringing { call, .. }
        | Message::Accept { call, .. }
        | Message::Reject { call, .. }
        | Message::Hangup { call, .. }) = message
        else {
            return;
        };
        let Some(at) = self.find(from, call) else { return };
        if now >= self.notes[at].until {
            self.remove(at);
        } else if !self.notes[at].reached {
            self.notes[at].reached = true;
            self.changed = true;
        }
    }

    /// A device is there, or has come back: it is to be told of the calls that are over.
    pub fn came(&mut self, now: Instant, peer: &Address) {
        for note in self.notes.iter_mut().filter(|note| note.callee == peer.user && note.is_missed(now)) {
            if !matches!(note.delivery, Delivery::Sent(_)) {
                note.delivery = Delivery::Due(peer.device.clone());
            }
        }
    }

    /// A device is gone: what was not sent to it yet waits for the next one.
    pub fn went(&mut self, peer: &Address) {
        for note in self.notes.iter_mut().filter(|note| note.callee == peer.user) {
            if note.delivery == Delivery::Due(peer.device.clone()) {
                note.delivery = Delivery::Waits;
            }
        }
    }

    /// Returns whether [`MissedNotes::next`] has something to send.
    pub fn has_next(&self) -> bool {
        self.notes.iter().any(|note| matches!(note.delivery, Delivery::Due(_)))
    }

    /// The next `missed` to send, from this caller and under this id.
    pub fn next(&mut self, now: Instant, caller: &Address, id: EnvelopeId) -> Option<Envelope> {
        let note = self.notes.iter_mut().find(|note| matches!(note.delivery, Delivery::Due(_)))?;
        let Delivery::Due(device) = std::mem::replace(&mut note.delivery, Delivery::Sent(id.clone())) else {
            return None;
        };
        let to = Target::from(Address { user: note.callee.clone(), device });
        let (call, caller, ago_ms) = (note.call.clone(), caller.clone(), in_ms(note.age(now)));
        let message = Message::Missed { call, caller, media: note.media, ago_ms };
        Some(Envelope { id, from: None, to: Some(to), message })
    }

    /// The broker has answered for an envelope. Returns whether it was one of these; only one that was taken is forgotten.
    pub fn acknowledged(&mut self, id: &EnvelopeId, taken: bool) -> bool {
        let is_it = |note: &Note| matches!(&note.delivery, Delivery::Sent(sent) if sent == id);
        let Some(at) = self.notes.iter().position(is_it) else { return false };
        if taken {
            self.remove(at);
        } else {
            self.notes[at].delivery = Delivery::Waits;
        }
        true
    }

    /// The connection is gone: nothing that was under way is known to have arrived.
    pub fn went_down(&mut self) {
        self.notes.iter_mut().for_each(|note| note.delivery = Delivery::Waits);
    }

    /// Forgets what is too old to be told, and answered calls that are over.
    pub fn expire(&mut self, now: Instant) {
        let before = self.notes.len();
        self.notes.retain(|note| now < note.ends());
        self.changed |= self.notes.len() != before;
    }

    /// When [`MissedNotes::expire`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.notes.iter().map(Note::ends).min()
    }

    /// The callees whose devices are waited for.
    pub fn callees(&self) -> BTreeSet<UserId> {
        self.notes.iter().filter(|note| !note.reached).map(|note| note.callee.clone()).collect()
    }

    /// A repeated invite keeps its first deadline.
    fn add(&mut self, call: CallId, callee: UserId, media: Media, age: (Instant, Duration), until: Instant) {
        if self.find(&callee, &call).is_some() {
            return;
        }
        let (noted_at, age) = age;
        let of_callee = callee.clone();
        let delivery = Delivery::Waits;
        self.notes.push_back(Note { call, callee, media, age, noted_at, until, reached: false, delivery });
        self.changed = true;
        let oldest = |callee: &UserId| self.notes.iter().position(|note| note.callee == *callee);
        let victim = if self.notes.iter().filter(|note| note.callee == of_callee).count() > PER_CALLEE {
            oldest(&of_callee)
        } else if self.notes.len() > IN_ALL {
            self.most_noted().and_then(oldest)
        } else {
            None
        };
        if let Some(at) = victim {
            self.remove(at);
        }
    }

    fn most_noted(&self) -> Option<&UserId> {
        let mut counts = BTreeMap::<&UserId, usize>::new();
        for note in &self.notes {
            *counts.entry(&note.callee).or_default() += 1;
        }
        counts.into_iter().max_by_key(|(_, count)| *count).map(|(callee, _)| callee)
    }

    fn find(&self, callee: &UserId, call: &CallId) -> Option<usize> {
        self.notes.iter().position(|note| note.callee == *callee && note.call == *call)
    }

    fn remove(&mut self, at: usize) {
        self.changed |= self.notes.remove(at).is_some();
    }
}

impl Note {
    fn age(&self, now: Instant) -> Duration {
        self.age + now.saturating_duration_since(self.noted_at)
    }

    /// The call is over and nobody has answered.
    fn is_missed(&self, now: Instant) -> bool {
        !self.reached && now >= self.until
    }

    /// When it is forgotten.
    fn ends(&self) -> Instant {
        if self.reached { self.until } else { self.noted_at + KEPT.saturating_sub(self.age) }
    }
}

fn in_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "missed_notes_tests.rs"]
mod tests;
