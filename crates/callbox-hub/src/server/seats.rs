//! How many devices fit: each session is one file descriptor, or two at a gateway.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::debug;

use super::MAX_GUESTS;

/// The most sessions where nothing is configured.
const MOST_UNASKED: u32 = 10_000;
/// Descriptors beside the sockets: the store, the runtime, the log.
const OTHERS: u64 = 64;

/// The system lets this process have too few file descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{sessions} sessions need {needed} file descriptors, the system allows {allowed}: lower `limits.sessions` (--sessions), \
     or raise the hard limit (`LimitNOFILE=` in the unit, `ulimit -Hn`)"
)]
pub struct TooFewDescriptors {
    sessions: u32,
    needed: u64,
    allowed: u64,
}

/// Raises the soft limit of file descriptors to the hard one. Gives how many sessions of `each` descriptors there may be: as many as
/// wanted, or as many as fit.
///
/// # Errors
/// [`TooFewDescriptors`] for what is wanted.
pub fn seats(wanted: Option<u32>, each: u32) -> Result<u32, TooFewDescriptors> {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    if let Err(error) = raised {
        debug!(%error, "the soft limit of file descriptors stays");
    }
    fit(wanted, each, if raised.is_ok() { limit.maximum } else { limit.current })
}

/// `allowed` is None where nothing limits.
fn fit(wanted: Option<u32>, each: u32, allowed: Option<u64>) -> Result<u32, TooFewDescriptors> {
    // One that has lost its place still takes a moment to close.
    let taken = (MAX_GUESTS + MAX_GUESTS / 2) as u64 + OTHERS;
    let allowed = allowed.unwrap_or(u64::MAX);
    let free = u32::try_from(allowed.saturating_sub(taken) / u64::from(each.max(1))).unwrap_or(u32::MAX);
    let seats = wanted.unwrap_or(free.clamp(1, MOST_UNASKED));
    if seats > free {
        return Err(TooFewDescriptors { sessions: seats, needed: u64::from(seats) * u64::from(each) + taken, allowed });
    }
    Ok(seats)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_for_nothing_gets_what_fits() {
        assert_eq!(fit(None, 1, None), Ok(10_000));
        assert_eq!(fit(None, 1, Some(524_288)), Ok(10_000));
        assert_eq!(fit(None, 1, Some(4096)), Ok(3264));
        assert_eq!(fit(None, 1, Some(1024)), Ok(192));
        assert_eq!(fit(None, 2, Some(1024)), Ok(96), "a gateway needs twice as many");
    }

    #[test]
    fn whoever_asks_for_more_than_fits_is_told_how_to_get_it() {
        assert_eq!(fit(Some(192), 1, Some(1024)), Ok(192));
        assert_eq!(fit(Some(100_000), 1, None), Ok(100_000));
        let error = fit(Some(2000), 1, Some(1024)).unwrap_err().to_string();
        assert!(
            error.starts_with("2000 sessions need 2832 file descriptors, the system allows 1024: lower"),
            "{error}"
        );
        assert!(fit(None, 1, Some(100)).is_err());
    }

    #[test]
    fn the_soft_limit_is_raised() {
        assert!(seats(None, 1).unwrap() > 0);
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
