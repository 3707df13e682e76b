//! Do not disturb: by the clock on the wall, and by hand.

use crate::ids::UserId;

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    /// All of them, Monday first.
    pub const ALL: [Self; 7] =
        [Self::Monday, Self::Tuesday, Self::Wednesday, Self::Thursday, Self::Friday, Self::Saturday, Self::Sunday];

    fn yesterday(self) -> Self {
        Self::ALL[(self as usize + 6) % 7]
    }
}

/// What a clock on the wall shows: the day, and the minutes since midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LocalTime {
    /// The day.
    pub day: Weekday,
    /// 0 to 1439.
    pub minute: u16,
}

/// A time in which nobody wants to be rung, on some days of the week.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QuietTime {
    /// The days on which it begins.
    pub days: Vec<Weekday>,
    /// When it begins, in minutes since midnight.
    pub from: u16,
    /// When it is over; not later than `from`: on the next day.
    pub to: u16,
    /// Why, for people.
    pub reason: String,
}

impl QuietTime {
    /// Whether it is that time.
    fn holds(&self, now: LocalTime) -> bool {
        let today = self.days.contains(&now.day) && now.minute >= self.from;
        let yesterday = self.days.contains(&now.day.yesterday()) && now.minute < self.to;
        if self.from < self.to { today && now.minute < self.to } else { today || yesterday }
    }
}

/// When nobody wants to be rung.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct QuietPolicy {
    /// The times, if there are any.
    pub times: Vec<QuietTime>,
    /// Who may ring all the same.
    pub except: Vec<UserId>,
}

/// Whether it is quiet now, and who said so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in super::super) struct Quiet {
    /// What the schedule says.
    scheduled: Option<String>,
    /// What somebody said by hand. `Some(false)` holds until the schedule begins anew.
    by_hand: Option<bool>,
}

/// What is said when it is quiet because somebody wants it so.
const BY_HAND: &str = "do not disturb";

impl Quiet {
    /// Why it is quiet, if it is.
    pub(in super::super) fn reason(&self) -> Option<&str> {
        match (self.by_hand, &self.scheduled) {
            (Some(true), None) => Some(BY_HAND),
            (Some(false), _) | (None, None) => None,
            (_, Some(reason)) => Some(reason),
        }
    }

    /// The clock on the wall moved on.
    pub(in super::super) fn at(&mut self, policy: &QuietPolicy, now: LocalTime) {
        let scheduled = policy.times.iter().find(|time| time.holds(now)).map(|time| time.reason.clone());
        if self.scheduled.is_none() && scheduled.is_some() && self.by_hand == Some(false) {
            self.by_hand = None;
        }
        self.scheduled = scheduled;
    }

    /// Somebody wants it, or does not want it any more; absent: the opposite of what holds.
    pub(in super::super) fn set(&mut self, on: Option<bool>) {
        let on = on.unwrap_or(self.reason().is_none());
        self.by_hand = match (on, &self.scheduled) {
            (false, None) => None,
            _ => Some(on),
        };
    }
}
