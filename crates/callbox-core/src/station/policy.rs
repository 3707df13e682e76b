//! What the operator decides about calls.

use std::time::Duration;

use crate::ids::UserId;
use crate::protocol::EarlyMedia;

/// How this station treats calls. Comes in from the config.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// How long our invites ring; 1 s to 600 s.
    pub ring: Duration,
    /// How much of the media path is set up while it rings.
    pub early: EarlyMedia,
    /// Callers whose invites are connected early. `None`: all of them.
    pub trusted: Option<Vec<UserId>>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { ring: Duration::from_secs(30), early: EarlyMedia::Connect, trusted: None }
    }
}

impl Policy {
    /// What is set up early with this caller: never more than the operator allows.
    pub(super) fn early_with(&self, caller: &UserId) -> EarlyMedia {
        match &self.trusted {
            Some(trusted) if !trusted.contains(caller) => EarlyMedia::Off,
            _ => self.early,
        }
    }
}
