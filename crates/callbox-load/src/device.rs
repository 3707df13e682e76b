//! One simulated station: the real core, a simulated media edge, and a finger that presses buttons as planned.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use callbox_core::ids::{CallId, EnvelopeId};
use callbox_core::protocol::{Media, Message};
use callbox_core::station::{Action, CallRecord, Effect, Input, LinkEvent, Phase, Station};
use tokio::sync::mpsc;
use tokio::time::{sleep, sleep_until};

use crate::cast;
use crate::ledger::{Event, Ledger};
use crate::media::MediaEdge;
use crate::plan::{Course, Plan};
use crate::tally::Tally;
use crate::transport::{Heard, Login, Lost, Transport, Wire};

/// How many received envelopes are remembered to tell a repeated one.
const SEEN: usize = 64;
/// How often a station tries to connect (again).
const ATTEMPTS: u32 = 5;
/// The wait after the first failed attempt; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// What every station of a run writes into.
#[derive(Debug)]
pub struct Books {
    ledger: Mutex<Ledger>,
    /// Everything else.
    pub tally: Arc<Tally>,
}

impl Books {
    /// Books without a call.
    pub fn new(tally: Arc<Tally>) -> Self {
        Self { ledger: Mutex::default(), tally }
    }

    /// The calls.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a station is told to do. When nobody can tell it anything any more, it leaves.
#[derive(Clone, Debug)]
pub enum Order {
    /// It will be rung, and is to do its part.
    Expect(Plan),
    /// It is to ring, as the ledger's plan of this number.
    Call(usize, Plan),
}

/// One simulated station.
pub struct Device<T: Transport> {
    index: usize,
    station: Station,
    media: MediaEdge,
    books: Arc<Books>,
    orders: mpsc::Receiver<Order>,
    transport: T,
    login: Login,
    plan: Option<Plan>,
    begins: Option<usize>,
    press: Option<(Instant, Action)>,
    /// The peers in a group call, as the ledger knows them.
    peers: BTreeSet<usize>,
    seen: VecDeque<EnvelopeId>,
}

/// Connects, several times if need be, with growing waits.
pub async fn connect<T: Transport>(transport: &T, login: &Login, tally: &Tally) -> Result<T::Wire, Lost> {
    let mut wait = FIRST_WAIT;
    let mut attempt = 1;
    loop {
        match transport.connect(login).await {
            Ok(wire) => return Ok(wire),
            Err(lost) if attempt == ATTEMPTS => return Err(lost),
            Err(lost) => tally.incident(lost.to_string()),
        }
        attempt += 1;
        sleep(wait.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        wait *= 2;
    }
}

impl<T: Transport> Device<T> {
    /// A station that has not said anything yet.
    pub fn new(
        index: usize,
        (station, media): (Station, MediaEdge),
        (transport, login): (T, Login),
        books: Arc<Books>,
        orders: mpsc::Receiver<Order>,
    ) -> Self {
        let (plan, begins, press, peers, seen) = (None, None, None, BTreeSet::new(), VecDeque::with_capacity(SEEN));
        Self { index, station, media, books, orders, transport, login, plan, begins, press, peers, seen }
    }

    /// Lives until nobody gives orders any more.
    pub async fn run(mut self, mut wire: T::Wire) {
        loop {
            match self.live(&mut wire).await {
                Ok(()) => return wire.close().await,
                Err(lost) => self.books.tally.incident(lost.to_string()),
            }
            self.station.handle(Instant::now(), Input::SignalingDown);
            drop(wire);
            wire = match connect(&self.transport, &self.login, &self.books.tally).await {
                Ok(wire) => wire,
                Err(lost) => return self.books.tally.incident(format!("given up: {lost}")),
            };
            if let Err(lost) = self.handle(Input::SignalingUp, &mut wire).await {
                self.books.tally.incident(lost.to_string());
            }
        }
    }

    /// Does one thing after the other until the connection is lost, or its time here is over.
    async fn live(&mut self, wire: &mut T::Wire) -> Result<(), Lost> {
        loop {
            let deadline = self.deadline();
            tokio::select! {
                // Orders first: who is to be rung must know so before the ring can arrive.
                biased;
                order = self.orders.recv() => match order {
                    Some(Order::Expect(plan)) => self.plan = Some(plan),
                    Some(Order::Call(number, plan)) => self.ring(number, plan, wire).await?,
                    None => return Ok(()),
                },
                heard = wire.hear() => self.heard(heard?, wire).await?,
                () = until(deadline) => self.tick(wire).await?,
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let press = self.press.as_ref().map(|(at, _)| *at);
        [self.station.deadline(), self.media.deadline(), press].into_iter().flatten().min()
    }

    async fn ring(&mut self, number: usize, plan: Plan, wire: &mut T::Wire) -> Result<(), Lost> {
        let users = plan.callees.iter().map(|callee| cast::user(*callee)).collect();
        let (is_group, media) = (plan.course == Course::Group, Media::Video);
        self.plan = Some(plan);
        self.begins = Some(number);
        let action = if is_group { Action::CallGroup { users, media } } else { Action::Call { users, media } };
        self.handle(Input::Pressed(action), wire).await
    }

    async fn heard(&mut self, heard: Heard, wire: &mut T::Wire) -> Result<(), Lost> {
        match heard {
            Heard::Message { id, .. } if self.seen.contains(&id) => {
                self.books.tally.repeated();
                Ok(())
            }
            Heard::Message { id, from, message } => {
                if self.seen.len() == SEEN {
                    self.seen.pop_front();
                }
                self.seen.push_back(id);
                self.handle(Input::Heard { from, message }, wire).await
            }
            Heard::Presence { peer, online } => self.handle(Input::Presence { peer, online }, wire).await,
            Heard::Refused { code, text } => {
                // Names differ from one to the next and would hide that the reason is the same.
                let text: Vec<_> = text.split(' ').filter(|word| !word.contains("load-")).collect();
                self.books.tally.incident(format!("result {code:?}: {}", text.join(" ")));
                Ok(())
            }
        }
    }

    async fn tick(&mut self, wire: &mut T::Wire) -> Result<(), Lost> {
        let now = Instant::now();
        if self.station.deadline().is_some_and(|at| at <= now) {
            self.handle(Input::Tick, wire).await?;
        }
        while let Some((link, event)) = self.media.happened(now) {
            self.handle(Input::Link { link, event }, wire).await?;
        }
        match self.press.take() {
            Some((at, action)) if at <= now => self.handle(Input::Pressed(action), wire).await,
            not_yet => {
                self.press = not_yet;
                Ok(())
            }
        }
    }

    /// Hands one thing to the station, does what it wants, and writes down what happened.
    async fn handle(&mut self, input: Input, wire: &mut T::Wire) -> Result<(), Lost> {
        let now = Instant::now();
        let rings = matches!(&input, Input::Heard { message: Message::Ringing { .. }, .. });
        let audible = matches!(&input, Input::Link { event: LinkEvent::FirstAudio, .. });
        let before = self.station.phase();
        self.station.handle(now, input);
        let phase = self.station.phase();
        if phase != before || rings || audible {
            if let Some(call) = self.station.view(now).call {
                self.observe(now, phase != before, call.call, call.timing.ringing_ms.is_some() && rings, audible);
            }
        }
        if self.plan.as_ref().is_some_and(|plan| plan.course == Course::Group) {
            self.observe_peers(now);
        }
        self.carry_out(now, wire).await
    }

    /// Notes who is in a group call besides this station, at each change.
    fn observe_peers(&mut self, now: Instant) {
        let Some(call) = self.station.view(now).call else { return };
        let peers: BTreeSet<_> = call.peers.iter().filter_map(|peer| cast::index(&peer.device.user)).collect();
        if peers != self.peers {
            self.peers.clone_from(&peers);
            self.note(now, &call.call, Event::Peers(peers));
        }
    }

    fn observe(&mut self, now: Instant, new: bool, call: CallId, rings: bool, audible: bool) {
        let phase = self.station.phase();
        let Some(plan) = &self.plan else {
            return self.note(now, &call, Event::Rang);
        };
        let (course, ring, talk) = (plan.course, plan.ring, plan.talk);
        let (hangs_up, stays) = (plan.hangs_up(self.index), plan.stays(self.index));
        match phase {
            Phase::Inviting if new => {
                if let Some(number) = self.begins.take() {
                    self.books.ledger().pressed(now, number, call);
                }
            }
            Phase::Inviting if rings => {
                self.note(now, &call, Event::HeardRinging);
                if course == Course::Cancel && self.press.is_none() {
                    self.press = Some((now + ring, Action::Hangup));
                }
            }
            Phase::Ringing if new => {
                self.note(now, &call, Event::Rang);
                self.press = match course {
                    Course::Accept | Course::Group => Some((now + ring, Action::Accept)),
                    Course::Reject => Some((now + ring, Action::Reject)),
                    Course::NoAnswer | Course::Cancel => None,
                };
            }
            Phase::Accepting if new => self.note(now, &call, Event::Accepted),
            Phase::Talking if new => {
                self.note(now, &call, Event::Talks);
                if course == Course::Group {
                    self.press = Some((now + stays, Action::Hangup));
                }
            }
            Phase::Talking if course == Course::Group => {}
            Phase::Talking if audible && hangs_up => self.press = Some((now + talk, Action::Hangup)),
            _ => {}
        }
    }

    /// A message that cannot be sent must not keep the rest from being done: the first failure is told at the end.
    async fn carry_out(&mut self, now: Instant, wire: &mut T::Wire) -> Result<(), Lost> {
        let (mut done, mut said) = (Ok(()), false);
        while let Some(effect) = self.station.poll_effect() {
            match effect {
                Effect::Send { to, message } if done.is_ok() => {
                    said = true;
                    done = wire.say(to, message).await;
                }
                Effect::Watch(users) if done.is_ok() => {
                    said = true;
                    done = wire.watch(users).await;
                }
                // No door is asked for, and there is none.
                Effect::Send { .. }
                | Effect::Watch(_)
                | Effect::Show
                | Effect::Unlock { .. }
                | Effect::Door(_)
                | Effect::Ignored(_) => {}
                Effect::Media(order) => self.media.order(now, order),
                Effect::Record(record) => self.ended(now, record),
            }
        }
        if said && done.is_ok() {
            done = wire.flush().await;
        }
        done
    }

    fn ended(&mut self, now: Instant, record: CallRecord) {
        if self.station.phase() == Phase::Idle {
            self.press = None;
            self.plan = None;
            self.peers.clear();
        }
        let peer = record.peer.map(|peer| peer.user);
        self.note(now, &record.call, Event::Ended { reason: record.reason, peer });
    }

    fn note(&self, now: Instant, call: &CallId, event: Event) {
        self.books.ledger().note(now, self.index, call, event);
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
