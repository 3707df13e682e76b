//! Looks `.local` names of candidates up by multicast DNS, so that libnice never sees one.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use mdns_sd::{HostnameResolutionEvent, ServiceDaemon};

use super::inbox::{Inbox, LinkKey, LinkNote};

/// How long an answer may take.
const WAIT: Duration = Duration::from_secs(2);

/// The `.local` name in a candidate, if that is its address.
pub(crate) fn local_name(candidate: &str) -> Option<&str> {
    candidate.split_whitespace().nth(4).filter(|address| address.to_ascii_lowercase().ends_with(".local"))
}

/// The candidate with an address in the name's place.
pub(crate) fn with_address(candidate: &str, name: &str, address: IpAddr) -> String {
    candidate.replacen(name, &address.to_string(), 1)
}

/// Looks a name up on a thread of its own that ends after [`WAIT`]; the answer comes as a note.
pub(crate) fn look_up(inbox: &Inbox, key: LinkKey, mline: u32, candidate: String) {
    let inbox = inbox.clone();
    let spawned = thread::Builder::new().name("mdns-wait".into()).spawn(move || {
        let address = local_name(&candidate).and_then(resolve);
        inbox.link(key, LinkNote::Resolved(mline, candidate, address));
    });
    if let Err(error) = spawned {
        tracing::error!(%error, "no thread to look a candidate up");
    }
}

fn resolve(name: &str) -> Option<IpAddr> {
    let daemon = daemon()?;
    let full = format!("{}.", name.to_ascii_lowercase());
    let answers = daemon.resolve_hostname(&full, Some(WAIT.as_millis() as u64)).ok()?;
    let until = Instant::now() + WAIT;
    while let Ok(event) = answers.recv_timeout(until.saturating_duration_since(Instant::now())) {
        match event {
            HostnameResolutionEvent::AddressesFound(_, addresses) => {
                if let Some(address) = addresses.iter().min_by_key(|address| address.is_ipv6()) {
                    return Some(address.to_ip_addr());
                }
            }
            HostnameResolutionEvent::SearchTimeout(_) | HostnameResolutionEvent::SearchStopped(_) => return None,
            _ => {}
        }
    }
    None
}

/// One resolver a process, made when the first name comes.
fn daemon() -> Option<ServiceDaemon> {
    static DAEMON: Mutex<Option<ServiceDaemon>> = Mutex::new(None);
    let mut daemon = DAEMON.lock().unwrap_or_else(PoisonError::into_inner);
    if daemon.is_none() {
        match ServiceDaemon::new() {
            Ok(made) => *daemon = Some(made),
            Err(error) => tracing::warn!(%error, "no multicast DNS: candidates with .local names are left out"),
        }
    }
    daemon.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_address_counts() {
        let hidden = "candidate:1 1 udp 2122260223 0b7c-4.local 50000 typ host";
        assert_eq!(local_name(hidden), Some("0b7c-4.local"));
        let shown = with_address(hidden, "0b7c-4.local", "127.0.0.1".parse().unwrap());
        assert_eq!(shown, "candidate:1 1 udp 2122260223 127.0.0.1 50000 typ host");
        assert_eq!(local_name(&shown), None);
        assert_eq!(local_name(""), None);
    }
}
