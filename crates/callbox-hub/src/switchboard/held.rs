//! Messages to a device that is away for a moment: it reconnects, or the hub was restarted under it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use callbox_core::ids::Address;
use callbox_core::protocol::Envelope;

use super::Now;

/// A device that is away for longer hears nothing of it.
const HELD: Duration = Duration::from_secs(10);
/// The most for one device.
const PER_DEVICE: usize = 32;
/// The most bytes for all devices of an app.
const PER_APP: usize = 4 * 1024 * 1024;

/// What is held for the devices of one app.
#[derive(Debug, Default)]
pub(super) struct Held {
    messages: BTreeMap<Address, Vec<Message>>,
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
        self.messages.entry(to).or_default().push(Message { until: now.steady + HELD, size, envelope });
        self.bytes += size;
        true
    }

    /// Takes out what is held for a device that is back.
    pub(super) fn take(&mut self, now: Now, device: &Address) -> Vec<Envelope> {
        let held = self.messages.remove(device).unwrap_or_default();
        self.bytes -= held.iter().map(|message| message.size).sum::<usize>();
        held.into_iter().filter(|message| message.until > now.steady).map(|message| message.envelope).collect()
    }

    /// Drops what has been held for too long.
    pub(super) fn expire(&mut self, now: Now) {
        let bytes = &mut self.bytes;
        self.messages.retain(|_, held| {
            held.retain(|message| {
                let stays = message.until > now.steady;
                *bytes -= if stays { 0 } else { message.size };
                stays
            });
            !held.is_empty()
        });
    }

    /// When the next one is dropped.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.messages.values().flatten().map(|message| message.until).min()
    }
}
