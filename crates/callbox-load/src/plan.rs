//! What will happen: when calls arrive, how each of them goes, and who takes part. All of it drawn from one seed.

use std::time::{Duration, Instant};

use fastrand::Rng;

/// How a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// Every callee picks up after the ring time; one wins, they talk, one of the two hangs up.
    Accept,
    /// The callee declines after the ring time.
    Reject,
    /// Nobody does anything.
    NoAnswer,
    /// The caller gives up after the ring time.
    Cancel,
    /// Every callee picks up after the ring time and is in; one of all leaves, later the others do at the same moment.
    Group,
}

/// How long after a change the members of a group call have to agree who is in.
pub const AGREE_WITHIN: Duration = Duration::from_secs(5);

/// The sizes of group calls, the caller included.
pub const GROUP_SIZES: std::ops::RangeInclusive<usize> = 3..=6;

/// One call that is to happen. Stations are named by their number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Who rings.
    pub caller: usize,
    /// Who is rung; several when a ring group is called.
    pub callees: Vec<usize>,
    /// How it goes.
    pub course: Course,
    /// How long it rings until somebody presses a button.
    pub ring: Duration,
    /// How long they talk once they hear each other.
    pub talk: Duration,
    /// Who ends the talk; in a group call, whether the one that leaves first is the caller or the first callee.
    pub caller_hangs_up: bool,
    /// When the button is to be pressed.
    pub due: Instant,
}

impl Plan {
    /// Everybody who takes part, the caller first.
    pub fn parties(&self) -> impl Iterator<Item = usize> {
        std::iter::once(self.caller).chain(self.callees.iter().copied())
    }

    /// Whether this station, which talks, ends the talk of two. Which of several callees answers is not known before.
    pub fn hangs_up(&self, who: usize) -> bool {
        self.caller_hangs_up == (self.caller == who)
    }

    /// The station that leaves a group call first.
    pub fn leaver(&self) -> usize {
        self.callees.first().copied().filter(|_| !self.caller_hangs_up).unwrap_or(self.caller)
    }

    /// How long a party of a group call stays in: the first to leave, and the others, who go once they have agreed on that.
    pub fn stays(&self, who: usize) -> Duration {
        let until_agreed = AGREE_WITHIN + self.talk;
        // The others may have come in earlier than the leaver, by as long as a lost message takes to be repeated.
        if who == self.leaver() { until_agreed } else { until_agreed * 2 + Duration::from_secs(1) }
    }
}

/// The shares of the courses; they need not add up to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mix {
    /// Share of [`Course::Accept`].
    pub accept: f64,
    /// Share of [`Course::Reject`].
    pub reject: f64,
    /// Share of [`Course::NoAnswer`].
    pub no_answer: f64,
    /// Share of [`Course::Cancel`].
    pub cancel: f64,
    /// Share of [`Course::Group`].
    pub group: f64,
    /// Share of the accepted calls that ring two stations, which pick up in the same moment.
    pub ring_group: f64,
}

/// What is to be done to the server.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Calls a second, on average.
    pub rate: f64,
    /// For how long calls arrive.
    pub seconds: u32,
    /// Mean ring time; each call's is 50 % to 150 % of it.
    pub ring: Duration,
    /// Mean talk time, likewise.
    pub talk: Duration,
    /// How calls go.
    pub mix: Mix,
    /// Everything drawn by chance follows from it.
    pub seed: u64,
}

/// Draws calls.
#[derive(Clone, Debug)]
pub struct Dice {
    scenario: Scenario,
    rng: Rng,
}

impl Dice {
    /// Dice that fall the same way for the same seed.
    pub fn new(scenario: Scenario) -> Self {
        let rng = Rng::with_seed(scenario.seed);
        Self { scenario, rng }
    }

    /// The time from one arrival to the next: exponentially spread, so that arrivals are a Poisson process.
    pub fn gap(&mut self) -> Duration {
        Duration::from_secs_f64(-(1.0 - self.rng.f64()).ln() / self.scenario.rate)
    }

