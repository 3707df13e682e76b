//! `callbox doctor` from outside: what it finds, what it advises, and how it ends.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::fake_hub::FakeHub;
use crate::mosquitto::{Mosquitto, is_missing};
use crate::shell::Daemon;

/// Devices that every machine has.
const DEVICES: &str = "[camera]\nkind = \"test\"\n[microphone]\nkind = \"test\"\n[speaker]\nkind = \"test\"\n\
                       [screen]\nkind = \"test\"\n[control]\nsocket = \"s\"\n";

/// A folder with a configuration for the hub at `url`, and a ticket that was made at `made` for an hour.
fn board(url: &str, made: u64) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let key = callbox_core::ticket::SecretKey::new("secret").unwrap();
    let app = callbox_core::ids::AppId(7);
    let ticket = callbox_core::ticket::make(app, &key, &"door".parse().unwrap(), made, 3600);
    std::fs::write(dir.path().join("ticket"), ticket).unwrap();
    let server = format!("[signaling.websocket]\nurl = \"{url}\"\n");
    let user = "[user]\napp = 7\nuser = \"door\"\nticket_file = \"ticket\"\n";
    std::fs::write(dir.path().join("c.toml"), format!("{user}{server}{DEVICES}")).unwrap();
    dir
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

fn doctor(dir: &Path, args: &[&str], environment: &[(&str, &Path)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callbox"));
    command.args(["doctor", "--config"]).arg(dir.join("c.toml")).args(args);
    command.envs(environment.iter().map(|(name, value)| (name, value.as_os_str())));
    command.output().unwrap()
}

/// The findings about a subject: verdict, text and remedy.
fn about(output: &Output, subject: &str) -> Vec<(String, String, String)> {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    findings
        .filter(|finding| finding["subject"] == subject)
        .map(|finding| (text(&finding["verdict"]), text(&finding["text"]), text(&finding["fix"])))
        .collect()
}

fn one(output: &Output, subject: &str) -> (String, String, String) {
    let found = about(output, subject);
    assert_eq!(found.len(), 1, "{subject}: {}", String::from_utf8_lossy(&output.stdout));
    found.into_iter().next().unwrap()
}

async fn examine(dir: &Path) -> Output {
    let dir = dir.to_owned();
    tokio::task::spawn_blocking(move || doctor(&dir, &["--json"], &[])).await.unwrap()
}

#[tokio::test]
async fn a_board_that_is_well_is_told_so_and_nobody_is_logged_in() {
    let hub = FakeHub::new().await;
    let dir = board(&hub.url(), now());
    let (output, login) = tokio::join!(examine(dir.path()), async {
        let mut session = hub.connection().await;
        let login = session.hear().await;
        session.say(r#""type":"bye","reason":"not_logged_in","text":"the device name `hub` is the hub's own""#).await;
        login
    });
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(login.encode().contains(r#""device":"hub""#), "{}", login.encode());
    assert_eq!(output.status.code(), Some(0), "{said}");
    for subject in ["configuration", "ticket", "hub", "plug-ins", "encoder", "camera", "sound", "screen", "keys"] {
        assert_eq!(one(&output, subject).0, "ok", "{subject}: {said}");
    }
    assert!(one(&output, "hub").1.contains("takes the ticket"), "{said}");
    assert_eq!(one(&output, "daemon").0, "warn", "there is no daemon");
}

#[tokio::test]
async fn a_hub_that_refuses_or_is_dead_fails() {
    let hub = FakeHub::new().await;
    let dir = board(&hub.url(), now());
    let (output, ()) = tokio::join!(examine(dir.path()), async {
        let mut session = hub.connection().await;
        drop(session.hear().await);
        session.say(r#""type":"bye","reason":"not_logged_in","code":70009,"text":"signed with another key""#).await;
    });
    let (verdict, text, fix) = one(&output, "hub");
    assert_eq!((verdict.as_str(), output.status.code()), ("fail", Some(1)));
    assert!(text.contains("signed with another key") && fix.starts_with("callbox ticket verify"), "{text}; {fix}");
    drop(hub);
    let (verdict, text, fix) = one(&examine(dir.path()).await, "hub");
    assert!(verdict == "fail" && text.contains("refused") && fix.contains("systemctl status"), "{text}; {fix}");
}

/// Waits until the daemon of this folder says so.
fn until_up(dir: &Path) -> Value {
    let socket = dir.join("s");
    for _ in 0..600 {
        let asked = ["ctl", "--socket", socket.to_str().unwrap(), "status", "--json"];
        let output = Command::new(env!("CARGO_BIN_EXE_callbox")).args(asked).output().unwrap();
        let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        if status["signaling"]["state"] == "up" {
            return status;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("the daemon is not logged in after 60 s");
}

#[test]
fn a_broker_that_binds_client_ids_is_well_with_and_without_the_daemon() {
    if is_missing("a_broker_that_binds_client_ids_is_well_with_and_without_the_daemon") {
        return;
    }
    let broker = Mosquitto::start(&["door@7"]);
    let dir = board("ws://unused/ws", now());
    let file = dir.path().join("c.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    let mqtt = format!("[signaling.mqtt]\nbrokers = [\"{}\"]", broker.url());
    std::fs::write(&file, config.replace("[signaling.websocket]\nurl = \"ws://unused/ws\"", &mqtt)).unwrap();
    broker.set_password("door@7", &std::fs::read_to_string(dir.path().join("ticket")).unwrap());
    let report = || one(&doctor(dir.path(), &["--json"], &[]), "broker");
    let (verdict, text, _) = report();
    assert!(verdict == "ok" && text.contains("takes the ticket"), "without a daemon: {text}");

    let mut command = Command::new(env!("CARGO_BIN_EXE_callbox"));
    command.arg("run").arg("--config").arg(&file).stderr(std::process::Stdio::null());
    let _daemon = Daemon(command.spawn().unwrap());
    until_up(dir.path());
    let (verdict, text, _) = report();
    assert!(verdict == "ok" && text.contains("the daemon is logged in"), "with a daemon: {text}");
    assert_eq!(until_up(dir.path())["signaling"]["connects"], 1, "it kept its session");
}

#[test]
fn an_expired_ticket_is_told_with_the_command_for_a_new_one() {
    let dir = board("ws://127.0.0.1:1/ws", now() - 3 * 24 * 3600);
    let output = doctor(dir.path(), &["--json"], &[]);
    let (verdict, text, fix) = one(&output, "ticket");
    assert_eq!((verdict.as_str(), output.status.code()), ("fail", Some(1)));
    assert!(text.contains("expired 2 days ago"), "{text}");
    assert!(fix.starts_with("callbox ticket make --app 7 --user door") && fix.contains("/ticket"), "{fix}");
}

#[test]
fn a_missing_plugin_is_named_with_its_package() {
    let dir = board("ws://127.0.0.1:1/ws", now());
    let plugins = dir.path().join("plugins");
    std::fs::create_dir(&plugins).unwrap();
    let all = Command::new("pkg-config").args(["--variable=pluginsdir", "gstreamer-1.0"]).output().unwrap();
    let all = String::from_utf8(all.stdout).unwrap();
    for entry in std::fs::read_dir(all.trim()).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_name().to_string_lossy().contains("srtp.so") {
            std::os::unix::fs::symlink(entry.path(), plugins.join(entry.file_name())).unwrap();
        }
    }
    let registry = dir.path().join("registry");
    let environment = [("GST_PLUGIN_SYSTEM_PATH_1_0", plugins.as_path()), ("GST_REGISTRY_1_0", registry.as_path())];
    let output = doctor(dir.path(), &["--json"], &environment);
    let (verdict, text, fix) = one(&output, "plug-ins");
    assert!(verdict == "fail" && text.contains("srtpenc"), "{text}");
    assert_eq!(fix, "sudo apt install gstreamer1.0-plugins-bad");
}

#[test]
fn a_machine_without_anything_is_told_how_to_begin() {
    let dir = tempfile::tempdir().unwrap();
    let output = doctor(dir.path(), &[], &[]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("fail  configuration  ") && said.contains("→ callbox defaults | sudo tee"), "{said}");
    assert!(said.contains("ok    GStreamer") && !said.contains('\u{1b}'), "no colours in a pipe: {said}");
}

#[test]
fn an_echo_is_measured_of_real_devices_only() {
    let dir = board("ws://127.0.0.1:1/ws", now());
    let mut command = Command::new(env!("CARGO_BIN_EXE_callbox"));
    let output =
        command.args(["doctor", "echo", "--json", "--config"]).arg(dir.path().join("c.toml")).output().unwrap();
    let (verdict, text, fix) = one(&output, "echo");
    assert_eq!((output.status.code(), verdict.as_str()), (Some(1), "fail"));
    assert!(text.contains("microphone.kind") && fix.contains("callbox doctor"), "{text} {fix}");
}
