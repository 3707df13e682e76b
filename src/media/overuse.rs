//! Decides when the encoder gets smaller or fewer pictures because it cannot keep up, and when it gets more again. Pure.

use std::time::{Duration, Instant};

/// The drops are judged once in this time.
const SLICE: Duration = Duration::from_secs(1);
/// One step down after this many slices in a row with too many drops.
const PATIENCE: u32 = 3;
/// More than one dropped frame in this many is too much.
const TOO_MUCH: u64 = 10;
/// At most one dropped frame in this many counts as calm. Between the two limits nothing changes.
const CALM: u64 = 50;
/// How long it must be calm before the first step up, and at most after steps up that failed.
const FIRST_WAIT: Duration = Duration::from_secs(10);
const LAST_WAIT: Duration = Duration::from_secs(600);
/// A step up has failed when a step down follows within this time.
const PROBATION: Duration = Duration::from_secs(60);
/// No step goes below this size or rate.
const SMALLEST: u32 = 320 * 180;
const SLOWEST: u32 = 8;
/// The steps, each as a share of the full width, height and rate: smaller first, because a step in size saves most.
const SIZE_STEPS: &[(Share, Share)] = &[
    (Share(1, 1), Share(1, 1)),
    (Share(3, 4), Share(1, 1)),
    (Share(3, 4), Share(2, 3)),
    (Share(1, 2), Share(2, 3)),
    (Share(1, 2), Share(1, 2)),
];
/// The steps of an encoder whose driver may not survive a change of size.
const RATE_STEPS: &[(Share, Share)] =
    &[(Share(1, 1), Share(1, 1)), (Share(1, 1), Share(2, 3)), (Share(1, 1), Share(1, 2))];

#[derive(Clone, Copy, Debug)]
struct Share(u32, u32);

impl Share {
    fn of(self, full: u32) -> u32 {
        full * self.0 / self.1
    }
}

/// Size and rate of the pictures that are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) fps: u32,
}

impl Shape {
    fn step(self, (size, rate): (Share, Share)) -> Self {
        let even = |side: u32| size.of(side) & !1;
        Self { width: even(self.width), height: even(self.height), fps: rate.of(self.fps) }
    }

    fn is_usable(self) -> bool {
        self.width * self.height >= SMALLEST && self.fps >= SLOWEST
    }
}

/// Frames so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Frames that were offered to the encoder.
    pub(crate) offered: u64,
    /// Those of them that it could not take.
    pub(crate) dropped: u64,
}

/// Which way the last step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Down,
    Up,
}

/// The state of one encoder.
#[derive(Debug)]
pub(crate) struct Overuse {
    /// Full size and rate first.
    shapes: Vec<Shape>,
    level: usize,
    slice: Option<(Instant, Counts)>,
    bad_slices: u32,
    calm_since: Option<Instant>,
    wait: Duration,
    stepped_up: Option<Instant>,
}

impl Overuse {
    /// Starts at the full size and rate. `scales`: the encoder may be given another size while it runs.
    pub(crate) fn new(full: Shape, scales: bool) -> Self {
        let steps = if scales { SIZE_STEPS } else { RATE_STEPS };
        let smaller = steps.iter().skip(1).map(|step| full.step(*step)).take_while(|shape| shape.is_usable());
        Self {
            shapes: std::iter::once(full).chain(smaller).collect(),
            level: 0,
            slice: None,
            bad_slices: 0,
            calm_since: None,
            wait: FIRST_WAIT,
            stepped_up: None,
        }
    }

    /// Returns the size and rate in use.
    pub(crate) fn shape(&self) -> Shape {
        self.shapes[self.level]
    }

    /// Returns whether this is less than the full size or rate.
    pub(crate) fn is_reduced(&self) -> bool {
        self.level > 0
    }

    /// Nothing is encoded now: what was counted before says nothing about what comes later.
    pub(crate) fn pause(&mut self) {
        self.slice = None;
        self.bad_slices = 0;
        self.calm_since = None;
    }

    /// Judges the frames so far; returns the direction when size or rate change. `chance` is any byte: it spreads the
    /// steps up of several boards.
    pub(crate) fn look(&mut self, now: Instant, counts: Counts, chance: u8) -> Option<Direction> {
        let (since, before) = *self.slice.get_or_insert((now, counts));
        if now < since + SLICE {
            return None;
        }
        self.slice = Some((now, counts));
        let offered = counts.offered.saturating_sub(before.offered);
        let dropped = counts.dropped.saturating_sub(before.dropped);
        if offered == 0 {
            return None;
        }
        self.bad_slices = if dropped * TOO_MUCH > offered { self.bad_slices + 1 } else { 0 };
        if dropped * CALM > offered {
            self.calm_since = None;
        } else {
            self.calm_since.get_or_insert(since);
        }
        if self.stepped_up.is_some_and(|at| now >= at + PROBATION) {
            self.stepped_up = None;
            self.wait = FIRST_WAIT;
        }
        if self.bad_slices >= PATIENCE {
            return self.down();
        }
        // Three quarters to five quarters of the wait.
        let wait = self.wait * 3 / 4 + self.wait / 2 * u32::from(chance) / 255;
        self.calm_since.is_some_and(|calm| now >= calm + wait).then(|| self.up(now)).flatten()
    }

