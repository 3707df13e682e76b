//! Another program, with a deadline.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often an end is looked for.
const LOOK: Duration = Duration::from_millis(20);
/// How a child ends that could not become the program and could not tell its parent (glibc's posix_spawn, under an emulator).
const NOT_STARTED: i32 = 127;
/// More than any program that is asked here has to say.
const MOST: u64 = 1024 * 1024;

/// Why a program gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChildError {
    /// It does not start.
    #[error("does not start: {0}")]
    Start(std::io::Error),
    /// It took too long, and was ended.
    #[error("hangs: no end within {} s", .0.as_secs())]
    Hangs(Duration),
    /// It failed, with its last words.
    #[error("{}{}", end(.0), .1)]
    Failed(ExitStatus, String),
}

fn end(status: &ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("crashed with signal {signal}"),
        (None, None) => "ended strangely".to_owned(),
    }
}

/// Runs it to its end; gives what it wrote.
pub(super) fn run(command: &mut Command, limit: Duration) -> Result<String, ChildError> {
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(ChildError::Start)?;
    let said = read_aside(child.stdout.take());
    let complained = read_aside(child.stderr.take());
    let status = wait(&mut child, limit)?;
    let said = said.join().unwrap_or_default();
    if status.success() {
        return Ok(said);
    }
    let complained = complained.join().unwrap_or_default();
    if status.code() == Some(NOT_STARTED) && said.is_empty() && complained.is_empty() {
        return Err(ChildError::Start(std::io::Error::other("the system does not run it")));
    }
    let last = complained.lines().rev().find(|line| !line.trim().is_empty());
    Err(ChildError::Failed(status, last.map(|line| format!(": {line}")).unwrap_or_default()))
}

fn wait(child: &mut Child, limit: Duration) -> Result<ExitStatus, ChildError> {
    let until = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if Instant::now() < until => thread::sleep(LOOK),
            Ok(None) => {
                // One that hangs in a driver stays until the driver lets go of it; nobody waits for that.
                return match child.kill() {
                    Ok(()) => Err(ChildError::Hangs(limit)),
                    Err(error) => Err(ChildError::Start(error)),
                };
            }
            Err(error) => return Err(ChildError::Start(error)),
        }
    }
}

/// Reads on a thread of its own, so that a full pipe stops nobody.
fn read_aside(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            // What came before a pipe broke is worth reading too.
            let _broken = pipe.take(MOST).read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, limit: Duration) -> Result<String, ChildError> {
        run(Command::new("sh").args(["-c", script]), limit)
    }

    #[test]
    fn a_program_answers_fails_crashes_or_hangs() {
        let long = Duration::from_secs(20);
        assert_eq!(sh("echo yes", long).unwrap(), "yes\n");
        assert_eq!(sh("echo first >&2; echo why >&2; exit 3", long).unwrap_err().to_string(), "exit status 3: why");
        assert_eq!(sh("kill -SEGV $$", long).unwrap_err().to_string(), "crashed with signal 11");
        assert!(matches!(sh("exec sleep 60", Duration::from_millis(200)), Err(ChildError::Hangs(_))));
        assert!(matches!(run(&mut Command::new("/nonexistent"), long), Err(ChildError::Start(_))));
    }

    #[test]
    fn a_talkative_program_is_no_reason_to_wait() {
        let said = sh("head -c 200000 /dev/zero | tr '\\0' a", Duration::from_secs(20)).unwrap();
        assert_eq!(said.len(), 200_000);
    }
}
