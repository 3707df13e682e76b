//! Descriptions of browsers and of other libraries, and some of nobody's.

use super::*;

fn fingerprint(byte: &str) -> String {
    format!("a=fingerprint:sha-256 {}", [byte; 32].join(":"))
}

fn offer(session: &str, media: &str) -> String {
    format!(
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n{session}\
         m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n{media}a=rtpmap:111 opus/48000/2\r\n\
         a=fmtp:111 minptime=10;useinbandfec=1\r\n\
         m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 109\r\na=mid:1\r\n{media}\
         a=extmap:4 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
         a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
         a=rtpmap:103 H264/90000\r\na=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n\
         a=rtpmap:109 H264/90000\r\na=fmtp:109 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n\
         a=candidate:1 1 udp 2122260223 0b7c.local 50000 typ host\r\na=end-of-candidates\r\n"
    )
}

#[test]
fn payload_types_and_extensions_are_the_peers() {
    let remote = Remote::read(&offer("", &(fingerprint("ab") + "\r\n"))).unwrap();
    assert_eq!(remote.media.len(), 2);
    assert_eq!(remote.media[0].opus(), Some(Choice { payload: 111, transport_cc: None }));
    assert_eq!(remote.media[1].video(VideoCodec::Vp8), Some(Choice { payload: 96, transport_cc: Some(4) }));
    assert_eq!(remote.media[1].video(VideoCodec::H264).unwrap().payload, 109);
    assert_eq!(remote.fingerprint, [0xab; 32]);
}

#[test]
fn a_session_fingerprint_moves_to_every_m_line() {
    let remote = Remote::read(&offer(&(fingerprint("0c") + "\r\n"), "")).unwrap();
    assert_eq!(remote.text.matches("a=fingerprint:sha-256 0C:0C").count(), 2);
    assert!(remote.text.find("a=fingerprint").unwrap() > remote.text.find("m=audio").unwrap());
}

#[test]
fn candidates_come_out_of_the_text() {
    let remote = Remote::read(&offer("", &(fingerprint("ab") + "\r\n"))).unwrap();
    assert_eq!(remote.candidates, [(1, "candidate:1 1 udp 2122260223 0b7c.local 50000 typ host".to_owned())]);
    assert!(!remote.text.contains("candidate"));
}

#[test]
fn a_description_without_one_certificate_is_refused() {
    assert_eq!(Remote::read(&offer("", "")), Err(SdpError::NoFingerprint(0)));
    let two = fingerprint("01") + "\r\n" + &fingerprint("02") + "\r\n";
    assert_eq!(Remote::read(&offer("", &two)), Err(SdpError::SeveralFingerprints));
    let sha1 = "a=fingerprint:sha-1 00:01\r\n";
    assert_eq!(Remote::read(&offer("", sha1)), Err(SdpError::NoFingerprint(0)));
}

#[test]
fn bytes_that_are_no_description_are_refused() {
    for text in ["", "hello", "v=0", "v=0\r\nm=\r\n", "v=0\nm=audio\n", "\u{0}v=0", "v=0\r\n\u{e9}\r\n"] {
        assert!(Remote::read(text).is_err(), "{text:?}");
    }
    assert_eq!(Remote::read(&("v=0\n".to_owned() + &"a=x\n".repeat(3000))), Err(SdpError::TooLong));
}
