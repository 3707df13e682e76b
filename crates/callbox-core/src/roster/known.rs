//! What is known of one other device.

use std::time::{Duration, Instant};

use super::PLAUSIBLE;
use crate::protocol::{EndReason, RosterEntry};

/// A device that was asked and stays silent this long will not answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// A member that has not shown to know what we know is told again after this; then after twice as long.
const REPEAT: Duration = Duration::from_secs(1);
const REPEATS: u8 = 5;

/// What is known of one other device. There is a fact, a rumour, or both.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Known {
    /// What the device said itself, or what was believed when it did not answer.
    pub(super) fact: Option<RosterEntry>,
    /// The device said it itself, and was not lost since.
    pub(super) heard: bool,
    rumour: Option<Rumour>,
    repeat: Option<Repeat>,
}

/// Somebody else said something newer; the device was asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Rumour {
    entry: RosterEntry,
    believed: Instant,
}

/// We said something that the device has not shown to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Repeat {
    at: Instant,
    tries: u8,
}

impl Known {
    pub(super) fn fact_of(entry: RosterEntry) -> Self {
        Self { fact: Some(entry), heard: true, rumour: None, repeat: None }
    }

    /// A device of which we have heard nothing before. That it has left needs no answer.
    pub(super) fn rumour_of(now: Instant, entry: RosterEntry) -> Self {
        if entry.left.is_some() {
            return Self { fact: Some(entry), heard: false, rumour: None, repeat: None };
        }
        let mut known = Self { fact: None, heard: false, rumour: None, repeat: None };
        known.doubt(now, entry);
        known
    }

    /// It has to say anew that it is in.
    pub(super) fn forget(&mut self) {
        self.heard = false;
        self.repeat = None;
    }

    /// The newest that is known, whoever said it.
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

    /// The device says something of itself. Says whether it is new.
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

    /// Somebody else says something of the device. Says whether it is new.
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

    /// A rumour is believed when its time has come. Says whether that changes what counts.
    pub(super) fn believe(&mut self, now: Instant) -> bool {
        let Some(rumour) = self.rumour.take_if(|rumour| now >= rumour.believed) else { return false };
        // That it left is believed; that it is in has to come from itself.
        self.heard &= rumour.entry.left.is_none();
        self.fact = Some(rumour.entry);
        true
    }

    /// The device says that it is out. Says whether that is new.
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

    /// The device has, or has not, shown to know all that we know.
    pub(super) fn in_step(&mut self, now: Instant, knows: bool) {
        match (knows, self.repeat) {
            (true, _) => self.repeat = None,
            (false, None) if self.is_in() => self.repeat(now),
            (false, _) => {}
        }
    }

    /// Something is to be said to the device, until it shows to know it.
    pub(super) fn repeat(&mut self, now: Instant) {
        self.repeat = Some(Repeat { at: now + REPEAT, tries: 0 });
    }

    /// Whether it is to be told again now.
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
