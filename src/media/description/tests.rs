//! Descriptions of browsers, of other libraries and of attackers; and the rule over all of them: *a clear refusal at once, or sound and
//! picture both ways*.

use callbox_core::protocol::Media;
use proptest::prelude::*;

use super::generator::{certificate, shape};
use super::section::{Description, Direction, Section, Setup};
use super::{Kind, LocalOffer, Refusal, RemoteAnswer, RemoteOffer};
use crate::media::settings::VideoCodec;

fn vp8(text: &str) -> Result<RemoteOffer, Refusal> {
    RemoteOffer::read(text, Media::Video, VideoCodec::Vp8)
}

/// What Chromium, aiortc and webrtcbin have in common.
fn offer(video: &str) -> String {
    let transport =
        "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefghijkl\r\na=setup:actpass\r\na=rtcp-mux\r\na=sendrecv\r\n";
    format!(
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=mid:0\r\n{transport}{}a=rtpmap:111 opus/48000/2\r\n\
         a=candidate:1 1 udp 2122260223 0b7c.local 50000 typ host\r\na=ssrc:10 cname:x\r\n\
         m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103\r\na=mid:1\r\n{transport}{}\
         a=extmap:4 {}\r\n{video}a=ssrc:20 cname:x\r\n",
        certificate(1),
        certificate(1),
        super::TRANSPORT_CC
    )
}

const VP8: &str = "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n";

/// What webrtcbin answers to a description of ours.
fn answered(inner: &str) -> String {
    let mut answer = Description::read(inner).unwrap();
    answer.sections.iter_mut().for_each(|section| section.setup = Some(Setup::Active));
    answer.write(0)
}

/// An offer of ours, as webrtcbin makes it.
fn ours() -> LocalOffer {
    let text = offer(VP8).replace("a=mid:0", "a=mid:audio0").replace("a=mid:1", "a=mid:video1");
    let text = text.replace("BUNDLE 0 1", "BUNDLE audio0 video1").replace("extmap:4", "extmap:3");
    LocalOffer::read(&text.replace("a=candidate", "a=x"), Some(VideoCodec::Vp8)).unwrap()
}

fn good_answer() -> String {
    ours().write(&[], false).replace("actpass", "active")
}

fn answer(text: &str) -> Result<RemoteAnswer, Refusal> {
    RemoteAnswer::read(text, &ours())
}

#[test]
fn an_offer_is_reduced_to_what_we_speak_in_our_own_form() {
    let offer = vp8(&offer(VP8)).unwrap();
    assert_eq!((offer.peer.audio.payload, offer.codec), (111, Some(VideoCodec::Vp8)));
    let video = offer.peer.video.unwrap();
    assert_eq!((video.payload, video.rtx, video.transport_cc), (96, Some(97), Some(4)));
    assert_eq!(offer.peer.fingerprints, [[1; 32]]);
    assert_eq!(offer.peer.candidates.len(), 1);
    assert!(!offer.peer.text.contains("candidate") && !offer.peer.text.contains(" 63"));
    assert!(offer.peer.text.contains("m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n"));
}

#[test]
fn h264_is_told_to_webrtcbin_in_one_spelling_and_answered_in_the_peers() {
    for (id, level) in [("42E01F", "42e01f"), ("42e00a", "42e00a"), ("42001f", "42001f"), ("42c034", "42c01f")] {
        let video = format!("a=rtpmap:102 H264/90000\r\na=fmtp:102 profile-level-id={id}; packetization-mode=1\r\n");
        let offer = vp8(&offer(&video)).unwrap();
        assert!(offer.peer.text.contains("packetization-mode=1;profile-level-id=42e01f\r\n"), "{id}");
        let answer = offer.answer(&answered(&offer.peer.text), &[], false).unwrap();
        assert!(
            answer.contains(&format!("a=fmtp:102 packetization-mode=1;profile-level-id={level}\r\n")),
            "{id}: {answer}"
        );
    }
}

