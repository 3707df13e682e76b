//! Decides which of our pictures goes out on a link, from what its path carries. Pure.
//!
//! There are two pictures, each encoded once for all links. Among several links, one whose path carries less than a picture
//! needs gets the smaller one, and below that no picture at all, so that it costs the others nothing. A link that is alone
//! keeps the picture it was given: its encoder follows it.

use std::time::{Duration, Instant};

use callbox_core::station::PictureSize;
use serde::Serialize;

use super::settings::Bitrate;

/// A path must be too narrow for this long before its link falls.
const PATIENCE: Duration = Duration::from_secs(1);
/// The same for a link that rose shortly before: the estimate first has to follow what is sent now.
const TRIAL_PATIENCE: Duration = Duration::from_secs(4);
/// How long a path must look wide enough before its link rises, at first and at most after trials that failed.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LAST_WAIT: Duration = Duration::from_secs(120);
/// A rise has succeeded when the path still carries the picture after this time.
const PROBATION: Duration = Duration::from_secs(10);

/// What goes out on a link, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// No picture: the path carries none. It begins again with a key frame.
    Held,
    /// Half of each side, at most 15 frames a second.
    Small,
    /// The configured picture.
    Full,
}

impl Tier {
    /// The picture that was asked for.
    pub(crate) fn asked(size: PictureSize) -> Self {
        match size {
            PictureSize::Full => Self::Full,
            PictureSize::Small => Self::Small,
        }
    }

    /// The picture that goes out, if any.
    pub(crate) fn picture(self) -> Option<PictureSize> {
        match self {
            Self::Held => None,
            Self::Small => Some(PictureSize::Small),
            Self::Full => Some(PictureSize::Full),
        }
    }

    fn lower(self) -> Self {
        if self == Self::Full { Self::Small } else { Self::Held }
    }

    fn higher(self) -> Self {
        if self == Self::Held { Self::Small } else { Self::Full }
    }
}

/// The bit rates of a picture, in bits a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rates {
    /// With less it is not worth sending to one of several links.
    need: u32,
    /// Never less, where there is no other link to look after.
    least: u32,
    /// Where it starts.
    pub(crate) start: u32,
    most: u32,
}

impl Rates {
    /// The small picture has a quarter of the pixels and gets a quarter of the bits. The congestion controller never says
    /// less than `bounds.min`: a path that is down there may carry next to nothing.
    pub(crate) fn of(size: PictureSize, bounds: Bitrate) -> Self {
        let share = if size == PictureSize::Full { 1 } else { 4 };
        let most = (bounds.max / share).max(1);
        let start = (bounds.start / share).clamp(1, most);
        let bottom = bounds.min.saturating_add(bounds.min / 10);
        let need = (start / 2).max(bottom).min(most);
        Self { need, least: bounds.min.min(need), start, most }
    }

    /// The rate for links with these estimates: the slowest of them rules, but not below what the picture needs.
    pub(crate) fn rule(&self, estimates: impl Iterator<Item = u32>, is_alone: bool) -> Option<u32> {
        let least = if is_alone { self.least } else { self.need };
        estimates.min().map(|slowest| slowest.clamp(least, self.most))
    }
}

/// What is known of a link's path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    /// What it carries, in bits a second.
    pub(crate) estimate: u32,
    /// The bit rate of the picture that goes out on it now. No estimate can grow far beyond it.
    pub(crate) sent: u32,
}

/// The state of one link.
#[derive(Debug)]
pub(crate) struct Congestion {
    asked: PictureSize,
    tier: Tier,
    narrow_since: Option<Instant>,
    wide_since: Option<Instant>,
    wait: Duration,
    /// When it rose, and what its path carried then.
    trial: Option<(Instant, u32)>,
}

impl Default for Congestion {
    fn default() -> Self {
        Self {
            asked: PictureSize::Full,
            tier: Tier::Full,
            narrow_since: None,
            wide_since: None,
            wait: FIRST_WAIT,
            trial: None,
        }
    }
}

impl Congestion {
    /// Returns what goes out on the link.
    pub(crate) fn tier(&self) -> Tier {
        self.tier
    }

