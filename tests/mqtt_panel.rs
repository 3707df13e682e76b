//! Panels at a real Mosquitto: stations and the signalling edge as in the daemon, without devices and media.

use std::time::{Duration, Instant};

use callbox::signaling::{Account, BrokerUrl, Brokers, Event, Server, Settings, Signaling, State, TicketSource};
use callbox_core::ids::{Address, AppId, UserId};
use callbox_core::protocol::{Agent, EarlyMedia, EndReason, Media};
use callbox_core::station::{Action, Effect, Input, Phase, Policy, Station};
use tokio::sync::mpsc;

use crate::mosquitto::{Mosquitto, is_missing};

pub(crate) const USERS: &[&str] = &["door@7", "flat@7", "mallory@7"];
const WAIT: Duration = Duration::from_secs(15);

pub(crate) fn user(name: &str) -> UserId {
    name.parse().unwrap()
}

/// What the daemon is, without devices.
pub(crate) struct Panel {
    pub(crate) me: Address,
    pub(crate) station: Station,
    pub(crate) signaling: Option<Signaling>,
    pub(crate) inbox: mpsc::Receiver<Event>,
    /// How often it began to ring.
    pub(crate) rang: usize,
    pub(crate) ended: Vec<EndReason>,
    pub(crate) there: Vec<(String, bool)>,
    pub(crate) refused: Vec<String>,
    pub(crate) remaining_ms: u64,
    /// The calls that it was told to have missed.
    pub(crate) missed: Vec<String>,
}

pub(crate) fn brokers(urls: &[String]) -> Brokers {
    let urls = urls.iter().map(|url| url.parse::<BrokerUrl>().unwrap()).collect();
    Brokers { urls, ca_file: None, identity: None, keep_alive: Duration::from_secs(5), account: Account::User }
}

impl Panel {
    pub(crate) fn new(broker: &Mosquitto, name: &str) -> Self {
        Self::with(name, Duration::from_secs(30), brokers(&[broker.url()]))
    }

    pub(crate) fn with(name: &str, ring: Duration, brokers: Brokers) -> Self {
        Self::logged_in_with(name, ring, brokers, TicketSource::Ticket(format!("token-of-{name}")))
    }

    pub(crate) fn logged_in_with(name: &str, ring: Duration, brokers: Brokers, ticket: TicketSource) -> Self {
        let me = Address { user: user(name), device: "panel".parse().unwrap() };
        let (user, device) = (me.user.clone(), me.device.clone());
        let settings =
            Settings { app: AppId(7), user, device, ticket, server: Server::Brokers(brokers), standby: None };
        let (events, inbox) = mpsc::channel(256);
        let policy = Policy { ring, early: EarlyMedia::Off, ..Policy::default() };
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).unwrap();
        let station = Station::new(me.clone(), Agent::Panel, policy, seed);
        let signaling = Some(Signaling::start(settings, events));
        let (ended, there, refused, missed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { me, station, signaling, inbox, rang: 0, ended, there, refused, remaining_ms: 0, missed }
    }

    pub(crate) fn edge(&self) -> &Signaling {
        self.signaling.as_ref().expect("it runs")
    }

    pub(crate) fn is_up(&self) -> bool {
        self.edge().status().state == State::Up
    }

    pub(crate) fn phase(&self) -> Phase {
        self.station.phase()
    }

    pub(crate) fn press(&mut self, action: Action) {
        self.handle(Input::Pressed(action));
    }

    pub(crate) fn call(&mut self, name: &str) {
        self.press(Action::Call { users: vec![user(name)], media: Media::Audio });
    }

    pub(crate) fn handle(&mut self, input: Input) {
        let (now, before) = (Instant::now(), self.phase());
        self.station.handle(now, input);
        while let Some(effect) = self.station.poll_effect() {
            match effect {
                Effect::Send { to, message } => self.edge().send(to, message),
                Effect::Watch(users) => self.edge().watch(users),
                Effect::Record(record) => self.ended.push(record.reason),
                Effect::Media(_) | Effect::Show | Effect::Unlock { .. } | Effect::Door(_) | Effect::Ignored(_) => {}
            }
        }
        if before != Phase::Ringing && self.phase() == Phase::Ringing {
            self.rang += 1;
            self.remaining_ms = self.station.view(now).call.unwrap().remaining_ms.unwrap();
        }
    }

    /// Takes in what has happened by now.
    pub(crate) fn turn(&mut self) {
        while let Ok(event) = self.inbox.try_recv() {
            match event {
                Event::Up { .. } => self.handle(Input::SignalingUp),
                Event::Down { .. } => self.handle(Input::SignalingDown),
                Event::Heard { from, message } => self.handle(Input::Heard { from, message }),
                Event::Presence { peer, online } => {
                    self.there.push((peer.to_string(), online));
                    self.handle(Input::Presence { peer, online });
                }
                Event::Fared { code, about, .. } => self.refused.push(format!("{code:?} {}", about.unwrap_or("?"))),
                Event::Missed { call, .. } => self.missed.push(call.to_string()),
            }
        }
        if self.station.deadline().is_some_and(|deadline| deadline <= Instant::now()) {
            self.handle(Input::Tick);
        }
    }

    /// Ends as a process does that was asked to.
    pub(crate) async fn stop(&mut self) {
        self.signaling.take().unwrap().stop().await;
    }

    /// Ends as a process does that was killed.
    pub(crate) fn kill(&mut self) {
        self.signaling = None;
    }
}

/// Lets time pass for these panels until something is so.
pub(crate) async fn until(what: &str, panels: &mut [&mut Panel], is_so: impl Fn(&[&mut Panel]) -> bool) -> Duration {
    let since = Instant::now();
    loop {
        panels.iter_mut().filter(|panel| panel.signaling.is_some()).for_each(|panel| panel.turn());
        if is_so(panels) {
            return since.elapsed();
        }
        let state = || panels.iter().map(|panel| format!("{} {:?}", panel.me, panel.phase())).collect::<Vec<_>>();
        assert!(since.elapsed() < WAIT, "not in time: {what}: {:?}", state());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Lets time pass.
pub(crate) async fn pass(time: Duration, panels: &mut [&mut Panel]) {
    let since = Instant::now();
    until("time passes", panels, |_| since.elapsed() >= time).await;
}

pub(crate) async fn up(panels: &mut [&mut Panel]) {
    until("all are up", panels, |panels| panels.iter().all(|panel| panel.is_up())).await;
}

pub(crate) async fn talk(door: &mut Panel, flat: &mut Panel) {
    door.call("flat");
    until("it rings", &mut [door, flat], |p| p[1].phase() == Phase::Ringing).await;
    flat.press(Action::Accept);
    until("both talk", &mut [door, flat], |p| p.iter().all(|panel| panel.phase() == Phase::Talking)).await;
}

/// A broker and two panels at it.
pub(crate) async fn street() -> Option<(Mosquitto, Panel, Panel)> {
    if is_missing("mqtt_panel") {
        return None;
    }
    let broker = Mosquitto::start(USERS);
    let (mut door, mut flat) = (Panel::new(&broker, "door"), Panel::new(&broker, "flat"));
    up(&mut [&mut door, &mut flat]).await;
    Some((broker, door, flat))
}
