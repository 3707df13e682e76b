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
        let task = tokio::spawn(async move {
            let timer = CancelledTimer::open().inspect_err(no_timer).ok();
            watch(timer, Apart::now, POLL, events).await;
        });
        Self { task }
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Tells when the clock was set.
trait Tells {
    /// Waits until it was. After an error it tells nothing more.
    fn was_set(&mut self) -> impl Future<Output = io::Result<()>> + Send;
}

/// Passes on what the kernel tells; without the kernel, or after its first error, compares both clocks now and then. A step that comes
/// with the error is seen at the first comparison.
async fn watch(mut kernel: Option<impl Tells>, now: impl Fn() -> Apart, poll: Duration, events: mpsc::Sender<Set>) {
    let mut apart = now();
    loop {
        let was_set = match &mut kernel {
            Some(timer) => match timer.was_set().await {
                Ok(()) => {
                    apart = now();
                    true
                }
                Err(error) => {
                    no_timer(&error);
                    kernel = None;
                    false
                }
            },
            None => {
                sleep(poll).await;
                apart.moved(now())
            }
        };
        if was_set && events.send(Set).await.is_err() {
            return;
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
}

impl Tells for CancelledTimer {
    async fn was_set(&mut self) -> io::Result<()> {
        loop {
            let mut ready = self.0.readable().await?;
            let read = |timer: &AsyncFd<OwnedFd>| verdict(rustix::io::read(timer, &mut [0_u8; 8]));
            if let Ok(was_set) = ready.try_io(read) {
                was_set?;
                return arm(self.0.get_ref());
            }
        }
    }
}

/// What the timer says: it was cancelled, or it has expired because the clock was set beyond its end. Both mean that the clock was set.
fn verdict(read: rustix::io::Result<usize>) -> io::Result<()> {
    match read {
        Ok(_) | Err(Errno::CANCELED) => Ok(()),
        Err(error) => Err(error.into()),
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

    struct Kernel(mpsc::Receiver<io::Result<()>>);

    impl Tells for Kernel {
        async fn was_set(&mut self) -> io::Result<()> {
            match self.0.recv().await {
                Some(told) => told,
                None => std::future::pending().await,
            }
        }
    }

    #[tokio::test]
    async fn each_step_is_told_and_the_one_that_comes_with_the_kernels_last_word_too() {
        let (tell, kernel) = mpsc::channel(4);
        let (events, mut inbox) = mpsc::channel(4);
        let (step, ahead) = tokio::sync::watch::channel(Duration::ZERO);
        let (since, start) = (Instant::now(), Duration::from_secs(1_800_000_000));
        let now = move || {
            let passed = since.elapsed();
            Apart { wall: start + passed + *ahead.borrow(), monotonic: since + passed }
        };
        let poll = Duration::from_millis(1);
        let _watch = tokio::spawn(watch(Some(Kernel(kernel)), now, poll, events));
        for hours in [1, 2] {
            step.send(Duration::from_secs(3600 * hours)).unwrap();
            tell.send(Ok(())).await.unwrap();
            assert_eq!(inbox.recv().await, Some(Set));
        }
        step.send(Duration::from_secs(3600 * 3)).unwrap();
        tell.send(Err(Errno::NODEV.into())).await.unwrap();
        assert_eq!(inbox.recv().await, Some(Set), "seen by comparing the clocks");
        step.send(Duration::ZERO).unwrap();
        assert_eq!(inbox.recv().await, Some(Set), "and so is every later one");
        let quiet = tokio::time::timeout(50 * poll, inbox.recv()).await;
        assert!(quiet.is_err(), "each of them once");
    }

    #[test]
    fn a_timer_that_is_cancelled_or_has_expired_tells_that_the_clock_was_set() {
        assert!(verdict(Err(Errno::CANCELED)).is_ok() && verdict(Ok(8)).is_ok());
        let nothing_yet = verdict(Err(Errno::AGAIN)).unwrap_err();
        assert_eq!(nothing_yet.kind(), io::ErrorKind::WouldBlock, "it is waited on");
        assert!(verdict(Err(Errno::BADF)).is_err());
    }

    #[tokio::test]
    async fn a_clock_that_nobody_sets_is_silent() {
        let (events, mut inbox) = mpsc::channel(1);
        let _clock = Clock::start(events);
        assert!(tokio::time::timeout(Duration::from_millis(100), inbox.recv()).await.is_err());
    }
}
