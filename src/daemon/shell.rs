//! The loop: take an input, or the deadline; hand it to the station; log the transition; carry the effects out. It decides nothing.

mod health;
mod outside;
mod panel;

use std::future::Future;
use std::time::{Duration, Instant};

use callbox_core::ids::{Address, CallId, LinkId};
use callbox_core::protocol::{IceServer, Message};
use callbox_core::station::{Action, DoorNews, Effect, Input, LinkEvent, Opener, Phase, Station};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::{interval, sleep_until};

use super::answer;
use super::caption;
use super::edges::{Edges, Inbox};
use super::journal::Journal;
use super::names::{Steps, name_of, step_of};
use super::scene::Outlook;
use super::visitor::Pictures;
use super::wall_clock::WallClock;
use super::{process, systemd};
use crate::clock;
use crate::config::Settings;
use crate::control::{Answer, Asked, Request};
use crate::media;
use crate::record::Entry;

/// Readiness does not wait longer for a hub: without one the panel still has to run, and to come back by itself.
const READY: Duration = Duration::from_secs(20);
/// A transport task that has not moved for so long is stuck.
const STUCK: Duration = Duration::from_secs(40);
const BEAT: Duration = Duration::from_secs(20);
/// The part that is lost while GStreamer is absent.
const MEDIA: &str = "media";

/// The station and its edges.
pub(super) struct Shell {
    pub(super) station: Station,
    pub(super) settings: Settings,
    pub(super) set_log: Box<dyn Fn(&str) + Send>,
    /// The STUN and TURN servers that the hub named.
    hub_servers: Vec<IceServer>,
    /// Addresses of all STUN and TURN servers of this session, for the status: what opens them stays here.
    ice_urls: Vec<String>,
    /// Only where a rule goes by it.
    pub(super) clock: Option<WallClock>,
    pub(super) edges: Edges,
    journal: Journal,
    outlook: Outlook,
    pictures: Pictures,
    /// Who asked by the control socket to have a door opened, and waits for what becomes of it.
    /// Requests so far, and those that wait for a door: each is answered by its own outcome.
    requests: u64,
    unlocks: Vec<(u64, oneshot::Sender<Answer>)>,
    started: Instant,
    is_ready: bool,
    /// What systemd was told last.
    told: String,
    /// A pipeline is stuck and cannot be torn down: the process ends after the current call, and systemd starts it again.
    draining: bool,
}

impl Shell {
    pub(super) fn new(station: Station, settings: Settings, set_log: Box<dyn Fn(&str) + Send>, edges: Edges) -> Self {
        Self {
            station,
            clock: WallClock::of(&settings, Instant::now()),
            settings,
            set_log,
            hub_servers: Vec::new(),
            ice_urls: Vec::new(),
            journal: Journal::new(edges.monitors.clone()),
            edges,
            outlook: Outlook::default(),
            pictures: Pictures::default(),
            requests: 0,
            unlocks: Vec::new(),
            started: Instant::now(),
            is_ready: false,
            told: String::new(),
            draining: false,
        }
    }

