//! Chooses among the sizes, rates and formats that a local camera has the one nearest to what is configured.

use gstreamer as gst;

use super::settings::CameraFormat;

/// The kinds of pictures that are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Raw,
    Jpeg,
    H264,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Raw, Self::Jpeg, Self::H264];

    /// Returns the media type.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Raw => "video/x-raw",
            Self::Jpeg => "image/jpeg",
            Self::H264 => "video/x-h264",
        }
    }

    /// Returns how little it is liked for a picture of this size. USB 2 carries raw pictures up to 640x480 at full rate, and
    /// key frames of H.264 come when the camera likes.
    fn cost(self, pixels: u32) -> u8 {
        match self {
            Self::Raw => u8::from(pixels > 640 * 480),
            Self::Jpeg => u8::from(pixels <= 640 * 480),
            Self::H264 => 2,
        }
    }
}

impl CameraFormat {
    fn allows(self, kind: Kind) -> bool {
        match self {
            Self::Auto => true,
            Self::Raw => kind == Kind::Raw,
            Self::Mjpeg => kind == Kind::Jpeg,
            Self::H264 => kind == Kind::H264,
        }
    }
}

/// Numbers from the first to the last, in steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: u32,
    pub(crate) last: u32,
    pub(crate) step: u32,
}

impl Span {
    /// Returns the number nearest to this one, rather a larger one.
    fn nearest(self, wanted: u32) -> u32 {
        let steps = wanted.saturating_sub(self.first).div_ceil(self.step.max(1));
        let number = self.first + steps * self.step.max(1);
        if number > self.last { self.last - (self.last - self.first) % self.step.max(1) } else { number }
    }
}

/// Frames in a number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) frames: u32,
    pub(crate) seconds: u32,
}

impl Rate {
    fn milli(self) -> u32 {
        u32::try_from(u64::from(self.frames) * 1000 / u64::from(self.seconds.max(1))).unwrap_or(u32::MAX)
    }
}

/// One line of a camera's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) kind: Kind,
    pub(crate) width: Span,
    pub(crate) height: Span,
    pub(crate) rates: Vec<Rate>,
}

/// What a camera is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode {
    pub(crate) kind: Kind,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) rate: Rate,
}

/// The highest rate of a camera that names none.
const MOST_USUAL: u32 = 60;

/// What is configured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) fps: u32,
    pub(crate) format: CameraFormat,
}

/// Returns the modes that can be used, the nearest first. A rate under half of the wanted one is the last choice; then the
/// size counts, exact before larger before smaller, then the rate, then the format.
pub(crate) fn nearest(offers: &[Offer], wanted: Wanted) -> Vec<Mode> {
    let mut modes: Vec<Mode> = offers
        .iter()
        .filter(|offer| wanted.format.allows(offer.kind))
        .flat_map(|offer| {
            let (width, height) = (offer.width.nearest(wanted.width), offer.height.nearest(wanted.height));
            offer.rates.iter().map(move |rate| Mode { kind: offer.kind, width, height, rate: *rate })
        })
        .collect();
    modes.sort_by_key(|mode| cost(*mode, wanted));
    modes.dedup();
    modes
}

fn cost(mode: Mode, wanted: Wanted) -> (bool, u8, u32, u32, u8, u32) {
    let (has, wants) = (mode.rate.milli(), wanted.fps * 1000);
    let is_exact = (mode.width, mode.height) == (wanted.width, wanted.height);
    let covers = mode.width >= wanted.width && mode.height >= wanted.height;
    let size = if is_exact { 0 } else { 2 - u8::from(covers) };
    let distance = mode.width.abs_diff(wanted.width) + mode.height.abs_diff(wanted.height);
    // Cameras say 30000/1001 for 30.
    let missing = wants.saturating_sub(has + wants / 100);
    (has * 2 < wants, size, distance, missing, mode.kind.cost(mode.width * mode.height), has.saturating_sub(wants))
}

/// Reads what a camera says it has. Formats that are not understood are left out.
pub(crate) fn offers(caps: &gst::CapsRef) -> Vec<Offer> {
    caps.iter().flat_map(offers_of).collect()
}

/// Returns one offer for each pair of a width and a height.
fn offers_of(structure: &gst::StructureRef) -> Vec<Offer> {
    let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.media_type() == structure.name()) else {
        return Vec::new();
    };
    // libcamera names no rates: it takes any.
    let rates = structure.value("framerate").map_or_else(|_| whole_rates(1, MOST_USUAL), rates);
    if rates.is_empty() {
        return Vec::new();
    }
    let [widths, heights] = ["width", "height"].map(|side| structure.value(side).map(spans).unwrap_or_default());
    let pairs = widths.into_iter().flat_map(|width| heights.iter().map(move |height| (width, *height)));
    pairs.map(|(width, height)| Offer { kind, width, height, rates: rates.clone() }).collect()
}

