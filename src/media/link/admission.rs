//! Which packets of the peer reach rtpbin, and which of ours left: looked at between SRTP and rtpbin, without a lock or an
//! allocation for each packet.
//!
//! webrtcbin trusts what it is sent: a packet of a source or payload type that was not negotiated ends the process (an assertion in
//! `on_rtpbin_pad_added`), and each new source costs a jitter buffer with a thread.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use gstreamer as gst;
use gstreamer::prelude::*;

use crate::media::description::{Agreed, Peer};

/// Most sources that one stream of a peer may use up on a link.
const MAX_SOURCES: usize = 8;
/// The fixed part of an RTP header (RFC 3550, section 5.1).
const HEADER: usize = 12;

/// The packets of one link.
#[derive(Debug, Default)]
pub(super) struct Admission {
    rules: OnceLock<Rules>,
    /// Packets that passed SRTP's authentication, RTP and RTCP alike: a sign of life.
    authenticated: AtomicU64,
    /// Packets that were not let in.
    refused: AtomicU64,
    exhausted: AtomicBool,
    sent: [Sent; 2],
}

/// What was negotiated: for each payload type the stream it belongs to.
#[derive(Debug)]
struct Rules {
    stream_of: [Option<u8>; 128],
    streams: [Stream; 3],
}

/// The sources of one stream: audio, video, or the retransmissions of video. The newest counts, those before it do not come back.
#[derive(Debug)]
struct Stream {
    newest: AtomicU64,
    used: AtomicUsize,
    sources: [AtomicU32; MAX_SOURCES],
}

/// A stream of ours.
#[derive(Debug, Default)]
struct Sent {
    /// Its SSRC; 0: there is none.
    ssrc: AtomicU32,
    frames: AtomicU64,
}

/// Our streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outgoing {
    Audio,
    Video,
}

/// What of an RTP header matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    marker: bool,
    payload: u8,
    ssrc: u32,
}

impl Header {
    fn read(buffer: &gst::BufferRef) -> Option<Self> {
        let mut bytes = [0; HEADER];
        // Asked first: the bindings panic at a buffer that is too short.
        if buffer.size() < HEADER || buffer.copy_to_slice(0, &mut bytes).is_err() || bytes[0] >> 6 != 2 {
            return None;
        }
        let [_, second, _, _, _, _, _, _, ssrc @ ..] = bytes;
        Some(Self { marker: second & 0x80 != 0, payload: second & 0x7f, ssrc: u32::from_be_bytes(ssrc) })
    }
}

impl Admission {
    /// Lets in what this peer negotiated, once in a link's life. Before it nothing is let in.
    pub(super) fn agree(&self, peer: &Peer) {
        let mut stream_of = [None; 128];
        let mut map = |agreed: &Agreed, stream: u8| {
            agreed.receives.iter().for_each(|payload| stream_of[usize::from(payload & 0x7f)] = Some(stream));
            if let Some(rtx) = agreed.rtx {
                stream_of[usize::from(rtx & 0x7f)] = Some(2);
            }
        };
        map(&peer.audio, 0);
        if let Some(video) = &peer.video {
            map(video, 1);
        }
        // A link is negotiated once.
        let _ = self.rules.set(Rules { stream_of, streams: Default::default() });
    }

    /// Says which source a stream of ours is.
    pub(super) fn announce(&self, stream: Outgoing, ssrc: u32) {
        self.sent[stream as usize].ssrc.store(ssrc, Ordering::Relaxed);
    }

    /// Frames of a stream of ours that were encrypted and given to the socket.
    pub(super) fn sent(&self, stream: Outgoing) -> u64 {
        self.sent[stream as usize].frames.load(Ordering::Relaxed)
    }

    /// Authenticated packets so far.
    pub(super) fn authenticated(&self) -> u64 {
        self.authenticated.load(Ordering::Relaxed)
    }

    /// Packets that were not let in so far.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Whether a stream of the peer changed its source more often than we allow.
    pub(super) fn is_exhausted(&self) -> bool {
        self.exhausted.load(Ordering::Relaxed)
    }

    /// Watches every transport of a pipeline.
    pub(super) fn watch(self: &Arc<Self>, pipeline: &gst::Pipeline) {
        let admission = Arc::clone(self);
        pipeline.connect_deep_element_added(move |_, _, element| {
            let Some(factory) = element.factory() else { return };
            match factory.name().as_str() {
                "srtpdec" => admission.watch_pads(element, Self::watch_incoming),
                "srtpenc" => admission.watch_pads(element, Self::watch_outgoing),
                _ => {}
            }
        });
    }

    fn watch_pads(self: &Arc<Self>, element: &gst::Element, watch: fn(&Arc<Self>, &gst::Pad)) {
        element.src_pads().iter().for_each(|pad| watch(self, pad));
        let admission = Arc::clone(self);
        element.connect_pad_added(move |_, pad| {
            if pad.direction() == gst::PadDirection::Src {
                watch(&admission, pad);
            }
        });
    }

