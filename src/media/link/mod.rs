//! One link: a webrtcbin in a pipeline of its own, negotiated once, gated until its peer is proven.

mod admission;
mod callbacks;
mod ice;
mod incoming;
mod negotiate;
mod picture;
mod receive;
mod renumber;
mod send;
mod stats;
mod transport;

use std::sync::Arc;
use std::time::{Duration, Instant};

use callbox_core::ids::LinkId;
use callbox_core::protocol::{IceServer, Media};
use callbox_core::station::{Flow, LinkEvent, LinkFailure, PictureSize};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_utils::StreamProducer;
use gstreamer_webrtc::{WebRTCICEConnectionState, WebRTCPeerConnectionState};

use self::admission::Admission;
use self::ice::Ice;
use self::negotiate::Negotiation;
pub(crate) use self::receive::Receiver;
pub(crate) use self::send::{Medium, Sender};
pub use self::stats::LinkStatus;
use self::transport::Trust;
use super::inbox::{Inbox, LinkKey, LinkNote};
use super::jitter::{Buffers, Jitter};
use super::outbox::Outbox;
use super::pipeline::{Pipeline, PipelineError};
use super::settings::{Settings, VideoCodec};
use super::tiers::Congestion;
use super::voice::Voice;

/// No RTP or RTCP for so long means the peer is gone.
const LIVENESS: Duration = Duration::from_secs(6);
/// ICE and DTLS must be through this long after both descriptions are set.
const TRANSPORT: Duration = Duration::from_secs(20);

/// How far a link got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// No description, or one.
    Negotiating,
    /// Both descriptions are set.
    Connecting { since: Instant },
    /// DTLS is up and the certificate is right.
    Secured { heard: Instant },
    /// Of no use any more.
    Failed,
}

/// One link.
pub(crate) struct Link {
    pub(crate) key: LinkKey,
    pub(crate) id: LinkId,
    /// Which input of mixer and compositor is its.
    pub(crate) slot: usize,
    pub(crate) media: Media,
    pub(crate) pipeline: Pipeline,
    pub(crate) flow: Flow,
    pub(crate) audio_in: Receiver,
    voice: Voice,
    pub(crate) video_in: Option<Receiver>,
    pub(crate) audio_out: Option<Sender>,
    pub(crate) video_out: Option<Sender>,
    /// What the path carries, as the congestion controller sees it.
    pub(crate) estimate: Option<u32>,
    pub(crate) congestion: Congestion,
    /// The picture that it takes from an encoder now.
    pub(crate) picture: Option<PictureSize>,
    codec: VideoCodec,
    webrtc: gst::Element,
    inbox: Inbox,
    stream: String,
    negotiation: Negotiation,
    ice: Ice,
    stage: Stage,
    ice_told: bool,
    silence_told: bool,
    admission: Arc<Admission>,
    seen_activity: u64,
    stats: stats::Numbers,
    jitter: Jitter,
    buffers: Buffers,
    frames_lost: u64,
}

/// What a link is made of, beside itself.
pub(crate) struct Parts<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) servers: &'a [IceServer],
    pub(crate) inbox: &'a Inbox,
}

impl Link {
    /// Makes a link that waits for an offer, or for [`Link::offer`].
    pub(crate) fn new(
        parts: &Parts<'_>,
        key: LinkKey,
        id: LinkId,
        media: Media,
        slot: usize,
    ) -> Result<Self, PipelineError> {
        let settings = parts.settings;
        let pipeline = Pipeline::empty("link", parts.inbox)?;
        let webrtc = gst::ElementFactory::make("webrtcbin").build();
        let webrtc = webrtc.map_err(|_| PipelineError::new("link", "no webrtcbin"))?;
        webrtc.set_property_from_str("bundle-policy", "max-bundle");
        webrtc.set_property("latency", settings.jitter_buffer.as_millis() as u32);
        transport::configure(&webrtc, settings, parts.servers)?;
        let stream = random_name()?;
        let buffers = Buffers::default();
        callbacks::tune_rtp(&webrtc, &stream, &buffers);
        let admission = Arc::new(Admission::default());
        admission.watch(pipeline.inner());
        pipeline.inner().add(&webrtc).map_err(|error| PipelineError::new("link", error))?;
        let audio_in = Receiver::new(&pipeline, Medium::Audio)?;
        callbacks::listen(&webrtc, parts.inbox, key, settings);
        incoming::join(&webrtc, pipeline.inner(), "audio", audio_in.entry());
        pipeline.play()?;
        Ok(Self {
            key,
            id,
            slot,
            media,
            pipeline,
            flow: Flow::default(),
            voice: Voice::listen(audio_in.exit()),
            audio_in,
            video_in: None,
            audio_out: None,
            video_out: None,
            estimate: None,
            congestion: Congestion::default(),
            picture: Some(PictureSize::Full),
            codec: settings.codec,
            webrtc,
            inbox: parts.inbox.clone(),
            stream,
            negotiation: Negotiation::default(),
            ice: Ice::default(),
            stage: Stage::Negotiating,
            ice_told: false,
            silence_told: false,
            admission,
            seen_activity: 0,
            stats: stats::Numbers::default(),
            jitter: Jitter::new(Instant::now(), settings.jitter_buffer),
            buffers,
            frames_lost: 0,
        })
    }

