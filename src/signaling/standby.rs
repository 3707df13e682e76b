//! Two ways at once: both are connected and heard all the time; what we say goes over the first that is up.
//!
//! ```text
//! daemon ── Order ──▶ pair ──▶ reconnect::run (first)  ── Event ──▶ pair ── Event ──▶ daemon
//!                       └────▶ reconnect::run (second) ── Event ──┘
//! ```
//! An envelope has one id on both ways, and both ways share the memory of what was heard: whatever comes twice is heard once. What a
//! server could not hand on is said on the other way too, and so is what was under way when the first one broke.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use callbox_core::client::Seen;
use callbox_core::ids::{Address, EnvelopeId, IdSource};
use callbox_core::protocol::{Envelope, IceServer, Message, ResultCode};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::exchange::Exchange;
use super::status::Board;
use super::{EVENTS, Event, Order, Server, Settings, carry, orders};

/// How many messages are remembered, should they have to be said again.
const SAID: usize = 32;
/// What was said longer ago has arrived, or matters no more.
const RECENT: Duration = Duration::from_secs(30);

/// One of the two ways.
struct Way {
    orders: orders::Sender,
    up: bool,
    /// Who is there, as this way tells.
    there: BTreeSet<Address>,
}

/// What was said last, and how it fared.
struct Said {
    envelope: Envelope,
    at: Instant,
    /// It went over the other way too.
    repeated: bool,
    /// The first server could not hand it on, and keeps it or not.
    fared: Option<ResultCode>,
}

/// Both ways.
pub(super) struct Pair {
    ways: [Way; 2],
    heard: mpsc::Receiver<(usize, Event)>,
    tasks: JoinSet<()>,
    events: mpsc::Sender<Event>,
    ids: IdSource,
    you: Option<Address>,
    /// Those of the last server that named some.
    ice_servers: Vec<IceServer>,
    said: VecDeque<Said>,
}

impl Pair {
    /// Starts both ways.
    pub(super) fn start(settings: &Settings, servers: [(Server, Board); 2], events: mpsc::Sender<Event>) -> Self {
        let mut seed = [0; 32];
        if let Err(error) = getrandom::fill(&mut seed) {
            tracing::error!(%error, "no randomness: envelope ids may repeat");
        }
        let (tell, heard) = mpsc::channel(EVENTS);
        let (seen, mut tasks) = (Arc::new(Mutex::new(Seen::default())), JoinSet::new());
        let mut number = 0;
        let ways = servers.map(|(server, board)| {
            let (orders, inbox) = orders::queue();
            let (told, mut events) = mpsc::channel(EVENTS);
            let exchange = Exchange::new(settings, told, board.clone()).sharing(Arc::clone(&seen));
            let settings = settings.clone();
            tasks.spawn(async move { carry(settings, server, &board, exchange, inbox).await });
            let (at, tell) = (number, tell.clone());
            number += 1;
            tasks.spawn(async move {
                while let Some(event) = events.recv().await {
                    if tell.send((at, event)).await.is_err() {
                        return;
                    }
                }
            });
            Way { orders, up: false, there: BTreeSet::new() }
        });
        let (you, ice_servers, said) = (None, Vec::new(), VecDeque::new());
        Self { ways, heard, tasks, events, ids: IdSource::new(seed), you, ice_servers, said }
    }

