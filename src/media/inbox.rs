//! The owner thread's one inbox: everything that happens to media arrives here, and no sender ever waits. Orders of the daemon
//! have a queue of their own, which is read first and cannot be full.

mod rules;

pub(crate) use rules::hash;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use callbox_core::coalesce::CoalescingQueue;
use callbox_core::protocol::IceServer;
use callbox_core::station::MediaOrder;
use gstreamer as gst;
use gstreamer_webrtc::WebRTCSessionDescription;
use tokio::sync::oneshot;

use super::SnapshotError;
use super::description::Candidate;

/// Places for notes that may be lost: candidates, readings and requests for pictures.
const PLACES: usize = 256;

/// One pipeline, for as long as the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PipelineId(pub(crate) u64);

/// One link, for as long as the process lives: the same link name may come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LinkKey(pub(crate) u64);

/// Which picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picture {
    /// What we send.
    Camera,
    /// What we show.
    Screen,
}

/// One thing the owner has to deal with.
pub(crate) enum Note {
    /// The station wants something.
    Order(MediaOrder),
    /// The hub named other servers.
    IceServers(Vec<IceServer>),
    /// The operator changed the configuration.
    Settings(Box<super::settings::Settings>),
    /// The operator asks for another try, if GStreamer is absent.
    Retry,
    /// A pipeline's bus spoke.
    Bus(PipelineId, BusNote),
    /// Something happened on a link.
    Link(LinkKey, LinkNote),
    /// A device's pipeline started, or did not.
    Started(PipelineId, Result<(), String>),
    /// The first sample came through a device's pipeline.
    Flowing(PipelineId),
    /// The picture to show while nobody calls was read.
    IdlePicture(gst::Sample),
    /// A pipeline is gone, or hangs.
    TornDown {
        /// What it was.
        name: String,
        /// It was gone in time.
        in_time: bool,
    },
    /// The screen shall say this.
    Caption(Option<String>),
    /// The volume was changed.
    Volume,
    /// Somebody wants a picture.
    Snapshot(Picture, oneshot::Sender<Result<Vec<u8>, SnapshotError>>),
    /// Somebody wants so many of the camera's last pictures.
    History(usize, oneshot::Sender<Vec<Vec<u8>>>),
    /// The edge ends.
    Stop(oneshot::Sender<()>),
}

/// What a bus says, of what matters to us.
pub(crate) enum BusNote {
    /// An element failed.
    Error {
        /// Which.
        element: String,
        /// What it says to a person.
        text: String,
        /// What it says to a developer.
        debug: String,
    },
    /// A source has no more.
    Eos,
    /// A latency changed: it must be distributed anew.
    Latency,
    /// A QR code was read on the screen.
    Code(String),
    /// The sound's spectrum: the loudest frequency and its level.
    Spectrum {
        /// The loudest band.
        hz: f64,
        /// How loud it is.
        level_db: f64,
        /// Every tone in it.
        tones: Vec<f64>,
    },
}

/// What a link's callbacks say.
pub(crate) enum LinkNote {
    /// Our description was made.
    Made(Result<WebRTCSessionDescription, String>),
    /// Our description was set.
    LocalSet(Result<(), String>),
    /// The peer's description was set.
    RemoteSet(Result<(), String>),
    /// One of our candidates.
    Candidate(String),
    /// All candidates were told.
    GatheringComplete,
    /// ICE moved.
    Ice(gstreamer_webrtc::WebRTCICEConnectionState),
    /// ICE and DTLS together moved.
    Connection(gstreamer_webrtc::WebRTCPeerConnectionState),
    /// A `.local` name of a candidate was looked up.
    Resolved(Candidate, Option<IpAddr>),
    /// The path carries this many bits a second.
    Estimate(u32),
    /// The first packet with our camera left.
    FirstFrameSent,
    /// The first sound of the peer reached the mixer.
    FirstAudio,
    /// The first picture of the peer was decoded after its gate opened.
    FirstFrameDecoded,
    /// The first picture of the peer reached the screen.
    FirstFrameShown,
    /// Statistics were made.
    Stats(gst::Structure),
}

/// Sends notes; cheap to clone into callbacks.
#[derive(Clone, Debug)]
pub(crate) struct Inbox {
    shared: Arc<Shared>,
    lost: Arc<AtomicU64>,
    pipelines: Arc<AtomicUsize>,
}

/// The reading end of an inbox. Notes that come after it was dropped are dropped too.
#[derive(Debug)]
pub(crate) struct Notes(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queues: Mutex<Queues>,
    came: Condvar,
}

#[derive(Debug)]
struct Queues {
    orders: CoalescingQueue<Note>,
    others: CoalescingQueue<Note>,
    is_read: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notes {
    /// Waits for the next note, at most this long. Orders come first.
    pub(crate) fn next(&self, patience: Duration) -> Option<Note> {
        let until = Instant::now() + patience;
        let mut queues = self.0.lock();
        loop {
            if let Some(note) = queues.orders.pop().or_else(|| queues.others.pop()) {
                return Some(note);
            }
            let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            queues = self.0.came.wait_timeout(queues, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        let mut queues = self.0.lock();
        queues.is_read = false;
        queues.orders.clear();
        queues.others.clear();
    }
}

impl Inbox {
    /// A new inbox and the end that reads it.
    pub(crate) fn new() -> (Self, Notes) {
        let queue = || CoalescingQueue::new(PLACES);
        let queues = Queues { orders: queue(), others: queue(), is_read: true };
        let shared = Arc::new(Shared { queues: Mutex::new(queues), came: Condvar::new() });
        (Self { shared: Arc::clone(&shared), lost: Arc::default(), pipelines: Arc::default() }, Notes(shared))
    }

    /// Leaves a note. Never waits: callers are streaming threads and webrtcbin's own.
    pub(crate) fn tell(&self, note: Note) {
        let mut queues = self.shared.lock();
        if !queues.is_read {
            return;
        }
        let queue = if note.is_order() { &mut queues.orders } else { &mut queues.others };
        let lost = queue.push(note);
        drop(queues);
        self.shared.came.notify_one();
        if lost.is_some() {
            let count = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
            // A flood must not fill the log as well.
            if !count.is_power_of_two() {
                return;
            }
            tracing::warn!(
                lost = count,
                "media is busy: a candidate, a reading or a request for a picture was dropped"
            );
        }
    }

    /// Leaves a note of a link.
    pub(crate) fn link(&self, key: LinkKey, note: LinkNote) {
        self.tell(Note::Link(key, note));
    }

    /// A pipeline came to be.
    pub(crate) fn born(&self) {
        self.pipelines.fetch_add(1, Ordering::Relaxed);
    }

    /// A pipeline is gone.
    pub(crate) fn buried(&self) {
        self.pipelines.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many pipelines there are, those that are being stopped among them.
    pub(crate) fn pipelines(&self) -> usize {
        self.pipelines.load(Ordering::Relaxed)
    }

    /// How many notes found no room.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}
