//! The one negotiation of a link: each description passes `media::description` on its way in and out, each step is answered by a note.

use std::time::Instant;

use callbox_core::protocol::Media;
use callbox_core::station::{LinkEvent, LinkFailure};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_sdp::SDPMessage;
use gstreamer_utils::StreamProducer;
use gstreamer_webrtc::{WebRTCSDPType, WebRTCSessionDescription};

use super::admission::Outgoing;
use super::{Link, Medium, Receiver, Sender, Stage, incoming};
use crate::media::description::{Agreed, LocalOffer, Peer, Refusal, RemoteAnswer, RemoteOffer};
use crate::media::inbox::LinkNote;
use crate::media::outbox::Outbox;
use crate::media::pipeline::PipelineError;

use super::send::Choice;

/// How far the descriptions of a link are.
#[derive(Debug, Default)]
pub(super) struct Negotiation {
    /// Our description, made and set, which waits for our first candidates.
    pub(super) untold: Option<Untold>,
    offered: Option<LocalOffer>,
    taken: Option<RemoteOffer>,
    /// What the peer's description says.
    pub(super) peer: Option<Peer>,
    /// webrtcbin has the peer's description.
    pub(super) remote_set: bool,
}

/// A description of ours that was not told yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Untold {
    Offer,
    /// As webrtcbin made it.
    Answer(String),
}

impl Link {
    /// Makes our offer: audio first, then video, one codec each.
    pub(crate) fn offer(&mut self, opus: &StreamProducer, video: Option<&StreamProducer>) -> Result<(), PipelineError> {
        self.send_audio(opus, Medium::Audio.offered())?;
        if self.media == Media::Video {
            let video = video.ok_or_else(|| refusal(&"no video encoder: a video call needs one"))?;
            self.send_video(video, Medium::Video(self.codec).offered())?;
            self.receive_video()?;
        }
        self.make("create-offer", "offer");
        Ok(())
    }

    /// Answers an offer: payload types and extension numbers are the peer's.
    pub(crate) fn answer(
        &mut self,
        offer: RemoteOffer,
        opus: &StreamProducer,
        video: Option<&StreamProducer>,
    ) -> Result<(), PipelineError> {
        self.send_audio(opus, Choice::of(&offer.peer.audio))?;
        if let (Some(agreed), Some(codec)) = (offer.peer.video, offer.codec) {
            let video = video.ok_or_else(|| refusal(&"no video encoder: a video call needs one"))?;
            self.codec = codec;
            self.send_video(video, Choice::of(&agreed))?;
            self.receive_video()?;
        }
        let peer = offer.peer.clone();
        self.negotiation.taken = Some(offer);
        self.set_remote(WebRTCSDPType::Offer, peer)
    }

    /// Takes the peer's answer.
    pub(crate) fn take_answer(&mut self, sdp: &str, outbox: &mut Outbox) {
        let Some(offered) = &self.negotiation.offered else { return };
        let answer = match RemoteAnswer::read(sdp, offered) {
            Ok(answer) => answer,
            Err(reason) => return self.refuse_peer(&reason, outbox),
        };
        let renumbered = self.renumber(&answer.peer.audio, answer.peer.video.as_ref());
        if let Err(error) = renumbered.and_then(|()| self.set_remote(WebRTCSDPType::Answer, answer.peer)) {
            self.refuse(&error, outbox);
        }
    }

    /// Whether a remote description was taken already: a link is negotiated once.
    pub(crate) fn has_remote(&self) -> bool {
        self.negotiation.peer.is_some()
    }

    /// The negotiation cannot go on, for a reason of ours: the next link may do better.
    pub(crate) fn refuse(&mut self, reason: &dyn std::fmt::Display, outbox: &mut Outbox) {
        tracing::warn!(link = %self.id, %reason, "negotiation failed");
        self.fail(LinkFailure::Negotiation, outbox);
    }

    /// The peer's description is one that we cannot take, and so would be its next one.
    pub(crate) fn refuse_peer(&mut self, reason: &Refusal, outbox: &mut Outbox) {
        tracing::warn!(link = %self.id, %reason, "description of the peer refused");
        self.fail(LinkFailure::Refused, outbox);
    }

