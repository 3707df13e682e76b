//! One key: from the edges of its contact to what a person did with it. Pure: time is an argument.
//!
//! ```text
//! edge(at, is_down)   the contact closed or opened
//! tick(now)           time passed; needed at deadline()
//! poll()              what came of it; drain after each of the two
//! ```
//!
//! A press counts when the contact closes; an opening counts once the contact has stayed open for [`Timing::settle`], so a
//! contact that bounces, or is worn, gives one press. A key with one meaning acts at once; one with a long or a double
//! press waits until it is known which of them it was.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// More presses than a hand can do, within [`CHATTER_WINDOW`]: the contact or its wire is broken.
const CHATTER: usize = 14;
const CHATTER_WINDOW: Duration = Duration::from_secs(2);
/// A contact that went mad is believed again after so long without an edge.
const QUIET: Duration = Duration::from_secs(3);

/// How long things take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// A contact that opened for less has not opened.
    pub settle: Duration,
    /// Held this long is a long press.
    pub long: Duration,
    /// Two presses with at most this pause are a double press.
    pub double: Duration,
    /// Held this long: no hand does that, the key is stuck.
    pub stuck: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let [settle, long, double] = [30, 800, 350].map(Duration::from_millis);
        Self { settle, long, double, stuck: Duration::from_secs(30) }
    }
}

/// What a person did with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gesture {
    /// Pressed it.
    Press,
    /// Held it.
    Long,
    /// Pressed it twice.
    Double,
}

/// What came of an edge, or of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A person did something.
    Did(Gesture),
    /// The key is held for ever. It is deaf until it is released.
    Stuck,
    /// The contact opens and closes faster than a hand. It is deaf until it is quiet.
    Chatters,
    /// The key can be used again.
    Well,
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    timing: Timing,
    /// A long press, a double press means something.
    has: (bool, bool),
    /// The contact, as it was last told.
    is_down: bool,
    /// When it opened, as long as that is not believed yet.
    opened: Option<Instant>,
    state: State,
    /// The newest time that was told: clocks of events and of timers differ by a little.
    now: Instant,
    presses: VecDeque<Instant>,
    outcomes: VecDeque<Outcome>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Up,
    /// Held. `is_told`: what it means was told already.
    Down {
        since: Instant,
        is_told: bool,
    },
    /// Released, and pressed a second time before `until` perhaps.
    Between {
        until: Instant,
    },
    Stuck,
    Chattering {
        last: Instant,
    },
}

impl Key {
    /// A key whose long and double press mean something or not. One that is down already must be released first.
    pub(super) fn new(timing: Timing, has_long: bool, has_double: bool, is_down: bool, now: Instant) -> Self {
        let state = if is_down { State::Down { since: now, is_told: true } } else { State::Up };
        let (presses, outcomes) = (VecDeque::new(), VecDeque::new());
        Self { timing, has: (has_long, has_double), is_down, opened: None, state, now, presses, outcomes }
    }

    /// The contact closed, or opened.
    pub(super) fn edge(&mut self, at: Instant, is_down: bool) {
        self.tick(at);
        if is_down == self.is_down {
            return;
        }
        self.is_down = is_down;
        let now = self.now;
        match self.state {
            State::Chattering { .. } => self.state = State::Chattering { last: now },
            State::Up | State::Between { .. } if is_down => self.press(),
            // It closes again before its opening was believed: it never opened.
            State::Down { .. } | State::Stuck => self.opened = (!is_down).then_some(now),
            State::Up | State::Between { .. } => {}
        }
    }

    /// Time passed.
    pub(super) fn tick(&mut self, now: Instant) {
        while let Some(due) = self.deadline().filter(|due| *due <= now) {
            self.now = self.now.max(due);
            self.time_is_up();
        }
        self.now = self.now.max(now);
    }

    /// When time alone changes something.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if let Some(opened) = self.opened {
            return Some(opened + self.timing.settle);
        }
        match self.state {
            State::Up | State::Stuck => None,
            State::Down { since, is_told: false } if self.has.0 => Some(since + self.timing.long),
            State::Down { since, .. } => Some(since + self.timing.stuck),
            State::Between { until } => Some(until),
            State::Chattering { last } => Some(last + QUIET),
        }
    }

    /// The next outcome.
    pub(super) fn poll(&mut self) -> Option<Outcome> {
        self.outcomes.pop_front()
    }

    /// Whether it was told to be stuck or to chatter, and not to be well again.
    pub(super) fn is_ill(&self) -> bool {
        matches!(self.state, State::Stuck | State::Chattering { .. })
    }

    fn press(&mut self) {
        let now = self.now;
        self.presses.push_back(now);
        if self.presses.len() > CHATTER {
            self.presses.pop_front();
        }
        let since_first = self.presses.front().map(|first| now.saturating_duration_since(*first));
        if self.presses.len() == CHATTER && since_first.is_some_and(|since| since < CHATTER_WINDOW) {
            self.presses.clear();
            self.outcomes.push_back(Outcome::Chatters);
            self.state = State::Chattering { last: now };
            return;
        }
        let gesture = match (self.state, self.has) {
            (State::Between { .. }, _) => Some(Gesture::Double),
            (_, (false, false)) => Some(Gesture::Press),
            _ => None,
        };
        self.outcomes.extend(gesture.map(Outcome::Did));
        self.state = State::Down { since: now, is_told: gesture.is_some() };
    }

    fn time_is_up(&mut self) {
        let now = self.now;
        if let Some(opened) = self.opened.take() {
            return self.release(opened);
        }
        match self.state {
            State::Down { since, is_told: false } if self.has.0 => {
                self.outcomes.push_back(Outcome::Did(Gesture::Long));
                self.state = State::Down { since, is_told: true };
            }
            State::Down { .. } => {
                self.outcomes.push_back(Outcome::Stuck);
                self.state = State::Stuck;
            }
            State::Between { .. } => {
                self.outcomes.push_back(Outcome::Did(Gesture::Press));
                self.state = State::Up;
            }
            State::Chattering { .. } => {
                self.outcomes.push_back(Outcome::Well);
                self.state = if self.is_down { State::Down { since: now, is_told: true } } else { State::Up };
            }
            State::Up | State::Stuck => {}
        }
    }

    fn release(&mut self, opened: Instant) {
        let (state, outcome) = match self.state {
            State::Down { is_told: false, .. } if self.has.1 => {
                (State::Between { until: opened + self.timing.double }, None)
            }
            State::Down { is_told: false, .. } => (State::Up, Some(Outcome::Did(Gesture::Press))),
            State::Stuck => (State::Up, Some(Outcome::Well)),
            _ => (State::Up, None),
        };
        self.outcomes.extend(outcome);
        self.state = state;
    }
}

#[cfg(test)]
#[path = "press_tests.rs"]
mod tests;
