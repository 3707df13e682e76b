//! The entries of the `roster` message: who takes part in a group call.

use serde::{Deserialize, Serialize};

use super::{Agent, EndReason, MAX_CALLEES};
use crate::ids::{Address, UserId};

/// The most devices in a group call at once. In a mesh each device sends to every other one.
pub const MAX_MEMBERS: usize = 6;
/// The most entries of a roster. Devices that left keep their entry.
pub const MAX_ROSTER: usize = 32;
/// The largest number of an entry.
pub const MAX_ENTRY_NUMBER: u32 = 1 << 30;

/// The state of one device and the users that it invited. Only that device writes the entry, and it numbers each version.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RosterEntry {
    /// The device that wrote it.
    pub device: Address,
    /// The version: grows with each change. The greater number counts.
    pub number: u32,
    /// The kind of program that the device runs. It decides which of two devices offers.
    pub agent: Agent,
    /// The position in the order of joining, 1 for the inviter. When more than [`MAX_MEMBERS`] are in, the last ones leave.
    pub place: u16,
    /// Why the device left; absent: it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<EndReason>,
    /// The users that the device invited, at most [`MAX_CALLEES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invited: Vec<Invited>,
}

/// A user that a member invited.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Invited {
    /// The user.
    pub user: UserId,
    /// The length of the ring in seconds, from when the invite was sent.
    pub ring_s: u16,
    /// Why the user will not join. Absent: the user rings, or has joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<EndReason>,
}

/// Returns what is wrong with the entries of a `roster`. None: nothing is.
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
