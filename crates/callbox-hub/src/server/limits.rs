//! How much one party may do: messages a second, refused logins a minute.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::network::client;

/// See [`Notice`].
const NOTICE_EVERY: Duration = Duration::from_secs(60);

/// A token bucket: `burst` at once, `per_second` in the long run.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    tokens: f64,
    burst: f64,
    per_second: f64,
    filled_at: Instant,
}

impl Bucket {
    pub(super) fn full(now: Instant, burst: u32, per_second: f64) -> Self {
        Self { tokens: f64::from(burst), burst: f64::from(burst), per_second, filled_at: now }
    }

    /// Takes so many tokens, if they are there.
    pub(super) fn take(&mut self, now: Instant, tokens: u32) -> bool {
        self.fill(now);
        let there = self.tokens >= f64::from(tokens);
        if there {
            self.tokens -= f64::from(tokens);
        }
        there
    }

    /// Takes so many tokens, also where fewer are there: the bucket is in debt then.
    pub(super) fn spend(&mut self, now: Instant, tokens: u32) {
        self.fill(now);
        self.tokens -= f64::from(tokens);
    }

    /// How long until there is a token.
    pub(super) fn wait(&mut self, now: Instant) -> Duration {
        self.fill(now);
        Duration::from_secs_f64(((1.0 - self.tokens) / self.per_second).max(0.0))
    }

    fn is_full(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.tokens >= self.burst
    }

    fn fill(&mut self, now: Instant) {
        let waited = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + waited * self.per_second).min(self.burst);
        self.filled_at = now;
    }
}

/// The most addresses remembered.
const MAX_ADDRESSES: usize = 4096;
/// Refused logins an address may collect at once …
const REFUSED_BURST: u32 = 20;
/// … and in the long run.
const REFUSED_PER_SECOND: f64 = 1.0 / 3.0;

/// Refused logins by address: whoever collects too many waits.
#[derive(Debug, Default)]
pub(super) struct RefusedLogins {
    buckets: HashMap<IpAddr, Bucket>,
}

impl RefusedLogins {
    /// How long this address has to wait before it may try again, if it has to.
    pub(super) fn wait(&mut self, now: Instant, address: IpAddr) -> Option<Duration> {
        let wait = self.buckets.get_mut(&client(address))?.wait(now);
        (wait > Duration::ZERO).then_some(wait)
    }

    /// Notes a refused login.
    pub(super) fn note(&mut self, now: Instant, address: IpAddr) {
        if self.buckets.len() >= MAX_ADDRESSES {
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
        }
        if self.buckets.len() >= MAX_ADDRESSES {
            // Everybody is guessing: begin anew rather than grow.
            self.buckets.clear();
        }
        let bucket = || Bucket::full(now, REFUSED_BURST, REFUSED_PER_SECOND);
        self.buckets.entry(client(address)).or_insert_with(bucket).take(now, 1);
    }
}

/// A line of the log that anybody on the network can cause: at most one a minute.
#[derive(Debug, Default)]
pub(super) struct Notice(Mutex<Option<Instant>>);

impl Notice {
    pub(super) fn may_speak(&self) -> bool {
        let (now, mut last) = (Instant::now(), self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let may = last.is_none_or(|last| now.saturating_duration_since(last) >= NOTICE_EVERY);
        if may {
            *last = Some(now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANNA: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn a_burst_passes_and_then_the_rate_rules() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start, 3, 2.0);
        assert_eq!((0..5).filter(|_| bucket.take(start, 1)).count(), 3);
        let later = start + Duration::from_secs(1);
        assert_eq!((0..5).filter(|_| bucket.take(later, 1)).count(), 2);
    }

    #[test]
    fn who_guesses_tickets_has_to_wait() {
        let (start, mut refused) = (Instant::now(), RefusedLogins::default());
        for _ in 0..REFUSED_BURST {
            assert_eq!(refused.wait(start, ANNA), None);
            refused.note(start, ANNA);
        }
        let wait = refused.wait(start, ANNA).unwrap();
        assert!(wait > Duration::from_secs(2) && wait < Duration::from_secs(4), "{wait:?}");
        assert_eq!(refused.wait(start + wait + Duration::from_millis(1), ANNA), None);
        assert_eq!(refused.wait(start, "192.0.2.2".parse().unwrap()), None);
    }

    #[test]
    fn one_ipv6_network_counts_as_one() {
        let (start, mut refused) = (Instant::now(), RefusedLogins::default());
        for host in 0..REFUSED_BURST {
            refused.note(start, format!("2001:db8::{host}").parse().unwrap());
        }
        assert!(refused.wait(start, "2001:db8::ffff".parse().unwrap()).is_some());
    }

    #[test]
    fn the_memory_of_refused_logins_is_bounded() {
        let (start, mut refused) = (Instant::now(), RefusedLogins::default());
        for n in 0..10_000_u32 {
            refused.note(start, IpAddr::V4(n.into()));
        }
        assert!(refused.buckets.len() <= MAX_ADDRESSES);
    }
}
