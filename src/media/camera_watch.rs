//! Judges whether a camera still works: what comes from it and what comes out of the decoder are counted apart. Pure.

use std::time::{Duration, Instant};

/// How long a local device may take until its first picture.
const LOCAL_FIRST: Duration = Duration::from_secs(6);
/// How long a network camera may take: it is connected first, and may send a key frame every 10 s only.
const NETWORK_FIRST: Duration = Duration::from_secs(20);
/// How long a camera that worked may send nothing at all.
const SILENCE: Duration = Duration::from_secs(3);

/// What is wrong with a camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CameraFault {
    /// Nothing ever came.
    NothingCame,
    /// It worked, and sends nothing any more.
    Silent,
    /// Something comes that the decoder makes no picture of.
    NoPicture,
}

/// What was counted so far, and when it last grew.
#[derive(Clone, Copy, Debug)]
struct Count {
    number: u64,
    grew: Instant,
}

impl Count {
    fn see(&mut self, now: Instant, number: u64) {
        if number != self.number {
            *self = Self { number, grew: now };
        }
    }

    fn is_still(&self, now: Instant, within: Duration) -> bool {
        now >= self.grew + within
    }
}

/// One camera from its start to its end.
#[derive(Debug)]
pub(crate) struct CameraWatch {
    first: Duration,
    packets: Count,
    pictures: Count,
}

impl CameraWatch {
    /// The camera is started now.
    pub(crate) fn new(now: Instant, is_network: bool) -> Self {
        let count = Count { number: 0, grew: now };
        let first = if is_network { NETWORK_FIRST } else { LOCAL_FIRST };
        Self { first, packets: count, pictures: count }
    }

    /// Looks at what came from the camera and what the decoder made of it, both counted from the start.
    pub(crate) fn look(&mut self, now: Instant, packets: u64, pictures: u64) -> Option<CameraFault> {
        self.packets.see(now, packets);
        self.pictures.see(now, pictures);
        if self.pictures.number > 0 && self.packets.is_still(now, SILENCE) {
            return Some(CameraFault::Silent);
        }
        if !self.pictures.is_still(now, self.first) {
            return None;
        }
        Some(if self.packets.number == 0 { CameraFault::NothingCame } else { CameraFault::NoPicture })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn a_network_camera_with_a_key_frame_every_ten_seconds_is_waited_for() {
        let begin = Instant::now();
        let mut watch = CameraWatch::new(begin, true);
        for second in 1..10 {
            assert_eq!(watch.look(begin + seconds(second), 100 * second, 0), None, "second {second}");
        }
        assert_eq!(watch.look(begin + seconds(10), 1000, 1), None);
        // A lost packet: no picture until the next key frame.
        for second in 11..29 {
            assert_eq!(watch.look(begin + seconds(second), 100 * second, 1), None, "second {second}");
        }
        assert_eq!(watch.look(begin + seconds(30), 3000, 1), Some(CameraFault::NoPicture));
    }

    #[test]
    fn a_camera_that_falls_silent_is_lost_after_three_seconds() {
        for is_network in [true, false] {
            let begin = Instant::now();
            let mut watch = CameraWatch::new(begin, is_network);
            assert_eq!(watch.look(begin + seconds(1), 10, 10), None);
            assert_eq!(watch.look(begin + seconds(3), 10, 10), None);
            assert_eq!(watch.look(begin + seconds(4), 10, 10), Some(CameraFault::Silent));
        }
    }

    #[test]
    fn a_camera_that_never_sends_has_as_long_as_its_kind_needs() {
        let begin = Instant::now();
        for (is_network, limit) in [(true, 20), (false, 6)] {
            let mut watch = CameraWatch::new(begin, is_network);
            assert_eq!(watch.look(begin + seconds(limit - 1), 0, 0), None);
            assert_eq!(watch.look(begin + seconds(limit), 0, 0), Some(CameraFault::NothingCame));
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_told_apart() {
        let begin = Instant::now();
        let mut watch = CameraWatch::new(begin, true);
        assert_eq!(watch.look(begin + seconds(20), 500, 0), Some(CameraFault::NoPicture));
    }
}
