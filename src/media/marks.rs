//! What is drawn on the tile of a peer, straight into the composed I420 frame: a frame for who speaks, signs for a microphone
//! that is off and a picture that does not move, and a calm background in place of a picture.

use gstreamer as gst;
use gstreamer_video::{VideoFrameRef, prelude::*};

use super::layout::Tile;

/// What a tile shows of its peer, beside name and picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// The peer speaks.
    pub(crate) speaks: bool,
    /// The peer says that its microphone is off.
    pub(crate) muted: bool,
    /// Its picture does not move.
    pub(crate) frozen: bool,
}

/// Luma and both parts of the colour (ITU-R BT.601).
type Colour = [u8; 3];
pub(crate) const CALM: Colour = [48, 136, 122];
pub(crate) const GREEN: Colour = [150, 64, 52];
const SHADE: Colour = [24, 128, 128];
pub(crate) const RED: Colour = [90, 100, 210];
pub(crate) const ICE: Colour = [190, 160, 90];

/// A microphone that is struck out.
const MUTED: &[&str] = &[
    "#...##...",
    ".#.####..",
    "..#.###..",
    "...#.##..",
    ".#.##.#..",
    ".#.###.#.",
    "..#....#.",
    "...###..#",
    "....#....",
    "..#####..",
];
/// A snowflake.
const FROZEN: &[&str] = &[
    "....#....",
    "..#.#.#..",
    ".#.###.#.",
    "..##.##..",
    "####.####",
    "..##.##..",
    ".#.###.#.",
    "..#.#.#..",
    "....#....",
];

type Frame<'a> = VideoFrameRef<&'a mut gst::BufferRef>;

/// Draws the marks of a tile. `is_covered`: no picture of the peer is in it.
pub(crate) fn paint(frame: &mut Frame<'_>, tile: Tile, is_covered: bool, marks: Marks) {
    if is_covered {
        fill(frame, tile, CALM);
    }
    let unit = unit(tile);
    if marks.speaks {
        outline(frame, tile, 2 * unit, GREEN);
    }
    if marks.muted {
        let width = width_of(MUTED, unit);
        sign(frame, MUTED, (tile.x + tile.width - width - 3 * unit, tile.y + 3 * unit), unit, RED);
    }
    if marks.frozen {
        sign(frame, FROZEN, (tile.x + 3 * unit, tile.y + 3 * unit), unit, ICE);
    }
}

/// The side of a point of a sign: even, and more on a larger tile.
pub(crate) fn unit(tile: Tile) -> i32 {
    (tile.width.min(tile.height) / 90).clamp(2, 8) & !1
}

fn width_of(points: &[&str], unit: i32) -> i32 {
    (points.first().map_or(0, |row| row.len() as i32) + 2) * unit
}

/// A sign on a dark ground, one point wider than itself on each side.
fn sign(frame: &mut Frame<'_>, points: &[&str], (x, y): (i32, i32), unit: i32, colour: Colour) {
    let height = (points.len() as i32 + 2) * unit;
    fill(frame, Tile { x, y, width: width_of(points, unit), height }, SHADE);
    for (row, line) in (1..).zip(points) {
        for (column, _) in (1..).zip(line.bytes()).filter(|(_, point)| *point == b'#') {
            let (x, y) = (x + column * unit, y + row * unit);
            fill(frame, Tile { x, y, width: unit, height: unit }, colour);
        }
    }
}

fn outline(frame: &mut Frame<'_>, tile: Tile, thick: i32, colour: Colour) {
    let Tile { x, y, width, height } = tile;
    fill(frame, Tile { height: thick, ..tile }, colour);
    fill(frame, Tile { y: y + height - thick, height: thick, ..tile }, colour);
    fill(frame, Tile { width: thick, ..tile }, colour);
    fill(frame, Tile { x: x + width - thick, width: thick, ..tile }, colour);
}

/// Fills a part of the frame; what is outside of the frame is left out.
fn fill(frame: &mut Frame<'_>, part: Tile, colour: Colour) {
    for (plane, value) in (0u32..).zip(colour) {
        let scale = if plane == 0 { 1 } else { 2 };
        let stride = frame.plane_stride()[plane as usize] as usize;
        let (right, bottom) = (frame.width() as usize / scale, frame.height() as usize / scale);
        let at = |pixels: i32| usize::try_from(pixels).unwrap_or(0) / scale;
        let columns = at(part.x).min(right)..at(part.x + part.width).min(right);
        let rows = at(part.y).min(bottom)..at(part.y + part.height).min(bottom);
        let Ok(data) = frame.plane_data_mut(plane) else { return };
        for row in rows {
            if let Some(pixels) = data.get_mut(row * stride + columns.start..row * stride + columns.end) {
                pixels.fill(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use gstreamer_video::{VideoFormat, VideoInfo};

    use super::*;

    /// The luma of a picture of one tile with these marks.
    fn painted(tile: Tile, is_covered: bool, marks: Marks) -> Vec<u8> {
        gst::init().unwrap();
        let info = VideoInfo::builder(VideoFormat::I420, 320, 180).build().unwrap();
        let mut buffer = gst::Buffer::from_mut_slice(vec![0u8; info.size()]);
        {
            let buffer = buffer.get_mut().unwrap();
            let mut frame = VideoFrameRef::from_buffer_ref_writable(buffer, &info).unwrap();
            paint(&mut frame, tile, is_covered, marks);
        }
        let bytes = buffer.map_readable().unwrap();
        bytes[..320 * 180].to_vec()
    }

    const TILE: Tile = Tile { x: 160, y: 0, width: 160, height: 180 };

    fn has(picture: &[u8], colour: Colour) -> bool {
        picture.contains(&colour[0])
    }

    #[test]
    fn marks_are_drawn_on_their_tile_only() {
        let all = Marks { speaks: true, muted: true, frozen: true };
        let picture = painted(TILE, true, all);
        for colour in [CALM, GREEN, RED, ICE] {
            assert!(has(&picture, colour), "{colour:?}");
        }
        assert!(picture.chunks(320).all(|row| row[..160].iter().all(|pixel| *pixel == 0)), "the other half");
        assert_eq!(picture[90 * 320 + 240], CALM[0], "nothing in the middle");
    }

    #[test]
    fn a_tile_without_marks_stays_as_it_is() {
        assert!(painted(TILE, false, Marks::default()).iter().all(|pixel| *pixel == 0));
        let muted = painted(TILE, false, Marks { muted: true, ..Marks::default() });
        assert!(has(&muted, RED) && !has(&muted, GREEN) && !has(&muted, CALM));
    }

    #[test]
    fn what_is_beyond_the_screen_is_left_out() {
        painted(
            Tile { x: 300, y: 170, width: 400, height: 400 },
            true,
            Marks { speaks: true, muted: true, frozen: true },
        );
    }
}
