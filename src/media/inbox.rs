//! The owner thread's one inbox: everything that happens to media arrives here, and nothing that sends ever waits.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use callbox_core::protocol::IceServer;
use callbox_core::station::MediaOrder;
use gstreamer as gst;
use gstreamer_webrtc::WebRTCSessionDescription;
use tokio::sync::oneshot;

use super::SnapshotError;

/// Most notes that may wait: seconds of a busy group call.
const BOUND: usize = 1024;

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
    /// A pipeline's bus spoke.
    Bus(PipelineId, BusNote),
    /// Something happened on a link.
    Link(LinkKey, LinkNote),
    /// A device's pipeline started, or did not.
    Started(PipelineId, Result<(), String>),
    /// The first sample came through a device's pipeline.
    Flowing(PipelineId),
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
        /// What it says.
        text: String,
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
    Candidate(u32, String),
    /// All candidates were told.
    GatheringComplete,
    /// ICE moved.
    Ice(gstreamer_webrtc::WebRTCICEConnectionState),
    /// ICE and DTLS together moved.
    Connection(gstreamer_webrtc::WebRTCPeerConnectionState),
    /// A `.local` name of a candidate was looked up.
    Resolved(u32, String, Option<IpAddr>),
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
    sender: SyncSender<Note>,
    lost: Arc<AtomicU64>,
    pipelines: Arc<AtomicUsize>,
}

impl Inbox {
    /// A new inbox and the end that reads it.
    pub(crate) fn new() -> (Self, Receiver<Note>) {
        let (sender, receiver) = sync_channel(BOUND);
        (Self { sender, lost: Arc::default(), pipelines: Arc::default() }, receiver)
    }

    /// Leaves a note; says whether it was taken. Never waits: callers are streaming threads and webrtcbin's own.
    pub(crate) fn tell(&self, note: Note) -> bool {
        match self.sender.try_send(note) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                tracing::error!(lost = self.lost(), "media inbox is full");
                false
            }
            Err(TrySendError::Disconnected(_)) => false,
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
