//! The media edge: devices, pipelines and WebRTC links. It carries out orders and tells what happened; it decides nothing about calls.
//!
//! ```text
//!  audio    microphone → echo canceller → Opus ─▶ joint        mixer (fixed inputs: peers, tones) → speaker
//!  camera   device → raw ─▶ joint
//!  encode   camera or placeholder → encoder ─▶ joint           one encoder a picture (full, small) and codec, for all links
//!  link     joints → payloaders → webrtcbin → decoders ─▶ joints     one pipeline a link, gated
//!  screen   a peer's joint → display              several peers: a compositor (fixed inputs) before it
//! ```

mod absent;
mod audio;
mod backoff;
mod board;
mod camera;
mod camera_url;
mod camera_watch;
pub(crate) mod checkup;
mod chirp;
mod codec;
mod compose;
mod description;
mod devices;
mod duplex;
mod echo;
mod encode;
mod fault_text;
mod heart;
mod history;
mod inbox;
mod jitter;
mod join;
mod key_frame;
mod layout;
mod link;
mod marks;
mod mdns;
mod modes;
mod outbox;
mod overuse;
mod owner;
mod pipeline;
mod playout;
mod probe;
mod screen;
mod settings;
mod snapshot;
mod still;
#[cfg(test)]
mod test_peer;
mod testcard;
mod tiers;
mod tone;
mod voice;
mod volume;
mod warm;
mod watch;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use callbox_core::protocol::IceServer;
use callbox_core::station::MediaOrder;
use tokio::sync::{mpsc, oneshot};

pub use board::{FaultStatus, Heard, Pipelines, Seen, Status};
pub use camera_url::{BadCameraUrl, CameraUrl};
pub use echo::{EchoReport, measure_echo};
pub use encode::EncoderStatus;
pub use inbox::Picture;
pub use link::LinkStatus;
pub use outbox::{Device, Event};
pub use probe::{EncoderTrial, try_encoder};
pub use settings::{
    Bitrate, Camera, CameraFormat, Echo, IceTransportPolicy, Microphone, Screen, Settings, Speaker, VideoCodec,
};
pub use snapshot::SnapshotError;
pub use tiers::Tier;
pub use volume::VolumeChange;
pub use warm::WarmUpError;

use heart::Heart;
use inbox::{Inbox, Note};
use outbox::Outbox;
use owner::Owner;
use volume::Volume;

/// How long a snapshot may take.
const SNAPSHOT: Duration = Duration::from_secs(4);
/// How long stopping may take: the owner's own limit, and a little.
const STOP: Duration = Duration::from_secs(6);

/// How long the start waits for the first try of GStreamer: the first offer's limit, and a little.
const FIRST_TRY: Duration = Duration::from_secs(35);

/// Makes the process ready for its first call: some hundred milliseconds that nobody should wait for when it rings.
///
/// # Errors
/// [`WarmUpError`]: GStreamer does not work here, now.
pub fn warm_up() -> Result<(), WarmUpError> {
    warm::world().map(|_| ())
}

/// The media edge of one station.
pub struct Media {
    inbox: Inbox,
    volume: Volume,
    status: Arc<Mutex<Status>>,
    heart: Heart,
    /// Says when GStreamer was tried for the first time; and where to tell that it hangs.
    first_try: Option<(oneshot::Receiver<()>, mpsc::Sender<Event>)>,
}

impl Media {
    /// Starts the owner thread. [`Event::Ready`] or [`Event::Absent`] tells whether GStreamer works; while it does not, it is tried again
    /// and again, and orders come to nothing. Devices stay closed until a call begins.
    ///
    /// # Errors
    /// When there is no thread.
    pub fn start(settings: Settings, events: mpsc::Sender<Event>) -> io::Result<Self> {
        let (inbox, notes) = Inbox::new();
        let (status, heart) = (Arc::new(Mutex::new(Status::default())), Heart::default());
        let volume = Volume::new(settings.volume);
        let mut outbox = Outbox::new(events.clone());
        let (tried, first_try) = oneshot::channel();
        let (board, of_owner) = (Arc::clone(&status), (inbox.clone(), volume.clone(), heart.clone()));
        thread::Builder::new().name("media".into()).spawn(move || {
            let Some(held) = absent::until_warm(&notes, &mut outbox, warm_up, tried) else { return };
            probe::begin(settings.program.as_deref());
            let (inbox, volume, heart) = of_owner;
            Owner::new(settings, inbox, outbox, board, volume, heart).run(&notes, held);
        })?;
        Ok(Self { inbox, volume, status, heart, first_try: Some((first_try, events)) })
    }

