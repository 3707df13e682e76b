//! What a broker kept while we were away comes in one burst. An invite in it may have been cancelled meanwhile, and the cancel
//! comes after it: invites are held until the burst is over, so that a call that is decided does not ring.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use callbox_core::ids::UserId;
use callbox_core::protocol::Message;

use crate::opened::Opened;

/// The burst is over when nothing came for so long. A broker sends what it kept without a pause: within a few round trips.
const QUIET: Duration = Duration::from_millis(300);
/// And after this long in any case: somebody rings.
const LONGEST: Duration = Duration::from_secs(2);
/// The most invites that are held. Beyond it the inviter with most of them loses its oldest.
const HELD: usize = 64;
/// The most of one inviter: the latest.
const PER_INVITER: usize = 4;

/// Holds invites for a moment after a session was resumed.
#[derive(Debug, Default)]
pub(crate) struct Burst {
    /// When it began, and when the last message came.
    open: Option<(Instant, Instant)>,
    held: Vec<(Instant, Opened)>,
}

impl Burst {
    /// A session is resumed: whatever was kept comes now.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.open = Some((now, now));
    }

    /// Holds an invite that this device has had before; `since` says when it had the time that it names.
    pub(crate) fn give_again(&mut self, now: Instant, since: Instant, invite: Opened) {
        self.open.get_or_insert((now, now));
        self.held.push((since, invite));
    }

    /// Takes a message; gives it back when it need not wait.
    pub(crate) fn take(&mut self, now: Instant, opened: Opened) -> Option<Opened> {
        let Some((_, last)) = &mut self.open else { return Some(opened) };
        *last = now;
        match &opened.message {
            Message::Invite { .. } => {
                self.make_room(&opened.from.user);
                self.held.push((now, opened));
                return None;
            }
            Message::Cancel { call, .. } => self.held.retain(|(_, held)| {
                held.from != opened.from
                    || !matches!(&held.message, Message::Invite { call: rings, .. } if rings == call)
            }),
            _ => {}
        }
        Some(opened)
    }

    /// Drops an invite where one more of this inviter would be too many.
    fn make_room(&mut self, inviter: &UserId) {
        let mut counts = BTreeMap::<UserId, usize>::new();
        for (_, held) in &self.held {
            *counts.entry(held.from.user.clone()).or_default() += 1;
        }
        let loser = match counts.get(inviter) {
            Some(PER_INVITER..) => Some(inviter.clone()),
            _ if self.held.len() >= HELD => counts.into_iter().max_by_key(|(_, count)| *count).map(|(user, _)| user),
            _ => None,
        };
        let oldest = loser.and_then(|loser| self.held.iter().position(|(_, held)| held.from.user == loser));
        if let Some(oldest) = oldest {
            self.held.remove(oldest);
        }
    }

    /// When the burst is over, should nothing more come.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.open.map(|(began, last)| (last + QUIET).min(began + LONGEST))
    }

    /// The burst is over: the invites of calls that were not cancelled, with the time that is left.
    pub(crate) fn end(&mut self, now: Instant) -> Vec<Opened> {
        self.open = None;
        let mut left = Vec::new();
        for (since, mut opened) in self.held.drain(..) {
            let waited = u32::try_from(now.saturating_duration_since(since).as_millis()).unwrap_or(u32::MAX);
            if let Message::Invite { remaining_ms, .. } = &mut opened.message {
                *remaining_ms = remaining_ms.saturating_sub(waited);
                if *remaining_ms > 0 {
                    left.push(opened);
                }
            }
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use callbox_core::protocol::{EndReason, Kind};

    use super::*;
    use crate::delivery;

    fn opened(message: Message) -> Opened {
        let from = callbox_core::ids::Address { user: "anna".parse().unwrap(), device: "desk".parse().unwrap() };
        let to = "door".parse::<callbox_core::ids::UserId>().unwrap().into();
        Opened { from, to, id: "1".parse().unwrap(), message }
    }

    fn invite(remaining_ms: u32) -> Opened {
        opened(delivery::tests::invite(Kind::Single, remaining_ms))
    }

    #[test]
    fn without_a_burst_nothing_waits() {
        let (mut burst, now) = (Burst::default(), Instant::now());
        assert_eq!(burst.take(now, invite(1000)), Some(invite(1000)));
        assert_eq!(burst.deadline(), None);
    }

    #[test]
    fn in_a_burst_an_invite_comes_last_and_with_less_time() {
        let (mut burst, now) = (Burst::default(), Instant::now());
        burst.begin(now);
        assert_eq!(burst.take(now, invite(1000)), None);
        assert_eq!(burst.take(now, invite(100)), None);
        let hangup = opened(Message::Hangup { call: "d".parse().unwrap(), reason: EndReason::Hangup });
        assert_eq!(burst.take(now, hangup.clone()), Some(hangup));
        assert_eq!(burst.end(now + QUIET), [invite(700)]);
        assert_eq!(burst.take(now + QUIET, invite(500)), Some(invite(500)));
    }

    #[test]
    fn an_invite_that_its_sender_cancels_in_the_burst_does_not_come() {
        let (mut burst, now) = (Burst::default(), Instant::now());
        let cancel =
            |call: &str| Message::Cancel { call: call.parse().unwrap(), reason: EndReason::Cancelled, by: None };
        burst.begin(now);
        assert_eq!(burst.take(now, invite(1000)), None);
        let bert = callbox_core::ids::Address { user: "bert".parse().unwrap(), device: "desk".parse().unwrap() };
        for other in [opened(cancel("other")), Opened { from: bert, ..opened(cancel("c")) }] {
            assert_eq!(burst.take(now, other.clone()), Some(other));
        }
        assert_eq!(burst.held.len(), 1);
        burst.take(now, opened(cancel("c")));
        assert_eq!(burst.end(now), []);
    }

    #[test]
    fn an_invite_that_is_given_again_waits_for_its_cancel() {
        let (mut burst, start) = (Burst::default(), Instant::now());
        let up = start + QUIET;
        burst.give_again(up, start, invite(1000));
        assert_eq!(burst.deadline(), Some(up + QUIET));
        assert_eq!(burst.end(up + QUIET), [invite(400)]);
        burst.give_again(up, start, invite(1000));
        burst.take(up, opened(Message::Cancel { call: "c".parse().unwrap(), reason: EndReason::Cancelled, by: None }));
        assert_eq!(burst.end(up + QUIET), []);
    }

    #[test]
    fn one_inviter_does_not_push_out_the_invites_of_others_and_none_comes_before_its_cancel() {
        let (mut burst, now) = (Burst::default(), Instant::now());
        let from = |user: &str| Opened {
            from: callbox_core::ids::Address { user: user.parse().unwrap(), device: "x".parse().unwrap() },
            ..invite(1000)
        };
        burst.begin(now);
        assert_eq!(burst.take(now, from("anna")), None);
        for _ in 0..200 {
            assert_eq!(burst.take(now, from("mallory")), None);
        }
        let senders: Vec<_> = burst.end(now).into_iter().map(|opened| opened.from.user.to_string()).collect();
        assert_eq!(senders, ["anna", "mallory", "mallory", "mallory", "mallory"]);
    }

    #[test]
    fn a_burst_ends_although_messages_come_for_ever() {
        let (mut burst, now) = (Burst::default(), Instant::now());
        burst.begin(now);
        assert_eq!(burst.deadline(), Some(now + QUIET));
        burst.take(now + LONGEST, invite(1000));
        assert_eq!(burst.deadline(), Some(now + LONGEST));
    }
}
