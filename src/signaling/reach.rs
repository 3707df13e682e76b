//! What a change of this machine's addresses means for a connection, or for the attempt at one.

use std::net::IpAddr;

use super::keep::End;

/// As many addresses a machine may lose at once, and have it noticed.
const MOST: usize = 64;

/// What was said of the network since this attempt began.
#[derive(Debug, Default)]
pub(super) struct Reach {
    went: Vec<IpAddr>,
    back: bool,
}

impl Reach {
    /// A new attempt begins: what was said before means nothing to it.
    pub(super) fn begin(&mut self) {
        *self = Self::default();
    }

    /// These addresses are gone.
    pub(super) fn lost(&mut self, addresses: Vec<IpAddr>) {
        self.went.extend(addresses);
        self.went.truncate(MOST);
    }

    /// There are addresses that were not there before.
    pub(super) fn back(&mut self) {
        self.back = true;
    }

    /// Whether somebody who waits, or tries, should try anew; told once.
    pub(super) fn hurries(&mut self) -> bool {
        std::mem::take(&mut self.back)
    }

    /// Why an attempt has to begin anew.
    pub(super) fn restart(&mut self) -> Option<End> {
        self.hurries().then(|| End::Moved("there is another way out".to_owned()))
    }

    /// Why a connection from this address of ours has to be left: its socket would say so only much later.
    pub(super) fn leave(&self, own: Option<IpAddr>) -> Option<End> {
        let gone = own.filter(|own| self.went.contains(own))?;
        Some(End::Moved(format!("our address {gone} is gone")))
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
        let mut reach = Reach::default();
        reach.lost(vec![ip("172.17.0.1")]);
        reach.back();
        assert!(reach.leave(Some(ip("10.0.0.1"))).is_none());
        reach.lost(vec![ip("10.0.0.1")]);
        assert!(reach.leave(Some(ip("10.0.0.1"))).is_some());
        assert!(reach.leave(None).is_none());
        reach.begin();
        assert!(reach.leave(Some(ip("10.0.0.1"))).is_none() && reach.restart().is_none());
    }

    #[test]
    fn who_waits_is_hurried_once() {
        let mut reach = Reach::default();
        reach.back();
        assert!(reach.hurries() && !reach.hurries());
    }
}
