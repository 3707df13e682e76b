//! Group calls that run without this device: it left or missed them, and may join.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::call::Call;
use super::view::JoinableView;
use crate::ids::{Address, CallId};
use crate::roster::Roster;

/// How long a call is offered after this device was in it, or was rung.
const OFFERED_FOR: Duration = Duration::from_secs(2 * 3600);
/// An invite that was said again rings as long as before, give or take this.
const SAME_INVITE: Duration = Duration::from_secs(2);
/// The oldest makes room.
const MOST: usize = 4;

/// Group calls to join, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Joinables(VecDeque<Joinable>);

/// A group call to join.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Joinable {
    pub(super) call: Call,
    pub(super) roster: Roster,
    /// When the ring that this device heard was to end: an invite that rings longer is another one.
    rung_until: Instant,
    until: Instant,
}

impl Joinables {
    /// Keeps a call that goes on without us, and until when its invite was to ring.
    pub(super) fn keep(&mut self, now: Instant, call: &Call, roster: Roster, rung_until: Instant) {
        self.0.retain(|known| known.call.id != call.id && known.until > now);
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        let (call, roster, until) = (call.clone(), roster.into_guest(), now + OFFERED_FOR);
        self.0.push_back(Joinable { call, roster, rung_until, until });
    }

    /// A member invites us to such a call once more: what it said before was to ring for less long.
    pub(super) fn is_invited_anew(&self, call: &CallId, rings_until: Instant) -> bool {
        self.0.iter().any(|known| known.call.id == *call && rings_until > known.rung_until + SAME_INVITE)
    }

    /// A member says that the call is over.
    pub(super) fn over(&mut self, call: &CallId, from: &Address) {
        self.0.retain(|known| known.call.id != *call || !known.roster.admits(&from.user));
    }

    /// Takes the newest call, or the named one.
    pub(super) fn take(&mut self, now: Instant, call: Option<&CallId>) -> Option<Joinable> {
        let fits = |known: &Joinable| known.until > now && call.is_none_or(|call| known.call.id == *call);
        let at = self.0.iter().rposition(fits)?;
        self.0.remove(at)
    }

    /// The newest, for a person.
    pub(super) fn view(&self, now: Instant) -> Option<JoinableView> {
        let known = self.0.iter().rev().find(|known| known.until > now)?;
        let mut users: Vec<_> = known.roster.doors().map(|device| device.user.clone()).collect();
        users.dedup();
        if users.is_empty() {
            users.push(known.call.caller.user.clone());
        }
        Some(JoinableView { call: known.call.id.clone(), media: known.call.media, users })
    }
}
