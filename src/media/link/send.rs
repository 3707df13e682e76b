//! One sending branch of a link: encoded samples from a joint, packed as RTP, into webrtcbin.

use std::sync::atomic::{AtomicU64, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSrc;
use gstreamer_rtp::RTPHeaderExtension;
use gstreamer_rtp::prelude::*;
use gstreamer_utils::{ConsumptionLink, StreamProducer};
use gstreamer_webrtc::{WebRTCRTPTransceiver, WebRTCRTPTransceiverDirection};

use super::renumber;
use crate::media::description::{Agreed, TRANSPORT_CC};
use crate::media::inbox::{Inbox, LinkKey, LinkNote};
use crate::media::join::{attach_shut, on_first_buffer, prepare_slot};
use crate::media::pipeline::{Pipeline, PipelineError};
use crate::media::settings::VideoCodec;

/// Frames that are further back in time belong to another clock, in nanoseconds.
const SAME_FRAME: u64 = 1_000_000_000;
/// Payloaders write dynamic payload types only (RFC 3551, section 6).
const FIRST_DYNAMIC: u8 = 96;

/// The numbers a branch sends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) payload: u8,
    pub(crate) transport_cc: Option<u8>,
}

impl Choice {
    /// What was agreed with a peer that offers.
    pub(super) fn of(agreed: &Agreed) -> Self {
        Self { payload: agreed.payload, transport_cc: agreed.transport_cc }
    }
}

/// What a branch carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Medium {
    Audio,
    Video(VideoCodec),
}

impl Medium {
    /// The numbers of our own offers: those Chromium uses itself.
    pub(crate) fn offered(self) -> Choice {
        match self {
            Self::Audio => Choice { payload: 111, transport_cc: None },
            Self::Video(VideoCodec::Vp8) => Choice { payload: 96, transport_cc: Some(3) },
            Self::Video(VideoCodec::H264) => Choice { payload: 102, transport_cc: Some(3) },
        }
    }

    /// What webrtcbin negotiates: exactly one codec, everything stated.
    pub(crate) fn preferences(self, choice: Choice) -> gst::Caps {
        let caps = gst::Caps::builder("application/x-rtp").field("payload", i32::from(choice.payload));
        let caps = match self {
            Self::Audio => caps
                .field("media", "audio")
                .field("encoding-name", "OPUS")
                .field("clock-rate", 48_000i32)
                .field("encoding-params", "2")
                .field("minptime", "10")
                .field("useinbandfec", "1"),
            Self::Video(VideoCodec::Vp8) => {
                caps.field("media", "video").field("encoding-name", "VP8").field("clock-rate", 90_000i32)
            }
            Self::Video(VideoCodec::H264) => caps
                .field("media", "video")
                .field("encoding-name", "H264")
                .field("clock-rate", 90_000i32)
                .field("packetization-mode", "1")
                .field("profile-level-id", "42e01f")
                .field("level-asymmetry-allowed", "1"),
        };
        let caps = match self {
            Self::Audio => caps,
            Self::Video(_) => {
                caps.field("rtcp-fb-nack-pli", true).field("rtcp-fb-ccm-fir", true).field("rtcp-fb-transport-cc", true)
            }
        };
        match choice.transport_cc {
            Some(id) => caps.field(format!("extmap-{id}").as_str(), TRANSPORT_CC).build(),
            None => caps.build(),
        }
    }

