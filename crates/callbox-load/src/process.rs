//! What a process takes of the machine: memory, processor time, file descriptors.

use std::path::PathBuf;
use std::{fs, io};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Why nothing is known about a process.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It is gone, or somebody else's.
    #[error("{path}: {source}: is this the number of a running process?", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Not what Linux writes there.
    #[error("{path}: there is no {what} in it", path = path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
}

/// Too many stations for the descriptors this process may have.
#[derive(Debug, thiserror::Error)]
#[error(
    "{needed} file descriptors are needed and {allowed} allowed: raise the hard limit (`ulimit -Hn`, LimitNOFILE=)"
)]
pub struct TooFewDescriptors {
    needed: u64,
    allowed: u64,
}

/// Resident memory of a process, in bytes.
///
/// # Errors
/// [`ProcessError`].
pub fn resident(pid: u32) -> Result<u64, ProcessError> {
    let (path, text) = read(pid, "status")?;
    let kilobytes = text.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
    kilobytes.map(|kilobytes: u64| kilobytes * 1024).ok_or(ProcessError::Format { path, what: "VmRSS" })
}

/// Processor time a process has used, in seconds.
///
/// # Errors
/// [`ProcessError`].
pub fn processor_seconds(pid: u32) -> Result<f64, ProcessError> {
    let (path, text) = read(pid, "stat")?;
    ticks(&text)
        .map(|ticks| ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
        .ok_or(ProcessError::Format { path, what: "utime and stime" })
}

/// Raises the soft limit of descriptors to the hard one.
///
/// # Errors
/// [`TooFewDescriptors`] when that is not enough for `needed`.
pub fn allow_descriptors(needed: u64) -> Result<(), TooFewDescriptors> {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let limit = if raised.is_ok() { limit.maximum } else { limit.current };
    match limit {
        Some(allowed) if allowed < needed => Err(TooFewDescriptors { needed, allowed }),
        _ => Ok(()),
    }
}

fn read(pid: u32, file: &str) -> Result<(PathBuf, String), ProcessError> {
    let path = PathBuf::from(format!("/proc/{pid}/{file}"));
    match fs::read_to_string(&path) {
        Ok(text) => Ok((path, text)),
        Err(source) => Err(ProcessError::Read { path, source }),
    }
}

/// utime and stime: the 12th and 13th field after the name, which may hold anything but ends with the last `)` (proc(5)).
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_used_time() {
        let pid = std::process::id();
        assert!(resident(pid).unwrap() > 100_000);
        assert!(processor_seconds(pid).unwrap() >= 0.0);
        assert!(matches!(resident(u32::MAX), Err(ProcessError::Read { .. })));
    }

    #[test]
    fn a_name_may_hold_spaces_and_brackets() {
        let stat = "7 (a) b) c) S 1 2 3 4 5 6 7 8 9 10 100 20 0 0";
        assert_eq!(ticks(stat), Some(120));
    }

    #[test]
    fn descriptors_are_raised_or_the_lack_is_told() {
        assert!(allow_descriptors(16).is_ok());
        assert!(allow_descriptors(u64::MAX).is_err() || getrlimit(Resource::Nofile).maximum.is_none());
    }
}
