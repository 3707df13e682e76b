//! The control socket: many kinds of clients, one daemon.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use callbox::control::{Answer, Asked, Client, ClientError, Control, ControlError, Request, Settings};
use callbox::fault::{Report, Teller};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{broadcast, mpsc};
use tokio::time::timeout;

struct Daemon {
    _control: Control,
    events: broadcast::Sender<Arc<str>>,
    socket: PathBuf,
    _dir: tempfile::TempDir,
}

/// Where it is told how the socket is.
fn state() -> (Teller, mpsc::Receiver<Report>) {
    let (reports, told) = mpsc::channel(8);
    (Teller::of("control socket", reports), told)
}

/// A daemon that says yes to everything.
async fn daemon() -> Daemon {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("control.sock");
    let (asks, mut inbox) = mpsc::channel::<Asked>(8);
    let (events, _) = broadcast::channel(8);
    let control = Control::start(&Settings { socket: socket.clone() }, asks, events.clone(), state().0).await.unwrap();
    tokio::spawn(async move {
        while let Some(Asked { request, reply }) = inbox.recv().await {
            reply.send(Answer::done().with("asked", format!("{request:?}"))).unwrap();
        }
    });
    Daemon { _control: control, events, socket, _dir: dir }
}

async fn raw(socket: &Path, text: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    // The daemon may hang up before it has read all of it.
    let _cut = stream.write_all(text).await;
    let mut answer = vec![0; 4096];
    let taken = timeout(Duration::from_secs(5), stream.read(&mut answer)).await.expect("an answer in time").unwrap();
    String::from_utf8_lossy(&answer[..taken]).into_owned()
}

#[tokio::test]
async fn one_request_has_one_answer() {
    let daemon = daemon().await;
    let mut client = Client::connect(&daemon.socket).await.unwrap();
    for _ in 0..3 {
        let answer = client.ask(&Request::Mute { on: true }).await.unwrap();
        assert!(answer.ok && answer.body["asked"] == "Mute { on: true }");
    }
    let mode = std::fs::metadata(&daemon.socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
}

#[tokio::test]
async fn garbage_is_answered_and_harms_nobody() {
    let daemon = daemon().await;
    for text in [
        "{}\n",
        "\n",
        "[1,2]\n",
        "{\"do\":\"dance\"}\n",
        "{\"do\":\"mute\"}\n",
        "{\"do\":\"call\",\"users\":[\"a b\"],\"media\":\"video\"}\n",
    ] {
        let answer = raw(&daemon.socket, text.as_bytes()).await;
        assert!(answer.contains("\"ok\":false") && answer.contains("not a request"), "{text}: {answer}");
    }
    let answer = raw(&daemon.socket, &[b'x'; 40_000]).await;
    assert!(answer.contains("at most"), "{answer}");
    let answer = raw(&daemon.socket, b"\xff\xfe\n").await;
    assert!(answer.is_empty() || answer.contains("\"ok\":false"), "{answer}");
    assert!(Client::connect(&daemon.socket).await.unwrap().ask(&Request::Status {}).await.unwrap().ok);
}

#[tokio::test]
async fn a_monitor_hears_every_event_and_a_slow_one_is_told_that_it_was_cut() {
    let daemon = daemon().await;
    let mut client = Client::connect(&daemon.socket).await.unwrap();
    assert!(client.ask(&Request::Monitor {}).await.unwrap().ok);
    daemon.events.send("{\"event\":\"view\"}".into()).unwrap();
    assert_eq!(client.event().await.unwrap().unwrap(), "{\"event\":\"view\"}");
    let long: Arc<str> = "x".repeat(100_000).into();
    for _ in 0..100 {
        daemon.events.send(long.clone()).ok();
        tokio::task::yield_now().await;
    }
    let mut last = String::new();
    while let Ok(Some(line)) = client.event().await {
        last = line;
    }
    assert!(last.contains("too slow"), "{}", &last[..last.len().min(100)]);
}

#[tokio::test]
async fn clients_are_bounded() {
    let daemon = daemon().await;
    let mut patient = Vec::new();
    for _ in 0..16 {
        let mut client = Client::connect(&daemon.socket).await.unwrap();
        assert!(client.ask(&Request::Status {}).await.unwrap().ok);
        patient.push(client);
    }
    let answer = Client::connect(&daemon.socket).await.unwrap().ask(&Request::Status {}).await;
    assert!(answer.is_err() || answer.is_ok_and(|answer| !answer.ok));
    drop(patient);
    let end = Instant::now() + Duration::from_secs(5);
    // The daemon takes a moment to see that they have gone.
    while !Client::connect(&daemon.socket).await.unwrap().ask(&Request::Status {}).await.is_ok_and(|answer| answer.ok) {
        assert!(Instant::now() < end, "places are not free again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_socket_left_behind_is_taken_over_and_one_in_use_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("control.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    assert!(socket.exists(), "left behind");
    let start = || async {
        let (asks, _) = mpsc::channel(1);
        Control::start(&Settings { socket: socket.clone() }, asks, broadcast::channel(1).0, state().0).await
    };
    let first = start().await.unwrap();
    assert!(matches!(start().await, Err(ControlError::InUse(_))));
    drop(first);
    assert!(!socket.exists(), "removed at the end");
    assert!(matches!(Client::connect(&socket).await, Err(ClientError::Unreachable { .. })));
}

#[tokio::test]
async fn a_socket_that_the_system_refuses_is_a_fault_and_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("run");
    // A file where the folder should be: not even root makes a socket below it.
    std::fs::write(&folder, "in the way").unwrap();
    let (teller, mut told) = state();
    let settings = Settings { socket: folder.join("control.sock") };
    let control = Control::start(&settings, mpsc::channel(1).0, broadcast::channel(1).0, teller).await.unwrap();
    let fault = told.recv().await.unwrap().fault.unwrap();
    assert!(fault.contains("control.sock") && fault.contains("control.socket"), "{fault}");
    std::fs::remove_file(&folder).unwrap();
    let wait = Duration::from_secs(20);
    assert_eq!(tokio::time::timeout(wait, told.recv()).await.expect("it is back").unwrap().fault, None);
    let mode = |path: &Path| std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(path).unwrap()) & 0o777;
    assert_eq!((mode(&folder), mode(&settings.socket)), (0o700, 0o660));
    drop(control);
    assert!(!settings.socket.exists());
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes.txt");
    std::fs::write(&path, "mine").unwrap();
    let (teller, mut told) = state();
    let settings = Settings { socket: path.clone() };
    let control = Control::start(&settings, mpsc::channel(1).0, broadcast::channel(1).0, teller).await.unwrap();
    assert!(told.recv().await.unwrap().fault.unwrap().contains("something else than a socket"));
    drop(control);
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
}