#[test]
fn unwanted_lines_get_port_0_and_refuse_nothing_else() {
    let data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\na=sctp-port:5000\r\n";
    let screen =
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:3\r\na=sendonly\r\na=rtpmap:96 VP8/90000\r\na=ssrc:30 cname:x\r\n";
    let refused = "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:4\r\na=ssrc:40 cname:x\r\n";
    let text = offer(VP8).replace("BUNDLE 0 1", "BUNDLE 0 1 2 3") + data + screen + refused;
    let offer = vp8(&text).unwrap();
    assert!(!offer.peer.text.contains("a=ssrc:30") && !offer.peer.text.contains("a=ssrc:40"));
    let answer = offer.answer(&answered(&offer.peer.text), &[], true).unwrap();
    for line in
        ["m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n", "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n", "m=audio 0 "]
    {
        assert!(answer.contains(line), "{line}: {answer}");
    }
    assert!(answer.contains("a=group:BUNDLE 0 1\r\n"));
    let read = Description::read(&answer).unwrap();
    assert_eq!(read.sections.iter().filter(|section| section.is_refused()).count(), 3);
    assert!(read.sections.iter().filter(|section| section.is_refused()).all(|s| s.direction == Direction::Inactive));
}

#[test]
fn the_first_line_that_fits_is_taken_whatever_codec_a_later_one_has() {
    let h264 = "a=rtpmap:102 H264/90000\r\na=fmtp:102 profile-level-id=42e01f;packetization-mode=1\r\n";
    let second = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=sendrecv\r\na=rtpmap:96 VP8/90000\r\n";
    assert_eq!(vp8(&(offer(h264) + second)).map(|offer| offer.codec), Ok(Some(VideoCodec::H264)));
}

#[test]
fn what_is_not_one_bundle_with_one_certificate_is_refused() {
    let good = offer(VP8);
    let apart = good.replace("a=group:BUNDLE 0 1\r\n", "");
    assert_eq!(vp8(&apart), Err(Refusal::NotOneBundle));
    assert_eq!(vp8(&good.replace("BUNDLE 0 1", "BUNDLE 0")), Err(Refusal::NotOneBundle));
    assert_eq!(vp8(&good.replace("BUNDLE 0 1\r\n", "BUNDLE 0\r\na=group:BUNDLE 1\r\n")), Err(Refusal::NotOneBundle));
    let other = good.replacen(&certificate(1), &certificate(2), 1);
    assert_eq!(vp8(&other), Err(Refusal::SeveralCertificates));
    assert_eq!(vp8(&good.replace(&certificate(1), "")), Err(Refusal::NoFingerprint));
    assert_eq!(vp8(&good.replace(&certificate(1), "a=fingerprint:sha-1 00:01\r\n")), Err(Refusal::NoFingerprint));
    let answered = good_answer();
    assert!(answer(&answered).is_ok());
    assert_eq!(answer(&answered.replace("a=group:BUNDLE audio0 video1\r\n", "")), Err(Refusal::NotOneBundle));
    assert_eq!(answer(&answered.replacen(&sha(1), &sha(2), 1)), Err(Refusal::SeveralCertificates));
}

fn sha(byte: u8) -> String {
    certificate(byte).replace("SHA", "sha")
}

#[test]
fn two_fingerprints_of_one_line_are_two_certificates_that_may_come() {
    let two = certificate(1) + &certificate(2);
    let both = vp8(&offer(VP8).replace(&certificate(1), &two)).unwrap();
    assert_eq!(both.peer.fingerprints, [[1; 32], [2; 32]]);
    let one = vp8(&offer(VP8).replacen(&certificate(1), &two, 1)).unwrap();
    assert_eq!(one.peer.fingerprints, [[1; 32]], "what both lines allow");
}

