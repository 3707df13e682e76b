//! One screen and several links: peers side by side, and a link that takes over from the one it replaces.

use std::time::{Duration, Instant};

use callbox::media::{self, Event, Media as Edge, Settings};
use callbox_core::ids::{Address, LinkId};
use callbox_core::protocol::Media;
use callbox_core::station::{LinkEvent, MediaOrder};
use tokio::sync::mpsc;

use crate::media_wire::{OPEN, settings};

const SOON: Duration = Duration::from_secs(15);

/// Edges, and the links between them: what one end says is told to the other.
struct Street {
    edges: Vec<(Edge, mpsc::Receiver<Event>)>,
    links: Vec<[(usize, LinkId); 2]>,
    log: Vec<(usize, LinkId, LinkEvent)>,
}

impl Street {
    fn new(all: Vec<Settings>) -> Self {
        let start = |settings| {
            let (sender, events) = mpsc::channel(1024);
            (Edge::start(settings, sender).unwrap(), events)
        };
        Self { edges: all.into_iter().map(start).collect(), links: Vec::new(), log: Vec::new() }
    }

    /// Opens a link between two edges, all gates open; the first one offers.
    fn open(&mut self, from: usize, to: usize, number: u32) -> [(usize, LinkId); 2] {
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
            edge.order(MediaOrder::Gate { link: link.clone(), flow: OPEN });
        }
        self.links.push(ends.clone());
        ends
    }

    fn close(&mut self, ends: &[(usize, LinkId); 2]) {
        for (edge, link) in ends {
            self.edges[*edge].0.order(MediaOrder::Close { link: link.clone() });
        }
        self.links.retain(|known| known != ends);
    }

    fn carry(&mut self) {
        for edge in 0..self.edges.len() {
            while let Ok(event) = self.edges[edge].1.try_recv() {
                let Event::Link { link, event } = event else { continue };
                self.log.push((edge, link.clone(), event.clone()));
                let end = (edge, link);
                let Some(pair) = self.links.iter().find(|pair| pair.contains(&end)) else { continue };
                let (to, link) = if pair[0] == end { &pair[1] } else { &pair[0] };
                let (to, link) = (&self.edges[*to].0, link.clone());
                match event {
                    LinkEvent::Offer(sdp) => to.order(MediaOrder::RemoteOffer { link, sdp }),
                    LinkEvent::Answer(sdp) => to.order(MediaOrder::RemoteAnswer { link, sdp }),
                    LinkEvent::Candidate { candidate, mline } => {
                        to.order(MediaOrder::RemoteCandidate { link, candidate, mline });
                    }
                    _ => {}
                }
            }
        }
    }

    async fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
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

    fn has_shown(&self, end: &(usize, LinkId)) -> bool {
        self.log
            .iter()
            .any(|(edge, link, event)| (edge, link) == (&end.0, &end.1) && *event == LinkEvent::FirstFrameShown)
    }

    /// How many codes the first edge has read, and whose was the last.
    fn seen(&self) -> (u64, String) {
        self.edges[0].0.status().seen.map_or((0, String::new()), |seen| (seen.count, seen.name.unwrap_or_default()))
    }

    /// The first edge's screen shows this name, and goes on showing it.
    async fn shows(&mut self, name: &str) {
        let before = self.seen().0;
        self.until(name, |street| {
            let (count, last) = street.seen();
            count > before + 3 && last == name
        })
        .await;
    }

    async fn stop(self) {
        for (edge, _) in self.edges {
            edge.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_link_takes_over_the_screen_from_the_one_it_replaces() {
    media::warm_up().unwrap();
    let mut street = Street::new(vec![settings("door", 440), settings("flat", 620)]);
    let old = street.open(0, 1, 1);
    street.until("the first link", |street| old.iter().all(|end| street.has_shown(end))).await;
    street.shows("flat").await;
    let new = street.open(0, 1, 2);
    street.until("the second link", |street| new.iter().all(|end| street.has_shown(end))).await;
    street.close(&old);
    street.shows("flat").await;
    street.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn two_peers_share_the_screen_and_the_one_who_stays_fills_it_again() {
    media::warm_up().unwrap();
    let mut street = Street::new(vec![settings("door", 440), settings("flat", 620), settings("desk", 800)]);
    let flat = street.open(0, 1, 1);
    street.until("the first peer", |street| street.has_shown(&flat[0])).await;
    let pipelines = street.edges[0].0.status().pipeline_count;
    let desk = street.open(0, 2, 1);
    street.until("the second peer", |street| street.has_shown(&desk[0])).await;
    // The second link, and the compositor.
    assert_eq!(street.edges[0].0.status().pipeline_count, pipelines + 2);
    street.close(&flat);
    street.shows("desk").await;
    street.until("one alone", |street| street.edges[0].0.status().pipeline_count == pipelines).await;
    street.stop().await;
}
