//! Devices that were logged in a while ago: for these, and not for invented ones, messages are held.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use callbox_core::ids::{Address, DeviceId, UserId};

use super::Now;
use super::deadlines::Deadlines;

/// A device that is away for longer has to log in before anything is held for it.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);
/// The most of one user, who may call its devices what it likes: the latest.
const PER_USER: usize = 16;

/// The devices of one app.
#[derive(Debug, Default)]
pub(super) struct Lately {
    devices: BTreeMap<UserId, VecDeque<DeviceId>>,
    due: Deadlines<Address>,
}

impl Lately {
    /// A device has left.
    pub(super) fn left(&mut self, now: Now, device: &Address) {
        self.forget(device);
        let of_user = self.devices.entry(device.user.clone()).or_default();
        of_user.push_back(device.device.clone());
        let oldest = if of_user.len() > PER_USER { of_user.pop_front() } else { None };
        if let Some(oldest) = oldest {
            self.due.remove(&Address { user: device.user.clone(), device: oldest });
        }
        self.due.set(device.clone(), now.steady + REMEMBERED);
    }

    /// Whether this device was there a while ago.
    pub(super) fn knows(&self, device: &Address) -> bool {
        self.devices.get(&device.user).is_some_and(|devices| devices.contains(&device.device))
    }

    /// Forgets those that are away for too long.
    pub(super) fn expire(&mut self, now: Now) {
        for device in self.due.take_due(now.steady) {
            self.forget(&device);
        }
    }

    /// When the next one is forgotten.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due.next()
    }

    fn forget(&mut self, device: &Address) {
        self.due.remove(device);
        if let Some(devices) = self.devices.get_mut(&device.user) {
            devices.retain(|known| *known != device.device);
            if devices.is_empty() {
                self.devices.remove(&device.user);
            }
        }
    }
}
