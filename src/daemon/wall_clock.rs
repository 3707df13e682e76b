//! The clock on the wall, for rules that go by it: which day of the week it is where this panel hangs, and how late.

use std::time::{Duration, Instant};

use callbox_core::station::{LocalTime, Weekday};
use jiff::{Timestamp, ZonedDateTime, civil};

use crate::config::{Settings, Zone};

const MINUTE: Duration = Duration::from_secs(60);

/// A clock that is looked at once a minute: so it does not matter when somebody sets it, or summer begins.
pub(super) struct WallClock {
    zone: Zone,
    look: Instant,
}

impl WallClock {
    pub(super) fn new(zone: Zone, now: Instant) -> Self {
        Self { zone, look: now }
    }

    /// The clock that these settings need, if any. A zone that is named is looked at whether a rule goes by it or not.
    pub(super) fn of(settings: &Settings, now: Instant) -> Option<Self> {
        let is_needed = !settings.policy.quiet.times.is_empty() || settings.time_zone.name.is_some();
        is_needed.then(|| Self::new(settings.time_zone.clone(), now))
    }

    /// When to look at it next.
    pub(super) fn due(&self) -> Instant {
        self.look
    }

    /// What is wrong with its time zone.
    pub(super) fn fault(&self) -> Option<String> {
        self.zone.fault.clone()
    }

    /// Looks at it; at its time zone too when that was not to be had before.
    pub(super) fn look(&mut self, now: Instant) -> LocalTime {
        self.zone.again();
        let shown = ZonedDateTime::new(Timestamp::now(), self.zone.zone.clone());
        let into = Duration::from_secs(u64::from(shown.second().unsigned_abs()));
        self.look = now + MINUTE.saturating_sub(into).max(Duration::from_secs(1));
        local(shown.datetime())
    }
}

fn local(shown: civil::DateTime) -> LocalTime {
    let day = usize::from(shown.weekday().to_monday_zero_offset().unsigned_abs());
    let minute = u16::from(shown.hour().unsigned_abs()) * 60 + u16::from(shown.minute().unsigned_abs());
    LocalTime { day: Weekday::ALL[day % Weekday::ALL.len()], minute }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summer_time_is_the_zones_business() {
        let berlin = Zone::of(Some("Europe/Berlin"));
        assert_eq!(berlin.fault, None);
        let shown = |text: &str| local(ZonedDateTime::new(text.parse().unwrap(), berlin.zone.clone()).datetime());
        assert_eq!(shown("2026-01-05T21:00:00Z"), LocalTime { day: Weekday::Monday, minute: 22 * 60 });
        assert_eq!(shown("2026-07-05T22:30:00Z"), LocalTime { day: Weekday::Monday, minute: 30 });
        // The hour that is there twice.
        assert_eq!(shown("2026-10-25T00:59:00Z"), shown("2026-10-25T01:59:00Z"));
    }

    #[test]
    fn it_is_looked_at_when_a_minute_begins() {
        let now = Instant::now();
        let mut clock = WallClock::new(Zone::of(Some("UTC")), now);
        assert_eq!(clock.due(), now);
        clock.look(now);
        assert!(clock.due() > now && clock.due() <= now + MINUTE);
    }
}
