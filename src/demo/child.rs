//! A child process with an owner: asked to end, made to end, never left behind.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child as Process, Command};

/// A daemon ends within 3 s.
const END: Duration = Duration::from_secs(4);
const TAIL: usize = 15;

/// One child and the file it logs to.
#[derive(Debug)]
pub(super) struct Child {
    process: Process,
    log: PathBuf,
}

impl Child {
    /// Starts a program. Its output goes to `log`; its input is empty.
    pub(super) fn start(program: &Path, args: &[&str], log: PathBuf) -> io::Result<Self> {
        let out = File::create(&log)?;
        let mut command = match find_setpriv() {
            // Should we be killed outright, the kernel ends the child.
            Some(setpriv) => {
                let mut command = Command::new(setpriv);
                command.args(["--pdeathsig", "TERM"]).arg(program);
                command
            }
            None => Command::new(program),
        };
        // As the systemd unit does: glibc's many arenas would grow with each call's threads.
        command.env("MALLOC_ARENA_MAX", "2");
        command.args(args).stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).kill_on_drop(true);
        // A signal that the terminal sends to all of us is ours to pass on, in order.
        command.process_group(0);
        Ok(Self { process: command.spawn()?, log })
    }

    /// Whether it still runs; if not, how it ended and what it said last.
    pub(super) fn check(&mut self) -> Result<(), String> {
        match self.process.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("it has ended ({status}):\n{}", self.tail())),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The last lines of its log.
    pub(super) fn tail(&self) -> String {
        let text =
            std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }

    /// Asks it to end, and makes it end.
    pub(super) async fn end(mut self) {
        let pid = self.process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let asked = pid.map(|pid| kill_process(pid, Signal::TERM));
        if let Some(Ok(())) = asked {
            if tokio::time::timeout(END, self.process.wait()).await.is_ok() {
                return;
            }
        }
        if let Err(error) = self.process.kill().await {
            super::say(&format!("a child process is left behind: {error}\n"));
        }
    }
}

/// `setpriv` of util-linux.
fn find_setpriv() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join("setpriv")).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_child_is_ended_and_its_last_words_are_known() {
        let dir = tempfile::tempdir().unwrap();
        let start = |script: &str| Child::start(Path::new("/bin/sh"), &["-c", script], dir.path().join("log")).unwrap();
        let mut child = start("echo farewell; exit 3");
        for _ in 0..100 {
            if child.check().is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let said = child.check().unwrap_err();
        assert!(said.contains("farewell") && said.contains('3'), "{said}");
        let mut child = start("exec sleep 60");
        assert!(child.check().is_ok());
        let began = std::time::Instant::now();
        child.end().await;
        assert!(began.elapsed() < END);
    }
}
