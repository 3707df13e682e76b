//! Two whole daemons at one Mosquitto, no hub anywhere: they ring, talk with media, one of them is killed, and hears later what it missed.

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
        let mut daemon = Self::absent(broker, dir, user);
        daemon.start();
        daemon
    }

    /// One that does not run yet.
    fn absent(broker: &Mosquitto, dir: &Path, user: &str) -> Self {
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
        Self { home, process: None }
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

    /// Rings the other one in vain. Returns the call.
    fn ring_in_vain(&self, user: &str) -> String {
        let before = self.records().len();
        self.press(&["call", user, "--audio"]);
        // Without any session of this user the broker says so at once, and the call is over by itself.
        let is_over = |status: &serde_json::Value| status["view"]["phase"] == "idle";
        self.until("it rings or is over", 10, |status| status["view"]["phase"] == "inviting" || is_over(status));
        if self.records().len() == before {
            self.ctl(&["hangup"]);
        }
        self.until("the record is written", 10, |_| self.records().len() > before);
        let last: serde_json::Value = serde_json::from_str(self.records().last().expect("it was written")).unwrap();
        last["call"].as_str().expect("a call has an id").to_owned()
    }

    fn records(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.home.join("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The notes of calls that reached nobody.
    fn notes(&self) -> String {
        std::fs::read_to_string(self.home.join("calls.missed")).unwrap_or_default()
    }

    fn until_missed(&self, calls: &[&str]) {
        let missed = |status: &serde_json::Value| {
            let missed = status["missed"].as_array().cloned().unwrap_or_default();
            missed.iter().map(|missed| missed["call"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
        };
        self.until(&format!("missed: {calls:?}"), 15, |status| missed(status) == calls);
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

#[test]
fn who_was_away_is_told_once_by_the_panel_that_rang() {
    if is_missing("who_was_away_is_told_once_by_the_panel_that_rang") {
        return;
    }
    let (broker, dir) = (Mosquitto::start(&["door@7", "flat@7"]), tempfile::tempdir().unwrap());
    let mut door = Daemon::new(&broker, dir.path(), "door");
    let mut flat = Daemon::absent(&broker, dir.path(), "flat");
    // Nobody of that name was ever there, and the panel is restarted before somebody is.
    let first = door.ring_in_vain("flat");
    door.until("it is noted", 10, |_| door.notes().contains(&first));
    door.kill();
    door.start();
    flat.start();
    flat.until_missed(&[&first]);
    door.until("the note is gone", 10, |_| door.notes().is_empty());

    // The broker keeps a session for it now, and the invite in it, which is over when it comes back.
    flat.kill();
    let second = door.ring_in_vain("flat");
    flat.start();
    flat.until_missed(&[&second]);
    door.until("the note is gone", 10, |_| door.notes().is_empty());

    // Neither is told again. What the panel had to tell would come before its ring.
    door.kill();
    flat.kill();
    door.start();
    flat.start();
    door.press(&["call", "flat", "--audio"]);
    flat.until_phase("ringing", 10);
    flat.until_missed(&[]);
    // A call that rings is not missed.
    door.press(&["hangup"]);
    flat.until_phase("idle", 10);
    door.until("nothing is noted", 10, |_| door.notes().is_empty());
    assert!(!door.log().contains("missed calls"), "{}", door.log());
}

impl Daemon {
    /// Waits until the daemon talks with exactly so many others, and media flows with each of them.
    fn until_peers(&self, peers: usize, seconds: u64) {
        self.until(&format!("{peers} peers"), seconds, |status| {
            let list = status["view"]["call"]["peers"].as_array();
            list.is_some_and(|list| list.len() == peers && list.iter().all(|peer| peer["state"] == "talking"))
        });
    }
}

#[test]
fn three_panels_talk_the_caller_leaves_and_comes_back() {
    if is_missing("three_panels_talk_the_caller_leaves_and_comes_back") {
        return;
    }
    let (broker, dir) = (Mosquitto::start(&["door@7", "flat@7", "gate@7"]), tempfile::tempdir().unwrap());
    let door = Daemon::new(&broker, dir.path(), "door");
    let flat = Daemon::new(&broker, dir.path(), "flat");
    let gate = Daemon::new(&broker, dir.path(), "gate");
    door.press(&["call", "flat", "gate", "--audio", "--group"]);
    for callee in [&flat, &gate] {
        callee.until_phase("ringing", 10);
        callee.press(&["accept"]);
    }
    for daemon in [&door, &flat, &gate] {
        daemon.until_peers(2, 30);
    }
    // A stranger's word about the call id lets nobody in; the caller leaves, the others go on.
    door.press(&["hangup"]);
    door.until_phase("idle", 10);
    for daemon in [&flat, &gate] {
        daemon.until_peers(1, 20);
    }
    door.press(&["join"]);
    for daemon in [&door, &flat, &gate] {
        daemon.until_peers(2, 30);
    }
    flat.press(&["hangup"]);
    gate.press(&["hangup"]);
    door.until_phase("idle", 15);
    let records = std::fs::read_to_string(door.home.join("calls")).unwrap();
    let last: serde_json::Value = serde_json::from_str(records.lines().last().unwrap()).unwrap();
    assert_eq!(last["kind"], "group", "{records}");
    assert_eq!(last["parties"].as_array().map(Vec::len), Some(2), "{records}");
}

#[test]
fn a_call_between_two_panels_grows_to_three() {
    if is_missing("a_call_between_two_panels_grows_to_three") {
        return;
    }
    let (broker, dir) = (Mosquitto::start(&["door@7", "flat@7", "gate@7"]), tempfile::tempdir().unwrap());
    let door = Daemon::new(&broker, dir.path(), "door");
    let flat = Daemon::new(&broker, dir.path(), "flat");
    let gate = Daemon::new(&broker, dir.path(), "gate");
    door.press(&["call", "flat", "--audio"]);
    flat.until_phase("ringing", 10);
    flat.press(&["accept"]);
    let first_audio = |status: &serde_json::Value| status["view"]["call"]["timing"]["first_audio_ms"].is_number();
    door.until("sound", 20, first_audio);
    flat.press(&["add", "gate"]);
    gate.until_phase("ringing", 10);
    gate.press(&["accept"]);
    for daemon in [&door, &flat, &gate] {
        daemon.until_peers(2, 30);
    }
}
