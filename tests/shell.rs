//! The daemon and its command line from outside: exit status, readiness, the end.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use callbox_core::protocol::{EndReason, Message};

use crate::fake_hub::FakeHub;

pub(crate) fn callbox(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_callbox")).args(args).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_exit_status_tells_what_went_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.toml");
    let name = file.to_str().unwrap();
    std::fs::write(&file, "[user]\napp = \"x\"\n").unwrap();
    for command in ["run", "check"] {
        let output = callbox(&[command, "--config", name]);
        assert_eq!(output.status.code(), Some(2), "{command}");
        let said = text(&output.stderr);
        assert!(said.contains(&format!("{name}:2: user.app: ")), "{said}");
    }
    assert_eq!(callbox(&["ctl", "--socket", "/nonexistent/s", "status"]).status.code(), Some(3));
    assert_eq!(callbox(&["ctl", "mute", "perhaps"]).status.code(), Some(2));
    assert_eq!(callbox(&["ctl", "call", "a b"]).status.code(), Some(2));
    assert_eq!(callbox(&["dance"]).status.code(), Some(2));
}

#[test]
fn a_relay_is_switched_off_without_a_daemon_and_without_a_ticket() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.toml");
    let head =
        "[user]\napp = 7\nuser = \"door\"\nticket_file = \"nowhere\"\n[signaling.websocket]\nurl = \"ws://hub/ws\"\n";
    let off = |door: &str| {
        std::fs::write(&file, format!("{head}{door}")).unwrap();
        callbox(&["panel", "relay-off", "--config", file.to_str().unwrap()])
    };
    assert_eq!(off("").status.code(), Some(0));
    assert_eq!(off("[door]\nrelay = \"test\"\n").status.code(), Some(0));
    let missing = off("[door]\nrelay = \"NO_SUCH_LINE_9\"\n");
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("door relay: "), "{}", text(&missing.stderr));
    assert_eq!(off("[door]\nrelay = 1\n").status.code(), Some(2));
}

