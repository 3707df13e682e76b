//! Where each of several peers is shown on a screen. Pure.

/// A part of the screen, in pixels; every number is even, because colour has half the resolution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tile {
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) width: i32,
    pub(crate) height: i32,
}

/// Returns a tile for each of `count` peers, row by row. Two share the screen along its longer side, up to four have a half of
/// each side, more have thirds of the longer side. A row that is not full is centred.
pub(crate) fn tiles(count: usize, (width, height): (u32, u32)) -> Vec<Tile> {
    let (along, across) = match count {
        0 | 1 => (1, 1),
        2 => (2, 1),
        3 | 4 => (2, 2),
        5 | 6 => (3, 2),
        _ => (3, count.div_ceil(3)),
    };
    let (columns, rows) = if width >= height { (along, across) } else { (across, along) };
    let even = |pixels: usize| i32::try_from(pixels & !1).unwrap_or(0);
    let (tile_width, tile_height) = (width as usize / columns, height as usize / rows);
    let place = |place: usize| {
        let (row, column) = (place / columns, place % columns);
        let in_row = (count - row * columns).min(columns);
        let left = (width as usize - in_row * tile_width) / 2;
        // A full row begins at the edge: what the division leaves over is at its end.
        let left = if in_row == columns { 0 } else { left };
        let (x, y) = (even(left + column * tile_width), even(row * tile_height));
        Tile { x, y, width: even(tile_width), height: even(tile_height) }
    };
    (0..count).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Rectangle = (i32, i32, i32, i32);

    #[test]
    fn each_number_of_peers_has_its_tiles() {
        let table: &[((u32, u32), usize, &[Rectangle])] = &[
            ((1280, 720), 0, &[]),
            ((1280, 720), 1, &[(0, 0, 1280, 720)]),
            ((1280, 720), 2, &[(0, 0, 640, 720), (640, 0, 640, 720)]),
            ((1280, 720), 3, &[(0, 0, 640, 360), (640, 0, 640, 360), (320, 360, 640, 360)]),
            ((1280, 720), 4, &[(0, 0, 640, 360), (640, 0, 640, 360), (0, 360, 640, 360), (640, 360, 640, 360)]),
            (
                (1280, 720),
                5,
                &[(0, 0, 426, 360), (426, 0, 426, 360), (852, 0, 426, 360), (214, 360, 426, 360), (640, 360, 426, 360)],
            ),
            ((1024, 600), 2, &[(0, 0, 512, 600), (512, 0, 512, 600)]),
            ((480, 800), 1, &[(0, 0, 480, 800)]),
            ((480, 800), 2, &[(0, 0, 480, 400), (0, 400, 480, 400)]),
            ((480, 800), 3, &[(0, 0, 240, 400), (240, 0, 240, 400), (120, 400, 240, 400)]),
            (
                (480, 800),
                6,
                &[
                    (0, 0, 240, 266),
                    (240, 0, 240, 266),
                    (0, 266, 240, 266),
                    (240, 266, 240, 266),
                    (0, 532, 240, 266),
                    (240, 532, 240, 266),
                ],
            ),
            ((480, 480), 2, &[(0, 0, 240, 480), (240, 0, 240, 480)]),
        ];
        for (screen, count, expected) in table {
            let tiles: Vec<Rectangle> =
                tiles(*count, *screen).iter().map(|tile| (tile.x, tile.y, tile.width, tile.height)).collect();
            assert_eq!(tiles, *expected, "{count} on {screen:?}");
        }
    }

    #[test]
    fn tiles_stay_on_the_screen_are_even_and_do_not_overlap() {
        for screen in [(1280, 720), (1920, 1080), (800, 480), (480, 800), (1366, 768), (721, 1281), (64, 36)] {
            for count in 1..=9 {
                let tiles = tiles(count, screen);
                for (at, a) in tiles.iter().enumerate() {
                    assert!([a.x, a.y, a.width, a.height].iter().all(|side| side % 2 == 0), "{screen:?} {a:?}");
                    assert!(a.x >= 0 && a.x + a.width <= screen.0 as i32, "{screen:?} {count} {a:?}");
                    assert!(a.y >= 0 && a.y + a.height <= screen.1 as i32, "{screen:?} {count} {a:?}");
                    assert!(a.width > 0 && a.height > 0);
                    for b in &tiles[at + 1..] {
                        let apart = a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y;
                        assert!(apart || b.y + b.height <= a.y, "{screen:?} {count}: {a:?} {b:?}");
                    }
                }
            }
        }
    }
}
