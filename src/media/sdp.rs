//! What we read in, and change in, a peer's session description (RFC 8866, RFC 9429). Text in, text out; nothing else.

use super::settings::VideoCodec;

/// The header extension that numbers packets over all streams of a transport, for congestion control.
pub(crate) const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Most lines a description may have; Chromium's have some 150.
const MAX_LINES: usize = 2000;
/// Most m-lines: audio and video, and some that we refuse.
const MAX_MEDIA: usize = 8;

/// Why a description is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SdpError {
    #[error("the description is not SDP")]
    NotSdp,
    #[error("the description has more than {MAX_LINES} lines or {MAX_MEDIA} m-lines")]
    TooLong,
    #[error("the description has no SHA-256 fingerprint for m-line {0}")]
    NoFingerprint(usize),
    #[error("the description names several certificates")]
    SeveralFingerprints,
    #[error("the description offers none of our codecs for {0}")]
    NoCodec(&'static str),
}

/// What an m-line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Audio,
    Video,
    Other,
}

/// One m-line of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MediaLine {
    pub(crate) kind: Line,
    /// Port 0 without `bundle-only`: refused.
    pub(crate) refused: bool,
    formats: Vec<Format>,
    transport_cc: Option<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Format {
    payload: u8,
    encoding: String,
    parameters: String,
}

/// What we will send on an m-line of the peer's: its number for our codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) payload: u8,
    pub(crate) transport_cc: Option<u8>,
}

/// A peer's description, made fit for webrtcbin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    /// The text with one fingerprint a line, and no candidates.
    pub(crate) text: String,
    /// The certificate's SHA-256.
    pub(crate) fingerprint: [u8; 32],
    /// Candidates that came inside, with their m-line.
    pub(crate) candidates: Vec<(u32, String)>,
    pub(crate) media: Vec<MediaLine>,
}

impl Remote {
    /// Reads a description. Fingerprints move to the m-lines, where every version of webrtcbin takes them;
    /// candidates come out, so that names among them take the same way as all others.
    pub(crate) fn read(text: &str) -> Result<Self, SdpError> {
        let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        if lines.first() != Some(&"v=0") || lines.iter().any(|line| line.as_bytes().get(1) != Some(&b'=')) {
            return Err(SdpError::NotSdp);
        }
        let starts: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].starts_with("m=")).collect();
        if lines.len() > MAX_LINES || starts.len() > MAX_MEDIA {
            return Err(SdpError::TooLong);
        }
        let session = &lines[..starts.first().copied().unwrap_or(lines.len())];
        let mut out = Rewriter { promised: None, text: String::with_capacity(text.len()), candidates: Vec::new() };
        session.iter().filter(|line| !is_fingerprint(line)).for_each(|line| out.keep(line));
        let mut media = Vec::new();
        for (index, start) in starts.iter().enumerate() {
            let end = starts.get(index + 1).copied().unwrap_or(lines.len());
            let section = &lines[*start..end];
            let line = MediaLine::read(section)?;
            out.section(index, section, session, line.refused)?;
            media.push(line);
        }
        let fingerprint = out.promised.ok_or(SdpError::NoFingerprint(0))?;
        Ok(Self { text: out.text, fingerprint, candidates: out.candidates, media })
    }
}

struct Rewriter {
    promised: Option<[u8; 32]>,
    text: String,
    candidates: Vec<(u32, String)>,
}

impl Rewriter {
    fn keep(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push_str("\r\n");
    }

