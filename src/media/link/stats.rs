//! What is known of a link in figures.

use gstreamer as gst;
use serde::Serialize;

use super::admission::Outgoing;
use super::{Link, Stage};
use crate::media::settings::VideoCodec;
use crate::media::tiers::Tier;

/// A link in figures.
#[derive(Clone, Debug, Serialize)]
pub struct LinkStatus {
    /// Its name.
    pub link: String,
    /// How far it got: `negotiating`, `connecting`, `secured`, `failed`.
    pub stage: &'static str,
    /// Its video codec, when it has video.
    pub codec: Option<VideoCodec>,
    /// Gates: microphone out.
    pub sends_audio: bool,
    /// Gates: camera out.
    pub sends_video: bool,
    /// Gates: peer heard.
    pub plays_audio: bool,
    /// Gates: peer seen.
    pub plays_video: bool,
    /// Opus frames that were given to the socket.
    pub audio_sent: u64,
    /// Video frames that were given to the socket.
    pub video_sent: u64,
    /// Video frames dropped because the link was too slow to take them.
    pub video_dropped: u64,
    /// The peer is heard to speak.
    pub speaks: bool,
    /// Audio packets of the peer that reached the decoder.
    pub audio_packets: u64,
    /// Video packets of the peer that reached the decoder.
    pub video_packets: u64,
    /// Pictures of the peer that were decoded.
    pub video_frames: u64,
    /// Packets of the peer whose source or payload type was not negotiated: dropped.
    pub refused_packets: u64,
    /// Which of our pictures goes out: `full`, `small`, or `held` when the path carries none.
    pub picture: Tier,
    /// What the congestion controller thinks the path carries, in bits a second.
    pub estimate: Option<u32>,
    /// Round-trip time as the peer's reports tell it, in milliseconds.
    pub round_trip_ms: Option<f64>,
    /// How long a packet may wait here for an earlier one, in milliseconds.
    pub jitter_buffer_ms: u64,
    /// Packets that came after that.
    pub late: u64,
    /// Packets the peer says it lost.
    pub lost_by_peer: i64,
    /// Packets we lost.
    pub lost_here: i64,
}

/// What webrtcbin's statistics say. Before 1.26 it mislabels streams of a bundle, so only sums are used.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    round_trip_ms: Option<f64>,
    lost_by_peer: i64,
    lost_here: i64,
}

impl Numbers {
    pub(super) fn read(&mut self, reply: &gst::Structure) {
        let (mut lost_by_peer, mut lost_here) = (0, 0);
        for (_, value) in reply.iter() {
            let Ok(entry) = value.get::<gst::Structure>() else { continue };
            let lost =
                entry.get::<i64>("packets-lost").or(entry.get::<i32>("packets-lost").map(i64::from)).unwrap_or(0);
            let name = entry.name().to_string();
            if name.contains("remote-inbound") {
                lost_by_peer += lost;
                if let Ok(seconds) = entry.get::<f64>("round-trip-time") {
                    self.round_trip_ms = Some(seconds * 1000.0);
                }
            } else if name.contains("inbound") {
                lost_here += lost;
            }
        }
        (self.lost_by_peer, self.lost_here) = (lost_by_peer, lost_here);
    }
}

impl Link {
    /// The link in figures.
    pub(crate) fn status(&self) -> LinkStatus {
        let stage = match self.stage {
            Stage::Negotiating => "negotiating",
            Stage::Connecting { .. } => "connecting",
            Stage::Secured { .. } => "secured",
            Stage::Failed => "failed",
        };
        let video_dropped = self.video_out.as_ref().map_or(0, |video| video.counts().1);
        let (video_packets, video_frames) = self.video_in.as_ref().map_or((0, 0), |video| video.counts());
        LinkStatus {
            link: self.id.to_string(),
            stage,
            codec: self.video_out.as_ref().map(|_| self.codec),
            sends_audio: self.audio_out.as_ref().is_some_and(|audio| audio.is_open()),
            sends_video: self.video_out.as_ref().is_some_and(|video| video.is_open()),
            plays_audio: self.audio_in.is_open(),
            plays_video: self.shows_video(),
            audio_sent: self.admission.sent(Outgoing::Audio),
            video_sent: self.admission.sent(Outgoing::Video),
            video_dropped,
            speaks: self.speaks(),
            audio_packets: self.audio_in.counts().0,
            video_packets,
            video_frames,
            refused_packets: self.admission.refused(),
            picture: self.congestion.tier(),
            estimate: self.estimate,
            round_trip_ms: self.stats.round_trip_ms,
            jitter_buffer_ms: u64::try_from(self.jitter.length().as_millis()).unwrap_or(u64::MAX),
            late: self.buffers.counts().late,
            lost_by_peer: self.stats.lost_by_peer,
            lost_here: self.stats.lost_here,
        }
    }
}
