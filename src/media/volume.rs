//! How loud the speaker is: a percentage, in steps that sound even, of one call at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// One step of a button.
const STEP: u8 = 10;

/// 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Percent(u8);

impl Percent {
    /// The nearest there is.
    pub(crate) fn new(percent: u8) -> Self {
        Self(percent.min(100))
    }

    /// As a number.
    pub(crate) fn number(self) -> u8 {
        self.0
    }

    /// What samples are multiplied by. Ears hear ratios: the cube makes equal steps sound equal, as mixers do.
    pub(crate) fn gain(self) -> f64 {
        (f64::from(self.0) / 100.0).powi(3)
    }
}

/// What is wanted of the volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeChange {
    /// This much, in percent; more than 100 is 100.
    To(u8),
    /// A step louder.
    Up,
    /// A step quieter.
    Down,
}

/// The volume as everybody sees it.
#[derive(Clone, Debug)]
pub(crate) struct Volume {
    now: Arc<AtomicU8>,
    at_first: u8,
}

impl Volume {
    /// Each call begins with this.
    pub(crate) fn new(at_first: u8) -> Self {
        Self { now: Arc::new(AtomicU8::new(Percent::new(at_first).0)), at_first: Percent::new(at_first).0 }
    }

    /// Changes it; gives what it is then.
    pub(crate) fn change(&self, change: VolumeChange) -> u8 {
        let changed = |now: u8| match change {
            VolumeChange::To(percent) => Percent::new(percent).0,
            VolumeChange::Up => Percent::new(now.saturating_add(STEP)).0,
            VolumeChange::Down => now.saturating_sub(STEP),
        };
        let before = self.now.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| Some(changed(now)));
        changed(before.unwrap_or_else(|now| now))
    }

    /// A call is over: the next begins as all do.
    pub(crate) fn reset(&self) {
        self.now.store(self.at_first, Ordering::Release);
    }

    /// What it is.
    pub(crate) fn percent(&self) -> Percent {
        Percent(self.now.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_stay_between_silence_and_everything() {
        let volume = Volume::new(85);
        assert_eq!(volume.change(VolumeChange::Up), 95);
        assert_eq!(volume.change(VolumeChange::Up), 100);
        assert_eq!(volume.change(VolumeChange::To(5)), 5);
        assert_eq!(volume.change(VolumeChange::Down), 0);
        assert_eq!(volume.change(VolumeChange::To(200)), 100);
        volume.reset();
        assert_eq!(volume.percent(), Percent(85));
    }

    #[test]
    fn half_of_it_is_an_eighth_of_the_swing() {
        assert!((Percent::new(100).gain() - 1.0).abs() < 1e-9);
        assert!((Percent::new(50).gain() - 0.125).abs() < 1e-9);
        assert!(Percent::new(0).gain() < 1e-9);
    }
}
