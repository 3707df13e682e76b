//! The panel in a terminal: the address to open, one live line, keys that act as buttons.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use callbox_core::ids::UserId;
use callbox_core::protocol::Media;
use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::terminal;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::interval;

use super::party::{Cast, Party, phase};
use super::stage::Stage;
use super::{DemoArgs, Early, Failure, say};
use crate::control::Request;

const DOOR: Cast = Cast { user: "door", hz: 440 };
const LOOK: Duration = Duration::from_millis(300);
const WAIT_FOR_KEY: Duration = Duration::from_millis(100);
const HELP: &str = "a accept  r reject  h hang up  c call back  m mute  q quit";

/// What a key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Accept,
    Reject,
    Hangup,
    Call,
    Mute,
    Quit,
}

/// Plays until `q`, or until a process ends that should not.
pub(super) async fn run(args: &DemoArgs, stage: &mut Stage) -> Result<(), Failure> {
    say("starting a hub and a panel …\n");
    let port = stage.start_hub(args.port).await?;
    let door = stage.start_party("start the panel", &DOOR, Early::Connect).await?;
    let keys = Keys::listen();
    say(&format!(
        "\r\n  open  http://localhost:{port}/  in a browser on this machine, type a name, call `{}`\r\n\r\n  {HELP}\r\n\r\n",
        DOOR.user
    ));
    watch(stage, &door, keys).await
}

async fn watch(stage: &mut Stage, door: &Party, mut keys: Keys) -> Result<(), Failure> {
    let mut look = interval(LOOK);
    let (mut status, mut note) = (Value::Null, String::new());
    loop {
        tokio::select! {
            _ = look.tick() => {
                stage.check().map_err(|why| Failure::new("all processes live", why))?;
                status = door.status().await.map_err(|error| Failure::new("look at the panel", error))?;
            }
            key = keys.next() => {
                let Some(request) = request(key, &status) else {
                    if key == Key::Quit {
                        return Ok(());
                    }
                    note = "nobody has called yet".to_owned();
                    continue;
                };
                note = door.ask(request).await.err().unwrap_or_default();
            }
        }
        keys.show(&line(&status, &note));
    }
}

/// What a key asks for just now.
fn request(key: Key, status: &Value) -> Option<Request> {
    Some(match key {
        Key::Accept => Request::Accept {},
        Key::Reject if phase(status) == "ringing" => Request::Reject {},
        Key::Reject | Key::Hangup => Request::Hangup {},
        Key::Call => Request::Call { users: vec![last_caller(status)?], media: Media::Video },
        Key::Mute => Request::Mute { on: status["view"]["call"]["microphone"] == true },
        Key::Quit => return None,
    })
}

/// Who rang last, or was rung.
fn last_caller(status: &Value) -> Option<UserId> {
    let record = &status["record"];
    let missed = status["missed"].as_array().and_then(|missed| missed.last());
    let candidates = [&record["caller"]["user"], &record["peer"]["user"], &record["callees"][0]];
    let of_record = candidates.into_iter().filter_map(Value::as_str).find(|user| *user != DOOR.user);
    let of_missed = missed.and_then(|missed| missed["caller"]["user"].as_str());
    of_record.or(of_missed)?.parse().ok()
}

/// How things stand, in one line.
fn line(status: &Value, note: &str) -> String {
    let (view, call) = (&status["view"], &status["view"]["call"]);
    let name = |address: &Value| address["user"].as_str().unwrap_or("?").to_owned();
    let what = match phase(status) {
        "ringing" => format!("RINGING  {} calls: a to accept, r to reject", name(&call["caller"])),
        "inviting" => format!("calling {}", call["callees"][0].as_str().unwrap_or("?")),
        "accepting" => "connecting".to_owned(),
        "talking" => {
            let seconds = call["talk_ms"].as_u64().unwrap_or(0) / 1000;
            let lost = if call["lost_ms"].is_u64() { "  CONNECTION LOST, trying again" } else { "" };
            let muted = if call["microphone"] == false { "  muted" } else { "" };
            format!(
                "talking with {}  {:02}:{:02}{lost}{muted}{}",
                name(&call["peer"]),
                seconds / 60,
                seconds % 60,
                senses(status)
            )
        }
        "idle" if status["signaling"]["state"] != "up" => "not connected to the hub".to_owned(),
        "idle" => match view["last"]["reason"].as_str() {
            Some(reason) => format!("idle, the last call ended: {reason}"),
            None => "idle: waiting for a call".to_owned(),
        },
        other => other.to_owned(),
    };
    if note.is_empty() { what } else { format!("{what}  ({note})") }
}

