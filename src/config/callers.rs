//! `[callers]`, `[do_not_disturb]` and `[auto_answer]`: who may ring, when, and who is picked up without anybody's doing.

use std::time::Duration;

use callbox_core::ids::UserId;
use callbox_core::station::{AutoAnswer, Callers, QuietPolicy, QuietTime, Weekday};

use super::check::Check;
use super::raw::{self, Text};
use super::zone::Zone;

pub(super) const USER: &str = "a user: 1 to 32 of A-Z a-z 0-9 _ -";
const TIME: &str = "a time of day from 00:00 to 23:59";
const ZONE: &str = "a time zone as under /usr/share/zoneinfo, such as Europe/Berlin";
/// An invite may last ten minutes; a bell at a door does not.
const LONGEST_RING_S: u64 = 60;
const DAY_MINUTES: u16 = 24 * 60;
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// Reads `[callers]`; who may ring is found out when all is known that names somebody.
pub(super) fn callers(check: &mut Check<'_>, callers: &raw::Callers) -> Callers {
    let deny = users(check, "callers.deny", &callers.deny);
    let words = [("reject", false), ("silence", true)];
    let silently = check.word("callers.deny_with", callers.deny_with.as_ref(), &words, false);
    let seconds = check.number("callers.longest_ring_s", callers.longest_ring_s.as_ref(), 1..=600, LONGEST_RING_S);
    Callers { allow: None, deny, silently, longest_ring: Some(Duration::from_secs(seconds)) }
}

/// Reads `[do_not_disturb]`: when, and by which clock.
pub(super) fn quiet(check: &mut Check<'_>, quiet: &raw::DoNotDisturb) -> (QuietPolicy, Zone) {
    if let Some(name) = quiet.time_zone.as_ref().filter(|name| !Zone::is_name(name.get_ref())) {
        check.wrong("do_not_disturb.time_zone", name.span(), format!("{:?}", name.get_ref()), ZONE);
    }
    let zone = Zone::of(quiet.time_zone.as_ref().map(|name| name.get_ref().as_str()));
    let times = quiet.times.iter().filter_map(|time| quiet_time(check, time)).collect();
    (QuietPolicy { times, except: users(check, "do_not_disturb.except", &quiet.except) }, zone)
}

fn quiet_time(check: &mut Check<'_>, time: &raw::QuietTime) -> Option<QuietTime> {
    let days = match &time.days {
        None => Weekday::ALL.to_vec(),
        Some(days) => {
            let day = |day: &Text| check.word("do_not_disturb.times.days", Some(day), &DAYS, Weekday::Monday);
            days.iter().map(day).collect()
        }
    };
    let (from, to) = (minute(check, "from", &time.from), minute(check, "to", &time.to));
    let reason = time.reason.clone().unwrap_or_else(|| "do not disturb".to_owned());
    Some(QuietTime { days, from: from?, to: to?, reason })
}

fn minute(check: &mut Check<'_>, name: &str, text: &Text) -> Option<u16> {
    let two = |part: &str| part.parse::<u16>().ok().filter(|_| part.len() == 2);
    let read = text.get_ref().split_once(':').and_then(|(hour, minute)| {
        let (hour, minute) = (two(hour)?, two(minute)?);
        (minute < 60).then_some(hour * 60 + minute).filter(|minute| *minute < DAY_MINUTES)
    });
    if read.is_none() {
        let key = format!("do_not_disturb.times.{name}");
        check.wrong(&key, text.span(), format!("{:?}", text.get_ref()), TIME);
    }
    read
}

/// Reads `[auto_answer]`, if there is one. Nobody shall be heard who was not warned: there has to be something to warn with.
pub(super) fn auto_answer(check: &mut Check<'_>, raw: &raw::File) -> Option<AutoAnswer> {
    let auto = raw.auto_answer.as_ref()?;
    let speaks = raw.speaker.kind.as_ref().is_some_and(|kind| kind.get_ref() != "none");
    if !speaks {
        let found = "it without a speaker: the warning would not be heard";
        check.wrong("auto_answer", auto.span(), found, "only with speaker.kind other than \"none\"");
    }
    let auto = auto.get_ref();
    let delay = Duration::from_secs(check.number("auto_answer.delay_s", auto.delay_s.as_ref(), 2..=60, 5));
    Some(AutoAnswer { users: users(check, "auto_answer.users", &auto.users), delay })
}

fn users(check: &mut Check<'_>, key: &str, users: &[Text]) -> Vec<UserId> {
    users.iter().filter_map(|user| check.parse(key, user, USER)).collect()
}