    /// Deals with what a callback said.
    pub(crate) fn on(&mut self, now: Instant, note: LinkNote, outbox: &mut Outbox) {
        if self.stage == Stage::Failed {
            return;
        }
        match note {
            LinkNote::Made(made) => self.made(made, outbox),
            LinkNote::LocalSet(set) => self.local_set(now, set, outbox),
            LinkNote::RemoteSet(set) => self.remote_set(now, set, outbox),
            LinkNote::Candidate(candidate) => self.own_candidate(&candidate, outbox),
            LinkNote::GatheringComplete => self.gathered(outbox),
            LinkNote::Ice(state) => self.ice_moved(state, outbox),
            LinkNote::Connection(state) => self.connection_moved(now, state, outbox),
            LinkNote::Resolved(candidate, address) => self.resolved(candidate, address),
            LinkNote::Estimate(bits) => self.estimate = Some(bits),
            LinkNote::FirstFrameSent => outbox.link(&self.id, LinkEvent::FirstFrameSent),
            LinkNote::FirstAudio => outbox.link(&self.id, LinkEvent::FirstAudio),
            LinkNote::FirstFrameDecoded => {}
            LinkNote::FirstFrameShown => outbox.link(&self.id, LinkEvent::FirstFrameShown),
            LinkNote::Stats(structure) => {
                self.stats.read(&structure);
                self.step_jitter(now);
            }
        }
    }

    /// Looks after the link's deadlines.
    pub(crate) fn tick(&mut self, now: Instant, outbox: &mut Outbox) {
        self.tick_ice(now, outbox);
        if self.admission.is_exhausted() && !self.is_failed() {
            tracing::warn!(link = %self.id, "the peer changes the source of a stream too often");
            self.fail(LinkFailure::Pipeline, outbox);
        }
        match self.stage {
            Stage::Connecting { since } if now >= since + TRANSPORT => self.fail(LinkFailure::Transport, outbox),
            Stage::Connecting { .. } => self.examine(now, outbox),
            Stage::Secured { heard } => self.watch_liveness(now, heard, outbox),
            Stage::Negotiating | Stage::Failed => {}
        }
    }

