//! The knowledge of one other device: its own word (fact), and newer entries that others relay (rumour).

use std::time::{Duration, Instant};

use super::PLAUSIBLE;
use crate::protocol::{EndReason, RosterEntry};

/// A device that was asked and stays silent this long will not answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// A member that has not shown to know what we know is told again after this; then after twice as long.
const REPEAT: Duration = Duration::from_secs(1);
const REPEATS: u8 = 5;

/// The entries of one other device. There is a fact, a rumour, or both.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Known {
    /// The entry that the device sent itself, or a rumour that was adopted because the device did not answer.
    pub(super) fact: Option<RosterEntry>,
    /// The device sent the fact itself, and its media was not lost since.
    pub(super) heard: bool,
    rumour: Option<Rumour>,
    repeat: Option<Repeat>,
}

/// A newer entry that another device relayed. The device it is about was asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Rumour {
    entry: RosterEntry,
    believed: Instant,
}

/// Our roster is repeated to the device until its own roster shows that it knows ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Repeat {
    at: Instant,
    tries: u8,
}

impl Known {
    pub(super) fn fact_of(entry: RosterEntry) -> Self {
        Self { fact: Some(entry), heard: true, rumour: None, repeat: None }
    }

    /// Returns the knowledge of a device that was unknown before. An entry that says it left is adopted without asking.
    pub(super) fn rumour_of(now: Instant, entry: RosterEntry) -> Self {
        if entry.left.is_some() {
            return Self { fact: Some(entry), heard: false, rumour: None, repeat: None };
        }
        let mut known = Self { fact: None, heard: false, rumour: None, repeat: None };
        known.doubt(now, entry);
        known
    }

    /// Requires the device to send its entry again before it counts as a member.
    pub(super) fn forget(&mut self) {
        self.heard = false;
        self.repeat = None;
    }

    /// Returns the newest entry: the rumour if there is one, otherwise the fact.
    pub(super) fn newest(&self) -> &RosterEntry {
        let rumour = self.rumour.as_ref().map(|rumour| &rumour.entry);
        rumour.or(self.fact.as_ref()).expect("there is a fact, a rumour, or both")
    }

    pub(super) fn is_in(&self) -> bool {
        self.heard && self.fact.as_ref().is_some_and(|fact| fact.left.is_none())
    }

    pub(super) fn is_asked(&self) -> bool {
        self.rumour.is_some()
    }

    /// Takes the entry that the device sent itself. Returns whether it is new.
    pub(super) fn fact(&mut self, entry: &RosterEntry) -> bool {
        if self.heard && self.fact.as_ref().is_some_and(|fact| entry.number <= fact.number) {
            return false;
        }
        self.fact = Some(entry.clone());
        self.heard = true;
        let made_up = |rumour: &Rumour| {
            rumour.entry.number <= entry.number || rumour.entry.number > entry.number.saturating_add(PLAUSIBLE)
        };
        self.rumour.take_if(|rumour| made_up(rumour));
        true
    }

    /// Takes an entry that another device relayed. Returns whether it is new.
    pub(super) fn rumour(&mut self, now: Instant, entry: &RosterEntry) -> bool {
        let fact = self.fact.as_ref().map_or(0, |fact| fact.number);
        if entry.number <= self.newest().number || self.fact.is_some() && entry.number > fact.saturating_add(PLAUSIBLE)
        {
            return false;
        }
        self.doubt(now, entry.clone());
        true
    }

    fn doubt(&mut self, now: Instant, entry: RosterEntry) {
        let believed = self.rumour.as_ref().map_or(now + ANSWERS_WITHIN, |rumour| rumour.believed);
        self.rumour = Some(Rumour { entry, believed });
        self.repeat(now);
    }

    /// Adopts the rumour once the device has been silent for [`ANSWERS_WITHIN`]. Returns whether it did.
    pub(super) fn believe(&mut self, now: Instant) -> bool {
        let Some(rumour) = self.rumour.take_if(|rumour| now >= rumour.believed) else { return false };
        // A rumour can show that a device left. Only the device itself can show that it is in.
        self.heard &= rumour.entry.left.is_none();
        self.fact = Some(rumour.entry);
        true
    }

    /// Marks the device as left. Returns whether that is new.
    pub(super) fn out(&mut self, reason: EndReason) -> bool {
        let rumour = self.rumour.take().map(|rumour| rumour.entry);
        let fact = self.fact.clone();
        let newer = rumour.filter(|rumour| rumour.left.is_some() || fact.is_none());
        let was_out = newer.is_none() && fact.as_ref().is_some_and(|fact| fact.left.is_some());
        if was_out {
            return false;
        }
        let entry = match (newer, fact) {
            (Some(entry), _) if entry.left.is_some() => entry,
            (Some(entry), _) | (None, Some(entry)) => {
                RosterEntry { number: entry.number.saturating_add(1), left: Some(reason), ..entry }
            }
            (None, None) => return false,
        };
        self.fact = Some(entry);
        self.heard = true;
        self.repeat = None;
        true
    }

    /// Ends the repetition if the device knows all that we know, and starts one otherwise.
    pub(super) fn in_step(&mut self, now: Instant, knows: bool) {
        match (knows, self.repeat) {
            (true, _) => self.repeat = None,
            (false, None) if self.is_in() => self.repeat(now),
            (false, _) => {}
        }
    }

    /// Starts to repeat our roster to the device.
    pub(super) fn repeat(&mut self, now: Instant) {
        self.repeat = Some(Repeat { at: now + REPEAT, tries: 0 });
    }

    /// Returns whether our roster is to be sent to the device again now.
    pub(super) fn due(&mut self, now: Instant) -> bool {
        let Some(repeat) = self.repeat.filter(|repeat| now >= repeat.at) else { return false };
        let tries = repeat.tries + 1;
        let wait = REPEAT * (1 << tries);
        let goes_on = tries < REPEATS && (self.is_in() || self.is_asked());
        self.repeat = goes_on.then_some(Repeat { at: now + wait, tries });
        self.is_in() || self.is_asked()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let believed = self.rumour.as_ref().map(|rumour| rumour.believed);
        believed.into_iter().chain(self.repeat.map(|repeat| repeat.at)).min()
    }
}
