//! The clock edge: notices when somebody sets the system's clock.
//!
//! A board without a clock of its own starts in 1970 and is right a few seconds, or an hour, later: tickets and certificates that were
//! refused before are good then. The kernel tells by a timer that is cancelled when the clock is set (`timerfd_create(2)`,
//! `TFD_TIMER_CANCEL_ON_SET`); without it both clocks are compared now and then.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::io::Errno;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// How often both clocks are compared where the kernel does not tell.
const POLL: Duration = Duration::from_secs(5);
/// Differences up to here are a clock that is slewed, or a thread that was late.
const STEP: Duration = Duration::from_secs(1);
/// In the year 2500: a timer that does not expire.
const NEVER: i64 = 16_725_225_600;

/// The clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set;

/// The clock edge. Ends its task when dropped.
#[derive(Debug)]
pub struct Clock {
    task: JoinHandle<()>,
}

impl Clock {
    /// Begins to look.
    pub fn start(events: mpsc::Sender<Set>) -> Self {
        Self { task: tokio::spawn(watch(events)) }
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn watch(events: mpsc::Sender<Set>) {
    let mut timer = CancelledTimer::open().inspect_err(no_timer).ok();
    let mut apart = Apart::now();
    loop {
        let set = match &timer {
            Some(timer) => timer.cancelled().await,
            None => {
                sleep(POLL).await;
                Ok(apart.moved(Apart::now()))
            }
        };
        match set {
            Ok(true) if events.send(Set).await.is_err() => return,
            Ok(_) => {}
            Err(error) => {
                no_timer(&error);
                (timer, apart) = (None, Apart::now());
            }
        }
    }
}

fn no_timer(error: &io::Error) {
    tracing::warn!(%error, every_s = POLL.as_secs(), "the kernel does not tell when the clock is set: comparing clocks");
}

/// How far the clock on the wall is from the one that nobody sets.
#[derive(Clone, Copy, Debug)]
struct Apart {
    wall: Duration,
    monotonic: Instant,
}

impl Apart {
    fn now() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { wall, monotonic: Instant::now() }
    }

    /// Whether the wall clock was set in between; remembers the newer pair.
    fn moved(&mut self, newer: Self) -> bool {
        let older = std::mem::replace(self, newer);
        let expected = older.wall + newer.monotonic.saturating_duration_since(older.monotonic);
        expected.abs_diff(newer.wall) > STEP
    }
}

/// A timer that never expires, and is cancelled whenever the clock is set.
struct CancelledTimer(AsyncFd<OwnedFd>);

impl CancelledTimer {
    fn open() -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = rustix::time::timerfd_create(TimerfdClockId::Realtime, flags)?;
        arm(&timer)?;
        #[allow(
            deprecated,
            reason = "sound for a descriptor that is owned and never replaced; the new name is `unsafe`"
        )]
        let timer = AsyncFd::new(timer)?;
        Ok(Self(timer))
    }

    /// Waits until the clock is set, and arms the timer again.
    async fn cancelled(&self) -> io::Result<bool> {
        loop {
            let mut ready = self.0.readable().await?;
            let read = |timer: &AsyncFd<OwnedFd>| Ok(rustix::io::read(timer, &mut [0_u8; 8])?);
            match ready.try_io(read) {
                Err(_would_block) => {}
                Ok(Err(error)) if error.raw_os_error() != Some(Errno::CANCELED.raw_os_error()) => return Err(error),
                Ok(_) => {
                    arm(self.0.get_ref())?;
                    return Ok(true);
                }
            }
        }
    }
}

fn arm(timer: &OwnedFd) -> io::Result<()> {
    let never = Timespec { tv_sec: NEVER, tv_nsec: 0 };
    let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: never };
    let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
    rustix::time::timerfd_settime(timer, flags, &once)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_either_way_is_seen_and_time_that_passes_is_not() {
        let (wall, monotonic) = (Duration::from_secs(1000), Instant::now());
        let at = |wall, passed| Apart { wall, monotonic: monotonic + passed };
        let mut apart = at(wall, Duration::ZERO);
        assert!(!apart.moved(at(wall + POLL, POLL)));
        assert!(apart.moved(at(Duration::from_secs(1_800_000_000), 2 * POLL)), "from 1970 to now");
        assert!(!apart.moved(at(Duration::from_secs(1_800_000_000) + POLL, 3 * POLL)), "once");
        assert!(apart.moved(at(wall, 4 * POLL)), "and back");
    }

    #[tokio::test]
    async fn a_clock_that_nobody_sets_is_silent() {
        let (events, mut inbox) = mpsc::channel(1);
        let _clock = Clock::start(events);
        assert!(tokio::time::timeout(Duration::from_millis(100), inbox.recv()).await.is_err());
    }
}
