//! Topics: `callbox/1/{app}/to/{user@app}/from/{user@app}` and `callbox/1/{app}/presence/{user@app}/{device}`.
//! They say who speaks and in which app, so that a broker's access list alone proves the one and keeps the other apart.

use std::fmt;
use std::str::FromStr;

use callbox_core::ids::{AppId, DeviceId, UserId};

/// A user of an app, as MQTT names it: `user@app`. Also the MQTT user name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Party {
    /// The user.
    pub user: UserId,
    /// Its tenant.
    pub app: AppId,
}

/// Why a text names no party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no party: USER@APP is needed")]
pub struct NotAParty;

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.user, self.app)
    }
}

impl FromStr for Party {
    type Err = NotAParty;
    fn from_str(text: &str) -> Result<Self, NotAParty> {
        Self::read(text).ok_or(NotAParty)
    }
}

impl Party {
    fn read(text: &str) -> Option<Self> {
        let (user, app) = text.split_once('@')?;
        let is_plain = app.bytes().all(|b| b.is_ascii_digit()) && !app.starts_with('0');
        Some(Self { user: user.parse().ok()?, app: AppId(app.parse().ok().filter(|_| is_plain)?) })
    }
}

/// What a topic that we hear of speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topic {
    /// A message.
    Message {
        /// Its receiver.
        to: Party,
        /// Its sender.
        from: Party,
    },
    /// Whether a device is there.
    Presence {
        /// Whose device.
        of: Party,
        /// Which.
        device: DeviceId,
    },
}

impl Topic {
    /// Reads a topic; none when it is none of ours.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut levels = std::str::from_utf8(bytes).ok()?.strip_prefix("callbox/1/")?.split('/');
        let mut next = || levels.next();
        let level = next()?;
        let topic = match next()? {
            "to" => {
                let to = Party::read(next()?)?;
                let from = next().filter(|level| *level == "from").and_then(|_| next()).and_then(Party::read)?;
                Self::Message { to, from }
            }
            "presence" => Self::Presence { of: Party::read(next()?)?, device: next()?.parse().ok()? },
            _ => return None,
        };
        let is_of = |party: &Party| party.app.to_string() == level;
        let agrees = match &topic {
            Self::Message { to, from } => is_of(to) && is_of(from),
            Self::Presence { of, .. } => is_of(of),
        };
        (agrees && next().is_none()).then_some(topic)
    }
}

/// Where a message from one party to another goes.
pub fn message(to: &Party, from: &Party) -> String {
    format!("callbox/1/{}/to/{to}/from/{from}", to.app)
}

/// Where all messages to a party come from.
pub fn inbox(to: &Party) -> String {
    format!("callbox/1/{}/to/{to}/from/+", to.app)
}

/// Where one device says that it is there.
pub fn presence(of: &Party, device: &DeviceId) -> String {
    format!("callbox/1/{}/presence/{of}/{device}", of.app)
}

/// Where all devices of a user say so.
pub fn presences(of: &Party) -> String {
    format!("callbox/1/{}/presence/{of}/+", of.app)
}

/// Where all devices of all users of an app say so.
pub fn all_presences(app: AppId) -> String {
    format!("callbox/1/{app}/presence/+/+")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(user: &str) -> Party {
        Party { user: user.parse().unwrap(), app: AppId(7) }
    }

    #[test]
    fn what_is_written_is_read() {
        let (door, anna) = (party("door"), party("anna"));
        assert_eq!(message(&door, &anna), "callbox/1/7/to/door@7/from/anna@7");
        assert_eq!(
            Topic::read(message(&door, &anna).as_bytes()),
            Some(Topic::Message { to: door.clone(), from: anna })
        );
        let device: DeviceId = "panel".parse().unwrap();
        assert_eq!(presence(&door, &device), "callbox/1/7/presence/door@7/panel");
        assert_eq!(Topic::read(presence(&door, &device).as_bytes()), Some(Topic::Presence { of: door, device }));
    }

    #[test]
    fn anything_else_is_no_topic() {
        let good = "callbox/1/7/to/door@7/from/anna@7";
        for bad in [
            "",
            "callbox/1",
            "callbox/1/to/door@7/from/anna@7",
            "callbox/1/8/to/door@7/from/anna@7",
            "callbox/1/7/to/door@8/from/anna@7",
            "callbox/1/7/to/door@7/from/anna@8",
            "callbox/1/07/to/door@7/from/anna@7",
            "callbox/1/8/presence/door@7/panel",
            "callbox/1/7/to/door@7",
            "callbox/1/7/to/door@7/by/anna@7",
            "callbox/1/7/to/door/from/anna@7",
            "callbox/1/7/to/door@7/from/anna@x",
            "callbox/1/7/to/door@7/from/anna@07",
            "callbox/1/7/to/door@7/from/anna@+7",
            "callbox/1/7/to/door@7/from/anna@99999999999",
            "callbox/1/7/to/d r@7/from/anna@7",
            "callbox/1/7/presence/door@7",
            "callbox/1/7/presence/door@7/a b",
        ] {
            assert_eq!(Topic::read(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(Topic::read(format!("{good}/").as_bytes()), None);
        assert_eq!(Topic::read(&good.replace("callbox/1/", "callbox/2/").into_bytes()), None);
        assert_eq!(Topic::read(b"callbox/1/7/to/\xff@7/from/anna@7"), None);
    }
}
