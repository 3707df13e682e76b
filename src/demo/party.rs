//! One daemon of a demonstration, seen through its control socket.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::stage::APP;
use crate::control::{Client, ClientError, Request};

/// How far a measured tone may be off: the spectrum's resolution is 10 Hz.
const OFF_HZ: f64 = 15.0;
/// What was seen or heard longer ago than this is not what is there now.
const FRESH_MS: u64 = 1500;

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

/// The number of the frame of this party's picture that is shown now.
pub(super) fn sees(status: &Value, other: &Cast) -> Option<u64> {
    let seen = &status["media"]["seen"];
    let is_other = seen["name"].as_str() == Some(other.user);
    if is_other && is_fresh(status, seen) { seen["frame"].as_u64() } else { None }
}

/// Whether this party's tone is heard now.
pub(super) fn hears(status: &Value, other: &Cast) -> bool {
    let heard = &status["media"]["heard"];
    let off = heard["hz"].as_f64().map(|hz| (hz - f64::from(other.hz)).abs());
    is_fresh(status, heard) && off.is_some_and(|off| off <= OFF_HZ)
}

/// The station's state.
pub(super) fn phase(status: &Value) -> &str {
    status["view"]["phase"].as_str().unwrap_or_default()
}

fn is_fresh(status: &Value, sense: &Value) -> bool {
    let (now, at) = (status["media"]["at_ms"].as_u64(), sense["at_ms"].as_u64());
    now.zip(at).is_some_and(|(now, at)| now.saturating_sub(at) <= FRESH_MS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DOOR: Cast = Cast { user: "door", hz: 440 };

    #[test]
    fn what_is_seen_and_heard_has_to_be_the_other_and_now() {
        let status = |name: &str, at: u64, hz: f64| json!({ "media": { "at_ms": 10_000, "seen": { "name": name, "frame": 7, "at_ms": at }, "heard": { "hz": hz, "at_ms": at } } });
        assert_eq!(sees(&status("door", 9_500, 440.0), &DOOR), Some(7));
        assert_eq!(sees(&status("anna", 9_500, 440.0), &DOOR), None);
        assert_eq!(sees(&status("door", 5_000, 440.0), &DOOR), None);
        assert!(hears(&status("door", 9_500, 445.0), &DOOR));
        assert!(!hears(&status("door", 9_500, 700.0), &DOOR));
        assert!(!hears(&status("door", 5_000, 440.0), &DOOR));
    }
}
