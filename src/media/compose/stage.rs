//! What the compositor shows. It changes between two frames, on the thread that composes them, so that no frame holds half of
//! one layout and half of another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_video::{VideoFrameRef, VideoInfo};

use super::INPUTS;
use crate::media::layout::Tile;
use crate::media::marks::{self, Marks};

/// No picture has come yet.
const NONE: u64 = u64::MAX;

/// What comes into an input.
#[derive(Debug)]
pub(super) struct Fed {
    frames: AtomicU64,
    /// When its first picture is due, in the time of the composed picture.
    first: AtomicU64,
}

impl Default for Fed {
    fn default() -> Self {
        Self { frames: AtomicU64::new(0), first: AtomicU64::new(NONE) }
    }
}

impl Fed {
    /// Watches the pad where pictures come in.
    pub(super) fn watch(self: &Arc<Self>, pad: &gst::Pad, shift: i64) {
        let fed = Arc::clone(self);
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let pts = info.buffer().and_then(|buffer| buffer.pts()).map_or(0, gst::ClockTime::nseconds);
            let due = pts.saturating_add_signed(shift);
            // Only the first one finds none.
            let _ = fed.first.compare_exchange(NONE, due, Ordering::Relaxed, Ordering::Relaxed);
            fed.frames.fetch_add(1, Ordering::Relaxed);
            gst::PadProbeReturn::Ok
        });
    }

    /// Another peer takes the input.
    pub(super) fn reset(&self) {
        self.first.store(NONE, Ordering::Relaxed);
        self.frames.store(0, Ordering::Relaxed);
    }

    /// Pictures so far.
    pub(super) fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }
}

/// One peer in the composed picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) tile: Tile,
    pub(super) name: String,
    pub(super) marks: Marks,
    /// Its picture is to be seen.
    pub(super) has_picture: bool,
}

/// All peers, each at its input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scene {
    pub(super) places: [Option<Place>; INPUTS],
}

/// The scene that is composed now and the next one.
pub(super) struct Stage {
    pads: Vec<gst::Pad>,
    names: Vec<gst::Element>,
    fed: Vec<Arc<Fed>>,
    info: VideoInfo,
    now: Scene,
    next: Option<Scene>,
    /// The inputs whose pictures are in the frame that is composed now.
    open: [bool; INPUTS],
    /// Those that were in the last one.
    shown: [bool; INPUTS],
    /// Names and their places are drawn behind the compositor: they change with the frame after the scene does.
    named: bool,
}

impl Stage {
    pub(super) fn new(pads: Vec<gst::Pad>, names: Vec<gst::Element>, fed: Vec<Arc<Fed>>, info: VideoInfo) -> Self {
        let (now, open) = (Scene::default(), [false; INPUTS]);
        Self { pads, names, fed, info, now, next: None, open, shown: open, named: true }
    }

    /// Shows this from the next frame on.
    pub(super) fn set(&mut self, scene: Scene) {
        self.next = (scene != self.now).then_some(scene);
    }

    /// Whether the last frame held a picture of this input.
    pub(super) fn shows(&self, input: usize) -> bool {
        self.shown[input]
    }

    /// A frame was composed: draws on it, and prepares the next one.
    pub(super) fn composed(&mut self, buffer: &mut gst::Buffer) {
        self.write_names();
        let pts = buffer.pts().map_or(0, gst::ClockTime::nseconds);
        self.paint(buffer);
        self.shown = self.open;
        if let Some(scene) = self.next.take() {
            self.arrange(&scene);
            self.now = scene;
            self.named = false;
        }
        for (at, place) in self.now.places.iter().enumerate() {
            let is_open = place.as_ref().is_some_and(|place| place.has_picture)
                && self.fed[at].first.load(Ordering::Relaxed) <= pts;
            if is_open != std::mem::replace(&mut self.open[at], is_open) {
                self.pads[at].set_property("alpha", if is_open { 1.0f64 } else { 0.0 });
                self.named = false;
            }
        }
    }

    fn paint(&self, buffer: &mut gst::Buffer) {
        let Ok(mut frame) = VideoFrameRef::from_buffer_ref_writable(buffer.make_mut(), &self.info) else { return };
        for (place, is_open) in self.now.places.iter().zip(self.open) {
            if let Some(place) = place {
                marks::paint(&mut frame, place.tile, !is_open, place.marks);
            }
        }
    }

    fn arrange(&self, scene: &Scene) {
        for ((place, before), pad) in scene.places.iter().zip(&self.now.places).zip(&self.pads) {
            let Some(tile) = place.as_ref().map(|place| place.tile) else { continue };
            if before.as_ref().is_some_and(|before| before.tile == tile) {
                continue;
            }
            for (property, value) in
                [("xpos", tile.x), ("ypos", tile.y), ("width", tile.width), ("height", tile.height)]
            {
                pad.set_property(property, value);
            }
        }
    }

    fn write_names(&mut self) {
        if std::mem::replace(&mut self.named, true) {
            return;
        }
        let size = (self.info.width(), self.info.height());
        for ((place, is_open), element) in self.now.places.iter().zip(self.open).zip(&self.names) {
            if let Some(place) = place {
                let (x, y) = name_at(place.tile, size, is_open);
                element.set_property("deltax", x);
                element.set_property("deltay", y);
                element.set_property("text", shorten(&place.name, place.tile, font(size.1)));
            }
            element.set_property("silent", place.is_none());
        }
    }
}

/// The height of a letter on a screen of this height, in pixels.
pub(super) fn font(height: u32) -> u32 {
    (height / 30).clamp(11, 40)
}

/// How far a name is from the middle of the screen: at the bottom of its tile, or in the middle of one without a picture.
fn name_at(tile: Tile, (width, height): (u32, u32), has_picture: bool) -> (i32, i32) {
    let half = |side: u32| i32::try_from(side / 2).unwrap_or(0);
    let middle = (tile.x + tile.width / 2 - half(width), tile.y + tile.height / 2 - half(height));
    if !has_picture {
        return middle;
    }
    let letter = i32::try_from(font(height)).unwrap_or(0);
    (middle.0, tile.y + tile.height - letter * 3 / 2 - half(height))
}

/// As much of a name as fits on its tile.
fn shorten(name: &str, tile: Tile, font: u32) -> String {
    let most = (tile.width.max(0) as usize * 3 / 2 / font.max(1) as usize).max(3);
    if name.chars().count() <= most {
        return name.to_owned();
    }
    name.chars().take(most - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_at_the_bottom_of_its_picture_or_in_the_middle_of_its_tile() {
        let tile = Tile { x: 640, y: 360, width: 640, height: 360 };
        assert_eq!(name_at(tile, (1280, 720), false), (320, 180));
        let (x, y) = name_at(tile, (1280, 720), true);
        assert!(x == 320 && (300..345).contains(&y), "{y}");
    }

    #[test]
    fn a_long_name_is_cut_where_its_tile_ends() {
        let tile = Tile { x: 0, y: 0, width: 160, height: 90 };
        assert_eq!(shorten("anna", tile, 12), "anna");
        assert_eq!(shorten("a-very-long-name-of-a-device", tile, 12), "a-very-long-name-of…");
        assert_eq!(shorten("anna", Tile::default(), 12), "an…");
    }
}
