//! Messages to a device that is away for a moment: it reconnects, or the hub was restarted under it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use callbox_core::ids::{Address, UserId};
use callbox_core::protocol::Envelope;

use super::Now;
use super::deadlines::Deadlines;
use super::shares::Shares;

/// A device that is away for longer hears nothing of it.
const HELD: Duration = Duration::from_secs(10);
/// The most of one sender for one device: the candidates of a link.
const PER_SENDER: usize = 32;
/// The most for one device. Beyond it the sender with most of them loses its oldest.
const PER_DEVICE: usize = 64;
/// The most bytes of one sender for all devices of an app.
const BYTES_PER_SENDER: usize = 512 * 1024;
/// The most bytes for all devices of an app; as above.
const BYTES_PER_APP: usize = 4 * 1024 * 1024;

/// A message by its receiver and number.
type Key = (Address, u64);

/// What is held for the devices of one app.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Of each device at least one, the oldest first.
    messages: BTreeMap<Address, Vec<Message>>,
    /// When the oldest one of a device is dropped.
    due: Deadlines<Address>,
    /// Bytes by sender.
    shares: Shares<Key>,
    next: u64,
}

#[derive(Debug)]
struct Message {
    number: u64,
    until: Instant,
    sender: UserId,
    envelope: Envelope,
}

impl Held {
    /// Holds a message, if its sender has not too many and there is room.
    pub(super) fn hold(&mut self, now: Now, to: Address, envelope: Envelope) -> bool {
        let Some(sender) = envelope.from.as_ref().map(|from| from.user.clone()) else { return false };
        let size = envelope.encode().len();
        if self.shares.weight_of(&sender) + size > BYTES_PER_SENDER || !self.make_room_at(&to, &sender) {
            return false;
        }
        while self.shares.weight() + size > BYTES_PER_APP {
            let Some(victim) = self.shares.victim(&sender, size).cloned() else { return false };
            self.remove(&victim);
        }
        let (number, until) = (self.next, now.steady + HELD);
        self.next += 1;
        self.shares.put((to.clone(), number), &sender, size);
        let of_device = self.messages.entry(to.clone()).or_default();
        if of_device.is_empty() {
            self.due.set(to, until);
        }
        of_device.push(Message { number, until, sender, envelope });
        true
    }

    /// Takes out what is held for a device that is back.
    pub(super) fn take(&mut self, now: Now, device: &Address) -> Vec<Envelope> {
        let held = self.messages.remove(device).unwrap_or_default();
        self.due.remove(device);
        for message in &held {
            self.shares.remove(&(device.clone(), message.number));
        }
        held.into_iter().filter(|message| message.until > now.steady).map(|message| message.envelope).collect()
    }

    /// Drops what has been held for too long.
    pub(super) fn expire(&mut self, now: Now) {
        for device in self.due.take_due(now.steady) {
            let Some(held) = self.messages.get_mut(&device) else { continue };
            let shares = &mut self.shares;
            held.retain(|message| {
                let stays = message.until > now.steady;
                if !stays {
                    shares.remove(&(device.clone(), message.number));
                }
                stays
            });
            self.follow(device);
        }
    }

    /// When the next one is dropped.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due.next()
    }

    /// Whether one more of this sender fits at this device; the greediest sender makes room.
    fn make_room_at(&mut self, to: &Address, sender: &UserId) -> bool {
        let Some(held) = self.messages.get(to) else { return true };
        let mut counts = BTreeMap::<&UserId, usize>::new();
        for message in held {
            *counts.entry(&message.sender).or_default() += 1;
        }
        let own = counts.get(sender).copied().unwrap_or_default();
        if own >= PER_SENDER || held.len() < PER_DEVICE {
            return own < PER_SENDER;
        }
        let greediest = counts.into_iter().max_by_key(|(_, count)| *count).filter(|(_, count)| *count > own + 1);
        let oldest = greediest.and_then(|(name, _)| held.iter().find(|message| message.sender == *name));
        let Some(victim) = oldest.map(|message| (to.clone(), message.number)) else { return false };
        self.remove(&victim);
        true
    }

    fn remove(&mut self, key: &Key) {
        self.shares.remove(key);
        if let Some(held) = self.messages.get_mut(&key.0) {
            held.retain(|message| message.number != key.1);
            self.follow(key.0.clone());
        }
    }

    /// Sets the deadline of a device anew.
    fn follow(&mut self, device: Address) {
        match self.messages.get(&device).and_then(|held| held.first()) {
            Some(oldest) => self.due.set(device, oldest.until),
            None => {
                self.messages.remove(&device);
                self.due.remove(&device);
            }
        }
    }
}

#[cfg(test)]
impl Held {
    /// Every deadline, one by one.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = Instant> {
        self.messages.values().flatten().map(|message| message.until)
    }
}
