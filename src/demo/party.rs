//! One daemon of a demonstration, seen through its control socket.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::stage::APP;
use crate::control::{Client, ClientError, Request};

/// How far a measured tone may be off: the spectrum's resolution is 10 Hz.
const OFF_HZ: f64 = 15.0;

/// A part to play.
#[derive(Clone, Debug)]
pub(super) struct Cast {
    /// Who.
    pub(super) user: &'static str,
    /// The tone of the microphone.
    pub(super) hz: u32,
}

impl Cast {
    /// A configuration with test devices only.
    pub(super) fn config(&self, port: u16, early: &str) -> String {
        let Self { user, hz } = self;
        format!(
            r#"[user]
app = {APP}
user = "{user}"
device = "demo"
key_file = "key"

[signaling.websocket]
url = "ws://127.0.0.1:{port}/ws"

[call]
early_media = "{early}"
trusted = ["*"]

[camera]
kind = "test"
name = "{user}"

[microphone]
kind = "test"
hz = {hz}

[speaker]
kind = "test"

[screen]
kind = "test"
size = "640x360"
fps = 25

[door]
relay = "test"
allow = ["*"]

[control]
socket = "{user}.sock"

[records]
path = "{user}.jsonl"
"#
        )
    }
}

/// A running daemon.
pub(super) struct Party {
    pub(super) cast: Cast,
    socket: PathBuf,
}

impl Party {
    /// A daemon whose control socket answers.
    pub(super) async fn connect(cast: Cast, socket: PathBuf) -> Result<Self, ClientError> {
        let party = Self { cast, socket };
        party.status().await.map(|_| party)
    }

    /// Everything there is to know.
    pub(super) async fn status(&self) -> Result<Value, ClientError> {
        let answer = Client::connect(&self.socket).await?.ask(&Request::Status {}).await?;
        Ok(Value::Object(answer.body))
    }

    /// Asks for something; a refusal is an error here.
    pub(super) async fn ask(&self, request: Request) -> Result<(), String> {
        let mut client = Client::connect(&self.socket).await.map_err(|error| error.to_string())?;
        let answer = client.ask(&request).await.map_err(|error| error.to_string())?;
        if answer.ok { Ok(()) } else { Err(answer.error.unwrap_or_else(|| "refused".to_owned())) }
    }

    /// Waits until the status is as wished.
    pub(super) async fn wait(
        &self,
        what: &str,
        limit: Duration,
        mut wished: impl FnMut(&Value) -> bool,
    ) -> Result<Value, String> {
        let until = tokio::time::Instant::now() + limit;
        loop {
            let status = self.status().await.map_err(|error| format!("{}: {error}", self.cast.user))?;
            if wished(&status) {
                return Ok(status);
            }
            if tokio::time::Instant::now() >= until {
                let (view, media) = (&status["view"], &status["media"]);
                let (seen, heard) = (&media["seen"], &media["heard"]);
                return Err(format!(
                    "{}: {what}: not within {} ms\nview: {view}\nseen: {seen}\nheard: {heard}\nfaults: {}\nsignaling: {}",
                    self.cast.user,
                    limit.as_millis(),
                    media["faults"],
                    status["signaling"],
                ));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// What the clock of media shows: what is seen or heard carries its time.
pub(super) fn clock(status: &Value) -> Option<u64> {
    status["media"]["at_ms"].as_u64()
}

/// The number of the frame of this party's picture that was shown last, if it was shown after `since`: the last frame of the call
/// before this one is none.
pub(super) fn sees(status: &Value, other: &Cast, since: u64) -> Option<u64> {
    let seen = &status["media"]["seen"];
    let is_other = seen["name"].as_str() == Some(other.user);
    if is_other && is_after(seen, since) { seen["frame"].as_u64() } else { None }
}

/// Whether this party's tone was heard after `since`.
pub(super) fn hears(status: &Value, other: &Cast, since: u64) -> bool {
    let heard = &status["media"]["heard"];
    let off = heard["hz"].as_f64().map(|hz| (hz - f64::from(other.hz)).abs());
    is_after(heard, since) && off.is_some_and(|off| off <= OFF_HZ)
}

/// The station's state.
pub(super) fn phase(status: &Value) -> &str {
    status["view"]["phase"].as_str().unwrap_or_default()
}

fn is_after(sense: &Value, since: u64) -> bool {
    sense["at_ms"].as_u64().is_some_and(|at| at > since)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DOOR: Cast = Cast { user: "door", hz: 440 };

    #[test]
    fn what_is_seen_and_heard_has_to_be_the_other_and_of_this_call() {
        let status = |name: &str, hz: f64| json!({ "media": { "at_ms": 10_000, "seen": { "name": name, "frame": 7, "at_ms": 9_500 }, "heard": { "hz": hz, "at_ms": 9_500 } } });
        assert_eq!(clock(&status("door", 440.0)), Some(10_000));
        assert_eq!(sees(&status("door", 440.0), &DOOR, 9_000), Some(7));
        assert_eq!(sees(&status("anna", 440.0), &DOOR, 9_000), None);
        assert_eq!(sees(&status("door", 440.0), &DOOR, 9_500), None);
        assert!(hears(&status("door", 445.0), &DOOR, 9_000));
        assert!(!hears(&status("door", 700.0), &DOOR, 9_000));
        assert!(!hears(&status("door", 440.0), &DOOR, 9_500));
    }
}
