//! Candidates that wait to be sent: behind everything else, no faster than a hub takes them, and few of each link.
//!
//! A hub takes 50 messages a second of a session, 200 at once, and reads more slowly what comes faster. Half of that is left to
//! messages that decide calls.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::bucket::Bucket;
use crate::ids::{CallId, Target};
use crate::protocol::{Envelope, Message};

/// Most that wait for one link: more than one of our links finds.
const OF_LINK: usize = 32;
/// Most that wait altogether.
const WAITING: usize = 512;
/// So many may go at once …
const BURST: u32 = 64;
/// … and one in each of these.
const EVERY: Duration = Duration::from_millis(40);
/// A candidate belongs to a link that gives up soon after.
const WORTH: Duration = Duration::from_secs(5);

/// The queue. Everything in it may be lost.
#[derive(Debug)]
pub(super) struct Candidates {
    waiting: VecDeque<(Envelope, Instant)>,
    pace: Bucket,
}

impl Default for Candidates {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), pace: Bucket::new(BURST, EVERY) }
    }
}

impl Candidates {
    /// Takes a candidate in. Returns the one that was lost when there was no room.
    pub(super) fn push(&mut self, now: Instant, envelope: Envelope) -> Option<Envelope> {
        let link = link_of(&envelope);
        let of_link = self.waiting.iter().filter(|(older, _)| link_of(older) == link).count();
        if of_link < OF_LINK && self.waiting.len() < WAITING {
            self.waiting.push_back((envelope, now));
            return None;
        }
        if !is_end(&envelope) {
            return Some(envelope);
        }
        // The peer waits for the end of them: the newest makes way for it.
        let newest = self.waiting.iter().rposition(|(older, _)| link_of(older) == link);
        let lost = newest.and_then(|at| self.waiting.remove(at)).map_or(envelope.clone(), |(lost, _)| lost);
        if newest.is_some() {
            self.waiting.push_back((envelope, now));
        }
        Some(lost)
    }

    /// Returns the next one that may go now.
    pub(super) fn next(&mut self, now: Instant) -> Option<Envelope> {
        self.waiting.retain(|(_, since)| now < *since + WORTH);
        if self.due().is_none_or(|due| now < due) {
            return None;
        }
        let (envelope, _) = self.waiting.pop_front()?;
        self.pace.take(now);
        Some(envelope)
    }

    /// Returns when the next one may go; none: no candidate waits.
    pub(super) fn due(&self) -> Option<Instant> {
        let (_, since) = self.waiting.front()?;
        Some(self.pace.next().map_or(*since, |at| at.max(*since)))
    }

    /// Drops those that do not pass this test.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Envelope) -> bool) {
        self.waiting.retain(|(envelope, _)| keep(envelope));
    }

    /// Returns how many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

type LinkName<'a> = (Option<&'a Target>, Option<(&'a CallId, u32)>);

fn link_of(envelope: &Envelope) -> LinkName<'_> {
    let link = match &envelope.message {
        Message::Candidate { call, link, .. } => Some((call, *link)),
        _ => None,
    };
    (envelope.to.as_ref(), link)
}

/// Whether this says that there are no more.
fn is_end(envelope: &Envelope) -> bool {
    matches!(&envelope.message, Message::Candidate { candidate, .. } if candidate.is_empty())
}

#[cfg(test)]
mod tests {
    use crate::ids::UserId;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an Instant can be had in no other way")]
    fn now() -> Instant {
        Instant::now()
    }

    fn candidate(id: usize, link: u32, text: &str) -> Envelope {
        let message = Message::Candidate { call: "c".parse().unwrap(), link, candidate: text.into(), mline: 0 };
        let to = "anna".parse::<UserId>().unwrap().into();
        Envelope { id: id.to_string().parse().unwrap(), from: None, to: Some(to), message }
    }

    fn sent(candidates: &mut Candidates, now: Instant) -> Vec<usize> {
        std::iter::from_fn(|| candidates.next(now)).map(|envelope| envelope.id.as_str().parse().unwrap()).collect()
    }

    #[test]
    fn those_of_one_call_go_at_once_and_a_flood_goes_at_the_lasting_rate() {
        let (mut candidates, now) = (Candidates::default(), now());
        for id in 0..25 {
            candidates.push(now, candidate(id, 1, "x"));
        }
        assert_eq!(sent(&mut candidates, now), (0..25).collect::<Vec<_>>());
        for id in 0..320 {
            assert_eq!(candidates.push(now, candidate(id, 2 + id as u32 / 32, "x")), None);
        }
        assert_eq!(sent(&mut candidates, now).len(), 64 - 25);
        let due = candidates.due().unwrap();
        assert!(due > now && due <= now + EVERY, "{:?}", due - now);
        assert_eq!(sent(&mut candidates, due).len(), 1);
        assert_eq!(sent(&mut candidates, due + Duration::from_secs(2)).len(), 50);
        assert!(sent(&mut candidates, now + WORTH).is_empty(), "the links have given up");
        assert_eq!((candidates.due(), candidates.len()), (None, 0));
    }

    #[test]
    fn a_link_has_its_own_room_and_its_end_is_told() {
        let (mut candidates, now) = (Candidates::default(), now());
        let lost = (0..1000).filter_map(|id| candidates.push(now, candidate(id, 1, "x"))).count();
        assert_eq!((lost, candidates.len()), (1000 - OF_LINK, OF_LINK));
        assert_eq!(candidates.push(now, candidate(1000, 2, "x")), None, "another link");
        assert_eq!(candidates.push(now, candidate(1001, 1, "")).unwrap().id.as_str(), "31");
        let sent = sent(&mut candidates, now);
        assert_eq!((sent[..31].to_vec(), &sent[31..]), ((0..31).collect(), &[1000, 1001][..]));
    }

    #[test]
    fn there_is_room_for_so_many_links() {
        let (mut candidates, now) = (Candidates::default(), now());
        let lost = (0..1000).filter(|id| candidates.push(now, candidate(*id, *id as u32, "")).is_some()).count();
        assert_eq!((lost, candidates.len()), (1000 - WAITING, WAITING));
    }
}
