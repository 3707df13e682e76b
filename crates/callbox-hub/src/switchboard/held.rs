//! Messages to a device that is away for a moment: it reconnects, or the hub was restarted under it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use callbox_core::ids::Address;
use callbox_core::protocol::Envelope;

use super::Now;
use super::deadlines::Deadlines;

/// A device that is away for longer hears nothing of it.
const HELD: Duration = Duration::from_secs(10);
/// The most for one device.
const PER_DEVICE: usize = 32;
/// The most bytes for all devices of an app.
const PER_APP: usize = 4 * 1024 * 1024;

/// What is held for the devices of one app.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Of each device at least one, the oldest first.
    messages: BTreeMap<Address, Vec<Message>>,
    /// When the oldest one of a device is dropped.
    due: Deadlines<Address>,
    bytes: usize,
}

#[derive(Debug)]
struct Message {
    until: Instant,
    size: usize,
    envelope: Envelope,
}

impl Held {
    /// Holds a message, if there is room.
    pub(super) fn hold(&mut self, now: Now, to: Address, envelope: Envelope) -> bool {
        let size = envelope.encode().len();
        let full = self.messages.get(&to).is_some_and(|held| held.len() >= PER_DEVICE);
        if full || self.bytes + size > PER_APP {
            return false;
        }
        let until = now.steady + HELD;
        let of_device = self.messages.entry(to.clone()).or_default();
        if of_device.is_empty() {
            self.due.set(to, until);
        }
        of_device.push(Message { until, size, envelope });
        self.bytes += size;
        true
    }

    /// Takes out what is held for a device that is back.
    pub(super) fn take(&mut self, now: Now, device: &Address) -> Vec<Envelope> {
        let held = self.messages.remove(device).unwrap_or_default();
        self.due.remove(device);
        self.bytes -= held.iter().map(|message| message.size).sum::<usize>();
        held.into_iter().filter(|message| message.until > now.steady).map(|message| message.envelope).collect()
    }

    /// Drops what has been held for too long.
    pub(super) fn expire(&mut self, now: Now) {
        for device in self.due.take_due(now.steady) {
            let Some(held) = self.messages.get_mut(&device) else { continue };
            let bytes = &mut self.bytes;
            held.retain(|message| {
                let stays = message.until > now.steady;
                *bytes -= if stays { 0 } else { message.size };
                stays
            });
            match held.first() {
                Some(oldest) => self.due.set(device, oldest.until),
                None => drop(self.messages.remove(&device)),
            }
        }
    }

    /// When the next one is dropped.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due.next()
    }
}

#[cfg(test)]
impl Held {
    /// Every deadline, one by one.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = Instant> {
        self.messages.values().flatten().map(|message| message.until)
    }
}
