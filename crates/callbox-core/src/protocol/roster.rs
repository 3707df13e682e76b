//! Who takes part in a group call, as its devices tell each other.

use serde::{Deserialize, Serialize};

use super::{Agent, EndReason, MAX_CALLEES};
use crate::ids::{Address, UserId};

/// The most devices in a group call at once: a mesh of more costs each of them too much.
pub const MAX_MEMBERS: usize = 6;
/// The most entries of a roster: devices that are, or were, in one call.
pub const MAX_ROSTER: usize = 32;
/// The largest number of an entry.
pub const MAX_ENTRY_NUMBER: u32 = 1 << 30;

/// What one device says of itself and of the users it invited. Only that device writes it, and it numbers what it writes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RosterEntry {
    /// The device that wrote it.
    pub device: Address,
    /// Grows with each change; the greater number counts.
    pub number: u32,
    /// What the device runs: decides which of two devices offers.
    pub agent: Agent,
    /// Which join of the call this is, 1 for the inviter. When more than [`MAX_MEMBERS`] are in, the last ones leave.
    pub place: u16,
    /// Why the device left; absent: it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<EndReason>,
    /// Users whom the device invited, at most [`MAX_CALLEES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invited: Vec<Invited>,
}

/// One user whom a member invited.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Invited {
    /// The user.
    pub user: UserId,
    /// How long the invite rings, in seconds from when it was sent.
    pub ring_s: u16,
    /// Why the user will not come; absent: it rings, or a device of the user has joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<EndReason>,
}

/// What is wrong with the entries of a `roster`, if anything is.
pub(super) fn fault(entries: &[RosterEntry]) -> Option<String> {
    if entries.is_empty() || entries.len() > MAX_ROSTER {
        return Some(format!("`entries` has {} entries: 1 to {MAX_ROSTER} are allowed", entries.len()));
    }
    if let Some(entry) = entries.iter().find(|entry| entry.invited.len() > MAX_CALLEES) {
        let count = entry.invited.len();
        return Some(format!("`invited` of {} has {count} users: at most {MAX_CALLEES} are allowed", entry.device));
    }
    let wrong = entries.iter().find(|entry| entry.number == 0 || entry.number > MAX_ENTRY_NUMBER)?;
    Some(format!("`number` of {} is {}: 1 to {MAX_ENTRY_NUMBER} are allowed", wrong.device, wrong.number))
}
