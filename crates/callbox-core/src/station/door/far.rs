//! The door at the other end: a panel that we ring, or that rings us, lets us open its door.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::super::desk::Desk;
use super::super::effect::Effect;
use super::news::{DoorNews, Opener};
use crate::ids::{Address, CallId, EnvelopeId};
use crate::protocol::{Message, ResultCode, UNLOCK};

/// A wish is dropped when there is no answer by then: whoever pressed has seen that nothing happens.
const PATIENCE: Duration = Duration::from_secs(5);
/// As many as devices that ring for one invite.
const MOST: usize = 32;

/// Doors of others that we may open in this call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in super::super) struct FarDoors {
    seen: BTreeSet<Address>,
    wish: Option<Wish>,
}

/// We want one opened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Wish {
    at: Address,
    call: CallId,
    nonce: EnvelopeId,
    /// Everybody who pressed for it.
    by: Vec<Opener>,
    until: Instant,
}

impl FarDoors {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.wish.as_ref().map(|wish| wish.until)
    }

    /// The first of these devices that has a door for us.
    pub(in super::super) fn among(&self, parties: &[Address]) -> Option<Address> {
        parties.iter().find(|party| self.seen.contains(*party)).cloned()
    }
}

impl Desk {
    /// A device of our call says that it has a door, and that we may open it.
    pub(super) fn door_seen(&mut self, at: Address) {
        if self.far.seen.len() < MOST && self.far.seen.insert(at) {
            self.out.push(Effect::Show);
        }
    }

    /// Asks for that door to be opened. Who asks while the panel has not answered yet has the same wish.
    pub(super) fn ask(&mut self, now: Instant, at: Address, call: CallId, by: Opener) {
        match &mut self.far.wish {
            Some(wish) if wish.at == at && wish.call == call && wish.by.len() < MOST => return wish.by.push(by),
            Some(wish) if wish.at == at && wish.call == call => {
                return self.note(now, DoorNews::Unlock { by, outcome: ResultCode::TooMany, at: Some(at) });
            }
            _ => self.give_up_wish(now, ResultCode::Expired),
        }
        let nonce = self.ids.envelope();
        self.say(&at, &call, &nonce, None);
        self.far.wish = Some(Wish { at, call, nonce, by: vec![by], until: now + PATIENCE });
    }

    /// The panel wants to know whether we still want it.
    pub(super) fn challenged(&mut self, now: Instant, from: &Address, nonce: &EnvelopeId, challenge: EnvelopeId) {
        let wish = self.far.wish.as_ref().filter(|wish| wish.at == *from && wish.nonce == *nonce && now < wish.until);
        if let Some((at, call, nonce)) = wish.map(|wish| (wish.at.clone(), wish.call.clone(), wish.nonce.clone())) {
            self.say(&at, &call, &nonce, Some(challenge));
        }
    }

    /// The panel says what became of it.
    pub(super) fn answered(&mut self, now: Instant, from: &Address, re: Option<&EnvelopeId>, code: ResultCode) {
        if self.far.wish.as_ref().is_some_and(|wish| wish.at == *from && Some(&wish.nonce) == re) {
            self.give_up_wish(now, code);
        }
    }

    /// Time passed.
    pub(super) fn wish_tick(&mut self, now: Instant) {
        if self.far.wish.as_ref().is_some_and(|wish| now >= wish.until) {
            self.give_up_wish(now, ResultCode::Expired);
        }
    }

    /// The call is over: its doors are no more.
    pub(in super::super) fn leave_doors(&mut self, now: Instant) {
        self.give_up_wish(now, ResultCode::Expired);
        self.far.seen.clear();
    }

    fn give_up_wish(&mut self, now: Instant, outcome: ResultCode) {
        if let Some(Wish { at, by, .. }) = self.far.wish.take() {
            for by in by {
                self.note(now, DoorNews::Unlock { by, outcome, at: Some(at.clone()) });
            }
        }
    }

    fn say(&mut self, to: &Address, call: &CallId, nonce: &EnvelopeId, challenge: Option<EnvelopeId>) {
        let name = UNLOCK.parse().expect("`unlock` is a command's name");
        let message = Message::Command { call: call.clone(), name, nonce: nonce.clone(), challenge };
        self.out.send(to.clone(), message);
    }
}