/// What the panel hears and sends: so that one believes it.
fn senses(status: &Value) -> String {
    let media = &status["media"];
    let hears = media["heard"]["hz"].as_f64().map(|hz| format!("  hears {hz:.0} Hz")).unwrap_or_default();
    let shown = status["view"]["call"]["timing"]["first_frame_shown_ms"].as_u64().map_or("", |_| "  sees you");
    format!("{shown}{hears}")
}

/// The keyboard, raw while this lives; without a terminal there are no keys, and plain lines.
struct Keys {
    keys: mpsc::Receiver<Key>,
    stop: Arc<AtomicBool>,
    is_raw: bool,
    shown: String,
}

impl Keys {
    fn listen() -> Self {
        let (sender, keys) = mpsc::channel(16);
        let stop = Arc::new(AtomicBool::new(false));
        let is_raw =
            std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && terminal::enable_raw_mode().is_ok();
        if is_raw {
            let stop = Arc::clone(&stop);
            tokio::task::spawn_blocking(move || read_keys(&sender, &stop));
        }
        Self { keys, stop, is_raw, shown: String::new() }
    }

    /// The next key; never, without a terminal.
    async fn next(&mut self) -> Key {
        match self.keys.recv().await {
            Some(key) => key,
            None => std::future::pending().await,
        }
    }

    /// Replaces the live line.
    fn show(&mut self, line: &str) {
        // Serial consoles and pseudo-terminals may report 0 columns: unknown.
        let columns = terminal::size().map_or(0, |(columns, _)| usize::from(columns));
        let width = if columns == 0 { 100 } else { columns }.saturating_sub(3);
        let line: String = line.chars().take(width).collect();
        if line == self.shown {
            return;
        }
        say(&if self.is_raw { format!("\r\x1b[2K  {line}") } else { format!("  {line}\n") });
        self.shown = line;
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if self.is_raw {
            if let Err(error) = terminal::disable_raw_mode() {
                say(&format!("the terminal stays raw ({error}): type `reset`"));
            }
            say("\r\n");
        }
    }
}

fn read_keys(keys: &mpsc::Sender<Key>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        match crossterm::event::poll(WAIT_FOR_KEY) {
            Ok(false) => continue,
            Ok(true) => {}
            Err(_) => return,
        }
        let Ok(event) = crossterm::event::read() else { return };
        if let Some(key) = meaning(&event) {
            if keys.blocking_send(key).is_err() {
                return;
            }
        }
    }
}

fn meaning(event: &Event) -> Option<Key> {
    let Event::Key(key) = event else { return None };
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('c' | 'd') if control => Some(Key::Quit),
        KeyCode::Char('a') | KeyCode::Enter => Some(Key::Accept),
        KeyCode::Char('r') => Some(Key::Reject),
        KeyCode::Char('h') => Some(Key::Hangup),
        KeyCode::Char('c') => Some(Key::Call),
        KeyCode::Char('m') => Some(Key::Mute),
        KeyCode::Char('q') | KeyCode::Esc => Some(Key::Quit),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_line_says_what_a_person_wants_to_know() {
        let status = json!({ "view": { "phase": "ringing", "call": { "caller": { "user": "anna" } } } });
        assert!(line(&status, "").contains("anna calls"));
        let status = json!({ "view": { "phase": "talking", "call": { "peer": { "user": "anna" }, "talk_ms": 61_000, "microphone": false } } });
        assert_eq!(line(&status, ""), "talking with anna  01:01  muted");
        let status = json!({ "view": { "phase": "idle" }, "signaling": { "state": "up" } });
        assert_eq!(line(&status, "nobody rings"), "idle: waiting for a call  (nobody rings)");
    }

    #[test]
    fn calling_back_rings_who_rang() {
        let status = json!({ "record": { "caller": { "user": "anna" }, "callees": ["door"] } });
        let Some(Request::Call { users, .. }) = request(Key::Call, &status) else { panic!("no call") };
        assert_eq!(users[0].as_str(), "anna");
        assert_eq!(request(Key::Call, &json!({})), None);
    }
}
