//! Invites that a device was handed and has not answered: its socket may be open while it sleeps.
//!
//! A broker gives a device what it has acknowledged only once. Until the device has said `ringing`, `accept`, `reject` or `hangup`, its invite
//! is therefore kept here, and given again when the device logs in anew at this hub. Where it logs in at another one, the inviter's
//! station says the invite again when it hears that the device has come back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use callbox_core::ids::{Address, AppId, CallId};
use callbox_core::protocol::Message;
use callbox_mqtt::Opened;

/// The most of one inviter for one device; the oldest makes room.
const PER_INVITER: usize = 2;
/// The most for one device; the oldest makes room.
const PER_DEVICE: usize = 16;
/// So many devices are kept before those whose invites are over are looked for.
const PRUNE_AT: usize = 1024;

/// One invite, and since when it had the time that it names.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Unanswered {
    pub(super) since: Instant,
    pub(super) invite: Opened,
}

impl Unanswered {
    fn call(&self) -> Option<&CallId> {
        self.invite.message.call()
    }

    fn is_over(&self, now: Instant) -> bool {
        let Message::Invite { remaining_ms, .. } = &self.invite.message else { return true };
        now >= self.since + Duration::from_millis((*remaining_ms).into())
    }
}

/// Those of all devices that are or were logged in here.
#[derive(Debug)]
pub(super) struct AllUnanswered {
    devices: BTreeMap<(AppId, Address), Vec<Unanswered>>,
    prune_at: usize,
}

impl Default for AllUnanswered {
    fn default() -> Self {
        Self { devices: BTreeMap::new(), prune_at: PRUNE_AT }
    }
}

impl AllUnanswered {
    /// A peer said this to the device: an invite is kept, its inviter's cancel ends it.
    pub(super) fn heard(&mut self, now: Instant, app: AppId, device: &Address, opened: &Opened) {
        match &opened.message {
            Message::Invite { .. } => self.keep(now, app, device, opened),
            Message::Cancel { call, .. } => {
                self.remove(app, device, |kept| kept.call() == Some(call) && kept.invite.from == opened.from);
            }
            _ => {}
        }
    }

    /// The device said this.
    pub(super) fn said(&mut self, app: AppId, device: &Address, message: &Message) {
        if let Message::Ringing { call, .. }
        | Message::Accept { call, .. }
        | Message::Reject { call, .. }
        | Message::Hangup { call, .. } = message
        {
            self.remove(app, device, |kept| kept.call() == Some(call));
        }
    }

    /// What a device that logs in anew is to be given again.
    pub(super) fn of(&self, now: Instant, app: AppId, device: &Address) -> Vec<Unanswered> {
        let of_device = self.devices.get(&(app, device.clone())).into_iter().flatten();
        of_device.filter(|kept| !kept.is_over(now)).cloned().collect()
    }

    fn keep(&mut self, now: Instant, app: AppId, device: &Address, opened: &Opened) {
        if self.devices.len() >= self.prune_at {
            self.devices.retain(|_, kept| {
                kept.retain(|kept| !kept.is_over(now));
                !kept.is_empty()
            });
            self.prune_at = PRUNE_AT.max(2 * self.devices.len());
        }
        let of_device = self.devices.entry((app, device.clone())).or_default();
        of_device.retain(|kept| !kept.is_over(now) && kept.call() != opened.message.call());
        let is_theirs = |kept: &Unanswered| kept.invite.from.user == opened.from.user;
        let oldest = match of_device.iter().filter(|kept| is_theirs(kept)).count() {
            PER_INVITER.. => of_device.iter().position(is_theirs),
            _ => (of_device.len() >= PER_DEVICE).then_some(0),
        };
        if let Some(oldest) = oldest {
            of_device.remove(oldest);
        }
        of_device.push(Unanswered { since: now, invite: opened.clone() });
    }

    fn remove(&mut self, app: AppId, device: &Address, is_it: impl Fn(&Unanswered) -> bool) {
        let key = (app, device.clone());
        let Some(of_device) = self.devices.get_mut(&key) else { return };
        of_device.retain(|kept| !is_it(kept));
        if of_device.is_empty() {
            self.devices.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use callbox_core::protocol::{Agent, EarlyMedia, EndReason, Kind, Media};

    use super::*;

    const APP: AppId = AppId(7);

    fn address(user: &str) -> Address {
        Address { user: user.parse().unwrap(), device: "x".parse().unwrap() }
    }

    fn opened(from: &str, message: Message) -> Opened {
        Opened { from: address(from), to: address("anna").into(), id: "1".parse().unwrap(), message }
    }

    fn invite(from: &str, call: &str) -> Opened {
        let message = Message::Invite {
            call: call.parse().unwrap(),
            kind: Kind::Single,
            media: Media::Audio,
            callees: vec!["anna".parse().unwrap()],
            remaining_ms: 30_000,
            agent: Agent::Panel,
            early: EarlyMedia::Off,
        };
        opened(from, message)
    }

    fn calls(all: &AllUnanswered, now: Instant) -> Vec<String> {
        all.of(now, APP, &address("anna")).iter().map(|kept| kept.call().unwrap().to_string()).collect()
    }

    #[test]
    fn an_invite_is_given_again_until_it_is_answered_cancelled_or_over() {
        let (mut all, now, anna) = (AllUnanswered::default(), Instant::now(), address("anna"));
        for (from, call) in [("door", "c1"), ("flat", "c2"), ("gate", "c3")] {
            all.heard(now, APP, &anna, &invite(from, call));
        }
        assert_eq!(calls(&all, now), ["c1", "c2", "c3"]);
        let ringing = |call: &str| Message::Ringing {
            call: call.parse().unwrap(),
            agent: Agent::Browser,
            early: EarlyMedia::Off,
            link: 0,
        };
        all.said(APP, &anna, &ringing("c1"));
        let cancel =
            |call: &str| Message::Cancel { call: call.parse().unwrap(), reason: EndReason::Cancelled, by: None };
        all.heard(now, APP, &anna, &opened("mallory", cancel("c2")));
        assert_eq!(calls(&all, now), ["c2", "c3"], "another's cancel ends nothing");
        all.heard(now, APP, &anna, &opened("flat", cancel("c2")));
        assert_eq!(calls(&all, now), ["c3"]);
        assert!(calls(&all, now + Duration::from_secs(30)).is_empty());
    }

    #[test]
    fn one_inviter_does_not_push_out_what_is_anothers() {
        let (mut all, now, anna) = (AllUnanswered::default(), Instant::now(), address("anna"));
        all.heard(now, APP, &anna, &invite("door", "c1"));
        for n in 0..50 {
            all.heard(now, APP, &anna, &invite("mallory", &format!("m{n}")));
        }
        assert_eq!(calls(&all, now), ["c1", "m48", "m49"]);
    }
}
