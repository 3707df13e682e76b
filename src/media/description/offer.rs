//! A peer's offer: which of its m-lines we take, and the answer that it gets.

use callbox_core::protocol::Media;

use super::candidate::Candidate;
use super::codec::Codec;
use super::section::{Description, Direction, Format, Section, Setup};
use super::{Agreed, Kind, Peer, Refusal};
use crate::media::settings::VideoCodec;

/// An offer that we can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RemoteOffer {
    pub(crate) peer: Peer,
    /// The codec of the video line.
    pub(crate) codec: Option<VideoCodec>,
    theirs: Description,
    accepted: Vec<Accepted>,
}

/// One m-line that we take.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Accepted {
    /// Where it is in the offer.
    at: usize,
    kind: Kind,
    format: Format,
    rtx: Option<Format>,
}

impl RemoteOffer {
    /// Reads an offer for a call with this media. `preferred` is taken where the peer has it, the other video codec else.
    pub(crate) fn read(text: &str, media: Media, preferred: VideoCodec) -> Result<Self, Refusal> {
        let theirs = Description::read(text)?;
        let other = match preferred {
            VideoCodec::Vp8 => VideoCodec::H264,
            VideoCodec::H264 => VideoCodec::Vp8,
        };
        let codecs = [preferred, other];
        let mut accepted = vec![accept(&theirs, Kind::Audio, codecs)?];
        if media == Media::Video {
            accepted.push(accept(&theirs, Kind::Video, codecs)?);
        }
        let lines: Vec<usize> = accepted.iter().map(|line| line.at).collect();
        let tagged = theirs.tagged(&lines)?;
        let fingerprints = theirs.certificates(tagged, &lines)?;
        let transport = &theirs.sections[tagged];
        check_transport(transport)?;
        if transport.setup.is_none() {
            return Err(Refusal::NoSetup);
        }
        let mut payloads: Vec<u8> =
            accepted.iter().flat_map(|line| [Some(line.format), line.rtx]).flatten().map(|it| it.payload).collect();
        payloads.sort_unstable();
        if payloads.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Refusal::AmbiguousPayload);
        }
        let inner = accepted.iter().enumerate().map(|(at, line)| line.inner(&theirs, at, transport, &fingerprints));
        let inner =
            Description { origin: (1, 1), ice_lite: theirs.ice_lite, bundles: Vec::new(), sections: inner.collect() };
        let peer = Peer {
            text: inner.write(0),
            fingerprints,
            candidates: transport.candidates.clone(),
            tagged: tagged as u16,
            audio: accepted[0].agreed(&theirs),
            video: accepted.get(1).map(|line| line.agreed(&theirs)),
        };
        let codec = accepted.get(1).and_then(|line| line.format.codec.video());
        Ok(Self { peer, codec, theirs, accepted })
    }

    /// Examines the answer that webrtcbin made, and writes the one for the peer, with these candidates of ours.
    pub(crate) fn answer(&self, made: &str, own: &[Candidate], complete: bool) -> Result<String, Refusal> {
        let made = Description::read(made)?;
        if made.sections.len() != self.accepted.len() {
            return Err(Refusal::Unexpected("another number of m-lines"));
        }
        let mut answer = Description {
            origin: made.origin,
            ice_lite: false,
            bundles: Vec::new(),
            sections: self.theirs.sections.iter().map(Section::refused).collect(),
        };
        for (line, section) in self.accepted.iter().zip(&made.sections) {
            answer.sections[line.at] = line.outer(&self.theirs.sections[line.at], section)?;
        }
        let tagged = &mut answer.sections[usize::from(self.peer.tagged)];
        tagged.candidates = own.to_vec();
        tagged.candidates_end = complete;
        Ok(answer.write(usize::from(self.peer.tagged)))
    }
}

