//! The one thread that owns all media of a station: it reads the inbox, keeps the deadlines and waits for nothing else.

mod links;
mod pictures;
mod settle;
mod upkeep;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use callbox_core::coalesce::CoalescingQueue;
use callbox_core::ids::Address;
use callbox_core::protocol::IceServer;
use callbox_core::station::{MediaOrder, Tone};
use gstreamer as gst;
use tokio::sync::oneshot;

use crate::media::board::{Heard, Seen, Status};
use crate::media::devices::Devices;
use crate::media::fault_text::Failure;
use crate::media::heart::Heart;
use crate::media::inbox::{BusNote, Inbox, Note, Notes, Picture, PipelineId};
use crate::media::link::Link;
use crate::media::outbox::{Event, Outbox};
use crate::media::screen::Display;
use crate::media::settings::Settings;
use crate::media::snapshot::{self, SnapshotError};
use crate::media::tone;
use crate::media::volume::Volume;
use crate::media::warm::world;

/// How often deadlines are looked at while a call runs, soon after something happened, and while nothing does.
const BUSY_TICK: Duration = Duration::from_millis(100);
const QUIET_TICK: Duration = Duration::from_secs(1);
const IDLE_TICK: Duration = Duration::from_secs(10);
/// Deadlines are not looked at more often than this.
const AT_LEAST: Duration = Duration::from_millis(5);
/// So long after the last event threads have ended, and the status tells so.
const SETTLED: Duration = Duration::from_secs(15);
/// How often links are asked for statistics.
const STATS_EVERY: Duration = Duration::from_secs(2);
/// How often the status is brought up to date.
const STATUS_EVERY: Duration = Duration::from_millis(250);
/// How long stopping may take altogether.
const STOP: Duration = Duration::from_secs(5);

/// What a peer says that it sends.
#[derive(Clone, Copy, Debug)]
struct PeerSends {
    audio: bool,
    video: bool,
}

impl Default for PeerSends {
    fn default() -> Self {
        Self { audio: true, video: true }
    }
}

/// The owner's state.
pub(crate) struct Owner {
    settings: Settings,
    servers: Vec<IceServer>,
    inbox: Inbox,
    outbox: Outbox,
    devices: Devices,
    links: Vec<Link>,
    next_key: u64,
    /// What peers say that they send, those aside that have said nothing.
    peer_sends: HashMap<Address, PeerSends>,
    volume: Volume,
    caption: Option<String>,
    tone: Tone,
    tone_ends: Option<Instant>,
    releasing: bool,
    stats_at: Instant,
    status_at: Instant,
    status: Arc<Mutex<Status>>,
    heart: Heart,
    /// Settings that wait until no call uses a device.
    next_settings: Option<Box<Settings>>,
}

impl Owner {
    /// Nothing runs yet.
    pub(crate) fn new(
        settings: Settings,
        inbox: Inbox,
        outbox: Outbox,
        status: Arc<Mutex<Status>>,
        volume: Volume,
        heart: Heart,
    ) -> Self {
        let now = Instant::now();
        Self {
            servers: settings.ice_servers.clone(),
            devices: Devices::new(settings.clone(), inbox.clone()),
            settings,
            inbox,
            outbox,
            links: Vec::new(),
            next_key: 1,
            peer_sends: HashMap::new(),
            volume,
            caption: None,
            tone: Tone::Silence,
            tone_ends: None,
            releasing: false,
            stats_at: now,
            status_at: now,
            status,
            heart,
            next_settings: None,
        }
    }

    /// Runs until it is told to stop. `held` came before there was an owner.
    pub(crate) fn run(mut self, notes: &Notes, mut held: CoalescingQueue<Note>) {
        self.devices.begin(&mut self.outbox);
        while let Some(note) = held.pop() {
            self.on(note);
        }
        let mut last_event = Instant::now();
        loop {
            match notes.next(self.patience(last_event.elapsed())) {
                Some(Note::Stop(done)) => return self.stop(notes, done),
                Some(note) => {
                    last_event = Instant::now();
                    self.on(note);
                }
                None => {}
            }
            self.tick(Instant::now());
        }
    }

