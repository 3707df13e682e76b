//! The screen pipeline: a compositor with fixed inputs, laid out as tiles, to a display or to the reader of test codes.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};

use super::audio::SLOTS;
use super::inbox::Inbox;
use super::join::prepare_slot;
use super::pipeline::{Pipeline, PipelineError, set_if_there};
use super::settings::{Screen, Settings};

/// A frozen picture is taken away after this long.
const FROZEN: gst::ClockTime = gst::ClockTime::from_seconds(3);

/// The running screen pipeline.
pub(crate) struct Display {
    pub(crate) pipeline: Pipeline,
    /// The compositor's inputs for peers.
    pub(crate) slots: Vec<AppSrc>,
    pads: Vec<gst::Pad>,
    sink: gst::Pad,
    picture: AppSink,
    size: (u32, u32),
}

impl Display {
    /// Builds the pipeline, or nothing when there is no screen. [`Pipeline::play`] starts it.
    pub(crate) fn new(settings: &Settings, inbox: &Inbox) -> Result<Option<Self>, PipelineError> {
        if !settings.screen.is_composited() {
            return Ok(None);
        }
        let failed = |what: &str| PipelineError::new("screen", what);
        let pipeline = Pipeline::parse_mixer("screen", &describe(settings), inbox)?;
        configure(&pipeline, &settings.screen)?;
        let compositor = pipeline.element("compositor")?;
        let slots =
            (0..SLOTS).map(|slot| pipeline.typed(&format!("slot{slot}"))).collect::<Result<Vec<AppSrc>, _>>()?;
        for slot in &slots {
            prepare_slot(slot);
            if let Some(pad) = slot.static_pad("src") {
                pad.set_offset(pipeline.shift());
            }
        }
        let pads = (0..SLOTS)
            .map(|slot| compositor.static_pad(&format!("sink_{slot}")).ok_or_else(|| failed("no compositor pad")))
            .collect::<Result<Vec<_>, _>>()?;
        for pad in &pads {
            pad.set_property("alpha", 0.0f64);
            pad.set_property_from_str("sizing-policy", "keep-aspect-ratio");
            pad.set_property("max-last-buffer-repeat", FROZEN.nseconds());
        }
        let sink = pipeline.element("screen")?.static_pad("sink").ok_or_else(|| failed("no sink pad"))?;
        let picture = pipeline.typed("picture")?;
        Ok(Some(Self { pipeline, slots, pads, sink, picture, size: size(settings) }))
    }

    /// Shows these inputs as tiles, in this order, and hides the others.
    pub(crate) fn lay_out(&self, shown: &[usize]) {
        for (slot, pad) in self.pads.iter().enumerate() {
            let Some(place) = shown.iter().position(|other| *other == slot) else {
                pad.set_property("alpha", 0.0f64);
                continue;
            };
            let tile = tile(shown.len(), place, self.size);
            pad.set_property("xpos", tile.x);
            pad.set_property("ypos", tile.y);
            pad.set_property("width", tile.width);
            pad.set_property("height", tile.height);
        }
    }

    /// Uncovers an input with the next frame that arrives, and tells when a picture with it reached the display.
    pub(crate) fn uncover(&self, slot: usize, tell: impl Fn() + Send + Sync + Clone + 'static) {
        let Some(pad) = self.pads.get(slot) else { return };
        let shift = self.pipeline.shift();
        let sink = self.sink.downgrade();
        let shown = pad.downgrade();
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let (Some(pad), Some(sink)) = (shown.upgrade(), sink.upgrade()) else { return gst::PadProbeReturn::Remove };
            pad.set_property("alpha", 1.0f64);
            let pts = info.buffer().and_then(|buffer| buffer.pts()).unwrap_or_default();
            let arrived = gst::ClockTime::from_nseconds(pts.nseconds().saturating_add_signed(shift));
            let tell = tell.clone();
            // A composed picture holds ours when it lasts beyond the moment ours begins.
            sink.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                let end = info.buffer().and_then(|buffer| Some(buffer.pts()? + buffer.duration()?)).unwrap_or_default();
                if end <= arrived {
                    return gst::PadProbeReturn::Ok;
                }
                tell();
                gst::PadProbeReturn::Remove
            });
            gst::PadProbeReturn::Remove
        });
    }

    /// The last picture, for a snapshot.
    pub(crate) fn picture(&self) -> Option<gst::Sample> {
        self.picture.property("last-sample")
    }
}