    /// Waits until GStreamer was tried once, and that was told; if it hangs, that is told.
    pub async fn tried(&mut self) {
        let Some((first_try, events)) = self.first_try.take() else { return };
        if tokio::time::timeout(FIRST_TRY, first_try).await.is_err() {
            // Whoever has stopped to read does not want to know.
            let _ = events.send(Event::Absent { text: absent::hangs(FIRST_TRY) }).await;
        }
    }

    /// Tries GStreamer at once, if it is absent.
    pub fn retry(&self) {
        self.inbox.tell(Note::Retry);
    }

    /// Gives an order. Never waits.
    pub fn order(&self, order: MediaOrder) {
        self.inbox.tell(Note::Order(order));
    }

    /// Takes other settings, once no call uses a device. STUN and TURN servers have an order of their own.
    pub fn configure(&self, settings: Settings) {
        self.inbox.tell(Note::Settings(Box::new(settings)));
    }

    /// What has not moved within this time, if anything: the owner of all media or, while something is to be captured, sound
    /// or picture. A camera that fails is no reason: a placeholder takes its place.
    pub fn stuck(&self, within: Duration) -> Option<&'static str> {
        self.heart.stuck(Instant::now(), within)
    }

    /// Replaces the STUN and TURN servers, for links that are opened from now on.
    pub fn set_ice_servers(&self, servers: Vec<IceServer>) {
        self.inbox.tell(Note::IceServers(servers));
    }

    /// The media edge as it is now.
    pub fn status(&self) -> Status {
        let now = warm::warmed().map_or(0, |world| world.running_time().mseconds());
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner).clone();
        status.pipeline_count = self.inbox.pipelines();
        status.notes_lost = self.inbox.lost();
        status.with_process(now)
    }

    /// Makes the speaker louder or quieter until the call is over; gives the volume in percent.
    pub fn change_volume(&self, change: VolumeChange) -> u8 {
        let percent = self.volume.change(change);
        self.inbox.tell(Note::Volume);
        percent
    }

    /// Writes this over the picture on the screen, in place of what stands there.
    pub fn caption(&self, text: Option<String>) {
        self.inbox.tell(Note::Caption(text));
    }

    /// One picture as JPEG.
    pub async fn snapshot(&self, what: Picture) -> Result<Vec<u8>, SnapshotError> {
        let (reply, picture) = oneshot::channel();
        self.inbox.tell(Note::Snapshot(what, reply));
        match tokio::time::timeout(SNAPSHOT, picture).await {
            Ok(Ok(picture)) => picture,
            _ => Err(SnapshotError::Gone),
        }
    }

    /// At most so many small JPEG pictures of the camera's last two seconds, evenly apart, oldest first; the newest one is among
    /// them. Empty while the camera does not run.
    pub async fn history(&self, most: usize) -> Vec<Vec<u8>> {
        let (reply, pictures) = oneshot::channel();
        self.inbox.tell(Note::History(most, reply));
        match tokio::time::timeout(SNAPSHOT, pictures).await {
            Ok(Ok(pictures)) => pictures,
            _ => Vec::new(),
        }
    }

    /// Ends everything, within seconds even when a driver hangs.
    pub async fn stop(self) {
        let (done, stopped) = oneshot::channel();
        self.inbox.tell(Note::Stop(done));
        if tokio::time::timeout(STOP, stopped).await.is_err() {
            tracing::warn!("media did not stop in time");
        }
    }
}

impl Drop for Media {
    fn drop(&mut self) {
        let (done, _) = oneshot::channel();
        self.inbox.tell(Note::Stop(done));
    }
}
