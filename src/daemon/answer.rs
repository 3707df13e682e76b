//! Answers to the control socket.
//!
//! `status` is one JSON object:
//!
//! | field | what |
//! |---|---|
//! | `ok` | `true` |
//! | `version`, `app`, `me{user,device}`, `uptime_ms`, `calls` | this daemon; `calls` that ended since its start |
//! | `view{phase,call?,last?,joinable?,door?,quiet?}` | the station: `phase` is `idle`, `inviting`, `ringing`, `accepting` or `talking`; `call` has `call`, `direction`, `kind`, `media`, `caller{user,device}`, `callees`, `peer?`, in a group `peers[]{device,state,audio,video}` and `roster[]{user,state,reason?}`, `ringing_devices`, `remaining_ms?`, `talk_ms?`, `lost_ms?` (the connection is lost for so long, and tried again), `microphone`, `camera`, `door` (the other end has one that may be opened from here), `timing{…_ms}`; `last` has `call`, `reason`, `by?`; `joinable{call,media,users}` is a group call that runs without this device; `door` is ours: `state?` (`closed`, `open`, `open_too_long`), `tamper`; `quiet` says why nobody may ring, when that is so |
//! | `record?` | the last call that ended: its record with `timing`, `reason`, `talk_seconds`, `started_at_ms`, `ended_at_ms` |
//! | `missed[]` | `call`, `caller`, `media`, `at_ms` |
//! | `signaling{state,url,for_ms,connects,last_error?,queued}` | `state` is `connecting`, `up` or `waiting` |
//! | `media` | the media edge's own status: what is seen and heard, and each link |
//! | `faults[]`, `fault_texts{}` | devices and parts of the panel or the system that are lost now; what is wrong with each |
//! | `process{pid,threads,fds,rss_kib}` | what the kernel counts |
//!
//! Every other answer has `ok`, `error?` and `view`; `snapshot` has `data` (base64) and `bytes`, `volume` has `volume` in percent.

use std::sync::Arc;

use base64::Engine;
use callbox_core::protocol::ResultCode;
use callbox_core::station::{Action, Opener, Phase, View};
use tokio::sync::oneshot;

use crate::control::{Answer, Picture, Request, Volume};
use crate::media::{self, Media, VolumeChange};
use crate::panel;

/// What a request or a press asks of the station, when it asks the station.
pub(super) enum Wish {
    /// An action.
    Do(Action),
    /// There is no call to do it in.
    NoCall,
    /// The speaker shall be louder, or quieter.
    Volume(VolumeChange),
}

/// What a press means just now: the buttons that switch need to know how things stand.
pub(super) fn pressed(action: panel::Action, view: &View) -> Wish {
    let switch = |of: fn(&callbox_core::station::CallView) -> Action| {
        view.call.as_ref().map_or(Wish::NoCall, |call| Wish::Do(of(call)))
    };
    match action {
        panel::Action::Accept => Wish::Do(Action::Accept),
        panel::Action::Reject => Wish::Do(Action::Reject),
        panel::Action::Hangup => Wish::Do(Action::Hangup),
        panel::Action::Toggle => Wish::Do(Action::Toggle),
        panel::Action::Call(plan) => Wish::Do(Action::CallInTurn { plan, media: callbox_core::protocol::Media::Video }),
        panel::Action::CallGroup(users) => {
            Wish::Do(Action::CallGroup { users, media: callbox_core::protocol::Media::Video })
        }
        panel::Action::Add(users) => Wish::Do(Action::Add { users }),
        panel::Action::Join => Wish::Do(Action::Join { call: None }),
        panel::Action::Mute => switch(|call| Action::SetMicrophone(!call.microphone)),
        panel::Action::Camera => switch(|call| Action::SetCamera(!call.camera)),
        panel::Action::Unlock => Wish::Do(Action::Unlock { by: Opener::Button }),
        panel::Action::VolumeUp => Wish::Volume(VolumeChange::Up),
        panel::Action::VolumeDown => Wish::Volume(VolumeChange::Down),
        panel::Action::DoNotDisturb => Wish::Do(Action::DoNotDisturb { on: None }),
    }
}

/// Returns what a request with this number asks of the station, if that is whom it asks.
pub(super) fn wished(asked: &Request, request: u64) -> Option<Action> {
    match asked {
        Request::Call { users, media } => Some(Action::Call { users: users.clone(), media: *media }),
        Request::CallGroup { users, media } => Some(Action::CallGroup { users: users.clone(), media: *media }),
        Request::Add { users } => Some(Action::Add { users: users.clone() }),
        Request::Join { call } => Some(Action::Join { call: call.clone() }),
        Request::Accept {} => Some(Action::Accept),
        Request::Reject {} => Some(Action::Reject),
        Request::Hangup {} => Some(Action::Hangup),
        Request::Toggle {} => Some(Action::Toggle),
        Request::Mute { on } => Some(Action::SetMicrophone(!on)),
        Request::Camera { on } => Some(Action::SetCamera(*on)),
        Request::DoNotDisturb { on } => Some(Action::DoNotDisturb { on: Some(*on) }),
        Request::Unlock {} => Some(Action::Unlock { by: Opener::Control { request } }),
        Request::Status {} | Request::Volume { .. } | Request::Snapshot { .. } | Request::Monitor {} => None,
    }
}

