//! One description as we understand it, and its one spelling.

use std::fmt::Write as _;

use super::candidate::Candidate;
use super::codec::{Codec, TRANSPORT_CC};
use super::fingerprint::{self, Fingerprint};
use super::{Kind, Refusal};

/// `a=sendrecv` and the like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Both,
    SendOnly,
    ReceiveOnly,
    Inactive,
}

/// `a=setup` (RFC 8842).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setup {
    Either,
    Active,
    Passive,
}

/// What RTCP feedback a format takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Feedback {
    pub(super) nack: bool,
    pub(super) pli: bool,
    pub(super) fir: bool,
    pub(super) transport_cc: bool,
}

/// A format of an m-line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) payload: u8,
    pub(super) codec: Codec,
    pub(super) feedback: Feedback,
}

/// `a=ssrc`: an announced source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) ssrc: u32,
    pub(super) cname: String,
    pub(super) msid: Option<String>,
}

/// `a=ice-ufrag` and `a=ice-pwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ice {
    pub(super) user: String,
    pub(super) password: String,
}

/// One m-line and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    /// Nothing: a medium, or a protocol, that we do not speak.
    pub(super) kind: Option<Kind>,
    pub(super) media: String,
    pub(super) protocol: String,
    /// The formats of the m-line as they were written.
    pub(super) listed: Vec<String>,
    pub(super) port: u16,
    pub(super) bundle_only: bool,
    pub(super) mid: Option<String>,
    pub(super) direction: Direction,
    pub(super) setup: Option<Setup>,
    pub(super) ice: Option<Ice>,
    pub(super) fingerprints: Vec<Fingerprint>,
    pub(super) mux: bool,
    pub(super) reduced_size: bool,
    pub(super) formats: Vec<Format>,
    pub(super) transport_cc: Option<u8>,
    pub(super) msid: Option<String>,
    pub(super) sources: Vec<Source>,
    /// `a=ssrc-group:FID`: a source and that of its retransmissions.
    pub(super) pairs: Vec<(u32, u32)>,
    pub(super) candidates: Vec<Candidate>,
    pub(super) candidates_end: bool,
}

/// A whole description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Description {
    /// Number and version of the session.
    pub(super) origin: (u64, u64),
    pub(super) ice_lite: bool,
    pub(super) bundles: Vec<Vec<String>>,
    pub(super) sections: Vec<Section>,
}

impl Section {
    /// Port 0 without `bundle-only`.
    pub(super) fn is_refused(&self) -> bool {
        self.port == 0 && !self.bundle_only
    }

    /// The same m-line, refused: nothing is left but the line, its mid and `inactive`.
    pub(super) fn refused(&self) -> Self {
        Self {
            kind: self.kind,
            media: self.media.clone(),
            protocol: self.protocol.clone(),
            listed: self.listed.clone(),
            port: 0,
            bundle_only: false,
            mid: self.mid.clone(),
            direction: Direction::Inactive,
            setup: None,
            ice: None,
            fingerprints: Vec::new(),
            mux: false,
            reduced_size: false,
            formats: Vec::new(),
            transport_cc: None,
            msid: None,
            sources: Vec::new(),
            pairs: Vec::new(),
            candidates: Vec::new(),
            candidates_end: false,
        }
    }

    /// The format of this payload type.
    pub(super) fn format(&self, payload: u8) -> Option<&Format> {
        self.formats.iter().find(|format| format.payload == payload)
    }

    /// The retransmission format of this payload type.
    pub(super) fn rtx(&self, payload: u8) -> Option<&Format> {
        self.formats.iter().find(|format| format.codec == Codec::Rtx { apt: payload })
    }

    /// Takes the transport from the tagged section: in a bundle only that one has to state it (RFC 8843, section 7).
    pub(super) fn transport_of(mut self, tagged: &Self) -> Self {
        self.setup = tagged.setup;
        self.ice.clone_from(&tagged.ice);
        self.mux = tagged.mux;
        self
    }

    fn write(&self, out: &mut String) {
        let formats = if self.formats.is_empty() {
            self.listed.join(" ")
        } else {
            self.formats.iter().map(|format| format.payload.to_string()).collect::<Vec<_>>().join(" ")
        };
        line(out, format_args!("m={} {} {} {formats}", self.media, self.port, self.protocol));
        line(out, format_args!("c=IN IP4 0.0.0.0"));
        if let Some(mid) = &self.mid {
            line(out, format_args!("a=mid:{mid}"));
        }
        if self.bundle_only {
            line(out, format_args!("a=bundle-only"));
        }
        line(out, format_args!("a={}", self.direction.name()));
        self.write_transport(out);
        self.formats.iter().for_each(|format| format.write(out));
        if let Some(id) = self.transport_cc {
            line(out, format_args!("a=extmap:{id} {TRANSPORT_CC}"));
        }
        if let Some(msid) = &self.msid {
            line(out, format_args!("a=msid:{msid}"));
        }
        for (source, repeat) in &self.pairs {
            line(out, format_args!("a=ssrc-group:FID {source} {repeat}"));
        }
        for source in &self.sources {
            if let Some(msid) = &source.msid {
                line(out, format_args!("a=ssrc:{} msid:{msid}", source.ssrc));
            }
            line(out, format_args!("a=ssrc:{} cname:{}", source.ssrc, source.cname));
        }
        self.candidates.iter().for_each(|candidate| line(out, format_args!("a={candidate}")));
        if self.candidates_end {
            line(out, format_args!("a=end-of-candidates"));
        }
    }

