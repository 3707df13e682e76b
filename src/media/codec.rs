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
    /// The property for the number of threads: software only.
    pub(crate) threads: Option<&'static str>,
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
    /// The property for the number of threads.
    pub(crate) threads: Option<&'static str>,
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
        threads: None,
        rate: Rate::Property("bps", 1),
        caps: "video/x-h264,profile=baseline",
        hardware: true,
    },
    Encoder {
        codec: VideoCodec::H264,
        factory: "vpuenc_h264",
        properties: &[("gop-size", "250")],
        threads: None,
        rate: Rate::Property("bitrate", 1000),
        caps: "video/x-h264",
        hardware: true,
    },
    Encoder {
        codec: VideoCodec::H264,
        factory: "vah264enc",
        properties: &[("rate-control", "cbr"), ("key-int-max", "1024"), ("b-frames", "0")],
        threads: None,
        rate: Rate::Property("bitrate", 1000),
        caps: BASELINE,
        hardware: true,
    },
    Encoder {
        codec: VideoCodec::H264,
        factory: "v4l2h264enc",
        // A level must be stated or the Raspberry Pi's driver stalls; it has no key frame on demand on 1.22.0.
        properties: &[("extra-controls", "controls,repeat_sequence_header=1,h264_i_frame_period=50")],
        threads: None,
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
        threads: Some("multi-thread"),
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
        ],
        threads: Some("threads"),
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
        threads: Some("threads"),
        rate: Rate::Property("target-bitrate", 1),
        caps: "video/x-vp8",
        hardware: false,
    },
];

/// In order of preference. Software decoders start and stop without a driver, and are fast enough up to 720 lines.
pub(crate) const DECODERS: &[Decoder] = &[
    Decoder { codec: VideoCodec::Vp8, factory: "vp8dec", properties: &[], threads: Some("threads"), entry: "identity" },
    // Its threads decode frames side by side, and each thread delays the picture by one frame.
    Decoder {
        codec: VideoCodec::H264,
        factory: "avdec_h264",
        properties: &[("max-threads", "1"), ("lowres", "0")],
        threads: None,
        entry: "h264parse",
    },
    // The parser would split frames of several slices, and the decoder needs whole ones, with a profile.
    Decoder {
        codec: VideoCodec::H264,
        factory: "openh264dec",
        properties: &[],
        threads: None,
        entry: "capssetter caps=\"video/x-h264,profile=(string)constrained-baseline\"",
    },
    Decoder { codec: VideoCodec::H264, factory: "v4l2h264dec", properties: &[], threads: None, entry: "h264parse" },
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

/// Returns how many threads a software coder gets for pictures of this many pixels, as libwebrtc decides it.
///
/// The workers of libvpx wait for each other by spinning. With fewer than four cores a second worker takes the time that
/// the other end of the call, the audio and the decoder need, and the picture becomes slower, not faster.
pub(crate) fn threads(pixels: u32, cores: usize) -> u32 {
    match pixels {
        _ if pixels >= 1920 * 1080 && cores > 8 => 8,
        _ if pixels > 1280 * 960 && cores >= 6 => 3,
        _ if pixels > 640 * 480 && cores >= 4 => 2,
        _ => 1,
    }
}

/// Returns how many cores this process may use: CPU affinity and the cgroup's quota count.
fn free_cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

impl Decoder {
    /// Sets a new decoder up. The size of the peer's pictures is not known yet: 720 lines are assumed.
    pub(crate) fn set_up(&self, element: &gst::Element) {
        apply(element, self.properties);
        if let Some(property) = self.threads {
            super::pipeline::set_if_there(element, property, &threads(1280 * 720, free_cores()).to_string());
        }
    }
}

impl Encoder {
    /// Sets a new encoder up for pictures of this many pixels.
    pub(crate) fn set_up(&self, element: &gst::Element, pixels: u32) {
        self.set_up_for(element, pixels, free_cores());
    }

    fn set_up_for(&self, element: &gst::Element, pixels: u32, cores: usize) {
        apply(element, self.properties);
        if let Some(property) = self.threads {
            super::pipeline::set_if_there(element, property, &threads(pixels, cores).to_string());
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

#[cfg(test)]
mod tests {
    use super::*;

    const HD: u32 = 1280 * 720;

    #[test]
    fn a_second_thread_needs_a_large_picture_and_four_cores() {
        for (pixels, cores, expected) in [
            (HD, 1, 1),
            (HD, 2, 1),
            (HD, 3, 1),
            (HD, 4, 2),
            (HD, 64, 2),
            (640 * 480, 64, 1),
            (1920 * 1080, 4, 2),
            (1920 * 1080, 6, 3),
            (1920 * 1080, 9, 8),
            (3840 * 2160, 2, 1),
        ] {
            assert_eq!(threads(pixels, cores), expected, "{pixels} pixels, {cores} cores");
        }
    }

    #[test]
    fn every_software_encoder_takes_the_number_of_threads() {
        crate::media::warm_up().unwrap();
        let software = ENCODERS.iter().filter(|encoder| !encoder.hardware);
        for encoder in software {
            let property = encoder.threads.unwrap_or_else(|| panic!("{} has no thread property", encoder.factory));
            let Ok(element) = gst::ElementFactory::make(encoder.factory).build() else { continue };
            for (cores, expected) in [(2, "1"), (4, "2")] {
                encoder.set_up_for(&element, HD, cores);
                let set = element.property_value(property).serialize().unwrap();
                assert_eq!(set, expected, "{} on {cores} cores", encoder.factory);
            }
        }
    }
}
