//! Invites whose sender waits for a `result`: the broker says whether it has them, presence says whether somebody is there.

use std::time::Instant;

use callbox_core::ids::{CallId, EnvelopeId, Target, UserId};
use callbox_core::protocol::{Kind, ResultCode};

/// The most invites of one device that wait for their answer.
const MOST: usize = 64;

/// One invite.
#[derive(Clone, Debug)]
pub(super) struct Invite {
    pub(super) id: EnvelopeId,
    pub(super) call: CallId,
    pub(super) to: Target,
    pub(super) kind: Kind,
    /// It rings no longer then.
    pub(super) until: Instant,
    /// The broker has it.
    pub(super) taken: bool,
}

impl Invite {
    /// What is said of it when the broker has it, and somebody is there or not.
    pub(super) fn verdict(&self, is_there: bool) -> (ResultCode, &'static str) {
        match (is_there, self.kind) {
            (true, _) => (ResultCode::Ok, ""),
            (false, Kind::Single) => (ResultCode::Queued, "not connected, the invite waits"),
            (false, Kind::Group) => (ResultCode::Offline, "not connected, the invite is not kept"),
        }
    }
}

/// Those of one device.
#[derive(Debug, Default)]
pub(super) struct Asked(Vec<Invite>);

impl Asked {
    /// Waits for one more answer. A repeated invite to the same user takes the place of the older one, which comes back.
    ///
    /// # Errors
    /// The invite, when too many wait.
    pub(super) fn put(&mut self, invite: Invite) -> Result<Option<Invite>, Invite> {
        let older = self.0.iter().position(|known| known.call == invite.call && known.to == invite.to);
        let older = older.map(|at| self.0.remove(at));
        if self.0.len() >= MOST {
            return Err(invite);
        }
        self.0.push(invite);
        Ok(older)
    }

    /// Takes out the one with this envelope id.
    pub(super) fn take(&mut self, id: &EnvelopeId) -> Option<Invite> {
        let at = self.0.iter().position(|invite| invite.id == *id)?;
        Some(self.0.remove(at))
    }

    /// The broker has this one. False when nobody asked for it.
    pub(super) fn taken(&mut self, id: &EnvelopeId) -> bool {
        let found = self.0.iter_mut().find(|invite| invite.id == *id);
        found.is_some_and(|invite| {
            invite.taken = true;
            true
        })
    }

    /// Takes out those that can be answered.
    pub(super) fn answerable(&mut self, mut is_so: impl FnMut(&Invite) -> bool) -> Vec<Invite> {
        let (answered, open) = std::mem::take(&mut self.0).into_iter().partition(|invite| is_so(invite));
        self.0 = open;
        answered
    }

    /// Whom they ring.
    pub(super) fn users(&self) -> impl Iterator<Item = &UserId> {
        self.0.iter().map(|invite| &invite.to.user)
    }

    /// When the first of them rings no longer.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.iter().map(|invite| invite.until).min()
    }
}
