//! The screen pipeline: one picture to a display or to the reader of test codes. A single peer is shown as it is decoded,
//! which waits for nothing; several go through a compositor first.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};
use gstreamer_utils::{ConsumptionLink, StreamProducer};

use callbox_core::ids::Address;

use super::compose::{Composer, Face};
use super::inbox::{Inbox, PipelineId};
use super::join::{attach_shut, count_buffers, prepare_slot};
use super::pipeline::{Pipeline, PipelineError, set_if_there};
use super::settings::{Screen, Settings};
use super::still;
use super::warm::world;

/// How long the composed picture may take until it holds the peer that fills the screen before it.
const COMPOSED: Duration = Duration::from_secs(1);
/// A frozen picture is taken away after this long.
pub(crate) const FROZEN: Duration = Duration::from_secs(3);

/// The running screen pipeline.
pub(crate) struct Display {
    pub(crate) pipeline: Pipeline,
    settings: Settings,
    inbox: Inbox,
    entrance: AppSrc,
    sink: gst::Pad,
    picture: AppSink,
    caption: gst::Element,
    /// What fills the screen while no peer does.
    rest: gst::Sample,
    feed: Option<(StreamProducer, ConsumptionLink)>,
    /// The only peer, shown as it is decoded.
    alone: Option<Address>,
    composer: Option<Composer>,
    shown: Arc<Shown>,
    frames: Arc<AtomicU64>,
    moved: (u64, Instant),
    is_resting: bool,
}

/// What the picture is made of now.
#[derive(Debug, Default)]
struct Shown {
    /// The peers' inputs, a bit each.
    slots: AtomicU64,
    /// Since when, as running time in nanoseconds.
    since: AtomicU64,
    /// What has to be added to a peer's time to have the time of the picture.
    shift: AtomicI64,
}

impl Shown {
    fn set(&self, slots: u64, since: gst::ClockTime, shift: i64) {
        self.slots.store(0, Ordering::Release);
        self.since.store(since.nseconds(), Ordering::Release);
        self.shift.store(shift, Ordering::Release);
        self.slots.store(slots, Ordering::Release);
    }

    /// Whether a picture that lasts until `end` holds what this input gave at `pts`, or something younger.
    fn holds(&self, slot: usize, pts: gst::ClockTime, end: gst::ClockTime) -> bool {
        let from = pts.nseconds().max(self.since.load(Ordering::Acquire));
        let from = from.saturating_add_signed(self.shift.load(Ordering::Acquire));
        self.slots.load(Ordering::Acquire) & (1 << slot) != 0 && end.nseconds() > from
    }
}

impl Display {
    /// Builds the pipeline, or nothing when there is no screen. [`Pipeline::start`] starts it.
    pub(crate) fn new(
        settings: &Settings,
        idle: Option<&gst::Sample>,
        inbox: &Inbox,
    ) -> Result<Option<Self>, PipelineError> {
        if !settings.screen.is_there() {
            return Ok(None);
        }
        let failed = |what: &str| PipelineError::new("screen", what);
        let pipeline = Pipeline::parse("screen", &describe(settings), inbox)?;
        configure(&pipeline, &settings.screen)?;
        let entrance: AppSrc = pipeline.typed("entrance")?;
        prepare_slot(&entrance);
        let sink = pipeline.element("screen")?.static_pad("sink").ok_or_else(|| failed("no sink pad"))?;
        let frames = Arc::default();
        count_buffers(&sink, &frames);
        let display = Self {
            picture: pipeline.typed("picture")?,
            caption: pipeline.element("caption")?,
            rest: idle.cloned().map_or_else(|| still::black(size(settings)), Ok)?,
            pipeline,
            settings: settings.clone(),
            inbox: inbox.clone(),
            entrance,
            sink,
            feed: None,
            alone: None,
            composer: None,
            shown: Arc::default(),
            frames,
            moved: (0, Instant::now()),
            is_resting: false,
        };
        Ok(Some(display))
    }

