//! Our offer as webrtcbin made it, and the peer's answer to it.

use super::candidate::Candidate;
use super::codec::Codec;
use super::offer::check_transport;
use super::section::{Description, Direction, Format, Section, Setup};
use super::{Agreed, Kind, Peer, Refusal};
use crate::media::settings::VideoCodec;

/// An offer of ours that says what we wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocalOffer {
    made: Description,
    lines: Vec<Offered>,
}

/// One m-line of our offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Offered {
    kind: Kind,
    format: Format,
    rtx: Option<u8>,
}

impl LocalOffer {
    /// Examines the offer that webrtcbin made: audio and, with a codec, video, both `sendrecv`.
    pub(crate) fn read(made: &str, codec: Option<VideoCodec>) -> Result<Self, Refusal> {
        let mut made = Description::read(made)?;
        let wanted = if codec.is_some() { &[Kind::Audio, Kind::Video][..] } else { &[Kind::Audio] };
        if made.sections.len() != wanted.len() {
            return Err(Refusal::Unexpected("another number of m-lines"));
        }
        let mut lines = Vec::new();
        for (kind, section) in wanted.iter().zip(&mut made.sections) {
            if section.kind != Some(*kind) || section.is_refused() || section.direction != Direction::Both {
                return Err(Refusal::Unexpected("an m-line is not sendrecv"));
            }
            let codec = codec.unwrap_or(VideoCodec::Vp8);
            let format = section.formats.iter().find(|format| format.codec.rank(*kind, codec).is_some()).copied();
            let format = format.ok_or(Refusal::Unexpected("another codec"))?;
            let rtx = section.rtx(format.payload).copied();
            section.formats = [Some(format), rtx].into_iter().flatten().collect();
            lines.push(Offered { kind: *kind, format, rtx: rtx.map(|rtx| rtx.payload) });
        }
        let all: Vec<usize> = (0..made.sections.len()).collect();
        let tagged = made.tagged(&all)?;
        made.certificates(tagged, &all)?;
        check_transport(&made.sections[tagged])?;
        Ok(Self { made, lines })
    }

    /// A payload type that the peer may send has one meaning in the bundle: ours, or that of its answer.
    fn check_payloads(&self, taken: &[Format]) -> Result<(), Refusal> {
        let rtx = self.lines.iter().filter_map(|line| line.rtx);
        let mut payloads: Vec<u8> = self.lines.iter().map(|line| line.format.payload).chain(rtx).collect();
        let renumbered = self.lines.iter().zip(taken).filter(|(line, taken)| line.format.payload != taken.payload);
        payloads.extend(renumbered.map(|(_, taken)| taken.payload));
        payloads.sort_unstable();
        if payloads.windows(2).any(|pair| pair[0] == pair[1]) { Err(Refusal::AmbiguousPayload) } else { Ok(()) }
    }

    /// The offer for the peer, with these candidates of ours.
    pub(crate) fn write(&self, own: &[Candidate], complete: bool) -> String {
        let mut offer = self.made.clone();
        offer.sections[0].candidates = own.to_vec();
        offer.sections[0].candidates_end = complete;
        offer.write(0)
    }
}

/// An answer that fits our offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RemoteAnswer {
    pub(crate) peer: Peer,
}

impl RemoteAnswer {
    /// Reads the answer to this offer. Every line has to be taken, both ways: a call without sound or picture is no call.
    pub(crate) fn read(text: &str, offer: &LocalOffer) -> Result<Self, Refusal> {
        let mut theirs = Description::read(text)?;
        if theirs.sections.len() != offer.lines.len() {
            return Err(Refusal::OtherLines);
        }
        let mut taken = Vec::new();
        for ((line, section), ours) in offer.lines.iter().zip(&mut theirs.sections).zip(&offer.made.sections) {
            if section.kind != Some(line.kind) || section.mid.is_some() && section.mid != ours.mid {
                return Err(Refusal::OtherLines);
            }
            section.mid.clone_from(&ours.mid);
            taken.push(line.taken(section)?);
        }
        offer.check_payloads(&taken)?;
        let all: Vec<usize> = (0..theirs.sections.len()).collect();
        let tagged = theirs.tagged(&all)?;
        let fingerprints = theirs.certificates(tagged, &all)?;
        let transport = theirs.sections[tagged].clone();
        check_transport(&transport)?;
        if !matches!(transport.setup, Some(Setup::Active | Setup::Passive)) {
            return Err(Refusal::NoSetup);
        }
        let lines = offer.lines.iter().zip(&taken).zip(&theirs.sections);
        let inner = lines.map(|((line, format), section)| line.inner(*format, section, &transport, &fingerprints));
        let inner =
            Description { origin: (1, 1), ice_lite: theirs.ice_lite, bundles: Vec::new(), sections: inner.collect() };
        let agreed = |at: usize| {
            let (line, format, section) = (offer.lines.get(at)?, taken.get(at)?, theirs.sections.get(at)?);
            let transport_cc = section.transport_cc.filter(|id| offer.made.sections[at].transport_cc == Some(*id));
            let rtx = line.rtx.filter(|_| section.rtx(format.payload).is_some());
            Some(Agreed { payload: format.payload, receives: [line.format.payload, format.payload], rtx, transport_cc })
        };
        let audio = agreed(0).ok_or(Refusal::Missing(Kind::Audio))?;
        let (text, candidates) = (inner.write(0), transport.candidates);
        Ok(Self { peer: Peer { text, fingerprints, candidates, tagged: tagged as u16, audio, video: agreed(1) } })
    }
}

impl Offered {
    /// The format in which the peer takes our line.
    fn taken(&self, section: &Section) -> Result<Format, Refusal> {
        if section.is_refused() {
            return Err(Refusal::Missing(self.kind));
        }
        if section.direction != Direction::Both {
            return Err(Refusal::OneWay(self.kind));
        }
        let codec = self.format.codec.video().unwrap_or(VideoCodec::Vp8);
        // Another number than ours is what the peer receives; below 96 no payloader writes one.
        let number = |payload: u8| payload == self.format.payload || payload >= 96;
        let fits = |format: &&Format| format.codec.rank(self.kind, codec).is_some() && number(format.payload);
        let same = section.format(self.format.payload).filter(fits);
        same.or_else(|| section.formats.iter().find(fits)).copied().ok_or(Refusal::NoCodec(self.kind))
    }

    /// The m-line for webrtcbin: our own numbers, so that it finds what it offered, and the peer's beside it where they differ.
    fn inner(&self, taken: Format, section: &Section, transport: &Section, prints: &[[u8; 32]]) -> Section {
        let ours = Format { codec: self.format.codec.ours(), payload: self.format.payload, feedback: taken.feedback };
        let theirs = Format { payload: taken.payload, ..ours };
        let rtx = section.rtx(taken.payload).and(self.rtx).map(|payload| {
            let codec = Codec::Rtx { apt: self.format.payload };
            Format { payload, codec, feedback: super::section::Feedback::default() }
        });
        let mut formats = vec![ours];
        formats.extend((theirs.payload != ours.payload).then_some(theirs));
        formats.extend(rtx);
        Section {
            port: 9,
            bundle_only: false,
            fingerprints: prints.to_vec(),
            formats,
            msid: None,
            candidates: Vec::new(),
            candidates_end: false,
            protocol: "UDP/TLS/RTP/SAVPF".to_owned(),
            ..section.clone().transport_of(transport)
        }
    }
}
