//! The program itself: its command line, its end, and what it remembers of a life that ended badly.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::process::{PROGRAM, Process};

fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_says_goodbye_and_exits_with_success_within_three_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let mut hub = Process::start(folder.path());
    let mut anna = hub.device("anna", "phone").await;
    let begin = Instant::now();
    hub.signal("-TERM");
    assert_eq!(anna.hear_bye().await["reason"], "shutdown");
    drop(anna);
    let status = hub.child.wait().unwrap();
    assert!(status.success(), "{status}");
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undecided_invite_outlives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Process::start(folder.path());
    let mut door = hub.device("door", "panel").await;
    door.invite("c1", &["anna"], 30_000).await;
    assert_eq!(door.hear().await["code"], "queued");
    hub.signal("-KILL");
    drop(hub);
    let hub = Process::start(folder.path());
    let mut anna = hub.device("anna", "phone").await;
    let invite = anna.hear().await;
    assert_eq!((&invite["type"], &invite["call"]), (&json!("invite"), &json!("c1")));
}

#[test]
fn what_is_wrong_with_a_configuration_is_said_with_its_line_and_exit_2() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hub.toml");
    let name = file.to_str().unwrap();
    for (text, expected) in [
        (None, "hub.toml: cannot be read"),
        (Some("[server]\nlisten = 8080\n"), "hub.toml:2: invalid type"),
        (Some("[server]\n\nlissten = \"127.0.0.1:1\"\n"), "hub.toml:3: unknown field `lissten`"),
        (Some("[[app]]\nid = 1\nkey_file = \"gone.key\"\n"), "hub.toml:3: app.key_file:"),
    ] {
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        for command in ["check", "run"] {
            let output = run(&[command, "--config", name]);
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            // A file that is absent may be there at the next start, which systemd makes after status 1 alone.
            let is_absent = text.is_none_or(|text| text.contains("gone.key"));
            let status = if is_absent && command == "run" { 1 } else { 2 };
            assert!(output.status.code() == Some(status) && error.contains(expected), "{command}: {error}");
        }
    }
    assert!(!run(&["run", "--demo", "--listen", "0.0.0.0:0"]).status.success());
}

#[test]
fn the_default_configuration_is_printed_and_passes_once_it_has_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hub.toml");
    std::fs::write(&file, run(&["defaults"]).stdout).unwrap();
    assert!(!run(&["check", "--config", file.to_str().unwrap()]).status.success());
    std::fs::write(folder.path().join("app.key"), run(&["key"]).stdout).unwrap();
    let output = run(&["check", "--config", file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn tickets_are_made_and_verified() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("app.key");
    std::fs::write(&key, run(&["key"]).stdout).unwrap();
    let who =
        |user: &'static str| ["--app", "7", "--key-file", key.to_str().unwrap(), "--user", user].map(str::to_owned);
    let call = |command: &str, user, more: &[&str]| {
        Command::new(PROGRAM).args(["ticket", command]).args(who(user)).args(more).output().unwrap()
    };
    let made = call("make", "anna", &["--expire", "60"]);
    let token = String::from_utf8(made.stdout).unwrap();
    assert!(call("verify", "anna", &[token.trim()]).status.success());
    let refused = call("verify", "bert", &[token.trim()]);
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && error.contains("70013: the ticket is for user `anna`"), "{error}");
}
