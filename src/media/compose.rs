//! Several peers on one screen: a compositor with fixed inputs, laid out as tiles. It runs only while there are several.

mod stage;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use callbox_core::ids::Address;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};
use gstreamer_utils::{ConsumptionLink, StreamProducer};
use gstreamer_video::{VideoFormat, VideoInfo};

use super::inbox::{Inbox, PipelineId};
use super::join::{attach_shut, prepare_slot, producer};
use super::layout;
use super::marks::Marks;
use super::pipeline::{Pipeline, PipelineError};
use super::screen::{FROZEN, size};
use super::settings::Settings;
use stage::{Fed, Place, Scene, Stage};

/// Most peers on the screen. A peer keeps its input when its link is replaced.
const INPUTS: usize = 6;
/// A picture that does not move for this long is marked.
const STILL: Duration = Duration::from_secs(2);

/// A peer on the screen.
#[derive(Clone, Debug)]
pub(crate) struct Face {
    pub(crate) peer: Address,
    /// The number of its link, among those of [`super::screen::Display::on_shown`].
    pub(crate) slot: usize,
    /// Its pictures.
    pub(crate) decoded: StreamProducer,
    /// It says that its camera is off.
    pub(crate) is_hidden: bool,
    pub(crate) is_muted: bool,
    pub(crate) speaks: bool,
}

/// The running compositor.
pub(crate) struct Composer {
    pipeline: Pipeline,
    inputs: Vec<Input>,
    /// From the first tile to the last.
    faces: Vec<Face>,
    stage: Arc<Mutex<Stage>>,
    size: (u32, u32),
    since: Instant,
    /// The composed picture.
    pub(crate) composed: StreamProducer,
}

/// One input of the compositor. Pads are never added or released while it runs (8419c1e6dc, 1.22.7).
struct Input {
    slot: AppSrc,
    peer: Option<Address>,
    joint: Option<(StreamProducer, ConsumptionLink)>,
    fed: Arc<Fed>,
    moved: (u64, Instant),
}

impl Composer {
    /// Builds and starts it.
    pub(crate) fn new(settings: &Settings, inbox: &Inbox) -> Result<Self, PipelineError> {
        let failed = |what: &str| PipelineError::new("compose", what);
        let pipeline = Pipeline::parse_mixer("compose", &describe(settings), inbox)?;
        let compositor = pipeline.element("compositor")?;
        let (mut inputs, mut pads, mut names) = (Vec::new(), Vec::new(), Vec::new());
        let now = Instant::now();
        for number in 0..INPUTS {
            let slot: AppSrc = pipeline.typed(&format!("slot{number}"))?;
            prepare_slot(&slot);
            slot.static_pad("src").ok_or_else(|| failed("no pad"))?.set_offset(pipeline.shift());
            let pad = compositor.static_pad(&format!("sink_{number}")).ok_or_else(|| failed("no compositor pad"))?;
            pad.set_property("alpha", 0.0f64);
            pad.set_property_from_str("sizing-policy", "keep-aspect-ratio");
            let fed = Arc::new(Fed::default());
            fed.watch(&pad, pipeline.shift());
            inputs.push(Input { slot, peer: None, joint: None, fed, moved: (0, now) });
            pads.push(pad);
            names.push(pipeline.element(&format!("name{number}"))?);
        }
        let (width, height) = size(settings);
        let info = VideoInfo::builder(VideoFormat::I420, width, height).build();
        let info = info.map_err(|error| PipelineError::new("compose", error))?;
        let fed = inputs.iter().map(|input| Arc::clone(&input.fed)).collect();
        let stage = Arc::new(Mutex::new(Stage::new(pads, names, fed, info)));
        let exit = compositor.static_pad("src").ok_or_else(|| failed("no exit"))?;
        exit.add_probe(gst::PadProbeType::BUFFER, {
            let stage = Arc::clone(&stage);
            move |_, info| {
                if let Some(buffer) = info.buffer_mut() {
                    stage.lock().unwrap_or_else(PoisonError::into_inner).composed(buffer);
                }
                gst::PadProbeReturn::Ok
            }
        });
        let sink: AppSink = pipeline.typed("composed")?;
        pipeline.play()?;
        let size = (width, height);
        Ok(Self { composed: producer(&sink), pipeline, inputs, faces: Vec::new(), stage, size, since: now })
    }

    /// Its pipeline's name on the bus.
    pub(crate) fn id(&self) -> PipelineId {
        self.pipeline.id
    }

    /// What has to be added to a time elsewhere to have the time in here.
    pub(crate) fn shift(&self) -> i64 {
        self.pipeline.shift()
    }

    /// The links of the peers that are shown, a bit each.
    pub(crate) fn slots(&self) -> u64 {
        self.faces.iter().fold(0, |slots, face| slots | (1 << face.slot))
    }

    /// Distributes a changed latency.
    pub(crate) fn settle_latency(&self) {
        self.pipeline.settle_latency();
    }

