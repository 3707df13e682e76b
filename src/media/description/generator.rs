//! Descriptions of every shape, and an independent judgement of each: who wrote it knows whether it has to be taken.

use callbox_core::protocol::Media;
use proptest::prelude::*;

/// One m-line of an invented peer.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) kind: &'static str,
    pub(super) port: u16,
    pub(super) bundle_only: bool,
    pub(super) mid: Option<String>,
    pub(super) bundled: bool,
    pub(super) direction: &'static str,
    pub(super) formats: Vec<(u8, &'static str, &'static str)>,
    pub(super) mux: bool,
    pub(super) ice: bool,
    pub(super) setup: &'static str,
    pub(super) certificates: Vec<u8>,
    pub(super) ssrc: Option<u32>,
}

/// A whole description of an invented peer.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) lines: Vec<Line>,
    pub(super) session_certificate: Option<u8>,
}

const OPUS: (u8, &str, &str) = (111, "opus/48000/2", "minptime=10;useinbandfec=1");

fn video_formats() -> impl Strategy<Value = Vec<(u8, &'static str, &'static str)>> {
    let h264 = |id: &'static str| (102u8, "H264/90000", id);
    prop_oneof![
        4 => Just(vec![(96, "VP8/90000", ""), (97, "rtx/90000", "apt=96")]),
        2 => Just(vec![(35, "vp8/90000", "max-fs=3600")]),
        1 => Just(vec![h264("packetization-mode=1;profile-level-id=42E01F")]),
        1 => Just(vec![h264("profile-level-id=42e00a;packetization-mode=1;level-asymmetry-allowed=0")]),
        1 => Just(vec![(127, "H264/90000", "packetization-mode=1;profile-level-id=42001f")]),
        1 => Just(vec![h264("packetization-mode=0;profile-level-id=42e01f")]),
        1 => Just(vec![h264("packetization-mode=1;profile-level-id=640c1f")]),
        1 => Just(vec![(72, "VP8/90000", "")]),
        1 => Just(vec![(111, "VP8/90000", "")]),
        1 => Just(vec![(98, "VP9/90000", ""), (100, "AV1/90000", "")]),
    ]
}

fn line(at: usize, kind: &'static str) -> impl Strategy<Value = Line> {
    let formats = match kind {
        "audio" => prop_oneof![
            6 => Just(vec![OPUS, (0, "PCMU/8000", "")]),
            1 => Just(vec![(9, "G722/8000", "")]),
            1 => Just(vec![(45, "OPUS/48000/2", "")]),
        ]
        .boxed(),
        "video" => video_formats().boxed(),
        _ => Just(vec![(5, "webrtc-datachannel", "")]).boxed(),
    };
    let direction =
        prop_oneof![12 => Just("sendrecv"), 1 => Just("sendonly"), 1 => Just("recvonly"), 1 => Just("inactive")];
    let mostly = |chance: u32| prop::bool::weighted(f64::from(chance) / 100.0);
    let setup = prop_oneof![8 => Just("actpass"), 2 => Just("active"), 2 => Just("passive"), 1 => Just("holdconn")];
    let port =
        prop_oneof![10 => Just((9u16, false)), 2 => Just((0, true)), 1 => Just((0, false)), 1 => Just((50000, false))];
    let certificates = prop_oneof![12 => Just(vec![1u8]), 1 => Just(vec![2]), 2 => Just(vec![1, 2]), 1 => Just(vec![])];
    let ssrc = prop::option::weighted(0.5, 1u32..1000);
    let much = (mostly(97), mostly(97), mostly(97), mostly(97));
    (formats, direction, much, setup, port, certificates, ssrc).prop_map(move |parts| {
        let (formats, direction, (named, bundled, mux, ice), setup, (port, bundle_only), certificates, ssrc) = parts;
        let mid = named.then(|| format!("m{at}"));
        Line { kind, port, bundle_only, mid, bundled, direction, formats, mux, ice, setup, certificates, ssrc }
    })
}

/// Any description.
pub(super) fn shape() -> impl Strategy<Value = Shape> {
    let kinds = prop_oneof![
        8 => Just(vec!["audio", "video"]),
        2 => Just(vec!["video", "audio"]),
        2 => Just(vec!["audio"]),
        1 => Just(vec!["video"]),
        2 => Just(vec!["audio", "application", "video"]),
        1 => Just(vec!["audio", "video", "video", "audio"]),
        1 => Just(vec![]),
    ];
    let lines = kinds.prop_flat_map(|kinds| {
        kinds.into_iter().enumerate().map(|(at, kind)| line(at, kind).boxed()).collect::<Vec<_>>()
    });
    (lines, prop::option::weighted(0.2, Just(1u8)))
        .prop_map(|(lines, session_certificate)| Shape { lines, session_certificate })
}

