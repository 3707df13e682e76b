//! Encoders and decoders as data: hardware first, software last. The first that is there and has not failed is taken.

use std::collections::HashSet;

use gstreamer as gst;
use gstreamer::prelude::*;

use super::probe;
use super::settings::VideoCodec;

/// How an encoder is told its bit rate.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rate {
    /// A property, and how many bits a second make one of its units.
    Property(&'static str, u32),
    /// The `video_bitrate` control among `extra-controls`.
    V4l2Control,
}

/// One encoder and how it is set up for a live call.
#[derive(Debug)]
pub(crate) struct Encoder {
    pub(crate) codec: VideoCodec,
    pub(crate) factory: &'static str,
    pub(crate) properties: &'static [(&'static str, &'static str)],
    pub(crate) rate: Rate,
    /// Caps right behind the encoder.
    pub(crate) caps: &'static str,
    /// It depends on a driver, and is tried before it is used.
    pub(crate) hardware: bool,
}

/// One decoder.
#[derive(Debug)]
pub(crate) struct Decoder {
    pub(crate) codec: VideoCodec,
    pub(crate) factory: &'static str,
    pub(crate) properties: &'static [(&'static str, &'static str)],
    /// What whole frames of byte-stream have to pass before it.
    pub(crate) entry: &'static str,
}

const BASELINE: &str = "video/x-h264,profile=constrained-baseline";

/// In order of preference.
pub(crate) const ENCODERS: &[Encoder] = &[
    Encoder {
        codec: VideoCodec::H264,
        factory: "mpph264enc",
        // Shared packets must not be recycled by the driver while links still send them.
        properties: &[("header-mode", "each-idr"), ("rc-mode", "cbr"), ("gop", "250"), ("zero-copy-pkt", "false")],
        rate: Rate::Property("bps", 1),
        caps: "video/x-h264,profile=baseline",
        hardware: true,
    },
    Encoder {
        codec: VideoCodec::H264,
        factory: "vpuenc_h264",
        properties: &[("gop-size", "250")],
        rate: Rate::Property("bitrate", 1000),
        caps: "video/x-h264",
        hardware: true,
    },
    Encoder {
        codec: VideoCodec::H264,
        factory: "vah264enc",
        properties: &[("rate-control", "cbr"), ("key-int-max", "1024"), ("b-frames", "0")],
        rate: Rate::Property("bitrate", 1000),
        caps: BASELINE,
        hardware: true,
    },
    Encoder {
        codec: VideoCodec::H264,
        factory: "v4l2h264enc",
        // A level must be stated or the Raspberry Pi's driver stalls; it has no key frame on demand on 1.22.0.
        properties: &[("extra-controls", "controls,repeat_sequence_header=1,h264_i_frame_period=50")],
        rate: Rate::V4l2Control,
        caps: "video/x-h264,profile=constrained-baseline,level=(string)4",
        hardware: true,
    },
    Encoder {
        codec: VideoCodec::H264,
        factory: "openh264enc",
        properties: &[
            ("complexity", "low"),
            ("rate-control", "bitrate"),
            ("gop-size", "1024"),
            ("scene-change-detection", "false"),
            ("background-detection", "false"),
            ("slice-mode", "auto"),
        ],
        rate: Rate::Property("bitrate", 1),
        caps: BASELINE,
        hardware: false,
    },
    Encoder {
        codec: VideoCodec::H264,
        factory: "x264enc",
        properties: &[
            ("tune", "zerolatency"),
            ("speed-preset", "ultrafast"),
            ("key-int-max", "1024"),
            ("b-adapt", "false"),
            ("vbv-buf-capacity", "120"),
            ("threads", "2"),
        ],
        rate: Rate::Property("bitrate", 1000),
        caps: BASELINE,
        hardware: false,
    },
    Encoder {
        codec: VideoCodec::Vp8,
        factory: "vp8enc",
        properties: &[
            ("deadline", "1"),
            ("cpu-used", "-16"),
            ("end-usage", "cbr"),
            ("lag-in-frames", "0"),
            ("keyframe-max-dist", "2000"),
            ("keyframe-mode", "disabled"),
            ("buffer-size", "150"),
            ("buffer-initial-size", "100"),
            ("buffer-optimal-size", "120"),
            ("error-resilient", "default"),
        ],
        rate: Rate::Property("target-bitrate", 1),
        caps: "video/x-vp8",
        hardware: false,
    },
];

/// In order of preference: software is safer for streams that come and go, and fast enough up to 720 lines.
pub(crate) const DECODERS: &[Decoder] = &[
    Decoder { codec: VideoCodec::Vp8, factory: "vp8dec", properties: &[("threads", "1")], entry: "identity" },
    Decoder {
        codec: VideoCodec::H264,
        factory: "avdec_h264",
        properties: &[("max-threads", "1"), ("lowres", "0")],
        entry: "h264parse",
    },
    // The parser would split frames of several slices, and the decoder wants whole ones, with a profile.
    Decoder {
        codec: VideoCodec::H264,
        factory: "openh264dec",
        properties: &[],
        entry: "capssetter caps=\"video/x-h264,profile=(string)constrained-baseline\"",
    },
    Decoder { codec: VideoCodec::H264, factory: "v4l2h264dec", properties: &[], entry: "h264parse" },
];

/// Why no coder is at hand.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no {what} for {codec:?} works here: install gstreamer1.0-plugins-good (VP8) or -bad and -libav (H.264)")]
pub(crate) struct NoCoder {
    what: &'static str,
    codec: VideoCodec,
}

/// The best encoder that works and is not demoted.
pub(crate) fn encoder(codec: VideoCodec, demoted: &HashSet<&'static str>) -> Result<&'static Encoder, NoCoder> {
    ENCODERS
        .iter()
        .filter(|encoder| encoder.codec == codec && !demoted.contains(encoder.factory))
        .find(|encoder| probe::works(encoder))
        .ok_or(NoCoder { what: "encoder", codec })
}

/// The best decoder that is installed.
pub(crate) fn decoder(codec: VideoCodec) -> Result<&'static Decoder, NoCoder> {
    DECODERS
        .iter()
        .filter(|decoder| decoder.codec == codec)
        .find(|decoder| gst::ElementFactory::find(decoder.factory).is_some())
        .ok_or(NoCoder { what: "decoder", codec })
}

/// Sets what this version of the element knows.
pub(crate) fn apply(element: &gst::Element, properties: &[(&str, &str)]) {
    for (property, value) in properties {
        super::pipeline::set_if_there(element, property, value);
    }
}

impl Encoder {
    /// Sets a fresh encoder up. Small pictures are encoded by one thread: the workers of libvpx wait for each other by
    /// spinning, which costs more than it gains there, and far more on a busy board.
    pub(crate) fn set_up(&self, element: &gst::Element, pixels: u32) {
        apply(element, self.properties);
        if self.factory == "vp8enc" {
            let threads = if pixels > 640 * 480 { "2" } else { "1" };
            super::pipeline::set_if_there(element, "threads", threads);
        }
    }

    /// Tells a running encoder its bit rate.
    pub(crate) fn set_bitrate(&self, element: &gst::Element, bits: u32) {
        match self.rate {
            Rate::Property(property, unit) => {
                element.set_property_from_str(property, &(bits / unit).max(1).to_string());
            }
            Rate::V4l2Control => {
                let controls = format!("controls,repeat_sequence_header=1,h264_i_frame_period=50,video_bitrate={bits}");
                element.set_property_from_str("extra-controls", &controls);
            }
        }
    }
}