#[test]
fn a_check_says_what_is_unwise_and_exits_well() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.toml");
    std::fs::write(dir.path().join("key"), "short").unwrap();
    let text = "[user]\napp = 7\nuser = \"door\"\nkey_file = \"key\"\n[signaling.websocket]\nurl = \"ws://hub.example/ws\"\n\
        [do_not_disturb]\ntime_zone = \"Nowhere/At_All\"\n";
    std::fs::write(&file, text).unwrap();
    let output = callbox(&["check", "--config", file.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    for warning in ["user.key_file: a key of 5 characters", "unencrypted", "Nowhere/At_All", "mode 6"] {
        assert!(said.contains("warning: ") && said.contains(warning), "{warning} is not in: {said}");
    }
}

/// Neither its ticket, nor its time zone, nor its certificates, nor its folders: it runs, and says what it lacks.
#[tokio::test]
async fn a_daemon_runs_though_the_system_has_lost_what_it_needs() {
    let dir = tempfile::tempdir().unwrap();
    let config = r#"
[user]
app = 7
user = "door"
ticket_file = "nowhere/ticket"
[control]
socket = "s"
[do_not_disturb]
time_zone = "Nowhere/At_All"
[records]
path = "nowhere/calls.jsonl"
[snapshots]
path = "nowhere/snapshots"
[screen]
kind = "none"
idle = "nowhere.png"
[[buttons]]
line = "NO_SUCH_LINE_9"
action = "call:anna"
[signaling.mqtt]
brokers = ["mqtts://127.0.0.1:1"]
ca_file = "nowhere.crt"
"#;
    let _daemon = Daemon(daemon(dir.path(), config, "wss://127.0.0.1:1/ws").spawn().unwrap());
    let socket = dir.path().join("s");
    let status = || {
        let output = callbox(&["ctl", "--socket", socket.to_str().unwrap(), "status", "--json"]);
        serde_json::from_slice::<serde_json::Value>(&output.stdout).ok()
    };
    let until = Instant::now() + Duration::from_secs(30);
    let status = loop {
        assert!(Instant::now() < until, "{:?}", status());
        let is_told = |status: &serde_json::Value| {
            let texts = &status["fault_texts"];
            texts["time zone"].is_string() && status["signaling"]["last_error"].is_string()
        };
        match status().filter(is_told) {
            Some(status) => break status,
            None => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    };
    assert!(status["fault_texts"]["time zone"].as_str().unwrap().contains("Nowhere/At_All"), "{status}");
    assert!(status["faults"].as_array().unwrap().iter().any(|fault| fault == "time zone"), "{status}");
    assert!(status["signaling"]["last_error"].as_str().unwrap().contains("nowhere"), "{status}");
}

/// A daemon whose GStreamer has no plug-ins but those in `plugins`.
fn without_plugins(command: &mut Command, dir: &Path) -> std::path::PathBuf {
    let plugins = dir.join("plugins");
    std::fs::create_dir(&plugins).unwrap();
    for variable in ["GST_PLUGIN_SYSTEM_PATH", "GST_PLUGIN_SYSTEM_PATH_1_0", "GST_PLUGIN_PATH", "GST_PLUGIN_PATH_1_0"] {
        command.env(variable, &plugins);
    }
    for variable in ["GST_REGISTRY", "GST_REGISTRY_1_0"] {
        command.env(variable, dir.join("registry"));
    }
    plugins
}

/// The folders with the plug-ins of this machine.
fn installed_plugins() -> std::collections::BTreeSet<std::path::PathBuf> {
    gstreamer::init().unwrap();
    let files = gstreamer::Registry::get().plugins().into_iter().filter_map(|plugin| plugin.filename());
    files.filter_map(|file| file.parent().map(Path::to_owned)).collect()
}

/// It runs, says what to install, answers invites, opens the door; and calls work when the plug-ins are there, without a restart.
#[tokio::test]
async fn a_daemon_without_plugins_of_gstreamer_turns_calls_away_and_opens_the_door() {
    let dir = tempfile::tempdir().unwrap();
    let hub = FakeHub::new().await;
    let config = format!("{HOUSE}[records]\npath = \"calls\"\n[door]\nrelay = \"test\"\n");
    let mut command = daemon(dir.path(), &config, &hub.url());
    let plugins = without_plugins(&mut command, dir.path());
    let daemon = Daemon(command.spawn().unwrap());
    let mut session = hub.connection_within(Duration::from_secs(30)).await;
    session.hear().await;
    session.say(r#""type":"welcome","you":{"user":"door","device":"panel"},"heartbeat_ms":60000"#).await;
    let invite = |call: &str| {
        format!(
            r#""from":{{"user":"anna","device":"x"}},"to":{{"user":"door"}},"type":"invite","call":"{call}","kind":"single","media":"audio","callees":["door"],"remaining_ms":30000,"agent":"browser","early":"off""#
        )
    };
    session.say(&invite("c1")).await;
    loop {
        match session.hear().await.message {
            Message::Reject { reason, .. } => break assert_eq!(reason, EndReason::MediaFailed),
            Message::Ringing { .. } => panic!("it rings, though nobody could talk"),
            _ => {}
        }
    }
    let socket = dir.path().join("s");
    let ctl = |args: &[&str]| callbox(&[&["ctl", "--socket", socket.to_str().unwrap()], args].concat());
    let status = || -> serde_json::Value { serde_json::from_slice(&ctl(&["status", "--json"]).stdout).unwrap() };
    let fault = status()["fault_texts"]["media"].as_str().expect("a fault").to_owned();
    assert!(fault.contains("webrtcbin") && fault.contains("apt install gstreamer1.0-nice "), "{fault}");
    let refused = ctl(&["call", "anna"]);
    assert_eq!((refused.status.code(), text(&refused.stderr).contains(&fault)), (Some(1), true), "{refused:?}");
    assert!(ctl(&["unlock"]).status.success());
    assert_eq!(ctl(&["snapshot", "camera", "-"]).status.code(), Some(1));

    for (at, folder) in installed_plugins().iter().enumerate() {
        std::os::unix::fs::symlink(folder, plugins.join(at.to_string())).unwrap();
    }
    let pid = rustix::process::Pid::from_raw(i32::try_from(daemon.0.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    let until = Instant::now() + Duration::from_secs(90);
    while status()["fault_texts"]["media"].is_string() {
        assert!(Instant::now() < until, "{}", status());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    session.say(&invite("c2")).await;
    loop {
        match session.hear().await.message {
            Message::Ringing { .. } => break,
            Message::Reject { reason, .. } => panic!("{reason}"),
            _ => {}
        }
    }
}

#[test]
fn a_configuration_on_a_disk_that_is_not_there_yet_is_tried_again_by_systemd() {
    // Status 2 is what the unit does not start again after.
    assert_eq!(callbox(&["run", "--config", "/nonexistent/c.toml"]).status.code(), Some(1));
    assert_eq!(callbox(&["check", "--config", "/nonexistent/c.toml"]).status.code(), Some(2));
}

#[test]
fn a_configuration_in_another_encoding_is_wrong_until_somebody_saves_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.toml");
    std::fs::write(&file, b"# T\xfcr\n").unwrap();
    let output = callbox(&["run", "--config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2), "systemd does not start it again");
    let told = text(&output.stderr);
    assert!(told.contains("c.toml") && told.contains("save it as UTF-8"), "{told}");
}

#[test]
fn defaults_prints_the_annotated_file() {
    let output = callbox(&["defaults"]);
    assert!(output.status.success());
    assert_eq!(text(&output.stdout), callbox::config::DEFAULTS);
}

/// Ends with the test, however that ends.
pub(crate) struct Daemon(pub(crate) std::process::Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // It has ended already when all went well.
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// The user whose key lies beside the configuration, and the control socket, as `daemon` puts them there.
pub(crate) const HOUSE: &str = "[user]\napp = 7\nuser = \"door\"\nkey_file = \"key\"\n[control]\nsocket = \"s\"\n";

/// A daemon that is not started yet; `config` stands in `dir` as `c.toml`, with this hub.
pub(crate) fn daemon(dir: &Path, config: &str, hub: &str) -> Command {
    std::fs::write(dir.join("c.toml"), format!("{config}[signaling.websocket]\nurl = \"{hub}\"\n")).unwrap();
    std::fs::write(dir.join("key"), "secret").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_callbox"));
    command.args(["run", "--config", dir.join("c.toml").to_str().unwrap()]).stderr(Stdio::null());
    command
}

/// The line for `systemctl status` in a message to systemd.
fn status_line(said: &str) -> Option<&str> {
    said.lines().find_map(|line| line.strip_prefix("STATUS="))
}

/// Readiness, an invite that rings, the control socket, and the end: one start of the whole daemon.
#[tokio::test]
async fn a_daemon_lives_and_ends_as_systemd_expects() {
    let dir = tempfile::tempdir().unwrap();
    let hub = FakeHub::new().await;
    let socket = dir.path().join("s");
    let notify = UnixDatagram::bind(dir.path().join("notify")).unwrap();
    notify.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut command = daemon(dir.path(), &format!("{HOUSE}[records]\npath = \"calls\"\n"), &hub.url());
    let mut daemon = Daemon(command.env("NOTIFY_SOCKET", dir.path().join("notify")).spawn().unwrap());

    let mut session = hub.connection_within(Duration::from_secs(30)).await;
    let login = session.hear().await;
    assert!(matches!(login.message, Message::Login { .. }));
    session.say(r#""type":"welcome","you":{"user":"door","device":"panel"},"heartbeat_ms":60000"#).await;
    let notify = Arc::new(notify);
    let told = || {
        let notify = Arc::clone(&notify);
        async move {
            let told = tokio::task::spawn_blocking(move || {
                let mut message = [0; 256];
                let taken = notify.recv(&mut message).unwrap();
                text(&message[..taken])
            });
            told.await.unwrap()
        }
    };
    let said = told().await;
    assert!(said.starts_with("READY=1"), "ready once signalling is up, not: {said:?}");
    assert_eq!(status_line(&said), Some("signalling is up"), "what `systemctl status` shows of a healthy panel");

    let ctl = |args: &'static [&'static str]| {
        let socket = socket.clone();
        async move {
            tokio::task::spawn_blocking(move || {
                callbox(&[&["ctl", "--socket", socket.to_str().unwrap()], args].concat())
            })
            .await
            .unwrap()
        }
    };
    let refused = ctl(&["accept"]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("nobody rings"), "{}", text(&refused.stderr));
    session
        .say(r#""from":{"user":"anna","device":"x"},"to":{"user":"door"},"type":"invite","call":"c1","kind":"single","media":"audio","callees":["door"],"remaining_ms":30000,"agent":"browser","early":"off""#)
        .await;
    loop {
        if matches!(session.hear().await.message, Message::Ringing { .. }) {
            break;
        }
    }
    let status: serde_json::Value = serde_json::from_slice(&ctl(&["status", "--json"]).await.stdout).unwrap();
    assert_eq!((&status["view"]["phase"], &status["signaling"]["state"]), (&"ringing".into(), &"up".into()));
    assert!(status["process"]["threads"].as_u64().is_some_and(|threads| threads > 1), "{status}");
    assert!(ctl(&["reject"]).await.status.success());
    loop {
        if let Message::Reject { reason, .. } = session.hear().await.message {
            assert_eq!(reason, EndReason::Rejected);
            break;
        }
    }
    let pid = rustix::process::Pid::from_raw(i32::try_from(daemon.0.id()).unwrap()).unwrap();
    // Records go elsewhere from now on; another user would need a new start.
    let config = std::fs::read_to_string(dir.path().join("c.toml")).unwrap();
    let changed = config.replace("\"calls\"", "\"other\"").replace("\"door\"", "\"gate\"");
    std::fs::write(dir.path().join("c.toml"), changed).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    let said = told().await;
    assert!(said.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{said:?}");
    let said = told().await;
    assert!(said.starts_with("READY=1"), "and ready again: {said:?}");
    assert_eq!(status_line(&said), Some("signalling is up"), "a reload does not change that");
    let status: serde_json::Value = serde_json::from_slice(&ctl(&["status", "--json"]).await.stdout).unwrap();
    assert_eq!((&status["me"]["user"], &status["signaling"]["state"]), (&"door".into(), &"up".into()));
    assert!(ctl(&["call", "anna", "--audio"]).await.status.success());

    let (since, heard) = (Instant::now(), tokio::spawn(session.hear_out()));
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let ended = tokio::task::spawn_blocking(move || daemon.0.wait().unwrap()).await.unwrap();
    assert!(ended.success() && since.elapsed() < Duration::from_secs(3), "{ended} after {:?}", since.elapsed());
    let last_words = heard.await.unwrap();
    assert!(last_words.contains(&"invite") && last_words.contains(&"cancel"), "{last_words:?}");
    let records = |name| std::fs::read_to_string(dir.path().join(name)).unwrap();
    assert!(records("calls").contains("\"rejected\""), "{}", records("calls"));
    assert!(records("other").contains("\"cancelled\""), "{}", records("other"));
    assert!(!socket.exists(), "the socket is removed");
}