    /// Passes orders and events until told to stop.
    pub(super) async fn run(mut self, mut orders: orders::Receiver) {
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Stop(done)) => return self.stop(done).await,
                    Some(order) => self.take(Instant::now(), order),
                    None => return,
                },
                Some((way, event)) = self.heard.recv() => {
                    for event in self.on(Instant::now(), way, event) {
                        if self.events.send(event).await.is_err() {
                            tracing::debug!("signalling event after the end");
                        }
                    }
                }
            }
        }
    }

    async fn stop(mut self, done: oneshot::Sender<()>) {
        let stops = self.ways.each_ref().map(|way| {
            let (done, stopped) = oneshot::channel();
            give(way, Order::Stop(done));
            stopped
        });
        for stopped in stops {
            // A way that has ended already has nobody who could say so.
            let _ended = stopped.await;
        }
        self.tasks.shutdown().await;
        let _late = done.send(());
    }

    fn take(&mut self, now: Instant, order: Order) {
        match order {
            Order::Send { to, message } => {
                let envelope = Envelope { id: self.ids.envelope(), from: None, to: Some(to), message };
                self.say(now, envelope);
            }
            Order::Put(envelope) => self.say(now, envelope),
            Order::Watch(users) => {
                for way in &mut self.ways {
                    way.there.retain(|peer| users.contains(&peer.user));
                    give(way, Order::Watch(users.clone()));
                }
            }
            Order::Changed(change) => self.ways.iter().for_each(|way| give(way, Order::Changed(change.clone()))),
            // The hub gives it again, and tells of missed calls, by itself.
            Order::Rang(_) | Order::TellMissed(_) | Order::Stop(_) => {}
        }
    }

    /// Over the first way that is up; while none is, over whichever comes up first. Either server may keep an invite: what ends it
    /// goes to both.
    fn say(&mut self, now: Instant, envelope: Envelope) {
        let ends_invites = matches!(envelope.message, Message::Cancel { .. });
        let first = self.ways.iter().position(|way| way.up).filter(|_| !ends_invites);
        for (_, way) in self.ways.iter().enumerate().filter(|(at, _)| first.is_none_or(|first| first == *at)) {
            give(way, Order::Put(envelope.clone()));
        }
        self.said.push_back(Said { envelope, at: now, repeated: first.is_none(), fared: None });
        if self.said.len() > SAID {
            let is_setup = |said: &Said| matches!(said.envelope.message, Message::Candidate { .. });
            let least = self.said.iter().position(is_setup).unwrap_or(0);
            self.said.remove(least);
        }
    }

    /// What an event of one way means for the daemon.
    fn on(&mut self, now: Instant, at: usize, event: Event) -> Vec<Event> {
        match event {
            Event::Up { you, ice_servers } => self.came_up(at, you, ice_servers),
            Event::Down { reason } => self.went_down(now, at, reason),
            Event::Presence { peer, online } => self.present(at, peer, online).into_iter().collect(),
            Event::Fared { re: Some(id), code, call, about, to, text } => {
                let code = self.try_other(now, at, &id, code);
                code.map(|code| Event::Fared { re: Some(id), code, call, about, to, text }).into_iter().collect()
            }
            event => vec![event],
        }
    }

    /// The daemon is told of the way that carries now: what it said on another one may be lost.
    fn came_up(&mut self, at: usize, you: Address, ice_servers: Vec<IceServer>) -> Vec<Event> {
        let carries_already = self.ways[..at].iter().any(|way| way.up);
        self.ways[at].up = true;
        if !ice_servers.is_empty() {
            self.ice_servers = ice_servers;
        }
        self.you = Some(you);
        if carries_already { Vec::new() } else { self.up() }
    }

    fn went_down(&mut self, now: Instant, at: usize, reason: String) -> Vec<Event> {
        self.ways[at].up = false;
        let Some(other) = self.ways.iter().position(|way| way.up) else { return vec![Event::Down { reason }] };
        if other < at {
            tracing::info!(reason, "the stand-by is down");
            return Vec::new();
        }
        tracing::warn!(reason, "signalling goes on over the stand-by");
        // An invite is made anew by the station, with the time that is left.
        let again = |said: &&mut Said| {
            !said.repeated && now < said.at + RECENT && !matches!(said.envelope.message, Message::Invite { .. })
        };
        for said in self.said.iter_mut().filter(again) {
            said.repeated = true;
            give(&self.ways[other], Order::Put(said.envelope.clone()));
        }
        self.up()
    }

    fn up(&self) -> Vec<Event> {
        let ice_servers = self.ice_servers.clone();
        self.you.clone().map(|you| Event::Up { you, ice_servers }).into_iter().collect()
    }

    /// Somebody is there as long as one of the ways says so.
    fn present(&mut self, at: usize, peer: Address, online: bool) -> Option<Event> {
        let there = |ways: &[Way; 2]| ways.iter().any(|way| way.there.contains(&peer));
        let was = there(&self.ways);
        if online {
            self.ways[at].there.insert(peer.clone());
        } else {
            self.ways[at].there.remove(&peer);
        }
        (there(&self.ways) != was).then_some(Event::Presence { peer, online })
    }

    /// One server did not hand a message on: the other one may. Gives what the daemon is to hear, once both have said it.
    fn try_other(&mut self, now: Instant, at: usize, id: &EnvelopeId, code: ResultCode) -> Option<ResultCode> {
        let other = &self.ways[1 - at];
        let absent = matches!(code, ResultCode::Queued | ResultCode::Offline | ResultCode::UnknownUser);
        let Some(said) = self.said.iter_mut().find(|said| said.envelope.id == *id) else { return Some(code) };
        if absent && !said.repeated && other.up {
            said.repeated = true;
            said.fared = Some(code);
            give(other, Order::Put(said.envelope.clone()));
            return None;
        }
        // Where it waits for somebody, it may still arrive.
        match said.fared.take() {
            Some(ResultCode::Queued) if now < said.at + RECENT => Some(ResultCode::Queued),
            _ => Some(code),
        }
    }
}

fn give(way: &Way, order: Order) {
    way.orders.give(order);
}