    fn watch_incoming(self: &Arc<Self>, pad: &gst::Pad) {
        let admission = Arc::clone(self);
        let is_rtp = pad.name().starts_with("rtp_");
        pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, info| {
            admission.authenticated.fetch_add(1, Ordering::Relaxed);
            if !is_rtp {
                return gst::PadProbeReturn::Ok;
            }
            match &mut info.data {
                Some(gst::PadProbeData::Buffer(buffer)) if !admission.lets_in(buffer) => gst::PadProbeReturn::Handled,
                Some(gst::PadProbeData::BufferList(list))
                    if !list.iter().all(|buffer| admission.would_let_in(buffer)) =>
                {
                    list.make_mut()
                        .foreach_mut(|buffer, _| ControlFlow::Continue(admission.lets_in(&buffer).then_some(buffer)));
                    gst::PadProbeReturn::Ok
                }
                _ => gst::PadProbeReturn::Ok,
            }
        });
    }

    fn watch_outgoing(self: &Arc<Self>, pad: &gst::Pad) {
        if !pad.name().starts_with("rtp_") {
            return;
        }
        let admission = Arc::clone(self);
        pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, info| {
            match &info.data {
                Some(gst::PadProbeData::Buffer(buffer)) => admission.count(buffer),
                Some(gst::PadProbeData::BufferList(list)) => list.iter().for_each(|buffer| admission.count(buffer)),
                _ => {}
            }
            gst::PadProbeReturn::Ok
        });
    }

    fn count(&self, buffer: &gst::BufferRef) {
        let Some(header) = Header::read(buffer) else { return };
        for (sent, whole) in self.sent.iter().zip([true, header.marker]) {
            if whole && sent.ssrc.load(Ordering::Relaxed) == header.ssrc {
                sent.frames.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn lets_in(&self, buffer: &gst::BufferRef) -> bool {
        let admitted = self.would_let_in(buffer);
        if !admitted {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        admitted
    }

    fn would_let_in(&self, buffer: &gst::BufferRef) -> bool {
        Header::read(buffer).is_some_and(|header| self.admits(header.payload, header.ssrc))
    }

    fn admits(&self, payload: u8, ssrc: u32) -> bool {
        let Some(rules) = self.rules.get() else { return false };
        let Some(stream) = rules.stream_of[usize::from(payload & 0x7f)] else { return false };
        let stream = &rules.streams[usize::from(stream)];
        if stream.newest.load(Ordering::Relaxed) == u64::from(ssrc) {
            return true;
        }
        if rules.streams.iter().any(|any| any.knows(ssrc)) {
            return false;
        }
        let taken = stream.take(ssrc);
        if !taken {
            self.exhausted.store(true, Ordering::Relaxed);
        }
        taken
    }
}

impl Default for Stream {
    fn default() -> Self {
        Self { newest: AtomicU64::new(u64::MAX), used: AtomicUsize::new(0), sources: Default::default() }
    }
}

impl Stream {
    fn knows(&self, ssrc: u32) -> bool {
        let used = self.used.load(Ordering::Acquire).min(MAX_SOURCES);
        self.sources[..used].iter().any(|source| source.load(Ordering::Relaxed) == ssrc)
    }

    /// Makes a source the newest of its stream. One thread a transport calls it, and a link has one transport.
    fn take(&self, ssrc: u32) -> bool {
        let used = self.used.load(Ordering::Relaxed);
        let Some(place) = self.sources.get(used) else { return false };
        place.store(ssrc, Ordering::Relaxed);
        self.used.store(used + 1, Ordering::Release);
        self.newest.store(u64::from(ssrc), Ordering::Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreed(payload: u8, rtx: Option<u8>) -> Agreed {
        Agreed { payload, receives: [payload; 2], rtx, transport_cc: None }
    }

    fn admission(video: Option<Agreed>) -> Admission {
        let (text, fingerprints, candidates) = (String::new(), Vec::new(), Vec::new());
        let admission = Admission::default();
        admission.agree(&Peer { text, fingerprints, candidates, tagged: 0, audio: agreed(111, None), video });
        admission
    }

    #[test]
    fn nothing_is_let_in_before_the_negotiation_and_then_only_what_was_negotiated() {
        assert!(!Admission::default().admits(111, 1));
        let sound = admission(None);
        assert!(sound.admits(111, 1) && !sound.admits(96, 2) && !sound.admits(0, 3));
        let both = admission(Some(agreed(96, Some(97))));
        assert!(both.admits(111, 1) && both.admits(96, 2) && both.admits(97, 3));
        assert!(!both.admits(98, 4) && !both.admits(127, 4));
    }

    #[test]
    fn a_source_belongs_to_one_stream() {
        let both = admission(Some(agreed(96, Some(97))));
        assert!(both.admits(96, 2));
        assert!(!both.admits(111, 2) && !both.admits(97, 2));
    }

    #[test]
    fn a_new_source_replaces_the_old_one_a_few_times() {
        let sound = admission(None);
        for ssrc in 0..MAX_SOURCES as u32 {
            assert!(sound.admits(111, ssrc) && sound.admits(111, ssrc));
            assert!(ssrc == 0 || !sound.admits(111, ssrc - 1), "the one before does not come back");
        }
        assert!(!sound.is_exhausted());
        assert!(!sound.admits(111, 1000) && sound.is_exhausted());
        assert!(sound.admits(111, MAX_SOURCES as u32 - 1));
    }

    #[test]
    fn a_header_is_read_from_packets_and_from_nothing_else() {
        gst::init().unwrap();
        let read = |bytes: &[u8]| Header::read(&gst::Buffer::from_slice(bytes.to_vec()));
        let packet = [0x80, 0xe0, 0, 1, 0, 0, 0, 2, 0xde, 0xad, 0xbe, 0xef, 9];
        assert_eq!(read(&packet), Some(Header { marker: true, payload: 96, ssrc: 0xdead_beef }));
        assert_eq!(read(&packet[..11]), None);
        assert_eq!(read(&[0; 20]), None);
    }
}
