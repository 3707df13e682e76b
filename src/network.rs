//! The network edge: notices when an address of this machine goes, and when there is one again.
//!
//! The kernel rings a bell when something changed (rtnetlink(7)); what there is now is read anew and compared. Without the bell it is
//! read every few seconds. An address counts while its interface is up and has a carrier; loopback and IPv6 link-local ones do
//! not: they come and go with every interface, and lead nowhere.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType};
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Several changes that come together are one: an interface, its addresses and its routes.
const SETTLE: Duration = Duration::from_millis(60);
/// How often it is looked where there is no bell.
const POLL: Duration = Duration::from_secs(2);
/// `RTMGRP_LINK`, `RTMGRP_IPV4_IFADDR` and `RTMGRP_IPV6_IFADDR` of rtnetlink(7).
const GROUPS: u32 = 0x1 | 0x10 | 0x100;

/// What happened to our addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// These went: what stands on them is dead.
    Lost(Vec<IpAddr>),
    /// After some went, there are some (again): begin anew what stood on the old ones.
    Moved,
    /// There are more than before.
    Gained,
}

/// The network edge. Ends its task when dropped.
#[derive(Debug)]
pub struct Network {
    task: JoinHandle<()>,
}

impl Network {
    /// Begins to look.
    pub fn start(events: mpsc::Sender<Event>) -> Self {
        Self { task: tokio::spawn(watch(events)) }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn watch(events: mpsc::Sender<Event>) {
    let mut bell = Bell::open().inspect_err(no_bell).ok();
    let mut sight = Sight::new(addresses());
    loop {
        let rung = match &bell {
            Some(bell) => bell.rings().await,
            None => {
                sleep(POLL).await;
                Ok(())
            }
        };
        if let Err(error) = rung {
            no_bell(&error);
            bell = None;
        }
        sleep(SETTLE).await;
        for event in sight.look(addresses()) {
            if events.send(event).await.is_err() {
                return;
            }
        }
    }
}

fn no_bell(error: &io::Error) {
    tracing::warn!(%error, every_s = POLL.as_secs(), "the kernel does not tell of network changes: looking now and then");
}

/// The addresses that lead somewhere now. Those of before, when they cannot be read.
fn addresses() -> Option<BTreeSet<IpAddr>> {
    match if_addrs::get_if_addrs() {
        Ok(all) => Some(
            all.iter()
                .filter(|interface| interface.is_oper_up() && !interface.is_loopback())
                .map(|interface| interface.ip())
                .filter(|ip| !matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local()))
                .collect(),
        ),
        Err(error) => {
            tracing::warn!(%error, "addresses cannot be read");
            None
        }
    }
}

/// What was seen last.
#[derive(Debug, Default)]
struct Sight {
    known: BTreeSet<IpAddr>,
    /// Some went, and nothing has come in their place.
    missing: bool,
}

impl Sight {
    fn new(found: Option<BTreeSet<IpAddr>>) -> Self {
        Self { known: found.unwrap_or_default(), missing: false }
    }

    /// What changed since the last look.
    fn look(&mut self, found: Option<BTreeSet<IpAddr>>) -> Vec<Event> {
        let Some(found) = found else { return Vec::new() };
        let went: Vec<_> = self.known.difference(&found).copied().collect();
        let came = found.difference(&self.known).next().is_some();
        let mut events = Vec::new();
        self.missing |= !went.is_empty();
        if (came || !went.is_empty()) && self.missing && !found.is_empty() {
            self.missing = false;
            events.push(Event::Moved);
        } else if came {
            events.push(Event::Gained);
        }
        if !went.is_empty() {
            events.insert(0, Event::Lost(went));
        }
        self.known = found;
        events
    }
}

/// A netlink socket of which only one thing is read: that something came.
struct Bell(AsyncFd<OwnedFd>);

impl Bell {
    fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        // NETLINK_ROUTE is 0, the protocol of who names none.
        let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        rustix::net::bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
        #[allow(
            deprecated,
            reason = "sound for a descriptor that is owned and never replaced; the new name is `unsafe`"
        )]
        let socket = AsyncFd::new(socket)?;
        Ok(Self(socket))
    }

    /// Waits until something changes, and takes all that was said of it.
    async fn rings(&self) -> io::Result<()> {
        let mut rung = false;
        loop {
            let mut ready = self.0.readable().await?;
            let mut message = [0_u8; 4096];
            // An error of its own kind, ENOBUFS: more was said than fits. That is a ring too.
            match ready.try_io(|socket| Ok(rustix::net::recv(socket, &mut message[..], RecvFlags::DONTWAIT)?)) {
                Ok(Ok(_)) => rung = true,
                Ok(Err(error)) if error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error()) => rung = true,
                Ok(Err(error)) => return Err(error),
                Err(_would_block) if rung => return Ok(()),
                Err(_would_block) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(addresses: &[&str]) -> Option<BTreeSet<IpAddr>> {
        Some(addresses.iter().map(|address| address.parse().unwrap()).collect())
    }

    fn lost(address: &str) -> Event {
        Event::Lost(vec![address.parse().unwrap()])
    }

    #[test]
    fn a_cable_that_is_pulled_and_put_back_is_a_loss_and_then_a_move() {
        let mut sight = Sight::new(found(&["10.0.0.1"]));
        assert_eq!(sight.look(found(&[])), [lost("10.0.0.1")]);
        assert_eq!(sight.look(found(&[])), []);
        assert_eq!(sight.look(found(&["10.0.0.1"])), [Event::Moved]);
        assert_eq!(sight.look(found(&["10.0.0.1"])), []);
    }

    #[test]
    fn another_address_and_one_of_two_are_both_at_once() {
        let mut sight = Sight::new(found(&["10.0.0.1"]));
        assert_eq!(sight.look(found(&["10.0.0.2"])), [lost("10.0.0.1"), Event::Moved]);
        assert_eq!(sight.look(found(&["10.0.0.2", "10.9.0.1"])), [Event::Gained]);
        assert_eq!(sight.look(found(&["10.9.0.1"])), [lost("10.0.0.2"), Event::Moved]);
    }

    #[test]
    fn the_first_address_of_a_machine_that_had_none_is_a_gain() {
        assert_eq!(Sight::new(found(&[])).look(found(&["10.0.0.1"])), [Event::Gained]);
        assert_eq!(Sight::new(found(&["10.0.0.1"])).look(None), []);
    }

    #[tokio::test]
    async fn the_bell_can_be_had() {
        let bell = Bell::open().unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(20), bell.rings()).await.is_err(), "and rings by itself");
    }
}