    /// How the next call goes.
    pub fn course(&mut self) -> Course {
        let Mix { accept, reject, no_answer, cancel, group, .. } = self.scenario.mix;
        let mut at = self.rng.f64() * (accept + reject + no_answer + cancel + group);
        let (reject, no_answer) = ((reject, Course::Reject), (no_answer, Course::NoAnswer));
        for (share, course) in [(accept, Course::Accept), reject, no_answer, (group, Course::Group)] {
            if at < share {
                return course;
            }
            at -= share;
        }
        if cancel > 0.0 { Course::Cancel } else { Course::Accept }
    }

    /// How many stations a call of this course takes, the caller included.
    pub fn parties(&mut self, course: Course) -> usize {
        match course {
            Course::Accept if self.rng.f64() < self.scenario.mix.ring_group => 3,
            Course::Group => self.rng.usize(GROUP_SIZES),
            _ => 2,
        }
    }

    /// The next call, between these stations: the first rings the others.
    pub fn plan(&mut self, due: Instant, course: Course, caller: usize, callees: Vec<usize>) -> Plan {
        let (ring, talk) = (self.around(self.scenario.ring), self.around(self.scenario.talk));
        Plan { caller, callees, course, ring, talk, caller_hangs_up: self.rng.bool(), due }
    }

    /// Takes one of these, anyone.
    pub fn pick(&mut self, from: &mut Vec<usize>) -> Option<usize> {
        if from.is_empty() {
            return None;
        }
        Some(from.swap_remove(self.rng.usize(..from.len())))
    }

    fn around(&mut self, mean: Duration) -> Duration {
        mean.mul_f64(0.5 + self.rng.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dice(seed: u64) -> Dice {
        let mix = Mix { accept: 0.8, reject: 0.1, no_answer: 0.05, cancel: 0.05, group: 0.0, ring_group: 0.1 };
        let (ring, talk) = (Duration::from_millis(300), Duration::from_secs(1));
        Dice::new(Scenario { rate: 50.0, seconds: 20, ring, talk, mix, seed })
    }

    #[test]
    fn arrivals_come_at_the_rate_and_repeat_for_the_same_seed() {
        let (mut a, mut b, mut c) = (dice(1), dice(1), dice(2));
        let total: Duration = (0..10_000).map(|_| a.gap()).sum();
        assert!((190.0..210.0).contains(&total.as_secs_f64()), "{total:?}");
        let (of_b, of_c): (Duration, Duration) =
            ((0..10_000).map(|_| b.gap()).sum(), (0..10_000).map(|_| c.gap()).sum());
        assert_eq!(total, of_b);
        assert_ne!(total, of_c);
    }

    #[test]
    fn courses_come_in_their_shares() {
        let mut dice = dice(3);
        let drawn: Vec<_> = (0..10_000).map(|_| dice.course()).collect();
        let share = |course| drawn.iter().filter(|drawn| **drawn == course).count();
        assert!((7800..8200).contains(&share(Course::Accept)));
        assert!((900..1100).contains(&share(Course::Reject)));
        assert!((400..600).contains(&share(Course::NoAnswer)));
        assert!((400..600).contains(&share(Course::Cancel)));
    }

    #[test]
    fn times_stay_within_half_of_their_mean() {
        let mut dice = dice(4);
        for _ in 0..1000 {
            let plan = dice.plan(Instant::now(), Course::Accept, 0, vec![1]);
            assert!((150..=450).contains(&plan.ring.as_millis()) && (500..=1500).contains(&plan.talk.as_millis()));
        }
    }

    #[test]
    fn nobody_is_picked_twice() {
        let (mut dice, mut free) = (dice(5), (0..100).collect::<Vec<_>>());
        let mut picked: Vec<_> = std::iter::from_fn(|| dice.pick(&mut free)).collect();
        picked.sort_unstable();
        assert_eq!(picked, (0..100).collect::<Vec<_>>());
    }
}
