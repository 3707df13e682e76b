//! Everybody who is rung by one invite, and how each of them answered.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::ids::UserId;
use crate::protocol::EndReason;

/// One busy device does not make a user busy: other devices of the same user get this long to ring.
const SETTLE: Duration = Duration::from_secs(1);
/// Of several reasons, the one that tells the inviter most.
const KINDEST: [EndReason; 3] = [EndReason::Rejected, EndReason::Busy, EndReason::NoAnswer];

/// The callees of an invite.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Callees(BTreeMap<UserId, Callee>);

/// How one callee stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Callee {
    /// May still answer.
    Open,
    /// One device refused; unless another one rings by then, that was the user's answer.
    Settling { refusal: EndReason, by: Instant },
    /// Will not answer.
    Refused(EndReason),
}

impl Callees {
    pub(super) fn new(users: &[UserId]) -> Self {
        Self(users.iter().map(|user| (user.clone(), Callee::Open)).collect())
    }

    pub(super) fn contains(&self, user: &UserId) -> bool {
        self.0.contains_key(user)
    }

    /// Everybody who was asked.
    pub(super) fn all(&self) -> impl Iterator<Item = &UserId> {
        self.0.keys()
    }

    /// Those who may still answer.
    pub(super) fn open(&self) -> impl Iterator<Item = &UserId> {
        self.0.iter().filter(|(_, callee)| !matches!(callee, Callee::Refused(_))).map(|(user, _)| user)
    }

    /// This user may still answer.
    pub(super) fn is_open(&self, user: &UserId) -> bool {
        self.open().any(|open| open == user)
    }

    /// Why this user will not answer, if that is so.
    pub(super) fn refusal(&self, user: &UserId) -> Option<EndReason> {
        match self.0.get(user) {
            Some(Callee::Refused(reason)) => Some(*reason),
            _ => None,
        }
    }

    /// A device of this user rings.
    pub(super) fn rings(&mut self, user: &UserId) {
        self.0.insert(user.clone(), Callee::Open);
    }

    /// A device refused. Says whether it spoke for its user, whose other devices are to be silenced.
    pub(super) fn declined(&mut self, now: Instant, user: &UserId, reason: EndReason, others_ring: bool) -> bool {
        let Some(callee) = self.0.get_mut(user) else { return false };
        match (&callee, reason) {
            (Callee::Refused(_), _) => {}
            (_, EndReason::Rejected) => {
                *callee = Callee::Refused(reason);
                return true;
            }
            (_, EndReason::NoAnswer) if !others_ring => *callee = Callee::Refused(reason),
            (Callee::Open, _) if !others_ring => *callee = Callee::Settling { refusal: reason, by: now + SETTLE },
            _ => {}
        }
        false
    }

    /// Nobody passes our invite on to this user.
    pub(super) fn give_up(&mut self, user: &UserId, reason: EndReason) {
        self.0.insert(user.clone(), Callee::Refused(reason));
    }

    /// When [`Callees::settle`] may have news.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let settling = self.0.values().filter_map(|callee| match callee {
            Callee::Settling { by, .. } => Some(*by),
            Callee::Open | Callee::Refused(_) => None,
        });
        settling.min()
    }

    /// The reason when nobody is left who may answer.
    pub(super) fn settle(&mut self, now: Instant) -> Option<EndReason> {
        for callee in self.0.values_mut() {
            if let Callee::Settling { refusal, by } = callee {
                if now >= *by {
                    *callee = Callee::Refused(*refusal);
                }
            }
        }
        let reasons: Option<Vec<EndReason>> = self.0.keys().map(|user| self.refusal(user)).collect();
        let reasons = reasons?;
        let kindest = KINDEST.into_iter().find(|reason| reasons.contains(reason));
        kindest.or(reasons.first().copied()).or(Some(EndReason::NoAnswer))
    }
}
