//! Does media move? The owner beats, and counts what is captured; the daemon's watchdog looks at both.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::inbox::PipelineId;

/// Written by the owner, read by the daemon.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heart(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    beat: Option<Instant>,
    /// What each capturing pipeline has given so far, and when that last grew.
    captured: HashMap<PipelineId, (u64, Instant)>,
}

impl Heart {
    /// The owner moves, and these pipelines have captured so much. Those that are not named any more have nothing to capture.
    pub(crate) fn beat(&self, now: Instant, captured: impl Iterator<Item = (PipelineId, u64)>) {
        self.with(|inner| {
            let mut old = std::mem::take(&mut inner.captured);
            let keep = |(id, count)| {
                let before = old.remove(&id).filter(|(before, _)| *before == count);
                (id, before.unwrap_or((count, now)))
            };
            inner.captured = captured.map(keep).collect();
            inner.beat = Some(now);
        });
    }

    /// Capturing pipelines that have given nothing within this time.
    pub(crate) fn silent(&self, now: Instant, within: Duration) -> Vec<PipelineId> {
        self.with(|inner| {
            let is_old = |(_, at): &(u64, Instant)| now.saturating_duration_since(*at) > within;
            inner.captured.iter().filter(|(_, seen)| is_old(seen)).map(|(id, _)| *id).collect()
        })
    }

    /// What has not moved within this time.
    pub(crate) fn stuck(&self, now: Instant, within: Duration) -> Option<&'static str> {
        self.with(|inner| {
            let is_old = |at: Instant| now.saturating_duration_since(at) > within;
            if inner.beat.is_some_and(is_old) {
                return Some("media");
            }
            inner.captured.values().any(|(_, at)| is_old(*at)).then_some("capture")
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_stuck_when_the_owner_or_a_capture_stands_still() {
        let (heart, begin, limit) = (Heart::default(), Instant::now(), Duration::from_secs(20));
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(heart.stuck(at(100), limit), None, "it has not begun");
        let (sound, picture) = (PipelineId(1), PipelineId(2));
        for second in 0..30 {
            heart.beat(at(second), [(sound, second), (picture, second.min(5))].into_iter());
        }
        assert_eq!(heart.stuck(at(25), limit), None);
        assert_eq!(heart.stuck(at(29), limit), Some("capture"), "the picture stands since second 5");
        assert_eq!(heart.silent(at(29), limit), [picture]);
        heart.beat(at(30), [(sound, 30)].into_iter());
        assert_eq!(heart.stuck(at(50), limit), None, "it is not captured any more");
        assert_eq!(heart.stuck(at(51), limit), Some("media"));
    }
}