    /// Runs until `stop` is there, or until media has to begin anew; gives the reason.
    pub(super) async fn run(&mut self, mut inbox: Inbox, stop: impl Future<Output = &'static str>) -> &'static str {
        tokio::pin!(stop);
        // What media said while it started comes before the first invite.
        while let Ok(event) = inbox.media.try_recv() {
            self.media(event);
        }
        let mut beat = interval(systemd::watchdog().unwrap_or(BEAT).min(BEAT));
        loop {
            let deadline = self.station.deadline();
            let tick = sleep_until(deadline.unwrap_or(self.started).into());
            let look = self.clock.as_ref().map(WallClock::due);
            let minute = sleep_until(look.unwrap_or(self.started).into());
            tokio::select! {
                said = &mut stop => return said,
                Some(event) = inbox.signaling.recv() => self.signaled(event),
                Some(event) = inbox.media.recv() => self.media(event),
                Some(event) = inbox.panel.recv() => self.panel(event),
                Some(asked) = inbox.asks.recv() => self.asked(asked),
                Some(event) = inbox.network.recv() => self.network(&event),
                Some(clock::Set) = inbox.clock.recv() => self.clock_was_set(),
                Some(report) = inbox.faults.recv() => self.judge(report.part, report.fault),
                Some(read) = inbox.configurations.recv() => self.reload(read),
                input = self.pictures.next() => drop(self.handle(input)),
                () = minute, if look.is_some() => self.look_at_clock(),
                () = tick, if deadline.is_some() => drop(self.handle(Input::Tick)),
                _ = beat.tick() => self.beat(),
            }
            self.light();
            if self.draining && self.station.phase() == Phase::Idle {
                return "a pipeline cannot be torn down";
            }
        }
    }

    /// Hangs up and ends every edge.
    pub(super) async fn stop(mut self) {
        self.handle(Input::Pressed(Action::Hangup));
        self.pictures.stop().await;
        self.edges.stop().await;
    }

    /// One input; says whether anything came of it.
    fn handle(&mut self, input: Input) -> bool {
        let name = name_of(&input);
        let invite = match &input {
            Input::Heard { from, message: message @ Message::Invite { .. } } => Some((from.clone(), message.clone())),
            _ => None,
        };
        let before = self.station.phase();
        self.station.handle(Instant::now(), input);
        let (mut effects, mut call) = (0, None);
        while let Some(effect) = self.station.poll_effect() {
            effects += usize::from(!matches!(effect, Effect::Ignored(_)));
            self.carry_out(effect, &name, &mut call);
        }
        let view = self.station.view(Instant::now());
        if let Some(call) = &view.call {
            self.pictures.begin(call, &self.edges, self.settings.album.send);
        }
        let rings = view.call.as_ref().filter(|_| view.phase == Phase::Ringing);
        self.edges.rung.settle(invite, rings.map(|call| &call.call));
        let phase = view.phase.as_str();
        let call = view.call.map(|view| view.call).or(call).map(|call| call.to_string()).unwrap_or_default();
        if before == view.phase {
            tracing::debug!(call, phase, input = name, effects);
        } else {
            tracing::info!(call, phase, input = name, was = before.as_str());
        }
        effects > 0 || before != view.phase
    }

    fn carry_out(&mut self, effect: Effect, input: &str, ended: &mut Option<CallId>) {
        match effect {
            Effect::Send { to, message } => self.edges.signaling.send(to, message),
            Effect::Watch(users) => self.edges.signaling.watch(users),
            Effect::Media(order) => self.edges.order(order),
            Effect::Show => {
                let view = self.station.view(Instant::now());
                self.edges.media.caption(caption::of(&view));
                self.journal.tell("view", || json!({ "input": input, "view": view }));
            }
            Effect::Ignored(why) => {
                let phase = self.station.phase().as_str();
                tracing::info!(input, phase, why, "an input was ignored");
                self.journal.tell("ignored", || json!({ "input": input, "phase": phase, "why": why }));
            }
            Effect::Unlock { opening } => self.edges.unlock(opening),
            Effect::Door(news) => self.door(&news),
            Effect::Record(record) => {
                *ended = Some(record.call.clone());
                let album = self.edges.album.as_ref();
                let pictures = album.map(|album| album.of(&record.call.to_string())).unwrap_or_default();
                let entry = Entry::now(record, pictures);
                let record = &entry.record;
                tracing::info!(
                    call = %record.call, caller = %record.caller, reason = %record.reason,
                    talk_ms = record.talked.as_millis(), timing_ms = %Steps(&entry), "call is over"
                );
                self.edges.records.append(&entry);
                self.journal.record(&entry);
            }
        }
    }

    /// Something about a door: every try is logged and told, whatever became of it.
    fn door(&mut self, news: &DoorNews) {
        let call = self.station.view(Instant::now()).call.map(|call| call.call);
        self.journal.door(call.as_ref(), news);
        let DoorNews::Unlock { by: Opener::Control { request }, outcome, .. } = news else { return };
        let Some(at) = self.unlocks.iter().position(|(waiting, _)| waiting == request) else { return };
        let (_, reply) = self.unlocks.swap_remove(at);
        if reply.send(answer::unlocked(*outcome)).is_err() {
            tracing::debug!("nobody waits for the door any more");
        }
    }

    fn media(&mut self, event: media::Event) {
        match event {
            media::Event::Link { link, event } => self.linked(link, event),
            media::Event::Seen { frame, text } => {
                self.journal.tell("seen", || json!({ "frame": frame, "text": text }));
            }
            media::Event::Absent { text } => {
                self.handle(Input::MediaReady(false));
                self.fault(MEDIA, text);
            }
            media::Event::Ready => {
                self.handle(Input::MediaReady(true));
                self.recovered(MEDIA);
            }
            media::Event::Fault { device, text } => self.fault(&format!("{device:?}"), text),
            media::Event::Recovered { device } => self.recovered(&format!("{device:?}")),
            media::Event::Adapted { encoder, picture, width, height, fps, reduced } => self.journal.tell(
                "adapted",
                || json!({ "encoder": encoder, "picture": picture, "width": width, "height": height, "fps": fps, "reduced": reduced }),
            ),
            media::Event::Drain(why) => {
                tracing::error!(why, "a pipeline cannot be torn down: the daemon restarts after this call");
                self.draining = true;
            }
        }
    }

    fn linked(&mut self, link: LinkId, event: LinkEvent) {
        let (name, step) = (link.to_string(), step_of(&event));
        self.handle(Input::Link { link, event });
        if let Some(step) = step {
            let station = &self.station;
            self.journal.tell("link", || json!({ "link": name, "step": step, "view": station.view(Instant::now()) }));
        }
    }

    fn asked(&mut self, Asked { request, reply }: Asked) {
        self.requests += 1;
        let answer = match (answer::wished(&request, self.requests), request) {
            (Some(action @ Action::Unlock { .. }), _) => {
                let view = self.station.view(Instant::now());
                if view.door.is_some() || view.call.is_some_and(|call| call.door) {
                    self.unlocks.push((self.requests, reply));
                    self.handle(Input::Pressed(action));
                    return;
                }
                answer::no_door()
            }
            (Some(action), _) => {
                let changed = self.handle(Input::Pressed(action.clone()));
                self.outcome(&action, changed)
            }
            (None, Request::Snapshot { picture }) => {
                self.pictures.take(answer::snapshot(self.edges.media.clone(), picture, reply));
                return;
            }
            (None, Request::Volume { change }) => self.change_volume(answer::volume(change)),
            (None, _) => self.status(),
        };
        if reply.send(answer).is_err() {
            tracing::debug!("nobody waits for the answer any more");
        }
    }

    /// What became of an action, for whoever asked for it.
    fn outcome(&self, action: &Action, changed: bool) -> Answer {
        let no_media = self.outlook.faults().get(MEDIA).map(String::as_str);
        answer::outcome(action, changed, &self.station.view(Instant::now()), no_media)
    }

    /// Each call begins with the same volume: without one there is nothing to change.
    fn change_volume(&mut self, change: media::VolumeChange) -> Answer {
        if self.station.phase() == Phase::Idle {
            return Answer::refused("there is no call: `speaker.volume` says how loud the next one begins");
        }
        let percent = self.edges.media.change_volume(change);
        self.journal.tell("volume", || json!({ "percent": percent }));
        Answer::done().with("volume", percent)
    }

    fn status(&self) -> Answer {
        let uptime_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let answer = Answer::done()
            .with("version", env!("CARGO_PKG_VERSION"))
            .with("app", self.settings.signaling.app)
            .with("me", self.me())
            .with("uptime_ms", uptime_ms)
            .with("calls", self.journal.calls)
            .with("view", self.station.view(Instant::now()))
            .with("missed", &self.journal.missed)
            .with("signaling", self.edges.signaling.status())
            .with("ice_servers", &self.ice_urls)
            .with("media", self.edges.media.status())
            .with("faults", self.outlook.faults().keys().collect::<Vec<_>>())
            .with("fault_texts", self.outlook.faults())
            .with("process", process::process());
        match &self.journal.last {
            Some(record) => answer.with("record", record),
            None => answer,
        }
    }

    fn me(&self) -> Address {
        let signaling = &self.settings.signaling;
        Address { user: signaling.user.clone(), device: signaling.device.clone() }
    }
}
