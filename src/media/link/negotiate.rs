//! The one negotiation of a link: descriptions and candidates, each step answered by a note.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use callbox_core::protocol::Media;
use callbox_core::station::{LinkEvent, LinkFailure};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_sdp::SDPMessage;
use gstreamer_utils::StreamProducer;
use gstreamer_webrtc::{
    WebRTCICEConnectionState, WebRTCICEGatheringState, WebRTCPeerConnectionState, WebRTCRTPTransceiverDirection,
    WebRTCSDPType, WebRTCSessionDescription,
};

use super::{Link, MAX_WAITING, Medium, Receiver, Sender, Stage};
use crate::media::inbox::{Inbox, LinkKey, LinkNote};
use crate::media::jitter::Buffers;
use crate::media::mdns;
use crate::media::outbox::Outbox;
use crate::media::pipeline::PipelineError;
use crate::media::sdp::{Line, MediaLine, Remote, SdpError};
use crate::media::settings::{Settings, VideoCodec};

impl Link {
    /// Makes our offer: audio first, then video, one codec each.
    pub(crate) fn offer(&mut self, opus: &StreamProducer, video: Option<&StreamProducer>) -> Result<(), PipelineError> {
        self.send_audio(opus, Medium::Audio.offered())?;
        if let (Media::Video, Some(video)) = (self.media, video) {
            let medium = Medium::Video(self.codec);
            self.send_video(video, medium.offered())?;
            self.receive_video()?;
        }
        self.make("create-offer", "offer");
        Ok(())
    }

    /// Which of our codecs an answer to this offer would carry: ours, when the peer has it, else the other one.
    pub(crate) fn codec_for(remote: &Remote, preferred: VideoCodec) -> Option<VideoCodec> {
        let line = remote.media.iter().find(|line| line.kind == Line::Video && !line.refused)?;
        let other = match preferred {
            VideoCodec::Vp8 => VideoCodec::H264,
            VideoCodec::H264 => VideoCodec::Vp8,
        };
        [preferred, other].into_iter().find(|codec| line.video(*codec).is_some())
    }

    /// Answers an offer: payload types and extension numbers are the peer's.
    pub(crate) fn answer(
        &mut self,
        remote: Remote,
        opus: &StreamProducer,
        video: Option<(VideoCodec, &StreamProducer)>,
    ) -> Result<(), PipelineError> {
        for line in remote.media.iter().filter(|line| !line.refused) {
            match line.kind {
                Line::Audio if self.audio_out.is_none() => {
                    let choice = line.opus().ok_or_else(|| refusal(&SdpError::NoCodec("audio")))?;
                    self.send_audio(opus, choice)?;
                }
                Line::Video if self.video_out.is_none() && self.media == Media::Video => {
                    let (codec, producer) = video.ok_or_else(|| refusal(&SdpError::NoCodec("video")))?;
                    let choice = line.video(codec).ok_or_else(|| refusal(&SdpError::NoCodec("video")))?;
                    self.codec = codec;
                    self.send_video(producer, choice)?;
                    self.receive_video()?;
                }
                _ => self.decline(line)?,
            }
        }
        self.set_remote(WebRTCSDPType::Offer, remote)
    }

    /// Takes the peer's answer.
    pub(crate) fn take_answer(&mut self, remote: Remote) -> Result<(), PipelineError> {
        if self.remote.is_some() || self.audio_out.is_none() {
            return Err(PipelineError::new("link", "an answer nobody asked for"));
        }
        self.set_remote(WebRTCSDPType::Answer, remote)
    }

    /// Whether a remote description was taken already: a link is negotiated once.
    pub(crate) fn has_remote(&self) -> bool {
        self.remote.is_some()
    }

    /// The negotiation cannot go on.
    pub(crate) fn refuse(&mut self, reason: &dyn std::fmt::Display, outbox: &mut Outbox) {
        tracing::warn!(link = %self.id, %reason, "negotiation failed");
        self.fail(LinkFailure::Negotiation, outbox);
    }

