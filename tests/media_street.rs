//! The harness for several links: media edges in one process, and a wire in memory for each link between two of them.

use std::time::{Duration, Instant};

use callbox::media::{Event, LinkStatus, Media as Edge, Settings};
use callbox_core::ids::{Address, LinkId};
use callbox_core::protocol::Media;
use callbox_core::station::{Flow, LinkEvent, MediaOrder};
use tokio::sync::mpsc;

use crate::media_relay::Relay;
use crate::media_wire::OPEN;

pub(crate) const SOON: Duration = Duration::from_secs(15);

/// One end of a link: its edge, and its name there.
pub(crate) type End = (usize, LinkId);

/// Edges, and the links between them: what one end says is told to the other.
pub(crate) struct Street {
    pub(crate) edges: Vec<(Edge, mpsc::Receiver<Event>)>,
    links: Vec<[End; 2]>,
    log: Vec<(usize, LinkId, LinkEvent)>,
    /// The narrow paths: the call of each link that takes one, by the edges at its ends.
    relays: Vec<([usize; 2], Relay)>,
}

impl Street {
    pub(crate) fn new(all: Vec<Settings>) -> Self {
        let start = |settings| {
            let (sender, events) = mpsc::channel(1024);
            (Edge::start(settings, sender).unwrap(), events)
        };
        Self { edges: all.into_iter().map(start).collect(), links: Vec::new(), log: Vec::new(), relays: Vec::new() }
    }

    /// Opens a link between two edges, all gates open; the first one offers.
    pub(crate) fn open(&mut self, from: usize, to: usize, number: u32) -> [End; 2] {
        self.open_with(from, to, number, [OPEN, OPEN])
    }

    /// Opens a link with these gates at its ends; the first one offers.
    pub(crate) fn open_with(&mut self, from: usize, to: usize, number: u32, flows: [Flow; 2]) -> [End; 2] {
        let name = |peer: usize| LinkId {
            call: "screen".parse().unwrap(),
            peer: Address { user: format!("user{peer}").parse().unwrap(), device: "test".parse().unwrap() },
            number,
        };
        let ends = [(from, name(to)), (to, name(from))];
        for (place, (edge, link)) in ends.iter().enumerate() {
            let edge = &self.edges[*edge].0;
            edge.order(MediaOrder::Prepare { media: Media::Video });
            edge.order(MediaOrder::Open { link: link.clone(), media: Media::Video, offerer: place == 0 });
            edge.order(MediaOrder::Gate { link: link.clone(), flow: flows[place] });
        }
        self.links.push(ends.clone());
        ends
    }

    pub(crate) fn close(&mut self, ends: &[End; 2]) {
        for (edge, link) in ends {
            self.edges[*edge].0.order(MediaOrder::Close { link: link.clone() });
        }
        self.links.retain(|known| known != ends);
    }

    pub(crate) fn carry(&mut self) {
        for edge in 0..self.edges.len() {
            while let Ok(event) = self.edges[edge].1.try_recv() {
                let Event::Link { link, event } = event else { continue };
                self.log.push((edge, link.clone(), event.clone()));
                let end = (edge, link);
                let Some(pair) = self.links.iter().find(|pair| pair.contains(&end)) else { continue };
                let (from, (to, link)) = if pair[0] == end { (0, &pair[1]) } else { (1, &pair[0]) };
                let relay = self.relays.iter_mut().find(|(ends, _)| *ends == [pair[0].0, pair[1].0]);
                let (to, link) = (&self.edges[*to].0, link.clone());
                let described = |relay: Option<&mut Relay>, sdp: String| match relay {
                    Some(relay) => relay.rewrite(from, &sdp),
                    None => sdp,
                };
                let relay = relay.map(|(_, relay)| relay);
                match event {
                    LinkEvent::Offer(sdp) => to.order(MediaOrder::RemoteOffer { link, sdp: described(relay, sdp) }),
                    LinkEvent::Answer(sdp) => to.order(MediaOrder::RemoteAnswer { link, sdp: described(relay, sdp) }),
                    LinkEvent::Candidate { candidate, mline } => {
                        let candidate = match relay {
                            Some(relay) => relay.instead(from, &candidate),
                            None => Some(candidate),
                        };
                        let Some(candidate) = candidate else { continue };
                        to.order(MediaOrder::RemoteCandidate { link, candidate, mline });
                    }
                    _ => {}
                }
            }
        }
    }

    pub(crate) async fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        loop {
            self.carry();
            if done(self) {
                return;
            }
            assert!(start.elapsed() < SOON, "{what} did not happen\n{:#?}", self.edges[0].0.status());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Whether an end told this.
    pub(crate) fn has(&self, end: &End, told: &LinkEvent) -> bool {
        self.log.iter().any(|(edge, link, event)| (edge, link) == (&end.0, &end.1) && event == told)
    }

    pub(crate) fn has_shown(&self, end: &End) -> bool {
        self.has(end, &LinkEvent::FirstFrameShown)
    }

    /// How many codes the first edge has read, and whose was the last.
    pub(crate) fn seen(&self) -> (u64, String) {
        self.edges[0].0.status().seen.map_or((0, String::new()), |seen| (seen.count, seen.name.unwrap_or_default()))
    }

    /// The first edge's screen shows this name, and goes on showing it.
    pub(crate) async fn shows(&mut self, name: &str) {
        let before = self.seen().0;
        self.until(name, |street| {
            let (count, last) = street.seen();
            count > before + 3 && last == name
        })
        .await;
    }

    pub(crate) async fn stop(self) {
        for (edge, _) in self.edges {
            edge.stop().await;
        }
    }

    /// Every packet of the links between these two edges takes this path. To be called before they are opened.
    pub(crate) fn narrow(&mut self, from: usize, to: usize, relay: Relay) {
        self.relays.push(([from, to], relay));
    }

    /// Carries on for this long.
    pub(crate) async fn rest(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.carry();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// A link in figures, as one of its ends sees it.
    pub(crate) fn link(&self, end: &End) -> Option<LinkStatus> {
        let name = end.1.to_string();
        self.edges[end.0].0.status().links.into_iter().find(|link| link.link == name)
    }
}