    /// Another picture is asked for. A path that carries none does not carry the other one either.
    pub(crate) fn ask(&mut self, size: PictureSize) {
        if size == self.asked {
            return;
        }
        let tier = if self.tier == Tier::Held { Tier::Held } else { Tier::asked(size) };
        *self = Self { asked: size, tier, ..Self::default() };
    }

    /// The link is alone: it gets what was asked for.
    pub(crate) fn is_alone(&mut self) {
        *self = Self { asked: self.asked, tier: Tier::asked(self.asked), ..Self::default() };
    }

    /// Judges the path of one of several links. `rates` are those of a picture.
    pub(crate) fn look(&mut self, now: Instant, path: Path, rates: impl Fn(PictureSize) -> Rates) {
        let need = self.tier.picture().map_or(0, |size| rates(size).need);
        if let Some((at, _)) = self.trial.filter(|(at, _)| now >= *at + PROBATION) {
            if path.estimate < need {
                return self.fall();
            }
            tracing::trace!(?at, "a rise succeeded");
            self.trial = None;
            self.wait = FIRST_WAIT;
        }
        let grows = self.trial.is_some_and(|(_, before)| path.estimate > before);
        let patience = if self.trial.is_some() { TRIAL_PATIENCE } else { PATIENCE };
        if path.estimate >= need || grows {
            self.narrow_since = None;
        } else if now >= *self.narrow_since.get_or_insert(now) + patience {
            return self.fall();
        }
        if self.tier >= Tier::asked(self.asked) || !self.looks_wide(path, &rates) {
            self.wide_since = None;
        } else if now >= *self.wide_since.get_or_insert(now) + self.wait {
            self.tier = self.tier.higher();
            self.wide_since = None;
            self.trial = Some((now, path.estimate));
        }
    }

    /// Nothing is known of a path on which no picture goes: it is tried. Otherwise the path carries the next picture, or as
    /// much more than the present one as an estimate can show.
    fn looks_wide(&self, path: Path, rates: impl Fn(PictureSize) -> Rates) -> bool {
        let enough = rates(PictureSize::Full).need.min(path.sent);
        self.tier == Tier::Held || path.estimate >= enough + enough / 4
    }