    /// Takes a candidate of the peer; empty: there are no more.
    pub(crate) fn remote_candidate(&mut self, mline: u32, candidate: String) {
        if candidate.is_empty() || self.stage == Stage::Failed {
            return;
        }
        if !self.remote_set {
            if self.waiting.len() < MAX_WAITING {
                self.waiting.push((mline, candidate));
            }
            return;
        }
        match mdns::local_name(&candidate) {
            Some(_) => mdns::look_up(&self.inbox, self.key, mline, candidate),
            None => self.add_candidate(mline, &candidate),
        }
    }

    pub(super) fn resolved(&mut self, mline: u32, candidate: &str, address: Option<IpAddr>) {
        match (mdns::local_name(candidate), address) {
            (Some(name), Some(address)) => self.add_candidate(mline, &mdns::with_address(candidate, name, address)),
            // We send our own addresses: the peer finds us, and its address comes with its checks.
            _ => tracing::debug!(link = %self.id, "a .local candidate was left out"),
        }
    }

    fn add_candidate(&self, mline: u32, candidate: &str) {
        self.webrtc.emit_by_name::<()>("add-ice-candidate", &[&mline, &candidate]);
    }

    pub(super) fn made(&mut self, now: Instant, made: Result<WebRTCSessionDescription, String>, outbox: &mut Outbox) {
        let description = match made {
            Ok(description) => description,
            Err(error) => return self.refuse(&error, outbox),
        };
        let promise = self.promise(|reply| LinkNote::LocalSet(reply.map(|_| ())));
        self.webrtc.emit_by_name::<()>("set-local-description", &[&description, &promise]);
        self.gathering = Some(now);
        let text = match description.sdp().as_text() {
            Ok(text) => text,
            Err(error) => return self.refuse(&error, outbox),
        };
        if description.type_() == WebRTCSDPType::Offer {
            outbox.link(&self.id, LinkEvent::Offer(text));
        } else {
            outbox.link(&self.id, LinkEvent::Answer(text));
            self.connecting(now);
        }
    }

    pub(super) fn local_set(&mut self, set: Result<(), String>, outbox: &mut Outbox) {
        if let Err(error) = set {
            self.refuse(&error, outbox);
        }
    }

    pub(super) fn remote_set(&mut self, now: Instant, set: Result<(), String>, outbox: &mut Outbox) {
        if let Err(error) = set {
            return self.refuse(&error, outbox);
        }
        self.remote_set = true;
        let inside = self.remote.as_mut().map(|remote| std::mem::take(&mut remote.candidates)).unwrap_or_default();
        for (mline, candidate) in inside.into_iter().chain(std::mem::take(&mut self.waiting)) {
            self.remote_candidate(mline, candidate);
        }
        if self.webrtc.property::<gstreamer_webrtc::WebRTCSignalingState>("signaling-state")
            == gstreamer_webrtc::WebRTCSignalingState::HaveRemoteOffer
        {
            self.make("create-answer", "answer");
        } else {
            self.connecting(now);
        }
    }

    pub(super) fn gathered(&mut self, outbox: &mut Outbox) {
        if self.gathering.take().is_some() {
            outbox.link(&self.id, LinkEvent::Candidate { candidate: String::new(), mline: 0 });
        }
    }

    fn connecting(&mut self, now: Instant) {
        if self.stage == Stage::Negotiating {
            self.stage = Stage::Connecting { since: now };
        }
    }

    fn send_audio(&mut self, opus: &StreamProducer, choice: crate::media::sdp::Choice) -> Result<(), PipelineError> {
        let sender = Sender::new(&self.pipeline, &self.webrtc, opus, Medium::Audio, choice, &self.stream)?;
        self.audio_out = Some(sender);
        Ok(())
    }

    fn send_video(&mut self, video: &StreamProducer, choice: crate::media::sdp::Choice) -> Result<(), PipelineError> {
        let medium = Medium::Video(self.codec);
        let sender = Sender::new(&self.pipeline, &self.webrtc, video, medium, choice, &self.stream)?;
        self.video_out = Some(sender);
        Ok(())
    }

    fn receive_video(&mut self) -> Result<(), PipelineError> {
        let receiver = Receiver::new(&self.pipeline, Medium::Video(self.codec))?;
        link_incoming(&self.webrtc, receiver.entry(), "video");
        self.video_in = Some(receiver);
        Ok(())
    }