    /// Shows this while no peer fills the screen.
    pub(crate) fn rest_with(&mut self, picture: gst::Sample) {
        self.rest = picture;
        self.begin();
    }

    /// Writes this over the picture.
    pub(crate) fn say(&mut self, text: Option<&str>) {
        self.caption.set_property("text", text.unwrap_or_default());
        self.caption.set_property("silent", text.is_none());
        self.begin();
    }

    /// The pipeline plays: a picture goes through, so that everything in it is agreed upon before the first of a peer.
    pub(crate) fn begin(&mut self) {
        if self.feed.is_none() {
            if let Err(error) = self.come_to_rest() {
                tracing::debug!(%error, "nothing shown yet");
            }
        }
    }

    /// Shows exactly these peers: one as it is decoded, several as tiles.
    pub(crate) fn show(&mut self, faces: &[Face]) -> Result<(), PipelineError> {
        match faces {
            [] => {
                (self.composer, self.alone) = (None, None);
                self.shown.set(0, gst::ClockTime::ZERO, 0);
                if self.feed.take().is_some() { self.come_to_rest() } else { Ok(()) }
            }
            [face] => {
                (self.composer, self.alone) = (None, Some(face.peer.clone()));
                self.feed_from(&face.decoded, 1 << face.slot, 0)
            }
            several => {
                let composer = match &mut self.composer {
                    Some(composer) => composer,
                    none => none.insert(Composer::new(&self.settings, &self.inbox)?),
                };
                composer.show(several)?;
                self.compose()
            }
        }
    }

    /// Shows the composed picture, as soon as it holds the peer that fills the screen now: nothing of it is missed.
    fn compose(&mut self) -> Result<(), PipelineError> {
        let Some(composer) = &self.composer else { return Ok(()) };
        if self.alone.as_ref().is_some_and(|alone| !composer.is_ready(alone, COMPOSED)) {
            return Ok(());
        }
        self.alone = None;
        let (composed, slots, shift) = (composer.composed.clone(), composer.slots(), composer.shift());
        self.feed_from(&composed, slots, shift)
    }

    fn feed_from(&mut self, from: &StreamProducer, slots: u64, shift: i64) -> Result<(), PipelineError> {
        let is_fed = self.feed.as_ref().is_some_and(|(fed, _)| fed == from);
        if is_fed && self.shown.slots.load(Ordering::Acquire) == slots {
            return Ok(());
        }
        let now = world().map_err(|error| PipelineError::new("screen", error))?.running_time();
        self.shown.set(slots, now, shift);
        if is_fed {
            return Ok(());
        }
        self.feed = None;
        let link = attach_shut(from, &self.entrance)?;
        link.set_discard(false);
        self.feed = Some((from.clone(), link));
        Ok(())
    }