fn spans(value: &gst::glib::SendValue) -> Vec<Span> {
    if let Ok(list) = value.get::<gst::List>() {
        return list.iter().flat_map(spans).collect();
    }
    let [first, last, step] = match (value.get::<i32>(), value.get::<gst::IntRange<i32>>()) {
        (Ok(number), _) => [number, number, 1],
        (_, Ok(range)) => [range.min(), range.max(), range.step()],
        _ => return Vec::new(),
    }
    .map(u32::try_from);
    let (Ok(first), Ok(last), Ok(step)) = (first, last, step) else { return Vec::new() };
    Vec::from([Span { first, last, step }])
}

fn rates(value: &gst::glib::SendValue) -> Vec<Rate> {
    if let Ok(list) = value.get::<gst::List>() {
        return list.iter().flat_map(rates).collect();
    }
    let of = |fraction: gst::Fraction| {
        let (frames, seconds) = (u32::try_from(fraction.numer()).ok()?, u32::try_from(fraction.denom()).ok()?);
        Some(Rate { frames, seconds }).filter(|rate| rate.frames > 0 && rate.seconds > 0)
    };
    if let Ok(range) = value.get::<gst::FractionRange>() {
        // Between the two every rate can be had; whole ones are enough.
        let (least, most) = (of(range.min()).map_or(1, |rate| rate.milli().div_ceil(1000)), of(range.max()));
        return whole_rates(least, most.map_or(MOST_USUAL, |rate| rate.milli() / 1000));
    }
    value.get::<gst::Fraction>().ok().and_then(of).into_iter().collect()
}

fn whole_rates(least: u32, most: u32) -> Vec<Rate> {
    (least.max(1)..=most.min(120)).map(|frames| Rate { frames, seconds: 1 }).collect()
}

/// Returns the caps that ask libcamera for the size nearest to the wanted one; none: it has no raw pictures. Its NV12 comes from the
/// image processor of the board, all else only where there is none.
pub(crate) fn libcamera(has: &gst::CapsRef, wanted: Wanted) -> Option<gst::Caps> {
    let wanted = Wanted { format: CameraFormat::Raw, ..wanted };
    let nv12 = gst::Caps::builder("video/x-raw").field("format", "NV12").build();
    // Fields that only one of the two names stay as they are.
    let usual = nearest(&offers(&has.intersect(&nv12)), wanted).first().map(|mode| (*mode, Some("NV12")));
    let (mode, format) = usual.or_else(|| nearest(&offers(has), wanted).first().map(|mode| (*mode, None)))?;
    let mut caps = caps(mode);
    let fields = caps.make_mut();
    fields.set("interlace-mode", "progressive");
    if let Some(format) = format {
        fields.set("format", format);
        fields.set("colorimetry", "bt709");
    }
    Some(caps)
}