#[test]
fn an_answer_with_fewer_directions_than_we_offered_is_refused() {
    let good = good_answer();
    let (audio, video) = good.split_once("m=video").unwrap();
    let with = |changed: &str| answer(&format!("{audio}m=video{changed}"));
    assert!(with(video).is_ok());
    for direction in ["recvonly", "sendonly", "inactive"] {
        assert_eq!(with(&video.replace("sendrecv", direction)), Err(Refusal::OneWay(Kind::Video)));
    }
    // The one that ended the process: refused, and its sources still announced.
    let refused = video.replace("a=bundle-only\r\n", "").replacen(" 9 ", " 0 ", 1);
    assert_eq!(with(&refused.replace("sendrecv", "inactive")), Err(Refusal::Missing(Kind::Video)));
    assert_eq!(answer(audio), Err(Refusal::OtherLines));
}

#[test]
fn an_answer_may_number_its_payloads_itself() {
    let good = good_answer();
    let renumbered = good.replace("SAVPF 96 97", "SAVPF 120 121").replace(":96 ", ":120 ").replace(":97 ", ":121 ");
    let video = answer(&renumbered.replace("apt=96", "apt=120")).unwrap().peer;
    assert_eq!(video.video.unwrap().payload, 120);
    assert_eq!(video.video.unwrap().receives, [96, 120]);
    assert!(video.text.contains("m=video 9 UDP/TLS/RTP/SAVPF 96 120 97\r\n"), "{}", video.text);
    let taken = good.replace("SAVPF 96 97", "SAVPF 111").replace(":96 ", ":111 ");
    assert_eq!(answer(&taken), Err(Refusal::AmbiguousPayload));
}

#[test]
fn a_missing_mid_is_no_reason_to_refuse() {
    let bare = offer(VP8).replace("a=mid:0\r\n", "").replace("a=mid:1\r\n", "");
    assert!(vp8(&bare).is_ok(), "the bundle names as many lines as there are");
    let sound = RemoteOffer::read(&bare.replace("a=group:BUNDLE 0 1\r\n", ""), Media::Audio, VideoCodec::Vp8).unwrap();
    let answer = sound.answer(&answered(&sound.peer.text), &[], false).unwrap();
    assert!(!answer.contains("a=mid") && !answer.contains("BUNDLE"), "{answer}");
    let mids = good_answer().replace("a=mid:audio0\r\n", "").replace("a=mid:video1\r\n", "");
    assert!(RemoteAnswer::read(&mids, &ours()).is_ok());
}

#[test]
fn the_transport_is_that_of_the_tagged_line() {
    let text = offer(VP8).replacen("a=ice-ufrag:abcd", "a=ice-ufrag:first", 1).replace("BUNDLE 0 1", "BUNDLE 1 0");
    let offer = vp8(&text).unwrap();
    assert_eq!(offer.peer.tagged, 1);
    assert!(!offer.peer.text.contains("first"));
    assert!(offer.peer.candidates.is_empty(), "those of the other line lead nowhere");
    let answer = offer.answer(&answered(&offer.peer.text), &[], false).unwrap();
    assert!(answer.contains("a=group:BUNDLE 1 0\r\n"));
}

#[test]
fn an_answer_of_webrtcbin_that_is_not_what_was_agreed_does_not_leave() {
    let offer = vp8(&offer(VP8)).unwrap();
    let good = answered(&offer.peer.text);
    assert!(offer.answer(&good, &[], false).is_ok());
    for (from, to) in
        [("a=sendrecv", "a=recvonly"), ("SAVPF 96", "SAVPF 98"), ("m=video 9", "m=video 0"), ("VP8/", "VP9/")]
    {
        let (at, _) = good.rmatch_indices(from).next().unwrap();
        let spoiled = format!("{}{to}{}", &good[..at], &good[at + from.len()..]);
        assert!(matches!(offer.answer(&spoiled, &[], false), Err(Refusal::Unexpected(_))), "{from}");
    }
}

#[test]
fn bytes_that_are_no_description_are_refused() {
    for text in
        ["", "hello", "v=0", "v=0\r\nm=\r\n", "v=0\nm=audio\n", "\u{0}v=0", "v=0\r\n\u{e9}\r\n", "v=0\nm=audio 9 x\n"]
    {
        assert!(vp8(text).is_err(), "{text:?}");
        assert!(answer(text).is_err(), "{text:?}");
    }
    assert_eq!(vp8(&("v=0\n".to_owned() + &"a=x\n".repeat(3000))), Err(Refusal::TooLong));
    assert_eq!(vp8(&("v=0\n".to_owned() + &"m=audio 9 RTP/SAVPF 0\n".repeat(17))), Err(Refusal::TooLong));
}