    /// When [`Self::tick`] has to be called at the latest, where that is sooner than usual.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.ice.deadline(self.negotiation.untold.is_none()).filter(|_| !self.is_failed())
    }

    /// A media element of the link failed.
    pub(crate) fn broke(&mut self, outbox: &mut Outbox) {
        self.fail(LinkFailure::Pipeline, outbox);
    }

    /// Whether media may flow.
    pub(crate) fn is_secured(&self) -> bool {
        matches!(self.stage, Stage::Secured { .. })
    }

    fn is_failed(&self) -> bool {
        self.stage == Stage::Failed
    }

    /// Whether our camera goes out on it now.
    pub(crate) fn sends_video(&self) -> bool {
        self.is_secured() && self.flow.send_video && self.video_out.is_some()
    }

    /// Whether our picture is yet to go out on it for the first time.
    pub(crate) fn awaits_sending(&self) -> bool {
        self.stage != Stage::Failed && self.video_out.as_ref().is_some_and(|video| !video.has_begun())
    }

    /// Whether the peer is to be seen now.
    pub(crate) fn shows_video(&self) -> bool {
        self.is_secured() && self.flow.play_video && self.video_in.is_some()
    }

    /// Whether the peer is heard to speak.
    pub(crate) fn speaks(&self) -> bool {
        self.audio_in.is_open() && self.voice.speaks()
    }

    /// Whether a picture of the peer was decoded.
    pub(crate) fn has_picture(&self) -> bool {
        self.video_in.as_ref().is_some_and(|video| video.counts().1 > 0)
    }

    /// The codec of its video.
    pub(crate) fn codec(&self) -> VideoCodec {
        self.codec
    }

    /// Brings the gates to what is wanted, as far as the peer is proven.
    pub(crate) fn apply_flow(&mut self) {
        let secured = self.is_secured();
        let open = |wanted: bool| wanted && secured;
        if let Some(audio) = &mut self.audio_out {
            audio.set_open(open(self.flow.send_audio), None);
        }
        if let Some(video) = &mut self.video_out {
            video.set_open(open(self.flow.send_video), Some((&self.inbox, self.key)));
        }
        self.audio_in.set_open(open(self.flow.play_audio));
        if let Some(video) = &mut self.video_in {
            let was_open = video.is_open();
            video.set_open(open(self.flow.play_video));
            if !was_open && open(self.flow.play_video) && video.counts().1 == 0 {
                video.ask_key_frame();
            }
        }
    }

    /// The audio pipeline was built anew.
    pub(crate) fn follow_audio(&mut self, opus: &StreamProducer) -> Result<(), PipelineError> {
        self.audio_out.as_mut().map_or(Ok(()), |audio| audio.follow(opus))
    }

    /// The encoder was built anew.
    pub(crate) fn follow_video(&mut self, video: &StreamProducer) -> Result<(), PipelineError> {
        self.video_out.as_mut().map_or(Ok(()), |sender| sender.follow(video))
    }

    fn step_jitter(&mut self, now: Instant) {
        if let Some(length) = self.jitter.look(now, self.buffers.counts()) {
            tracing::info!(link = %self.id, jitter_ms = length.as_millis(), "jitter buffer stepped");
            self.webrtc.set_property("latency", length.as_millis() as u32);
        }
    }

    fn ice_moved(&mut self, state: WebRTCICEConnectionState, outbox: &mut Outbox) {
        match state {
            WebRTCICEConnectionState::Connected | WebRTCICEConnectionState::Completed if !self.ice_told => {
                self.ice_told = true;
                outbox.link(&self.id, LinkEvent::IceConnected);
            }
            WebRTCICEConnectionState::Failed => self.fail(LinkFailure::Transport, outbox),
            _ => {}
        }
    }

    fn connection_moved(&mut self, now: Instant, state: WebRTCPeerConnectionState, outbox: &mut Outbox) {
        match state {
            WebRTCPeerConnectionState::Failed => self.fail(LinkFailure::Transport, outbox),
            WebRTCPeerConnectionState::Connected => self.examine(now, outbox),
            // The peer said goodbye, or its path is gone: no need to wait for the silence.
            WebRTCPeerConnectionState::Disconnected | WebRTCPeerConnectionState::Closed
                if self.is_secured() && !self.silence_told =>
            {
                self.silence_told = true;
                outbox.link(&self.id, LinkEvent::Silent);
            }
            _ => {}
        }
    }

    /// The check of RFC 8827 section 6.5 that webrtcbin before 1.28.5 does not make, on every transport that the link has.
    fn examine(&mut self, now: Instant, outbox: &mut Outbox) {
        let (Stage::Connecting { .. }, Some(peer)) = (self.stage, &self.negotiation.peer) else { return };
        match transport::examine_all(&self.transports(), &peer.fingerprints) {
            Trust::Waiting => {}
            Trust::Wrong => {
                tracing::error!(link = %self.id, "the peer's certificate is not the promised one");
                self.fail(LinkFailure::WrongFingerprint, outbox);
            }
            Trust::Right => {
                self.stage = Stage::Secured { heard: now };
                self.audio_in.trust();
                if let Some(video) = &self.video_in {
                    video.trust();
                }
                outbox.link(&self.id, LinkEvent::Secured);
            }
        }
    }

    fn transports(&self) -> Vec<gstreamer_webrtc::WebRTCDTLSTransport> {
        let senders = self.audio_out.iter().chain(&self.video_out).map(|sender| &sender.transceiver);
        let ends = senders.flat_map(|transceiver| {
            let sending = transceiver.sender().and_then(|sender| sender.transport());
            let receiving = transceiver.receiver().and_then(|receiver| receiver.transport());
            [sending, receiving]
        });
        ends.flatten().collect()
    }

    /// A peer that is to be heard or seen and says nothing at all, not even RTCP, is gone.
    fn watch_liveness(&mut self, now: Instant, heard: Instant, outbox: &mut Outbox) {
        let activity = self.admission.authenticated();
        let idle = self.flow == Flow::default();
        if activity != self.seen_activity || idle {
            self.seen_activity = activity;
            self.stage = Stage::Secured { heard: now };
            if std::mem::take(&mut self.silence_told) {
                outbox.link(&self.id, LinkEvent::Secured);
            }
        } else if now >= heard + LIVENESS && !self.silence_told {
            self.silence_told = true;
            outbox.link(&self.id, LinkEvent::Silent);
        }
    }

    fn fail(&mut self, failure: LinkFailure, outbox: &mut Outbox) {
        if self.stage == Stage::Failed {
            return;
        }
        self.stage = Stage::Failed;
        self.audio_in.distrust();
        if let Some(video) = &mut self.video_in {
            video.distrust();
        }
        self.apply_flow();
        outbox.link(&self.id, LinkEvent::Failed(failure));
    }
}

/// 64 random bits as text: the stream's name and the only CNAME that goes out (RFC 7022).
fn random_name() -> Result<String, PipelineError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| PipelineError::new("link", error))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