/// Returns the caps that ask for a mode.
pub(crate) fn caps(mode: Mode) -> gst::Caps {
    let rate = gst::Fraction::new(mode.rate.frames as i32, mode.rate.seconds as i32);
    gst::Caps::builder(mode.kind.media_type())
        .field("width", mode.width as i32)
        .field("height", mode.height as i32)
        .field("framerate", rate)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(caps: &str, width: u32, height: u32, fps: u32, format: CameraFormat) -> Option<(Kind, u32, u32, u32)> {
        gst::init().unwrap();
        let caps: gst::Caps = caps.parse().unwrap();
        let mode = *nearest(&offers(&caps), Wanted { width, height, fps, format }).first()?;
        Some((mode.kind, mode.width, mode.height, mode.rate.milli() / 1000))
    }

    const UVC: &str = "video/x-raw,format=YUY2,width=640,height=480,framerate={(fraction)30/1,(fraction)15/1}; \
                       video/x-raw,format=YUY2,width=1280,height=720,framerate=(fraction)10/1; \
                       image/jpeg,width=1280,height=720,framerate={(fraction)30/1,(fraction)25/1}; \
                       image/jpeg,width=1920,height=1080,framerate=(fraction)30/1";

    #[test]
    fn what_a_camera_has_is_taken_nearest_first() {
        use CameraFormat::{Auto, H264, Mjpeg, Raw};
        for (width, height, fps, format, expected) in [
            (1280, 720, 30, Auto, Some((Kind::Jpeg, 1280, 720, 30))),
            (1280, 720, 25, Auto, Some((Kind::Jpeg, 1280, 720, 25))),
            (1280, 720, 20, Auto, Some((Kind::Jpeg, 1280, 720, 25))),
            (640, 480, 15, Auto, Some((Kind::Raw, 640, 480, 15))),
            // No 640x360: the next larger one is scaled down.
            (640, 360, 25, Auto, Some((Kind::Raw, 640, 480, 30))),
            (960, 540, 30, Auto, Some((Kind::Jpeg, 1280, 720, 30))),
            (3840, 2160, 30, Auto, Some((Kind::Jpeg, 1920, 1080, 30))),
            (640, 480, 60, Auto, Some((Kind::Raw, 640, 480, 30))),
            // Raw pictures of that size come too slowly.
            (1280, 720, 30, Raw, Some((Kind::Raw, 640, 480, 30))),
            (1280, 720, 15, Raw, Some((Kind::Raw, 1280, 720, 10))),
            (640, 360, 25, Mjpeg, Some((Kind::Jpeg, 1280, 720, 25))),
            (640, 360, 25, H264, None),
        ] {
            assert_eq!(best(UVC, width, height, fps, format), expected, "{width}x{height} at {fps}, {format:?}");
        }
    }

    #[test]
    fn ranges_are_read_and_unknown_formats_left_out() {
        let range = "video/x-raw,width=[16,1920,16],height=[16,1080,8],framerate=[(fraction)1/1,(fraction)60/1]";
        assert_eq!(best(range, 640, 360, 25, CameraFormat::Auto), Some((Kind::Raw, 640, 360, 25)));
        assert_eq!(best(range, 650, 362, 25, CameraFormat::Auto), Some((Kind::Raw, 656, 368, 25)));
        assert_eq!(best(range, 4000, 3000, 25, CameraFormat::Auto), Some((Kind::Raw, 1920, 1080, 25)));
        let ntsc = "image/jpeg,width=640,height=480,framerate={(fraction)30000/1001,(fraction)60/1}";
        assert_eq!(best(ntsc, 640, 480, 30, CameraFormat::Auto), Some((Kind::Jpeg, 640, 480, 29)));
        assert_eq!(best("video/x-bayer,width=640,height=480,framerate=30/1", 640, 480, 30, CameraFormat::Auto), None);
        assert_eq!(best("EMPTY", 640, 480, 30, CameraFormat::Auto), None);
    }

    #[test]
    fn sizes_are_read_as_numbers_lists_and_steps() {
        use CameraFormat::Auto;
        let list = "video/x-raw,width={320,640,1280},height={240,480,720},framerate={5/1,15/1}";
        let steps = "image/jpeg,width=[160,1600,160],height=[120,1200,120],framerate=[5/1,30/1]";
        let both = "video/x-raw,width=640,height=360,framerate=5/1; image/jpeg,width=640,height=360,framerate=30/1";
        let unnamed = "video/x-raw,width=1296,height=972";
        for (caps, width, height, fps, expected) in [
            (list, 640, 480, 15, Some((Kind::Raw, 640, 480, 15))),
            (list, 640, 360, 25, Some((Kind::Raw, 640, 480, 15))),
            (list, 64, 64, 5, Some((Kind::Raw, 320, 240, 5))),
            (list, 1920, 1080, 15, Some((Kind::Raw, 1280, 720, 15))),
            (steps, 640, 480, 25, Some((Kind::Jpeg, 640, 480, 25))),
            (steps, 640, 360, 60, Some((Kind::Jpeg, 640, 360, 30))),
            (steps, 650, 362, 1, Some((Kind::Jpeg, 800, 480, 5))),
            (steps, 3840, 2160, 25, Some((Kind::Jpeg, 1600, 1200, 25))),
            // Raw pictures are liked better, but not at a fifth of the rate.
            (both, 640, 360, 25, Some((Kind::Jpeg, 640, 360, 30))),
            (both, 640, 360, 10, Some((Kind::Jpeg, 640, 360, 30))),
            (both, 640, 360, 5, Some((Kind::Raw, 640, 360, 5))),
            (unnamed, 1280, 720, 24, Some((Kind::Raw, 1296, 972, 24))),
            ("video/x-raw,framerate=30/1", 640, 480, 30, None),
            ("video/x-raw,width=640,height=480,framerate=0/1", 640, 480, 30, None),
        ] {
            assert_eq!(best(caps, width, height, fps, Auto), expected, "{width}x{height} at {fps} of {caps}");
        }
    }

    #[test]
    fn libcamera_is_asked_for_the_nearest_size_and_for_nv12_where_there_is_some() {
        gst::init().unwrap();
        let asked = |has: &str, width, height| {
            let has: gst::Caps = has.parse().unwrap();
            let wanted = Wanted { width, height, fps: 25, format: CameraFormat::Auto };
            let caps = libcamera(&has, wanted)?;
            let fields = caps.structure(0)?;
            let side = |name| fields.get::<i32>(name).unwrap();
            Some((side("width"), side("height"), fields.get::<String>("format").ok()))
        };
        let nv12 = Some("NV12".to_owned());
        let sensor = "video/x-bayer,width=3280,height=2464; video/x-raw,format=RGB,width=640,height=360; \
                      video/x-raw,format={NV12,NV21},width={640,1640},height={480,1232}";
        let processor = "video/x-raw,format=NV12,width=[32,4608,2],height=[32,2592,2]";
        let webcam = "image/jpeg,width=1280,height=720; video/x-raw,format=YUY2,width=640,height=480";
        assert_eq!(asked(sensor, 640, 360), Some((640, 480, nv12.clone())));
        assert_eq!(asked(sensor, 1920, 1080), Some((1640, 1232, nv12.clone())));
        assert_eq!(asked(processor, 1280, 720), Some((1280, 720, nv12)));
        assert_eq!(asked(webcam, 1280, 720), Some((640, 480, None)));
        assert_eq!(asked("image/jpeg,width=1280,height=720", 1280, 720), None);
    }
}
