//! How the connection is, for `callbox ctl status` and for the watchdog.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// Where the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Connecting or logging in.
    Connecting,
    /// Logged in.
    Up,
    /// Waits before the next attempt.
    Waiting,
}

/// The connection at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Where it stands.
    pub state: State,
    /// The hub's address, or the broker's that is used or tried now.
    pub url: String,
    /// How long it has stood there.
    pub for_ms: u64,
    /// How often it was up since the start.
    pub connects: u64,
    /// Why it was lost, or refused, the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// How many messages wait to be sent.
    pub queued: usize,
    /// The other way, where there are two: the one that is not used now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standby: Option<Box<Status>>,
}

/// The status, written by the transport task and read by the daemon.
#[derive(Clone, Debug)]
pub(super) struct Board(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    status: Status,
    since: Instant,
    moved: Instant,
}

impl Board {
    pub(super) fn new(url: &str) -> Self {
        let now = Instant::now();
        let status = Status {
            state: State::Connecting,
            url: url.to_owned(),
            for_ms: 0,
            connects: 0,
            last_error: None,
            queued: 0,
            standby: None,
        };
        Self(Arc::new(Mutex::new(Inner { status, since: now, moved: now })))
    }

    pub(super) fn status(&self) -> Status {
        self.with(|inner| {
            let for_ms = u64::try_from(inner.since.elapsed().as_millis()).unwrap_or(u64::MAX);
            Status { for_ms, ..inner.status.clone() }
        })
    }

    pub(super) fn enter(&self, state: State) {
        self.with(|inner| {
            if inner.status.state != state {
                inner.since = Instant::now();
                inner.status.connects += u64::from(state == State::Up);
            }
            inner.status.state = state;
        });
    }

    /// Another server is tried now.
    pub(super) fn at(&self, url: &str) {
        self.with(|inner| url.clone_into(&mut inner.status.url));
    }

    pub(super) fn failed(&self, reason: &str) {
        self.with(|inner| inner.status.last_error = Some(reason.to_owned()));
    }

    pub(super) fn moved(&self, queued: usize) {
        self.with(|inner| {
            inner.moved = Instant::now();
            inner.status.queued = queued;
        });
    }

    pub(super) fn moved_within(&self, time: Duration) -> bool {
        self.with(|inner| inner.moved.elapsed() <= time)
    }

    fn with<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        // Nothing in here can panic half-way: a poisoned board is still a right one.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
