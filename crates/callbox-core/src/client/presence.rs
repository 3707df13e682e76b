//! Who is there, of those we watch. The hub, or the broker, tells all of it anew after each login; what it no longer tells is gone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::ids::{Address, DeviceId, UserId};

/// How long after a login the hub may take to tell who is there.
const GRACE: Duration = Duration::from_secs(3);

/// The most devices of one user: it may call them what it likes.
const PER_USER: usize = 256;

/// The devices that are there.
#[derive(Debug, Default)]
pub struct Presence {
    /// Each device, and whether this session has confirmed it.
    there: BTreeMap<Address, bool>,
    settle_at: Option<Instant>,
}

impl Presence {
    /// Logged in (again): everything known has to be confirmed within the grace.
    pub fn login(&mut self, now: Instant) {
        self.there.values_mut().for_each(|confirmed| *confirmed = false);
        self.settle_at = Some(now + GRACE);
    }

    /// The hub says so. Gives the changes.
    pub fn told(&mut self, user: UserId, device: Option<DeviceId>, online: bool) -> Vec<(Address, bool)> {
        let Some(device) = device else { return self.nobody_of(&user) };
        let peer = Address { user, device };
        if online && !self.there.contains_key(&peer) && self.devices(&peer.user).count() >= PER_USER {
            return Vec::new();
        }
        let known =
            if online { self.there.insert(peer.clone(), true).is_some() } else { self.there.remove(&peer).is_none() };
        if known { Vec::new() } else { vec![(peer, online)] }
    }

    /// The list of whom we watch is now this one: forget the others.
    pub fn watch(&mut self, users: &[UserId]) {
        self.there.retain(|peer, _| users.contains(&peer.user));
    }

    /// Once the grace is over: those who went while we were away.
    pub fn settle(&mut self, now: Instant) -> Vec<(Address, bool)> {
        if self.settle_at.is_none_or(|at| now < at) {
            return Vec::new();
        }
        self.settle_at = None;
        let gone: Vec<_> =
            self.there.iter().filter(|(_, confirmed)| !**confirmed).map(|(peer, _)| peer.clone()).collect();
        self.there.retain(|_, confirmed| *confirmed);
        gone.into_iter().map(|peer| (peer, false)).collect()
    }

    /// When `settle` has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.settle_at
    }

    /// The devices of a user that are there.
    pub fn devices<'a>(&'a self, user: &'a UserId) -> impl Iterator<Item = &'a DeviceId> {
        self.there.keys().filter(move |peer| peer.user == *user).map(|peer| &peer.device)
    }

    /// The users who are there, once for each device.
    pub fn users(&self) -> impl Iterator<Item = &UserId> {
        self.there.keys().map(|peer| &peer.user)
    }

    /// How many devices are there.
    pub fn count(&self) -> usize {
        self.there.len()
    }

    fn nobody_of(&mut self, user: &UserId) -> Vec<(Address, bool)> {
        let gone: Vec<_> = self.there.keys().filter(|peer| peer.user == *user).cloned().collect();
        self.there.retain(|peer, _| peer.user != *user);
        gone.into_iter().map(|peer| (peer, false)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an Instant can be had in no other way")]
    fn now() -> Instant {
        Instant::now()
    }

    fn anna(device: &str) -> Address {
        Address { user: "anna".parse().unwrap(), device: device.parse().unwrap() }
    }

    fn tell(presence: &mut Presence, device: Option<&str>, online: bool) -> Vec<(Address, bool)> {
        presence.told("anna".parse().unwrap(), device.map(|name| name.parse().unwrap()), online)
    }

    #[test]
    fn only_changes_are_passed_on() {
        let mut presence = Presence::default();
        assert_eq!(tell(&mut presence, Some("phone"), true), [(anna("phone"), true)]);
        assert_eq!(tell(&mut presence, Some("phone"), true), []);
        assert_eq!(tell(&mut presence, Some("phone"), false), [(anna("phone"), false)]);
        assert_eq!(tell(&mut presence, Some("phone"), false), []);
    }

    #[test]
    fn a_user_with_no_device_has_lost_all_of_them() {
        let mut presence = Presence::default();
        tell(&mut presence, Some("desk"), true);
        tell(&mut presence, Some("phone"), true);
        assert_eq!(tell(&mut presence, None, false), [(anna("desk"), false), (anna("phone"), false)]);
    }

    #[test]
    fn one_user_has_a_bounded_number_of_devices() {
        let mut presence = Presence::default();
        for n in 0..PER_USER * 2 {
            tell(&mut presence, Some(&format!("d{n}")), true);
        }
        assert_eq!(presence.count(), PER_USER);
        assert_eq!(tell(&mut presence, Some("d0"), false), [(anna("d0"), false)]);
    }

    #[test]
    fn who_went_while_we_were_away_is_noticed_after_the_login() {
        let (mut presence, now) = (Presence::default(), now());
        tell(&mut presence, Some("desk"), true);
        tell(&mut presence, Some("phone"), true);
        presence.login(now);
        assert_eq!(tell(&mut presence, Some("desk"), true), []);
        assert_eq!(presence.settle(now), []);
        assert_eq!(presence.settle(now + GRACE), [(anna("phone"), false)]);
        assert_eq!(presence.settle(now + GRACE * 2), []);
    }
}
