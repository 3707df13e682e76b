//! The time zone that quiet times go by, and what is wrong with it. Time zones are files of the system, which may be lost: then the
//! daemon runs, by another clock, and says so.

use jiff::tz::TimeZone;

/// A time zone, or what stands in for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    /// What times go by.
    pub zone: TimeZone,
    /// The name in the configuration.
    pub name: Option<String>,
    /// Why the zone that is meant is not the one that times go by.
    pub fault: Option<String>,
}

impl Zone {
    /// The zone of this name, or without one that of the system.
    pub fn of(name: Option<&str>) -> Self {
        let system = TimeZone::try_system();
        let instead = system.as_ref().map_or("UTC", |zone| zone.iana_name().unwrap_or("the system's time zone"));
        let (zone, fault) = match (name.map(TimeZone::get), name) {
            (Some(Ok(zone)), _) => (zone, None),
            (Some(Err(_)), Some(name)) => {
                let fault = format!(
                    "the system does not know the time zone {name:?}: times go by {instead} instead \
                     (zones under /usr/share/zoneinfo; Debian 13 has old names such as US/Eastern in tzdata-legacy)"
                );
                (system.unwrap_or(TimeZone::UTC), Some(fault))
            }
            _ => match system {
                Ok(zone) => (zone, None),
                Err(error) => {
                    let fault = format!("the system's time zone cannot be read ({error}): times go by UTC instead");
                    (TimeZone::UTC, Some(fault))
                }
            },
        };
        Self { zone, name: name.map(str::to_owned), fault }
    }

    /// Looks again when something was wrong: the package may have been installed meanwhile.
    pub fn again(&mut self) {
        if self.fault.is_some() {
            *self = Self::of(self.name.clone().as_deref());
        }
    }

    /// What a person calls it.
    pub fn title(&self) -> &str {
        self.zone.iana_name().unwrap_or("a zone without a name")
    }

    /// Where it comes from.
    pub fn source(&self) -> &'static str {
        if self.name.is_some() { "do_not_disturb.time_zone" } else { "the system's" }
    }

    /// The command that mends it.
    pub fn remedy(&self) -> String {
        match &self.name {
            Some(_) => {
                "sudo apt install tzdata tzdata-legacy  # or another name in do_not_disturb.time_zone".to_owned()
            }
            None => "sudo apt install tzdata && sudo timedatectl set-timezone Europe/Berlin  # or yours".to_owned(),
        }
    }

    /// Whether a text may name a zone at all: a path below a folder, not out of it.
    pub(super) fn is_name(text: &str) -> bool {
        let part = |part: &str| {
            !part.is_empty() && part.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"_+-".contains(&letter))
        };
        text.len() <= 64 && text.split('/').all(part)
    }
}
