//! Several peers on one screen: a compositor with fixed inputs, laid out as tiles. It runs only while there are several.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};
use gstreamer_utils::{ConsumptionLink, StreamProducer};

use super::audio::SLOTS;
use super::inbox::{Inbox, PipelineId};
use super::join::{attach_shut, prepare_slot, producer};
use super::pipeline::{Pipeline, PipelineError};
use super::screen::{FROZEN, size};
use super::settings::Settings;

/// The running compositor.
pub(crate) struct Composer {
    pipeline: Pipeline,
    inputs: Vec<Input>,
    size: (u32, u32),
    /// The composed picture.
    pub(crate) composed: StreamProducer,
}

/// One input of the compositor. Pads are never added or released while it runs (8419c1e6dc, 1.22.7).
struct Input {
    slot: AppSrc,
    pad: gst::Pad,
    joint: Option<(StreamProducer, ConsumptionLink)>,
}

impl Composer {
    /// Builds and starts it.
    pub(crate) fn new(settings: &Settings, inbox: &Inbox) -> Result<Self, PipelineError> {
        let failed = |what: &str| PipelineError::new("compose", what);
        let pipeline = Pipeline::parse_mixer("compose", &describe(settings), inbox)?;
        let compositor = pipeline.element("compositor")?;
        let mut inputs = Vec::new();
        for number in 0..SLOTS {
            let slot: AppSrc = pipeline.typed(&format!("slot{number}"))?;
            prepare_slot(&slot);
            slot.static_pad("src").ok_or_else(|| failed("no pad"))?.set_offset(pipeline.shift());
            let pad = compositor.static_pad(&format!("sink_{number}")).ok_or_else(|| failed("no compositor pad"))?;
            pad.set_property("alpha", 0.0f64);
            pad.set_property_from_str("sizing-policy", "keep-aspect-ratio");
            pad.set_property("max-last-buffer-repeat", FROZEN.as_nanos() as u64);
            inputs.push(Input { slot, pad, joint: None });
        }
        let sink: AppSink = pipeline.typed("composed")?;
        pipeline.play()?;
        Ok(Self { composed: producer(&sink), pipeline, inputs, size: size(settings) })
    }

    /// Its pipeline's name on the bus.
    pub(crate) fn id(&self) -> PipelineId {
        self.pipeline.id
    }

    /// What has to be added to a time elsewhere to have the time in here.
    pub(crate) fn shift(&self) -> i64 {
        self.pipeline.shift()
    }

    /// Distributes a changed latency.
    pub(crate) fn settle_latency(&self) {
        self.pipeline.settle_latency();
    }

    /// Shows these peers as tiles, each at an input of its own, in this order; and nobody else.
    pub(crate) fn show(&mut self, shown: &[(usize, StreamProducer)]) -> Result<(), PipelineError> {
        for (number, input) in self.inputs.iter_mut().enumerate() {
            let Some(place) = shown.iter().position(|(slot, _)| *slot == number) else {
                input.pad.set_property("alpha", 0.0f64);
                input.joint = None;
                continue;
            };
            let tile = tile(shown.len(), place, self.size);
            input.pad.set_property("xpos", tile.x);
            input.pad.set_property("ypos", tile.y);
            input.pad.set_property("width", tile.width);
            input.pad.set_property("height", tile.height);
            input.take(&shown[place].1)?;
        }
        Ok(())
    }
}

impl Input {
    /// Takes pictures from this peer. The tile is uncovered by the first that arrives.
    fn take(&mut self, peer: &StreamProducer) -> Result<(), PipelineError> {
        if self.joint.as_ref().is_some_and(|(from, _)| from == peer) {
            return Ok(());
        }
        self.joint = None;
        self.pad.set_property("alpha", 0.0f64);
        self.pad.add_probe(gst::PadProbeType::BUFFER, |pad, _| {
            pad.set_property("alpha", 1.0f64);
            gst::PadProbeReturn::Remove
        });
        let link = attach_shut(peer, &self.slot)?;
        link.set_discard(false);
        self.joint = Some((peer.clone(), link));
        Ok(())
    }
}

fn describe(settings: &Settings) -> String {
    let (width, height) = size(settings);
    let upstream = (settings.jitter_buffer + std::time::Duration::from_millis(20)).as_nanos();
    let mut text = format!(
        "compositor name=compositor background=black force-live=true ignore-inactive-pads=true latency=20000000 \
           min-upstream-latency={upstream} \
         ! video/x-raw,format=I420,width={width},height={height},framerate={rate}/1,pixel-aspect-ratio=1/1 \
         ! appsink name=composed sync=false async=false ",
        rate = settings.screen_framerate,
    );
    for slot in 0..SLOTS {
        text += &format!("appsrc name=slot{slot} ! compositor.sink_{slot} ");
    }
    text
}

/// Where one peer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tile {
    x: i32,
    y: i32,
    width: i32,
    height: i32,
}

/// Two share the screen side by side, more stand in rows.
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
