//! The edges: started together, ended together, and the one inbox each of them fills.

use std::sync::Arc;
use std::time::Duration;

use callbox_core::protocol::IceServer;
use callbox_core::station::MediaOrder;
use tokio::sync::{broadcast, mpsc};

use super::StartError;
use super::reload::Read;
use crate::album::Album;
use crate::clock::{self, Clock};
use crate::config;
use crate::control::{Asked, Control};
use crate::fault::{Report, Teller};
use crate::media::{self, Media};
use crate::missed::MissedFile;
use crate::network::{self, Network};
use crate::panel::{self, Panel};
use crate::record::{self, Records};
use crate::rung::Rung;
use crate::signaling::{self, Signaling};

const QUEUE: usize = 256;
const MEDIA_STOP: Duration = Duration::from_millis(2000);
const RECORDS_STOP: Duration = Duration::from_millis(500);

/// What carries out.
pub(super) struct Edges {
    pub(super) media: Arc<Media>,
    pub(super) signaling: Signaling,
    pub(super) records: Records,
    pub(super) rung: Rung,
    missed: MissedFile,
    pub(super) album: Option<Album>,
    /// How the disk for snapshots is.
    pub(super) snapshots: Arc<Teller>,
    pub(super) monitors: broadcast::Sender<Arc<str>>,
    panel: Panel,
    _control: Control,
    _network: Network,
    _clock: Clock,
}

/// What happens.
pub(super) struct Inbox {
    pub(super) signaling: mpsc::Receiver<signaling::Event>,
    pub(super) media: mpsc::Receiver<media::Event>,
    pub(super) panel: mpsc::Receiver<panel::Event>,
    pub(super) asks: mpsc::Receiver<Asked>,
    pub(super) network: mpsc::Receiver<network::Event>,
    pub(super) clock: mpsc::Receiver<clock::Set>,
    pub(super) faults: mpsc::Receiver<Report>,
    /// Configurations that were read again.
    pub(super) configurations: mpsc::Receiver<Read>,
}

impl Edges {
    /// Starts them all. The panel first: a door that was left open is closed. Signalling last: whoever rings before media was tried
    /// would be turned away.
    pub(super) async fn start(
        settings: config::Settings,
        configurations: mpsc::Receiver<Read>,
    ) -> Result<(Self, Inbox), StartError> {
        let (panel_events, panel_inbox) = mpsc::channel(QUEUE);
        let panel =
            Panel::start(settings.panel, panel_events).map_err(|error| StartError::Thread("door relay", error))?;
        let (media_events, media_inbox) = mpsc::channel(QUEUE);
        let unknown =
            |error: &_| tracing::warn!(%error, "this program's file is unknown: no hardware encoder is tried");
        let program = std::env::current_exe().inspect_err(unknown).ok();
        let of_media = media::Settings { program, ..settings.media };
        let mut media = Media::start(of_media, media_events).map_err(|error| StartError::Thread("media", error))?;
        media.tried().await;
        let media = Arc::new(media);
        let (asks, asks_inbox) = mpsc::channel(QUEUE);
        let (monitors, _) = broadcast::channel(QUEUE);
        let (reports, reports_inbox) = mpsc::channel(QUEUE);
        let socket = Teller::of("control socket", reports.clone());
        let control = Control::start(&settings.control, asks, monitors.clone(), socket).await?;
        let told = |part| Teller::of(part, reports.clone());
        let (rung, rang) = Rung::start(settings.records.ringing(), told("ringing invite")).await;
        let (missed, notes, saved) = MissedFile::start(settings.records.missed(), told("missed calls")).await;
        let records = Records::start(settings.records, told("records"));
        let snapshots = Arc::new(told("snapshots"));
        let (changes, network_inbox) = mpsc::channel(QUEUE);
        let network = Network::start(changes);
        let (sets, clock_inbox) = mpsc::channel(QUEUE);
        let clock = Clock::start(sets);
        let album = Album::open(settings.album);
        let (heard, signaling_inbox) = mpsc::channel(QUEUE);
        let signaling = Signaling::start(settings.signaling, heard);
        if let Some((from, message)) = rang {
            signaling.rang(from, message);
        }
        signaling.tell_missed(notes, saved);
        let inbox = Inbox {
            signaling: signaling_inbox,
            media: media_inbox,
            panel: panel_inbox,
            asks: asks_inbox,
            network: network_inbox,
            clock: clock_inbox,
            faults: reports_inbox,
            configurations,
        };
        Ok((
            Self {
                media,
                signaling,
                records,
                rung,
                missed,
                album,
                snapshots,
                monitors,
                panel,
                _control: control,
                _network: network,
                _clock: clock,
            },
            inbox,
        ))
    }

    /// An order for the media edge; never waits.
    pub(super) fn order(&self, order: MediaOrder) {
        self.media.order(order);
    }

    /// Pulses the door's relay for this opening; never waits.
    pub(super) fn unlock(&self, opening: u64) {
        self.panel.unlock(opening);
    }

    /// What the lamps show.
    pub(super) fn show(&self, scene: panel::Scene) {
        self.panel.show(scene);
    }

    /// The STUN and TURN servers of the next links.
    pub(super) fn set_ice_servers(&self, servers: Vec<IceServer>) {
        self.media.set_ice_servers(servers);
    }

    /// Another place for records, from now on. What rings, and missed calls, are kept where they were until the next start.
    pub(super) fn set_records(&mut self, settings: record::Settings) {
        self.records.configure(settings);
    }

    /// Ends them all, bounded in time.
    pub(super) async fn stop(self) {
        let Self { media, signaling, records, rung, missed, panel, .. } = self;
        // Before anything that may take its time: the door closes.
        panel.stop().await;
        let media_stop = async {
            let Some(media) = Arc::into_inner(media) else {
                return tracing::warn!("media is still in use: not stopped");
            };
            if tokio::time::timeout(MEDIA_STOP, media.stop()).await.is_err() {
                tracing::warn!(after_ms = MEDIA_STOP.as_millis(), "media did not stop in time");
            }
        };
        let records_stop = async {
            let stop = async { tokio::join!(records.stop(), rung.stop()) };
            if tokio::time::timeout(RECORDS_STOP, stop).await.is_err() {
                tracing::warn!("the disk is too slow: the last call records may be lost");
            }
        };
        let signaling_stop = async {
            signaling.stop().await;
            // Its last state is known only now.
            if tokio::time::timeout(RECORDS_STOP, missed.stop()).await.is_err() {
                tracing::warn!("the disk is too slow: missed calls may be told twice, or not at all");
            }
        };
        tokio::join!(media_stop, signaling_stop, records_stop);
    }
}
