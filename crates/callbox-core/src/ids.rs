//! Who and what a message names: apps, users, devices, calls, links. Every id is valid by construction.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// A tenant (`sdkappid`). Users of different apps never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppId(pub u32);

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a text is no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no {what}: 1 to {max} of A-Z a-z 0-9 _ - are allowed")]
pub struct BadId {
    what: &'static str,
    max: usize,
    found: String,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(text: String) -> Result<Self, BadId> {
                let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
                if (1..=$max).contains(&text.len()) && text.bytes().all(allowed) {
                    return Ok(Self(text));
                }
                Err(BadId { what: $what, max: $max, found: text.chars().take(80).collect() })
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// Who is called: `door`, `flat-3`, `anna`. The identifier a ticket is made for.
    UserId, "user", 32
);
text_id!(
    /// One login of a user: a phone, a desk, a panel.
    DeviceId, "device", 32
);
text_id!(
    /// One invite and the call it starts, from first ring to last record.
    CallId, "call id", 64
);
text_id!(
    /// What a `command` asks for: `unlock`.
    CommandName, "command", 32
);
text_id!(
    /// One envelope: what a `result` refers to and what a duplicate is told by.
    EnvelopeId, "envelope id", 64
);

/// One device of one user: the two ends of a link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    /// The user who is logged in.
    pub user: UserId,
    /// Which login of that user.
    pub device: DeviceId,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.user, self.device)
    }
}

/// Where a message goes: one device, or every device of a user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The user.
    pub user: UserId,
    /// One device of the user, or all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
}

impl From<Address> for Target {
    fn from(address: Address) -> Self {
        Self { user: address.user, device: Some(address.device) }
    }
}

impl From<UserId> for Target {
    fn from(user: UserId) -> Self {
        Self { user, device: None }
    }
}

/// One WebRTC peer connection of a call, seen from here: the peer and a number, so that a broken one can be replaced.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId {
    /// The call it belongs to.
    pub call: CallId,
    /// The device at the other end.
    pub peer: Address,
    /// 1 for the first link between two devices of a call, then 2, 3 …
    pub number: u32,
}

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{} with {}", self.call, self.number, self.peer)
    }
}

/// Makes ids that nobody can guess and that do not repeat: HMAC-SHA256 of a counter under a seed.
///
/// The seed is chance handed in from outside (32 bytes of the system's randomness in a daemon, a constant in a test).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdSource {
    seed: [u8; 32],
    made: u64,
}

impl fmt::Debug for IdSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdSource").field("made", &self.made).finish_non_exhaustive()
    }
}

impl IdSource {
    /// A source that starts at the beginning of this seed's sequence.
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed, made: 0 }
    }

    /// The next call id: 32 hexadecimal digits.
    pub fn call(&mut self) -> CallId {
        CallId(self.next_hex())
    }

    /// The next envelope id, nonce or challenge: 32 hexadecimal digits.
    pub fn envelope(&mut self) -> EnvelopeId {
        EnvelopeId(self.next_hex())
    }

    fn next_hex(&mut self) -> String {
        self.made += 1;
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.seed).expect("HMAC takes a key of any length");
        mac.update(&self.made.to_be_bytes());
        mac.finalize().into_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_up_to_32_of_the_allowed_characters() {
        assert!("door-panel_01".parse::<UserId>().is_ok());
        for bad in ["", "a b", "tür", "a/b", &"x".repeat(33)] {
            assert!(bad.parse::<UserId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_repeat_for_the_same_seed_and_differ_otherwise() {
        let (mut a, mut b, mut c) = (IdSource::new([1; 32]), IdSource::new([1; 32]), IdSource::new([2; 32]));
        let first = a.call();
        assert_eq!(first, b.call());
        assert_ne!(first, c.call());
        assert_ne!(first, a.call());
    }
}
