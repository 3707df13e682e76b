//! What an app accepts at login: tickets made with one of its keys, for everything, and not withdrawn.

use std::collections::BTreeMap;

use super::{Claims, SecretKey, TicketError, codec};
use crate::ids::{AppId, DeviceId, UserId};

/// What an app accepts at login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginRules {
    /// The key that new tickets are made with.
    key: SecretKey,
    /// The key of before, or of after, while the app goes from one to the other.
    second_key: Option<SecretKey>,
    /// Tickets made before these unix seconds are withdrawn.
    valid_from: ValidFrom,
}

/// When tickets begin to count, in unix seconds: whatever was made earlier is withdrawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidFrom {
    /// For every device of a user.
    pub users: BTreeMap<UserId, u64>,
    /// For one device of a user.
    pub devices: BTreeMap<(UserId, DeviceId), u64>,
}

impl From<SecretKey> for LoginRules {
    fn from(key: SecretKey) -> Self {
        Self::new(key, None, ValidFrom::default())
    }
}

impl LoginRules {
    /// Returns the rules of an app with one key, or with two while it goes from one to the other.
    pub fn new(key: SecretKey, second_key: Option<SecretKey>, valid_from: ValidFrom) -> Self {
        Self { key, second_key, valid_from }
    }

    /// Returns the key that new tickets are made with.
    pub fn key(&self) -> &SecretKey {
        &self.key
    }

    /// Checks that `user` may log in with this ticket at `now_unix`, on `device` where it is known.
    ///
    /// # Errors
    /// [`TicketError`]; beyond those of [`verify`](super::verify), a ticket with rights in one room ([`TicketError::NotForLogin`])
    /// and one that was withdrawn ([`TicketError::Withdrawn`]).
    pub fn check(
        &self,
        app: AppId,
        user: &UserId,
        device: Option<&DeviceId>,
        token: &str,
        now_unix: u64,
    ) -> Result<Claims, TicketError> {
        let (claims, signature) = codec::open(token)?;
        let keys = std::iter::once(&self.key).chain(&self.second_key);
        super::check_claims(keys, app, user, &claims, &signature, now_unix)?;
        if claims.userbuf.is_some() {
            return Err(TicketError::NotForLogin);
        }
        let for_user = self.valid_from.users.get(user).copied().unwrap_or(0);
        let of_device = |device: &DeviceId| self.valid_from.devices.get(&(user.clone(), device.clone())).copied();
        let since = for_user.max(device.and_then(of_device).unwrap_or(0));
        if claims.issued_at < since {
            return Err(TicketError::Withdrawn { issued_at: claims.issued_at, valid_from: since });
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Rights, Room, make, make_with_rights};
    use super::*;

    const APP: AppId = AppId(7);
    const NOW: u64 = 1_600_000_000;

    fn key(text: &str) -> SecretKey {
        SecretKey::new(text).unwrap()
    }

    fn anna() -> UserId {
        "anna".parse().unwrap()
    }

    fn ticket(with: &str, made: u64) -> String {
        make(APP, &key(with), &anna(), made, 3600)
    }

    #[test]
    fn two_keys_are_good_while_an_app_goes_from_one_to_the_other() {
        let both = LoginRules::new(key("new"), Some(key("old")), ValidFrom::default());
        let code = |rules: &LoginRules, with| {
            rules.check(APP, &anna(), None, &ticket(with, NOW), NOW).map(drop).map_err(|error| error.code())
        };
        assert_eq!([code(&both, "new"), code(&both, "old")], [Ok(()), Ok(())]);
        assert_eq!(code(&both, "other"), Err(70009));
        assert_eq!(code(&key("new").into(), "old"), Err(70009));
    }

    #[test]
    fn what_was_made_before_valid_from_is_withdrawn() {
        let (phone, tablet): (DeviceId, DeviceId) = ("phone".parse().unwrap(), "tablet".parse().unwrap());
        let valid_from = ValidFrom {
            users: BTreeMap::from([(anna(), NOW - 100)]),
            devices: BTreeMap::from([((anna(), phone.clone()), NOW - 50)]),
        };
        let rules = LoginRules::new(key("k"), None, valid_from);
        let at = |made, device: &DeviceId| {
            rules.check(APP, &anna(), Some(device), &ticket("k", made), NOW).map(drop).map_err(|error| error.code())
        };
        assert_eq!([at(NOW - 101, &tablet), at(NOW - 100, &tablet)], [Err(70001), Ok(())]);
        assert_eq!([at(NOW - 51, &phone), at(NOW - 50, &phone)], [Err(70001), Ok(())]);
        let otto = "otto".parse().unwrap();
        assert!(rules.check(APP, &otto, None, &make(APP, &key("k"), &otto, NOW - 500, 3600), NOW).is_ok());
    }

    #[test]
    fn a_ticket_for_one_room_logs_nobody_in() {
        let room: Room = "12".parse().unwrap();
        let restricted = make_with_rights(APP, &key("k"), &anna(), NOW, 3600, &room, Rights::ALL);
        let error = LoginRules::from(key("k")).check(APP, &anna(), None, &restricted, NOW).unwrap_err();
        assert_eq!((error.code(), error), (70003, TicketError::NotForLogin));
    }
}
