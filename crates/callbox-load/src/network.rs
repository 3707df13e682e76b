//! What a network interface has carried, as the kernel counts it: with every header, acknowledgement and sign of life.

use std::path::Path;
use std::{fs, io};

use serde::Serialize;

const COUNTERS: &str = "/proc/net/dev";

/// Bytes and packets. On the loopback interface each is counted once, whichever way it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Carried {
    /// Bytes.
    pub bytes: u64,
    /// Packets.
    pub packets: u64,
}

/// Why nothing is known of an interface.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// No counters at all.
    #[error("{COUNTERS}: {0}")]
    Read(#[from] io::Error),
    /// It is not there, or the line is not what Linux writes.
    #[error("{COUNTERS}: no counters of an interface `{name}`: `ip link` lists those there are")]
    NoSuchInterface {
        /// What was looked for.
        name: String,
    },
}

/// What this interface has received so far; the loopback interface receives all that it sends.
///
/// # Errors
/// [`NetworkError`].
pub fn carried(name: &str) -> Result<Carried, NetworkError> {
    let text = fs::read_to_string(Path::new(COUNTERS))?;
    find(&text, name).ok_or_else(|| NetworkError::NoSuchInterface { name: name.to_owned() })
}

impl Carried {
    /// What came since then.
    pub fn since(self, before: Self) -> Self {
        Self { bytes: self.bytes - before.bytes, packets: self.packets - before.packets }
    }

    /// For each of so many.
    pub fn over(self, many: f64) -> (f64, f64) {
        (self.bytes as f64 / many, self.packets as f64 / many)
    }
}

fn find(text: &str, name: &str) -> Option<Carried> {
    let counters = text.lines().find_map(|line| line.trim_start().strip_prefix(name)?.strip_prefix(':'))?;
    let mut fields = counters.split_whitespace();
    Some(Carried { bytes: fields.next()?.parse().ok()?, packets: fields.next()?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counters_of_one_interface_are_found() {
        let text =
            "Inter-|   Receive\n face |bytes    packets errs\n    lo: 1000 20 0 0 0 0 0 0 1000 20\n  eth0:5 1 0\n";
        assert_eq!(find(text, "lo"), Some(Carried { bytes: 1000, packets: 20 }));
        assert_eq!(find(text, "eth0"), Some(Carried { bytes: 5, packets: 1 }));
        assert_eq!(find(text, "eth"), None);
        assert!(matches!(carried("none"), Err(NetworkError::NoSuchInterface { .. })));
    }

    #[test]
    fn loopback_counts_what_is_sent_over_it() {
        let before = carried("lo").unwrap();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(&[0; 100], socket.local_addr().unwrap()).unwrap();
        let sent = carried("lo").unwrap().since(before);
        assert!(sent.bytes >= 100 && sent.packets >= 1, "{sent:?}");
    }
}
