//! Is it the right time here? Tickets begin and end by the clock.

use std::process::Command;
use std::time::Duration;

use super::finding::Finding;
use super::{Board, child, unix_now};
use crate::config::Zone;

const SUBJECT: &str = "clock";
const ZONE: &str = "time zone";
const LIMIT: Duration = Duration::from_secs(5);
/// 1 January 2026: no board lives before its program.
const OLDEST: u64 = 1_767_225_600;
const SYNCHRONISE: &str = "sudo timedatectl set-ntp true";

/// The clock against itself and the service that sets it. The hub's own clock is compared where the hub is asked.
pub(super) fn examine(board: &Board<'_>) -> Vec<Finding> {
    vec![system(), zone(&board.settings.time_zone)]
}

/// The time zone that quiet times go by.
fn zone(zone: &Zone) -> Finding {
    match &zone.fault {
        None => Finding::ok(ZONE, format!("{} ({})", zone.title(), zone.source())),
        Some(fault) => Finding::warn(ZONE, fault.clone()).fix(zone.remedy()),
    }
}

/// The same, for any configuration.
pub(super) fn system() -> Finding {
    let mut command = Command::new("timedatectl");
    let asked = child::run(command.args(["show", "--property=NTPSynchronized", "--value"]), LIMIT);
    judge(unix_now(), asked.as_deref().map(str::trim).ok())
}

/// `synchronised` is the answer of systemd: `yes`, `no`, or none where nobody knows.
fn judge(now: u64, synchronised: Option<&str>) -> Finding {
    if now < OLDEST {
        let text = "it is before 2026 here: no ticket is valid, and no certificate";
        return Finding::fail(SUBJECT, text).fix(SYNCHRONISE);
    }
    match synchronised {
        Some("yes") => Finding::ok(SUBJECT, "set by a time server"),
        Some("no") => Finding::warn(SUBJECT, "no time server has set it: tickets fail when it is off").fix(SYNCHRONISE),
        _ => Finding::ok(SUBJECT, "plausible; whether a time server sets it cannot be told without systemd"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    #[test]
    fn the_zone_in_use_is_told_and_one_that_is_not_there_names_its_package() {
        assert!(zone(&Zone::of(Some("Europe/Berlin"))).text.starts_with("Europe/Berlin"));
        let absent = zone(&Zone::of(Some("Nowhere/At_All")));
        assert_eq!(absent.verdict, Verdict::Warn);
        assert!(absent.text.contains("Nowhere/At_All") && absent.fix.unwrap().contains("tzdata-legacy"));
    }

    #[test]
    fn a_clock_is_right_unset_or_wrong() {
        let verdict = |now, answer| judge(now, answer).verdict;
        assert_eq!(verdict(OLDEST, Some("yes")), Verdict::Ok);
        assert_eq!(verdict(OLDEST, None), Verdict::Ok);
        assert_eq!(verdict(OLDEST, Some("no")), Verdict::Warn);
        assert_eq!(verdict(OLDEST - 1, Some("yes")), Verdict::Fail);
    }
}
