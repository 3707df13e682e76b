//! Whose presence a device asked for, and when all of it is known: a broker tells who is there one by one, and never that it is done.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use callbox_core::ids::{EnvelopeId, UserId};

use crate::switchboard::Wish;

/// All is known when nothing came for so long after the broker took the subscription in. Stored messages follow it at once.
const QUIET: Duration = Duration::from_millis(300);
/// And after this long in any case.
const LONGEST: Duration = Duration::from_secs(2);

/// Whose presence the broker is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Focus {
    /// Everybody's.
    Everybody,
    /// Theirs.
    Users(BTreeSet<UserId>),
}

/// What a device asked for.
#[derive(Debug, Default)]
pub(super) struct Watching {
    pub(super) wish: Option<Wish>,
    /// The `watch` that is still to be answered; until then no change is told.
    pub(super) due: Option<EnvelopeId>,
}

impl Watching {
    /// Whether a change of this user is to be told.
    pub(super) fn tells(&self, user: &UserId) -> bool {
        self.due.is_none() && self.wants(user)
    }

    /// Whether this user was asked for.
    pub(super) fn wants(&self, user: &UserId) -> bool {
        match &self.wish {
            None => false,
            Some(Wish::Everybody) => true,
            Some(Wish::Users(users)) => users.contains(user),
        }
    }

    /// Whom to ask the broker for: these, and those who are rung.
    pub(super) fn focus<'a>(&self, rung: impl Iterator<Item = &'a UserId>) -> Focus {
        match &self.wish {
            Some(Wish::Everybody) => Focus::Everybody,
            Some(Wish::Users(users)) => Focus::Users(users.iter().cloned().chain(rung.cloned()).collect()),
            None => Focus::Users(rung.cloned().collect()),
        }
    }
}

/// Whether all that the broker has stored has come.
#[derive(Debug, Default)]
pub(super) enum Settling {
    /// Nothing more is to be expected.
    #[default]
    Over,
    /// So many subscriptions have not been taken in by the broker yet.
    Awaited(u32),
    /// Stored messages come: since when, and when the last one came.
    Coming { began: Instant, last: Instant },
}

impl Settling {
    /// A subscription was sent.
    pub(super) fn asked(&mut self) {
        let before = if let Self::Awaited(count) = self { *count } else { 0 };
        *self = Self::Awaited(before + 1);
    }

    /// The broker has taken one in.
    pub(super) fn taken_in(&mut self, now: Instant) {
        *self = match self {
            Self::Awaited(count @ 2..) => Self::Awaited(*count - 1),
            Self::Awaited(_) | Self::Over | Self::Coming { .. } => Self::Coming { began: now, last: now },
        };
    }

    /// Somebody's presence was told.
    pub(super) fn told(&mut self, now: Instant) {
        if let Self::Coming { last, .. } = self {
            *last = now;
        }
    }

    /// The connection is gone.
    pub(super) fn reset(&mut self) {
        *self = Self::Over;
    }

    /// Whether nothing more is to be expected. From then on there is no deadline.
    pub(super) fn settle(&mut self, now: Instant) -> bool {
        if self.deadline().is_some_and(|at| now >= at) {
            *self = Self::Over;
        }
        matches!(self, Self::Over)
    }

    /// When that will be, should nothing more come.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Over | Self::Awaited(_) => None,
            Self::Coming { began, last } => Some((*last + QUIET).min(*began + LONGEST)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_known_a_moment_after_the_last_stored_message() {
        let (mut settling, start) = (Settling::default(), Instant::now());
        assert!(settling.settle(start), "nothing was asked");
        settling.asked();
        assert!(!settling.settle(start + LONGEST * 2));
        settling.taken_in(start);
        assert!(!settling.settle(start));
        settling.told(start + QUIET / 2);
        assert!(!settling.settle(start + QUIET) && settling.settle(start + QUIET * 3 / 2));
        assert_eq!(settling.deadline(), None, "what is over has no deadline");
        settling.asked();
        settling.taken_in(start);
        for n in 0..100 {
            settling.told(start + QUIET / 2 * n);
        }
        assert!(settling.settle(start + LONGEST), "messages without end do not hold it up");
    }
}
