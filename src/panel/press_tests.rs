//! Hands, children, rain and age at a key.

use proptest::prelude::*;

use super::*;

/// A key and what came of it, with the milliseconds it came at.
struct Bench {
    key: Key,
    start: Instant,
    told: Vec<(u64, Outcome)>,
}

const PRESS: Outcome = Outcome::Did(Gesture::Press);
const LONG: Outcome = Outcome::Did(Gesture::Long);
const DOUBLE: Outcome = Outcome::Did(Gesture::Double);

impl Bench {
    fn new(has_long: bool, has_double: bool) -> Self {
        let start = Instant::now();
        Self { key: Key::new(Timing::default(), has_long, has_double, false, start), start, told: Vec::new() }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    /// Lets every timer fire in its own time until then.
    fn pass(&mut self, until: u64) {
        while let Some(due) = self.key.deadline().filter(|due| *due <= self.at(until)) {
            self.key.tick(due);
            self.drain(due);
        }
    }

    fn edge(&mut self, ms: u64, is_down: bool) {
        self.pass(ms);
        self.key.edge(self.at(ms), is_down);
        self.drain(self.at(ms));
    }

    /// A press from `down` to `up`.
    fn tap(&mut self, down: u64, up: u64) {
        self.edge(down, true);
        self.edge(up, false);
    }

    fn drain(&mut self, at: Instant) {
        // A timer that was due while an opening was in doubt fires late.
        let ms = u64::try_from(at.max(self.key.now).duration_since(self.start).as_millis()).unwrap();
        while let Some(outcome) = self.key.poll() {
            self.told.push((ms, outcome));
        }
    }

    /// Everything that came of it, once time has passed.
    fn told(mut self) -> Vec<(u64, Outcome)> {
        self.pass(600_000);
        self.told
    }
}

#[test]
fn a_key_with_one_meaning_acts_when_it_is_pressed() {
    let mut bench = Bench::new(false, false);
    bench.tap(100, 180);
    bench.tap(500, 2_500);
    assert_eq!(bench.told(), [(100, PRESS), (500, PRESS)]);
}

#[test]
fn a_long_press_acts_while_it_is_held_and_a_short_one_on_release() {
    let mut bench = Bench::new(true, false);
    bench.tap(0, 2_000);
    bench.tap(3_000, 3_200);
    assert_eq!(bench.told(), [(800, LONG), (3_230, PRESS)]);
}

#[test]
fn a_release_just_before_it_is_long_is_short() {
    let mut bench = Bench::new(true, false);
    bench.tap(0, 795);
    assert_eq!(bench.told(), [(825, PRESS)]);
}

#[test]
fn a_double_press_acts_with_its_second_press_and_a_single_one_after_the_pause() {
    let mut bench = Bench::new(false, true);
    bench.tap(0, 100);
    bench.tap(300, 400);
    bench.tap(2_000, 2_100);
    assert_eq!(bench.told(), [(300, DOUBLE), (2_450, PRESS)]);
}

#[test]
fn two_presses_too_far_apart_are_two() {
    let mut bench = Bench::new(false, true);
    bench.tap(0, 100);
    bench.tap(451, 500);
    assert_eq!(bench.told(), [(450, PRESS), (850, PRESS)]);
}

#[test]
fn three_presses_are_a_double_and_a_single_one() {
    let mut bench = Bench::new(false, true);
    [(0, 100), (200, 300), (400, 500)].into_iter().for_each(|(down, up)| bench.tap(down, up));
    assert_eq!(bench.told(), [(200, DOUBLE), (850, PRESS)]);
}

#[test]
fn a_key_may_have_all_three_meanings() {
    let mut bench = Bench::new(true, true);
    bench.tap(0, 100);
    bench.tap(2_000, 3_000);
    bench.tap(4_000, 4_100);
    bench.tap(4_300, 6_000);
    assert_eq!(bench.told(), [(450, PRESS), (2_800, LONG), (4_300, DOUBLE)]);
}

#[test]
fn a_contact_that_bounces_is_pressed_once() {
    let mut bench = Bench::new(false, false);
    for edge in 0..9 {
        bench.edge(edge * 3, edge % 2 == 0);
    }
    for edge in 0..9 {
        bench.edge(200 + edge * 3, edge % 2 == 1);
    }
    assert_eq!(bench.told(), [(0, PRESS)]);
}

#[test]
fn a_worn_contact_that_opens_for_a_moment_is_still_held() {
    let mut bench = Bench::new(true, false);
    bench.tap(0, 500);
    bench.tap(520, 2_000);
    assert_eq!(bench.told(), [(800, LONG)]);
}

#[test]
fn a_contact_open_at_the_moment_of_the_long_press_is_waited_for() {
    let mut bench = Bench::new(true, false);
    bench.edge(0, true);
    bench.edge(790, false);
    bench.edge(810, true);
    bench.edge(2_000, false);
    assert_eq!(bench.told(), [(810, LONG)]);
}

#[test]
fn a_key_that_is_stuck_says_so_once_and_is_deaf_until_it_is_released() {
    let mut bench = Bench::new(false, false);
    bench.edge(0, true);
    bench.edge(100_000, false);
    bench.tap(101_000, 101_100);
    assert_eq!(bench.told(), [(0, PRESS), (30_000, Outcome::Stuck), (100_030, Outcome::Well), (101_000, PRESS)]);
}

#[test]
fn a_key_that_is_down_from_the_beginning_means_nothing() {
    let start = Instant::now();
    let mut bench = Bench { key: Key::new(Timing::default(), true, true, true, start), start, told: Vec::new() };
    bench.edge(5_000, false);
    bench.tap(6_000, 6_100);
    assert_eq!(bench.told(), [(6_450, PRESS)]);
}

#[test]
fn a_contact_that_went_mad_rings_a_few_times_and_then_nobody_until_it_is_quiet() {
    let mut bench = Bench::new(false, false);
    for press in 0..600 {
        bench.tap(press * 100, press * 100 + 50);
    }
    bench.tap(70_000, 70_100);
    let told = bench.told();
    assert!(told[..CHATTER - 1].iter().all(|(_, outcome)| *outcome == PRESS), "{told:?}");
    assert_eq!(told[CHATTER - 1].1, Outcome::Chatters);
    assert_eq!(told[CHATTER..], [(62_950, Outcome::Well), (70_000, PRESS)]);
}

#[test]
fn a_fast_hand_is_no_broken_contact() {
    let mut bench = Bench::new(false, false);
    for press in 0..60 {
        bench.tap(press * 160, press * 160 + 80);
    }
    assert!(bench.told().iter().all(|(_, outcome)| *outcome == PRESS));
}

#[test]
fn a_contact_that_ends_its_madness_closed_is_stuck_and_no_press() {
    let mut bench = Bench::new(false, false);
    for press in 0..20 {
        bench.tap(press * 100, press * 100 + 50);
    }
    bench.edge(2_000, true);
    let told = bench.told();
    assert_eq!(told[CHATTER..], [(5_000, Outcome::Well), (35_000, Outcome::Stuck)], "{told:?}");
}

#[test]
fn two_keys_at_once_know_nothing_of_each_other() {
    let (mut bell, mut door) = (Bench::new(true, false), Bench::new(false, true));
    bell.edge(0, true);
    door.tap(100, 200);
    door.tap(300, 400);
    bell.edge(1_000, false);
    assert_eq!((bell.told(), door.told()), (vec![(800, LONG)], vec![(300, DOUBLE)]));
}

#[test]
fn what_is_told_late_counts_for_when_it_happened() {
    // The task was held up: edges of a short press arrive after the time of a long one.
    let mut bench = Bench::new(true, false);
    bench.key.edge(bench.at(0), true);
    bench.key.edge(bench.at(100), false);
    bench.key.tick(bench.at(5_000));
    bench.drain(bench.at(5_000));
    assert_eq!(bench.told(), [(5_000, PRESS)]);
}

proptest! {
    #[test]
    fn whatever_a_contact_does_presses_are_never_more_than_closings_and_it_comes_to_rest(
        edges in proptest::collection::vec((0_u64..3_000, any::<bool>()), 0..200),
        has_long: bool,
        has_double: bool,
    ) {
        let mut bench = Bench::new(has_long, has_double);
        let mut at = 0;
        let mut closings = 0;
        for (pause, is_down) in edges {
            at += pause;
            closings += usize::from(is_down);
            bench.edge(at, is_down);
        }
        bench.edge(at + 1, false);
        bench.pass(at + 3_600_000);
        prop_assert!(!bench.key.is_ill());
        prop_assert_eq!(bench.key.deadline(), None);
        let gestures = bench.told.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Did(_))).count();
        prop_assert!(gestures <= closings);
        let ill = bench.told.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Stuck | Outcome::Chatters)).count();
        let well = bench.told.iter().filter(|(_, outcome)| *outcome == Outcome::Well).count();
        prop_assert_eq!(ill, well);
    }
}
