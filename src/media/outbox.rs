//! What the media edge tells the daemon's loop. The owner never waits for the reader; a short backlog bridges a busy one.

use std::mem::discriminant;

use callbox_core::coalesce::{Coalesce, CoalescingQueue, Meeting};
use callbox_core::ids::LinkId;
use callbox_core::station::LinkEvent;
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::inbox;
use super::tiers::Tier;

/// Places for events that may be lost: candidates and codes that were read.
const PLACES: usize = 256;

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
    /// No call can have media: GStreamer, or a part of it, is absent. It is tried again.
    Absent {
        /// What is wrong, and what to do.
        text: String,
    },
    /// Calls can have media, from now on.
    Ready,
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
        /// Which of our pictures it makes.
        picture: Tier,
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

impl Coalesce for Event {
    type Share = u64;

    fn meets(&self, older: &Self) -> Meeting {
        match (self, older) {
            (Self::Link { link, event }, Self::Link { link: other, event: older }) if link == other => {
                link_events(event, older)
            }
            (
                Self::Fault { device, .. } | Self::Recovered { device },
                Self::Fault { device: other, .. } | Self::Recovered { device: other },
            ) if device == other => Meeting::Replace,
            (Self::Absent { .. } | Self::Ready, Self::Absent { .. } | Self::Ready) => Meeting::Replace,
            (
                Self::Adapted { encoder, picture, .. },
                Self::Adapted { encoder: other_encoder, picture: other_picture, .. },
            ) if encoder == other_encoder && picture == other_picture => Meeting::Replace,
            (Self::Drain(_), Self::Drain(_)) => Meeting::Yield,
            _ => Meeting::Stay,
        }
    }

    fn share(&self) -> Option<Self::Share> {
        match self {
            Self::Link { link, event: LinkEvent::Candidate { .. } } => Some(inbox::hash(link)),
            Self::Seen { .. } => Some(0),
            _ => None,
        }
    }
}

/// One of each kind waits for a link.
fn link_events(newer: &LinkEvent, older: &LinkEvent) -> Meeting {
    match newer {
        LinkEvent::Candidate { .. } => Meeting::Stay,
        _ if discriminant(newer) != discriminant(older) => Meeting::Stay,
        // A link may fall silent and come back several times: the order of the last two counts.
        LinkEvent::Secured | LinkEvent::Silent => Meeting::Replace,
        _ => Meeting::Yield,
    }
}

/// Where events leave.
pub(crate) struct Outbox {
    sender: Sender<Event>,
    backlog: CoalescingQueue<Event>,
    lost: u64,
}

impl Outbox {
    /// An outbox with this reader.
    pub(crate) fn new(sender: Sender<Event>) -> Self {
        Self { sender, backlog: CoalescingQueue::new(PLACES), lost: 0 }
    }

    /// Tells something.
    pub(crate) fn tell(&mut self, event: Event) {
        if self.backlog.push(event).is_some() {
            self.lost += 1;
            // A flood must not fill the log as well.
            if self.lost.is_power_of_two() {
                tracing::warn!(lost = self.lost, "the daemon is busy: a candidate or a code that was read was dropped");
            }
        }
        self.flush();
    }

    /// Tells something of a link.
    pub(crate) fn link(&mut self, link: &LinkId, event: LinkEvent) {
        self.tell(Event::Link { link: link.clone(), event });
    }

    /// Hands over what waits, as far as there is room.
    pub(crate) fn flush(&mut self) {
        while let Some(event) = self.backlog.pop() {
            match self.sender.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => return self.backlog.put_back(event),
                Err(TrySendError::Closed(_)) => return self.backlog.clear(),
            }
        }
    }

    /// Whether something waits.
    pub(crate) fn is_behind(&self) -> bool {
        !self.backlog.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use callbox_core::ids::Address;
    use callbox_core::station::LinkFailure;
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn a_reader_that_is_slow_loses_candidates_and_nothing_else() {
        let (sender, mut events) = mpsc::channel(1);
        let mut outbox = Outbox::new(sender);
        let peer = Address { user: "anna".parse().unwrap(), device: "phone".parse().unwrap() };
        let link = LinkId { call: "c".parse().unwrap(), peer, number: 1 };
        let flood = |outbox: &mut Outbox| {
            for frame in 0..1000 {
                outbox.link(&link, LinkEvent::Candidate { candidate: "candidate:".into(), mline: 0 });
                outbox.tell(Event::Seen { frame, text: "code".into() });
                outbox.tell(Event::Fault { device: Device::Camera, text: frame.to_string() });
            }
        };
        flood(&mut outbox);
        for event in [LinkEvent::Secured, LinkEvent::Silent, LinkEvent::Secured] {
            outbox.link(&link, event);
        }
        flood(&mut outbox);
        outbox.link(&link, LinkEvent::Failed(LinkFailure::Transport));
        outbox.tell(Event::Drain("hangs".into()));
        let mut read = Vec::new();
        while let Ok(event) = events.try_recv() {
            read.push(event);
            outbox.flush();
        }
        let decisive: Vec<_> = read
            .iter()
            .filter(|event| {
                !matches!(event, Event::Seen { .. } | Event::Link { event: LinkEvent::Candidate { .. }, .. })
            })
            .cloned()
            .collect();
        let told = |event| Event::Link { link: link.clone(), event };
        assert_eq!(
            decisive,
            [
                told(LinkEvent::Silent),
                told(LinkEvent::Secured),
                Event::Fault { device: Device::Camera, text: "999".into() },
                told(LinkEvent::Failed(LinkFailure::Transport)),
                Event::Drain("hangs".into()),
            ]
        );
        assert!(read.len() <= PLACES + 6, "{}", read.len());
    }
}
