//! A house: one station, what its edges were told, and its ends of the media links.

use std::collections::BTreeMap;
use std::time::Instant;

use callbox_core::ids::{LinkId, UserId};
use callbox_core::protocol::{Agent, Message};
use callbox_core::station::{CallRecord, DoorNews, LinkEvent, MediaOrder, Policy, Station, Tone};

use super::Recorder;
use super::media::LinkEnd;

/// A door relay.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Relay {
    /// It is switched, and says so at once.
    Works,
    /// It says that it cannot be switched.
    Fails,
    /// It says nothing.
    Hangs,
}

pub(crate) struct House {
    pub(crate) station: Station,
    pub(crate) agent: Agent,
    pub(crate) policy: Policy,
    pub(crate) watched: Vec<UserId>,
    pub(crate) sent: Vec<Message>,
    pub(crate) orders: Vec<MediaOrder>,
    pub(crate) records: Vec<CallRecord>,
    pub(crate) door_news: Vec<DoorNews>,
    /// The openings that the relay was pulsed for.
    pub(crate) pulses: Vec<u64>,
    /// What the relay does when it is to be switched.
    pub(crate) relay: Relay,
    pub(crate) tone: Tone,
    /// Capture and rendering run.
    pub(crate) prepared: bool,
    pub(crate) links: BTreeMap<LinkId, LinkEnd>,
    /// What the media edge will tell of links, and when.
    pub(crate) media_events: Vec<(Instant, LinkId, LinkEvent)>,
    pub(crate) recorder: Option<Recorder>,
    /// Why presses came to nothing.
    pub(crate) ignored: Vec<&'static str>,
}

impl House {
    pub(crate) fn new(station: Station, agent: Agent, policy: Policy) -> Self {
        Self {
            station,
            agent,
            policy,
            watched: Vec::new(),
            sent: Vec::new(),
            orders: Vec::new(),
            records: Vec::new(),
            door_news: Vec::new(),
            pulses: Vec::new(),
            relay: Relay::Works,
            tone: Tone::Silence,
            prepared: false,
            links: BTreeMap::new(),
            media_events: Vec::new(),
            recorder: None,
            ignored: Vec::new(),
        }
    }

    /// When something is due here.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let events = self.media_events.iter().map(|(due, _, _)| *due);
        let ends = self.links.values().filter_map(LinkEnd::next_due);
        self.station.deadline().into_iter().chain(events).chain(ends).min()
    }
}
