//! Requests and answers, as they are written on the socket.

use callbox_core::ids::{CallId, UserId};
use callbox_core::protocol::Media;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Which picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Picture {
    /// What the camera sees.
    Camera,
    /// What the screen shows.
    Screen,
}

/// What is wanted of the speaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Volume {
    /// This much, in percent.
    To(u8),
    /// A step louder.
    Up,
    /// A step quieter.
    Down,
}

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Everything there is to know.
    Status {},
    /// Ring these users.
    Call {
        /// One or several.
        users: Vec<UserId>,
        /// Voice or picture.
        media: Media,
    },
    /// Ring these users; everybody who accepts is in.
    CallGroup {
        /// One or several.
        users: Vec<UserId>,
        /// Voice or picture.
        media: Media,
    },
    /// Ring these users too: the call becomes a group call.
    Add {
        /// One or several.
        users: Vec<UserId>,
    },
    /// Join a group call that this device missed or left.
    Join {
        /// Which; absent: the newest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<CallId>,
    },
    /// Pick up.
    Accept {},
    /// Decline.
    Reject {},
    /// End, or give up, the call.
    Hangup {},
    /// Pick up when it rings, hang up otherwise.
    Toggle {},
    /// Stop sending the microphone, or send it again.
    Mute {
        /// Muted.
        on: bool,
    },
    /// Send the camera, or stop sending it.
    Camera {
        /// Sent.
        on: bool,
    },
    /// Let nobody ring, or let them ring again. Why nobody may, now: `quiet` in the answer's `view`.
    DoNotDisturb {
        /// Nobody may ring.
        on: bool,
    },
    /// Open the door: this panel's, or the one at the other end of the call. Answered when it is known what became of it, in `outcome`.
    Unlock {},
    /// Make the speaker louder or quieter, until the call is over.
    Volume {
        /// How.
        change: Volume,
    },
    /// A picture, as base64 in `data`.
    Snapshot {
        /// Which.
        picture: Picture,
    },
    /// Every event from now on, one a line.
    Monitor {},
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// It was done.
    pub ok: bool,
    /// Why it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What was asked for.
    #[serde(flatten)]
    pub body: Map<String, Value>,
}

impl Answer {
    /// Done.
    pub fn done() -> Self {
        Self { ok: true, error: None, body: Map::new() }
    }

    /// Not done.
    pub fn refused(why: impl Into<String>) -> Self {
        Self { ok: false, error: Some(why.into()), body: Map::new() }
    }

    /// With one more field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        match serde_json::to_value(value) {
            Ok(value) => {
                self.body.insert(name.to_owned(), value);
                self
            }
            Err(error) => Self::refused(format!("`{name}` cannot be written as JSON: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_short_to_write_by_hand() {
        let read = |text| serde_json::from_str::<Request>(text).unwrap();
        assert_eq!(read(r#"{"do":"status"}"#), Request::Status {});
        assert_eq!(read(r#"{"do":"mute","on":true}"#), Request::Mute { on: true });
        assert_eq!(read(r#"{"do":"volume","change":"up"}"#), Request::Volume { change: Volume::Up });
        assert_eq!(read(r#"{"do":"volume","change":{"to":40}}"#), Request::Volume { change: Volume::To(40) });
        let call = Request::Call { users: vec!["flat-3".parse().unwrap()], media: Media::Audio };
        assert_eq!(read(r#"{"do":"call","users":["flat-3"],"media":"audio"}"#), call);
        assert!(serde_json::from_str::<Request>(r#"{"do":"dance"}"#).is_err());
    }

    #[test]
    fn an_answer_says_first_whether_it_went_well() {
        let text = serde_json::to_string(&Answer::done().with("n", 1)).unwrap();
        assert_eq!(text, r#"{"ok":true,"n":1}"#);
        let text = serde_json::to_string(&Answer::refused("no call")).unwrap();
        assert_eq!(text, r#"{"ok":false,"error":"no call"}"#);
    }
}
