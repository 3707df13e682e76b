//! Figures of many calls: medians, and what a daemon uses over time.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// The steps of a call's set-up, in their order.
pub(super) const STEPS: [&str; 8] = [
    "ringing_ms",
    "accept_ms",
    "confirm_ms",
    "ice_ms",
    "dtls_ms",
    "first_audio_ms",
    "first_frame_sent_ms",
    "first_frame_shown_ms",
];

/// When each step of one call was reached at one side, in milliseconds since the invite.
pub(super) type Timing = BTreeMap<String, u64>;

/// One call, as one side recorded it.
pub(super) fn timing(record: &Value) -> Timing {
    let steps = record["timing"].as_object().into_iter().flatten();
    steps.filter_map(|(step, ms)| Some((step.clone(), ms.as_u64()?))).collect()
}

/// From accept to the first frame of the other.
pub(super) fn accept_to_frame(timing: &Timing) -> Option<u64> {
    Some(timing.get("first_frame_shown_ms")?.saturating_sub(*timing.get("accept_ms")?))
}

/// The middle one; of an even number, the mean of both middle ones.
pub(super) fn median(mut numbers: Vec<u64>) -> Option<f64> {
    numbers.sort_unstable();
    let middle = numbers.len() / 2;
    let upper = *numbers.get(middle)? as f64;
    if numbers.len() % 2 == 1 {
        return Some(upper);
    }
    Some((numbers[middle - 1] as f64 + upper) / 2.0)
}

/// The median of each step over all calls.
pub(super) fn medians(calls: &[Timing]) -> BTreeMap<String, f64> {
    let of = |step: &str| median(calls.iter().filter_map(|timing| timing.get(step).copied()).collect());
    STEPS.iter().filter_map(|step| Some(((*step).to_owned(), of(step)?))).collect()
}

/// What a daemon used after one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Use {
    pub(super) threads: u64,
    pub(super) fds: u64,
    pub(super) rss_kib: u64,
}

/// What a daemon used over many calls.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Growth {
    /// After the first calls, which fill caches.
    pub(super) first: Use,
    /// After the last call.
    pub(super) last: Use,
    /// Slope of the resident memory, in KiB a call (least squares).
    pub(super) rss_kib_per_call: f64,
    /// Slope of the descriptors.
    pub(super) fds_per_call: f64,
    /// Slope of the threads.
    pub(super) threads_per_call: f64,
}

/// What is in a status of what a daemon uses.
pub(super) fn usage(status: &Value) -> Option<Use> {
    let number = |name: &str| status["process"][name].as_u64();
    Some(Use { threads: number("threads")?, fds: number("fds")?, rss_kib: number("rss_kib")? })
}

/// The growth after the first tenth, or ten, of the calls.
pub(super) fn growth(uses: &[Use]) -> Option<Growth> {
    let warm = (uses.len() / 10).clamp(1, 10);
    let uses = uses.get(warm..).filter(|rest| !rest.is_empty())?;
    let slope_of = |number: fn(&Use) -> u64| slope(&uses.iter().map(|used| number(used) as f64).collect::<Vec<_>>());
    Some(Growth {
        first: *uses.first()?,
        last: *uses.last()?,
        rss_kib_per_call: slope_of(|used| used.rss_kib),
        fds_per_call: slope_of(|used| used.fds),
        threads_per_call: slope_of(|used| used.threads),
    })
}

fn slope(numbers: &[f64]) -> f64 {
    let count = numbers.len() as f64;
    let (mean_x, mean_y) = ((count - 1.0) / 2.0, numbers.iter().sum::<f64>() / count);
    let (mut over, mut under) = (0.0, 0.0);
    for (x, y) in numbers.iter().enumerate() {
        let from_mean = x as f64 - mean_x;
        over += from_mean * (y - mean_y);
        under += from_mean * from_mean;
    }
    if under == 0.0 { 0.0 } else { over / under }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_median_is_the_middle() {
        assert_eq!(median(vec![9, 1, 5]), Some(5.0));
        assert_eq!(median(vec![1, 2, 4, 100]), Some(3.0));
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn a_call_is_measured_from_accept_to_the_first_frame() {
        let timing = timing(&json!({ "timing": { "accept_ms": 1500, "first_frame_shown_ms": 1560 } }));
        assert_eq!(accept_to_frame(&timing), Some(60));
        assert_eq!(accept_to_frame(&Timing::new()), None);
    }

    #[test]
    fn growth_is_a_slope_after_the_first_calls() {
        let uses: Vec<_> = (0..50).map(|n| Use { threads: 9, fds: 30, rss_kib: 1000 + 4 * n }).collect();
        let growth = growth(&uses).unwrap();
        assert!((growth.rss_kib_per_call - 4.0).abs() < 1e-9);
        assert_eq!((growth.fds_per_call, growth.threads_per_call), (0.0, 0.0));
    }
}