    /// An m-line we do not want: webrtcbin would make it receive-only by itself.
    fn decline(&self, line: &MediaLine) -> Result<(), PipelineError> {
        let medium = match line.kind {
            Line::Audio => Medium::Audio,
            Line::Video => Medium::Video(self.codec),
            Line::Other => return Err(refusal(&"data channels are not spoken here")),
        };
        let choice = line.opus().or_else(|| line.video(self.codec)).unwrap_or_else(|| medium.offered());
        let direction = WebRTCRTPTransceiverDirection::Inactive;
        let caps = medium.preferences(choice);
        let _transceiver: gst::glib::Object = self.webrtc.emit_by_name("add-transceiver", &[&direction, &caps]);
        Ok(())
    }

    fn set_remote(&mut self, kind: WebRTCSDPType, remote: Remote) -> Result<(), PipelineError> {
        let message = SDPMessage::parse_buffer(remote.text.as_bytes()).map_err(|error| refusal(&error))?;
        let description = WebRTCSessionDescription::new(kind, message);
        self.remote = Some(remote);
        let promise = self.promise(|reply| LinkNote::RemoteSet(reply.map(|_| ())));
        self.webrtc.emit_by_name::<()>("set-remote-description", &[&description, &promise]);
        Ok(())
    }

    fn make(&self, action: &str, field: &'static str) {
        let promise = self.promise(move |reply| {
            LinkNote::Made(reply.and_then(|reply| {
                let reply = reply.ok_or_else(|| "webrtcbin said nothing".to_owned())?;
                reply.get::<WebRTCSessionDescription>(field).map_err(|error| error.to_string())
            }))
        });
        self.webrtc.emit_by_name::<()>(action, &[&None::<gst::Structure>, &promise]);
    }

    /// A promise whose reply becomes a note. An `error` field in it is an error.
    fn promise(
        &self,
        note: impl FnOnce(Result<Option<&gst::StructureRef>, String>) -> LinkNote + Send + 'static,
    ) -> gst::Promise {
        let (inbox, key) = (self.inbox.clone(), self.key);
        gst::Promise::with_change_func(move |reply| {
            let reply = match reply {
                Ok(Some(reply)) if reply.has_field("error") => Err(reply
                    .get::<gst::glib::Error>("error")
                    .map_or_else(|_| "webrtcbin refuses".to_owned(), |error| error.to_string())),
                Ok(reply) => Ok(reply),
                Err(error) => Err(format!("{error:?}")),
            };
            inbox.link(key, note(reply));
        })
    }

    /// Asks for statistics; they come as a note.
    pub(crate) fn ask_stats(&self) {
        if !self.is_secured() {
            return;
        }
        let (inbox, key) = (self.inbox.clone(), self.key);
        let promise = gst::Promise::with_change_func(move |reply| {
            if let Ok(Some(reply)) = reply {
                inbox.link(key, LinkNote::Stats(reply.to_owned()));
            }
        });
        self.webrtc.emit_by_name::<()>("get-stats", &[&None::<gst::Pad>, &promise]);
    }
}

fn refusal(reason: &dyn std::fmt::Display) -> PipelineError {
    PipelineError::new("link", reason.to_string())
}

/// Callbacks run on webrtcbin's own threads: they leave a note and return.
pub(super) fn listen(webrtc: &gst::Element, inbox: &Inbox, key: LinkKey, settings: &Settings) {
    let tell = move |inbox: &Inbox, note| inbox.link(key, note);
    webrtc.connect("on-ice-candidate", false, {
        let inbox = inbox.clone();
        move |values| {
            if let (Ok(mline), Ok(candidate)) = (values[1].get::<u32>(), values[2].get::<String>()) {
                if !candidate.is_empty() {
                    tell(&inbox, LinkNote::Candidate(mline, candidate));
                }
            }
            None
        }
    });
    webrtc.connect_notify(Some("ice-gathering-state"), {
        let inbox = inbox.clone();
        move |webrtc, _| {
            let state = webrtc.property::<WebRTCICEGatheringState>("ice-gathering-state");
            if state == WebRTCICEGatheringState::Complete {
                tell(&inbox, LinkNote::GatheringComplete);
            }
        }
    });
    webrtc.connect_notify(Some("ice-connection-state"), {
        let inbox = inbox.clone();
        move |webrtc, _| {
            tell(&inbox, LinkNote::Ice(webrtc.property::<WebRTCICEConnectionState>("ice-connection-state")));
        }
    });
    webrtc.connect_notify(Some("connection-state"), {
        let inbox = inbox.clone();
        move |webrtc, _| {
            tell(&inbox, LinkNote::Connection(webrtc.property::<WebRTCPeerConnectionState>("connection-state")));
        }
    });
    control_congestion(webrtc, inbox, key, settings);
}