/// What became of it. The station ignores what does not fit its state: then nothing has changed. `no_media`: why no call can begin.
pub(super) fn outcome(action: &Action, changed: bool, view: &View, no_media: Option<&str>) -> Answer {
    let quiet = matches!(action, Action::DoNotDisturb { on: Some(on) } if view.quiet.is_some() == *on);
    let holds = view.call.as_ref().is_some_and(|call| match action {
        Action::SetMicrophone(on) => call.microphone == *on,
        Action::SetCamera(on) => call.camera == *on,
        _ => false,
    });
    let answer =
        if changed || holds || quiet { Answer::done() } else { Answer::refused(refusal(action, view, no_media)) };
    answer.with("view", view)
}

fn refusal(action: &Action, view: &View, no_media: Option<&str>) -> String {
    let phase = view.phase.as_str();
    match action {
        Action::Call { .. } | Action::CallGroup { .. } | Action::CallInTurn { .. } if view.call.is_none() => {
            no_media.unwrap_or("nobody to call: name a user other than this one").to_owned()
        }
        Action::SetCamera(_) if view.call.is_some() => "this call has no picture".to_owned(),
        Action::Call { .. } | Action::CallGroup { .. } | Action::CallInTurn { .. } => {
            format!("there is a call already ({phase})")
        }
        Action::Add { .. } if view.phase == Phase::Talking => "nobody was added: the users are in the call already, \
            the call is full (six devices), or the other end does not take part in group calls"
            .to_owned(),
        Action::Add { .. } => format!("somebody can be added while you talk ({phase})"),
        Action::Join { .. } if view.call.is_none() => {
            no_media.unwrap_or("no group call runs that this device missed or left").to_owned()
        }
        Action::Accept | Action::Reject => format!("nobody rings ({phase})"),
        Action::Toggle if view.phase == Phase::Talking => {
            "the call was accepted less than a second ago: a second press that soon does not hang up".to_owned()
        }
        Action::Toggle if view.phase == Phase::Accepting => {
            "the call is being accepted: press again when both talk".to_owned()
        }
        _ if view.call.is_some() => format!("this changes nothing now ({phase})"),
        _ => format!("there is no call ({phase})"),
    }
}

/// There is nothing to open.
pub(super) fn no_door() -> Answer {
    Answer::refused(
        "no door: this panel has none ([door] in its configuration), and in no call there is one to be opened from here",
    )
}

/// What became of a door that was to be opened.
pub(super) fn unlocked(outcome: ResultCode) -> Answer {
    let answer = match outcome {
        ResultCode::Ok => Answer::done(),
        ResultCode::Failed => Answer::refused("the door's relay does not answer: see the log"),
        ResultCode::Expired => Answer::refused("the panel at the other end did not answer in time"),
        ResultCode::Forbidden => Answer::refused("the panel at the other end does not allow it ([door] allow there)"),
        other => Answer::refused(format!("refused: {other}")),
    };
    answer.with("outcome", outcome)
}

/// What a request wants of the speaker.
pub(super) fn volume(change: Volume) -> VolumeChange {
    match change {
        Volume::To(percent) => VolumeChange::To(percent),
        Volume::Up => VolumeChange::Up,
        Volume::Down => VolumeChange::Down,
    }
}

/// Takes a picture and answers with it, beside the loop.
pub(super) async fn snapshot(media: Arc<Media>, picture: Picture, reply: oneshot::Sender<Answer>) {
    let which = match picture {
        Picture::Camera => media::Picture::Camera,
        Picture::Screen => media::Picture::Screen,
    };
    let answer = match media.snapshot(which).await {
        Ok(bytes) => {
            let data = base64::engine::general_purpose::STANDARD.encode(&bytes);
            Answer::done().with("bytes", bytes.len()).with("data", data)
        }
        Err(error) => Answer::refused(error.to_string()),
    };
    if reply.send(answer).is_err() {
        tracing::debug!("nobody waits for the snapshot any more");
    }
}

#[cfg(test)]
mod tests {
    use callbox_core::ids::Address;
    use callbox_core::protocol::Media;
    use callbox_core::station::{CallView, Direction, Timing};

    use super::*;

    #[test]
    fn a_refusal_says_why() {
        let idle = View { phase: Phase::Idle, call: None, last: None, joinable: None, door: None, quiet: None };
        let answer = outcome(&Action::Accept, false, &idle, None);
        assert_eq!(answer.error.as_deref(), Some("nobody rings (idle)"));
        assert!(outcome(&Action::Accept, true, &idle, None).ok);
        assert!(matches!(pressed(panel::Action::Mute, &idle), Wish::NoCall));
    }

    #[test]
    fn a_second_press_that_comes_too_soon_is_refused_with_that_reason() {
        let caller = Address { user: "anna".parse().unwrap(), device: "phone".parse().unwrap() };
        let call = CallView {
            call: "c1".parse().unwrap(),
            kind: callbox_core::protocol::Kind::Single,
            peers: Vec::new(),
            roster: Vec::new(),
            direction: Direction::Incoming,
            media: Media::Video,
            callees: vec!["door".parse().unwrap()],
            peer: Some(caller.clone()),
            caller,
            ringing_devices: 0,
            remaining_ms: None,
            talk_ms: Some(300),
            lost_ms: None,
            microphone: true,
            camera: true,
            door: false,
            timing: Timing::default(),
        };
        let reason = |phase| {
            let view = View { phase, call: Some(call.clone()), last: None, joinable: None, door: None, quiet: None };
            outcome(&Action::Toggle, false, &view, None).error.unwrap()
        };
        assert!(reason(Phase::Talking).contains("less than a second ago"), "{}", reason(Phase::Talking));
        assert!(reason(Phase::Accepting).contains("being accepted"), "{}", reason(Phase::Accepting));
    }
}