    fn section(&mut self, index: usize, section: &[&str], session: &[&str], refused: bool) -> Result<(), SdpError> {
        let own = section.iter().filter_map(|line| sha256(line));
        let inherited = session.iter().filter_map(|line| sha256(line));
        let mut named: Vec<[u8; 32]> = own.collect();
        if named.is_empty() {
            named = inherited.collect();
        }
        named.dedup();
        match named.as_slice() {
            [] if refused => {}
            [] => return Err(SdpError::NoFingerprint(index)),
            [one] if self.promised.is_none_or(|promised| promised == *one) => self.promised = Some(*one),
            _ => return Err(SdpError::SeveralFingerprints),
        }
        for line in section.iter().filter(|line| !is_fingerprint(line)) {
            match line.strip_prefix("a=candidate:") {
                Some(rest) => self.candidates.push((index as u32, format!("candidate:{rest}"))),
                None if *line == "a=end-of-candidates" => {}
                None => self.keep(line),
            }
        }
        if let Some(fingerprint) = named.first() {
            self.keep(&format!("a=fingerprint:sha-256 {}", colons(fingerprint)));
        }
        Ok(())
    }
}

impl MediaLine {
    fn read(section: &[&str]) -> Result<Self, SdpError> {
        let mut words = section[0].trim_start_matches("m=").split_whitespace();
        let kind = match words.next() {
            Some("audio") => Line::Audio,
            Some("video") => Line::Video,
            Some(_) => Line::Other,
            None => return Err(SdpError::NotSdp),
        };
        let port = words.next().ok_or(SdpError::NotSdp)?;
        let refused = port == "0" && !section.contains(&"a=bundle-only");
        let formats = section.iter().filter_map(|line| format(line, section)).collect();
        let transport_cc = section.iter().find_map(|line| {
            let (id, uri) = line.strip_prefix("a=extmap:")?.split_once(' ')?;
            let id = id.split('/').next()?.parse::<u8>().ok()?;
            (uri.trim() == TRANSPORT_CC && (1..=14).contains(&id)).then_some(id)
        });
        Ok(Self { kind, refused, formats, transport_cc })
    }

    /// The peer's payload type for Opus.
    pub(crate) fn opus(&self) -> Option<Choice> {
        self.find(|format| format.encoding.eq_ignore_ascii_case("opus/48000/2"))
    }

    /// The peer's payload type for a video codec: for H.264 constrained baseline in packetization mode 1.
    pub(crate) fn video(&self, codec: VideoCodec) -> Option<Choice> {
        match codec {
            VideoCodec::Vp8 => self.find(|format| format.encoding.eq_ignore_ascii_case("VP8/90000")),
            VideoCodec::H264 => ["42e0", "4200", "42"].iter().find_map(|profile| {
                self.find(|format| {
                    let parameters = format.parameters.to_ascii_lowercase();
                    format.encoding.eq_ignore_ascii_case("H264/90000")
                        && parameters.contains("packetization-mode=1")
                        && parameters.contains(&format!("profile-level-id={profile}"))
                })
            }),
        }
    }

    fn find(&self, fits: impl Fn(&Format) -> bool) -> Option<Choice> {
        let format = self.formats.iter().find(|format| fits(format))?;
        Some(Choice { payload: format.payload, transport_cc: self.transport_cc })
    }
}

fn format(line: &str, section: &[&str]) -> Option<Format> {
    let (payload, encoding) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
    let start = format!("a=fmtp:{payload} ");
    let parameters = section.iter().find_map(|line| line.strip_prefix(start.as_str())).unwrap_or("");
    Some(Format {
        payload: payload.parse().ok()?,
        encoding: encoding.trim().to_owned(),
        parameters: parameters.to_owned(),
    })
}

fn is_fingerprint(line: &str) -> bool {
    line.starts_with("a=fingerprint:")
}

fn sha256(line: &str) -> Option<[u8; 32]> {
    let (hash, value) = line.strip_prefix("a=fingerprint:")?.split_once(' ')?;
    if !hash.eq_ignore_ascii_case("sha-256") {
        return None;
    }
    let bytes: Vec<u8> =
        value.trim().split(':').map(|byte| u8::from_str_radix(byte, 16)).collect::<Result<_, _>>().ok()?;
    bytes.try_into().ok()
}

/// A fingerprint as descriptions write it.
pub(crate) fn colons(fingerprint: &[u8; 32]) -> String {
    fingerprint.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
#[path = "sdp_tests.rs"]
mod tests;