/// Google congestion control over the transport-wide numbers; it needs the header extension to be negotiated.
fn control_congestion(webrtc: &gst::Element, inbox: &Inbox, key: LinkKey, settings: &Settings) {
    let (inbox, rate) = (inbox.clone(), settings.bitrate);
    webrtc.connect("request-aux-sender", false, move |_| {
        let controller = gst::ElementFactory::make("rtpgccbwe")
            .property("min-bitrate", rate.min)
            .property("max-bitrate", rate.max)
            .property("estimated-bitrate", rate.start)
            .build()
            .ok()?;
        let inbox = inbox.clone();
        controller.connect_notify(Some("estimated-bitrate"), move |controller, _| {
            inbox.link(key, LinkNote::Estimate(controller.property::<u32>("estimated-bitrate")));
        });
        Some(controller.to_value())
    });
}

/// Links the peer's stream of a kind to the branch that waits for it. Linking is all that happens here.
pub(super) fn link_incoming(webrtc: &gst::Element, entry: &gst::Pad, kind: &'static str) {
    let entry = entry.downgrade();
    webrtc.connect_pad_added(move |_, pad| {
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let media = caps.structure(0).and_then(|caps| caps.get::<String>("media").ok());
        let Some(entry) = entry.upgrade() else { return };
        if pad.direction() != gst::PadDirection::Src || media.as_deref() != Some(kind) || entry.is_linked() {
            return;
        }
        if let Err(error) = pad.link(&entry) {
            tracing::error!(kind, %error, "incoming stream not linked");
        }
    });
}

/// webrtcbin would send user and host name as CNAME; and its jitter buffers would hold the very first packets back for
/// the whole latency, though the sinks wait for it anyway. Two packets in a row are enough to start with: the buffer counts
/// those before the one that just came.
pub(super) fn tune_rtp(webrtc: &gst::Element, name: &str, buffers: &Buffers) {
    let Some(rtpbin) = webrtc.downcast_ref::<gst::Bin>().and_then(|bin| bin.by_name("rtpbin")) else { return };
    let sdes = gst::Structure::builder("application/x-rtp-source-sdes").field("cname", name).build();
    rtpbin.set_property("sdes", sdes);
    let buffers = buffers.clone();
    rtpbin.connect("new-jitterbuffer", false, move |values| {
        if let Some(Ok(buffer)) = values.get(1).map(gst::glib::Value::get::<gst::Element>) {
            buffer.set_property("faststart-min-packets", 1u32);
            buffers.add(&buffer);
        }
        None
    });
}

/// Counts packets that passed SRTP's authentication, RTP and RTCP alike: the sign of life nobody else can give.
pub(super) fn count_authenticated(pipeline: &gst::Pipeline, activity: &Arc<AtomicU64>) {
    let activity = Arc::clone(activity);
    pipeline.connect_deep_element_added(move |_, _, element| {
        if element.factory().is_none_or(|factory| factory.name() != "srtpdec") {
            return;
        }
        element.src_pads().iter().for_each(|pad| count_packets(pad, &activity));
        let activity = Arc::clone(&activity);
        element.connect_pad_added(move |_, pad| {
            if pad.direction() == gst::PadDirection::Src {
                count_packets(pad, &activity);
            }
        });
    });
}

fn count_packets(pad: &gst::Pad, activity: &Arc<AtomicU64>) {
    let activity = Arc::clone(activity);
    pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, _| {
        activity.fetch_add(1, Ordering::Relaxed);
        gst::PadProbeReturn::Ok
    });
}