    pub(super) fn made(&mut self, made: Result<WebRTCSessionDescription, String>, outbox: &mut Outbox) {
        let text = made.and_then(|made| Ok((made.sdp().as_text().map_err(|error| error.to_string())?, made)));
        let (text, description) = match text {
            Ok(made) => made,
            Err(error) => return self.refuse(&error, outbox),
        };
        if description.type_() == WebRTCSDPType::Offer {
            match LocalOffer::read(&text, self.video_out.as_ref().map(|_| self.codec)) {
                Ok(offer) => self.negotiation.offered = Some(offer),
                Err(reason) => return self.refuse(&reason, outbox),
            }
            self.negotiation.untold = Some(Untold::Offer);
        } else {
            self.negotiation.untold = Some(Untold::Answer(text));
        }
        let promise = self.promise(|reply| LinkNote::LocalSet(reply.map(|_| ())));
        self.webrtc.emit_by_name::<()>("set-local-description", &[&description, &promise]);
    }

    pub(super) fn local_set(&mut self, now: Instant, set: Result<(), String>, outbox: &mut Outbox) {
        if let Err(error) = set {
            return self.refuse(&error, outbox);
        }
        self.ice.begin(now);
        if matches!(self.negotiation.untold, Some(Untold::Answer(_))) {
            self.connecting(now);
        }
    }

    /// Tells our description, with the candidates that are there.
    pub(super) fn tell_description(&mut self, outbox: &mut Outbox) {
        let Some(untold) = self.negotiation.untold.take() else { return };
        let (own, complete) = self.ice.take_own();
        match (untold, &self.negotiation.offered, &self.negotiation.taken) {
            (Untold::Offer, Some(offer), _) => outbox.link(&self.id, LinkEvent::Offer(offer.write(&own, complete))),
            (Untold::Answer(made), _, Some(offer)) => match offer.answer(&made, &own, complete) {
                Ok(answer) => outbox.link(&self.id, LinkEvent::Answer(answer)),
                Err(reason) => self.refuse(&reason, outbox),
            },
            _ => self.refuse(&"a description nobody asked for", outbox),
        }
    }

    pub(super) fn remote_set(&mut self, now: Instant, set: Result<(), String>, outbox: &mut Outbox) {
        if let Err(error) = set {
            return self.refuse(&error, outbox);
        }
        self.negotiation.remote_set = true;
        self.flush_candidates();
        if self.webrtc.property::<gstreamer_webrtc::WebRTCSignalingState>("signaling-state")
            == gstreamer_webrtc::WebRTCSignalingState::HaveRemoteOffer
        {
            self.make("create-answer", "answer");
        } else {
            self.connecting(now);
        }
    }

    fn connecting(&mut self, now: Instant) {
        if self.stage == Stage::Negotiating {
            self.stage = Stage::Connecting { since: now };
        }
    }

    fn send_audio(&mut self, opus: &StreamProducer, choice: Choice) -> Result<(), PipelineError> {
        let sender = Sender::new(&self.pipeline, &self.webrtc, opus, Medium::Audio, choice, &self.stream)?;
        self.admission.announce(Outgoing::Audio, sender.ssrc());
        self.audio_out = Some(sender);
        Ok(())
    }

    fn send_video(&mut self, video: &StreamProducer, choice: Choice) -> Result<(), PipelineError> {
        let medium = Medium::Video(self.codec);
        let sender = Sender::new(&self.pipeline, &self.webrtc, video, medium, choice, &self.stream)?;
        self.admission.announce(Outgoing::Video, sender.ssrc());
        self.video_out = Some(sender);
        Ok(())
    }

    fn receive_video(&mut self) -> Result<(), PipelineError> {
        let receiver = Receiver::new(&self.pipeline, Medium::Video(self.codec))?;
        incoming::join(&self.webrtc, self.pipeline.inner(), "video", receiver.entry());
        self.video_in = Some(receiver);
        Ok(())
    }

    /// The answer may name other payload types than the offer: those are what the peer receives (RFC 3264, section 6.1).
    fn renumber(&mut self, audio: &Agreed, video: Option<&Agreed>) -> Result<(), PipelineError> {
        let video = self.video_out.as_mut().zip(video);
        for (sender, agreed) in self.audio_out.as_mut().map(|sender| (sender, audio)).into_iter().chain(video) {
            sender.renumber(agreed.payload)?;
        }
        Ok(())
    }

    fn set_remote(&mut self, kind: WebRTCSDPType, peer: Peer) -> Result<(), PipelineError> {
        let message = SDPMessage::parse_buffer(peer.text.as_bytes()).map_err(|error| refusal(&error))?;
        let description = WebRTCSessionDescription::new(kind, message);
        self.admission.agree(&peer);
        self.negotiation.peer = Some(peer);
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
