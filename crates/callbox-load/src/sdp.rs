//! Session descriptions and candidates of the size that real ones have: some 3 KiB for sound and picture, four candidates.

use callbox_core::ids::LinkId;
use callbox_core::protocol::Media;

const AUDIO: &str = "a=rtpmap:96 opus/48000/2\r\na=fmtp:96 minptime=10;useinbandfec=1;stereo=0\r\na=rtcp-fb:96 transport-cc\r\n\
    a=rtpmap:63 red/48000/2\r\na=fmtp:63 96/96\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n";
const VIDEO: [(u8, &str, &str); 5] = [
    (97, "VP8", "max-fs=3600"),
    (99, "VP9", "profile-id=0"),
    (101, "H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
    (103, "H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640c1f"),
    (105, "AV1", "level-idx=5;profile=0;tier=0"),
];
const FEEDBACK: [&str; 5] = ["goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"];
const EXTENSIONS: [&str; 6] = [
    "urn:ietf:params:rtp-hdrext:sdes:mid",
    "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    "urn:ietf:params:rtp-hdrext:toffset",
    "urn:3gpp:video-orientation",
];

/// A description that names its link, so that one which went astray is noticed.
pub fn description(link: &LinkId, media: Media, offer: bool) -> String {
    let (number, name) = (link.number, name(link));
    let bundle = "a=group:BUNDLE 0 1\r\na=msid-semantic: WMS *";
    let mut sdp = format!("v=0\r\no=- {number} 2 IN IP4 127.0.0.1\r\ns={name}\r\nt=0 0\r\n{bundle}\r\n");
    sdp += &section(0, "audio", "96 63 9 0 8", AUDIO, offer);
    if media == Media::Video {
        let formats: Vec<_> = VIDEO.iter().map(|(format, ..)| format!("{format} {}", format + 1)).collect();
        sdp += &section(1, "video", &formats.join(" "), &VIDEO.iter().map(codec).collect::<String>(), offer);
    }
    sdp
}

fn section(mid: u8, kind: &str, formats: &str, codecs: &str, offer: bool) -> String {
    let (setup, fingerprint) = (if offer { "actpass" } else { "active" }, ["7F"; 32].join(":"));
    let extensions = EXTENSIONS.iter().zip(1..).map(|(name, id)| format!("a=extmap:{id} {name}\r\n"));
    format!(
        "m={kind} 9 UDP/TLS/RTP/SAVPF {formats}\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:kX3v\r\n\
         a=ice-pwd:q8Jm0yXo5sJt2Rr7Wb4Hn1Lz\r\na=ice-options:trickle\r\na=fingerprint:sha-256 {fingerprint}\r\n\
         a=setup:{setup}\r\na=mid:{mid}\r\na=sendrecv\r\na=rtcp-mux\r\na=rtcp-rsize\r\n{codecs}{}\
         a=ssrc:31415926{mid} cname:simulated\r\na=ssrc:31415926{mid} msid:stream track{mid}\r\n",
        extensions.collect::<String>()
    )
}

/// A codec with its feedback, and its retransmission.
fn codec((format, name, parameters): &(u8, &str, &str)) -> String {
    let feedback: String = FEEDBACK.iter().map(|kind| format!("a=rtcp-fb:{format} {kind}\r\n")).collect();
    let rtx = format + 1;
    format!(
        "a=rtpmap:{format} {name}/90000\r\n{feedback}a=fmtp:{format} {parameters}\r\na=rtpmap:{rtx} rtx/90000\r\n\
         a=fmtp:{rtx} apt={format}\r\n"
    )
}

/// Whether a description is of this link.
pub fn is_of(sdp: &str, link: &LinkId) -> bool {
    let (number, name) = (format!("o=- {} ", link.number), format!("s={}\r\n", name(link)));
    sdp.contains(&number) && sdp.contains(&name)
}

/// What a host with one address, a STUN and a TURN server finds; the empty one says that there are no more.
pub fn candidates() -> [String; 5] {
    [
        "candidate:1 1 UDP 2015363327 192.0.2.17 50123 typ host".to_owned(),
        "candidate:2 1 TCP 1015021823 192.0.2.17 9 typ host tcptype active".to_owned(),
        "candidate:3 1 UDP 1677722111 198.51.100.4 50123 typ srflx raddr 192.0.2.17 rport 50123".to_owned(),
        "candidate:4 1 UDP 2013266430 203.0.113.9 61000 typ relay raddr 198.51.100.4 rport 50123".to_owned(),
        String::new(),
    ]
}

fn name(link: &LinkId) -> &str {
    link.call.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(call: &str, number: u32) -> LinkId {
        let (user, device) = ("anna".parse().unwrap(), "x".parse().unwrap());
        LinkId { call: call.parse().unwrap(), peer: callbox_core::ids::Address { user, device }, number }
    }

    #[test]
    fn a_description_is_as_large_as_a_real_one_and_names_its_link() {
        let sdp = description(&link("a", 1), Media::Video, true);
        assert!((2500..4500).contains(&sdp.len()), "{}", sdp.len());
        assert!(is_of(&sdp, &link("a", 1)));
        assert!(!is_of(&sdp, &link("b", 1)) && !is_of(&sdp, &link("a", 2)));
        assert!(description(&link("a", 1), Media::Audio, false).len() < sdp.len());
    }
}
