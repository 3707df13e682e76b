//! The formats that we speak, and H.264's rules of agreement (RFC 6184, section 8).

use super::Kind;
use crate::media::settings::VideoCodec;

/// The header extension that numbers packets over all streams of a transport, for congestion control.
pub(crate) const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// A format that we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Opus,
    Vp8,
    H264(H264),
    /// Retransmissions of another payload type (RFC 4588).
    Rtx {
        apt: u8,
    },
}

impl Codec {
    /// Reads `a=rtpmap` and `a=fmtp` of a payload type; what we do not speak gives nothing.
    pub(super) fn read(encoding: &str, parameters: &str) -> Option<Self> {
        let is = |name: &str| encoding.eq_ignore_ascii_case(name);
        if is("opus/48000/2") {
            Some(Self::Opus)
        } else if is("VP8/90000") {
            Some(Self::Vp8)
        } else if is("H264/90000") {
            H264::read(parameters).map(Self::H264)
        } else if is("rtx/90000") {
            parameter(parameters, "apt")?.parse().ok().map(|apt| Self::Rtx { apt })
        } else {
            None
        }
    }

    /// The value of its `a=rtpmap` line.
    pub(super) fn encoding(self) -> &'static str {
        match self {
            Self::Opus => "opus/48000/2",
            Self::Vp8 => "VP8/90000",
            Self::H264(_) => "H264/90000",
            Self::Rtx { .. } => "rtx/90000",
        }
    }

    /// The value of its `a=fmtp` line, if it needs one.
    pub(super) fn parameters(self) -> Option<String> {
        match self {
            Self::Opus => Some("minptime=10;useinbandfec=1".to_owned()),
            Self::Vp8 => None,
            Self::H264(h264) => Some(h264.write()),
            Self::Rtx { apt } => Some(format!("apt={apt}")),
        }
    }

    /// Which video codec of ours it is.
    pub(super) fn video(self) -> Option<VideoCodec> {
        match self {
            Self::Vp8 => Some(VideoCodec::Vp8),
            Self::H264(_) => Some(VideoCodec::H264),
            Self::Opus | Self::Rtx { .. } => None,
        }
    }

    /// How well it serves: the smallest number first; nothing: not at all.
    pub(super) fn rank(self, kind: Kind, video: VideoCodec) -> Option<u8> {
        match (kind, self) {
            (Kind::Audio, Self::Opus) => Some(0),
            (Kind::Video, Self::Vp8) if video == VideoCodec::Vp8 => Some(0),
            (Kind::Video, Self::H264(h264)) if video == VideoCodec::H264 => h264.rank(),
            _ => None,
        }
    }

    /// The codec as webrtcbin is told it: one spelling, so that it always equals what we prefer.
    pub(super) fn ours(self) -> Self {
        match self {
            Self::H264(_) => Self::H264(H264::OURS),
            other => other,
        }
    }
}

/// What an H.264 format of packetization mode 1 says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct H264 {
    idc: u8,
    iop: u8,
    level: u8,
    asymmetric: bool,
}

impl H264 {
    /// Constrained baseline, level 3.1.
    pub(super) const OURS: Self = Self { idc: 0x42, iop: 0xe0, level: 0x1f, asymmetric: true };

    fn read(parameters: &str) -> Option<Self> {
        if parameter(parameters, "packetization-mode")?.parse() != Ok(1u8) {
            return None;
        }
        let asymmetric = parameter(parameters, "level-asymmetry-allowed") == Some("1");
        // Absent means baseline, level 1 (RFC 6184, section 8.1).
        let id = parameter(parameters, "profile-level-id").unwrap_or("42000a");
        if id.len() != 6 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let [_, idc, iop, level] = u32::from_str_radix(id, 16).ok()?.to_be_bytes();
        Some(Self { idc, iop, level, asymmetric })
    }

    fn write(self) -> String {
        let asymmetric = if self.asymmetric { "level-asymmetry-allowed=1;" } else { "" };
        format!("{asymmetric}packetization-mode=1;profile-level-id={:02x}{:02x}{:02x}", self.idc, self.iop, self.level)
    }

    /// Table 5 of RFC 6184: we send constrained baseline, which a decoder of baseline takes as well.
    fn rank(self) -> Option<u8> {
        let set = |mask: u8| self.iop & mask == mask;
        if self.iop & 0x0f != 0 {
            return None;
        }
        match self.idc {
            0x42 if set(0x40) => Some(0),
            0x4d if set(0x80) => Some(0),
            0x58 if set(0xc0) => Some(0),
            0x42 => Some(1),
            0x58 if set(0x80) => Some(1),
            _ => None,
        }
    }

    /// What our answer says to this offer: its profile, our level; where the levels may not differ, the lower one of both.
    pub(super) fn answered(self) -> Self {
        let level = if self.asymmetric { Self::OURS.level } else { self.level.min(Self::OURS.level) };
        Self { level, ..self }
    }
}

/// The value of a parameter in an `a=fmtp` line; names in any case.
fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters.split(';').find_map(|one| {
        let (key, value) = one.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn h264(parameters: &str) -> Option<H264> {
        match Codec::read("H264/90000", parameters) {
            Some(Codec::H264(h264)) => Some(h264),
            _ => None,
        }
    }

    #[test]
    fn profiles_match_by_meaning_and_not_by_text() {
        let rank = |id: &str| h264(&format!("packetization-mode=1;profile-level-id={id}")).and_then(H264::rank);
        for id in ["42e01f", "42E01F", "42e00a", "42401f", "42c015", "4d801f", "58c01f"] {
            assert_eq!(rank(id), Some(0), "{id}");
        }
        for id in ["42001f", "42001F", "42801f", "58801f"] {
            assert_eq!(rank(id), Some(1), "{id}");
        }
        for id in ["4d001f", "64001f", "640c1f", "42e11f", "58001f"] {
            assert_eq!(rank(id), None, "{id}");
        }
        for id in ["42e01", "42e01f0", "42e0+f", "", "xyzxyz"] {
            assert_eq!(h264(&format!("packetization-mode=1;profile-level-id={id}")), None, "{id}");
        }
        assert_eq!(h264("Packetization-Mode=1").and_then(H264::rank), Some(1), "absent means baseline");
        assert_eq!(h264("profile-level-id=42e01f"), None, "mode 0");
    }

    #[test]
    fn the_answered_level_is_the_lower_one_unless_levels_may_differ() {
        let answer = |text: &str| h264(text).unwrap().answered().write();
        let low = "packetization-mode=1;profile-level-id=42e00a";
        assert_eq!(answer(low), "packetization-mode=1;profile-level-id=42e00a");
        assert_eq!(
            answer("packetization-mode=1;profile-level-id=42E034"),
            "packetization-mode=1;profile-level-id=42e01f"
        );
        let allowed = format!("{low}; level-asymmetry-allowed=1");
        assert_eq!(answer(&allowed), "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f");
    }
}