    fn fall(&mut self) {
        if self.trial.take().is_some() {
            self.wait = (self.wait * 2).min(LAST_WAIT);
        }
        self.tier = self.tier.lower();
        (self.narrow_since, self.wide_since) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bitrate = Bitrate { min: 100_000, start: 800_000, max: 2_000_000 };

    fn rates(size: PictureSize) -> Rates {
        Rates::of(size, BOUNDS)
    }

    /// A link and its path. The estimate follows what the path carries, but not beyond one and a half of what is sent.
    struct Sim {
        link: Congestion,
        now: Instant,
        estimate: u32,
    }

    impl Sim {
        fn new() -> Self {
            Self { link: Congestion::default(), now: Instant::now(), estimate: BOUNDS.start }
        }

        /// Runs for this many seconds over a path that carries `carries`; returns the second of each change and its tier.
        fn run(&mut self, seconds: u64, carries: u32) -> Vec<(u64, Tier)> {
            let (begin, mut changes) = (self.now, Vec::new());
            for _ in 0..seconds * 10 {
                self.now += Duration::from_millis(100);
                let sent = self.link.tier().picture().map_or(0, |size| rates(size).start);
                if sent > carries {
                    self.estimate = carries.max(BOUNDS.min);
                } else if sent > 0 {
                    self.estimate = (self.estimate + self.estimate / 100)
                        .min(carries)
                        .min(sent * 3 / 2)
                        .max(self.estimate.min(carries));
                }
                let before = self.link.tier();
                self.link.look(self.now, Path { estimate: self.estimate, sent }, rates);
                if self.link.tier() != before {
                    changes.push((self.now.duration_since(begin).as_secs(), self.link.tier()));
                }
            }
            changes
        }
    }

    #[test]
    fn a_wide_path_keeps_the_full_picture() {
        assert_eq!(Sim::new().run(600, 5_000_000), []);
    }

    #[test]
    fn a_narrow_path_gets_the_small_picture_and_after_trials_no_more_often_than_every_two_minutes() {
        let mut sim = Sim::new();
        let changes = sim.run(1200, 250_000);
        assert!(matches!(changes[0], (1, Tier::Small)), "{changes:?}");
        assert!(changes.iter().all(|(_, tier)| *tier != Tier::Held), "{changes:?}");
        let trials: Vec<u64> = changes.iter().filter(|(_, tier)| *tier == Tier::Full).map(|(at, _)| *at).collect();
        let (first, last) = (trials[1] - trials[0], trials[trials.len() - 1] - trials[trials.len() - 2]);
        assert!((5..25).contains(&first) && (120..140).contains(&last), "{trials:?}");
    }

    #[test]
    fn a_path_that_carries_no_picture_gets_none_but_short_trials() {
        let mut sim = Sim::new();
        let changes = sim.run(600, 60_000);
        assert_eq!(changes[..2], [(1, Tier::Small), (2, Tier::Held)]);
        let held =
            changes.windows(2).filter(|pair| pair[0].1 == Tier::Held).map(|pair| pair[1].0 - pair[0].0).sum::<u64>();
        assert!(held > 480, "{held} of 600 s: {changes:?}");
        assert!(changes.iter().skip(1).all(|(_, tier)| *tier != Tier::Full), "{changes:?}");
    }

    #[test]
    fn a_path_that_is_wide_again_gets_the_full_picture_again() {
        let mut sim = Sim::new();
        sim.run(30, 60_000);
        assert_eq!(sim.link.tier(), Tier::Held);
        sim.run(180, 5_000_000);
        assert_eq!(sim.link.tier(), Tier::Full);
        assert_eq!(sim.run(600, 5_000_000), [], "and keeps it");
    }

    #[test]
    fn a_moment_of_congestion_changes_nothing() {
        let mut link = Congestion::default();
        let now = Instant::now();
        for ms in (0..900).step_by(100) {
            link.look(now + Duration::from_millis(ms), Path { estimate: 150_000, sent: 800_000 }, rates);
        }
        link.look(now + Duration::from_millis(950), Path { estimate: 500_000, sent: 800_000 }, rates);
        link.look(now + Duration::from_millis(1900), Path { estimate: 150_000, sent: 800_000 }, rates);
        assert_eq!(link.tier(), Tier::Full);
    }

    #[test]
    fn a_link_gets_no_more_than_was_asked_for_and_all_of_it_when_it_is_alone() {
        let mut sim = Sim::new();
        sim.link.ask(PictureSize::Small);
        assert_eq!(sim.link.tier(), Tier::Small);
        assert_eq!(sim.run(120, 5_000_000), []);
        sim.run(4, 60_000);
        assert_eq!(sim.link.tier(), Tier::Held);
        sim.link.ask(PictureSize::Full);
        assert_eq!(sim.link.tier(), Tier::Held);
        sim.link.is_alone();
        assert_eq!(sim.link.tier(), Tier::Full);
    }

    #[test]
    fn the_slowest_link_rules_within_the_bounds_of_its_picture() {
        let (full, small) = (rates(PictureSize::Full), rates(PictureSize::Small));
        let rule = |rates: Rates, estimates: &[u32], alone| rates.rule(estimates.iter().copied(), alone);
        assert_eq!(rule(full, &[], false), None);
        assert_eq!(rule(full, &[900_000, 700_000], false), Some(700_000));
        assert_eq!(rule(full, &[900_000, 120_000], false), Some(400_000), "what it needs");
        assert_eq!(rule(full, &[120_000], true), Some(120_000), "alone: as the path can");
        assert_eq!(rule(full, &[50_000], true), Some(100_000));
        assert_eq!(rule(full, &[9_000_000], true), Some(2_000_000));
        assert_eq!(rule(small, &[9_000_000], false), Some(500_000));
        assert_eq!(rule(small, &[100_000], false), Some(110_000), "more than the controller's bottom");
        let odd = Rates::of(PictureSize::Small, Bitrate { min: 900_000, start: 800_000, max: 1_000_000 });
        assert_eq!(rule(odd, &[1], false), Some(250_000), "bounds that leave no room");
    }
}