    /// How long to wait for the next event, so long after the last one.
    fn patience(&self, quiet: Duration) -> Duration {
        let sooner = self.links.iter().filter_map(Link::deadline).min();
        let sooner = sooner.map_or(IDLE_TICK, |at| at.saturating_duration_since(Instant::now()).max(AT_LEAST));
        let is_busy = !self.links.is_empty() || self.devices.are_running() || self.outbox.is_behind();
        match (is_busy, quiet < SETTLED) {
            (true, _) => BUSY_TICK.min(sooner),
            (false, true) => QUIET_TICK,
            (false, false) => IDLE_TICK,
        }
    }

    fn on(&mut self, note: Note) {
        match note {
            Note::Order(order) => self.carry_out(order),
            Note::IceServers(servers) => self.servers = servers,
            Note::Settings(settings) => self.next_settings = Some(settings),
            Note::Bus(id, note) => self.on_bus(id, note),
            Note::Link(key, note) => self.on_link(key, note),
            Note::Started(id, Ok(())) => {
                self.devices.started(id, &mut self.outbox);
                self.settle_caption();
            }
            Note::Started(id, Err(text)) => self.broke(id, "", Failure { text: &text, debug: "" }),
            Note::Flowing(id) => self.devices.flows(id, &mut self.outbox),
            Note::IdlePicture(picture) => self.devices.take_idle_picture(picture, &mut self.outbox),
            Note::TornDown { name, in_time: false } => {
                self.status.lock().unwrap_or_else(PoisonError::into_inner).drain = true;
                self.outbox.tell(Event::Drain(format!("the {name} pipeline does not stop")));
            }
            Note::TornDown { .. } | Note::Stop(_) | Note::Retry => {}
            Note::Caption(text) => {
                self.caption = text;
                self.settle_caption();
            }
            Note::Volume => self.settle_volume(),
            Note::Snapshot(what, reply) => self.snapshot(what, reply),
            Note::History(most, reply) => snapshot::make_small(self.devices.history(most), reply),
        }
    }

    fn carry_out(&mut self, order: MediaOrder) {
        match order {
            MediaOrder::Prepare { media } => {
                self.releasing = false;
                self.devices.start(media, &mut self.outbox);
                self.settle_volume();
            }
            MediaOrder::Open { link, media, offerer } => self.open(link, media, offerer),
            MediaOrder::RemoteOffer { link, sdp } => self.remote_offer(&link, &sdp),
            MediaOrder::RemoteAnswer { link, sdp } => self.remote_answer(&link, &sdp),
            MediaOrder::RemoteCandidate { link, candidate, mline } => {
                if let Some(at) = self.find(&link) {
                    self.links[at].remote_candidate(u32::from(mline), &candidate);
                }
            }
            MediaOrder::Gate { link, flow } => {
                if let Some(at) = self.find(&link) {
                    self.gate(at, flow);
                }
            }
            MediaOrder::Picture { link, size } => self.ask_picture(&link, size),
            MediaOrder::PeerSends { peer, audio, video } => {
                self.peer_sends.insert(peer, PeerSends { audio, video });
                self.settle_screen();
            }
            MediaOrder::Close { link } => self.close(&link),
            MediaOrder::Tone(tone) => self.play(tone),
            MediaOrder::Release => {
                self.releasing = true;
                self.peer_sends.clear();
            }
        }
    }

    fn play(&mut self, tone: Tone) {
        self.tone = tone;
        self.tone_ends = tone::length(tone).map(|length| Instant::now() + length);
        if let Some(audio) = &self.devices.audio {
            audio.tones.play(tone);
        }
    }

    fn on_bus(&mut self, id: PipelineId, note: BusNote) {
        match note {
            BusNote::Error { element, text, debug } => {
                self.broke(id, &element, Failure { text: &text, debug: &debug });
            }
            BusNote::Eos => self.broke(id, "", Failure { text: "the stream ended", debug: "" }),
            BusNote::Latency => self.settle_latency(id),
            BusNote::Code(text) => self.saw(text),
            BusNote::Spectrum { hz, level_db, tones } => {
                let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
                let count = status.heard.as_ref().map_or(0, |heard| heard.count) + 1;
                status.heard = Some(Heard { hz, level_db, tones, at_ms: now_ms(), count });
            }
        }
    }

