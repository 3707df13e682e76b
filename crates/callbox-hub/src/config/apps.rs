//! `[[app]]`: an app's keys, and since when tickets count.

use std::collections::BTreeMap;

use callbox_core::ids::{AppId, DeviceId, UserId};
use callbox_core::ticket::{LoginRules, SecretKey, ValidFrom};
use toml::Spanned;
use toml::value::{Datetime, Offset};

use super::error::{ConfigError, Source};
use super::files::Files;
use super::raw;
use super::settings::number;

type Checked<T> = Result<T, ConfigError>;

/// Reads one table.
pub(super) fn check(source: &Source<'_>, app: &raw::App, files: &mut Files) -> Checked<(AppId, LoginRules)> {
    let id = number(source, "app.id", Some(&app.id), 0, 1..=u32::MAX)?;
    let keys = [("app.key_file", "app.key"), ("app.second_key_file", "app.second_key")];
    let [first, second] = keys;
    let key = key(source, first, (&app.key_file, &app.key), files)?
        .ok_or_else(|| source.error(app.id.span(), "app", "needs `key_file` (or `key`)"))?;
    let second_key = self::key(source, second, (&app.second_key_file, &app.second_key), files)?;
    Ok((AppId(id), LoginRules::new(key, second_key, valid_from(source, &app.valid_from)?)))
}

type Written<'a> = (&'a Option<Spanned<String>>, &'a Option<Spanned<String>>);

fn key(
    source: &Source<'_>,
    (file_name, name): (&str, &str),
    written: Written<'_>,
    files: &mut Files,
) -> Checked<Option<SecretKey>> {
    match written {
        (Some(file), None) => {
            let key = files.key(&source.path(file.get_ref()));
            key.map(Some).map_err(|text| source.error(file.span(), file_name, text))
        }
        (None, Some(text)) => {
            let key = SecretKey::new(text.get_ref());
            let key = key.map_err(|error| source.error(text.span(), name, error.to_string()))?;
            files.judge_key(&key, &format!("{}: {name}", source.file.display()));
            files.judge_mode(source.file);
            Ok(Some(key))
        }
        (None, None) => Ok(None),
        (Some(_), Some(text)) => {
            Err(source.error(text.span(), name, format!("either `{file_name}` or `{name}`, not both")))
        }
    }
}

const WHEN: &str = "a date and time with its zone, as 2026-11-27T10:00:00Z, or unix seconds";

fn valid_from(source: &Source<'_>, table: &BTreeMap<Spanned<String>, Spanned<toml::Value>>) -> Checked<ValidFrom> {
    let mut all = ValidFrom::default();
    for (name, when) in table {
        let bad_name = || {
            let text = format!("found `{}`, allowed is USER or \"USER/DEVICE\"", name.get_ref());
            source.error(name.span(), "app.valid_from", text)
        };
        let seconds = match when.get_ref() {
            toml::Value::Integer(seconds) => u64::try_from(*seconds).ok(),
            toml::Value::Datetime(when) => unix(when),
            _ => None,
        };
        let bad_time =
            || source.error(when.span(), "app.valid_from", format!("found `{}`, allowed is {WHEN}", when.get_ref()));
        let seconds = seconds.ok_or_else(bad_time)?;
        match name.get_ref().split_once('/') {
            None => {
                all.users.insert(name.get_ref().parse::<UserId>().map_err(|_| bad_name())?, seconds);
            }
            Some((user, device)) => {
                let (user, device) = (user.parse::<UserId>(), device.parse::<DeviceId>());
                let (Ok(user), Ok(device)) = (user, device) else { return Err(bad_name()) };
                all.devices.insert((user, device), seconds);
            }
        }
    }
    Ok(all)
}

/// Seconds since 1970 of a moment that names its zone.
fn unix(when: &Datetime) -> Option<u64> {
    let (date, time) = (when.date?, when.time?);
    let minutes_east = match when.offset? {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    // Days counted from 1 March of the year 0, so that the leap day is a year's last.
    let (year, month) = (i64::from(date.year) - i64::from(date.month <= 2), (i64::from(date.month) + 9) % 12);
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + i64::from(date.day) - 719_469;
    let (hour, minute) = (i64::from(time.hour), i64::from(time.minute) - minutes_east);
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + i64::from(time.second.unwrap_or(0));
    u64::try_from(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_calendar() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T12:00:00Z", Some(951_825_600)),
            ("2020-09-13T12:26:40Z", Some(1_600_000_000)),
            ("2020-09-13T14:26:40+02:00", Some(1_600_000_000)),
            ("2020-09-13T05:26:40-07:00", Some(1_600_000_000)),
            ("2100-03-01T00:00:00Z", Some(4_107_542_400)),
            ("2020-09-13T12:26:40", None),
            ("2020-09-13", None),
            ("1969-12-31T23:59:59Z", None),
        ] {
            assert_eq!(unix(&text.parse().unwrap()), expected, "{text}");
        }
    }
}