    fn write_transport(&self, out: &mut String) {
        if let Some(setup) = self.setup {
            line(out, format_args!("a=setup:{}", setup.name()));
        }
        if let Some(ice) = &self.ice {
            line(out, format_args!("a=ice-ufrag:{}", ice.user));
            line(out, format_args!("a=ice-pwd:{}", ice.password));
        }
        for print in &self.fingerprints {
            line(out, format_args!("a=fingerprint:{}", fingerprint::write(print)));
        }
        if self.mux {
            line(out, format_args!("a=rtcp-mux"));
        }
        if self.reduced_size {
            line(out, format_args!("a=rtcp-rsize"));
        }
    }
}

impl Format {
    fn write(&self, out: &mut String) {
        let payload = self.payload;
        line(out, format_args!("a=rtpmap:{payload} {}", self.codec.encoding()));
        let feedback = [
            (self.feedback.nack, "nack"),
            (self.feedback.pli, "nack pli"),
            (self.feedback.fir, "ccm fir"),
            (self.feedback.transport_cc, "transport-cc"),
        ];
        for (_, name) in feedback.iter().filter(|(takes, _)| *takes) {
            line(out, format_args!("a=rtcp-fb:{payload} {name}"));
        }
        if let Some(parameters) = self.codec.parameters() {
            line(out, format_args!("a=fmtp:{payload} {parameters}"));
        }
    }
}

impl Direction {
    pub(super) const ALL: [Self; 4] = [Self::Both, Self::SendOnly, Self::ReceiveOnly, Self::Inactive];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Both => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::ReceiveOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}

impl Setup {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Either => "actpass",
            Self::Active => "active",
            Self::Passive => "passive",
        }
    }
}

impl Description {
    /// The description as text: what is accepted is one bundle, and the tagged m-line is the first in it (RFC 8843, section 7.3.2).
    pub(super) fn write(&self, tagged: usize) -> String {
        let mut out = String::with_capacity(2048);
        line(&mut out, format_args!("v=0"));
        line(&mut out, format_args!("o=- {} {} IN IP4 0.0.0.0", self.origin.0, self.origin.1));
        line(&mut out, format_args!("s=-"));
        line(&mut out, format_args!("t=0 0"));
        if self.ice_lite {
            line(&mut out, format_args!("a=ice-lite"));
        }
        line(&mut out, format_args!("a=ice-options:trickle"));
        let others = (0..self.sections.len()).filter(|at| *at != tagged);
        let accepted = [tagged].into_iter().chain(others).filter_map(|at| self.sections.get(at));
        let accepted = accepted.filter(|section| !section.is_refused());
        let mids: Vec<&str> = accepted.filter_map(|section| section.mid.as_deref()).collect();
        if !mids.is_empty() {
            line(&mut out, format_args!("a=group:BUNDLE {}", mids.join(" ")));
        }
        self.sections.iter().for_each(|section| section.write(&mut out));
        out
    }

    /// The m-line whose transport a bundle of these sections uses: the first name of the group that belongs to one of them.
    /// Refused when a group does not hold all of them. One section alone needs no group.
    pub(super) fn tagged(&self, accepted: &[usize]) -> Result<usize, Refusal> {
        if let [one] = accepted {
            return Ok(*one);
        }
        let mid = |at: &usize| self.sections[*at].mid.as_deref();
        let holds = |group: &&Vec<String>| {
            accepted.iter().all(|at| mid(at).is_some_and(|mid| group.iter().any(|name| name == mid)))
        };
        let group = self.bundles.iter().find(holds).ok_or(Refusal::NotOneBundle)?;
        let of = |name: &String| accepted.iter().copied().find(|at| mid(at) == Some(name));
        group.iter().find_map(of).ok_or(Refusal::NotOneBundle)
    }

    /// The certificates that every one of these sections allows; those that state none take the tagged one's.
    pub(super) fn certificates(&self, tagged: usize, accepted: &[usize]) -> Result<Vec<Fingerprint>, Refusal> {
        let first = &self.sections[tagged].fingerprints;
        if first.is_empty() {
            return Err(Refusal::NoFingerprint);
        }
        let others = accepted.iter().map(|at| &self.sections[*at].fingerprints).filter(|named| !named.is_empty());
        let others: Vec<_> = others.collect();
        let common: Vec<_> =
            first.iter().filter(|one| others.iter().all(|named| named.contains(one))).copied().collect();
        if common.is_empty() { Err(Refusal::SeveralCertificates) } else { Ok(common) }
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = write!(out, "{text}\r\n");
}