/// A test screen is small: codes are read as well there, at a quarter of the work.
fn size(settings: &Settings) -> (u32, u32) {
    match settings.screen {
        Screen::Test => (settings.screen_width.min(640), settings.screen_height.min(360)),
        _ => (settings.screen_width, settings.screen_height),
    }
}

fn describe(settings: &Settings) -> String {
    let (width, height) = size(settings);
    let upstream = (settings.jitter_buffer + std::time::Duration::from_millis(20)).as_nanos();
    let mut text = format!(
        "compositor name=compositor background=black force-live=true ignore-inactive-pads=true latency=20000000 \
           min-upstream-latency={upstream} \
         ! video/x-raw,format=I420,width={width},height={height},framerate={rate}/1,pixel-aspect-ratio=1/1 ! tee name=tee \
         tee. ! queue leaky=downstream max-size-buffers=1 max-size-time=0 max-size-bytes=0 \
           ! appsink name=picture async=false sync=false max-buffers=1 drop=true \
         tee. ! queue leaky=downstream max-size-buffers=2 max-size-time=0 max-size-bytes=0 ! {sink} ",
        rate = settings.screen_framerate,
        sink = sink(&settings.screen),
    );
    for slot in 0..SLOTS {
        text += &format!("appsrc name=slot{slot} ! compositor.sink_{slot} ");
    }
    text
}

/// No sink waits for the clock: the compositor gives a picture out when it is complete, or when its time has come, and
/// waiting again would only make it old. The sound comes up to 80 ms after it, which nobody notices (ITU-R BT.1359).
fn sink(screen: &Screen) -> &'static str {
    match screen {
        // The display may ask for pixels that are not square: only a scaler can agree to that.
        Screen::Kms { .. } => "videoconvertscale ! kmssink name=screen sync=false show-preroll-frame=false",
        Screen::Wayland => "videoconvert ! waylandsink name=screen sync=false fullscreen=true",
        Screen::Window => "videoconvert ! autovideosink name=screen sync=false",
        Screen::Test | Screen::None => {
            "fakesink name=screen sync=false \
             tee. ! queue leaky=downstream max-size-buffers=1 max-size-time=0 max-size-bytes=0 \
               ! videorate drop-only=true max-rate=4 ! zbar cache=false ! fakesink sync=false async=false"
        }
    }
}

fn configure(pipeline: &Pipeline, screen: &Screen) -> Result<(), PipelineError> {
    let sink = pipeline.element("screen")?;
    set_if_there(&sink, "async", "false");
    if let Screen::Kms { driver, connector } = screen {
        // An atomic driver waits for the display itself, and many small ones have no other way: kmssink's own wait fails there.
        set_if_there(&sink, "skip-vsync", "true");
        if let Some(driver) = driver {
            sink.set_property("driver-name", driver);
        }
        if let Some(connector) = connector {
            sink.set_property("connector-id", connector);
        }
    }
    Ok(())
}

/// Where one peer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tile {
    x: i32,
    y: i32,
    width: i32,
    height: i32,
}

/// One peer fills the screen, two share it side by side, more stand in rows.
fn tile(count: usize, place: usize, (width, height): (u32, u32)) -> Tile {
    let columns = match count {
        0 | 1 => 1,
        2..=4 => 2,
        _ => 3,
    };
    let rows = count.max(1).div_ceil(columns);
    let (width, height) = ((width as usize / columns) as i32, (height as usize / rows) as i32);
    Tile { x: (place % columns) as i32 * width, y: (place / columns) as i32 * height, width, height }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_fill_the_screen_and_do_not_overlap() {
        assert_eq!(tile(1, 0, (1280, 720)), Tile { x: 0, y: 0, width: 1280, height: 720 });
        assert_eq!(tile(2, 1, (1280, 720)), Tile { x: 640, y: 0, width: 640, height: 720 });
        assert_eq!(tile(4, 3, (1280, 720)), Tile { x: 640, y: 360, width: 640, height: 360 });
        for count in 1..=SLOTS {
            for place in 0..count {
                let tile = tile(count, place, (1280, 720));
                assert!(tile.x + tile.width <= 1280 && tile.y + tile.height <= 720, "{count} {place} {tile:?}");
            }
        }
    }
}
