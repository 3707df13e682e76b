//! What this process uses, as the kernel counts it: so that a leak is seen long before it hurts.

use std::fs;

use serde::Serialize;

/// What this process uses. Absent: the system does not tell.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Process {
    pid: u32,
    threads: Option<u64>,
    fds: Option<usize>,
    rss_kib: Option<u64>,
}

/// Looks now.
pub(super) fn process() -> Process {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    };
    // One of them is the directory that is being read.
    let fds = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count().saturating_sub(1));
    Process { pid: std::process::id(), threads: number("Threads:"), fds, rss_kib: number("VmRSS:") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_a_thread_a_descriptor_and_memory() {
        let found = process();
        assert!(found.threads.unwrap() >= 1 && found.fds.unwrap() >= 3 && found.rss_kib.unwrap() > 0, "{found:?}");
    }
}