    /// Shows these peers as tiles, and nobody else. A peer keeps its place among those who stay.
    pub(crate) fn show(&mut self, faces: &[Face]) -> Result<(), PipelineError> {
        let place = |face: &Face| self.faces.iter().position(|known| known.peer == face.peer).unwrap_or(usize::MAX);
        let mut faces = faces.to_vec();
        faces.sort_by_key(place);
        faces.truncate(INPUTS);
        self.faces = faces;
        let now = Instant::now();
        for input in &mut self.inputs {
            if input.peer.as_ref().is_some_and(|peer| self.faces.iter().all(|face| face.peer != *peer)) {
                (input.peer, input.joint, input.moved) = (None, None, (0, now));
            }
        }
        for at in 0..self.faces.len() {
            let face = self.faces[at].clone();
            if let Some(input) = self.input_for(&face.peer) {
                input.take(&face, now)?;
            }
        }
        self.settle(now);
        Ok(())
    }

    /// Whether the composed picture can take the place of this peer's own: it holds that, or can be waited for no longer.
    pub(crate) fn is_ready(&self, peer: &Address, within: Duration) -> bool {
        let input = self.inputs.iter().position(|input| input.peer.as_ref() == Some(peer));
        input.is_none_or(|input| self.stage().shows(input)) || self.since.elapsed() >= within
    }

    /// Marks pictures that do not move, and takes them away after a while.
    pub(crate) fn tick(&mut self, now: Instant) {
        for input in &mut self.inputs {
            let frames = input.fed.frames();
            if frames != input.moved.0 {
                input.moved = (frames, now);
            }
        }
        self.settle(now);
    }

    /// The input of a peer, or the one that was free for the longest time: nothing of its last peer is on its way any more.
    fn input_for(&mut self, peer: &Address) -> Option<&mut Input> {
        let own = self.inputs.iter().position(|input| input.peer.as_ref() == Some(peer));
        let free = || {
            let free = self.inputs.iter().enumerate().filter(|(_, input)| input.peer.is_none());
            free.min_by_key(|(_, input)| input.moved.1).map(|(at, _)| at)
        };
        own.or_else(free).map(|at| &mut self.inputs[at])
    }

    fn settle(&self, now: Instant) {
        let tiles = layout::tiles(self.faces.len(), self.size);
        let mut scene = Scene::default();
        for (at, input) in self.inputs.iter().enumerate() {
            let place = self.faces.iter().position(|face| Some(&face.peer) == input.peer.as_ref());
            let Some((face, tile)) = place.map(|place| (&self.faces[place], tiles[place])) else { continue };
            let still = if input.moved.0 > 0 { now.saturating_duration_since(input.moved.1) } else { Duration::ZERO };
            let marks = Marks {
                speaks: face.speaks && !face.is_muted,
                muted: face.is_muted,
                frozen: still >= STILL && !face.is_hidden,
            };
            let has_picture = !face.is_hidden && still < FROZEN;
            scene.places[at] = Some(Place { tile, name: face.peer.user.to_string(), marks, has_picture });
        }
        self.stage().set(scene);
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Input {
    /// Takes pictures of this peer. The tile of a new one is uncovered by its first picture; that of a peer whose link was
    /// replaced goes on showing the last one of the old link until then.
    fn take(&mut self, face: &Face, now: Instant) -> Result<(), PipelineError> {
        if self.joint.as_ref().is_some_and(|(from, _)| *from == face.decoded) {
            return Ok(());
        }
        self.joint = None;
        if self.peer.as_ref() != Some(&face.peer) {
            self.fed.reset();
            (self.peer, self.moved) = (Some(face.peer.clone()), (0, now));
        }
        let link = attach_shut(&face.decoded, &self.slot)?;
        link.set_discard(false);
        self.joint = Some((face.decoded.clone(), link));
        Ok(())
    }
}

fn describe(settings: &Settings) -> String {
    let (width, height) = size(settings);
    let upstream = (settings.jitter_buffer + Duration::from_millis(20)).as_nanos();
    let mut text = format!(
        "compositor name=compositor background=black force-live=true ignore-inactive-pads=true latency=20000000 \
           min-upstream-latency={upstream} \
         ! video/x-raw,format=I420,width={width},height={height},framerate={rate}/1,pixel-aspect-ratio=1/1 ",
        rate = settings.screen_framerate,
    );
    for slot in 0..INPUTS {
        text += &format!(
            "! textoverlay name=name{slot} silent=true auto-resize=false wrap-mode=none halignment=center \
               valignment=center shaded-background=true font-desc=\"Sans {font}px\" ",
            font = stage::font(height),
        );
    }
    text += "! appsink name=composed sync=false async=false ";
    for slot in 0..INPUTS {
        text += &format!("appsrc name=slot{slot} ! compositor.sink_{slot} ");
    }
    text
}

#[cfg(test)]
mod tests;
