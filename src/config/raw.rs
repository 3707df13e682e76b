//! The file word for word: every key there is, none of them checked beyond its type.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// A text and where it stands.
pub(super) type Text = Spanned<String>;
/// A number and where it stands.
pub(super) type Number = Spanned<i64>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) user: User,
    #[serde(default)]
    pub(super) signaling: Signaling,
    #[serde(default)]
    pub(super) call: Call,
    #[serde(default)]
    pub(super) camera: Camera,
    #[serde(default)]
    pub(super) microphone: Microphone,
    #[serde(default)]
    pub(super) speaker: Speaker,
    #[serde(default)]
    pub(super) screen: Screen,
    #[serde(default)]
    pub(super) video: Video,
    #[serde(default)]
    pub(super) network: Network,
    #[serde(default)]
    pub(super) panel: Panel,
    #[serde(default)]
    pub(super) buttons: Vec<Spanned<Button>>,
    pub(super) keypad: Option<Keypad>,
    #[serde(default)]
    pub(super) lamps: Vec<Spanned<Lamp>>,
    pub(super) door: Option<Door>,
    #[serde(default)]
    pub(super) callers: Callers,
    #[serde(default)]
    pub(super) do_not_disturb: DoNotDisturb,
    pub(super) auto_answer: Option<Spanned<AutoAnswer>>,
    #[serde(default)]
    pub(super) control: Control,
    #[serde(default)]
    pub(super) records: Records,
    #[serde(default)]
    pub(super) snapshots: Snapshots,
    #[serde(default)]
    pub(super) log: Log,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    pub(super) app: Option<Number>,
    pub(super) user: Option<Text>,
    pub(super) device: Option<Text>,
    pub(super) ticket: Option<Text>,
    pub(super) ticket_file: Option<Text>,
    pub(super) key_file: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signaling {
    #[serde(default)]
    pub(super) websocket: WebSocket,
    pub(super) mqtt: Option<Spanned<Mqtt>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebSocket {
    pub(super) url: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mqtt {
    pub(super) brokers: Option<Spanned<Vec<Text>>>,
    pub(super) ca_file: Option<Text>,
    pub(super) client_cert: Option<Text>,
    pub(super) client_key: Option<Text>,
    pub(super) keep_alive_s: Option<Number>,
    pub(super) account: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Call {
    pub(super) ring_seconds: Option<Number>,
    pub(super) early_media: Option<Text>,
    pub(super) trusted: Option<Vec<Text>>,
    pub(super) longest_minutes: Option<Number>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Callers {
    pub(super) allow: Option<Vec<Text>>,
    #[serde(default)]
    pub(super) deny: Vec<Text>,
    pub(super) deny_with: Option<Text>,
    pub(super) longest_ring_s: Option<Number>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DoNotDisturb {
    pub(super) time_zone: Option<Text>,
    #[serde(default)]
    pub(super) except: Vec<Text>,
    #[serde(default)]
    pub(super) times: Vec<QuietTime>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuietTime {
    pub(super) days: Option<Vec<Text>>,
    pub(super) from: Text,
    pub(super) to: Text,
    pub(super) reason: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AutoAnswer {
    pub(super) users: Vec<Text>,
    pub(super) delay_s: Option<Number>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Camera {
    pub(super) kind: Option<Text>,
    pub(super) device: Option<Text>,
    pub(super) format: Option<Text>,
    pub(super) name: Option<Text>,
    pub(super) url: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Microphone {
    pub(super) kind: Option<Text>,
    pub(super) device: Option<Text>,
    pub(super) hz: Option<Number>,
    pub(super) echo: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Speaker {
    pub(super) kind: Option<Text>,
    pub(super) device: Option<Text>,
    pub(super) volume: Option<Number>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Screen {
    pub(super) kind: Option<Text>,
    pub(super) driver: Option<Text>,
    pub(super) connector: Option<Number>,
    pub(super) idle: Option<Text>,
    pub(super) size: Option<Text>,
    pub(super) fps: Option<Number>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Video {
    pub(super) codec: Option<Text>,
    pub(super) size: Option<Text>,
    pub(super) fps: Option<Number>,
    pub(super) bitrate: Option<Spanned<Bitrate>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bitrate {
    pub(super) min: Number,
    pub(super) start: Number,
    pub(super) max: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Network {
    pub(super) jitter: Option<Number>,
    pub(super) relay_only: Option<bool>,
    pub(super) ports: Option<Spanned<Vec<i64>>>,
    #[serde(default)]
    pub(super) interfaces: Vec<Text>,
    #[serde(default)]
    pub(super) ice_servers: Vec<Spanned<Server>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    pub(super) urls: Vec<Text>,
    pub(super) username: Option<String>,
    pub(super) credential: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Panel {
    pub(super) grab: Option<bool>,
    pub(super) debounce_ms: Option<Number>,
    pub(super) long_ms: Option<Number>,
    pub(super) double_ms: Option<Number>,
    pub(super) stuck_s: Option<Number>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Button {
    pub(super) device: Option<Text>,
    pub(super) key: Option<Text>,
    pub(super) line: Option<Text>,
    pub(super) action: Option<Text>,
    pub(super) long: Option<Text>,
    pub(super) double: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keypad {
    pub(super) device: Text,
    pub(super) enter: Option<Text>,
    pub(super) clear: Option<Text>,
    pub(super) digits: Option<Number>,
    pub(super) forget_s: Option<Number>,
    pub(super) user: Option<Text>,
    #[serde(default)]
    pub(super) directory: BTreeMap<Text, Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lamp {
    pub(super) line: Option<Text>,
    pub(super) led: Option<Text>,
    pub(super) idle: Option<Text>,
    pub(super) calling: Option<Text>,
    pub(super) ringing: Option<Text>,
    pub(super) talking: Option<Text>,
    pub(super) offline: Option<Text>,
    pub(super) fault: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Door {
    pub(super) relay: Option<Text>,
    pub(super) pulse_ms: Option<Number>,
    pub(super) limit_ms: Option<Number>,
    pub(super) contact: Option<Text>,
    pub(super) tamper: Option<Text>,
    pub(super) allow: Option<Vec<Text>>,
    pub(super) hang_up_after_unlock: Option<bool>,
    pub(super) open_too_long_s: Option<Number>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Control {
    pub(super) socket: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Records {
    pub(super) path: Option<Text>,
    pub(super) max_entries: Option<Number>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Snapshots {
    pub(super) path: Option<Text>,
    pub(super) max_calls: Option<Number>,
    pub(super) before: Option<bool>,
    pub(super) send: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Log {
    pub(super) level: Option<Text>,
}
