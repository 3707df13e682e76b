//! What a change of this machine's addresses means for a connection, or for the attempt at one.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

use super::keep::End;

/// As many addresses a machine may lose at once, and have it noticed.
const MOST: usize = 64;
/// A name that was just connected to is known.
const LOOK_UP: Duration = Duration::from_secs(1);

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

    /// Why a connection that stands on one of these addresses has to be left: its socket would say so only much later.
    pub(super) fn leave(&self, own: &[IpAddr]) -> Option<End> {
        let gone = self.went.iter().find(|address| own.contains(address))?;
        Some(End::Moved(format!("our address {gone} is gone")))
    }
}

/// Our addresses on the way to this server, for a connection whose socket cannot be asked.
pub(super) async fn way_out(host: &str, port: u16) -> Vec<IpAddr> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match timeout(LOOK_UP, lookup_host((host, port))).await {
        Ok(Ok(servers)) => servers.filter_map(source).collect(),
        _ => {
            tracing::debug!(host, "not found again: a lost address will be noticed by silence");
            Vec::new()
        }
    }
}

/// What the kernel would send from. Nothing is sent.
fn source(server: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(server).ok()?;
    Some(socket.local_addr().ok()?.ip())
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
        assert!(reach.leave(&[ip("10.0.0.1")]).is_none());
        reach.lost(vec![ip("10.0.0.1")]);
        assert!(reach.leave(&[ip("10.0.0.1")]).is_some());
        reach.begin();
        assert!(reach.leave(&[ip("10.0.0.1")]).is_none() && reach.restart().is_none());
    }

    #[test]
    fn who_waits_is_hurried_once() {
        let mut reach = Reach::default();
        reach.back();
        assert!(reach.hurries() && !reach.hurries());
    }

    #[tokio::test]
    async fn the_way_to_ourselves_is_ourselves() {
        assert_eq!(way_out("127.0.0.1", 9).await, [ip("127.0.0.1")]);
        assert_eq!(way_out("[::1]", 9).await.first().copied().unwrap_or(ip("::1")), ip("::1"));
    }
}