/// What goes into webrtcbin is always of this form.
fn assert_own_form(text: &str, media: Media) {
    let inner = Description::read(text).unwrap();
    let kinds: Vec<_> = inner.sections.iter().map(|section| section.kind).collect();
    let wanted = [Some(Kind::Audio), Some(Kind::Video)];
    assert_eq!(kinds, if media == Media::Video { &wanted[..] } else { &wanted[..1] });
    let first = &inner.sections[0];
    let same = |section: &Section| {
        (section.port, section.direction, section.mux) == (9, Direction::Both, true)
            && section.candidates.is_empty()
            && section.mid.is_some()
            && (&section.ice, &section.fingerprints, section.setup) == (&first.ice, &first.fingerprints, first.setup)
            && (1..=3).contains(&section.formats.len())
            && section.formats.len() == section.listed.len()
    };
    assert!(inner.sections.iter().all(same), "{text}");
    assert!(first.ice.is_some() && !first.fingerprints.is_empty() && first.setup.is_some());
    assert_eq!(inner.bundles, [inner.sections.iter().filter_map(|s| s.mid.clone()).collect::<Vec<_>>()]);
    assert_eq!(inner.write(0), text, "its own spelling");
}

proptest! {
    #[test]
    fn an_offer_is_taken_whole_or_refused(shape in shape(), video in any::<bool>()) {
        let media = if video { Media::Video } else { Media::Audio };
        let text = shape.text();
        let read = RemoteOffer::read(&text, media, VideoCodec::Vp8);
        prop_assert_eq!(read.is_ok(), shape.is_good_offer(media), "{:?}\n{}", read, text);
        let Ok(offer) = read else { return Ok(()) };
        assert_own_form(&offer.peer.text, media);
        let answer = offer.answer(&answered(&offer.peer.text), &offer.peer.candidates, true).unwrap();
        let answer = Description::read(&answer).unwrap();
        prop_assert_eq!(answer.sections.len(), shape.lines.len());
        for (section, line) in answer.sections.iter().zip(&shape.lines) {
            prop_assert_eq!(&section.media, line.kind);
            prop_assert_eq!(&section.mid, &line.mid);
            let taken = !section.is_refused();
            prop_assert_eq!(section.direction == Direction::Both, taken);
            prop_assert!(taken || section.sources.is_empty() && section.ice.is_none());
            prop_assert!(!taken || section.formats.first().map(|it| it.payload) == line.payload());
        }
        prop_assert_eq!(answer.sections.iter().filter(|section| !section.is_refused()).count(), 1 + usize::from(video));
    }

    #[test]
    fn an_answer_is_taken_whole_or_refused(shape in shape()) {
        let text = shape.text();
        if let Ok(answer) = answer(&text) {
            assert_own_form(&answer.peer.text, Media::Video);
            prop_assert!(shape.lines.iter().all(|line| line.direction == "sendrecv"));
        }
    }

    #[test]
    fn a_spoiled_description_is_still_taken_whole_or_refused(at in 0usize..60, how in 0u8..4, as_answer in any::<bool>()) {
        let good = if as_answer { good_answer() } else { offer(VP8) };
        let mut lines: Vec<&str> = good.lines().collect();
        let at = at % lines.len();
        let cut = &lines[at][..lines[at].len() / 2];
        match how {
            0 => { lines.remove(at); }
            1 => lines.insert(at, lines[at]),
            2 => lines.swap(at, 0),
            _ => lines[at] = cut,
        }
        let spoiled = lines.join("\r\n") + "\r\n";
        if as_answer {
            if let Ok(answer) = answer(&spoiled) { assert_own_form(&answer.peer.text, Media::Video); }
        } else if let Ok(offer) = vp8(&spoiled) {
            assert_own_form(&offer.peer.text, Media::Video);
        }
    }
}
