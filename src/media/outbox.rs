//! What the media edge tells the daemon's loop. The owner never waits for the reader; a short backlog bridges a busy one.

use std::collections::VecDeque;

use callbox_core::ids::LinkId;
use callbox_core::station::LinkEvent;
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

/// Most events that wait for a reader.
const BACKLOG: usize = 1024;

/// What a fault is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Device {
    /// The camera.
    Camera,
    /// The microphone.
    Microphone,
    /// The speaker.
    Speaker,
    /// The screen.
    Screen,
    /// The video encoder.
    Encoder,
}

/// Something the daemon should know.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Something happened on a link.
    Link {
        /// Which.
        link: LinkId,
        /// What.
        event: LinkEvent,
    },
    /// A test screen read a QR code that it had not read before.
    Seen {
        /// The frame number in it.
        frame: u64,
        /// Everything in it.
        text: String,
    },
    /// A device is lost; calls go on without it and it is tried again.
    Fault {
        /// Which.
        device: Device,
        /// What happened.
        text: String,
    },
    /// A lost device is back.
    Recovered {
        /// Which.
        device: Device,
    },
    /// The encoder could not keep up, or does so again: size or rate of our picture changed.
    Adapted {
        /// The encoder's element.
        encoder: &'static str,
        /// The width from now on.
        width: u32,
        /// The height from now on.
        height: u32,
        /// Frames a second from now on, at most.
        fps: u32,
        /// It became less; otherwise more.
        reduced: bool,
    },
    /// Something hangs that cannot be ended: finish the calls and restart the process.
    Drain(String),
}

/// Where events leave.
pub(crate) struct Outbox {
    sender: Sender<Event>,
    backlog: VecDeque<Event>,
}

impl Outbox {
    /// An outbox with this reader.
    pub(crate) fn new(sender: Sender<Event>) -> Self {
        Self { sender, backlog: VecDeque::new() }
    }

    /// Tells something.
    pub(crate) fn tell(&mut self, event: Event) {
        if self.backlog.len() == BACKLOG {
            tracing::error!("the media edge's events are not read: the oldest is dropped");
            self.backlog.pop_front();
        }
        self.backlog.push_back(event);
        self.flush();
    }

    /// Tells something of a link.
    pub(crate) fn link(&mut self, link: &LinkId, event: LinkEvent) {
        self.tell(Event::Link { link: link.clone(), event });
    }

    /// Hands over what waits, as far as there is room.
    pub(crate) fn flush(&mut self) {
        while let Some(event) = self.backlog.pop_front() {
            match self.sender.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => return self.backlog.push_front(event),
                Err(TrySendError::Closed(_)) => return self.backlog.clear(),
            }
        }
    }

    /// Whether something waits.
    pub(crate) fn is_behind(&self) -> bool {
        !self.backlog.is_empty()
    }
}