impl Shape {
    pub(super) fn text(&self) -> String {
        let mids: Vec<&str> =
            self.lines.iter().filter(|line| line.bundled).filter_map(|line| line.mid.as_deref()).collect();
        let mut text =
            format!("v=0\r\no=- 7 3 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n", mids.join(" "));
        self.session_certificate.iter().for_each(|one| text += &certificate(*one));
        self.lines.iter().for_each(|line| text += &line.text());
        text
    }

    /// Whether a call with this media has to come about.
    pub(super) fn is_good_offer(&self, media: Media) -> bool {
        let usable = |kind: &str| {
            self.lines.iter().find(|line| {
                line.kind == kind && !line.is_refused() && line.direction == "sendrecv" && line.payload().is_some()
            })
        };
        let wanted = if media == Media::Video { vec!["audio", "video"] } else { vec!["audio"] };
        let Some(lines) = wanted.into_iter().map(usable).collect::<Option<Vec<_>>>() else { return false };
        let several = lines.len() > 1;
        let one_bundle = !several || lines.iter().all(|line| line.mid.is_some() && line.bundled);
        let Some(tagged) = self.lines.iter().find(|line| lines.iter().any(|one| std::ptr::eq(*one, *line))) else {
            return false;
        };
        let payloads: Vec<_> = lines.iter().filter_map(|line| line.payload()).collect();
        let distinct = payloads.first() != payloads.get(1);
        one_bundle
            && distinct
            && tagged.mux
            && tagged.ice
            && tagged.setup != "holdconn"
            && self.one_certificate(tagged, &lines)
    }

    fn one_certificate(&self, tagged: &Line, lines: &[&Line]) -> bool {
        let of = |line: &Line| {
            let session = self.session_certificate.into_iter().collect::<Vec<_>>();
            if line.certificates.is_empty() { session } else { line.certificates.clone() }
        };
        of(tagged).iter().any(|one| lines.iter().map(|line| of(line)).all(|all| all.is_empty() || all.contains(one)))
    }
}

impl Line {
    fn is_refused(&self) -> bool {
        self.port == 0 && !self.bundle_only
    }

    /// The payload type that we take.
    pub(super) fn payload(&self) -> Option<u8> {
        let good = |(payload, name, parameters): &&(u8, &str, &str)| {
            let h264 = parameters.contains("packetization-mode=1") && !parameters.contains("640c1f");
            !(64..96).contains(payload)
                && (name.eq_ignore_ascii_case("opus/48000/2")
                    || name.eq_ignore_ascii_case("VP8/90000")
                    || *name == "H264/90000" && h264)
        };
        self.formats.iter().find(good).map(|format| format.0)
    }

    fn text(&self) -> String {
        let listed: Vec<String> = self.formats.iter().map(|(payload, ..)| payload.to_string()).collect();
        let protocol = if self.kind == "application" { "UDP/DTLS/SCTP" } else { "UDP/TLS/RTP/SAVPF" };
        let mut text = format!("m={} {} {protocol} {}\r\nc=IN IP4 0.0.0.0\r\n", self.kind, self.port, listed.join(" "));
        let mut add = |line: String| text += &(line + "\r\n");
        self.mid.iter().for_each(|mid| add(format!("a=mid:{mid}")));
        if self.bundle_only {
            add("a=bundle-only".into());
        }
        add(format!("a={}", self.direction));
        add(format!("a=setup:{}", self.setup));
        if self.mux {
            add("a=rtcp-mux".into());
        }
        if self.ice {
            add("a=ice-ufrag:abcd".into());
            add("a=ice-pwd:0123456789abcdefghijkl".into());
        }
        for (payload, encoding, parameters) in &self.formats {
            add(format!("a=rtpmap:{payload} {encoding}"));
            add(format!("a=fmtp:{payload} {parameters}"));
        }
        self.ssrc.iter().for_each(|ssrc| add(format!("a=ssrc:{ssrc} cname:host.example")));
        self.certificates.iter().for_each(|one| text += &certificate(*one));
        text
    }
}

pub(super) fn certificate(byte: u8) -> String {
    format!("a=fingerprint:SHA-256 {}\r\n", vec![format!("{byte:02x}"); 32].join(":"))
}