    /// Tells when a picture with the next frame that passes `exit`, where the peer of this input comes from, or with a younger
    /// one, reaches the display.
    pub(crate) fn on_shown(&self, slot: usize, exit: &gst::Pad, tell: impl Fn() + Send + Sync + Clone + 'static) {
        let (sink, shown) = (self.sink.downgrade(), Arc::clone(&self.shown));
        exit.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let (Some(sink), Some(pts)) = (sink.upgrade(), info.buffer().and_then(|buffer| buffer.pts())) else {
                return gst::PadProbeReturn::Remove;
            };
            let (tell, shown) = (tell.clone(), Arc::clone(&shown));
            sink.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                let Some((start, length)) = info.buffer().and_then(|it| Some((it.pts()?, it.duration()))) else {
                    return gst::PadProbeReturn::Ok;
                };
                // A composed picture holds the frame when it lasts beyond the moment the frame begins.
                if !shown.holds(slot, pts, start + length.unwrap_or(gst::ClockTime::from_nseconds(1))) {
                    return gst::PadProbeReturn::Ok;
                }
                tell();
                gst::PadProbeReturn::Remove
            });
            gst::PadProbeReturn::Remove
        });
    }

    /// Takes a picture away that does not move any more.
    pub(crate) fn tick(&mut self, now: Instant) {
        if let Some(composer) = &mut self.composer {
            composer.tick(now);
            if let Err(error) = self.compose() {
                tracing::error!(%error, "tiles not shown");
            }
        }
        let frames = self.frames.load(Ordering::Relaxed);
        if frames != self.moved.0 {
            self.moved = (frames, now);
            self.is_resting = false;
        } else if frames > 0 && !self.is_resting && now >= self.moved.1 + FROZEN {
            if let Err(error) = self.come_to_rest() {
                tracing::warn!(%error, "frozen picture not taken away");
            }
        }
    }

    /// Whether this pipeline is the display's or its compositor's.
    pub(crate) fn has(&self, id: PipelineId) -> bool {
        self.pipeline.id == id || self.composer.as_ref().is_some_and(|composer| composer.id() == id)
    }

    /// Distributes a changed latency.
    pub(crate) fn settle_latency(&self) {
        self.pipeline.settle_latency();
        if let Some(composer) = &self.composer {
            composer.settle_latency();
        }
    }

    /// Pictures that reached the display since it was started.
    pub(crate) fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// The last picture, for a snapshot.
    pub(crate) fn picture(&self) -> Option<gst::Sample> {
        self.picture.property("last-sample")
    }

    fn come_to_rest(&mut self) -> Result<(), PipelineError> {
        let failed = |what: &dyn ToString| PipelineError::new("screen", what.to_string());
        let sample = still::of_now(&self.rest).ok_or_else(|| failed(&"no picture"))?;
        self.entrance.push_sample(&sample).map_err(|error| failed(&error))?;
        self.moved = (self.frames.load(Ordering::Relaxed) + 1, Instant::now());
        self.is_resting = true;
        Ok(())
    }
}

/// A test screen is small: codes are read as well there, at a quarter of the work.
pub(crate) fn size(settings: &Settings) -> (u32, u32) {
    match settings.screen {
        Screen::Test => (settings.screen_width.min(640), settings.screen_height.min(360)),
        _ => (settings.screen_width, settings.screen_height),
    }
}

fn describe(settings: &Settings) -> String {
    let (width, height) = size(settings);
    format!(
        "appsrc name=entrance ! videoconvertscale add-borders=true \
         ! video/x-raw,format=I420,width={width},height={height},pixel-aspect-ratio=1/1 \
         ! textoverlay name=caption silent=true font-desc=\"Sans 18\" valignment=bottom halignment=center shaded-background=true \
         ! tee name=tee \
         tee. ! queue leaky=downstream max-size-buffers=2 max-size-time=0 max-size-bytes=0 ! {sink} \
         tee. ! queue leaky=downstream max-size-buffers=1 max-size-time=0 max-size-bytes=0 \
           ! appsink name=picture async=false sync=false max-buffers=1 drop=true",
        sink = sink(&settings.screen),
    )
}

/// No sink waits for the clock: a picture that is there is shown, and waiting would only make it old. The sound comes up to
/// 80 ms after it, which nobody notices (ITU-R BT.1359).
pub(crate) fn sink(screen: &Screen) -> &'static str {
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
    point(&sink, screen);
    Ok(())
}

/// Points the sink at the display.
pub(crate) fn point(sink: &gst::Element, screen: &Screen) {
    if let Screen::Kms { driver, connector } = screen {
        // An atomic driver waits for the display itself, and many small ones have no other way: kmssink's own wait fails there.
        set_if_there(sink, "skip-vsync", "true");
        if let Some(driver) = driver {
            sink.set_property("driver-name", driver);
        }
        if let Some(connector) = connector {
            sink.set_property("connector-id", connector);
        }
    }
}

#[cfg(test)]
mod tests;
