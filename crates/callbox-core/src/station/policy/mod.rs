//! What the operator decides about calls.

mod callers;
mod quiet;
mod users;

use std::time::Duration;

use crate::ids::UserId;
use crate::protocol::EarlyMedia;

pub use callers::{AutoAnswer, Callers, SHORTEST_WARNING};
pub(super) use quiet::Quiet;
pub use quiet::{LocalTime, QuietPolicy, QuietTime, Weekday};
pub use users::Users;

/// How this station treats calls. Comes in from the config.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// How long our invites ring; 1 s to 600 s.
    pub ring: Duration,
    /// How much of the media path is set up while it rings.
    pub early: EarlyMedia,
    /// Callers whose invites are connected early. `None`: all of them.
    pub trusted: Option<Users>,
    /// Who may ring us.
    pub callers: Callers,
    /// When nobody wants to be rung.
    pub quiet: QuietPolicy,
    /// Whose calls are picked up without anybody's doing.
    pub auto_answer: Option<AutoAnswer>,
    /// The longest talk. `None`: for ever.
    pub longest: Option<Duration>,
    /// The door that this panel opens, if there is one.
    pub door: Option<DoorPolicy>,
}

/// How our door is treated.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DoorPolicy {
    /// Who may open it from the other end of a call.
    pub allow: MayOpen,
    /// A call is over once the door was opened.
    pub hang_up: bool,
    /// How long it may stand open before somebody is told. `None`: for ever, or nobody knows.
    pub open_limit: Option<Duration>,
}

/// Users who may open a door from afar.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MayOpen {
    /// These, or nobody.
    Users(Vec<UserId>),
    /// Whoever rings, or is rung by, this panel.
    Everybody,
}

impl DoorPolicy {
    /// Whether this user may open it from afar.
    pub(super) fn may_open(&self, user: &UserId) -> bool {
        match &self.allow {
            MayOpen::Users(users) => users.contains(user),
            MayOpen::Everybody => true,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            ring: Duration::from_secs(30),
            early: EarlyMedia::Connect,
            trusted: None,
            callers: Callers::default(),
            quiet: QuietPolicy::default(),
            auto_answer: None,
            longest: None,
            door: None,
        }
    }
}

impl Policy {
    /// Whether this user may ring us though it is quiet.
    pub(super) fn rings_always(&self, user: &UserId) -> bool {
        self.quiet.except.contains(user)
    }

    /// What is set up early with this caller: never more than the operator allows.
    pub(super) fn early_with(&self, caller: &UserId) -> EarlyMedia {
        match &self.trusted {
            Some(trusted) if !trusted.contains(caller) => EarlyMedia::Off,
            _ => self.early,
        }
    }
}
