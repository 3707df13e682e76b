//! When to log in anew because the ticket is about to run out.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use callbox_core::ticket;

/// How long before its end a ticket is replaced: a tenth of what it had left, within these bounds.
const EARLIEST: Duration = Duration::from_secs(60 * 60);
const LATEST: Duration = Duration::from_secs(30);
/// How often a newer ticket is looked for when there is none yet.
const AGAIN: Duration = Duration::from_secs(30);

/// The end of the ticket that a connection was opened with.
#[derive(Debug)]
pub struct Renewal {
    expires_at: u64,
    due: Option<Instant>,
}

impl Renewal {
    /// For a ticket that is used from now on. What is no ticket never runs out.
    pub fn new(now: Instant, ticket: &str) -> Self {
        match ticket::read(ticket) {
            Ok(claims) => Self { expires_at: claims.expires_at(), due: due(now, claims.expires_at()) },
            Err(_) => Self { expires_at: 0, due: None },
        }
    }

    /// The clock on the wall was set: the end of the ticket is nearer, or farther, than it seemed.
    pub fn clock_was_set(&mut self, now: Instant) {
        if self.due.is_some() {
            self.due = due(now, self.expires_at);
        }
    }

    /// When to look for a newer ticket.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether it is time to look for a newer ticket.
    pub fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| now >= due)
    }

    /// Whether this ticket lasts longer than the one in use; if not, look again later.
    pub fn is_newer(&mut self, now: Instant, ticket: &str) -> bool {
        let is_newer = ticket::read(ticket).is_ok_and(|claims| claims.expires_at() > self.expires_at);
        self.due = Some(now + AGAIN);
        is_newer
    }
}

/// When to look for a newer ticket than the one that expires then.
fn due(now: Instant, expires_at: u64) -> Option<Instant> {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let left = Duration::from_secs(expires_at.saturating_sub(unix));
    let margin = (left / 10).clamp(LATEST, EARLIEST);
    now.checked_add(left.saturating_sub(margin))
}

#[cfg(test)]
mod tests {
    use callbox_core::ids::AppId;
    use callbox_core::ticket::SecretKey;

    use super::*;

    fn ticket(seconds: u64) -> String {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        ticket::make(AppId(7), &SecretKey::new("secret").unwrap(), &"door".parse().unwrap(), unix, seconds)
    }

    #[test]
    fn a_ticket_is_replaced_before_its_end_and_only_by_a_newer_one() {
        let now = Instant::now();
        let mut renewal = Renewal::new(now, &ticket(1000));
        assert!(!renewal.is_due(now + Duration::from_secs(890)));
        let due = now + Duration::from_secs(905);
        assert!(renewal.is_due(due));
        assert!(!renewal.is_newer(due, &ticket(1000)) || !renewal.is_due(due), "asked again only later");
        assert!(!renewal.is_due(due) && renewal.is_due(due + AGAIN));
        assert!(renewal.is_newer(due, &ticket(5000)));
    }

    #[test]
    fn a_clock_that_is_set_moves_the_end() {
        let now = Instant::now();
        let mut renewal = Renewal::new(now, &ticket(1000));
        renewal.due = Some(now + Duration::from_secs(1_000_000_000));
        renewal.clock_was_set(now);
        assert!(renewal.is_due(now + Duration::from_secs(905)));
        let mut never = Renewal::new(now, "a password");
        never.clock_was_set(now);
        assert_eq!(never.due(), None);
    }

    #[test]
    fn what_is_no_ticket_never_runs_out() {
        let now = Instant::now();
        assert!(!Renewal::new(now, "a password").is_due(now + Duration::from_secs(1_000_000)));
    }
}