    fn payloader(self) -> (&'static str, &'static [(&'static str, &'static str)]) {
        match self {
            Self::Audio => ("rtpopuspay", &[]),
            Self::Video(VideoCodec::Vp8) => ("rtpvp8pay", &[("picture-id-mode", "15-bit")]),
            Self::Video(VideoCodec::H264) => {
                // The parameter sets are in each key frame already. Told to, the payloader repeats them before each slice,
                // which cuts the frame into pieces for whoever parses it at the other end.
                ("rtph264pay", &[("aggregate-mode", "zero-latency"), ("config-interval", "0")])
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video(_) => "video",
        }
    }
}

/// One sending branch.
pub(crate) struct Sender {
    pub(crate) transceiver: WebRTCRTPTransceiver,
    joint: ConsumptionLink,
    pad: gst::Pad,
    payloader: gst::Element,
    filter: gst::Element,
    payload: u8,
    ssrc: u32,
    told_first: bool,
    /// How many samples had passed when another picture was taken, until one of that passes.
    switched: Option<u64>,
}

impl Sender {
    /// Builds the branch with its gate shut, and has webrtcbin negotiate it.
    pub(crate) fn new(
        pipeline: &Pipeline,
        webrtc: &gst::Element,
        producer: &StreamProducer,
        medium: Medium,
        choice: Choice,
        stream: &str,
    ) -> Result<Self, PipelineError> {
        let failed = |text: &str| PipelineError::new("link", format!("{} out: {text}", medium.name()));
        let pad = webrtc.request_pad_simple("sink_%u").ok_or_else(|| failed("webrtcbin has no pad"))?;
        // Neither user nor host name goes out: the stream is called by a random name.
        pad.set_property("msid", stream);
        let transceiver = pad.property::<WebRTCRTPTransceiver>("transceiver");
        let ssrc = random_ssrc()?;
        let mut preferences = medium.preferences(choice);
        // Without it webrtcbin announces the retransmissions' source alone, and browsers show nothing.
        preferences.make_mut().set("ssrc", ssrc);
        transceiver.set_codec_preferences(Some(&preferences));
        transceiver.set_direction(WebRTCRTPTransceiverDirection::Sendrecv);
        if medium != Medium::Audio {
            transceiver.set_property("do-nack", true);
        }
        let appsrc = AppSrc::builder().build();
        let (factory, properties) = medium.payloader();
        let payloader = gst::ElementFactory::make(factory).build().map_err(|_| failed(factory))?;
        payloader.set_property("pt", u32::from(choice.payload.max(FIRST_DYNAMIC)));
        payloader.set_property("ssrc", ssrc);
        payloader.set_property("mtu", 1200u32);
        crate::media::codec::apply(&payloader, properties);
        if let Some(id) = choice.transport_cc {
            add_transport_cc(&payloader, id).ok_or_else(|| failed("no rtphdrexttwcc"))?;
        }
        let filter = gst::ElementFactory::make("capsfilter")
            .property("caps", strip(&preferences))
            .build()
            .map_err(|_| failed("no capsfilter"))?;
        let mut elements = vec![appsrc.upcast_ref::<gst::Element>().clone(), payloader.clone()];
        if choice.payload < FIRST_DYNAMIC {
            elements.push(renumber::setter(&payloader, choice.payload).ok_or_else(|| failed("no capssetter"))?);
        }
        elements.push(filter.clone());
        pipeline.inner().add_many(&elements).map_err(|error| failed(&error.to_string()))?;
        gst::Element::link_many(&elements).map_err(|error| failed(&error.to_string()))?;
        let out = filter.static_pad("src").ok_or_else(|| failed("no pad"))?;
        out.link(&pad).map_err(|error| failed(&error.to_string()))?;
        prepare_slot(&appsrc);
        if medium != Medium::Audio {
            keep_order(&appsrc);
        }
        let joint = attach_shut(producer, &appsrc)?;
        for element in &elements {
            element.sync_state_with_parent().map_err(|error| failed(&error.to_string()))?;
        }
        let payload = choice.payload;
        Ok(Self { transceiver, joint, pad, payloader, filter, payload, ssrc, told_first: false, switched: None })
    }

    /// The source of its packets.
    pub(crate) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Sends with another payload type from now on. Only before the first packet: nothing has seen the old one yet.
    pub(crate) fn renumber(&mut self, payload: u8) -> Result<(), PipelineError> {
        if payload == self.payload {
            return Ok(());
        }
        let with = |caps: &gst::Caps| {
            let mut caps = caps.clone();
            caps.make_mut().set("payload", i32::from(payload));
            caps
        };
        let preferences = self.transceiver.codec_preferences().map(|caps| with(&caps));
        self.transceiver.set_codec_preferences(preferences.as_ref());
        self.filter.set_property("caps", with(&self.filter.property::<gst::Caps>("caps")));
        self.payloader.set_property("pt", u32::from(payload));
        self.payload = payload;
        Ok(())
    }

