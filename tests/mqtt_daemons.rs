//! Two whole daemons at one Mosquitto, no hub anywhere: they ring, talk with media, and one of them is killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use callbox_core::ids::AppId;
use callbox_core::ticket::{self, SecretKey};

use crate::mosquitto::{Mosquitto, is_missing};

/// A daemon, started anew as often as it takes.
struct Daemon {
    home: PathBuf,
    process: Option<Child>,
}

impl Daemon {
    fn new(broker: &Mosquitto, dir: &Path, user: &str) -> Self {
        let home = dir.join(user);
        std::fs::create_dir(&home).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let ticket = ticket::make(AppId(7), &SecretKey::new("secret").unwrap(), &user.parse().unwrap(), now, 86400);
        broker.set_password(&format!("{user}@7"), &ticket);
        let config = format!(
            "[user]\napp = 7\nuser = \"{user}\"\nticket = \"{ticket}\"\n[signaling.mqtt]\nbrokers = [\"{}\"]\n[control]\nsocket = \"s\"\n[records]\npath = \"calls\"\n",
            broker.url()
        );
        std::fs::write(home.join("c.toml"), config).unwrap();
        let mut daemon = Self { home, process: None };
        daemon.start();
        daemon
    }

    fn start(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.home.join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_callbox"));
        command.args(["run", "--config", self.home.join("c.toml").to_str().unwrap()]);
        self.process = Some(command.stderr(log).stdout(Stdio::null()).spawn().unwrap());
        self.until("signalling is up", 60, |status| status["signaling"]["state"] == "up");
    }

    fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().unwrap();
        process.wait().unwrap();
    }

    fn ctl(&self, args: &[&str]) -> std::process::Output {
        let socket = self.home.join("s");
        let common = ["ctl", "--socket", socket.to_str().unwrap()];
        Command::new(env!("CARGO_BIN_EXE_callbox")).args(common).args(args).output().unwrap()
    }

    fn press(&self, args: &[&str]) {
        let output = self.ctl(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn until(&self, what: &str, seconds: u64, is_so: impl Fn(&serde_json::Value) -> bool) {
        let since = Instant::now();
        loop {
            let status = serde_json::from_slice(&self.ctl(&["status", "--json"]).stdout).unwrap_or_default();
            if is_so(&status) {
                return;
            }
            assert!(since.elapsed().as_secs() < seconds, "not in time: {what}: {status}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn until_phase(&self, phase: &str, seconds: u64) {
        self.until(phase, seconds, |status| status["view"]["phase"] == phase);
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.join("log")).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // It may have ended already, which the test has noticed then.
            let _ended = process.kill().and_then(|()| process.wait());
        }
    }
}

#[test]
fn two_panels_talk_and_a_killed_one_is_missed_and_comes_back() {
    if is_missing("two_panels_talk_and_a_killed_one_is_missed_and_comes_back") {
        return;
    }
    let (broker, dir) = (Mosquitto::start(&["door@7", "flat@7"]), tempfile::tempdir().unwrap());
    let door = Daemon::new(&broker, dir.path(), "door");
    let mut flat = Daemon::new(&broker, dir.path(), "flat");
    door.press(&["call", "flat", "--audio"]);
    flat.until_phase("ringing", 10);
    flat.press(&["accept"]);
    door.until_phase("talking", 10);
    flat.until_phase("talking", 10);
    // Media flows: without it the call would end after 15 s, and with it the silence after the kill is noticed.
    let first_audio = |status: &serde_json::Value| status["view"]["call"]["timing"]["first_audio_ms"].is_number();
    door.until("sound", 20, first_audio);
    flat.kill();
    door.until_phase("idle", 25);
    let records = std::fs::read_to_string(door.home.join("calls")).unwrap();
    assert!(records.contains("\"network_lost\""), "{records}\n{}", door.log());

    flat.start();
    door.press(&["call", "flat", "--audio"]);
    flat.until_phase("ringing", 10);
    flat.press(&["reject"]);
    door.until_phase("idle", 10);
    let records = std::fs::read_to_string(door.home.join("calls")).unwrap();
    assert!(records.contains("\"rejected\""), "{records}");
}
