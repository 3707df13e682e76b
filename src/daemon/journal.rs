//! What is remembered for `callbox ctl status` and told to monitors: records, missed calls, transitions.
//!
//! Lines of `callbox ctl monitor`, each with `event` and `at_ms` (milliseconds since 1970):
//!
//! | event | fields |
//! |---|---|
//! | `view` | `input`, `view`: something happened and this is how things stand |
//! | `link` | `link`, `step`, `view`: a step of a link's set-up, with the times so far in `view.call.timing` |
//! | `record` | `record`: a call is over |
//! | `door` | `call?`, `door`: a door: `event` is `unlock` (with `by`, `outcome`, `at?`), `opened`, `closed`, `open_too_long`, `tamper` or `tamper_over` |
//! | `missed` | `call`, `caller`, `media`, `ago_ms` |
//! | `signaling` | `state` (`up`, `down`), `reason` |
//! | `network` | `state` (`lost`, `moved`, `gained`): addresses of this machine went, went and came, came |
//! | `seen` | `frame`, `text`: a test screen read a new QR code |
//! | `volume` | `percent`: the speaker was made louder or quieter |
//! | `fault`, `recovered` | `device`, `text`: a device, or a part of the panel, is lost, or back |
//! | `adapted` | `encoder`, `picture`, `width`, `height`, `fps`, `reduced`: the encoder could not keep up, or does so again, and gets other pictures |
//! | `ignored` | `reason`: a button was pressed that means nothing now |
//! | `unlisted` | `number`: was dialled, and nobody has it |
//! | `refused` | `code`, `about`, `call`, `to`, `text`: the hub did not pass a message on |

use std::collections::VecDeque;
use std::sync::Arc;

use callbox_core::ids::{Address, CallId};
use callbox_core::protocol::{Media, ResultCode};
use callbox_core::station::DoorNews;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::record::{Entry, now_ms};

const MISSED: usize = 20;

/// A call that came and went while we were not there.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Missed {
    pub(super) call: CallId,
    pub(super) caller: Address,
    pub(super) media: Media,
    /// When it was sent, in milliseconds since 1970.
    pub(super) at_ms: u64,
}

/// The daemon's memory of what is over.
pub(super) struct Journal {
    monitors: broadcast::Sender<Arc<str>>,
    /// Calls since the start.
    pub(super) calls: u64,
    /// The newest record.
    pub(super) last: Option<Entry>,
    /// The newest missed calls, oldest first.
    pub(super) missed: VecDeque<Missed>,
}

impl Journal {
    pub(super) fn new(monitors: broadcast::Sender<Arc<str>>) -> Self {
        Self { monitors, calls: 0, last: None, missed: VecDeque::new() }
    }

    /// Tells every monitor. The line is only made when there is one.
    pub(super) fn tell(&self, event: &str, fields: impl FnOnce() -> Value) {
        if self.monitors.receiver_count() == 0 {
            return;
        }
        let mut line = json!({ "event": event, "at_ms": now_ms() });
        if let (Value::Object(line), Value::Object(fields)) = (&mut line, fields()) {
            line.extend(fields);
        }
        // The last monitor may have left in between.
        let _nobody = self.monitors.send(line.to_string().into());
    }

    /// A call is over.
    pub(super) fn record(&mut self, entry: &Entry) {
        self.calls += 1;
        self.tell("record", || json!({ "record": entry }));
        self.last = Some(entry.clone());
    }

    /// Something about a door.
    pub(super) fn door(&self, call: Option<&CallId>, news: &DoorNews) {
        let call_text = call.map(CallId::as_str).unwrap_or_default();
        match news {
            DoorNews::Unlock { by, outcome: ResultCode::Ok, at } => {
                tracing::info!(call = call_text, %by, at = at.as_ref().map(tracing::field::display), "door unlocked");
            }
            DoorNews::Unlock { by, outcome, at } => {
                let at = at.as_ref().map(tracing::field::display);
                tracing::warn!(call = call_text, %by, %outcome, at, "door not unlocked");
            }
            DoorNews::OpenTooLong | DoorNews::Tamper => tracing::warn!(call = call_text, ?news, "door alarm"),
            DoorNews::Opened | DoorNews::Closed | DoorNews::TamperOver => {
                tracing::info!(call = call_text, ?news, "door")
            }
        }
        self.tell("door", || json!({ "call": call, "door": news }));
    }

    /// A call was missed; told once, however often the hub repeats it.
    pub(super) fn missed(&mut self, call: CallId, caller: Address, media: Media, ago_ms: u64) {
        if self.missed.iter().any(|missed| missed.call == call) {
            return;
        }
        tracing::info!(%call, %caller, ago_ms, "missed call");
        self.tell("missed", || json!({ "call": call, "caller": caller, "media": media, "ago_ms": ago_ms }));
        self.missed.push_back(Missed { call, caller, media, at_ms: now_ms().saturating_sub(ago_ms) });
        if self.missed.len() > MISSED {
            forget_one(&mut self.missed);
        }
    }
}

/// The oldest call of whoever has most of them goes: one who rings all the time does not wash away the others.
fn forget_one(missed: &mut VecDeque<Missed>) {
    let of = |caller: &Address| missed.iter().filter(|missed| missed.caller.user == caller.user).count();
    let most = missed.iter().map(|missed| of(&missed.caller)).max();
    if let Some(at) = missed.iter().position(|missed| Some(of(&missed.caller)) == most) {
        missed.remove(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_who_rings_all_the_time_does_not_wash_away_the_others() {
        let mut journal = Journal::new(broadcast::channel(1).0);
        let caller = |user: &str| Address { user: user.parse().unwrap(), device: "phone".parse().unwrap() };
        journal.missed("first".parse().unwrap(), caller("anna"), Media::Video, 0);
        for n in 0..100 {
            journal.missed(format!("c{n}").parse().unwrap(), caller("mallory"), Media::Video, 0);
        }
        assert_eq!((journal.missed.len(), journal.missed[0].caller.user.as_str()), (MISSED, "anna"));
        assert_eq!(journal.missed.back().unwrap().call.as_str(), "c99");
    }
}