/// The first m-line of a kind that fits in every way, or why the best one does not.
fn accept(theirs: &Description, kind: Kind, codecs: [VideoCodec; 2]) -> Result<Accepted, Refusal> {
    let lines = theirs.sections.iter().enumerate();
    let lines = lines.filter(|(_, section)| section.kind == Some(kind) && !section.is_refused());
    let mut why = Refusal::Missing(kind);
    for (at, section) in lines {
        if section.direction != Direction::Both {
            why = Refusal::OneWay(kind);
            continue;
        }
        // The line is chosen before the codec: a later line with the preferred one may be a second picture, outside the bundle.
        let best = |codec: VideoCodec| {
            let ranked = section.formats.iter().filter_map(|format| Some((format.codec.rank(kind, codec)?, format)));
            ranked.min_by_key(|(rank, _)| *rank)
        };
        let Some((_, format)) = codecs.into_iter().find_map(best) else {
            why = Refusal::NoCodec(kind);
            continue;
        };
        return Ok(Accepted { at, kind, format: *format, rtx: section.rtx(format.payload).copied() });
    }
    Err(why)
}

/// What the transport of a bundle needs on either way.
pub(super) fn check_transport(tagged: &Section) -> Result<(), Refusal> {
    if !tagged.mux {
        return Err(Refusal::NoMux);
    }
    if tagged.ice.is_none() {
        return Err(Refusal::NoIce);
    }
    Ok(())
}

impl Accepted {
    /// The m-line for webrtcbin: our formats alone, and the bundle's transport.
    fn inner(&self, theirs: &Description, at: usize, transport: &Section, prints: &[[u8; 32]]) -> Section {
        let section = &theirs.sections[self.at];
        Section {
            port: 9,
            bundle_only: false,
            mid: Some(section.mid.clone().unwrap_or_else(|| at.to_string())),
            fingerprints: prints.to_vec(),
            formats: self.formats(Codec::ours),
            msid: None,
            sources: section.sources.clone(),
            candidates: Vec::new(),
            candidates_end: false,
            protocol: "UDP/TLS/RTP/SAVPF".to_owned(),
            ..section.clone().transport_of(transport)
        }
    }

    /// The m-line for the peer: as webrtcbin made it, in the peer's own words.
    fn outer(&self, theirs: &Section, made: &Section) -> Result<Section, Refusal> {
        if made.kind != Some(self.kind) || made.is_refused() {
            return Err(Refusal::Unexpected("an m-line is refused"));
        }
        if made.direction != Direction::Both {
            return Err(Refusal::Unexpected("an m-line goes one way only"));
        }
        if made.format(self.format.payload).map(|format| format.codec) != Some(self.format.codec.ours()) {
            return Err(Refusal::Unexpected("another payload type or codec"));
        }
        check_transport(made)?;
        if made.fingerprints.is_empty() || !matches!(made.setup, Some(Setup::Active | Setup::Passive)) {
            return Err(Refusal::Unexpected("no fingerprint, or no DTLS role"));
        }
        let rtx = self.rtx.filter(|rtx| made.format(rtx.payload).is_some());
        let answered = |codec: Codec| match codec {
            Codec::H264(h264) => Codec::H264(h264.answered()),
            other => other,
        };
        let taken = made.format(self.format.payload).map(|format| format.feedback).unwrap_or_default();
        let mut formats = Self { rtx, ..self.clone() }.formats(answered);
        formats.iter_mut().filter(|format| format.payload == self.format.payload).for_each(|it| it.feedback = taken);
        Ok(Section {
            port: 9,
            bundle_only: false,
            mid: theirs.mid.clone(),
            media: theirs.media.clone(),
            protocol: theirs.protocol.clone(),
            formats,
            candidates: Vec::new(),
            candidates_end: false,
            ..made.clone()
        })
    }

    fn formats(&self, spelled: impl Fn(Codec) -> Codec) -> Vec<Format> {
        let of = |format: Format| Format { codec: spelled(format.codec), ..format };
        [Some(self.format), self.rtx].into_iter().flatten().map(of).collect()
    }

    fn agreed(&self, theirs: &Description) -> Agreed {
        let payload = self.format.payload;
        Agreed {
            payload,
            receives: [payload; 2],
            rtx: self.rtx.map(|rtx| rtx.payload),
            transport_cc: theirs.sections[self.at].transport_cc.filter(|_| self.kind == Kind::Video),
        }
    }
}