    fn down(&mut self) -> Option<Direction> {
        if self.stepped_up.take().is_some() {
            self.wait = (self.wait * 2).min(LAST_WAIT);
        }
        self.bad_slices = 0;
        self.calm_since = None;
        if self.level + 1 == self.shapes.len() {
            return None;
        }
        self.level += 1;
        Some(Direction::Down)
    }

    fn up(&mut self, now: Instant) -> Option<Direction> {
        self.calm_since = None;
        self.level = self.level.checked_sub(1)?;
        self.stepped_up = Some(now);
        Some(Direction::Up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HD: Shape = Shape { width: 1280, height: 720, fps: 30 };
    const EVEN: u8 = 128;

    /// An encoder that takes `able` of 30 frames a second, looked at ten times a second.
    struct Board {
        overuse: Overuse,
        now: Instant,
        counts: Counts,
    }

    impl Board {
        fn new(scales: bool) -> Self {
            Self { overuse: Overuse::new(HD, scales), now: Instant::now(), counts: Counts::default() }
        }

        /// Runs for this many seconds; returns the second and direction of each step.
        fn run(&mut self, seconds: u64, able: impl Fn(Shape) -> u64) -> Vec<(u64, Direction)> {
            let begin = self.now;
            let mut steps = Vec::new();
            for tenth in 0..seconds * 10 {
                self.now += Duration::from_millis(100);
                self.counts.offered += 3;
                // The drops of a second come at its end.
                if tenth % 10 == 9 {
                    self.counts.dropped += 30 - able(self.overuse.shape()).min(30);
                }
                if let Some(direction) = self.overuse.look(self.now, self.counts, EVEN) {
                    steps.push((self.now.duration_since(begin).as_secs(), direction));
                }
            }
            steps
        }
    }

    #[test]
    fn it_steps_down_after_three_seconds_with_more_than_a_tenth_dropped() {
        let mut board = Board::new(true);
        assert_eq!(board.run(60, |_| 27), [], "a tenth is not more than a tenth");
        let steps = board.run(5, |shape| if shape == HD { 26 } else { 30 });
        assert!(matches!(steps[..], [(3 | 4, Direction::Down)]), "{steps:?}");
        assert_eq!(board.overuse.shape(), Shape { width: 960, height: 540, fps: 30 });
        assert!(board.overuse.is_reduced());
    }

    #[test]
    fn two_bad_seconds_change_nothing() {
        let mut board = Board::new(true);
        for _ in 0..20 {
            assert_eq!(board.run(2, |_| 0), []);
            assert_eq!(board.run(1, |_| 30), []);
        }
    }

    #[test]
    fn it_steps_up_when_it_was_calm_and_waits_twice_as_long_after_each_failure() {
        let mut board = Board::new(true);
        let steps = board.run(400, |shape| if shape == HD { 20 } else { 30 });
        let ups: Vec<_> = steps.iter().filter(|(_, step)| *step == Direction::Up).map(|(at, _)| *at).collect();
        let waits: Vec<_> = ups.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(ups.len() >= 4 && ups.len() <= 6, "{steps:?}");
        assert!(waits.windows(2).all(|pair| pair[1] * 10 > pair[0] * 15), "{waits:?}");
        assert!(board.run(3600, |_| 30).iter().all(|(_, step)| *step == Direction::Up));
        assert_eq!(board.overuse.shape(), HD);
        let steps = board.run(30, |shape| if shape == HD { 20 } else { 30 });
        assert!(matches!(steps[..], [(3 | 4, Direction::Down), (13..=16, Direction::Up), ..]), "forgiven: {steps:?}");
    }

    #[test]
    fn a_few_drops_keep_it_where_it_is() {
        let mut board = Board::new(true);
        board.run(4, |_| 20);
        let reduced = board.overuse.shape();
        assert_ne!(reduced, HD);
        assert_eq!(board.run(300, |_| 28), [], "1 in 15: neither calm nor too much");
        assert_eq!(board.overuse.shape(), reduced);
    }

    #[test]
    fn it_ends_at_a_size_and_rate_that_can_still_be_seen() {
        let mut board = Board::new(true);
        board.run(60, |_| 0);
        assert_eq!(board.overuse.shape(), Shape { width: 640, height: 360, fps: 15 });
        let small = Overuse::new(Shape { width: 320, height: 180, fps: 10 }, true);
        assert_eq!(small.shapes.len(), 1);
    }

    #[test]
    fn a_driver_is_only_given_fewer_frames() {
        let mut board = Board::new(false);
        board.run(60, |_| 0);
        assert_eq!(board.overuse.shape(), Shape { width: 1280, height: 720, fps: 15 });
    }

    #[test]
    fn a_pause_is_no_calm_and_no_overuse() {
        let mut board = Board::new(true);
        board.run(2, |_| 0);
        board.overuse.pause();
        assert_eq!(board.run(2, |_| 0), []);
        board.overuse.pause();
        board.now += Duration::from_secs(3600);
        assert_eq!(board.run(2, |_| 30), []);
    }
}
