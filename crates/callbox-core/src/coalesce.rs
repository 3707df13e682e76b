//! A queue between a sender that must not wait and a reader that may be slow. What must not be lost is bounded because a
//! newer entry takes the place of an older one; the rest shares a fixed number of places.

use std::collections::VecDeque;

/// What happens when an entry finds an older one that still waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meeting {
    /// Both stay.
    Stay,
    /// The older one is dropped; the newer one goes to the end.
    Replace,
    /// The newer one takes the place of the older one in the order.
    Update,
    /// The newer one is dropped: the older one says it already.
    Yield,
    /// Both are dropped: the newer one takes back what the older one asked for.
    Annul,
}

/// An entry of a [`CoalescingQueue`].
pub trait Coalesce {
    /// Names who competes for the places of entries that may be lost. Compared often: a number, or a hash of a name.
    type Share: Copy + Eq;

    /// Returns what becomes of this entry and an older one.
    ///
    /// For entries that must not be lost, this is what keeps the queue bounded: among any number of them only a fixed
    /// number for each link, call or device may `Stay`.
    fn meets(&self, older: &Self) -> Meeting;

    /// Returns who this entry counts for when places are short; none: it must not be lost.
    fn share(&self) -> Option<Self::Share>;
}

/// A queue that loses only what may be lost. See the module's description.
pub struct CoalescingQueue<T: Coalesce> {
    /// Each with its share.
    entries: VecDeque<(T, Option<T::Share>)>,
    places: usize,
}

impl<T: Coalesce> std::fmt::Debug for CoalescingQueue<T> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} entries", self.entries.len())
    }
}

impl<T: Coalesce> CoalescingQueue<T> {
    /// Makes a queue with this many places for entries that may be lost.
    pub fn new(places: usize) -> Self {
        Self { entries: VecDeque::new(), places }
    }

    /// Takes an entry in. When all places are taken, the newest entry of the share with the most entries is lost and
    /// returned; among equals it is the new entry itself.
    pub fn push(&mut self, entry: T) -> Option<T> {
        let (mut is_needed, mut place) = (true, None);
        let mut at = 0;
        while let Some((older, _)) = self.entries.get(at) {
            let meeting = entry.meets(older);
            match meeting {
                Meeting::Stay => {}
                Meeting::Yield => is_needed = false,
                Meeting::Update => place = Some(at),
                Meeting::Replace | Meeting::Annul => {
                    is_needed &= meeting == Meeting::Replace;
                    self.entries.remove(at);
                    continue;
                }
            }
            at += 1;
        }
        if !is_needed {
            return None;
        }
        let share = entry.share();
        if let Some(older) = place.and_then(|place| self.entries.get_mut(place)) {
            *older = (entry, share);
            return None;
        }
        self.entries.push_back((entry, share));
        share.and_then(|newest| self.enforce(newest))
    }

    /// Takes the oldest entry out.
    pub fn pop(&mut self) -> Option<T> {
        self.entries.pop_front().map(|(entry, _)| entry)
    }

    /// Puts an entry back that was taken out last.
    pub fn put_back(&mut self, entry: T) {
        let share = entry.share();
        self.entries.push_front((entry, share));
    }

    /// Drops the entries that do not pass this test.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.entries.retain(|(entry, _)| keep(entry));
    }

    /// Returns how many entries wait.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether no entry waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Drops every entry.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Makes room after an entry of this share came.
    fn enforce(&mut self, newest: T::Share) -> Option<T> {
        let shares: Vec<T::Share> = self.entries.iter().filter_map(|(_, share)| *share).collect();
        if shares.len() <= self.places {
            return None;
        }
        let count = |share: T::Share| shares.iter().filter(|other| **other == share).count();
        let (mut loser, mut most) = (newest, count(newest));
        // Nobody else can have more than the one that has half.
        if most * 2 < shares.len() {
            for share in &shares {
                let found = count(*share);
                if found > most {
                    (loser, most) = (*share, found);
                }
            }
        }
        let at = self.entries.iter().rposition(|(_, share)| *share == Some(loser))?;
        self.entries.remove(at).map(|(entry, _)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Order {
        Open(u8),
        Gate(u8, bool),
        Close(u8),
        Servers(u8),
        Chatter(u8, u32),
    }

    impl Coalesce for Order {
        type Share = u8;

        fn meets(&self, older: &Self) -> Meeting {
            match (*self, *older) {
                (Self::Gate(link, _), Self::Gate(other, _)) if link == other => Meeting::Replace,
                (Self::Close(link), Self::Open(other)) if link == other => Meeting::Annul,
                (Self::Close(link), Self::Close(other)) if link == other => Meeting::Yield,
                (Self::Close(link), Self::Gate(other, _)) if link == other => Meeting::Replace,
                (Self::Servers(_), Self::Servers(_)) => Meeting::Update,
                _ => Meeting::Stay,
            }
        }

        fn share(&self) -> Option<u8> {
            if let Self::Chatter(link, _) = self { Some(*link) } else { None }
        }
    }

    fn all(queue: &mut CoalescingQueue<Order>) -> Vec<Order> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn an_order_is_never_lost_to_chatter() {
        let mut queue = CoalescingQueue::new(4);
        for number in 0..1000 {
            queue.push(Order::Chatter(1, number));
        }
        assert_eq!(queue.push(Order::Gate(1, false)), None);
        for number in 0..1000 {
            queue.push(Order::Chatter(2, number));
        }
        assert!(all(&mut queue).contains(&Order::Gate(1, false)));
    }

    #[test]
    fn the_newest_gate_counts_and_however_many_there_are_one_waits() {
        let mut queue = CoalescingQueue::new(4);
        for round in 0..1000 {
            queue.push(Order::Gate(1, round % 2 == 0));
            queue.push(Order::Gate(2, true));
        }
        assert_eq!(all(&mut queue), [Order::Gate(1, false), Order::Gate(2, true)]);
    }

    #[test]
    fn a_link_that_opens_and_closes_unread_leaves_nothing_and_an_older_close_stays() {
        let mut queue = CoalescingQueue::new(4);
        for _ in 0..1000 {
            queue.push(Order::Open(1));
            queue.push(Order::Gate(1, true));
            queue.push(Order::Close(1));
        }
        assert!(queue.is_empty());
        for order in [Order::Close(1), Order::Open(1), Order::Gate(1, true), Order::Close(1)] {
            queue.push(order);
        }
        assert_eq!(all(&mut queue), [Order::Close(1)]);
    }

    #[test]
    fn an_update_keeps_its_place_before_what_needs_it() {
        let mut queue = CoalescingQueue::new(4);
        for order in [Order::Servers(1), Order::Open(1), Order::Servers(2)] {
            queue.push(order);
        }
        assert_eq!(all(&mut queue), [Order::Servers(2), Order::Open(1)]);
    }

    #[test]
    fn the_loudest_loses_its_newest_when_places_are_short() {
        let mut queue = CoalescingQueue::new(4);
        for number in 0..4 {
            assert_eq!(queue.push(Order::Chatter(1, number)), None);
        }
        assert_eq!(queue.push(Order::Chatter(1, 4)), Some(Order::Chatter(1, 4)));
        assert_eq!(queue.push(Order::Chatter(2, 0)), Some(Order::Chatter(1, 3)));
        assert_eq!(queue.push(Order::Chatter(2, 1)), Some(Order::Chatter(1, 2)));
        assert_eq!(queue.push(Order::Chatter(2, 2)), Some(Order::Chatter(2, 2)));
        assert_eq!(queue.len(), 4);
    }
}