    fn broke(&mut self, id: PipelineId, element: &str, failure: Failure<'_>) {
        if let Some(link) = self.links.iter_mut().find(|link| link.pipeline.id == id) {
            tracing::warn!(link = %link.id, element, text = failure.text, "link broke");
            return link.broke(&mut self.outbox);
        }
        let rebuilt = self.devices.broke(id, element, failure, &mut self.outbox);
        self.rejoin(rebuilt);
    }

    fn saw(&mut self, text: String) {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        let count = status.seen.as_ref().map_or(0, |seen| seen.count) + 1;
        let is_new = status.seen.as_ref().is_none_or(|seen| seen.text != text);
        let seen = Seen::read(text, now_ms(), count);
        if is_new {
            let frame = seen.frame.unwrap_or(0);
            self.outbox.tell(Event::Seen { frame, text: seen.text.clone() });
        }
        status.seen = Some(seen);
    }

    fn snapshot(&mut self, what: Picture, reply: oneshot::Sender<Result<Vec<u8>, SnapshotError>>) {
        let sample: Option<gst::Sample> = match what {
            Picture::Camera => {
                let sent = self.devices.encoders().find_map(|encode| encode.picture());
                sent.or_else(|| self.devices.history(1).pop())
            }
            Picture::Screen => self.devices.display.as_ref().and_then(|display| display.picture()),
        };
        snapshot::make(sample, reply);
    }

    fn settle_latency(&self, id: PipelineId) {
        let links = self.links.iter().map(|link| &link.pipeline);
        let audio = self.devices.audio.iter().map(|audio| &audio.pipeline);
        if let Some(pipeline) = links.chain(audio).find(|pipeline| pipeline.id == id) {
            pipeline.settle_latency();
        } else if let Some(display) = self.devices.display.as_ref().filter(|display| display.has(id)) {
            display.settle_latency();
        }
    }

    /// Deadlines.
    fn tick(&mut self, now: Instant) {
        self.outbox.flush();
        for at in 0..self.links.len() {
            let was_secured = self.links[at].is_secured();
            self.links[at].tick(now, &mut self.outbox);
            if self.links[at].is_secured() != was_secured {
                self.settle(at);
            }
            if self.links[at].has_lost_frames() {
                self.links[at].picture.into_iter().for_each(|size| self.key_frame(self.links[at].codec(), size));
            }
        }
        self.settle_pictures(now);
        self.rehearse(now);
        let tone_over = self.tone_ends.is_none_or(|ends| now >= ends);
        if self.releasing && tone_over && self.links.is_empty() {
            self.releasing = false;
            self.tone = Tone::Silence;
            self.tone_ends = None;
            self.devices.stop();
            self.volume.reset();
        }
        if self.links.len() > 1 {
            // Who speaks changes by itself.
            self.settle_screen();
        }
        if let Some(display) = &mut self.devices.display {
            display.tick(now);
        }
        let rebuilt = self.devices.tick(now, &mut self.outbox);
        self.rejoin(rebuilt);
        self.devices.adapt(now, &mut self.outbox);
        self.configure();
        self.beat(now);
        if now >= self.stats_at {
            self.stats_at = now + STATS_EVERY;
            self.links.iter().for_each(Link::ask_stats);
        }
        if now >= self.status_at {
            self.status_at = now + STATUS_EVERY;
            self.report();
        }
    }

    fn report(&mut self) {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.gstreamer = gst::version_string().to_string();
        status.pipelines = self.devices.pipelines();
        status.encoders = self.devices.encoder_status(|encode| Self::users(&self.links, encode));
        status.screen_frames = self.devices.display.as_ref().map_or(0, Display::frames);
        status.capture_frames = self.devices.capture_frames();
        status.links = self.links.iter().map(Link::status).collect();
        status.volume = self.volume.percent().number();
        status.faults = self.devices.faults();
    }

    /// Ends everything; waits until the pipelines are gone, but not for ever.
    fn stop(mut self, notes: &Notes, done: oneshot::Sender<()>) {
        self.links.clear();
        self.devices.end();
        let until = Instant::now() + STOP;
        while self.inbox.pipelines() > 0 {
            if notes.next(until.saturating_duration_since(Instant::now())).is_none() {
                break;
            }
        }
        // Nobody may wait for it any more.
        let _ = done.send(());
    }
}

fn now_ms() -> u64 {
    world().map(|world| world.running_time().mseconds()).unwrap_or(0)
}