    /// Opens or shuts the gate. The first packet after it opened is told once in a link's life.
    pub(crate) fn set_open(&mut self, open: bool, tell: Option<(&Inbox, LinkKey)>) {
        if let (true, false, Some((inbox, key))) = (open, self.told_first, tell) {
            self.told_first = true;
            let inbox = inbox.clone();
            on_first_buffer(&self.pad, move || inbox.link(key, LinkNote::FirstFrameSent));
        }
        self.joint.set_discard(!open);
    }

    /// Whether it was ever open for a first packet.
    pub(crate) fn has_begun(&self) -> bool {
        self.told_first
    }

    /// Whether samples may pass.
    pub(crate) fn is_open(&self) -> bool {
        !self.joint.discard()
    }

    /// Takes from another producer: its pipeline was built anew.
    pub(crate) fn follow(&mut self, producer: &StreamProducer) -> Result<(), PipelineError> {
        self.joint.change_producer(producer, false).map_err(|error| PipelineError::new("joint", error))
    }

    /// Takes another picture from now on, beginning with a key frame.
    pub(crate) fn switch(&mut self, producer: &StreamProducer) -> Result<(), PipelineError> {
        // A consumer that is added in this mode drops everything before the first key frame.
        self.joint.set_wait_for_keyframe(true);
        let followed = self.follow(producer);
        self.joint.set_wait_for_keyframe(false);
        self.switched = Some(self.joint.pushed());
        followed
    }

    /// Takes no picture from now on: neither frames nor requests for key frames pass.
    pub(crate) fn rest(&mut self) {
        self.joint.disconnect();
    }

    /// Whether the first frame of another picture is still to come.
    pub(crate) fn is_switching(&self) -> bool {
        self.switched == Some(self.joint.pushed())
    }

    /// Samples that passed, and samples that were dropped because the link was too slow.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.joint.pushed(), self.joint.dropped())
    }
}

/// Keeps time moving: the first frame of another picture may have been captured together with the last one that was sent, and
/// two frames of one time would be one frame to the peer.
fn keep_order(appsrc: &AppSrc) {
    let Some(pad) = appsrc.static_pad("src") else { return };
    let last = AtomicU64::new(0);
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let Some(buffer) = info.buffer_mut() else { return gst::PadProbeReturn::Ok };
        let Some(pts) = buffer.pts().map(gst::ClockTime::nseconds) else { return gst::PadProbeReturn::Ok };
        let last_pts = last.load(Ordering::Relaxed);
        if pts > last_pts {
            last.store(pts, Ordering::Relaxed);
        } else if last_pts - pts < SAME_FRAME {
            let later = last_pts + 1_000_000;
            last.store(later, Ordering::Relaxed);
            buffer.make_mut().set_pts(gst::ClockTime::from_nseconds(later));
        }
        gst::PadProbeReturn::Ok
    });
}

/// The payloader fills `sprop-*` in on its own terms; the rest must be what was negotiated.
fn strip(preferences: &gst::Caps) -> gst::Caps {
    let mut caps = preferences.clone();
    for structure in caps.make_mut().iter_mut() {
        structure.remove_fields([
            "minptime",
            "useinbandfec",
            "encoding-params",
            "packetization-mode",
            "profile-level-id",
        ]);
        structure.remove_fields([
            "level-asymmetry-allowed",
            "rtcp-fb-nack-pli",
            "rtcp-fb-ccm-fir",
            "rtcp-fb-transport-cc",
        ]);
    }
    caps
}

fn random_ssrc() -> Result<u32, PipelineError> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(|error| PipelineError::new("link", error))?;
    Ok(u32::from_be_bytes(bytes).max(1))
}

fn add_transport_cc(payloader: &gst::Element, id: u8) -> Option<()> {
    let extension = gst::ElementFactory::make("rtphdrexttwcc").build().ok()?.downcast::<RTPHeaderExtension>().ok()?;
    extension.set_id(u32::from(id));
    payloader.emit_by_name::<()>("add-extension", &[&extension]);
    Some(())
}
