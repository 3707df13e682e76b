//! What a change of this machine's addresses, or of its clock, means for a connection, for the attempt at one, and for a wait.

use std::net::IpAddr;
use std::time::Duration;

use super::reconnect::End;

/// How many addresses that are gone are remembered.
const MOST: usize = 64;
/// A new address ends an attempt that has lasted this long: it may have begun without a way out. Others are nearly done, and machines on
/// which containers come and go get addresses all the time.
const STALLED: Duration = Duration::from_secs(1);

/// What became of this machine's network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// These addresses are gone.
    Lost(Vec<IpAddr>),
    /// There are addresses in place of those that were lost.
    Moved,
    /// There are more addresses than before.
    Gained,
    /// The system's clock was set.
    Clock,
}

/// What keeps a wait for the next attempt from ending early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The server was not reached, or the connection broke: another network, or another time, may do.
    Unreached,
    /// The server refuses what depends on the time of day, such as a ticket that has expired: the clock may be put right.
    Time,
    /// The server refuses for a reason that neither network nor clock changes.
    Refused,
}

/// What has changed since this attempt began.
#[derive(Debug, Default)]
pub(super) struct NetworkChange {
    lost: Vec<IpAddr>,
    moved: bool,
    gained: bool,
    clock: bool,
}

impl NetworkChange {
    /// A new attempt begins: what was said before means nothing to it.
    pub(super) fn begin(&mut self) {
        *self = Self::default();
    }

    /// Takes note of a change.
    pub(super) fn note(&mut self, change: Change) {
        match change {
            Change::Lost(addresses) => {
                self.lost.extend(addresses);
                self.lost.truncate(MOST);
            }
            Change::Moved => self.moved = true,
            Change::Gained => self.gained = true,
            Change::Clock => self.clock = true,
        }
    }

    /// Whether a wait with this cause is over; told once.
    pub(super) fn ends_wait(&mut self, cause: Cause) -> bool {
        let ends = match cause {
            Cause::Unreached => self.moved || self.gained || self.clock,
            Cause::Time => self.clock,
            Cause::Refused => false,
        };
        if ends {
            self.begin();
        }
        ends
    }

    /// Why an attempt that has lasted for this time has to begin anew.
    pub(super) fn restart(&mut self, lasted: Duration) -> Option<End> {
        let moved = std::mem::take(&mut self.moved);
        let gained = std::mem::take(&mut self.gained) && lasted >= STALLED;
        (moved || gained).then(|| End::Moved("there is another way out".to_owned()))
    }

    /// Why a connection from this address of ours has to be left: its socket would say so only much later.
    pub(super) fn leave(&self, own: Option<IpAddr>) -> Option<End> {
        let gone = own.filter(|own| self.lost.contains(own))?;
        Some(End::Moved(format!("our address {gone} is gone")))
    }

    /// Whether the clock was set; told once.
    pub(super) fn clock_was_set(&mut self) -> bool {
        std::mem::take(&mut self.clock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_connection_is_left_when_its_own_address_goes_and_not_when_others_come_and_go() {
        let mut change = NetworkChange::default();
        change.note(Change::Lost(vec![ip("172.17.0.1")]));
        change.note(Change::Gained);
        assert!(change.leave(Some(ip("10.0.0.1"))).is_none());
        change.note(Change::Lost(vec![ip("10.0.0.1")]));
        assert!(change.leave(Some(ip("10.0.0.1"))).is_some());
        assert!(change.leave(None).is_none());
        change.begin();
        assert!(change.leave(Some(ip("10.0.0.1"))).is_none() && change.restart(2 * STALLED).is_none());
    }

    #[test]
    fn only_a_wait_for_the_network_is_ended_by_an_address() {
        for address in [Change::Gained, Change::Moved] {
            let ends = |cause| {
                let mut change = NetworkChange::default();
                change.note(address.clone());
                change.ends_wait(cause)
            };
            assert_eq!([Cause::Unreached, Cause::Time, Cause::Refused].map(ends), [true, false, false]);
        }
        let mut change = NetworkChange::default();
        change.note(Change::Gained);
        assert!(change.ends_wait(Cause::Unreached) && !change.ends_wait(Cause::Unreached), "once");
    }

    #[test]
    fn a_clock_that_is_set_ends_every_wait_that_time_may_heal() {
        let ends = |cause| {
            let mut change = NetworkChange::default();
            change.note(Change::Clock);
            change.ends_wait(cause)
        };
        assert_eq!([Cause::Unreached, Cause::Time, Cause::Refused].map(ends), [true, true, false]);
    }

    #[test]
    fn addresses_of_containers_do_not_keep_an_attempt_from_its_end() {
        let mut change = NetworkChange::default();
        change.note(Change::Gained);
        assert!(change.restart(STALLED / 2).is_none());
        change.note(Change::Gained);
        assert!(change.restart(STALLED).is_some());
        change.note(Change::Moved);
        assert!(change.restart(Duration::ZERO).is_some());
    }
}
